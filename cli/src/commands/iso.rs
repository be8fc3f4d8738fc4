// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot iso`.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
};

use arch::Arch;
use clap::{
    Args,
    builder::{OsStringValueParser, TypedValueParser},
};
use config::{Config, Origin, Text, Trust};
use serde::Serialize;

use crate::{
    failure::Stop,
    image_path::usage,
    loader::{self, Programs, Settings},
    output,
    printer::{Printer, size, text},
};

/// Writes a boot image for UEFI firmware: a CD and a disk in one
#[derive(Args)]
#[command(after_help = "Examples:
  cloud-boot iso --out boot.iso
      the loader for all architectures
  cloud-boot iso --uki linux/amd64=linux.efi --uki linux/arm64=arm.efi --out boot.iso
      other EFI programs, such as unified kernel images
  cloud-boot iso --out /dev/sdX --force
      a USB stick; what was on it is lost
  cloud-boot iso --cmdline cloudboot.image=registry.example/boot/linux@sha256:HEX --ca ca.pem --out boot.iso
      boots that artifact from the network, from a registry whose certificate the CA in ca.pem issued

The same programs and settings give the same bytes.")]
pub struct Options {
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// An EFI program instead of the loader, once for each platform: linux/amd64, linux/arm64, linux/riscv64,
    /// linux/loong64
    #[arg(long, value_name = "PLATFORM=FILE", value_parser = OsStringValueParser::new().try_map(parse_program))]
    uki: Vec<(Arch, PathBuf)>,
    /// Settings of the loader, words cloudboot.KEY=VALUE
    #[arg(long, value_name = "WORDS")]
    cmdline: Option<String>,
    /// Root certificates that the loader trusts besides Mozilla's, PEM
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Overwrite the file
    #[arg(long)]
    force: bool,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    out: String,
    size: u64,
    sha256: String,
    programs: Vec<Program>,
}

#[derive(Serialize)]
struct Program {
    arch: &'static str,
    platform: String,
    path: String,
    size: u64,
    sha256: String,
}

impl Options {
    /// Writes the image.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        let settings = self.settings()?;
        let programs = if self.uki.is_empty() { loader::embedded()? } else { self.read()? };
        let described: Vec<Program> = programs.iter().map(|(arch, bytes)| describe(*arch, bytes)).collect();
        let image = loader::image(programs, settings)?;
        output::write(&self.out, self.force, &image)?;
        let out = self.out.as_os_str().as_bytes();
        if self.json {
            let (out, sha256) = (String::from_utf8_lossy(out).into(), output::sum(&image));
            return printer.json(&Report { out, size: image.len() as u64, sha256, programs: described });
        }
        let arches: Vec<&str> = described.iter().map(|program| program.arch).collect();
        printer.line(format_args!("{}: {} for {}", text(out), size(image.len() as u64), arches.join(", ")))
    }

    /// The settings, checked as the loader will check them.
    fn settings(&self) -> Result<Settings, Stop> {
        let ca = self.ca.as_deref().map(loader::certificates).transpose()?;
        let named = ca.as_ref().map(|_| format!("cloudboot.ca={}", iso::CA));
        let words: Vec<&str> = named.as_deref().into_iter().chain(self.cmdline.as_deref()).collect();
        let text = Text::new(Origin::File, words.join(" ").as_bytes());
        if let Some(problem) = Config::resolve(&[text], Trust::Open).problems().first() {
            return Err(usage(&format!("--cmdline: {problem}")));
        }
        Ok(Settings { cmdline: (!words.is_empty()).then(|| words.join(" ")), ca })
    }

    fn read(&self) -> Result<Programs, Stop> {
        let mut programs = Programs::new();
        for (arch, path) in &self.uki {
            if programs.insert(*arch, loader::read(*arch, path)?).is_some() {
                return Err(usage(&format!("--uki {} is given twice", iso::platform(*arch))));
            }
        }
        Ok(programs)
    }
}

fn describe(arch: Arch, bytes: &[u8]) -> Program {
    Program {
        arch: arch.name(),
        platform: iso::platform(arch),
        path: format!("EFI/BOOT/{}", arch.boot_file()),
        size: bytes.len() as u64,
        sha256: output::sum(bytes),
    }
}

fn parse_program(argument: OsString) -> Result<(Arch, PathBuf), String> {
    let bytes = argument.as_bytes();
    let at = bytes.iter().position(|byte| *byte == b'=').ok_or("expected PLATFORM=FILE")?;
    let name = String::from_utf8_lossy(&bytes[..at]);
    let arch = iso::of_platform(&name).ok_or_else(|| format!("unknown platform: {name}"))?;
    Ok((arch, OsStr::from_bytes(&bytes[at + 1..]).into()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn platforms_have_two_names_and_files_any() {
        let parse = |bytes: &[u8]| parse_program(OsString::from_vec(bytes.to_vec()));
        let path = |bytes: &[u8]| PathBuf::from(OsString::from_vec(bytes.to_vec()));
        assert_eq!(parse(b"linux/amd64=a=b\xff"), Ok((Arch::X86_64, path(b"a=b\xff"))));
        assert_eq!(parse(b"loongarch64=x"), Ok((Arch::Loongarch64, path(b"x"))));
        assert_eq!(parse(b"linux/386=x"), Err("unknown platform: linux/386".into()));
        assert_eq!(parse(b"x.efi"), Err("expected PLATFORM=FILE".into()));
    }
}
