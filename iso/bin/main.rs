// SPDX-License-Identifier: BSD-3-Clause
//! `iso`: makes one image that boots as a CD and as a disk, of one UEFI program for each architecture.
//!
//! The library of the same name does it.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

use std::{collections::BTreeMap, fs, path::PathBuf, process::ExitCode};

use anyhow::{Context, bail};
use arch::Arch;
use clap::Parser;
use filesystem::Timestamp;
use iso::Content;

/// Makes an image that boots on UEFI as a CD and as a disk.
///
/// The same programs, label and time give the same bytes.
#[derive(Parser)]
#[command(
    name = "iso",
    after_help = "Examples:
  iso --efi x86_64=loader-x86_64.efi --out boot.iso
      an image for one architecture
  iso --efi x86_64=x.efi --efi aarch64=a.efi --epoch $SOURCE_DATE_EPOCH --out boot.iso --esp boot.esp
      an image for two, and its EFI system partition alone
  dd if=boot.iso of=/dev/sdX
      writes it to a USB stick"
)]
struct Arguments {
    /// A UEFI program and what it is for: x86_64, aarch64, riscv64 or loongarch64; once for each
    #[arg(long = "efi", value_name = "ARCH=PATH", required = true, value_parser = parse_program)]
    programs: Vec<(Arch, PathBuf)>,
    /// Settings of the loaders: the text of \cloudboot\cmdline on the image
    #[arg(long, value_name = "TEXT")]
    cmdline: Option<String>,
    /// Time of everything in the image, in seconds since 1970
    #[arg(long, value_name = "SECONDS", default_value_t = iso::TIME.seconds)]
    epoch: i64,
    /// Label of both filesystems: at most 11 capitals, digits and underscores
    #[arg(long, default_value = iso::LABEL)]
    label: String,
    /// The image to write
    #[arg(long, value_name = "FILE", required_unless_present = "esp")]
    out: Option<PathBuf>,
    /// Also write the EFI system partition alone to this file
    #[arg(long, value_name = "FILE")]
    esp: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("iso: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut programs = BTreeMap::new();
    for (arch, path) in &arguments.programs {
        let bytes = fs::read(path).with_context(|| path.display().to_string())?;
        iso::check(*arch, &bytes).with_context(|| path.display().to_string())?;
        if programs.insert(*arch, bytes).is_some() {
            bail!("--efi {}: given twice", arch.name());
        }
    }
    let time = Timestamp { seconds: arguments.epoch, nanoseconds: 0 };
    let cmdline = arguments.cmdline.as_ref().map(|text| format!("{text}\n"));
    let content = Content { programs, cmdline, ca: None, label: arguments.label.clone(), time };
    // Both are always made, before anything is written, so that errors come first.
    let files = iso::make(&content)?;
    for (path, bytes) in [(&arguments.esp, files.esp), (&arguments.out, files.image)] {
        if let Some(path) = path {
            fs::write(path, bytes).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

fn parse_program(argument: &str) -> Result<(Arch, PathBuf), String> {
    let (arch, path) = argument.split_once('=').ok_or("expected ARCH=PATH")?;
    let arch = arch.parse::<Arch>().map_err(|why| format!("{arch}: {why}"))?;
    Ok((arch, path.into()))
}
