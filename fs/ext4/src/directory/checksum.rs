// SPDX-License-Identifier: BSD-3-Clause
//! Checksums of directory blocks: at the end of a block of entries, or behind the room of an index.

use filesystem::{Error, Fault};
use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    little_endian::{U16, U32},
};

use super::{HEADER, record_length};
use crate::{checksum::crc32c, corrupt, inode::Inode};

/// `struct ext4_dir_entry_tail`
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Tail {
    det_reserved_zero1: U32,
    det_rec_len: U16,
    det_reserved_zero2: u8,
    det_reserved_ft: u8,
    det_checksum: U32,
}

/// Bytes of the tail, and its `det_rec_len`.
const TAIL: usize = 12;
/// `EXT4_FT_DIR_CSUM`
const TAIL_TYPE: u8 = 0xde;
/// Where the entries of an index start: behind an unused entry over the whole block, and in the root.
const NODE_ENTRIES: usize = HEADER;
const ROOT_ENTRIES: usize = 0x20;
/// Bytes of `struct dx_entry`, and of `struct dx_tail`.
const ENTRY: usize = 8;

/// A checksum that a block has.
struct Stored {
    structure: &'static str,
    /// Where it stands in the block.
    at: usize,
    stored: u32,
    computed: u32,
}

/// Checks the checksum of a block of entries or of an index, which stands at `offset`.
///
/// # Errors
/// [`Error::Corrupt`] when it is wrong, or when the block has no room for one.
pub fn verify(bytes: &[u8], offset: u64, dir: &Inode) -> Result<(), Error> {
    let Some(seed) = dir.checksum_seed else {
        return Ok(());
    };
    let Some(found) = of_entries(bytes, seed).or_else(|| of_index(bytes, seed)) else {
        return Err(corrupt(Fault::Magic, "ext4_dir_entry_tail", offset, word(bytes, 0)));
    };
    if found.stored == found.computed {
        return Ok(());
    }
    let fault = Fault::Checksum { computed: u64::from(found.computed) };
    let at = offset.saturating_add(u64::try_from(found.at).unwrap_or(0));
    Err(corrupt(fault, found.structure, at, found.stored))
}

/// Of a block of entries; nothing where it does not end with a tail.
fn of_entries(bytes: &[u8], seed: u32) -> Option<Stored> {
    let (body, tail) = bytes.split_last_chunk::<TAIL>()?;
    let tail = Tail::ref_from_bytes(tail).ok()?;
    let is_tail = tail.det_reserved_zero1.get() == 0
        && usize::from(tail.det_rec_len.get()) == TAIL
        && tail.det_reserved_zero2 == 0
        && tail.det_reserved_ft == TAIL_TYPE;
    is_tail.then(|| Stored {
        structure: "ext4_dir_entry_tail.det_checksum",
        at: body.len().saturating_add(HEADER),
        stored: tail.det_checksum.get(),
        computed: crc32c(seed, body),
    })
}

/// Of a block of an index; nothing when the block is none (fs/ext4/namei.c, `get_dx_countlimit` and
/// `ext4_dx_csum`).
fn of_index(bytes: &[u8], seed: u32) -> Option<Stored> {
    let first = record_length(half(bytes, 4), bytes.len());
    let is_node = word(bytes, 0) == 0 && first == bytes.len();
    let is_root =
        first == 12 && record_length(half(bytes, 16), bytes.len()) == bytes.len().saturating_sub(12);
    let entries = match (is_node, is_root) {
        (true, _) => NODE_ENTRIES,
        (_, true) => ROOT_ENTRIES,
        _ => return None,
    };
    let (limit, count) = (half(bytes, entries), half(bytes, entries.saturating_add(2)));
    if count > limit {
        return None;
    }
    let at = |n: u16| usize::from(n).saturating_mul(ENTRY).saturating_add(entries);
    // dt_reserved, then dt_checksum, which counts as zero.
    let reserved = bytes.get(at(limit)..)?.get(..4)?;
    let stored = bytes.get(at(limit)..)?.get(4..8)?;
    let computed = [bytes.get(..at(count))?, reserved, &[0; 4]].into_iter().fold(seed, crc32c);
    let structure = "dx_tail.dt_checksum";
    Some(Stored { structure, at: at(limit).saturating_add(4), stored: word(stored, 0), computed })
}

pub fn half(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk().copied()).map_or(0, u16::from_le_bytes)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk().copied()).map_or(0, u32::from_le_bytes)
}
