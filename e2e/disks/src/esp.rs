// SPDX-License-Identifier: BSD-3-Clause
//! Files on the ESP of a disk, by mtools.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{EPOCH, layout::ESP_START, tool::run};

/// Copies what is in `folder` to the root of the ESP, in the order of names; folders that are there already stay.
///
/// # Errors
/// When a tool fails: the disk is none of ours, or its ESP is full.
pub fn copy(folder: &Path, disk: &Path) -> Result<()> {
    let image = format!("{}@@{ESP_START}M", disk.display());
    let mtools = |program: &str| {
        let mut command = Command::new(program);
        command.args(["-i", &image]).env("SOURCE_DATE_EPOCH", EPOCH.to_string()).env("TZ", "UTC");
        command
    };
    for path in below(folder)? {
        let name = format!("::{}", path.strip_prefix(folder)?.display());
        if !path.is_dir() {
            run(mtools("mcopy").arg(&path).arg(&name)).context("a file on the ESP")?;
        } else if run(mtools("mdir").arg("-b").arg(&name)).is_err() {
            run(mtools("mmd").arg(&name)).context("a folder on the ESP")?;
        }
    }
    Ok(())
}

/// Everything below a folder, each folder in front of what it holds.
fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        all.push(path.clone());
        if path.is_dir() {
            all.extend(below(&path)?);
        }
    }
    Ok(all)
}
