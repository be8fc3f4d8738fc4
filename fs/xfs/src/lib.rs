// SPDX-License-Identifier: BSD-3-Clause
//! XFS of versions 4 and 5, read-only.
//!
//! Supports all forms of directories, extents in lists and trees, and all file features of Linux 7, except files on a
//! realtime device and extended attributes. In version 5 every structure is checked: checksum, filesystem, location and
//! owner. A dirty log of version 5 is replayed in memory; nothing is written. If the log cannot be replayed, as in
//! version 4 or on another device, the filesystem is read without it, with a warning.
//!
//! ```
//! # fn read(disk: Vec<u8>) -> Result<(), filesystem::Error> {
//! use filesystem::FileSystem;
//! let xfs = xfs::Xfs::open(disk)?;
//! let etc = xfs.lookup(&xfs.root(), b"etc")?;
//! let passwd = xfs.lookup(&etc, b"passwd")?;
//! let mut first = [0; 64];
//! let length = xfs.read_at(&passwd, 0, &mut first)?;
//! # Ok(()) }
//! ```
//!
//! Sources: Linux, fs/xfs/libxfs; the XFS Filesystem Structure of xfs-documentation.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod checksum;
#[cfg(test)]
mod corruptions;
mod directory;
mod extent;
mod failure;
mod features;
mod files;
pub mod fuzz;
mod inode;
mod link;
mod log;
mod run;
mod summary;
mod superblock;
mod units;
mod volume;

use alloc::{borrow::Cow, vec::Vec};

use block::BlockRead;
use filesystem::{
    Attr, Claim, Degraded, EachEntry, Error, FileSystem, FileType, Format, Identity, MemoryBudget, Summary,
};

pub use units::InodeNumber;

use crate::{
    failure::{Outcome, unsupported},
    features::INCOMPAT_NEEDSREPAIR,
    files::Files,
    log::{Intents, Replayed, Report},
    volume::Volume,
};

// Why a whole filesystem is degraded though it can be read.
const NEEDS_REPAIR: &str = "marked as needing repair, and Linux refuses to mount it: run xfs_repair";

/// An XFS filesystem.
pub struct Xfs<D> {
    files: Files<D>,
    /// Why files may be out of date or damaged: the warnings.
    states: Vec<Cow<'static, str>>,
    /// What the log replay did.
    report: Option<Report>,
    /// The replayed log's share of the memory that all filesystems share; released on drop.
    _replayed: Claim,
}

/// Whether the device has the magic number of an XFS superblock.
///
/// # Errors
/// [`Error::Io`] when the device fails. A device that is too small holds no XFS: that is not an error.
pub fn probe<D: BlockRead + ?Sized>(device: &D) -> Result<bool, Error> {
    if device.size() < superblock::SMALLEST {
        return Ok(false);
    }
    let mut magic = [0; 4];
    device.read_at(0, &mut magic)?;
    Ok(magic == superblock::MAGIC)
}

impl<D: BlockRead> Xfs<D> {
    /// Opens the filesystem that starts at byte 0 of `device`, and replays its log in memory if it was not unmounted
    /// cleanly. If that fails, the filesystem is read without its log, with a warning. Metadata is read in small
    /// pieces, many of them repeatedly: wrap the device in a [`block::Cache`].
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a damaged superblock, [`Error::Unsupported`] naming a feature.
    pub fn open(device: D) -> Result<Self, Error> {
        Self::open_within(device, &MemoryBudget::default())
    }

    /// The same, with a memory budget that it shares with other filesystems.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_within(device: D, memory: &MemoryBudget) -> Result<Self, Error> {
        Ok(Self::start(device, memory)?)
    }

    fn start(device: D, memory: &MemoryBudget) -> Outcome<Self> {
        let mut volume = Volume::open(Replayed::new(device))?;
        let geometry = volume.superblock.log()?;
        let (mut states, mut intents, mut report) = (Vec::new(), Intents::default(), None);
        if volume.superblock.features.has_incompat(INCOMPAT_NEEDSREPAIR) {
            states.push(NEEDS_REPAIR.into());
        }
        let recovered = log::recover(volume.device(), &geometry, memory.left_for_log());
        match recovered.and_then(|recovered| volume.replay(recovered)) {
            Ok(None) => {}
            Ok(Some((left, done))) => (intents, report) = (left, Some(done)),
            // The filesystem is read without its log: docs/architecture.md says why.
            Err(failure) => states.push(log::not_replayed(&failure.0).into()),
        }
        let replayed = memory.claim(Format::Xfs, volume.device().overlay().memory())?;
        Ok(Self { files: Files::new(volume, intents), states, report, _replayed: replayed })
    }
}

impl<D: BlockRead> FileSystem for Xfs<D> {
    type Node = InodeNumber;

    fn identity(&self) -> Identity {
        self.files.volume.superblock.identity()
    }

    fn summary(&self) -> Result<Summary, Error> {
        Ok(summary::of(&self.files.volume.superblock, !self.states.is_empty(), self.report.as_ref()))
    }

    fn warnings(&self) -> Vec<Error> {
        let warning = |state: &Cow<'static, str>| Degraded { format: Format::Xfs, state: state.clone() };
        self.states.iter().map(|state| Error::Degraded(warning(state))).collect()
    }

    fn root(&self) -> InodeNumber {
        self.files.volume.superblock.root
    }

    fn lookup(&self, dir: &InodeNumber, name: &[u8]) -> Result<InodeNumber, Error> {
        Ok(directory::lookup(&self.files, &self.files.inode(*dir)?, name)?)
    }

    fn attr(&self, node: &InodeNumber) -> Result<Attr, Error> {
        Ok(self.files.inode(*node)?.attr())
    }

    fn read_dir(&self, dir: &InodeNumber, each: &mut EachEntry<'_, InodeNumber>) -> Result<(), Error> {
        Ok(directory::each(&self.files, &self.files.inode(*dir)?, each)?)
    }

    fn read_link(&self, node: &InodeNumber) -> Result<Vec<u8>, Error> {
        Ok(link::target(&self.files, &self.files.inode(*node)?)?)
    }

    fn read_at(&self, node: &InodeNumber, offset: u64, buf: &mut [u8]) -> Result<usize, Error> {
        Ok(self.read_file(*node, offset, buf)?)
    }
}

impl<D: BlockRead> Xfs<D> {
    /// Fills `buf` from the file's data at `offset` and returns how many bytes there were.
    fn read_file(&self, node: InodeNumber, offset: u64, buf: &mut [u8]) -> Outcome<usize> {
        let inode = self.files.inode(node)?;
        if inode.kind != FileType::File {
            return Err(Error::WrongType { expected: "regular file" }.into());
        }
        // Saturates past the end of the file, where there is nothing to read.
        let rest = usize::try_from(inode.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = rest.min(buf.len());
        let buf = buf.get_mut(..length).unwrap_or_default();
        if inode.is_realtime && length > 0 {
            return Err(unsupported("file on a realtime device"));
        }
        self.files.read_mapped(&inode, offset, buf)?;
        Ok(length)
    }
}
