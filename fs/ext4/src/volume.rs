// SPDX-License-Identifier: BSD-3-Clause
//! The device, its superblock, and what is read through both.

use alloc::{vec, vec::Vec};
use core::cell::RefCell;

use block::BlockRead;
use filesystem::{Error, Fault};

use crate::{
    corrupt, divide, group,
    inode::{Inode, InodeNumber},
    map::{self, Leaf, Run},
    superblock::Superblock,
};

/// An open filesystem below directories and files.
pub struct Volume<D> {
    device: D,
    pub superblock: Superblock,
    /// The leaf of a map that was used last: chunks of one file come one after the other.
    last: RefCell<Option<(InodeNumber, Leaf)>>,
}

impl<D: BlockRead> Volume<D> {
    pub fn open(device: D) -> Result<Self, Error> {
        let superblock = Superblock::read(&device)?;
        Ok(Self { device, superblock, last: RefCell::default() })
    }

    pub fn into_device(self) -> D {
        self.device
    }

    /// Reads an inode and verifies its checksum.
    pub fn inode(&self, number: InodeNumber) -> Result<Inode, Error> {
        let superblock = &self.superblock;
        let unknown = || corrupt(Fault::Range, "inode number", 0, number.0);
        let index = number.0.checked_sub(1).filter(|index| *index < superblock.inodes);
        let (group, within) =
            divide(u64::from(index.ok_or_else(unknown)?), u64::from(superblock.inodes_per_group));
        if group >= superblock.groups() {
            return Err(unknown());
        }
        let (table, descriptor) = group::inode_table(self, group)?;
        let (block, within) = divide(within.saturating_mul(superblock.inode_size), superblock.block_size);
        let block = table.saturating_add(block);
        self.check_blocks(block, 1, "ext4_group_desc.bg_inode_table_lo", descriptor)?;
        let offset = self.block_offset(block).saturating_add(within);
        let mut bytes = vec![0; usize::try_from(superblock.inode_size).unwrap_or(0)];
        self.read_metadata(offset, &mut bytes)?;
        Inode::parse(number, offset, bytes, superblock)
    }

    /// Byte offset of a block.
    pub fn block_offset(&self, block: u64) -> u64 {
        // Does not saturate for blocks of the filesystem: they are all on the device.
        block.saturating_mul(self.superblock.block_size)
    }

    /// Fills `buf` with metadata.
    pub fn read_metadata(&self, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        Ok(self.device.read_at(offset, buf)?)
    }

    /// A block of metadata that `structure` at byte `at` names, and its own byte offset.
    pub fn metadata_block(
        &self,
        block: u64,
        structure: &'static str,
        at: u64,
    ) -> Result<(Vec<u8>, u64), Error> {
        self.check_blocks(block, 1, structure, at)?;
        let mut bytes = vec![0; usize::try_from(self.superblock.block_size).unwrap_or(0)];
        let offset = self.block_offset(block);
        self.read_metadata(offset, &mut bytes)?;
        Ok((bytes, offset))
    }

    /// Checks that `length` blocks from `block` on, which `structure` at byte `at` names, lie in the
    /// filesystem and are not its superblock.
    pub fn check_blocks(
        &self,
        block: u64,
        length: u64,
        structure: &'static str,
        at: u64,
    ) -> Result<(), Error> {
        let end = block.checked_add(length).filter(|end| *end <= self.superblock.blocks);
        match end {
            Some(_) if block > self.superblock.first_data_block => Ok(()),
            _ => Err(corrupt(Fault::Range, structure, at, block)),
        }
    }

    /// The run that holds block `logical` of the file.
    pub fn run(&self, inode: &Inode, logical: u64) -> Result<Run, Error> {
        if let Some((number, leaf)) = &*self.last.borrow()
            && *number == inode.number
            && let Some(run) = leaf.run(logical)
        {
            return Ok(run);
        }
        let leaf = map::leaf(self, inode, logical)?;
        let lost = || corrupt(Fault::Inconsistent, "ext4_extent.ee_block", inode.offset, logical);
        let run = leaf.run(logical).ok_or_else(lost)?;
        self.last.replace(Some((inode.number, leaf)));
        Ok(run)
    }

    /// The block of the filesystem that is block `logical` of a file without holes, by the name of `structure`.
    pub fn block_of(&self, inode: &Inode, logical: u64, structure: &'static str) -> Result<u64, Error> {
        let block = self.run(inode, logical)?.block(logical);
        block.ok_or_else(|| corrupt(Fault::Inconsistent, structure, inode.offset, logical))
    }

    /// Fills `buf` from the file's blocks, one device read for each run; `buf` lies within the file's size.
    pub fn read_mapped(&self, inode: &Inode, mut offset: u64, mut buf: &mut [u8]) -> Result<(), Error> {
        let block_size = self.superblock.block_size;
        while !buf.is_empty() {
            let (logical, within) = divide(offset, block_size);
            let run = self.run(inode, logical)?;
            let blocks = run.end().saturating_sub(logical);
            let bytes = blocks.saturating_mul(block_size).saturating_sub(within);
            let length = usize::try_from(bytes).unwrap_or(usize::MAX).min(buf.len());
            let Some((head, rest)) = buf.split_at_mut_checked(length) else { break };
            match run.block(logical) {
                Some(block) => {
                    let start = self.block_offset(block).saturating_add(within);
                    self.device.read_at(start, head)?;
                }
                None => head.fill(0),
            }
            buf = rest;
            offset = offset.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        }
        Ok(())
    }
}
