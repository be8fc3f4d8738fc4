// SPDX-License-Identifier: BSD-3-Clause
//! Writes kept in memory over a device that is not changed.

use alloc::{boxed::Box, collections::BTreeMap, vec};
use core::cell::RefCell;

use crate::{BlockRead, BlockWrite, ReadError, check_bounds};

/// Granularity of the copy, in bytes.
const CHUNK: usize = 4096;
const CHUNK_U64: u64 = 4096;

/// A device that reads as `D` with everything written to the overlay in its place; `D` is never written.
///
/// Sparse: memory is used for the 4 KiB chunks that were written, no others.
#[derive(Debug)]
pub struct Overlay<D> {
    device: D,
    chunks: RefCell<BTreeMap<u64, Box<[u8]>>>,
}

impl<D: BlockRead> Overlay<D> {
    /// An overlay without any writes.
    pub fn new(device: D) -> Self {
        Self { device, chunks: RefCell::new(BTreeMap::new()) }
    }

    /// Bytes of memory that the written chunks use.
    pub fn memory(&self) -> usize {
        self.chunks.borrow().len().saturating_mul(CHUNK)
    }

    /// The chunk's bytes as the device has them, zeros past its end.
    fn load(&self, chunk: u64) -> Result<Box<[u8]>, ReadError> {
        let mut bytes = vec![0; CHUNK].into_boxed_slice();
        let start = chunk.saturating_mul(CHUNK_U64);
        let there = usize::try_from(self.device.size().saturating_sub(start)).unwrap_or(CHUNK).min(CHUNK);
        if let Some(head) = bytes.get_mut(..there) {
            self.device.read_at(start, head)?;
        }
        Ok(bytes)
    }
}

/// Offset within its chunk, and how much of `length` bytes lies in that chunk.
fn within(offset: u64, length: usize) -> (usize, usize) {
    let skip = usize::try_from(offset % CHUNK_U64).unwrap_or(0);
    (skip, length.min(CHUNK.saturating_sub(skip)))
}

impl<D: BlockRead> BlockRead for Overlay<D> {
    fn size(&self) -> u64 {
        self.device.size()
    }

    fn logical_block_size(&self) -> u32 {
        self.device.logical_block_size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.size())?;
        self.device.read_at(offset, buf)?;
        let end = offset.saturating_add(u64::try_from(buf.len()).unwrap_or(u64::MAX));
        for (chunk, bytes) in self.chunks.borrow().range(offset / CHUNK_U64..=end / CHUNK_U64) {
            let start = chunk.saturating_mul(CHUNK_U64);
            let (from, to) = (start.max(offset), start.saturating_add(CHUNK_U64).min(end));
            let position =
                |at: u64, base: u64| usize::try_from(at.saturating_sub(base)).unwrap_or(usize::MAX);
            if from < to
                && let Some(target) = buf.get_mut(position(from, offset)..position(to, offset))
                && let Some(source) = bytes.get(position(from, start)..position(to, start))
            {
                target.copy_from_slice(source);
            }
        }
        Ok(())
    }
}

impl<D: BlockRead> BlockWrite for Overlay<D> {
    fn write_at(&self, mut offset: u64, mut buf: &[u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.size())?;
        let mut chunks = self.chunks.borrow_mut();
        while !buf.is_empty() {
            let chunk = offset / CHUNK_U64;
            let (skip, length) = within(offset, buf.len());
            let Some((head, rest)) = buf.split_at_checked(length) else { break };
            if let alloc::collections::btree_map::Entry::Vacant(slot) = chunks.entry(chunk) {
                slot.insert(self.load(chunk)?);
            }
            let target =
                chunks.get_mut(&chunk).and_then(|c| c.get_mut(skip..)).and_then(|c| c.get_mut(..length));
            if let Some(target) = target {
                target.copy_from_slice(head);
            }
            buf = rest;
            offset = offset.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), ReadError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn reads_mix_device_and_writes_over_chunk_edges() {
        let disk: Vec<u8> = (0..3 * CHUNK + 100).map(|i| (i % 251) as u8).collect();
        let overlay = Overlay::new(disk.as_slice());
        let written: Vec<u8> = vec![0xff; CHUNK + 10];
        overlay.write_at(CHUNK as u64 - 5, &written).unwrap();
        let mut expected = disk.clone();
        expected[CHUNK - 5..2 * CHUNK + 5].fill(0xff);
        let mut read = vec![0; disk.len()];
        overlay.read_at(0, &mut read).unwrap();
        assert!(read == expected);
        let mut few = [0; 20];
        overlay.read_at(CHUNK as u64 - 10, &mut few).unwrap();
        assert_eq!(few, expected[CHUNK - 10..CHUNK + 10]);
        assert_eq!(overlay.memory(), 3 * CHUNK);
    }

    #[test]
    fn the_last_partial_chunk_can_be_written() {
        let disk = vec![1u8; CHUNK + 7];
        let overlay = Overlay::new(disk.as_slice());
        overlay.write_at(CHUNK as u64 + 6, &[9]).unwrap();
        let mut last = [0; 2];
        overlay.read_at(CHUNK as u64 + 5, &mut last).unwrap();
        assert_eq!(last, [1, 9]);
        assert!(overlay.write_at(CHUNK as u64 + 7, &[9]).is_err());
    }
}
