// SPDX-License-Identifier: BSD-3-Clause
//! The ESP of a disk, by mkfs.vfat, and files on it, by mtools.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    EPOCH,
    layout::{ESP_START, MIB, SECTOR},
    tool::run,
};

/// The volume's serial number; `UUID=0E1F-0001` for Linux.
const SERIAL: &str = "0E1F0001";

/// Makes the filesystem of an ESP that ends at this MiB, empty.
///
/// # Errors
/// When mkfs.vfat fails, with its output.
pub fn make(disk: &Path, end: u64, sector_size: u64) -> Result<()> {
    let kib = end.saturating_sub(ESP_START).saturating_mul(1024);
    let offset = ESP_START.saturating_mul(MIB).checked_div(sector_size).context("the sector size is 0")?;
    let mut command = Command::new("mkfs.vfat");
    if sector_size == SECTOR {
        command.args(["-F", "32"]);
    } else {
        // Too few clusters for FAT32.
        command.args(["-F", "16", "-S", &sector_size.to_string()]);
    }
    // -i must follow `--invariant`, which sets a serial number, too.
    command.args(["-s", "1", "-n", "UEFI", "--invariant", "-i", SERIAL]);
    run(command.arg(format!("--offset={offset}")).arg(disk).arg(kib.to_string())).map(drop)
}

/// Copies the content of `folder` to the root of the ESP, in the order of names; existing folders stay.
///
/// # Errors
/// When a tool fails: the disk was not made by this program, or its ESP is full.
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
            run(mtools("mmd").arg(&name)).context("cannot create a folder on the ESP")?;
        }
        let files: Vec<PathBuf> = sorted(&path)?.into_iter().filter(|path| !path.is_dir()).collect();
        if !files.is_empty() {
            run(mtools("mcopy").args(&files).arg(format!("{name}/")))
                .context("cannot copy files to the ESP")?;
        }
    }
    Ok(())
}

/// A folder and all folders below it, parents first.
fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut all = vec![folder.to_path_buf()];
    for path in sorted(folder)?.iter().filter(|path| path.is_dir()) {
        all.extend(folders(path)?);
    }
    Ok(all)
}

/// The content of a folder, in the order of names.
fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.sort();
    Ok(paths)
}
