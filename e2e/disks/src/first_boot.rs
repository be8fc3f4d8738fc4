// SPDX-License-Identifier: BSD-3-Clause
//! The first boot of a Debian root with its own kernel, in QEMU: its update-grub probes the running machine for the
//! root and its filesystem, and the disk ages by the kernel's writes.
//!
//! Folders that mke2fs made with one block grow past it: the kernel turns that block into the root of an index, which
//! mke2fs never does.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use arch::Arch;
use clap::Args;

use crate::{
    Common, debian, debugfs,
    layout::{BLOCK, Layout, ROOT_PARTUUID},
    package,
    qemu::{self, Start},
    root::{self, Addition, GRUB_CFG, GRUB_CFG_MODE, Summary},
    scratch::Scratch,
    tool::run,
};

/// The first boot of a root.
#[derive(Args)]
pub struct FirstBoot {
    /// Its grub.cfg
    #[command(flatten)]
    pub common: Common,
    /// The root that `e2e_roots root` made
    #[arg(long)]
    root: PathBuf,
    /// The disk that was booted
    #[arg(long)]
    aged: PathBuf,
}

/// A boot that reinstalls the kernel.
#[derive(Args)]
pub struct Reinstall {
    /// The disk
    #[command(flatten)]
    pub common: Common,
    /// The root that `e2e_roots root` made
    #[arg(long)]
    root: PathBuf,
    /// Its grub.cfg
    #[arg(long)]
    grub_cfg: PathBuf,
}

/// Printed at the end if everything succeeded.
const DONE: &str = "e2e: done";
/// Folders that grow and get an index.
const FOLDERS: [&str; 2] = ["boot", "etc"];
/// Creates 99 files with names of up to 99 bytes in each of [`FOLDERS`], which need three blocks, and removes ten. No
/// boot loader or update-grub looks for these names.
const GROW: &str = "x=$(printf %090d 0); for d in boot etc; do for i in $(seq 99); do : >/$d/extra-$x-$i; done; \
                    rm /$d/extra-*5; done";
/// Path of the kernel's package while it is installed.
const PACKAGE: &str = "var/tmp/kernel.deb";
/// MiB that dpkg and update-initramfs need in addition: a second copy of the package's files and of the initrd.
const WORK: u64 = 128;
/// `EXT4_INDEX_FL`.
const INDEX: u32 = 0x1000;
/// The rest of the block's `ext4_dir_entry_tail`, in front of the checksum of the index.
const TAIL: [u8; 8] = [0, 0, 0, 0, 12, 0, 0, 0xde];

/// Boots a disk with the root, makes its grub.cfg, and keeps the disk.
///
/// # Errors
/// When the root does not boot, or a command fails in it: the error has the last lines of the console.
pub fn make(options: &FirstBoot) -> Result<()> {
    let (arch, disk) = (options.common.arch, &options.aged);
    let summary = root::summarize(arch, &options.root)?;
    let layout = debian::layout(arch, &summary, 0);
    layout.make(disk, |pipe| root::copy(&options.root, &summary, &[], pipe))?;
    let script = format!("mkdir -p /boot/grub && update-grub && {GROW}");
    boot(arch, &summary, disk, &script)?;
    check(&layout, disk)?;
    let scratch = Scratch::new("grub-cfg")?;
    let found = scratch.file("grub.cfg");
    debugfs::ask(&layout, disk, &format!("dump /{GRUB_CFG} {}", found.display()))?;
    let text = fs::read_to_string(&found).context("cannot read grub.cfg from the disk")?;
    ensure!(text.contains("menuentry "), "update-grub wrote no entry:\n{text}");
    fs::write(&options.common.out, text)?;
    Ok(())
}

/// Makes a disk of the root on which folders have grown and dpkg has reinstalled the kernel's package, with all its
/// scripts: the initrd and grub.cfg are new.
///
/// # Errors
/// As [`make`].
pub fn reinstall(options: &Reinstall) -> Result<()> {
    let (arch, disk) = (options.common.arch, &options.common.out);
    let summary = root::summarize(arch, &options.root)?;
    let grub_cfg = fs::read(&options.grub_cfg).context("cannot read grub.cfg")?;
    let package = package::of_kernel(arch, &options.root)?;
    let additions = [
        Addition { path: GRUB_CFG, mode: GRUB_CFG_MODE, content: &grub_cfg },
        Addition { path: PACKAGE, mode: 0o644, content: &package },
    ];
    let layout = debian::layout(arch, &summary, WORK);
    layout.make(disk, |pipe| root::copy(&options.root, &summary, &additions, pipe))?;
    let inode = "stat -c%i /boot/initrd.img-*";
    let script = format!(
        "i=$({inode}) && {GROW} && DEBIAN_FRONTEND=noninteractive dpkg -i /{PACKAGE} && rm /{PACKAGE} && \
         test $({inode}) != $i"
    );
    boot(arch, &summary, disk, &script)?;
    check(&layout, disk)
}

/// Boots `disk`, runs a shell `script` there, and shuts down.
fn boot(arch: Arch, summary: &Summary, disk: &Path, script: &str) -> Result<()> {
    let scratch = Scratch::new("first-boot")?;
    let (kernel, initrd) = (scratch.file("kernel"), scratch.file("initrd"));
    fs::write(&kernel, &summary.kernel)?;
    fs::write(&initrd, &summary.initrd)?;
    let command_line = command_line(script);
    let start = Start { arch, kernel: &kernel, initrd: &initrd, disk, command_line: &command_line };
    let console = start.run(&scratch)?;
    ensure!(console.contains(DONE), "the script failed:\n{}", qemu::tail(&console));
    Ok(())
}

/// Makes the image's initrd start a shell as the first program, with a script as its argument: the kernel ignores what
/// follows `--`, and the disk needs no change. No word may be one that the initrd knows (`ro`). /proc, /sys and /dev
/// are mounted by then.
fn command_line(script: &str) -> String {
    let script = format!(
        "{script} && sync && mount -o remount,ro / && echo {DONE}; echo o > /proc/sysrq-trigger; sleep 60"
    );
    format!("root=PARTUUID={ROOT_PARTUUID} rw fsck.mode=skip init=/bin/sh -- -c \"{script}\"")
}

/// Checks that the filesystem is clean, and that the kernel made indexes for the folders that grew.
fn check(layout: &Layout, disk: &Path) -> Result<()> {
    run(Command::new("e2fsck").arg("-fn").arg(layout.root_in(disk)))?;
    for folder in FOLDERS {
        let stat = debugfs::ask(layout, disk, &format!("stat /{folder}"))?;
        let flags = flags(&stat).with_context(|| format!("/{folder}: {stat}"))?;
        ensure!(flags & INDEX != 0, "/{folder} has no index: {stat}");
        let mut block = [0; 4096];
        let blocks = debugfs::blocks(layout, disk, &format!("/{folder}"))?;
        let first = *blocks.first().context("the folder has no blocks")?;
        File::open(disk)?.read_exact_at(&mut block, first)?;
        ensure!(has_tail(&block), "/{folder} was not turned into an index by the kernel");
    }
    Ok(())
}

/// The flags in debugfs's output on an inode.
fn flags(stat: &str) -> Option<u32> {
    let (_, rest) = stat.split_once("Flags: 0x")?;
    u32::from_str_radix(rest.split_whitespace().next()?, 16).ok()
}

/// Whether the root of an index was a plain block of entries before.
fn has_tail(block: &[u8]) -> bool {
    block.split_last_chunk::<4>().is_some_and(|(rest, _checksum)| rest.ends_with(&TAIL))
}

const _: () = assert!(BLOCK == 4096, "the buffer of `check`");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_short_enough_for_every_kernel() {
        // COMMAND_LINE_SIZE of Linux is 512 on loongarch before 5.19, 1024 and more everywhere since.
        let line = command_line(&format!("mkdir -p /boot/grub && update-grub && {GROW}"));
        assert!(line.len() < 480, "{}", line.len());
        assert!(FOLDERS.iter().all(|folder| GROW.contains(folder)));
    }

    #[test]
    fn an_index_that_the_kernel_made_of_a_block_is_recognised() {
        let stat = "Inode: 12   Type: directory    Mode:  0755   Flags: 0x81000\nGeneration: 0\n";
        assert_eq!(flags(stat), Some(0x81000));
        assert_eq!(flags("stat: File not found"), None);
        let mut block = [7; 4096];
        assert!(!has_tail(&block));
        block[4084..4092].copy_from_slice(&TAIL);
        assert!(has_tail(&block));
    }
}
