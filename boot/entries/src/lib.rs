// SPDX-License-Identifier: BSD-3-Clause
//! Boot entries: what the volumes offer to boot, as their own configuration says.
//!
//! One module per format, each yielding [`Entry`] values: `grub` runs grub.cfg as GRUB would and keeps what
//! its menu would start; `glob` finds kernels by name where no configuration offers one.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod error;
pub mod fuzz;
mod glob;
mod grub;
mod version;

use alloc::{string::String, vec::Vec};

use vfs::{VolumeId, Volumes};

pub use error::Error;

/// Something that can be booted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// What a menu calls it.
    pub title: String,
    /// What configuration calls it: GRUB's id, or the kernel's version.
    pub id: String,
    /// Where it was found.
    pub source: Source,
    /// What is started.
    pub start: Start,
    /// The one that is booted unless something else is asked for.
    pub default: bool,
}

impl Entry {
    /// The kernel and what it is given; none where a program is started.
    pub fn linux(&self) -> Option<&Linux> {
        match &self.start {
            Start::Linux(linux) => Some(linux),
            Start::Program(_) => None,
        }
    }

    /// The operating system, as `cloudboot.target` calls it: `linux`, `windows`, `freebsd`, `netbsd`, `openbsd`.
    pub fn os(&self) -> Option<&'static str> {
        match &self.start {
            Start::Linux(_) => Some("linux"),
            Start::Program(program) => program.os,
        }
    }

    /// The file that is started: the kernel, or the program.
    pub fn file(&self) -> &File {
        match &self.start {
            Start::Linux(linux) => &linux.kernel,
            Start::Program(program) => &program.file,
        }
    }
}

/// What an entry starts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Start {
    /// A Linux kernel.
    Linux(Linux),
    /// An EFI program that brings what it needs: a unified kernel image, another loader.
    Program(Program),
}

/// A Linux kernel and what it is given.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Linux {
    /// The kernel.
    pub kernel: File,
    /// The initial RAM disks, in order.
    pub initrd: Vec<File>,
    /// The command line.
    pub options: String,
    /// A device tree that the entry wants in place of the firmware's.
    pub devicetree: Option<File>,
}

/// An EFI program. It is started with the device path of its file, so that it finds what stands beside it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Program {
    /// The program.
    pub file: File,
    /// Its LoadOptions; none where the entry names none.
    pub options: Option<String>,
    /// The operating system that it starts, where that is known.
    pub os: Option<&'static str>,
}

/// Where an entry was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Source {
    /// On which volume.
    pub volume: VolumeId,
    /// In which file, or in which folder.
    pub path: String,
    /// By what.
    pub kind: Kind,
}

/// Formats of entries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A unified kernel image in `\EFI\Linux`.
    Uki,
    /// An entry of the Boot Loader Specification, type 1.
    Bls,
    /// A menu entry of grub.cfg.
    Grub,
    /// A label of extlinux.conf or syslinux.cfg.
    Extlinux,
    /// A kernel that was found by its name.
    Glob,
    /// Another EFI program.
    Efi,
}

/// A file of a volume.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct File {
    /// The volume.
    pub volume: VolumeId,
    /// Its absolute path there.
    pub path: Vec<u8>,
}

/// Architectures, as far as configuration files ask for them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Arch {
    /// x86_64
    X86_64,
    /// aarch64
    Aarch64,
    /// riscv64
    Riscv64,
    /// loongarch64
    LoongArch64,
}

/// What was found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Found {
    /// The entries, in the order of volumes and, on a volume, of its menu. At most one is the default: that of
    /// the first volume that has one.
    pub entries: Vec<Entry>,
    /// What could not be used.
    pub problems: Vec<Problem>,
    /// `timeout` of the first configuration that has entries: seconds. None where it says nothing, or that the
    /// menu waits.
    pub timeout: Option<u32>,
    /// `timeout_style` of that configuration, empty where it says nothing.
    pub timeout_style: String,
}

/// A configuration, or an entry of it, that could not be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// Which: `hd0,gpt1 /boot/grub/grub.cfg`.
    pub object: String,
    /// Why.
    pub error: Error,
}

/// Finds all entries. Kernels are looked for by name on a volume only where no configuration stands on it or
/// starts a kernel of it; those among a system's modules only where nothing else was found at all.
pub fn discover(volumes: &Volumes, arch: Arch) -> Found {
    let (mut found, mut seen) = (Found::default(), grub::Seen::default());
    for volume in volumes.all() {
        grub::find(volumes, volume, arch, &mut seen, &mut found);
    }
    for volume in volumes.all() {
        grub::find_vendors(volumes, volume, arch, &mut seen, &mut found);
    }
    for volume in volumes.all() {
        let id = volume.id();
        if !found.entries.iter().any(|entry| entry.source.volume == id || entry.file().volume == id) {
            glob::find(volumes, volume, &mut found);
        }
    }
    if found.entries.is_empty() {
        volumes.all().iter().for_each(|volume| glob::find_modules(volumes, volume, &mut found));
    }
    found.entries.sort_by_key(|entry| entry.source.volume);
    let first = found.entries.iter().position(|entry| entry.default);
    for (i, entry) in found.entries.iter_mut().enumerate() {
        entry.default = Some(i) == first;
    }
    found
}
