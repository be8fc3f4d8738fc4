// SPDX-License-Identifier: BSD-3-Clause
//! Disks in the layout of Debian's cloud image, made by mke2fs: never mounted, with the configuration that the root's
//! own update-grub wrote (`first_boot`).

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use arch::Arch;
use clap::{Args, ValueEnum};

use crate::{
    Common, esp,
    installed::{self, Kernel},
    layout::{Layout, SECTOR},
    loader,
    root::kernel_prefix,
    root::{self, Addition, GRUB_CFG, GRUB_CFG_MODE, Summary},
    scratch::Scratch,
};

const LABEL: &str = "cloudimg-rootfs";
/// End of the ESP in MiB, as in the cloud image.
const ESP_END: u64 = 128;
const MIB: u64 = 1 << 20;
/// MiB for the filesystem's own blocks and for what a system writes when it starts.
const ROOM: u64 = 160;
/// Granularity of sizes in MiB.
const STEP: u64 = 32;

/// Makes the disk from `root` and `grub_cfg`, without an EFI program.
///
/// # Errors
/// When a file is damaged or a tool fails.
pub fn make_disk(root: &Path, grub_cfg: &Path, arch: Arch, out: &Path) -> Result<()> {
    let summary = root::summarize(arch, root)?;
    let grub_cfg = fs::read(grub_cfg).with_context(|| format!("reading {}", grub_cfg.display()))?;
    let additions = [Addition { path: GRUB_CFG, mode: GRUB_CFG_MODE, content: &grub_cfg }];
    layout(arch, &summary, 0).make(out, |pipe| root::copy(root, &summary, &additions, pipe))
}

/// How the ESP names the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// An entry of the Boot Loader Specification, made by kernel-install
    Bls,
    /// A unified kernel image, made by ukify
    Uki,
}

/// A Debian disk, and what its ESP gets.
#[derive(Args)]
pub struct Entry {
    #[command(flatten)]
    pub common: Common,
    /// The disk that `debian` made
    #[arg(long)]
    disk: PathBuf,
    /// The root that it was made from
    #[arg(long)]
    root: PathBuf,
    /// Its grub.cfg, with the command line for the entry
    #[arg(long)]
    grub_cfg: PathBuf,
    /// systemd's stub, for a unified kernel image
    #[arg(long)]
    stub: PathBuf,
    /// How the ESP names the kernel
    #[arg(long, value_enum)]
    shape: Shape,
}

/// Source of the title of a unified kernel image.
const OS_RELEASE: &str = "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux, unified\"\n";

/// Copies a Debian disk, with its kernel, initrd and command line also on the ESP.
///
/// # Errors
/// When the root or grub.cfg is not as expected, or a tool fails.
pub fn add_entry(entry: &Entry) -> Result<()> {
    let (arch, out) = (entry.common.arch, &entry.common.out);
    let summary = root::summarize(arch, &entry.root)?;
    let text = fs::read_to_string(&entry.grub_cfg).context("cannot read grub.cfg")?;
    let (version, options) = first_kernel(arch, &text).context("no kernel in grub.cfg")?;
    let word = if entry.shape == Shape::Bls { "bls" } else { "uki" };
    let options = format!("{options} e2e={word}");
    let kernel = Kernel { image: &summary.kernel, version, initrd: &summary.initrd, options: &options };
    let scratch = Scratch::new("debian-entry")?;
    let boot = scratch.file("boot");
    match entry.shape {
        Shape::Bls => installed::kernel_install(&kernel, "debian", None, &boot)?,
        Shape::Uki => {
            let image = boot.join(format!("EFI/Linux/debian-{version}.efi"));
            installed::ukify(arch, &kernel, &entry.stub, OS_RELEASE, &image)?;
        }
    }
    loader::copy(&entry.disk, out)?;
    esp::copy(&boot, out)
}

/// Version and command line of the first kernel in a grub.cfg.
fn first_kernel(arch: Arch, grub_cfg: &str) -> Option<(&str, String)> {
    let line = grub_cfg.lines().find_map(|line| line.trim().strip_prefix("linux\t"))?;
    let mut words = line.split_whitespace();
    let version = words.next()?.strip_prefix("/boot/")?.strip_prefix(kernel_prefix(arch))?;
    Some((version.strip_prefix('-')?, words.collect::<Vec<_>>().join(" ")))
}

/// The layout of a root's disk, with `more` MiB of additional space.
pub fn layout(arch: Arch, summary: &Summary, more: u64) -> Layout {
    let room = ROOM.saturating_add(more);
    let root = summary.size.div_ceil(MIB).saturating_add(room).next_multiple_of(STEP);
    Layout {
        bios_boot: arch == Arch::X86_64,
        esp_end: ESP_END,
        root,
        label: LABEL,
        sector_size: SECTOR,
        has_mbr: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_kernel_is_the_simple_entrys() {
        let text = "menuentry 'Debian' {\n\tlinux\t/boot/vmlinuz-6.12 root=UUID=1 ro  quiet\n}\n";
        assert_eq!(first_kernel(Arch::X86_64, text), Some(("6.12", "root=UUID=1 ro quiet".into())));
        assert_eq!(first_kernel(Arch::Riscv64, text), None, "its kernels have another name");
    }

    #[test]
    fn a_disk_has_room_beyond_its_root() {
        let summary = Summary { size: 300 * MIB + 1, ..Summary::default() };
        assert_eq!(layout(Arch::Aarch64, &summary, 0).root, 480);
        assert_eq!(layout(Arch::Aarch64, &summary, 100).root, 576);
        assert!(!layout(Arch::Aarch64, &summary, 0).bios_boot);
    }
}
