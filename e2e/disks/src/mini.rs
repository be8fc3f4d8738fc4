// SPDX-License-Identifier: BSD-3-Clause
//! The mini disk: a Debian kernel, an initrd with nothing but busybox, a GRUB configuration.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use tar::Builder;

use crate::{
    Common,
    changes::Changes,
    cpio,
    faults::Faults,
    files,
    grub_cfg::{Extras, grub_cfg},
    hybrid, journal,
    layout::{Layout, MIB, ROOT_UUID, SECTOR},
    root::kernel_prefix,
    root::{GRUB_CFG, GRUB_CFG_MODE},
    scratch::Scratch,
    secure_boot, shapes,
    tool::run,
};

/// The first program. Tests wait for its output.
const INIT: &str = r#"#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
echo "mini: userspace on $($b uname -m)"
echo "mini: cmdline $($b cat /proc/cmdline)"
[ -e /proc/device-tree/model ] && echo "mini: model $($b cat /proc/device-tree/model)"
[ -d /boot ] && echo "mini: initrds $($b ls /boot | $b tr '\n' ' ')"
[ -e /bless ] && . /bless
@CANARY@
$b poweroff -f
"#;
const OS_RELEASE: &str = "PRETTY_NAME=\"Mini\"\nNAME=\"Mini\"\nID=mini\nVERSION_ID=\"1\"\n";
const EXTLINUX_CONF: &str = "boot/extlinux/extlinux.conf";
const LABEL: &str = "mini-root";
/// End of the ESP in MiB: its 36 MiB are just enough clusters for FAT32.
const ESP_END: u64 = 40;
/// MiB that ext4 needs for itself, mostly its journal.
const OVERHEAD: u64 = 12;

/// How a boot loader finds the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// /boot/grub/grub.cfg
    Grub,
    /// No configuration: it is found by its name
    Names,
    /// Entries of the Boot Loader Specification on the ESP, made by kernel-install
    Bls,
    /// A unified kernel image in /EFI/Linux on the ESP, made by ukify
    Uki,
    /// /boot/extlinux/extlinux.conf
    Extlinux,
}

/// How a kernel is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Compressor {
    Gzip,
    Zstd,
}

/// Content and faults of the disk.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    pub common: Common,
    /// A kernel, extracted from its package
    #[arg(long)]
    kernel: PathBuf,
    /// A file with its version
    #[arg(long)]
    version: PathBuf,
    /// A static busybox
    #[arg(long)]
    busybox: PathBuf,
    /// systemd's stub, for a unified kernel image
    #[arg(long, required_if_eq("shape", "uki"))]
    stub: Option<PathBuf>,
    /// A line that userspace prints: `mini: canary TEXT`
    #[arg(long)]
    canary: Option<String>,
    /// How a boot loader finds the kernel
    #[arg(long, value_enum, default_value_t = Shape::Grub)]
    shape: Shape,
    /// Give each entry of grub.cfg three initrds: the real one in the middle
    #[arg(long)]
    three_initrds: bool,
    /// A device tree that the entry of grub.cfg names
    #[arg(long)]
    devicetree: Option<PathBuf>,
    /// A private key that signs the kernel
    #[arg(long, requires = "certificate")]
    sign_with: Option<PathBuf>,
    /// Its certificate
    #[arg(long)]
    certificate: Option<PathBuf>,
    /// Name of the kernel's file in /boot, instead of the default
    #[arg(long)]
    kernel_name: Option<String>,
    /// A symbolic link on the root and its target
    #[arg(long, num_args = 2, value_names = ["NAME", "TARGET"])]
    link: Vec<String>,
    /// Compress the kernel with this
    #[arg(long, value_enum)]
    compress: Option<Compressor>,
    /// Bytes of a logical block of the disk
    #[arg(long, default_value_t = SECTOR)]
    sector_size: u64,
    /// Use an MBR with two empty slots in front of its partitions
    #[arg(long)]
    mbr: bool,
    /// Make the medium also an ISO 9660 disc, whose second partition is the ESP
    #[arg(long, conflicts_with_all = ["mbr", "journalled", "flip"])]
    hybrid: bool,
    /// Put the current grub.cfg into ext4's journal only, and an earlier one in its place
    #[arg(long)]
    journalled: bool,
    /// Put the EFI shell on the ESP, with a script that has this line; may be repeated
    #[arg(long, value_name = "LINE")]
    shell: Vec<String>,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    faults: Faults,
}

/// Makes the disk.
///
/// # Errors
/// When a file of the packages is missing, an option does not fit them, or a tool fails.
pub fn make(options: &Options) -> Result<()> {
    let (arch, out) = (options.common.arch, &options.common.out);
    let version = String::from_utf8(read(&options.version)?)?;
    let version = version.trim_end();
    let root = Root {
        kernel: options.kernel()?,
        version,
        initrd: initrd(&read(&options.busybox)?, options.canary.as_deref())?,
        configuration: options.configuration(version)?,
    };
    let esp_end = match options.shape {
        Shape::Bls | Shape::Uki => ESP_END.saturating_add(root.size()?),
        _ => ESP_END,
    };
    let sector_size = options.sector_size;
    let layout = Layout {
        bios_boot: false,
        esp_end,
        root: root.size()?,
        label: LABEL,
        sector_size,
        has_mbr: options.mbr,
    };
    layout.make(out, |pipe| root.write(pipe, options))?;
    let parts = shapes::Parts { kernel: &root.kernel, version, initrd: &root.initrd };
    match (options.shape, &options.stub) {
        (Shape::Bls, _) => shapes::bls(arch, out, &parts, &options.changes)?,
        (Shape::Uki, Some(stub)) => shapes::uki(arch, out, &parts, stub)?,
        _ => {}
    }
    if !options.shell.is_empty() {
        shapes::shell(out, &options.shell)?;
    }
    if options.hybrid {
        return hybrid::make(out, esp_end, |pipe| root.write(pipe, options));
    }
    if options.journalled {
        journal::fill(&layout, out)?;
    }
    options.faults.apply(&layout, out)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("reading {}", path.display()))
}

impl Options {
    /// The kernel as it is on the disk.
    fn kernel(&self) -> Result<Vec<u8>> {
        let scratch = Scratch::new("kernel")?;
        let mut path = self.kernel.clone();
        if let (Some(key), Some(certificate)) = (&self.sign_with, &self.certificate) {
            secure_boot::sign_file(&path, key, certificate, &scratch.file("signed"))?;
            path = scratch.file("signed");
        }
        if let Some(compressor) = self.compress {
            let plain = scratch.file("plain");
            fs::copy(&path, &plain).context("cannot copy the kernel")?;
            let (program, suffix) = match compressor {
                // -n: without the file's name and time.
                Compressor::Gzip => (["gzip", "-n"], "gz"),
                Compressor::Zstd => (["zstd", "-q"], "zst"),
            };
            let [program, option] = program;
            run(Command::new(program).arg(option).arg(&plain))?;
            path = plain.with_extension(suffix);
        }
        let mut kernel = read(&path)?;
        self.faults.spoil(&mut kernel)?;
        Ok(kernel)
    }

    /// The boot configuration on the root: path, mode and content.
    fn configuration(&self, version: &str) -> Result<Option<(&'static str, u32, String)>> {
        let arch = self.common.arch;
        Ok(match self.shape {
            Shape::Grub => {
                let (failing, initrds) = (self.changes.failing_entries, self.three_initrds);
                let extras = Extras { failing, initrds, has_tree: self.devicetree.is_some() };
                let text = self.changes.grub_cfg(grub_cfg(arch, version, extras), arch, version)?;
                Some((GRUB_CFG, GRUB_CFG_MODE, text))
            }
            Shape::Extlinux => Some((EXTLINUX_CONF, 0o644, shapes::extlinux(arch, version))),
            Shape::Names | Shape::Bls | Shape::Uki => None,
        })
    }
}

/// The content of the root.
struct Root<'a> {
    kernel: Vec<u8>,
    version: &'a str,
    initrd: Vec<u8>,
    configuration: Option<(&'static str, u32, String)>,
}

impl Root<'_> {
    /// MiB that it needs.
    fn size(&self) -> Result<u64> {
        let text = self.configuration.as_ref().map_or(0, |(_, _, text)| text.len());
        let bytes = [self.kernel.len(), self.initrd.len(), text].into_iter().fold(0, usize::saturating_add);
        Ok(u64::try_from(bytes)?.div_ceil(MIB).saturating_add(OVERHEAD))
    }

    fn write(&self, pipe: &mut dyn Write, options: &Options) -> Result<()> {
        let (arch, version) = (options.common.arch, self.version);
        let packaged = format!("{}-{version}", kernel_prefix(arch));
        let kernel_name = options.kernel_name.as_deref().unwrap_or(&packaged);
        let mut tar = Builder::new(pipe);
        for folder in ["boot", "boot/grub", "dev", "etc", "proc", "sys"] {
            files::folder(&mut tar, folder)?;
        }
        files::file(&mut tar, "etc/fstab", 0o644, format!("UUID={ROOT_UUID} / ext4 ro 0 1\n").as_bytes())?;
        files::file(&mut tar, "etc/os-release", 0o644, OS_RELEASE.as_bytes())?;
        let is_on_esp = matches!(options.shape, Shape::Bls | Shape::Uki);
        if !is_on_esp {
            files::file(&mut tar, &format!("boot/{kernel_name}"), 0o644, &self.kernel)?;
        }
        if !options.faults.omit_initrd && !is_on_esp {
            files::file(&mut tar, &format!("boot/initrd.img-{version}"), 0o644, &self.initrd)?;
        }
        if options.three_initrds {
            for name in ["boot/first.img", "boot/last.img"] {
                files::file(&mut tar, name, 0o644, &cpio::marker(name)?)?;
            }
        }
        for [name, target] in options.link.as_chunks().0 {
            files::link(&mut tar, name, target)?;
        }
        if let Some(tree) = &options.devicetree {
            files::file(&mut tar, "boot/board.dtb", 0o644, &read(tree)?)?;
        }
        if options.shape == Shape::Extlinux {
            files::folder(&mut tar, "boot/extlinux")?;
        }
        if let Some((path, mode, text)) = &self.configuration {
            files::file(&mut tar, path, *mode, text.as_bytes())?;
        }
        tar.finish()?;
        Ok(())
    }
}

/// The initrd, which needs no other root.
///
/// # Errors
/// When the canary has quotes.
pub fn initrd(busybox: &[u8], canary: Option<&str>) -> Result<Vec<u8>> {
    let canary = canary.unwrap_or_default();
    // It is put between single quotes in a shell script.
    ensure!(!canary.contains('\''), "a canary must not contain single quotes");
    let line = if canary.is_empty() { String::new() } else { format!("echo 'mini: canary {canary}'") };
    let mut archive = cpio::Archive::default();
    for folder in ["bin", "dev", "proc", "sys"] {
        archive.folder(folder)?;
    }
    archive.device("dev/console", (5, 1))?;
    archive.program("bin/busybox", busybox)?;
    archive.program("init", INIT.replace("@CANARY@", &line).as_bytes())?;
    archive.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canary_is_printed_by_init() {
        let bytes = initrd(b"busybox", Some("first disk")).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("echo 'mini: canary first disk'\n") && !text.contains("@CANARY@"));
        assert!(initrd(b"busybox", Some("it's")).is_err());
    }
}
