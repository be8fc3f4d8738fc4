// SPDX-License-Identifier: BSD-3-Clause
//! Where the blocks of a file are: a list of extents in the inode, or a B+tree (fs/xfs/libxfs/xfs_bmap_btree.c).

use block::BlockRead;
use filesystem::Fault;
use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    big_endian::{U16, U32, U64},
};

use crate::{
    checksum::{self, Expected, MetadataHeader},
    failure::{Outcome, corrupt},
    inode::{Fork, Inode},
    log::Intents,
    run::{Leaf, State},
    superblock::Superblock,
    units::{ByteOffset, FileBlock, FsBlock},
    volume::Volume,
};

/// One past the last block that a file can have: `br_startoff` has 54 bits.
const END: FileBlock = FileBlock(1 << 54);
/// `BMAP`, and `BMA3` of version 5.
const MAGIC: u32 = 0x424d_4150;
const MAGIC_V5: u32 = 0x424d_4133;
/// Levels of the deepest tree: what 2⁴⁸ extents need if blocks of 1 KiB are half full, and one more.
const DEEPEST: u16 = 11;
/// Bytes of `struct xfs_bmbt_rec`, and of a key and a pointer together.
const ENTRY: usize = 16;
/// Bytes of a key, and of a pointer.
const KEY: usize = 8;
/// Bytes of `struct xfs_bmdr_block`, the root's header in an inode.
const ROOT: usize = 4;

/// `struct xfs_btree_block` with long pointers, up to where the versions differ.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    bb_magic: U32,
    bb_level: U16,
    bb_numrecs: U16,
    bb_leftsib: U64,
    bb_rightsib: U64,
}

/// Bytes of the header, in version 4 and in version 5.
const HEADER: usize = size_of::<Header>();
const HEADER_V5: usize = 72;
const METADATA_HEADER: MetadataHeader = MetadataHeader {
    crc: 64,
    blkno: 24,
    uuid: 40,
    owner: 56,
    names: [
        "xfs_btree_block.bb_crc",
        "xfs_btree_block.bb_blkno",
        "xfs_btree_block.bb_uuid",
        "xfs_btree_block.bb_owner",
    ],
};

/// The range of a file's blocks that a list or node may map, and where that list or node is on the device.
#[derive(Clone, Copy)]
struct Span {
    first: FileBlock,
    end: FileBlock,
    offset: ByteOffset,
}

/// The inode that owns a tree.
#[derive(Clone, Copy)]
struct Owner<'a> {
    inode: &'a Inode,
    /// Its blocks may name another inode as their owner, since the log moved the tree between inodes.
    has_foreign_owner: bool,
}

/// What a node says about a block of the file.
enum Step {
    /// The node below maps it.
    Down(FsBlock, Span),
    /// No node maps it.
    Hole(Span),
}

/// The leaf that maps block `logical` of the file.
///
/// # Errors
/// [`filesystem::Error::Corrupt`] for a damaged list or tree.
pub fn leaf<D: BlockRead>(
    volume: &Volume<D>,
    intents: &Intents,
    inode: &Inode,
    logical: FileBlock,
) -> Outcome<Leaf> {
    if logical >= END {
        return Err(inode.corrupt_size());
    }
    let all = Span { first: FileBlock(0), end: END, offset: inode.fork_offset() };
    match inode.fork {
        Fork::Extents(count) => list(volume, inode.fork_bytes(), count, all),
        Fork::Tree(_) => {
            let has_foreign_owner = intents.has_changed_owner(inode.number.0);
            tree(volume, Owner { inode, has_foreign_owner }, logical, all)
        }
        // Callers ask only about files that have blocks.
        Fork::Device | Fork::Local => Err(inode.corrupt_size()),
    }
}

/// Checks that the tree has as many extents as its inode says, as Linux does when it reads them (`xfs_iread_extents`).
/// Without checksums nothing else tells a leaf that has lost some: they would read as zeros.
///
/// # Errors
/// [`filesystem::Error::Corrupt`] for another number, or a damaged tree.
pub fn check_number<D: BlockRead>(volume: &Volume<D>, intents: &Intents, inode: &Inode) -> Outcome<()> {
    let Fork::Tree(expected) = inode.fork else { return Ok(()) };
    let (mut found, mut next) = (0u64, FileBlock(0));
    // Each leaf ends behind its first block, and no block of the tree can be two leaves: it has places in the file.
    while next < END && found <= expected {
        let leaf = self::leaf(volume, intents, inode, next)?;
        // Saturates at a number that no inode has.
        found = found.saturating_add(leaf.extents);
        next = leaf.next();
    }
    if found != expected {
        return Err(inode.corrupt_extents(found));
    }
    Ok(())
}

fn tree<D: BlockRead>(volume: &Volume<D>, owner: Owner<'_>, logical: FileBlock, all: Span) -> Outcome<Leaf> {
    let root = owner.inode.fork_bytes();
    let (mut level, count) = (checksum::half(root, 0), checksum::half(root, 2));
    if !(1..=DEEPEST).contains(&level) {
        return Err(corrupt(Fault::Loop, "xfs_bmdr_block.bb_level", all.offset, level));
    }
    if count == 0 {
        return Err(corrupt(Fault::Range, "xfs_bmdr_block.bb_numrecs", all.offset, count));
    }
    let mut step = step(root.get(ROOT..).unwrap_or_default(), count, logical, all)?;
    loop {
        let (block, mut span) = match step {
            Step::Hole(span) => return Ok(Leaf::hole(span.first, span.end)),
            Step::Down(block, span) => (block, span),
        };
        // Cannot saturate: at least 1 before: the root's level was checked, and the loop ends at level 0.
        level = level.saturating_sub(1);
        let (bytes, offset) = volume.block(block, "xfs_bmbt_ptr", span.offset)?;
        span.offset = offset;
        let (entries, count) = node(&volume.superblock, owner, &bytes, offset, level)?;
        if level == 0 {
            return list(volume, entries, usize::from(count), span);
        }
        step = self::step(entries, count, logical, span)?;
    }
}

/// Checks the header of a tree block; returns what follows the header, and the number of entries there.
fn node<'a>(
    superblock: &Superblock,
    owner: Owner<'_>,
    bytes: &'a [u8],
    offset: ByteOffset,
    level: u16,
) -> Outcome<(&'a [u8], u16)> {
    let is_v5 = superblock.features.is_v5();
    let (magic, size) = if is_v5 { (MAGIC_V5, HEADER_V5) } else { (MAGIC, HEADER) };
    let fail = |fault, structure, found: u32| Err(corrupt(fault, structure, offset, found));
    let Ok((header, _)) = Header::ref_from_prefix(bytes) else {
        return fail(Fault::Truncated, "xfs_btree_block", 0);
    };
    if header.bb_magic.get() != magic {
        return fail(Fault::Magic, "xfs_btree_block.bb_magic", header.bb_magic.get());
    }
    if is_v5 {
        let owner = if owner.has_foreign_owner { None } else { Some(owner.inode.number) };
        let expected = Expected { offset, uuid: &superblock.metadata_uuid, owner };
        METADATA_HEADER.verify(bytes, &expected)?;
    }
    if header.bb_level.get() != level {
        return fail(Fault::Inconsistent, "xfs_btree_block.bb_level", header.bb_level.get().into());
    }
    let (rest, count) = (bytes.get(size..).unwrap_or_default(), header.bb_numrecs.get());
    if count == 0 || usize::from(count) > rest.len() / ENTRY {
        return fail(Fault::Range, "xfs_btree_block.bb_numrecs", count.into());
    }
    Ok((rest, count))
}

/// Looks up block `logical` of the file in a node above the leaves. The node has room for as many pointers as keys: all
/// keys come first, unused ones included, then the pointers.
fn step(entries: &[u8], count: u16, logical: FileBlock, span: Span) -> Outcome<Step> {
    let fail = |fault, structure, found: u64| Err(corrupt(fault, structure, span.offset, found));
    let (room, count) = (entries.len() / ENTRY, usize::from(count));
    let keys = <[U64]>::ref_from_prefix_with_elems(entries, count).ok().filter(|_| count <= room);
    // Cannot saturate: half of the bytes of the entries.
    let pointers = entries.get(room.saturating_mul(KEY)..).unwrap_or_default();
    let pointers = <[U64]>::ref_from_prefix_with_elems(pointers, count);
    let (Some((keys, _)), Ok((pointers, _))) = (keys, pointers) else {
        return fail(Fault::Range, "xfs_bmdr_block.bb_numrecs", u64::try_from(count).unwrap_or(u64::MAX));
    };
    if let Some([_, second]) = keys.array_windows().find(|[a, b]| a.get() >= b.get()) {
        return fail(Fault::Inconsistent, "xfs_bmbt_key.br_startoff", second.get());
    }
    let behind = keys.partition_point(|key| key.get() <= logical.0);
    let end = keys.get(behind).map_or(span.end, |key| FileBlock(key.get())).min(span.end);
    let Some((key, pointer)) = behind.checked_sub(1).and_then(|at| Some((keys.get(at)?, pointers.get(at)?)))
    else {
        return Ok(Step::Hole(Span { end, ..span }));
    };
    let first = FileBlock(key.get());
    if first < span.first {
        return fail(Fault::Inconsistent, "xfs_bmbt_key.br_startoff", key.get());
    }
    Ok(Step::Down(FsBlock(pointer.get()), Span { first, end, ..span }))
}

/// The runs of `count` extents, with the holes between and around them.
fn list<D: BlockRead>(volume: &Volume<D>, bytes: &[u8], count: usize, span: Span) -> Outcome<Leaf> {
    let (records, _) = <[[U64; 2]]>::ref_from_prefix_with_elems(bytes, count)
        .map_err(|_| corrupt(Fault::Truncated, "xfs_bmbt_rec", span.offset, 0u64))?;
    let mut leaf = Leaf::new(span.first);
    for record in records {
        let Extent { first, block, length, is_unwritten } = Extent::of(record);
        if length == 0 {
            return Err(corrupt(Fault::Range, "xfs_bmbt_rec.br_blockcount", span.offset, length));
        }
        if first < leaf.next() {
            return Err(corrupt(Fault::Inconsistent, "xfs_bmbt_rec.br_startoff", span.offset, first));
        }
        if first.after(length) > span.end {
            return Err(corrupt(Fault::Range, "xfs_bmbt_rec.br_blockcount", span.offset, length));
        }
        volume.check_blocks(block, length, "xfs_bmbt_rec.br_startblock", span.offset)?;
        leaf.push(first.since(leaf.next()), State::Hole);
        leaf.push(length, if is_unwritten { State::Unwritten } else { State::Written(block) });
    }
    leaf.push(span.end.since(leaf.next()), State::Hole);
    leaf.extents = u64::try_from(count).unwrap_or(u64::MAX);
    Ok(leaf)
}

/// `struct xfs_bmbt_irec`
#[derive(Debug, Eq, PartialEq)]
struct Extent {
    first: FileBlock,
    block: FsBlock,
    length: u64,
    is_unwritten: bool,
}

impl Extent {
    /// 1 bit of state, 54 bits of the block in the file, 52 of the block in the filesystem, 21 of the length.
    fn of([high, low]: &[U64; 2]) -> Self {
        let (high, low) = (high.get(), low.get());
        Self {
            first: FileBlock(high << 1 >> 10),
            block: FsBlock((high & 0x1ff) << 43 | low >> 21),
            length: low & 0x1f_ffff,
            is_unwritten: high >> 63 != 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extent_is_four_fields_of_128_bits() {
        let extent = |high: u64, low: u64| Extent::of(&[high.into(), low.into()]);
        assert_eq!(
            extent(0x8000_0000_0000_0200, 0x0000_0000_0020_0003),
            Extent { first: FileBlock(1), block: FsBlock(1), length: 3, is_unwritten: true }
        );
        assert_eq!(
            extent(u64::MAX >> 1, u64::MAX),
            Extent {
                first: FileBlock((1 << 54) - 1),
                block: FsBlock((1 << 52) - 1),
                length: (1 << 21) - 1,
                is_unwritten: false
            }
        );
    }
}
