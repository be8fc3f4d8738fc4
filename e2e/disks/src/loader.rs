// SPDX-License-Identifier: BSD-3-Clause
//! A loader on the ESP of a disk.

use std::{path::Path, process::Command};

use crate::{EPOCH, arch::Arch, tool::run};
use anyhow::{Context, Result};

use crate::layout::ESP_START;

/// Copies `disk` to `out`, holes kept, with `loader` as the program that firmware starts from any disk.
///
/// # Errors
/// When a tool fails: the disk is none of ours, or its ESP is full.
pub fn add(arch: Arch, disk: &Path, loader: &Path, out: &Path) -> Result<()> {
    run(Command::new("cp").args(["--sparse=always", "--no-preserve=mode"]).arg(disk).arg(out))?;
    let image = format!("{}@@{ESP_START}M", out.display());
    let mtools = |program: &str| {
        let mut command = Command::new(program);
        command.args(["-i", &image]).env("SOURCE_DATE_EPOCH", EPOCH.to_string()).env("TZ", "UTC");
        command
    };
    run(mtools("mmd").args(["::EFI", "::EFI/BOOT"])).context("making the loader's folder")?;
    run(mtools("mcopy").arg(loader).arg(format!("::EFI/BOOT/{}", arch.fallback_loader())))
        .context("copying the loader")?;
    Ok(())
}
