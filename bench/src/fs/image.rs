// SPDX-License-Identifier: BSD-3-Clause
//! Common parts of the images: a file with known bytes, on one disk or several.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

use crate::scratch::{self, Scratch};

/// Path of the file.
pub const FILE: &str = "/data";
/// Bytes of the file.
pub const SIZE: usize = 256 << 20;

/// A folder with the file, as the source for a filesystem; removed when dropped.
#[derive(Debug)]
pub struct Content {
    /// The folder; nothing else is in it.
    pub folder: PathBuf,
    /// SHA-256 of the file's bytes.
    pub sha256: Vec<u8>,
}

impl Content {
    /// Incompressible bytes.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn noise(scratch: &Scratch) -> Result<Self> {
        Self::of(scratch, &scratch::noise(SIZE, 1))
    }

    /// Compressible text.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn text(scratch: &Scratch) -> Result<Self> {
        Self::of(scratch, &scratch::text(SIZE, 1))
    }

    fn of(scratch: &Scratch, bytes: &[u8]) -> Result<Self> {
        let content = Self { folder: scratch.path("content"), sha256: Sha256::digest(bytes).to_vec() };
        scratch::write(&content.path(), bytes)?;
        Ok(content)
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        self.folder.join("data")
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        remove(fs::remove_dir_all(&self.folder), &self.folder);
    }
}

/// Files that are the disks of one filesystem, removed when dropped.
#[derive(Debug)]
pub struct Disks(Vec<PathBuf>);

impl Disks {
    /// Creates `count` empty disks of `mib` MiB each.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn blank(scratch: &Scratch, mib: u64, count: usize) -> Result<Self> {
        let mut disks = Self(Vec::new());
        for number in 0..count {
            let path = scratch.path(&format!("disk{number}"));
            let disk = File::create(&path).and_then(|file| file.set_len(mib << 20));
            disk.with_context(|| format!("making {}", path.display()))?;
            disks.0.push(path);
        }
        Ok(disks)
    }

    /// Their paths.
    pub fn paths(&self) -> &[PathBuf] {
        &self.0
    }
}

impl Drop for Disks {
    fn drop(&mut self) {
        for disk in &self.0 {
            remove(fs::remove_file(disk), disk);
        }
    }
}

/// A filesystem that is ready to be read.
#[derive(Debug)]
pub struct Image {
    /// Its disks.
    pub disks: Disks,
    /// SHA-256 of the file's bytes; empty if there are many files.
    pub sha256: Vec<u8>,
    /// How it was made.
    pub facts: String,
}

fn remove(result: std::io::Result<()>, path: &Path) {
    if let Err(why) = result {
        eprintln!("cannot remove {}: {why}", path.display());
    }
}
