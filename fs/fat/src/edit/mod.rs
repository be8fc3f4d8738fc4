// SPDX-License-Identifier: BSD-3-Clause
//! Creates, replaces, renames and removes files on an existing volume so that power may fail at any time.
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
//! A change has steps, each of which writes at most eight sectors of metadata between two flushes:
//!
//! 1. The content is written to free clusters and flushed; then their chain is written to the FATs, in groups. New
//!    folders, and new clusters of a folder, are such chains, too. Nothing refers to them yet.
//! 2. One sector makes the change: the one with the short entry or, if a folder grows, the FAT sector of its last
//!    cluster.
//! 3. The replaced or removed clusters are freed in the FATs, in groups.
//!
//! So whichever of the sectors between two flushes get written, every file is whole, and the changed one is in its old
//! or its new state. What may be left behind is harmless, and `fsck.fat -a` repairs it without asking: lost clusters,
//! FATs that differ in such clusters, a wrong number of free clusters, parts of a long name without a file. The last
//! are left only if an entry spans two sectors: entries made by others may, and those with names of more than 195 units
//! do.
//!
//! This assumes that the device writes a sector atomically, that a flush really flushes, and that the volume was
//! consistent: a cluster that is free in the FAT, although a file uses it, counts as free.
//!
//! The dirty mark, which Linux sets while it has a volume mounted, is neither set nor removed.

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
    scan::{FoundEntry, Scan},
};
use crate::{
    Fat, Node, corrupt,
    directory::ATTR_ARCHIVE,
    slots::short_entry,
    units::{ByteOffset, ClusterNumber},
};

pub use error::Error;

/// Maximum number of FATs to keep identical, so that a change of an entry fits into a batch. Formatters make two.
const MOST_FATS: u64 = 2;
/// Supported sector sizes in bytes.
const SECTORS: core::ops::RangeInclusive<u32> = 512..=4096;

/// A volume that is being changed. Nobody else may write to it meanwhile.
#[derive(Debug)]
pub struct Editor<D> {
    fat: Fat<D>,
    /// Bytes that the device writes atomically.
    sector: u64,
}

impl<D: BlockWrite> Editor<D> {
    /// Opens the volume on a device.
    ///
    /// # Errors
    /// As [`Fat::open`]; also [`filesystem::Error::Corrupt`] for a volume that is longer than its device, and
    /// [`filesystem::Error::Unsupported`] for more than two FATs or sectors of more than 4 KiB.
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
            return Err(unsupported(alloc::format!("writing to sectors of {sector} bytes").into()).into());
        }
        // Cannot saturate: the end of the last cluster does not overflow.
        let length = u64::from(geometry.clusters).saturating_mul(geometry.cluster);
        if geometry.data_start.after(length).0 > size {
            return Err(corrupt(Fault::Range, "BPB_TotSec", ByteOffset(0), geometry.clusters).into());
        }
        Ok(Self { fat, sector: sector.into() })
    }

    /// The volume, for reading.
    pub fn fat(&self) -> &Fat<D> {
        &self.fat
    }

    /// The device; all changes are flushed.
    pub fn into_device(self) -> D {
        self.fat.device
    }

    /// Writes a file: replaces the content of the one at `path`, or creates it and the missing folders.
    ///
    /// `path` is separated by slashes; a leading one is allowed. Replacing keeps the spelling of the name, and needs
    /// space for the new content beside the old one. `content` is read once, in pieces of 64 KiB or one cluster,
    /// whichever is larger.
    ///
    /// # Errors
    /// All errors except [`Error::Content`] and those of the device come before anything is written.
    pub fn write(&mut self, path: &str, content: &dyn BlockRead, time: Timestamp) -> Result<(), Error> {
        self.changed(|editor| editor.write_file(path, content, time))
    }

    /// Creates a folder and those above it; existing ones are kept.
    ///
    /// # Errors
    /// All errors except those of the device come before anything is written.
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

    /// Renames a file or folder, or moves it to another folder; missing folders are created.
    ///
    /// Within the sector of its entry this is one step. If the sector has no space, or to move it to another folder, a
    /// file is copied and the original removed, which needs space for the copy: if power failed between two entries for
    /// one content, that would be corruption. For a while there are two files then, each of them whole. A folder can
    /// only be renamed within its sector.
    ///
    /// # Errors
    /// [`Error::Exists`] if `to` is another entry; [`Error::FolderStays`]. All errors except those of the device come
    /// before anything is written.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), Error> {
        self.changed(|editor| editor.rename_entry(from, to))
    }

    /// Removes a file or an empty folder.
    ///
    /// # Errors
    /// [`Error::NotEmpty`], [`Error::ReadOnly`]. All errors except those of the device come before anything is written.
    pub fn remove(&mut self, path: &str) -> Result<(), Error> {
        self.changed(|editor| editor.remove_entry(path))
    }

    /// Makes a change and drops cached data from before it.
    fn changed(&mut self, change: impl FnOnce(&Self) -> Result<(), Error>) -> Result<(), Error> {
        let result = change(self);
        self.fat.forget();
        result
    }

    /// An existing entry and its folder.
    fn existing(&self, change: &Change<'_, D>, path: &str) -> Result<(Node, FoundEntry), Error> {
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
