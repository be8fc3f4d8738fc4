// SPDX-License-Identifier: BSD-3-Clause
//! An entry, and what it starts.

use alloc::{string::String, vec::Vec};
use core::fmt;

use vfs::VolumeId;

use crate::{Counting, sizes::total};

/// Something that can be booted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Its name in a menu.
    pub title: String,
    /// Distinguishes it from others with the same title; empty if unknown.
    pub version: String,
    /// Its identifier: GRUB's id, the name of an entry's file, the kernel's version, with no other characters
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
    /// The one that its own menu boots unless something else is asked for.
    pub is_first: bool,
    /// Who may start it.
    pub access: Access,
}

impl Entry {
    /// The kernel and its files; none for a program.
    pub fn linux(&self) -> Option<&Linux> {
        match &self.start {
            Start::Linux(linux) => Some(linux),
            Start::Program(_) | Start::Url(_) | Start::Elsewhere(_) => None,
        }
    }

    /// The operating system, as `cloudboot.target` calls it: `linux`, `windows`, `freebsd`, `netbsd`, `openbsd`.
    pub fn os(&self) -> Option<&'static str> {
        match &self.start {
            Start::Linux(_) => Some("linux"),
            Start::Program(program) => program.os,
            Start::Url(_) | Start::Elsewhere(_) => None,
        }
    }

    /// Bytes that it keeps. Id and version count twice, since they may be appended to the title.
    pub(crate) fn size(&self) -> usize {
        let of_file = |file: &File| file.path.len();
        let of_start = match &self.start {
            Start::Linux(linux) => {
                let files = linux.initrd_files().chain(&linux.devicetree).chain([&linux.kernel]);
                let names = linux.initrd.iter().map(|initrd| initrd.name.as_ref().map_or(0, String::len));
                total(files.map(of_file).chain(names).chain([linux.options.len()]))
            }
            Start::Program(program) => {
                let options = program.options.as_ref().map_or(0, String::len);
                total([options, of_file(&program.file)])
            }
            Start::Url(url) => total([url.url.len(), url.options.as_ref().map_or(0, String::len)]),
            Start::Elsewhere(elsewhere) => elsewhere.command.len(),
        };
        let marks = [self.id.len(), self.version.len()];
        let texts = [self.title.len(), self.source.path.len(), of_start, self.access.size()];
        total(texts.into_iter().chain(marks).chain(marks).chain([size_of::<Self>()]))
    }

    /// The file that is started: the kernel or the program; none if the entry leads to another disk or to the network.
    pub fn file(&self) -> Option<&File> {
        match &self.start {
            Start::Linux(linux) => Some(&linux.kernel),
            Start::Program(program) => Some(&program.file),
            Start::Url(_) | Start::Elsewhere(_) => None,
        }
    }
}

/// What an entry starts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Start {
    /// A Linux kernel.
    Linux(Linux),
    /// A self-contained EFI program: a unified kernel image, another loader.
    Program(Program),
    /// A unified kernel image that is fetched from the network.
    Url(Url),
    /// Nothing on this disk: the entry says that the machine should boot from another one.
    Elsewhere(Elsewhere),
}

/// A unified kernel image on a web server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Url {
    /// Its address, as in the entry: `https://host/path`.
    pub url: String,
    /// Its options; if none, it uses its built-in ones.
    pub options: Option<String>,
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
    /// Anyone at the machine; it may also start unattended.
    #[default]
    Anyone,
    /// One of these, after a password; never unattended. With an empty list, nobody.
    Users(Vec<User>),
}

impl Access {
    /// Bytes that it keeps.
    fn size(&self) -> usize {
        let of_user = |user: &User| {
            let password = match &user.password {
                Password::Plain(text) => text.len(),
                Password::Pbkdf2 { salt, hash, .. } => total([salt.len(), hash.len()]),
                Password::Unknown => 0,
            };
            total([size_of::<User>(), user.name.len(), password])
        };
        match self {
            Self::Anyone => 0,
            Self::Users(users) => total(users.iter().map(of_user)),
        }
    }
}

/// A user of a configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    /// The name that is asked for; empty if only a password is.
    pub name: String,
    /// The password.
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
    /// In an unknown form: no password matches it.
    Unknown,
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(password)")
    }
}

/// A Linux kernel and what it is started with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Linux {
    /// The kernel.
    pub kernel: File,
    /// The initial RAM disks, in order.
    pub initrd: Vec<Initrd>,
    /// The command line.
    pub options: String,
    /// A device tree that the entry wants in place of the firmware's.
    pub devicetree: Option<File>,
}

impl Linux {
    /// The files of the initial RAM disks, in order.
    pub fn initrd_files(&self) -> impl Iterator<Item = &File> {
        self.initrd.iter().map(|initrd| &initrd.file)
    }
}

/// An initial RAM disk.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Initrd {
    /// The file.
    pub file: File,
    /// The path under which the kernel finds the file, which is then wrapped into an archive (GRUB's `newc:NAME:FILE`).
    /// If none, the file is an archive itself.
    pub name: Option<String>,
}

impl From<File> for Initrd {
    fn from(file: File) -> Self {
        Self { file, name: None }
    }
}

/// An EFI program. It is started with the device path of its file, so that it finds neighbouring files.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Program {
    /// The program.
    pub file: File,
    /// Its LoadOptions, if the entry names any.
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
    /// The format that it was found by.
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
