// SPDX-License-Identifier: BSD-3-Clause
//! The log of a filesystem that was not unmounted, replayed in memory: fs/xfs/xfs_log_recover.c.
//!
//! Two passes over the records between tail and head, as Linux makes them. The first one checks every record's checksum
//! and notes which buffers were freed ("cancelled"); the second one lays what committed transactions changed over the
//! device, sector by sector. Nothing is written, and what no reader looks at is left out: free space, quotas, reverse
//! mappings, reference counts, extended attributes and the lists of unlinked inodes, which are in no directory.
//!
//! What Linux would still have to do after that are intents ([`Intents`]): those that change where a file's blocks are.
//!
//! A log is bounded by its size (2 GiB at most), which is read three times at most; `MOST_MEMORY` bounds what is kept
//! of it.

mod buffer;
mod ends;
mod inode;
mod intents;
mod map;
mod overlay;
mod record;
mod replay;
mod ring;
#[cfg(test)]
mod tests;
mod transaction;

use alloc::{format, string::String};

use block::{BlockRead, ReadError};
use filesystem::{Error, Fault, Format, NoMemory};

use crate::failure::{self, Failure, Outcome, unsupported};

pub use intents::{Intents, Mapped};
pub use overlay::{Overlay, Replayed};

use ring::Ring;

/// Most bytes of memory that a replay needs, all in all: for transactions that are not committed yet, and for what those
/// have changed that are. A log of 64 MiB, which mkfs.xfs makes on disks of up to 128 GiB, seldom has more: what was not
/// written back before power failed is part of it, and much of that concerns free space. Some 80 000 inodes that have
/// each changed once are more.
const MOST_MEMORY: usize = 48 << 20;
/// `XFS_SB_FEAT_INCOMPAT_LOG_XATTRS`: attributes are changed by intents.
const KNOWN_LOG_FEATURES: u32 = 1;

/// What the superblock says about the log, and about what is in it.
#[derive(Clone, Debug)]
pub struct Geometry {
    /// Byte offset of the log in the device (`sb_logstart`); none where it is on a device of its own.
    pub log_start: Option<u64>,
    /// Length of the log in bytes (`sb_logblocks`).
    pub log_bytes: u64,
    /// `sb_uuid`, which records of the log have.
    pub uuid: [u8; 16],
    /// `sb_meta_uuid`, or `sb_uuid` without that feature: what metadata has.
    pub meta_uuid: [u8; 16],
    /// Bytes of a block (`sb_blocksize`).
    pub block_size: u32,
    /// Bytes of an inode (`sb_inodesize`).
    pub inode_size: u32,
    /// Blocks of an allocation group (`sb_agblocks`).
    pub group_blocks: u32,
    /// Blocks that inode chunks are aligned to (`sb_inoalignmt`).
    pub inode_alignment: u32,
    /// `sb_lsn`, unless it is of no transaction: the superblock as it stands on the device.
    pub superblock_lsn: Option<u64>,
    /// Version 5: metadata has checksums.
    pub is_v5: bool,
    /// `sb_features_log_incompat`
    pub log_features: u32,
}

/// What the log of a filesystem had that was not unmounted.
pub struct Recovered {
    /// What changed, for [`Replayed::set`].
    pub overlay: Overlay,
    /// What transactions began and did not finish.
    pub intents: Intents,
    /// What was done.
    pub report: Report,
}

/// How much a replay has done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// Committed transactions.
    pub transactions: u64,
    /// Changes of buffers (blocks of directories, trees and links, superblocks, new inode chunks).
    pub buffers: u64,
    /// Changes of inodes.
    pub inodes: u64,
}

/// Replays the log; none where it is clean: the filesystem was unmounted, or never mounted.
///
/// The superblock may be in the log: it must be read again through the overlay.
///
/// # Errors
/// [`Error::Corrupt`] for a log that Linux would not recover, either; [`Error::Unsupported`] for a log on another
/// device, dirty or not, one of version 4 that is not clean, and what only later kernels or other processors write;
/// [`Error::NoMemory`] for one that needs more than `most` bytes of memory, or than `MOST_MEMORY`; [`Error::Io`].
pub fn recover(device: &dyn BlockRead, geometry: &Geometry, most: usize) -> Outcome<Option<Recovered>> {
    let most = most.min(MOST_MEMORY);
    let ring = Ring::new(device, geometry)?;
    let Some(ends) = ends::find(&ring, geometry)? else { return Ok(None) };
    if !geometry.is_v5 {
        return Err(unsupported("a dirty log of version 4"));
    }
    // Whoever made the log anew did not look at the filesystem. What the log has would be taken for older than it is.
    if let Some(lsn) = geometry.superblock_lsn.filter(|lsn| Lsn(*lsn) > ends.newest) {
        return Err(corrupt(Fault::Inconsistent, "xfs_dsb.sb_lsn", SUPERBLOCK_LSN_AT, lsn));
    }
    let unknown = geometry.log_features & !KNOWN_LOG_FEATURES;
    if unknown != 0 {
        return Err(unsupported(format!("log features {unknown:#x}")));
    }
    // Cannot saturate: 32 bits of blocks of 512 bytes.
    let live = u64::from(ring.distance(ends.tail, ends.head)).saturating_mul(SECTOR_U64);
    replay::run(&ring, geometry, ends, most).map(Some).map_err(|failure| named(failure, live))
}

/// What a user has to know of a log that is not replayed.
pub fn not_replayed(why: &Error) -> String {
    let why = match why {
        Error::Unsupported(unsupported) => unsupported.feature.clone().into_owned(),
        why => format!("{why}"),
    };
    format!("its log is not replayed ({why}): files may be older than they were, or damaged")
}

/// What goes beyond how much may be read is the log, if so much of it is live: it is read twice, and blocks that it
/// changes are read, too.
fn named(failure: Failure, live: u64) -> Failure {
    match *failure.0 {
        Error::Io(ReadError::Limit { limit, .. }) if live >= limit / 4 => {
            unsupported(format!("a log with {} MiB to replay, more than may be read", live >> 20))
        }
        _ => failure,
    }
}

/// Fuzz entry point: a log of any bytes, behind any superblock.
pub fn fuzz(data: &[u8]) {
    let Some((parameters, log)) = data.split_first_chunk::<4>() else { return };
    let [inode_log, block_log, alignment, is_v5] = *parameters;
    let block_size = 512 << (block_log & 3);
    let geometry = Geometry {
        log_start: Some(0),
        log_bytes: u64::try_from(log.len()).unwrap_or(0),
        uuid: [0x55; 16],
        meta_uuid: [0x55; 16],
        block_size,
        inode_size: 256 << (inode_log & 3),
        group_blocks: 64,
        inode_alignment: alignment.into(),
        superblock_lsn: None,
        is_v5: is_v5 & 7 != 0,
        log_features: 0,
    };
    if let Ok(Some(recovered)) = recover(&log, &geometry, MOST_MEMORY) {
        let mut buf = [0; 1024];
        let _ = Replayed::new(log).with(recovered.overlay).read_at(100, &mut buf);
        let _ = recovered.intents.resolve(0, 0, &mut |_, _| Ok((Mapped::Hole, 1)));
    }
}

/// A log sequence number: the cycle that the log's record was written in, and its block there.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Lsn(u64);

impl Lsn {
    /// The next one that has this block: where that is before its own, in the next cycle.
    fn with_block(self, block: u32) -> Self {
        let [.., a, b, c, d] = self.0.to_be_bytes();
        let cycles = (self.0 >> 32).wrapping_add(u64::from(block < u32::from_be_bytes([a, b, c, d])));
        Self(cycles << 32 | u64::from(block))
    }
}

/// A sector of the device: 512 bytes, which XFS calls a basic block and counts disk addresses in.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Sector(u64);

/// Offset of `sb_lsn`.
const SUPERBLOCK_LSN_AT: u64 = 240;
/// `XFS_BLF_CHUNK`: the log has changes of buffers in pieces of so many bytes.
const CHUNK: usize = 128;
/// Bytes of a sector.
const SECTOR: usize = 512;
const SECTOR_U64: u64 = 512;

impl Sector {
    /// Its byte offset; past every device's end where it is none.
    fn offset(self) -> u64 {
        // What saturates is past every device's end, as its documentation says.
        self.0.saturating_mul(SECTOR_U64)
    }
}

/// An error about the bytes at `offset` of the device.
fn corrupt(fault: Fault, structure: &'static str, offset: u64, found: u64) -> Failure {
    failure::corrupt(fault, structure, offset, found)
}

fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// The replay would keep more than it may.
#[cold]
#[inline(never)]
fn too_much(bytes: usize) -> Failure {
    let bytes = to_u64(bytes);
    Error::NoMemory(NoMemory { format: Format::Xfs, structure: "log replay", bytes }).into()
}

/// The 16 bits at `at`, little-endian as this processor's Linux logs its own structures; 0 where there are none.
fn half(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk().copied()).map_or(0, u16::from_le_bytes)
}

/// The 32 bits at `at`, little-endian.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk().copied()).map_or(0, u32::from_le_bytes)
}
