// SPDX-License-Identifier: BSD-3-Clause
//! Block maps of ext2 and ext3: twelve block numbers, and trees of blocks of block numbers, up to three levels deep.

use block::BlockRead;
use filesystem::{Error, Fault};

use crate::{
    corrupt, divide,
    inode::Inode,
    run::Leaf,
    units::{BlockNumber, ByteOffset, FileBlock},
    volume::Volume,
};

/// Number of blocks that `i_block` maps directly.
const DIRECT: FileBlock = FileBlock(12);
/// Byte offsets in `i_block` of the trees with one, two and three levels.
const TREES: [(usize, u32); 3] = [(48, 1), (52, 2), (56, 3)];
/// The block number that stands for a hole.
const NOWHERE: BlockNumber = BlockNumber(0);
const FIELD: &str = "ext4_inode.i_block";

/// The leaf that maps block `logical` of the file.
pub fn leaf<D: BlockRead>(volume: &Volume<D>, inode: &Inode, logical: FileBlock) -> Result<Leaf, Error> {
    let i_block = inode.block();
    if logical < DIRECT {
        let (direct, _) = i_block.split_at_checked(48).unwrap_or_default();
        return list(volume, direct, inode.block_offset(), FileBlock(0));
    }
    let per_block = volume.superblock.block_size / 4;
    let mut first = DIRECT;
    let mut span = per_block;
    for (at, depth) in TREES {
        let end = first.after(span);
        if logical < end {
            let block = number(i_block, at);
            let tree = Tree { block, depth, first, span, offset: inode.block_offset() };
            return tree.leaf(volume, logical);
        }
        first = end;
        // Cannot saturate: at most 2¹⁴ to the power of four.
        span = span.saturating_mul(per_block);
    }
    Err(corrupt(Fault::Range, "ext4_inode.i_size", inode.offset, inode.size))
}

/// A tree of blocks of block numbers.
struct Tree {
    /// The topmost block; 0 if the whole tree is a hole.
    block: BlockNumber,
    /// Number of its levels, at least one.
    depth: u32,
    /// First block of the file that it maps.
    first: FileBlock,
    /// Number of blocks of the file that it maps.
    span: u64,
    /// Byte offset on the device of the number of its topmost block.
    offset: ByteOffset,
}

impl Tree {
    fn leaf<D: BlockRead>(mut self, volume: &Volume<D>, logical: FileBlock) -> Result<Leaf, Error> {
        let per_block = volume.superblock.block_size / 4;
        while self.block != NOWHERE {
            let (bytes, offset) = volume.metadata_block(self.block, FIELD, self.offset)?;
            // Cannot saturate: it is at least one.
            self.depth = self.depth.saturating_sub(1);
            if self.depth == 0 {
                return list(volume, &bytes, offset, self.first);
            }
            (self.span, _) = divide(self.span, per_block);
            let (index, _) = divide(logical.since(self.first), self.span);
            // Cannot saturate: the product is at most `logical`, and `index` is less than 2³².
            self.first = self.first.after(index.saturating_mul(self.span));
            self.block = number(&bytes, usize::try_from(index.saturating_mul(4)).unwrap_or(usize::MAX));
            self.offset = offset;
        }
        Ok(Leaf::hole(self.first, self.first.after(self.span)))
    }
}

/// Reads the block numbers at `offset`, the first of which is for block `first` of the file.
fn list<D: BlockRead>(
    volume: &Volume<D>,
    list: &[u8],
    offset: ByteOffset,
    first: FileBlock,
) -> Result<Leaf, Error> {
    let mut leaf = Leaf::new(first);
    let (numbers, _) = list.as_chunks::<4>();
    for bytes in numbers {
        let block = BlockNumber(u32::from_le_bytes(*bytes).into());
        if block != NOWHERE {
            volume.check_blocks(block, 1, FIELD, offset)?;
        }
        leaf.push(1, (block != NOWHERE).then_some(block));
    }
    Ok(leaf)
}

fn number(bytes: &[u8], at: usize) -> BlockNumber {
    let word = bytes.get(at..).and_then(|rest| rest.first_chunk().copied());
    BlockNumber(word.map_or(0, u32::from_le_bytes).into())
}
