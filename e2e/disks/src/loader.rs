// SPDX-License-Identifier: BSD-3-Clause
//! A loader on the ESP of a disk.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};

use crate::{arch::Arch, esp, scratch::Scratch, tool::run};

/// Copies `disk` to `out`, holes kept, with `loader` as the program that firmware starts from any disk.
///
/// # Errors
/// When a tool fails: the disk is none of ours, or its ESP is full.
pub fn add(arch: Arch, disk: &Path, loader: &Path, out: &Path) -> Result<()> {
    copy(disk, out)?;
    let scratch = Scratch::new("loader")?;
    let folder = scratch.file("esp/EFI/BOOT");
    fs::create_dir_all(&folder)?;
    fs::copy(loader, folder.join(arch.fallback_loader())).context("copying the loader")?;
    esp::copy(&scratch.file("esp"), out)
}

/// Copies a disk, holes kept.
///
/// # Errors
/// When the disk is full.
pub fn copy(disk: &Path, out: &Path) -> Result<()> {
    run(Command::new("cp").args(["--sparse=always", "--no-preserve=mode"]).arg(disk).arg(out))?;
    Ok(())
}
