// SPDX-License-Identifier: BSD-3-Clause
//! Files of a volume that exists, created, replaced, renamed and removed so that power may fail at any time.
//!
//! ```
//! use fat::{edit::Editor, write::{Builder, Options}};
//!
//! let image = Builder::new().build(&Options::default())?;
//! let mut editor = Editor::open(block::Memory::new(image))?;
//! let now = filesystem::Timestamp { seconds: 1_767_323_045, nanoseconds: 0 };
//! editor.write("EFI/Linux/a kernel.efi", &b"its bytes".as_slice(), now)?;
//! editor.rename("EFI/Linux/a kernel.efi", "EFI/Linux/the kernel.efi")?;
//! editor.remove("efi/linux/THE KERNEL.EFI")?;
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # What a power failure leaves
//!
//! A change goes through steps, each of at most eight sectors of metadata between two flushes:
//!
//! 1. The content is written to free clusters and flushed; then their chain is written to the FATs, by groups. New
//!    folders, and new clusters of a folder, are such chains, too. Nothing names them yet.
//! 2. One sector makes the change: the one with the short entry, or, where a folder grows, the one of the FAT with its
//!    last cluster.
//! 3. What was replaced or removed is given back in the FATs, by groups.
//!
//! So after each subset of the sectors between two flushes, every file is whole: the one that is changed as it was
//! before or as it is to be. What may be left behind is harmless, and `fsck.fat -a` repairs it without asking: clusters
//! that nothing names, FATs that differ in such clusters, a wrong number of free clusters, parts of a long name without
//! a file. The last are left only where an entry lies in two sectors, as entries that others have made may, and those of
//! names of more than 195 units.
//!
//! This takes for granted that the device writes a sector as a whole, that a flush is one, and that the volume was
//! sound: a cluster that is free in the FAT and used by a file all the same is taken for free.
//!
//! The mark of a volume that is in use, which Linux sets while it has one mounted, is neither set nor removed.

mod batch;
mod change;
mod entry;
mod error;
mod operations;
mod path;
mod scan;

use block::{BlockRead, BlockWrite};
use filesystem::{Fault, Timestamp, Unsupported};

use self::{
    change::Change,
    entry::slots_of,
    operations::Leaf,
    scan::{Found, Scan},
};
use crate::{
    Fat, Node, corrupt,
    directory::ATTR_ARCHIVE,
    slots::short_entry,
    units::{ByteOffset, ClusterNumber},
};

pub use error::Error;

/// FATs that are kept the same, at most: so that a change of an entry fits into a batch. Formatters make two.
const MOST_FATS: u64 = 2;
/// Bytes of a sector, at least and at most.
const SECTORS: core::ops::RangeInclusive<u32> = 512..=4096;

/// A volume that is changed. Nobody else may write to it meanwhile.
#[derive(Debug)]
pub struct Editor<D> {
    fat: Fat<D>,
    /// Bytes that the device writes as a whole.
    sector: u64,
}

impl<D: BlockWrite> Editor<D> {
    /// Opens the volume on a device.
    ///
    /// # Errors
    /// As [`Fat::open`]; besides, [`filesystem::Error::Corrupt`] for a volume that is longer than its device, and
    /// [`filesystem::Error::Unsupported`] for more than two FATs and for sectors of more than 4 KiB.
    pub fn open(device: D) -> Result<Self, Error> {
        let sector = device.logical_block_size();
        let size = device.size();
        let fat = Fat::open(device)?;
        let geometry = &fat.geometry;
        let unsupported = |feature| {
            filesystem::Error::Unsupported(Unsupported { format: filesystem::Format::Fat, feature })
        };
        if geometry.mirrors.count > MOST_FATS {
            return Err(unsupported("writing to more than two FATs".into()).into());
        }
        if !SECTORS.contains(&sector) || !sector.is_power_of_two() {
            return Err(unsupported(alloc::format!("writing by {sector} bytes").into()).into());
        }
        // Cannot saturate: no position of a cluster overflows.
        let length = u64::from(geometry.clusters).saturating_mul(geometry.cluster);
        if geometry.data_start.after(length).0 > size {
            return Err(corrupt(Fault::Range, "BPB_TotSec", ByteOffset(0), geometry.clusters).into());
        }
        Ok(Self { fat, sector: sector.into() })
    }

    /// The volume, to be read.
    pub fn fat(&self) -> &Fat<D> {
        &self.fat
    }

    /// The device, all of whose changes are flushed.
    pub fn into_device(self) -> D {
        self.fat.device
    }

    /// Writes a file: replaces the content of the one at `path`, or creates it, and the folders that are missing.
    ///
    /// `path` is separated by slashes; one in front is allowed. Replacing keeps the name as it is spelled, and needs
    /// room for the old content beside the new one. `content` is read once, in pieces of at most 64 KiB, or of a
    /// cluster.
    ///
    /// # Errors
    /// Every one but [`Error::Content`] and those of the device before anything is written.
    pub fn write(&mut self, path: &str, content: &dyn BlockRead, time: Timestamp) -> Result<(), Error> {
        self.changed(|editor| editor.write_file(path, content, time))
    }

    /// Creates a folder, and those above it; those that exist already stay.
    ///
    /// # Errors
    /// All before anything is written, but those of the device.
    pub fn create_folder(&mut self, path: &str, time: Timestamp) -> Result<(), Error> {
        self.changed(|editor| {
            let target = editor.target(path)?;
            let mut change = Change::new(&editor.fat, editor.sector)?;
            let scan = change.scan(&target.folder, target.first(), slots_of(target.first()))?;
            match &scan.found {
                Some(found) if found.entry.is_directory() => Ok(()),
                Some(_) => Err(Error::NotAFolder { path: path.into() }),
                None => change.create(&target, scan, &Leaf::Folder(time.into())),
            }
        })
    }

    /// Renames a file or folder, within its folder or to another one, whose missing folders are created.
    ///
    /// Within the sector of its entry that is one step. Where that has no room, and to another folder, a file is copied
    /// and then removed, which needs room for the copy: two entries for one content would be damage, were power to fail
    /// between them. For a while there are two files then, each of them whole. A folder is renamed in the first way
    /// only.
    ///
    /// # Errors
    /// [`Error::Exists`] where `to` is another entry; [`Error::FolderStays`]. All before anything is written, but those
    /// of the device.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), Error> {
        self.changed(|editor| editor.rename_entry(from, to))
    }

    /// Removes a file or an empty folder.
    ///
    /// # Errors
    /// [`Error::NotEmpty`], [`Error::ReadOnly`]; all before anything is written, but those of the device.
    pub fn remove(&mut self, path: &str) -> Result<(), Error> {
        self.changed(|editor| editor.remove_entry(path))
    }

    /// What was read before a change does not outlive it.
    fn changed(&mut self, change: impl FnOnce(&Self) -> Result<(), Error>) -> Result<(), Error> {
        let result = change(self);
        self.fat.forget();
        result
    }

    /// The folder of an entry that is there, and the entry.
    fn existing(&self, change: &Change<'_, D>, path: &str) -> Result<(Node, Found), Error> {
        let target = self.target(path)?;
        if !target.missing.is_empty() {
            return Err(filesystem::Error::NotFound.into());
        }
        let Scan { found, .. } = change.scan(&target.folder, target.name, 0)?;
        let found = found.ok_or(filesystem::Error::NotFound)?;
        Ok((target.folder, found))
    }

    fn write_file(&self, path: &str, content: &dyn BlockRead, time: Timestamp) -> Result<(), Error> {
        let too_large = || Error::TooLarge { path: path.into(), size: content.size() };
        let size = u32::try_from(content.size()).map_err(|_| too_large())?;
        let target = self.target(path)?;
        let mut change = Change::new(&self.fat, self.sector)?;
        let scan = change.scan(&target.folder, target.first(), slots_of(target.first()))?;
        let like = short_entry(&[b' '; 11], ATTR_ARCHIVE, ClusterNumber::NONE, 0, time.into());
        let leaf = Leaf::File { content, size, like: &like };
        match &scan.found {
            Some(found) => self.replace(&mut change, found, path, &leaf),
            None => change.create(&target, scan, &leaf),
        }
    }
}
