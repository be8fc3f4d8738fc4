// SPDX-License-Identifier: BSD-3-Clause
//! ext2, ext3 and ext4, read-only except for the label.
//!
//! Extents and block maps, 64-bit, flex_bg, meta_bg, bigalloc, inline data, indexed directories, both checksum
//! features (verified), and a dirty journal, which is replayed in memory: reading writes nothing. Fast commits are not
//! replayed; if there are any, that is a warning.
//!
//! ```
//! # fn read(disk: Vec<u8>) -> Result<(), filesystem::Error> {
//! use filesystem::FileSystem;
//! let ext4 = ext4::Ext4::open(disk)?;
//! let etc = ext4.lookup(&ext4.root(), b"etc")?;
//! let passwd = ext4.lookup(&etc, b"passwd")?;
//! let mut first = [0; 64];
//! let length = ext4.read_at(&passwd, 0, &mut first)?;
//! # Ok(()) }
//! ```
//!
//! Sources: Linux, fs/ext4/ext4.h and fs/jbd2; Documentation/filesystems/ext4.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod checksum;
#[cfg(test)]
mod corruptions;
mod directory;
mod extent;
mod features;
mod files;
pub mod fuzz;
mod group;
mod indirect;
mod inline;
mod inode;
mod journal;
pub mod label;
mod map;
mod run;
mod summary;
mod superblock;
mod units;
mod volume;

use alloc::{vec, vec::Vec};

use block::BlockRead;
use filesystem::{
    Attr, Claim, Corrupt, Degraded, EachEntry, Error, Fault, FileSystem, FileType, Format, Identity,
    MemoryBudget, Origin, Summary, Unsupported,
};

pub use units::InodeNumber;

use crate::{
    files::Files,
    inode::Inode,
    journal::{Replayed, Scanned},
    units::ByteOffset,
    volume::Volume,
};

/// Longest target of a symbolic link: `PATH_MAX` of Linux.
const LONGEST_LINK: u64 = 4096;

/// The warning about fast commits that are not replayed.
const NOT_REPLAYED: &str = "the journal's fast commits are not replayed: the latest changes are missing";

/// An ext2, ext3 or ext4 filesystem.
pub struct Ext4<D> {
    files: Files<Replayed<D>>,
    /// Its journal has fast commits, which are not replayed.
    lacks_fast_commits: bool,
    /// Memory for the blocks that the journal replaces.
    _replayed: Claim,
}

/// Whether the superblock's magic number is on the device.
///
/// # Errors
/// [`Error::Io`] if the device fails. A device that is too small is not ext4, which is not an error.
pub fn probe<D: BlockRead + ?Sized>(device: &D) -> Result<bool, Error> {
    // Cannot saturate: a sum of two constants.
    if device.size() < superblock::OFFSET.saturating_add(superblock::SIZE) {
        return Ok(false);
    }
    let mut magic = [0; 2];
    let place = ByteOffset(superblock::OFFSET).within(superblock::MAGIC_AT);
    device.read_at(place.0, &mut magic)?;
    Ok(u16::from_le_bytes(magic) == superblock::MAGIC)
}

impl<D: BlockRead> Ext4<D> {
    /// Opens the filesystem that starts at byte 0 of `device`, and replays its journal in memory if it was not
    /// unmounted cleanly. Fast commits are not replayed, which is a [warning](FileSystem::warnings). Metadata is read
    /// in small pieces, many of them repeatedly: put a [`block::Cache`] below.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a damaged superblock or journal superblock, [`Error::Unsupported`] naming a
    /// feature, [`Error::NoMemory`] for a journal with implausibly many blocks.
    pub fn open(device: D) -> Result<Self, Error> {
        Self::open_within(device, &MemoryBudget::default())
    }

    /// As [`open`](Self::open), with a memory budget that is shared with other filesystems.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_within(device: D, memory: &MemoryBudget) -> Result<Self, Error> {
        let mut files = Files::new(Volume::open(Replayed::new(device))?);
        let mut lacks_fast_commits = false;
        if files.volume.superblock.needs_recovery {
            let Scanned { sources, has_fast_commits } = journal::scan(&files)?;
            lacks_fast_commits = has_fast_commits;
            let block_size = files.volume.superblock.block_size;
            // Opened again: the superblock itself may be in the journal.
            let device = files.volume.into_device().with(block_size, sources);
            files = Files::new(Volume::open(device)?);
        }
        let replayed = memory.claim(Format::Ext4, files.volume.device().memory())?;
        Ok(Self { files, lacks_fast_commits, _replayed: replayed })
    }
}

impl<D: BlockRead> FileSystem for Ext4<D> {
    type Node = InodeNumber;

    fn identity(&self) -> Identity {
        self.files.volume.superblock.identity()
    }

    fn summary(&self) -> Result<Summary, Error> {
        Ok(summary::of(&self.files.volume.superblock, self.lacks_fast_commits))
    }

    fn warnings(&self) -> Vec<Error> {
        let degraded = || Error::Degraded(Degraded { format: Format::Ext4, state: NOT_REPLAYED.into() });
        self.lacks_fast_commits.then(degraded).into_iter().collect()
    }

    fn root(&self) -> InodeNumber {
        inode::ROOT
    }

    fn lookup(&self, dir: &InodeNumber, name: &[u8]) -> Result<InodeNumber, Error> {
        directory::lookup(&self.files, &self.files.inode(*dir)?, name)
    }

    fn attr(&self, node: &InodeNumber) -> Result<Attr, Error> {
        self.files.inode(*node)?.attr()
    }

    fn read_dir(&self, dir: &InodeNumber, each: &mut EachEntry<'_, InodeNumber>) -> Result<(), Error> {
        directory::each(&self.files, &self.files.inode(*dir)?, each)
    }

    fn read_link(&self, node: &InodeNumber) -> Result<Vec<u8>, Error> {
        let inode = self.files.inode(*node)?;
        if inode.kind()? != FileType::Symlink {
            return Err(Error::WrongType { expected: "symbolic link" });
        }
        inode.refuse_encrypted()?;
        if !(1..=LONGEST_LINK).contains(&inode.size) {
            return Err(corrupt(Fault::Range, "ext4_inode.i_size", inode.offset, inode.size));
        }
        if let Some(target) = inode.fast_link() {
            return Ok(target.to_vec());
        }
        let mut target = vec![0; usize::try_from(inode.size).unwrap_or(0)];
        self.read_inode(&inode, 0, &mut target)?;
        Ok(target)
    }

    fn read_at(&self, node: &InodeNumber, offset: u64, buf: &mut [u8]) -> Result<usize, Error> {
        let inode = self.files.inode(*node)?;
        if inode.kind()? != FileType::File {
            return Err(Error::WrongType { expected: "regular file" });
        }
        self.read_inode(&inode, offset, buf)
    }
}

impl<D: BlockRead> Ext4<D> {
    /// Fills `buf` with the inode's bytes at `offset` and returns how many there were.
    fn read_inode(&self, inode: &Inode, offset: u64, buf: &mut [u8]) -> Result<usize, Error> {
        inode.refuse_encrypted()?;
        // Saturates at zero past the end, where nothing is left.
        let rest = usize::try_from(inode.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = rest.min(buf.len());
        let buf = buf.get_mut(..length).unwrap_or_default();
        if inode.has_inline_data() {
            inline::read(inode, offset, buf)?;
        } else {
            self.files.read_mapped(inode, offset, buf)?;
        }
        Ok(length)
    }
}

/// An error about the bytes at `offset` of the device.
fn corrupt(fault: Fault, structure: &'static str, offset: impl Into<u64>, found: impl Into<u64>) -> Error {
    let (offset, found) = (offset.into(), found.into());
    Error::Corrupt(Corrupt { format: Format::Ext4, fault, structure, origin: Origin::Start, offset, found })
}

/// Quotient and remainder; a unit of zero, which the superblock's checks rule out, yields zeros.
fn divide(value: u64, unit: u64) -> (u64, u64) {
    (value.checked_div(unit).unwrap_or(0), value.checked_rem(unit).unwrap_or(0))
}

fn unsupported(feature: impl Into<alloc::borrow::Cow<'static, str>>) -> Error {
    Error::Unsupported(Unsupported { format: Format::Ext4, feature: feature.into() })
}
