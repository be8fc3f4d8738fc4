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
mod budget;
mod checksum;
mod chosen;
pub mod codes;
mod entry;
mod error;
mod extlinux;
mod filesystems;
pub mod fuzz;
mod glob;
mod grub;
mod ids;
mod marks;
mod merge;
mod os_release;
mod programs;
mod search;
mod sizes;
mod version;

use alloc::{string::String, vec::Vec};
use core::fmt;

use vfs::{Volume, VolumeId, Volumes};

pub use arch::Arch;
pub use bls::{Counting, Name as Counted};
pub use budget::{MOST_BYTES, MOST_ENTRIES, MOST_LOOKUPS, MOST_STEPS, MOST_TEXT, Spent};
pub use entry::{
    Access, Elsewhere, Entry, File, Initrd, Kind, Linux, Password, Program, Source, Start, Url, User,
};
pub use error::Error;
pub use menu::Wait;

use budget::Budget;
use filesystems::Filesystems;
use search::Search;

/// What was found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Found {
    /// The entries, in the order of volumes and, on a volume, of its menu. Exactly one is the default: that of the
    /// first configuration that has entries.
    pub entries: Vec<Entry>,
    /// What could not be used.
    pub problems: Vec<Problem>,
    /// How long the menu of the first configuration with entries waits, if it says so.
    pub wait: Option<Wait>,
    /// Whether that configuration starts the entry that was booted last, where it is still there (`default @saved`).
    pub starts_last: bool,
    /// The reasons why command lines must not be edited, one line each (`hd0,gpt1 /loader/loader.conf: editor no`);
    /// empty where no configuration forbids it.
    pub locks: Vec<String>,
    /// Volumes whose menu's default leads to another disk: the owner of such a menu did not want its other entries to
    /// start unattended.
    pub elsewhere: Vec<VolumeId>,
    /// The budget that discovery used.
    pub spent: Spent,
}

/// A configuration, or an entry of it, that could not be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// Which: `hd0,gpt1 /boot/grub/grub.cfg`.
    pub object: String,
    /// Why.
    pub error: Error,
    /// Further reads of the same disk that failed for the same reason: one broken block may affect many paths, and is
    /// one problem.
    pub others: u64,
}

impl Problem {
    pub(crate) fn new(object: impl Into<String>, error: Error) -> Self {
        Self { object: object.into(), error, others: 0 }
    }
}

/// The cause: `btrfs: btrfs_header.csum at byte 0 of node 30408704: checksum mismatch (7 more reads failed there)`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)?;
        match self.others {
            0 => Ok(()),
            1 => f.write_str(" (1 more read failed there)"),
            others => write!(f, " ({others} more reads failed there)"),
        }
    }
}

/// The scope of a discovery.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The machine's architecture.
    pub arch: Arch,
    /// Tells whether a file is the running loader. It is called for EFI programs, and reads only their headers and one
    /// section.
    pub is_own: &'a dyn Fn(&Volume, &str) -> bool,
    /// Whether configurations of a volume count. On other volumes, only files that these name are read: the target of a
    /// `search`, the fstab of a system that mounts a wanted `/boot`. If only some roots of a filesystem are wanted, an
    /// entry there does not start files of another root, and its kernel is told its root: otherwise a copy of a system
    /// would start or mount its original.
    pub is_wanted: &'a dyn Fn(&Volume) -> bool,
}

impl<'a> Scope<'a> {
    /// All volumes.
    pub fn new(arch: Arch, is_own: &'a dyn Fn(&Volume, &str) -> bool) -> Self {
        Self { arch, is_own, is_wanted: &|_| true }
    }

    /// Finds all entries. Kernels are searched by name only on a volume that has no configuration and whose kernels no
    /// configuration starts; kernels among a system's modules only if nothing else was found at all.
    ///
    /// Everything together stays within one [`budget`](Spent), of which each disk has an equal share; exceeding it is a
    /// problem whose code ends in `-LIMIT`.
    pub fn discover(self, volumes: &Volumes) -> Found {
        let filesystems = Filesystems::new(volumes);
        Search::new(self, &filesystems).run()
    }
}

/// [`Scope::discover`] on all volumes.
pub fn discover(volumes: &Volumes, arch: Arch, is_own: &dyn Fn(&Volume, &str) -> bool) -> Found {
    Scope::new(arch, is_own).discover(volumes)
}

/// An entry for a kernel named by a setting, with the command line that the system's own files give it.
pub fn of_kernel(volumes: &Volumes, kernel: File, initrd: Option<File>) -> Option<Entry> {
    let volume = volumes.get(kernel.volume)?;
    let path = String::from_utf8_lossy(&kernel.path).into_owned();
    let (budget, filesystems) = (Budget::new(volumes), Filesystems::new(volumes));
    let options = glob::Systems::new(&filesystems, &budget).options(volume);
    let initrd = initrd.map(Into::into).into_iter().collect();
    Some(Entry {
        title: path.clone(),
        version: String::new(),
        id: "pinned".into(),
        source: Source { volume: volume.id(), path, kind: Kind::Glob },
        start: Start::Linux(Linux { kernel, initrd, options, devicetree: None }),
        counting: None,
        default: true,
        is_first: true,
        access: Access::Anyone,
    })
}
