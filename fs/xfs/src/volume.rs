// SPDX-License-Identifier: BSD-3-Clause
//! The device with its superblock and blocks; inodes and files are built on it.

use alloc::{vec, vec::Vec};

use block::BlockRead;
use filesystem::Fault;

use crate::{
    failure::{Outcome, corrupt},
    log::{Intents, Overlay, Recovered, Replayed, Report},
    superblock::Superblock,
    units::{ByteOffset, FsBlock},
};

/// An open filesystem as blocks, with its log replayed.
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

    /// Applies what the replay of a log recovered, if there was one, and reads the superblock again. Returns what is
    /// left to finish, and how much was replayed.
    ///
    /// # Errors
    /// [`Error::Corrupt`](filesystem::Error::Corrupt) if the superblock is damaged then; nothing is applied.
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

    /// Reads a block that `structure` at byte `at` refers to; returns its byte offset, too.
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

    /// Checks that the `length` blocks at `block`, which `structure` at byte `at` refers to, are in one allocation
    /// group, past its headers.
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
