// SPDX-License-Identifier: BSD-3-Clause
//! Finds names by the index of a directory: entries sorted by hash, in one block or in the leaves of a tree.

use alloc::vec::Vec;

use block::BlockRead;
use filesystem::Fault;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U32};

use super::{
    Block, SPACE, blocks, blocks_per_directory_block,
    data::{self, DataBlock},
    name::Search,
};
use crate::{
    checksum::MetadataHeader,
    failure::{Outcome, corrupt},
    files::Files,
    inode::Inode,
    units::FileBlock,
};

/// Magic numbers, of version 4 and 5: the only leaf, one of several leaves, a node above them.
const LEAF_1: [u16; 2] = [0xd2f1, 0x3df1];
const LEAF_N: [u16; 2] = [0xd2ff, 0x3dff];
const NODE: [u16; 2] = [0xfebe, 0x3ebe];
/// Offsets of `forw`, the number of the next leaf, and of `magic` in all of them (`struct xfs_da_blkinfo`).
const FORW_AT: usize = 0;
const MAGIC_AT: usize = 8;
/// Bytes of `struct xfs_dir2_leaf_hdr` and of a node's header, of version 4 and 5, and the offset of `count` in both;
/// in a node, `level` follows.
const HEADERS: [usize; 2] = [16, 64];
const COUNTS: [usize; 2] = [12, 56];
const METADATA_HEADER: MetadataHeader = MetadataHeader {
    crc: 12,
    blkno: 16,
    uuid: 32,
    owner: 48,
    names: ["xfs_da3_blkinfo.crc", "xfs_da3_blkinfo.blkno", "xfs_da3_blkinfo.uuid", "xfs_da3_blkinfo.owner"],
};
/// `XFS_DA_NODE_MAXDEPTH`
const DEEPEST: u16 = 5;
/// The most names of one hash, and leaves that hold them, that one search looks at: more are made on purpose.
const MOST: usize = 1 << 16;
/// Bytes of the unit that addresses count in.
const ALIGNMENT: u64 = 8;

/// `struct xfs_dir2_leaf_entry`; in a node, `struct xfs_da_node_entry`: `place` is then the block below, and `hash` the
/// last hash in it.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Entry {
    hash: U32,
    place: U32,
}

/// Looks for a name.
///
/// # Errors
/// [`Error::Corrupt`](filesystem::Error::Corrupt) for a damaged block on the way to the name.
pub fn find<D: BlockRead>(files: &Files<D>, dir: &Inode, search: &mut Search<'_>) -> Outcome<()> {
    let superblock = &files.volume.superblock;
    let end = blocks(dir, superblock)?;
    let mut walk = Walk { files, dir, hash: search.hash(), end, left: MOST, data: None };
    if end.0 == blocks_per_directory_block(superblock) {
        let data = walk.data(FileBlock(0))?;
        if data.is_only {
            let (places, _) = places(data.index(), search.hash()).ok_or_else(|| data.unsorted())?;
            let _ = walk.check_entries(&places, search)?;
            return Ok(());
        }
    }
    let mut next = walk.descend()?;
    while let Some(leaf) = next {
        let (places, is_last) = walk.places(&leaf)?;
        if walk.check_entries(&places, search)? {
            break;
        }
        // Names with this hash may continue in the next leaf.
        let forw = leaf.word(FORW_AT);
        next = if is_last || forw == 0 { None } else { Some(walk.block(forw)?) };
    }
    Ok(())
}

/// Where the entries with this hash are, and whether the hash ends in this leaf; `None` if `entries` are not sorted. A
/// place of zero marks a removed name.
fn places(entries: &[u8], hash: u32) -> Option<(Vec<u32>, bool)> {
    let entries = <[Entry]>::ref_from_bytes(entries).ok()?;
    let is_sorted = entries.is_sorted_by_key(|entry| entry.hash.get());
    let first = entries.partition_point(|entry| entry.hash.get() < hash);
    let same = entries.get(first..)?.iter().take_while(|entry| entry.hash.get() == hash);
    let places = same.map(|entry| entry.place.get()).filter(|place| *place != 0).collect();
    let is_last = entries.last().is_none_or(|entry| entry.hash.get() != hash);
    is_sorted.then_some((places, is_last))
}

struct Walk<'a, D> {
    files: &'a Files<D>,
    dir: &'a Inode,
    hash: u32,
    /// The first block past the entries.
    end: FileBlock,
    /// How many more names and leaves this search may look at.
    left: usize,
    /// The block of entries that was read last.
    data: Option<(FileBlock, DataBlock)>,
}

impl<D: BlockRead> Walk<'_, D> {
    /// Descends from the root to the first leaf that may have the hash; `None` if no leaf can.
    fn descend(&mut self) -> Outcome<Option<Block>> {
        let superblock = &self.files.volume.superblock;
        let root = SPACE.checked_shr(superblock.block_log).and_then(|root| u32::try_from(root).ok());
        let mut block = self.block(root.unwrap_or(0))?;
        // Cannot saturate: a sum of two constants.
        let mut above = DEEPEST.saturating_add(1);
        while self.is(&block, NODE) {
            // Cannot saturate: `by_version` returns one of two small constants.
            let level = block.half(self.by_version(COUNTS).saturating_add(2));
            if level == 0 || level >= above {
                return Err(block.corrupt(Fault::Loop, "xfs_da3_node_hdr.level", 0, level));
            }
            above = level;
            let entries = <[Entry]>::ref_from_bytes(self.entries(&block)?).unwrap_or_default();
            let Some(below) = entries.iter().find(|entry| entry.hash.get() >= self.hash) else {
                return Ok(None);
            };
            block = self.block(below.place.get())?;
        }
        if self.is(&block, LEAF_1) || self.is(&block, LEAF_N) {
            return Ok(Some(block));
        }
        Err(block.corrupt(Fault::Magic, "xfs_da_blkinfo.magic", MAGIC_AT, block.half(MAGIC_AT)))
    }

    /// Reads a block of the index.
    fn block(&mut self, number: u32) -> Outcome<Block> {
        let superblock = &self.files.volume.superblock;
        let number = FileBlock(number.into());
        // Cannot saturate: once or twice 32 GiB.
        let space = |n: u64| SPACE.saturating_mul(n).checked_shr(superblock.block_log).unwrap_or(0);
        self.charge(number)?;
        if !(space(1)..space(2)).contains(&number.0) {
            let offset = self.dir.offset;
            return Err(corrupt(Fault::Range, "xfs_da_node_entry.before", offset, number));
        }
        let block = Block::read(self.files, self.dir, number)?;
        block.verify(&METADATA_HEADER, self.dir, superblock)?;
        Ok(block)
    }

    /// The entries of a leaf or node.
    fn entries<'b>(&self, block: &'b Block) -> Outcome<&'b [u8]> {
        let at = self.by_version(COUNTS);
        let count = block.half(at);
        // Cannot saturate: 16 bits of entries of 8 bytes.
        let length = usize::from(count).saturating_mul(size_of::<Entry>());
        let entries = block.bytes.get(self.by_version(HEADERS)..).and_then(|rest| rest.get(..length));
        entries.ok_or_else(|| block.corrupt(Fault::Range, "xfs_dir2_leaf_hdr.count", at, count))
    }

    /// Where the entries with this hash are according to a leaf, and whether no later leaf has more.
    fn places(&self, leaf: &Block) -> Outcome<(Vec<u32>, bool)> {
        let at = self.by_version(HEADERS);
        let unsorted = || leaf.corrupt(Fault::Inconsistent, "xfs_dir2_leaf_entry.hashval", at, leaf.word(at));
        places(self.entries(leaf)?, self.hash).ok_or_else(unsorted)
    }

    /// Passes the entries at these places to the search; returns whether it is done.
    fn check_entries(&mut self, places: &[u32], search: &mut Search<'_>) -> Outcome<bool> {
        let superblock = &self.files.volume.superblock;
        let has_ftype = superblock.features.has_ftype();
        for place in places {
            // Cannot saturate: all of these are below 2³⁵, as `byte` is; `start` is `byte` without its low bits.
            let byte = u64::from(*place).saturating_mul(ALIGNMENT);
            let number = byte.checked_shr(superblock.directory_log).unwrap_or(0);
            let first = FileBlock(number.saturating_mul(blocks_per_directory_block(superblock)));
            let start = number.checked_shl(superblock.directory_log).unwrap_or(0);
            let within = usize::try_from(byte.saturating_sub(start)).unwrap_or(usize::MAX);
            self.charge(first)?;
            if first >= self.end {
                let offset = self.dir.offset;
                return Err(corrupt(Fault::Range, "xfs_dir2_leaf_entry.address", offset, *place));
            }
            let entry = self.data(first)?.entry(within, has_ftype)?;
            if search.consider(entry.name, entry.number).is_break() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads a block of entries.
    fn data(&mut self, first: FileBlock) -> Outcome<&DataBlock> {
        let known = self.data.take().filter(|(known, _)| *known == first);
        let data = match known {
            Some((_, data)) => data,
            None => data::read(self.files, self.dir, first)?,
        };
        let (_, data) = self.data.insert((first, data));
        Ok(data)
    }

    fn charge(&mut self, number: FileBlock) -> Outcome<()> {
        let left = self.left.checked_sub(1);
        self.left =
            left.ok_or_else(|| corrupt(Fault::Loop, "xfs_dir2_leaf_entry.hashval", self.dir.offset, number))?;
        Ok(())
    }

    /// The value for the filesystem's version: `[version 4, version 5]`.
    fn by_version<T: Copy + Default>(&self, versions: [T; 2]) -> T {
        let is_v5 = self.files.volume.superblock.features.is_v5();
        versions.get(usize::from(is_v5)).copied().unwrap_or_default()
    }

    fn is(&self, block: &Block, magics: [u16; 2]) -> bool {
        block.half(MAGIC_AT) == self.by_version(magics)
    }
}
