// SPDX-License-Identifier: BSD-3-Clause
//! The installed system: a kernel with busybox, which reports what it finds on its root, or a Debian.

use std::{
    fs,
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use arch::Arch;
use clap::Args;
use tar::Builder;

use super::{Options, shape::Filesystem};
use crate::{
    cpio, files,
    layout::MIB,
    root::{self, kernel_prefix},
    scratch::Scratch,
};

/// The first program of a mini system. Tests wait for its output: how Linux mounted the root, and the content of a file
/// there.
const INIT: &str = r#"#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs devtmpfs /dev
echo "mini: userspace on $($b uname -m)"
echo "mini: cmdline $($b cat /proc/cmdline)"
for module in /modules/*; do
    $b insmod $module || echo "mini: failed: $module"
done
flags=ro
for word in $($b cat /proc/cmdline); do
    case $word in
        root=*) root=${word#root=} ;;
        rootflags=*) flags=$flags,${word#rootflags=} ;;
        ostree=*) deployment=${word#ostree=} ;;
    esac
done
for i in 1 2 3 4 5 6 7 8 9; do
    device=$($b findfs $root) && break
    $b sleep 1
done
# btrfs must be told of each leg, as udev does.
for leg in /dev/vd*; do
    [ "$($b dd if=$leg bs=1 skip=65600 count=8 2>/dev/null)" = _BHRfS_M ] && flags=$flags,device=$leg
done
$b mount -t @TYPE@ -o $flags $device /root && $b grep ' /root ' /proc/mounts
$b cat "/root$deployment/etc/marker"
$b poweroff -f
"#;

/// Source of the system.
#[derive(Args)]
pub struct Content {
    /// A whole Debian: the root that `e2e_roots root` made
    #[arg(long, conflicts_with_all = ["kernel", "version", "busybox", "modules"])]
    root: Option<PathBuf>,
    /// Of a mini system: its kernel
    #[arg(long, required_unless_present = "root")]
    kernel: Option<PathBuf>,
    /// A file with its version
    #[arg(long, required_unless_present = "root")]
    version: Option<PathBuf>,
    /// A static busybox
    #[arg(long, required_unless_present = "root")]
    busybox: Option<PathBuf>,
    /// The archive with the kernel's modules for the root's filesystem
    #[arg(long, required_unless_present = "root")]
    modules: Option<PathBuf>,
}

/// A system to unpack.
pub struct System {
    /// Its title in menus.
    pub title: &'static str,
    /// Version of its kernel.
    pub version: String,
    /// A tar file, compressed or not.
    pub archive: PathBuf,
    /// MiB that it needs.
    pub size: u64,
}

impl System {
    /// The system that the options ask for.
    ///
    /// # Errors
    /// When an input is missing or damaged.
    pub fn new(options: &Options, scratch: &Scratch) -> Result<Self> {
        if let Some(archive) = &options.content.root {
            let summary = root::summarize(options.arch, archive)?;
            // Absolute, since Linux has another working folder.
            let archive = archive.canonicalize()?;
            let size = summary.size.div_ceil(MIB);
            return Ok(Self { title: "Debian GNU/Linux", version: summary.version, archive, size });
        }
        let Content { kernel: Some(kernel), version: Some(version), busybox: Some(busybox), .. } =
            &options.content
        else {
            anyhow::bail!("a mini system needs a kernel, its version, and busybox");
        };
        let modules = options.content.modules.as_deref().context("a mini system needs modules")?;
        let version = String::from_utf8(read(version)?)?.trim_end().to_owned();
        let initrd = initrd(&read(busybox)?, &read(modules)?, options.shape.filesystem())?;
        let archive = scratch.file("mini.tar");
        mini(&archive, options.arch, &version, &read(kernel)?, &initrd)?;
        let size = archive.metadata()?.len().div_ceil(MIB);
        Ok(Self { title: "Mini", version, archive, size })
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("reading {}", path.display()))
}

/// A tar file of a root with nothing but /boot.
fn mini(archive: &Path, arch: Arch, version: &str, kernel: &[u8], initrd: &[u8]) -> Result<()> {
    let mut tar = Builder::new(BufWriter::new(File::create(archive)?));
    for folder in ["boot", "boot/efi", "dev", "etc", "home", "proc", "sys"] {
        files::folder(&mut tar, folder)?;
    }
    files::file(&mut tar, &format!("boot/{}-{version}", kernel_prefix(arch)), 0o755, kernel)?;
    files::file(&mut tar, &format!("boot/initrd.img-{version}"), 0o600, initrd)?;
    // As beside every kernel. With them, the names in an XFS /boot need a block.
    for name in ["config", "symvers", "System.map"] {
        files::file(&mut tar, &format!("boot/{name}-{version}"), 0o600, format!("{name}\n").as_bytes())?;
    }
    Ok(tar.finish()?)
}

/// The initrd, in two archives.
fn initrd(busybox: &[u8], modules: &[u8], filesystem: Filesystem) -> Result<Vec<u8>> {
    let mut archive = cpio::Archive::default();
    for folder in ["bin", "dev", "proc", "root", "sys"] {
        archive.folder(folder)?;
    }
    archive.device("dev/console", (5, 1))?;
    archive.program("bin/busybox", busybox)?;
    archive.program("init", INIT.replace("@TYPE@", filesystem.name()).as_bytes())?;
    Ok([&archive.finish()?, modules].concat())
}
