// SPDX-License-Identifier: BSD-3-Clause
//! Boot entries: what the volumes offer to boot, as their own configuration says.
//!
//! One module per format, each yielding [`Entry`] values: `bls` reads Boot Loader Specification entries and unified
//! kernel images, `grub` runs grub.cfg as GRUB would and keeps what its menu would start, `extlinux` reads labels,
//! `glob` finds kernels by name where no configuration offers one, `programs` other EFI programs.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod bls;
pub mod codes;
mod error;
mod extlinux;
pub mod fuzz;
mod glob;
mod grub;
mod ids;
mod os_release;
mod programs;
mod version;

use alloc::{string::String, vec::Vec};
use core::fmt;

use vfs::{Volume, VolumeId, Volumes};

pub use bls::Counting;
pub use error::Error;
pub use menu::Wait;

/// Something that can be booted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// What a menu calls it.
    pub title: String,
    /// What tells it from others of the same title; empty where nothing is known.
    pub version: String,
    /// What identifies it: GRUB's id, the name of an entry's file, the kernel's version, with no other characters
    /// than the Boot Loader Interface allows. No two entries have the same.
    pub id: String,
    /// Where it was found.
    pub source: Source,
    /// What is started.
    pub start: Start,
    /// The file whose name counts the tries of this entry.
    pub counting: Option<Counting>,
    /// The one that is booted unless something else is asked for.
    pub default: bool,
    /// Who may start it.
    pub access: Access,
}

impl Entry {
    /// The kernel and what it is given; none where a program is started.
    pub fn linux(&self) -> Option<&Linux> {
        match &self.start {
            Start::Linux(linux) => Some(linux),
            Start::Program(_) | Start::Elsewhere(_) => None,
        }
    }

    /// The operating system, as `cloudboot.target` calls it: `linux`, `windows`, `freebsd`, `netbsd`, `openbsd`.
    pub fn os(&self) -> Option<&'static str> {
        match &self.start {
            Start::Linux(_) => Some("linux"),
            Start::Program(program) => program.os,
            Start::Elsewhere(_) => None,
        }
    }

    /// The file that is started: the kernel, or the program; none where the entry leads elsewhere.
    pub fn file(&self) -> Option<&File> {
        match &self.start {
            Start::Linux(linux) => Some(&linux.kernel),
            Start::Program(program) => Some(&program.file),
            Start::Elsewhere(_) => None,
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
    /// Nothing on this disk: the entry says that the machine should boot from another one.
    Elsewhere(Elsewhere),
}

/// An entry that leaves its menu for another disk: GRUB's `exit`, `chainloader (hd1)+1`, syslinux's `localboot`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Elsewhere {
    /// The command, as the configuration spells it.
    pub command: String,
}

/// Who may start an entry.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Access {
    /// Whoever stands at the machine; it may start unattended.
    #[default]
    Anyone,
    /// One of these, after a password; never unattended. With no user in it nobody can.
    Users(Vec<User>),
}

/// Somebody that a configuration knows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    /// The name that is asked for; empty where only a password is.
    pub name: String,
    /// What proves it.
    pub password: Password,
}

/// A password as a configuration keeps it.
#[derive(Clone, Eq, PartialEq)]
pub enum Password {
    /// The text itself.
    Plain(Vec<u8>),
    /// PBKDF2 with HMAC-SHA-512 (`grub.pbkdf2.sha512.`).
    Pbkdf2 {
        /// Rounds.
        iterations: u32,
        /// Salt.
        salt: Vec<u8>,
        /// Derived key.
        hash: Vec<u8>,
    },
    /// In a form that is not known here: it fits nothing.
    Unknown,
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(password)")
    }
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
    /// How long the first configuration that has entries lets its menu wait; none where it says nothing.
    pub wait: Option<Wait>,
    /// Why command lines must not be edited, a line each (`hd0,gpt1 /loader/loader.conf: editor no`); empty where no
    /// configuration forbids it.
    pub locks: Vec<String>,
    /// Volumes whose menu's default leads elsewhere: whoever made the menu did not want its other entries to start
    /// unattended.
    pub elsewhere: Vec<VolumeId>,
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
///
/// `is_own` tells the program that asks from other EFI programs: it is called for files that may be one.
pub fn discover(volumes: &Volumes, arch: Arch, is_own: &dyn Fn(&Volume, &str) -> bool) -> Found {
    let (mut found, mut seen) = (Found::default(), grub::Seen::default());
    for volume in volumes.all() {
        grub::find(volumes, volume, arch, &mut seen, &mut found);
    }
    for volume in volumes.all() {
        grub::find_vendors(volumes, volume, arch, &mut seen, &mut found);
    }
    bls::find(volumes, arch, &seen.blscfg, &mut found);
    volumes.all().iter().for_each(|volume| extlinux::find(volume, &mut found));
    for volume in volumes.all() {
        let id = volume.id();
        if !found
            .entries
            .iter()
            .any(|entry| entry.source.volume == id || entry.file().is_some_and(|file| file.volume == id))
        {
            glob::find(volumes, volume, &mut found);
        }
    }
    if found.entries.is_empty() {
        volumes.all().iter().for_each(|volume| glob::find_modules(volumes, volume, &mut found));
    }
    volumes.all().iter().for_each(|volume| programs::find(volume, arch, is_own, &mut found));
    complete(volumes, &mut found.entries);
    found.elsewhere = leaving(&found.entries);
    order(volumes, &mut found.entries);
    ids::settle(&mut found.entries);
    found
}

/// The entry of a kernel that somebody names: with the command line that the system's files give it.
pub fn pinned(volumes: &Volumes, kernel: File, initrd: Option<File>) -> Option<Entry> {
    let volume = volumes.get(kernel.volume)?;
    let path = String::from_utf8_lossy(&kernel.path).into_owned();
    let options = glob::options(volumes, volume);
    let initrd = initrd.into_iter().collect();
    Some(Entry {
        title: path.clone(),
        version: String::new(),
        id: "pinned".into(),
        source: Source { volume: volume.id(), path, kind: Kind::Glob },
        start: Start::Linux(Linux { kernel, initrd, options, devicetree: None }),
        counting: None,
        default: true,
        access: Access::Anyone,
    })
}

/// A kernel whose entry gives it no word gets the command line that the system's files give. One that has words is
/// left alone: an initrd that finds its root by itself needs no `root=`.
fn complete(volumes: &Volumes, entries: &mut [Entry]) {
    for entry in entries {
        let Start::Linux(linux) = &mut entry.start else { continue };
        if linux.options.is_empty() {
            let volume = volumes.get(linux.kernel.volume);
            linux.options = volume.and_then(|volume| glob::known(volumes, volume)).unwrap_or_default();
        }
    }
}

/// The volumes of the menus whose default leads elsewhere. Only here each menu has its own default.
fn leaving(entries: &[Entry]) -> Vec<VolumeId> {
    let leaves = |entry: &&Entry| entry.default && matches!(entry.start, Start::Elsewhere(_));
    entries.iter().filter(leaves).map(|entry| entry.source.volume).collect()
}

/// By disk, on a disk by kind; programs that bring a loader of their own come last. One entry is the default: the
/// first that its configuration calls so, else the first.
fn order(volumes: &Volumes, entries: &mut [Entry]) {
    let rank = |kind: Kind| match kind {
        Kind::Uki | Kind::Bls => 0,
        Kind::Grub => 1,
        Kind::Extlinux => 2,
        Kind::Glob => 3,
        Kind::Efi => 4,
    };
    entries.sort_by_key(|entry| {
        let (kind, disk) = (entry.source.kind, volumes.get(entry.source.volume).map_or(0, Volume::disk));
        (kind == Kind::Efi, disk, rank(kind))
    });
    let first = entries.iter().position(|entry| entry.default).unwrap_or(0);
    for (i, entry) in entries.iter_mut().enumerate() {
        entry.default = i == first;
    }
}
