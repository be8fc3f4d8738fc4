// SPDX-License-Identifier: BSD-3-Clause
//! The mini disk: a Debian kernel, an initrd with nothing but busybox, a GRUB configuration.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use tar::Builder;

use crate::{
    Common, cpio, files,
    grub_cfg::{Extras, grub_cfg},
    layout::{Layout, ROOT_UUID},
    root::{GRUB_CFG, GRUB_CFG_MODE},
    scratch::Scratch,
    secure_boot, shapes,
};

/// The first program. What tests wait for is what it prints.
const INIT: &str = r#"#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
echo "mini: userspace on $($b uname -m)"
echo "mini: cmdline $($b cat /proc/cmdline)"
[ -e /proc/device-tree/model ] && echo "mini: model $($b cat /proc/device-tree/model)"
[ -d /boot ] && echo "mini: initrds $($b ls /boot | $b tr '\n' ' ')"
@CANARY@
$b poweroff -f
"#;
const OS_RELEASE: &str = "PRETTY_NAME=\"Mini\"\nNAME=\"Mini\"\nID=mini\nVERSION_ID=\"1\"\n";
const LABEL: &str = "mini-root";
/// End of the ESP in MiB: 36 MiB of it are just enough clusters for FAT32.
const ESP_END: u64 = 40;
/// What ext4 needs for itself, its journal above all, in MiB.
const OVERHEAD: u64 = 12;
const MIB: u64 = 1 << 20;
/// The superblock of ext4 is at 1024, 1024 bytes long.
const SUPERBLOCK: u64 = 1024;

/// What tells a boot loader of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// /boot/grub/grub.cfg
    Grub,
    /// Nothing: it is found by its name
    Names,
    /// Entries of the Boot Loader Specification on the ESP, made by kernel-install
    Bls,
    /// A unified kernel image in /EFI/Linux on the ESP, made by ukify
    Uki,
    /// /boot/extlinux/extlinux.conf
    Extlinux,
}

/// What is on the disk, and what is wrong with it.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    pub common: Common,
    /// A kernel out of its package
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
    /// What tells a boot loader of the kernel
    #[arg(long, value_enum, default_value_t = Shape::Grub)]
    shape: Shape,
    /// So many more entries of grub.cfg, whose kernels do not exist, stand in front
    #[arg(long, default_value_t = 0)]
    failing_entries: u32,
    /// Each entry of grub.cfg has three initrds: the real one in the middle
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
    /// The kernel's file in /boot has this name instead of its own
    #[arg(long)]
    kernel_name: Option<String>,
    /// So many bytes are missing at the end of the kernel
    #[arg(long, value_name = "BYTES")]
    truncate_kernel: Option<usize>,
    /// The initrd that grub.cfg names is not there
    #[arg(long)]
    omit_initrd: bool,
    /// The byte at this offset of ext4's superblock has all its bits flipped
    #[arg(long, value_name = "OFFSET")]
    corrupt_superblock: Option<u64>,
}

/// Makes the disk.
///
/// # Errors
/// When a file of the packages is missing, an option does not fit them, or a tool fails.
pub fn make(options: &Options) -> Result<()> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("reading {}", path.display()));
    let (mut kernel, version) = (read(&options.kernel)?, String::from_utf8(read(&options.version)?)?);
    if let (Some(key), Some(certificate)) = (&options.sign_with, &options.certificate) {
        let scratch = Scratch::new("signed")?;
        secure_boot::sign_file(&options.kernel, key, certificate, &scratch.file("kernel"))?;
        kernel = read(&scratch.file("kernel"))?;
    }
    if let Some(bytes) = options.truncate_kernel {
        let length = kernel.len().checked_sub(bytes).context("the kernel is not that long")?;
        kernel.truncate(length);
    }
    let root = Root {
        kernel,
        version: version.trim_end(),
        initrd: initrd(&read(&options.busybox)?, options.canary.as_deref())?,
    };
    let esp_end = match options.shape {
        Shape::Bls | Shape::Uki => ESP_END.saturating_add(root.size()?),
        _ => ESP_END,
    };
    let layout = Layout { bios_boot: false, esp_end, root: root.size()?, label: LABEL };
    let out = &options.common.out;
    layout.make(out, |pipe| root.write(pipe, options))?;
    let parts = shapes::Parts { kernel: &root.kernel, version: root.version, initrd: &root.initrd };
    match (options.shape, &options.stub) {
        (Shape::Bls, _) => shapes::bls(options.common.arch, out, &parts)?,
        (Shape::Uki, Some(stub)) => shapes::uki(options.common.arch, out, &parts, stub)?,
        _ => {}
    }
    match options.corrupt_superblock {
        Some(offset) => corrupt(out, &layout, offset),
        None => Ok(()),
    }
}

/// What the root consists of.
struct Root<'a> {
    kernel: Vec<u8>,
    version: &'a str,
    initrd: Vec<u8>,
}

impl Root<'_> {
    /// MiB that it needs.
    fn size(&self) -> Result<u64> {
        let bytes = self.kernel.len().checked_add(self.initrd.len()).context("a size")?;
        Ok(u64::try_from(bytes)?.div_ceil(MIB).saturating_add(OVERHEAD))
    }

    fn write(&self, pipe: &mut dyn Write, options: &Options) -> Result<()> {
        let (arch, version) = (options.common.arch, self.version);
        let packaged = format!("{}-{version}", arch.kernel_prefix());
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
        if !options.omit_initrd && !is_on_esp {
            files::file(&mut tar, &format!("boot/initrd.img-{version}"), 0o644, &self.initrd)?;
        }
        if options.three_initrds {
            for name in ["boot/first.img", "boot/last.img"] {
                files::file(&mut tar, name, 0o644, &cpio::marker(name)?)?;
            }
        }
        let tree = options.devicetree.as_ref().map(fs::read).transpose().context("the device tree")?;
        if let Some(tree) = &tree {
            files::file(&mut tar, "boot/board.dtb", 0o644, tree)?;
        }
        match options.shape {
            Shape::Grub => {
                let (initrds, has_tree) = (options.three_initrds, tree.is_some());
                let text =
                    grub_cfg(arch, version, Extras { failing: options.failing_entries, initrds, has_tree });
                files::file(&mut tar, GRUB_CFG, GRUB_CFG_MODE, text.as_bytes())?;
            }
            Shape::Extlinux => {
                files::folder(&mut tar, "boot/extlinux")?;
                let text = shapes::extlinux(arch, version);
                files::file(&mut tar, "boot/extlinux/extlinux.conf", 0o644, text.as_bytes())?;
            }
            Shape::Names | Shape::Bls | Shape::Uki => {}
        }
        tar.finish()?;
        Ok(())
    }
}

/// The first root of the kernel, which needs no other.
fn initrd(busybox: &[u8], canary: Option<&str>) -> Result<Vec<u8>> {
    let canary = canary.unwrap_or_default();
    // It stands between single quotes of a shell.
    ensure!(!canary.contains('\''), "a canary has no quotes");
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

/// Flips all bits of one byte of the superblock.
fn corrupt(disk: &Path, layout: &Layout, offset: u64) -> Result<()> {
    ensure!(offset < SUPERBLOCK, "the superblock has 1024 bytes");
    let position = layout.root_offset().saturating_add(SUPERBLOCK).saturating_add(offset);
    let file = File::options().read(true).write(true).open(disk)?;
    let mut byte = [0];
    file.read_exact_at(&mut byte, position)?;
    file.write_all_at(&byte.map(|b| !b), position)?;
    Ok(())
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
