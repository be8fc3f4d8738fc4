// SPDX-License-Identifier: BSD-3-Clause
//! The changes of the replay, as an overlay over the device.

use alloc::vec::Vec;

use block::{BlockRead, ReadError};

use super::{CHUNK, Outcome, map::Map, to_u64, too_much};

/// Bytes of a chunk.
const CHUNK_U64: u64 = 128;
/// Chunks per memory allocation.
const GROUP: usize = 512;

/// Chunks that replace those of the device.
///
/// Their size is the unit in which the log stores buffers, so that a replay needs hardly more memory than the log.
#[derive(Default)]
pub struct Overlay {
    /// Index into `groups`, by chunk number.
    index: Map,
    groups: Vec<Vec<[u8; CHUNK]>>,
}

impl Overlay {
    /// Whether the replay changed any of the `length` bytes at `offset`.
    ///
    /// Checksums are recomputed per buffer of the log. A directory block whose filesystem blocks are not contiguous
    /// consists of several buffers, so that its checksum, which covers all of them, is not recomputed.
    pub fn is_replayed(&self, offset: u64, length: usize) -> bool {
        // Saturates past the end of every device, where nothing was changed, and for a length of zero, which is handled
        // below.
        let last = offset.saturating_add(to_u64(length)).saturating_sub(1);
        let next = self.index.next(offset / CHUNK_U64);
        length > 0 && next.is_some_and(|(number, _)| number <= last / CHUNK_U64)
    }

    /// Bytes of memory that it takes.
    pub fn memory(&self) -> usize {
        self.groups.len().wrapping_mul(GROUP.wrapping_mul(CHUNK)).wrapping_add(self.index.memory())
    }

    /// Fills `buf` from the overlay and, where nothing was changed, from the device.
    ///
    /// # Errors
    /// Those of the device.
    pub fn read_at(&self, device: &dyn BlockRead, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        device.read_at(offset, buf)?;
        // Cannot saturate: the device had these bytes.
        let end = offset.saturating_add(to_u64(buf.len()));
        let mut from = offset / CHUNK_U64;
        while let Some((number, at)) = self.index.next(from) {
            let start = number.wrapping_mul(CHUNK_U64);
            if start >= end {
                break;
            }
            let (first, last) = (start.max(offset), start.wrapping_add(CHUNK_U64).min(end));
            let source =
                self.get(at).and_then(|chunk| chunk.get(distance(start, first)..distance(start, last)));
            let target = buf.get_mut(distance(offset, first)..distance(offset, last));
            if let (Some(source), Some(target)) = (source, target) {
                target.copy_from_slice(source);
            }
            from = number.wrapping_add(1);
        }
        Ok(())
    }

    /// Replaces whole chunks, from byte `offset` on.
    ///
    /// # Errors
    /// `NoMemory`
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) -> Outcome<()> {
        for (number, bytes) in (offset / CHUNK_U64..).zip(bytes.as_chunks().0) {
            let count = self.index.len();
            let at = distance(0, *self.index.entry(number, to_u64(count))?);
            if at == count && count.is_multiple_of(GROUP) {
                let mut group = Vec::new();
                group.try_reserve_exact(GROUP).map_err(|_| too_much(count.wrapping_mul(CHUNK)))?;
                self.groups.push(group);
            }
            let Some(group) = self.groups.get_mut(at / GROUP) else { return Err(too_much(0)) };
            match group.get_mut(at % GROUP) {
                Some(chunk) => *chunk = *bytes,
                None => group.push(*bytes),
            }
        }
        Ok(())
    }

    fn get(&self, at: u64) -> Option<&[u8; CHUNK]> {
        let at = distance(0, at);
        self.groups.get(at / GROUP)?.get(at % GROUP)
    }
}

fn distance(from: u64, to: u64) -> usize {
    // Cannot saturate: callers pass the lower one first.
    usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX)
}

/// A device with the changes that were replayed from its log.
pub struct Replayed<D> {
    device: D,
    overlay: Overlay,
}

impl<D: BlockRead> Replayed<D> {
    /// The device without changes.
    pub fn new(device: D) -> Self {
        Self { device, overlay: Overlay::default() }
    }

    /// The device with the changes of a replay.
    pub fn with(self, overlay: Overlay) -> Self {
        Self { device: self.device, overlay }
    }

    /// Replaces the overlay.
    pub fn set(&mut self, overlay: Overlay) {
        self.overlay = overlay;
    }

    /// The changes of the replay.
    pub fn overlay(&self) -> &Overlay {
        &self.overlay
    }
}

impl<D: BlockRead> BlockRead for Replayed<D> {
    fn size(&self) -> u64 {
        self.device.size()
    }

    fn logical_block_size(&self) -> u32 {
        self.device.logical_block_size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.overlay.read_at(&self.device, offset, buf)
    }
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use super::*;

    #[test]
    fn every_range_reads_as_the_whole_does() {
        let device: Vec<u8> = (0..32u8).flat_map(|chunk| [chunk; CHUNK]).collect();
        let mut overlay = Overlay::default();
        let mut expected = device.clone();
        for (first, count) in [(4, 1), (8, 5), (28, 4), (5, 1), (10, 1), (5, 0)] {
            let bytes: Vec<u8> = (0..count * CHUNK).map(|at| (at % 251) as u8 ^ 0x80).collect();
            overlay.write((first * CHUNK) as u64, &bytes).unwrap();
            expected[first * CHUNK..][..bytes.len()].copy_from_slice(&bytes);
        }
        let replayed = Replayed::new(device).with(overlay);
        for start in (0..4096).step_by(37) {
            for end in (start..=4096).step_by(61) {
                let mut part = vec![0; end - start];
                replayed.read_at(start as u64, &mut part).unwrap();
                assert_eq!(part, expected[start..end], "{start}..{end}");
            }
        }
        let changed = |offset, length| replayed.overlay().is_replayed(offset, length);
        assert!(changed(0, 513) && changed(1663, 2) && changed(3600, 400) && changed(4095, 1));
        assert!(!changed(0, 512) && !changed(1664, 1920) && !changed(600, 0), "sides of whole chunks");
    }

    #[test]
    fn more_chunks_than_a_group_has_are_found() {
        let device = vec![0; 256 * CHUNK * 3];
        let mut overlay = Overlay::default();
        for number in (0..600u64).rev() {
            overlay.write(number * CHUNK_U64, &[number as u8; CHUNK]).unwrap();
        }
        let replayed = Replayed::new(device).with(overlay);
        for number in 0..600u64 {
            let mut byte = [0];
            replayed.read_at(number * CHUNK_U64 + 9, &mut byte).unwrap();
            assert_eq!(byte, [number as u8]);
        }
    }
}
