// SPDX-License-Identifier: BSD-3-Clause
//! The device, its superblock, and blocks: below inodes and files.

use alloc::{vec, vec::Vec};

use block::BlockRead;
use filesystem::Fault;

use crate::{
    failure::{Outcome, corrupt},
    log::{Intents, Overlay, Recovered, Replayed, Report},
    superblock::Superblock,
    units::{ByteOffset, FsBlock},
};

/// An open filesystem as blocks, its log replayed.
pub struct Volume<D> {
    device: Replayed<D>,
    pub superblock: Superblock,
}

impl<D: BlockRead> Volume<D> {
    pub fn open(device: Replayed<D>) -> Outcome<Self> {
        let superblock = Superblock::read(&device)?;
        Ok(Self { device, superblock })
    }

    pub fn device(&self) -> &Replayed<D> {
        &self.device
    }

    /// Takes what the replay of a log has changed, if there was one: the superblock, too, perhaps. Yields what is left
    /// to do, and what was done.
    ///
    /// # Errors
    /// Where the superblock is damaged then: nothing is taken.
    pub fn replay(&mut self, recovered: Option<Recovered>) -> Outcome<Option<(Intents, Report)>> {
        let Some(Recovered { overlay, intents, report }) = recovered else { return Ok(None) };
        self.device.set(overlay);
        match Superblock::read(&self.device) {
            Ok(superblock) => self.superblock = superblock,
            Err(failure) => {
                self.device.set(Overlay::default());
                return Err(failure);
            }
        }
        Ok(Some((intents, report)))
    }

    /// Fills `buf` with the bytes at `offset`.
    pub fn read(&self, offset: ByteOffset, buf: &mut [u8]) -> Outcome<()> {
        Ok(self.device.read_at(offset.0, buf)?)
    }

    /// A block that `structure` at byte `at` names, and its own byte offset.
    pub fn block(
        &self,
        block: FsBlock,
        structure: &'static str,
        at: ByteOffset,
    ) -> Outcome<(Vec<u8>, ByteOffset)> {
        self.check_blocks(block, 1, structure, at)?;
        let mut bytes = vec![0; usize::try_from(self.superblock.block_size()).unwrap_or(0)];
        let offset = self.superblock.block_offset(block);
        self.read(offset, &mut bytes)?;
        Ok((bytes, offset))
    }

    /// Checks that `length` blocks from `block` on, which `structure` at byte `at` names, lie in one allocation group
    /// and not on its headers.
    pub fn check_blocks(
        &self,
        block: FsBlock,
        length: u64,
        structure: &'static str,
        at: ByteOffset,
    ) -> Outcome<()> {
        match self.superblock.has_blocks(block, length) {
            true => Ok(()),
            false => Err(corrupt(Fault::Range, structure, at, block)),
        }
    }
}
