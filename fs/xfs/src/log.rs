// SPDX-License-Identifier: BSD-3-Clause
//! The log of a filesystem that was not unmounted, replayed in memory: fs/xfs/xfs_log_recover.c.
//!
//! Two passes over the records between tail and head, as in Linux. The first checks the checksum of every record and
//! collects the buffers that were freed ("cancelled"). The second applies the changes of committed transactions to an
//! overlay over the device. Nothing is written. Items that no reader needs are skipped: free space, quotas, reverse
//! mappings, reference counts, extended attributes and the lists of unlinked inodes, which are in no directory.
//!
//! What Linux would then still have to finish are intents ([`Intents`]); those that map a file's blocks are kept.
//!
//! The log's size (2 GiB at most) bounds the work: it is read three times at most. `MOST_MEMORY` bounds what is kept of
//! it.

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

/// The most memory, in bytes, that a replay may use: for open transactions, and for the changes of committed ones. A
/// log of 64 MiB, which mkfs.xfs makes on disks of up to 128 GiB, seldom needs more: only what was not yet written back
/// when power failed has to be replayed, and much of that concerns free space. It is exceeded by about 80 000 inodes
/// that have each changed once.
const MOST_MEMORY: usize = 48 << 20;
/// `XFS_SB_FEAT_INCOMPAT_LOG_XATTRS`: intents may change attributes.
const KNOWN_LOG_FEATURES: u32 = 1;

/// What the superblock says about the log, and what is needed to interpret it.
#[derive(Clone, Debug)]
pub struct Geometry {
    /// Byte offset of the log on the device (`sb_logstart`); `None` if it is on a device of its own.
    pub log_start: Option<u64>,
    /// Length of the log in bytes (`sb_logblocks`).
    pub log_bytes: u64,
    /// `sb_uuid`, which log records carry.
    pub uuid: [u8; 16],
    /// The UUID in metadata: `sb_meta_uuid`, or `sb_uuid` without that feature.
    pub meta_uuid: [u8; 16],
    /// Bytes of a block (`sb_blocksize`).
    pub block_size: u32,
    /// Bytes of an inode (`sb_inodesize`).
    pub inode_size: u32,
    /// Blocks of an allocation group (`sb_agblocks`).
    pub group_blocks: u32,
    /// Blocks that inode chunks are aligned to (`sb_inoalignmt`).
    pub inode_alignment: u32,
    /// `sb_lsn`: the last transaction that changed the superblock on the device; `None` if no transaction did.
    pub superblock_lsn: Option<u64>,
    /// Version 5: metadata has checksums.
    pub is_v5: bool,
    /// `sb_features_log_incompat`
    pub log_features: u32,
}

/// What was recovered from the log of a filesystem that was not unmounted.
pub struct Recovered {
    /// The changed bytes, for [`Replayed::set`].
    pub overlay: Overlay,
    /// The operations on files that were begun and not finished.
    pub intents: Intents,
    /// How much was replayed.
    pub report: Report,
}

/// How much a replay did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// Committed transactions.
    pub transactions: u64,
    /// Changed buffers (blocks of directories, trees and links, superblocks, new inode chunks).
    pub buffers: u64,
    /// Changed inodes.
    pub inodes: u64,
}

/// Replays the log; `None` if it is clean: the filesystem was unmounted, or never mounted.
///
/// The superblock may be among the changes: read it again through the overlay.
///
/// # Errors
/// [`Error::Corrupt`] for a log that Linux would not recover, either; [`Error::Unsupported`] for a log on another
/// device, clean or not, for a dirty log of version 4, and for what only newer kernels or other processors write;
/// [`Error::NoMemory`] for one that needs more than `most` or `MOST_MEMORY` bytes of memory; [`Error::Io`].
pub fn recover(device: &dyn BlockRead, geometry: &Geometry, most: usize) -> Outcome<Option<Recovered>> {
    let most = most.min(MOST_MEMORY);
    let ring = Ring::new(device, geometry)?;
    let Some(ends) = ends::find(&ring, geometry)? else { return Ok(None) };
    if !geometry.is_v5 {
        return Err(unsupported("a dirty log of a version 4 filesystem"));
    }
    // The log was made anew with lower numbers: its changes would wrongly count as older than the metadata.
    if let Some(lsn) = geometry.superblock_lsn.filter(|lsn| Lsn(*lsn) > ends.newest) {
        return Err(corrupt(Fault::Inconsistent, "xfs_dsb.sb_lsn", SUPERBLOCK_LSN_AT, lsn));
    }
    let unknown = geometry.log_features & !KNOWN_LOG_FEATURES;
    if unknown != 0 {
        return Err(unsupported(format!("unknown log features {unknown:#x}")));
    }
    // Cannot saturate: 32 bits of blocks of 512 bytes.
    let live = u64::from(ring.distance(ends.tail, ends.head)).saturating_mul(SECTOR_U64);
    replay::run(&ring, geometry, ends, most).map(Some).map_err(|failure| blame_log(failure, live))
}

/// The warning for a log that is not replayed.
pub fn not_replayed(why: &Error) -> String {
    let why = match why {
        Error::Unsupported(unsupported) => unsupported.feature.clone().into_owned(),
        why => format!("{why}"),
    };
    format!("its log is not replayed ({why}): files may be out of date or damaged")
}

/// If the read limit was reached and much of the log is live, blames the log: it is read twice, and so are blocks that
/// it changes.
fn blame_log(failure: Failure, live: u64) -> Failure {
    match *failure.0 {
        Error::Io(ReadError::Limit { limit, .. }) if live >= limit / 4 => {
            unsupported(format!("a log with {} MiB to replay, more than the read limit allows", live >> 20))
        }
        _ => failure,
    }
}

/// Fuzz entry point: any bytes as a log, with any superblock values.
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

/// A log sequence number: the cycle in which the log record was written, and its block.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Lsn(u64);

impl Lsn {
    /// The next number with this block: in the next cycle if the block is below its own.
    fn with_block(self, block: u32) -> Self {
        let [.., a, b, c, d] = self.0.to_be_bytes();
        let cycles = (self.0 >> 32).wrapping_add(u64::from(block < u32::from_be_bytes([a, b, c, d])));
        Self(cycles << 32 | u64::from(block))
    }
}

/// A sector of the device: 512 bytes, the unit of XFS's disk addresses (a "basic block").
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Sector(u64);

/// Offset of `sb_lsn`.
const SUPERBLOCK_LSN_AT: u64 = 240;
/// `XFS_BLF_CHUNK`: the log stores changes of buffers in pieces of this many bytes.
const CHUNK: usize = 128;
/// Bytes of a sector.
const SECTOR: usize = 512;
const SECTOR_U64: u64 = 512;

impl Sector {
    /// Its byte offset; past the end of every device if it does not fit.
    fn offset(self) -> u64 {
        // What saturates is past the end of every device, as the documentation says.
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

/// The error for a replay that needs too much memory.
#[cold]
#[inline(never)]
fn too_much(bytes: usize) -> Failure {
    let bytes = to_u64(bytes);
    Error::NoMemory(NoMemory { format: Format::Xfs, structure: "log replay", bytes }).into()
}

/// The 16-bit number at `at`, little-endian, as this processor's Linux writes its log; 0 past the end.
fn half(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk().copied()).map_or(0, u16::from_le_bytes)
}

/// The 32-bit number at `at`, little-endian; 0 past the end.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk().copied()).map_or(0, u32::from_le_bytes)
}
