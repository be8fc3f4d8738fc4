// SPDX-License-Identifier: BSD-3-Clause
//! The device, its superblock and its blocks: the layer below inodes and files.

use alloc::{vec, vec::Vec};

use block::BlockRead;
use filesystem::{Error, Fault};

use crate::{
    corrupt,
    superblock::Superblock,
    units::{BlockNumber, ByteOffset},
};

/// An open filesystem, as blocks.
pub struct Volume<D> {
    device: D,
    pub superblock: Superblock,
}

impl<D: BlockRead> Volume<D> {
    pub fn open(device: D) -> Result<Self, Error> {
        let superblock = Superblock::read(&device)?;
        Ok(Self { device, superblock })
    }

    /// The underlying device.
    pub fn device(&self) -> &D {
        &self.device
    }

    pub fn into_device(self) -> D {
        self.device
    }

    /// Fills `buf` with the bytes at `offset`.
    pub fn read(&self, offset: ByteOffset, buf: &mut [u8]) -> Result<(), Error> {
        Ok(self.device.read_at(offset.0, buf)?)
    }

    /// The metadata block that `structure` at byte `at` points to, and the block's byte offset.
    pub fn metadata_block(
        &self,
        block: BlockNumber,
        structure: &'static str,
        at: ByteOffset,
    ) -> Result<(Vec<u8>, ByteOffset), Error> {
        self.check_blocks(block, 1, structure, at)?;
        let mut bytes = vec![0; usize::try_from(self.superblock.block_size).unwrap_or(0)];
        let offset = self.superblock.block_offset(block);
        self.read(offset, &mut bytes)?;
        Ok((bytes, offset))
    }

    /// Checks that `length` blocks from `block` on, which `structure` at byte `at` points to, are inside the
    /// filesystem and do not contain its superblock.
    pub fn check_blocks(
        &self,
        block: BlockNumber,
        length: u64,
        structure: &'static str,
        at: ByteOffset,
    ) -> Result<(), Error> {
        let end = block.0.checked_add(length).filter(|end| *end <= self.superblock.blocks);
        match end {
            Some(_) if block > self.superblock.first_data_block => Ok(()),
            _ => Err(corrupt(Fault::Range, structure, at, block)),
        }
    }
}
