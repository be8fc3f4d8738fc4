// SPDX-License-Identifier: BSD-3-Clause
//! Extent trees: fs/ext4/ext4_extents.h.

use alloc::borrow::Cow;

use block::BlockRead;
use crc32c::crc32c;
use filesystem::{Error, Fault};
use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    little_endian::{U16, U32},
};

use crate::{
    corrupt,
    inode::Inode,
    run::Leaf,
    units::{BlockNumber, ByteOffset, FileBlock},
    volume::Volume,
};

const MAGIC: u16 = 0xf30a;
/// Maximum number of levels below the root: `EXT4_MAX_EXTENT_DEPTH`.
const DEEPEST: u16 = 5;
/// Bytes of the header, and of every entry.
const ENTRY: usize = 12;
/// Longest written extent. A larger `ee_len` marks an unwritten (only allocated) extent of `ee_len` minus this.
const LONGEST: u16 = 0x8000;
/// One past the last block that a file can have.
const END: FileBlock = FileBlock(1 << 32);

/// `struct ext4_extent_header`
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    eh_magic: U16,
    eh_entries: U16,
    eh_max: U16,
    eh_depth: U16,
    eh_generation: U32,
}

/// `struct ext4_extent_idx`
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Index {
    ei_block: U32,
    ei_leaf_lo: U32,
    ei_leaf_hi: U16,
    ei_unused: U16,
}

/// `struct ext4_extent`
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Extent {
    ee_block: U32,
    ee_len: U16,
    ee_start_hi: U16,
    ee_start_lo: U32,
}

// Nodes are arrays of entries after the header, which is as long as an entry.
const _: () =
    assert!(size_of::<Extent>() == ENTRY && size_of::<Index>() == ENTRY && size_of::<Header>() == ENTRY);

/// A node of the tree: the root in the inode, or a block.
struct Node<'a> {
    bytes: Cow<'a, [u8]>,
    /// Its byte offset on the device.
    offset: ByteOffset,
    entries: usize,
    depth: u16,
    /// The blocks of the file that it may map, up to `end`.
    first: FileBlock,
    end: FileBlock,
}

/// What a node says about a block of the file.
enum Step {
    /// A node below maps it.
    Down { block: BlockNumber, first: FileBlock, end: FileBlock },
    /// No node maps it.
    Hole { first: FileBlock, end: FileBlock },
}

/// The leaf that maps block `logical` of the file.
pub fn leaf<D: BlockRead>(volume: &Volume<D>, inode: &Inode, logical: FileBlock) -> Result<Leaf, Error> {
    if logical >= END {
        return Err(corrupt(Fault::Range, "ext4_inode.i_size", inode.offset, inode.size));
    }
    let mut node = Node::root(inode)?;
    while node.depth > 0 {
        match node.step(logical)? {
            Step::Hole { first, end } => return Ok(Leaf::hole(first, end)),
            Step::Down { block, first, end } => {
                let (bytes, offset) =
                    volume.metadata_block(block, "ext4_extent_idx.ei_leaf_lo", node.offset)?;
                verify(&bytes, offset, inode)?;
                // Cannot saturate: the loop goes on only above 0.
                let depth = node.depth.saturating_sub(1);
                node = Node::parse(Cow::Owned(bytes), offset, first, end)?;
                if node.depth != depth {
                    return Err(node.corrupt(Fault::Inconsistent, "ext4_extent_header.eh_depth", node.depth));
                }
            }
        }
    }
    node.leaf(volume)
}

impl<'a> Node<'a> {
    fn root(inode: &'a Inode) -> Result<Self, Error> {
        let root = Self::parse(Cow::Borrowed(inode.block()), inode.block_offset(), FileBlock(0), END)?;
        if root.depth > DEEPEST {
            return Err(root.corrupt(Fault::Loop, "ext4_extent_header.eh_depth", root.depth));
        }
        Ok(root)
    }

    fn parse(
        bytes: Cow<'a, [u8]>,
        offset: ByteOffset,
        first: FileBlock,
        end: FileBlock,
    ) -> Result<Self, Error> {
        let fail = |fault, structure, found: u16| Err(corrupt(fault, structure, offset, found));
        let Ok((header, _)) = Header::ref_from_prefix(&bytes) else {
            return fail(Fault::Truncated, "ext4_extent_header", 0);
        };
        let (entries, most, depth) = (header.eh_entries.get(), header.eh_max.get(), header.eh_depth.get());
        if header.eh_magic.get() != MAGIC {
            return fail(Fault::Magic, "ext4_extent_header.eh_magic", header.eh_magic.get());
        }
        // Cannot saturate: the header, which is as long as an entry, is in these bytes.
        let room = bytes.len().saturating_sub(ENTRY) / ENTRY;
        if usize::from(most) > room || entries > most {
            return fail(Fault::Range, "ext4_extent_header.eh_entries", entries);
        }
        Ok(Self { bytes, offset, entries: usize::from(entries), depth, first, end })
    }

    fn entries<T: FromBytes + Immutable + KnownLayout + Unaligned>(&self) -> &[T] {
        let bytes = self.bytes.get(ENTRY..).unwrap_or_default();
        <[T]>::ref_from_prefix_with_elems(bytes, self.entries).map_or(&[], |(entries, _)| entries)
    }

    fn corrupt(&self, fault: Fault, structure: &'static str, found: impl Into<u64>) -> Error {
        corrupt(fault, structure, self.offset, found)
    }

    /// One step from an index node down towards block `logical` of the file.
    fn step(&self, logical: FileBlock) -> Result<Step, Error> {
        let entries: &[Index] = self.entries();
        let start = |index: &Index| FileBlock(index.ei_block.get().into());
        if let Some([_, second]) = entries.array_windows().find(|[a, b]| start(a) >= start(b)) {
            return Err(self.corrupt(Fault::Inconsistent, "ext4_extent_idx.ei_block", start(second)));
        }
        let behind = entries.partition_point(|index| start(index) <= logical);
        let end = entries.get(behind).map_or(self.end, start).min(self.end);
        let Some(index) = behind.checked_sub(1).and_then(|last| entries.get(last)) else {
            return Ok(Step::Hole { first: self.first, end });
        };
        let block = BlockNumber(u64::from(index.ei_leaf_hi.get()) << 32 | u64::from(index.ei_leaf_lo.get()));
        let first = start(index);
        if first < self.first {
            return Err(self.corrupt(Fault::Inconsistent, "ext4_extent_idx.ei_block", first));
        }
        Ok(Step::Down { block, first, end })
    }

    /// The runs of a leaf, including the holes between and around its extents.
    fn leaf<D: BlockRead>(&self, volume: &Volume<D>) -> Result<Leaf, Error> {
        let mut leaf = Leaf::new(self.first);
        for extent in self.entries::<Extent>() {
            let first = FileBlock(extent.ee_block.get().into());
            let stored = extent.ee_len.get();
            let is_written = stored <= LONGEST;
            // Cannot saturate: an unwritten extent has more than `LONGEST`.
            let length = u64::from(if is_written { stored } else { stored.saturating_sub(LONGEST) });
            if length == 0 {
                return Err(self.corrupt(Fault::Range, "ext4_extent.ee_len", stored));
            }
            if first < leaf.next() {
                return Err(self.corrupt(Fault::Inconsistent, "ext4_extent.ee_block", first));
            }
            if first.after(length) > self.end {
                return Err(self.corrupt(Fault::Range, "ext4_extent.ee_len", stored));
            }
            let start =
                BlockNumber(u64::from(extent.ee_start_hi.get()) << 32 | u64::from(extent.ee_start_lo.get()));
            volume.check_blocks(start, length, "ext4_extent.ee_start_lo", self.offset)?;
            leaf.push(first.since(leaf.next()), None);
            leaf.push(length, is_written.then_some(start));
        }
        leaf.push(self.end.since(leaf.next()), None);
        Ok(leaf)
    }
}

/// Checks `ext4_extent_tail.et_checksum` of a block, which is after the space for `eh_max` entries.
fn verify(bytes: &[u8], offset: ByteOffset, inode: &Inode) -> Result<(), Error> {
    let Some(seed) = inode.checksum_seed else {
        return Ok(());
    };
    let most = bytes.get(4..).and_then(|rest| rest.first_chunk().copied()).map_or(0, u16::from_le_bytes);
    // Cannot saturate: 16 bits of entries of 12 bytes.
    let tail = usize::from(most).saturating_mul(ENTRY).saturating_add(ENTRY);
    let stored = bytes.get(tail..).and_then(|rest| rest.first_chunk().copied()).map(u32::from_le_bytes);
    let stored = stored.ok_or_else(|| corrupt(Fault::Range, "ext4_extent_header.eh_max", offset, most))?;
    let computed = crc32c(seed, bytes.get(..tail).unwrap_or_default());
    if stored == computed {
        return Ok(());
    }
    let fault = Fault::Checksum { computed: u64::from(computed) };
    Err(corrupt(fault, "ext4_extent_tail.et_checksum", offset.within(tail), stored))
}
