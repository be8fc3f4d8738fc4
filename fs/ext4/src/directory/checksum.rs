// SPDX-License-Identifier: BSD-3-Clause
//! Checksums of directory blocks: at the end of a block of entries, or after the space for an index.

use crc32c::crc32c;
use filesystem::{Error, Fault};
use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    little_endian::{U16, U32},
};

use super::{HEADER, record_length};
use crate::{
    corrupt,
    units::{ByteOffset, FileBlock},
};

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
/// Offset of the index entries in a node: after an unused entry that covers the whole block.
const NODE_ENTRIES: usize = HEADER;
const ROOT_ENTRIES: usize = 0x20;
/// Bytes of the entry `.` of a root.
const DOT: usize = 12;
/// Bytes of `struct dx_entry`, and of `struct dx_tail`.
const ENTRY: usize = 8;

/// The kind of a directory block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shape {
    /// Entries, then a tail.
    Entries,
    /// The first block of an index: `.` and `..`, then the index.
    Root,
    /// Another block of an index.
    Node,
}

impl Shape {
    /// Decided as in Linux (`__ext4_read_dirblock`): by the directory's flag and the length of the block's first
    /// entry. The end of the block is no help: a block of entries that became the root of an index still has the
    /// start of its old tail.
    pub fn of(bytes: &[u8], logical: FileBlock, is_indexed: bool) -> Self {
        match is_indexed {
            true if logical == FileBlock(0) => Self::Root,
            true if record_length(half(bytes, 4), bytes.len()) == bytes.len() => Self::Node,
            _ => Self::Entries,
        }
    }
}

/// The stored checksum of a block.
struct Stored {
    structure: &'static str,
    /// Its offset in the block.
    at: usize,
    stored: u32,
    computed: u32,
}

/// Verifies the checksum of the block at `offset`; `seed` is the directory's own.
///
/// # Errors
/// [`Error::Corrupt`] if it is wrong, or if the block has no space for one.
pub fn verify(bytes: &[u8], offset: ByteOffset, shape: Shape, seed: u32) -> Result<(), Error> {
    let (found, structure) = match shape {
        Shape::Entries => (of_entries(bytes, seed), "ext4_dir_entry_tail"),
        Shape::Root => (of_index(bytes, root_entries(bytes), seed), "dx_root"),
        Shape::Node => (of_index(bytes, Some(NODE_ENTRIES), seed), "dx_node"),
    };
    let Some(found) = found else {
        return Err(corrupt(Fault::Magic, structure, offset, word(bytes, 0)));
    };
    if found.stored == found.computed {
        return Ok(());
    }
    let fault = Fault::Checksum { computed: u64::from(found.computed) };
    Err(corrupt(fault, found.structure, offset.within(found.at), found.stored))
}

/// The checksum of a block of entries; `None` if it does not end with a tail.
fn of_entries(bytes: &[u8], seed: u32) -> Option<Stored> {
    let (body, tail) = bytes.split_last_chunk::<TAIL>()?;
    let tail = Tail::ref_from_bytes(tail).ok()?;
    let is_tail = tail.det_reserved_zero1.get() == 0
        && usize::from(tail.det_rec_len.get()) == TAIL
        && tail.det_reserved_zero2 == 0
        && tail.det_reserved_ft == TAIL_TYPE;
    is_tail.then(|| Stored {
        structure: "ext4_dir_entry_tail.det_checksum",
        // Cannot saturate: both are within the block.
        at: body.len().saturating_add(HEADER),
        stored: tail.det_checksum.get(),
        computed: crc32c(seed, body),
    })
}

/// Offset of the index entries in a root; `None` if anything but `.` and `..` is before them.
fn root_entries(bytes: &[u8]) -> Option<usize> {
    let length = |at| record_length(half(bytes, at), bytes.len());
    // Cannot saturate: the smallest block has 1024 bytes.
    (length(4) == DOT && length(DOT.saturating_add(4)) == bytes.len().saturating_sub(DOT))
        .then_some(ROOT_ENTRIES)
}

/// The checksum of an index block whose entries start at `entries`; `None` if they leave no space for it
/// (fs/ext4/namei.c, `get_dx_countlimit` and `ext4_dx_csum`).
fn of_index(bytes: &[u8], entries: Option<usize>, seed: u32) -> Option<Stored> {
    let entries = entries?;
    // Cannot saturate: both numbers have 16 bits, and entries start at byte 32 or before.
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

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use super::*;

    const BLOCK: usize = 1024;
    const SEED: u32 = 7;
    /// Entries of an index of this length: a root has 24 bytes less than a node, a checksum the last eight.
    const ROOT_LIMIT: u16 = 123;
    const NODE_LIMIT: u16 = 126;

    fn put(block: &mut [u8], at: usize, bytes: &[u8]) {
        block[at..][..bytes.len()].copy_from_slice(bytes);
    }

    /// A block with these entries (number, length), and an index of two entries at `index`.
    fn index(lengths: &[u16], index: usize, limit: u16) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        let mut at = 0;
        for length in lengths {
            put(&mut block, at + 4, &length.to_le_bytes());
            at += usize::from(*length);
        }
        put(&mut block, index, &[limit.to_le_bytes(), [2, 0]].concat());
        put(&mut block, index + 4, &[1, 0, 0, 0, 9, 8, 7, 6, 2]);
        block
    }

    fn root() -> Vec<u8> {
        index(&[12, 1012], ROOT_ENTRIES, ROOT_LIMIT)
    }

    fn sealed(mut block: Vec<u8>, index: usize) -> Vec<u8> {
        let tail = BLOCK - ENTRY;
        let sum = crc32c(crc32c(crc32c(SEED, &block[..index + 2 * ENTRY]), &block[tail..tail + 4]), &[0; 4]);
        put(&mut block, tail + 4, &sum.to_le_bytes());
        block
    }

    fn check(block: &[u8], logical: u64, is_indexed: bool) -> Result<(), Error> {
        verify(block, ByteOffset(0), Shape::of(block, FileBlock(logical), is_indexed), SEED)
    }

    fn assert_refused(result: Result<(), Error>, is_checksum: bool, expected: &str) {
        match result {
            Err(Error::Corrupt(found)) => {
                assert_eq!(matches!(found.fault, Fault::Checksum { .. }), is_checksum, "{found}");
                assert_eq!(found.structure, expected);
            }
            other => panic!("{other:?}"),
        }
    }

    /// What Linux leaves of the tail of the block that it makes the root of.
    fn with_old_tail(mut block: Vec<u8>) -> Vec<u8> {
        put(&mut block, BLOCK - TAIL, &[0, 0, 0, 0, 12, 0, 0, TAIL_TYPE]);
        block
    }

    #[test]
    fn a_root_with_what_is_left_of_a_tail_has_the_checksum_of_an_index() {
        let block = sealed(with_old_tail(root()), ROOT_ENTRIES);
        assert_eq!(check(&block, 0, true), Ok(()));
        for at in [4, 0x20 + 8, BLOCK - 8, BLOCK - 1] {
            let mut damaged = block.clone();
            damaged[at + usize::from(at == 4)] ^= 1;
            // Without the lengths of `.` and `..` it is no root at all.
            let (is_checksum, structure) =
                if at == 4 { (false, "dx_root") } else { (true, "dx_tail.dt_checksum") };
            assert_refused(check(&damaged, 0, true), is_checksum, structure);
        }
    }

    #[test]
    fn a_block_is_what_the_flag_and_its_first_entry_make_it() {
        let node = sealed(with_old_tail(index(&[1024], NODE_ENTRIES, NODE_LIMIT)), NODE_ENTRIES);
        assert_eq!(check(&node, 1, true), Ok(()));
        assert_refused(check(&node, 0, true), false, "dx_root");
        // Without the flag each block holds entries: these here have a tail whose checksum is another's.
        let tail = "ext4_dir_entry_tail.det_checksum";
        assert_refused(check(&node, 1, false), true, tail);
        let mut entries = with_old_tail(index(&[12, 1000], ROOT_ENTRIES, ROOT_LIMIT));
        let sum = crc32c(SEED, &entries[..BLOCK - TAIL]);
        put(&mut entries, BLOCK - 4, &sum.to_le_bytes());
        for (logical, is_indexed) in [(0, false), (1, false), (1, true)] {
            assert_eq!(check(&entries, logical, is_indexed), Ok(()));
        }
        entries[BLOCK - 1] ^= 1;
        assert_refused(check(&entries, 1, true), true, tail);
        entries[BLOCK - 5] = 0;
        assert_refused(check(&entries, 1, true), false, "ext4_dir_entry_tail");
    }

    #[test]
    fn an_index_without_room_for_a_checksum_is_refused() {
        for limit in [ROOT_LIMIT + 1, 1] {
            let block = index(&[12, 1012], ROOT_ENTRIES, limit);
            assert_refused(check(&block, 0, true), false, "dx_root");
        }
    }
}
