// SPDX-License-Identifier: BSD-3-Clause
//! A loader on the ESP of a disk.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use clap::Args;

use crate::{Common, esp, scratch::Scratch, tool::run};

/// A disk of this program, and what to add to its ESP.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    pub common: Common,
    /// The disk, a raw image
    #[arg(long)]
    disk: PathBuf,
    /// The loader, an EFI program
    #[arg(long)]
    loader: PathBuf,
    /// Its settings, as \cloudboot\cmdline
    #[arg(long)]
    cmdline: Option<String>,
}

/// Copies a disk, keeping holes, and adds the loader at the firmware's default path.
///
/// # Errors
/// When a tool fails: the disk was not made by this program, or its ESP is full.
pub fn add(options: &Options) -> Result<()> {
    let Common { arch, out } = &options.common;
    copy(&options.disk, out)?;
    let scratch = Scratch::new("loader")?;
    let (programs, settings) = (scratch.file("esp/EFI/BOOT"), scratch.file("esp/cloudboot"));
    fs::create_dir_all(&programs)?;
    fs::copy(&options.loader, programs.join(arch.boot_file())).context("copying the loader")?;
    if let Some(cmdline) = &options.cmdline {
        fs::create_dir(&settings)?;
        fs::write(settings.join("cmdline"), cmdline)?;
    }
    esp::copy(&scratch.file("esp"), out)
}

/// Copies a disk, keeping holes.
///
/// # Errors
/// When the disk is full.
pub fn copy(disk: &Path, out: &Path) -> Result<()> {
    run(Command::new("cp").args(["--sparse=always", "--no-preserve=mode"]).arg(disk).arg(out))?;
    Ok(())
}
