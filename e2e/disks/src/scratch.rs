// SPDX-License-Identifier: BSD-3-Clause
//! A temporary folder for one run.

use std::{env, fs, path::PathBuf, process};

use anyhow::{Context, Result};

/// A folder in `TMPDIR` for this process alone; removed on drop.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Creates the folder. `purpose` is part of its name and distinguishes the folders of one process.
    ///
    /// # Errors
    /// When it cannot be created, or exists already.
    pub fn new(purpose: &str) -> Result<Self> {
        let path = env::temp_dir().join(format!("cloud-boot-{purpose}-{}", process::id()));
        fs::create_dir(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Self(path))
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Best effort: a folder that is left in TMPDIR does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_folder_is_gone_with_its_value() {
        let scratch = Scratch::new("test").unwrap();
        let path = scratch.file("x");
        fs::write(&path, "x").unwrap();
        drop(scratch);
        assert!(!path.exists() && !path.parent().unwrap().exists());
    }
}
