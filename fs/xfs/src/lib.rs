// SPDX-License-Identifier: BSD-3-Clause
//! XFS of versions 4 and 5, read-only.
//!
//! Directories of every form, extents in lists and trees, all features of files that Linux 7 has, but no files on a realtime device and no extended attributes. Of version 5 every
//! structure is checked: checksum, filesystem, place and owner. A dirty log of version 5 is replayed in memory: reading
//! writes nothing. One that is not, as of version 4 or on another device, is a warning.
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

// What is wrong with the whole of a filesystem that is read all the same.
const NEEDS_REPAIR: &str =
    "marked as to be repaired, and Linux does not mount it before that: run xfs_repair";

/// An XFS.
pub struct Xfs<D> {
    files: Files<D>,
    /// Why files may be older than they were, or damaged.
    states: Vec<Cow<'static, str>>,
    /// What a replay of its log has done.
    report: Option<Report>,
    /// The memory that the replayed log takes of what all filesystems share; given back when this is dropped.
    _replayed: Claim,
}

/// Whether the superblock's magic number stands on the device.
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
    /// Opens the filesystem that starts at byte 0 of `device`, and replays its log in memory if it was not unmounted.
    /// Where that is not possible, what the device has without it is read, with a warning. Metadata is read in small
    /// pieces, many of them again and again: put a [`block::Cache`] below.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a damaged superblock, [`Error::Unsupported`] naming a feature.
    pub fn open(device: D) -> Result<Self, Error> {
        Self::open_within(device, &MemoryBudget::default())
    }

    /// The same beside other filesystems, with which it shares this memory.
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
            // What the disk has without it is read: docs/architecture.md says why.
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
    /// Fills `buf` from the file's bytes at `offset` and returns how many there were.
    fn read_file(&self, node: InodeNumber, offset: u64, buf: &mut [u8]) -> Outcome<usize> {
        let inode = self.files.inode(node)?;
        if inode.kind != FileType::File {
            return Err(Error::WrongType { expected: "regular file" }.into());
        }
        // Saturates behind the end, where nothing is left.
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
