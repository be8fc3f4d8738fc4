// SPDX-License-Identifier: BSD-3-Clause
//! The release of the checkout, built by a fresh Bazel without caches.

use std::{path::PathBuf, process};

use anyhow::{Context, Result};
use nested::Bazel;

use crate::sums;

const TARGET: &str = "//release:files";

/// A rebuilt release; its folder is removed on drop.
pub struct Rebuilt {
    bazel: Bazel,
}

impl Rebuilt {
    /// Builds the release of the workspace where `bazel run` was called.
    ///
    /// # Errors
    /// When Bazel did not start the program, or the build fails.
    pub fn new() -> Result<Self> {
        let folder = nested::scratch().join(format!("verify-{}", process::id()));
        eprintln!("release: building without caches in {} (removed afterwards)", folder.display());
        let bazel = Bazel::new("tools/bazel run //release:verify -- DIR")?.fresh(folder);
        // No results of earlier builds, local or remote.
        bazel.build(&["--disk_cache=", "--remote_cache="], &[TARGET])?;
        Ok(Self { bazel })
    }

    /// The folder with its files.
    ///
    /// # Errors
    /// When Bazel does not report them.
    pub fn release(&self) -> Result<PathBuf> {
        let mut folder = self.bazel.output(TARGET, sums::NAME)?;
        folder.pop();
        folder.canonicalize().with_context(|| folder.display().to_string())
    }
}
