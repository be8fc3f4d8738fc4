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
    for path in folders(folder)? {
        let name = format!("::{}", path.strip_prefix(folder)?.display());
        if path != folder && run(mtools("mdir").arg("-b").arg(&name)).is_err() {
            run(mtools("mmd").arg(&name)).context("a folder on the ESP")?;
        }
        let files: Vec<PathBuf> = sorted(&path)?.into_iter().filter(|path| !path.is_dir()).collect();
        if !files.is_empty() {
            run(mtools("mcopy").args(&files).arg(format!("{name}/"))).context("files on the ESP")?;
        }
    }
    Ok(())
}

/// A folder and all below it, each in front of those that it holds.
fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut all = vec![folder.to_path_buf()];
    for path in sorted(folder)?.iter().filter(|path| path.is_dir()) {
        all.extend(folders(path)?);
    }
    Ok(all)
}

/// What a folder holds, in the order of names.
fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.sort();
    Ok(paths)
}
