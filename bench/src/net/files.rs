// SPDX-License-Identifier: BSD-3-Clause
//! Files that Bazel built.

use std::{env, fs, path::PathBuf};

use anyhow::{Context, Result};

/// Files that `//bench:net` passes in its environment.
pub struct Files {
    /// The loader; none if only the others are measured.
    pub loader: Option<PathBuf>,
    /// The program that only downloads.
    pub fetch: PathBuf,
    /// The kernel that all sides start.
    pub kernel: PathBuf,
    /// The firmware.
    pub code: PathBuf,
    /// Its variables.
    pub vars: PathBuf,
}

impl Files {
    /// Finds them.
    ///
    /// # Errors
    /// One is not passed, or missing.
    pub fn find(with_loader: bool) -> Result<Self> {
        let loader = if with_loader { Some(file("LOADER")?) } else { None };
        let [fetch, kernel] = [file("FETCH")?, file("KERNEL")?];
        Ok(Self { loader, fetch, kernel, code: file("CODE")?, vars: file("VARS")? })
    }
}

fn file(kind: &str) -> Result<PathBuf> {
    let name = format!("BENCH_{kind}_x86_64");
    let path =
        env::var_os(&name).with_context(|| format!("{name} is not set; run it with tools/bazel run"))?;
    // Absolute, since tools run in other folders.
    fs::canonicalize(&path).with_context(|| path.display().to_string())
}
