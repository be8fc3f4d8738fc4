// SPDX-License-Identifier: BSD-3-Clause
//! The release of the checkout, built by a Bazel that knows nothing of earlier builds.

use std::{path::PathBuf, process};

use anyhow::{Context, Result};
use nested::Bazel;

use crate::sums;

const TARGET: &str = "//release:files";

/// Its folder is there as long as this is.
pub struct Rebuilt {
    bazel: Bazel,
}

impl Rebuilt {
    /// Builds the release of the workspace that `bazel run` was called in.
    ///
    /// # Errors
    /// When Bazel did not start the program, or the build fails.
    pub fn new() -> Result<Self> {
        let folder = nested::scratch().join(format!("verify-{}", process::id()));
        eprintln!("release: building from nothing in {} (removed afterwards)", folder.display());
        let bazel = Bazel::new("tools/bazel run //release:verify -- DIR")?.fresh(folder);
        // Neither what was built before nor what others built.
        bazel.build(&["--disk_cache=", "--remote_cache="], &[TARGET])?;
        Ok(Self { bazel })
    }

    /// The folder of its files.
    ///
    /// # Errors
    /// When Bazel does not name them.
    pub fn release(&self) -> Result<PathBuf> {
        let mut folder = self.bazel.output(TARGET, sums::NAME)?;
        folder.pop();
        folder.canonicalize().with_context(|| folder.display().to_string())
    }
}
