// SPDX-License-Identifier: BSD-3-Clause
//! The log as a ring of sectors; each stores the cycle (round of the ring) in which it was written.

use alloc::vec;
use core::ops::ControlFlow;

use block::BlockRead;
use filesystem::Fault;

use super::{Geometry, Outcome, SECTOR, SECTOR_U64, corrupt, unsupported};

/// `XFS_MAX_LOG_BYTES`
const MOST_BYTES: u64 = 2 << 30;
/// Offset of `sb_logblocks`, which counts blocks of the filesystem.
const LOGBLOCKS_AT: u64 = 96;
/// A ring with fewer blocks cannot hold a record.
const FEWEST_BLOCKS: u32 = 4;
/// Bytes per read where many blocks are read.
const CHUNK: usize = 64 << 10;

/// A sector of the log, counted from its start: below [`Ring::blocks`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LogBlock(pub u32);

/// The log.
pub struct Ring<'a> {
    device: &'a dyn BlockRead,
    /// Byte offset of block 0.
    start: u64,
    /// Blocks of the log: 4 to 2²², so that no sum of two overflows.
    pub blocks: u32,
}

impl<'a> Ring<'a> {
    /// # Errors
    /// `Corrupt` if the log is not on the device, `Unsupported` if it is on another one.
    pub fn new(device: &'a dyn BlockRead, geometry: &Geometry) -> Outcome<Self> {
        let start = geometry.log_start.ok_or_else(|| unsupported("a log on another device"))?;
        let blocks = u32::try_from(geometry.log_bytes / SECTOR_U64).unwrap_or(0);
        // What saturates is past the end of every device, and refused.
        let end = start.saturating_add(geometry.log_bytes);
        let found = geometry.log_bytes.checked_div(geometry.block_size.into()).unwrap_or(0);
        if blocks < FEWEST_BLOCKS || geometry.log_bytes > MOST_BYTES || end > device.size() {
            return Err(corrupt(Fault::Range, "xfs_dsb.sb_logblocks", LOGBLOCKS_AT, found));
        }
        Ok(Self { device, start, blocks })
    }

    /// The device that contains the log.
    pub fn device(&self) -> &'a dyn BlockRead {
        self.device
    }

    /// Byte offset of a block on the device.
    pub fn offset(&self, at: LogBlock) -> u64 {
        self.start.wrapping_add(u64::from(at.0).wrapping_mul(SECTOR_U64))
    }

    /// The block `count` after `at`; `count` is at most the number of blocks.
    pub fn after(&self, at: LogBlock, count: u32) -> LogBlock {
        let sum = at.0.wrapping_add(count);
        LogBlock(sum.checked_sub(self.blocks).unwrap_or(sum))
    }

    /// The block `count` before `at`; `count` is at most the number of blocks.
    pub fn before(&self, at: LogBlock, count: u32) -> LogBlock {
        self.after(at, self.blocks.wrapping_sub(count))
    }

    /// Blocks from `from` forward to `to`; 0 if they are equal.
    pub fn distance(&self, from: LogBlock, to: LogBlock) -> u32 {
        to.0.checked_sub(from.0).unwrap_or(self.blocks.wrapping_sub(from.0).wrapping_add(to.0))
    }

    /// Fills `buf` from block `at` on, wrapping at the end of the ring.
    pub fn read(&self, at: LogBlock, buf: &mut [u8]) -> Outcome<()> {
        // Cannot saturate: `at` is a block of the ring, which has at most 2²² of 512 bytes.
        let to_end = usize::try_from(self.blocks.saturating_sub(at.0)).unwrap_or(usize::MAX);
        let length = buf.len().min(to_end.saturating_mul(SECTOR));
        let (head, rest) = buf.split_at_mut_checked(length).unwrap_or_default();
        self.device.read_at(self.offset(at), head)?;
        if !rest.is_empty() {
            self.device.read_at(self.start, rest)?;
        }
        Ok(())
    }

    /// Calls `each` with `count` blocks from `from` on, until it breaks.
    pub fn each(
        &self,
        from: LogBlock,
        count: u32,
        each: &mut dyn FnMut(LogBlock, &[u8; SECTOR]) -> ControlFlow<()>,
    ) -> Outcome<()> {
        let (mut at, mut left) = (from, count.min(self.blocks));
        let mut buf = vec![0; CHUNK];
        while left > 0 {
            // Cannot saturate: at most 2²² blocks.
            let length = usize::try_from(left).unwrap_or(usize::MAX).saturating_mul(SECTOR).min(CHUNK);
            let bytes = buf.get_mut(..length).unwrap_or_default();
            self.read(at, bytes)?;
            for block in bytes.as_chunks().0 {
                if each(at, block).is_break() {
                    return Ok(());
                }
                (at, left) = (self.after(at, 1), left.wrapping_sub(1));
            }
        }
        Ok(())
    }
}
