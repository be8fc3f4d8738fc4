// SPDX-License-Identifier: BSD-3-Clause
//! Inodes, and the content of their blocks.

use alloc::vec;
use core::cell::RefCell;

use block::BlockRead;
use filesystem::{Error, Fault};

use crate::{
    corrupt, divide, group,
    inode::Inode,
    map,
    run::{Leaf, Run},
    units::{BlockNumber, FileBlock, GroupNumber, InodeNumber},
    volume::Volume,
};

/// An open filesystem, as inodes: the layer below directories.
pub struct Files<D> {
    pub volume: Volume<D>,
    /// The leaf that was used last: reads of one file are mostly sequential.
    last: RefCell<Option<(InodeNumber, Leaf)>>,
}

impl<D: BlockRead> Files<D> {
    pub fn new(volume: Volume<D>) -> Self {
        Self { volume, last: RefCell::default() }
    }

    /// Reads an inode and verifies its checksum.
    pub fn inode(&self, number: InodeNumber) -> Result<Inode, Error> {
        let superblock = &self.volume.superblock;
        let unknown = || corrupt(Fault::Range, "inode number", 0u64, number.0);
        let index = number.0.checked_sub(1).filter(|index| *index < superblock.inodes);
        let (group, within) =
            divide(u64::from(index.ok_or_else(unknown)?), u64::from(superblock.inodes_per_group));
        if group >= superblock.groups() {
            return Err(unknown());
        }
        let (table, descriptor) = group::inode_table(&self.volume, GroupNumber(group))?;
        // Cannot saturate: 32 bits of inodes times 16 bits of bytes.
        let (block, within) = divide(within.saturating_mul(superblock.inode_size), superblock.block_size);
        let block = table.after(block);
        self.volume.check_blocks(block, 1, "ext4_group_desc.bg_inode_table_lo", descriptor)?;
        let offset = superblock.block_offset(block).after(within);
        let mut bytes = vec![0; usize::try_from(superblock.inode_size).unwrap_or(0)];
        self.volume.read(offset, &mut bytes)?;
        Inode::parse(number, offset, bytes, superblock)
    }

    /// The run that holds block `logical` of the file.
    pub fn run(&self, inode: &Inode, logical: FileBlock) -> Result<Run, Error> {
        if let Some((number, leaf)) = &*self.last.borrow()
            && *number == inode.number
            && let Some(run) = leaf.run(logical)
        {
            return Ok(run);
        }
        let leaf = map::leaf(&self.volume, inode, logical)?;
        let lost = || corrupt(Fault::Inconsistent, "ext4_extent.ee_block", inode.offset, logical);
        let run = leaf.run(logical).ok_or_else(lost)?;
        self.last.replace(Some((inode.number, leaf)));
        Ok(run)
    }

    /// The block that holds block `logical` of a file without holes; errors name it as `structure`.
    pub fn block_of(
        &self,
        inode: &Inode,
        logical: FileBlock,
        structure: &'static str,
    ) -> Result<BlockNumber, Error> {
        let block = self.run(inode, logical)?.block(logical);
        block.ok_or_else(|| corrupt(Fault::Inconsistent, structure, inode.offset, logical))
    }

    /// Fills `buf` from the file's blocks, with one device read for each run; `buf` is within the file's size.
    pub fn read_mapped(&self, inode: &Inode, mut offset: u64, mut buf: &mut [u8]) -> Result<(), Error> {
        let block_size = self.volume.superblock.block_size;
        while !buf.is_empty() {
            let (logical, within) = divide(offset, block_size);
            let logical = FileBlock(logical);
            let run = self.run(inode, logical)?;
            let blocks = run.end().since(logical);
            // Cannot saturate: a file has fewer than 2⁴³ blocks of 2¹⁶ bytes, and the run contains the requested block.
            let bytes = blocks.saturating_mul(block_size).saturating_sub(within);
            let length = usize::try_from(bytes).unwrap_or(usize::MAX).min(buf.len());
            let Some((head, rest)) = buf.split_at_mut_checked(length) else { break };
            match run.block(logical) {
                Some(block) => {
                    let start = self.volume.superblock.block_offset(block).after(within);
                    self.volume.read(start, head)?;
                }
                None => head.fill(0),
            }
            buf = rest;
            // Cannot saturate: at most the file's size, since `buf` is within it.
            offset = offset.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        }
        Ok(())
    }
}
