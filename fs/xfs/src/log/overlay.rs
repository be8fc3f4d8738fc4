// SPDX-License-Identifier: BSD-3-Clause
//! What the replay has changed, laid over the device.

use alloc::vec::Vec;

use block::{BlockRead, ReadError};

use super::{CHUNK, Outcome, map::Map, too_much};

/// Bytes of a chunk.
const CHUNK_U64: u64 = 128;
/// Chunks that memory is asked for at once.
const GROUP: usize = 512;

/// Chunks that are not read from the device.
///
/// They are as long as what the log has of a buffer, so that a replay needs hardly more memory than the log.
#[derive(Default)]
pub struct Overlay {
    /// By number, where in `groups` they are.
    index: Map,
    groups: Vec<Vec<[u8; CHUNK]>>,
}

impl Overlay {
    /// Whether any of `length` bytes at `offset` was changed by the replay.
    ///
    /// Checksums are right where a whole buffer of the log was changed. A directory block of several blocks that do not
    /// follow each other is several buffers, and its checksum, over all of them, is not.
    pub fn is_replayed(&self, offset: u64, length: usize) -> bool {
        let last = offset.saturating_add(u64::try_from(length).unwrap_or(u64::MAX)).saturating_sub(1);
        let next = self.index.next(offset / CHUNK_U64);
        length > 0 && next.is_some_and(|(number, _)| number <= last / CHUNK_U64)
    }

    /// Reads from the device what was not changed.
    ///
    /// # Errors
    /// Those of the device.
    pub fn read_at(&self, device: &dyn BlockRead, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        device.read_at(offset, buf)?;
        let end = offset.saturating_add(u64::try_from(buf.len()).unwrap_or(u64::MAX));
        let mut from = offset / CHUNK_U64;
        while let Some((number, at)) = self.index.next(from) {
            let start = number.saturating_mul(CHUNK_U64);
            if start >= end {
                break;
            }
            let (first, last) = (start.max(offset), start.saturating_add(CHUNK_U64).min(end));
            let source =
                self.get(at).and_then(|chunk| chunk.get(distance(start, first)..distance(start, last)));
            let target = buf.get_mut(distance(offset, first)..distance(offset, last));
            if let (Some(source), Some(target)) = (source, target) {
                target.copy_from_slice(source);
            }
            from = number.saturating_add(1);
        }
        Ok(())
    }

    /// Changes the bytes at `offset`, which are on the device.
    ///
    /// # Errors
    /// Those of the device; `NoMemory` when too much was changed.
    pub(super) fn write(&mut self, device: &dyn BlockRead, offset: u64, mut bytes: &[u8]) -> Outcome<()> {
        let mut at = offset;
        while !bytes.is_empty() {
            let within = distance(0, at % CHUNK_U64);
            let (now, rest) = bytes.split_at(bytes.len().min(CHUNK.saturating_sub(within)));
            let chunk = self.chunk(device, at / CHUNK_U64)?;
            if let Some(target) = chunk.get_mut(within..).and_then(|rest| rest.get_mut(..now.len())) {
                target.copy_from_slice(now);
            }
            at = at.saturating_add(u64::try_from(now.len()).unwrap_or(u64::MAX));
            bytes = rest;
        }
        Ok(())
    }

    /// A chunk's bytes, at first those of the device.
    fn chunk(&mut self, device: &dyn BlockRead, number: u64) -> Outcome<&mut [u8; CHUNK]> {
        let count = self.index.len();
        let known = self.index.get(number);
        if known.is_none() {
            let mut chunk = [0; CHUNK];
            device.read_at(number.saturating_mul(CHUNK_U64), &mut chunk)?;
            *self.index.entry(number, 0)? = u64::try_from(count).unwrap_or(u64::MAX);
            if count.is_multiple_of(GROUP) {
                let mut group = Vec::new();
                group.try_reserve_exact(GROUP).map_err(|_| too_much(count.saturating_mul(CHUNK)))?;
                self.groups.push(group);
            }
            if let Some(group) = self.groups.last_mut() {
                group.push(chunk);
            }
        }
        let at = known.map_or(count, |at| distance(0, at));
        let chunk = self.groups.get_mut(at / GROUP).and_then(|group| group.get_mut(at % GROUP));
        chunk.ok_or_else(|| too_much(0))
    }

    fn get(&self, at: u64) -> Option<&[u8; CHUNK]> {
        let at = distance(0, at);
        self.groups.get(at / GROUP)?.get(at % GROUP)
    }
}

fn distance(from: u64, to: u64) -> usize {
    usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX)
}

/// A device as it is after the replay of its log.
pub struct Replayed<D> {
    device: D,
    overlay: Overlay,
}

impl<D: BlockRead> Replayed<D> {
    /// The device as it is.
    pub fn new(device: D) -> Self {
        Self { device, overlay: Overlay::default() }
    }

    /// The device with what the replay has changed.
    pub fn with(self, overlay: Overlay) -> Self {
        Self { device: self.device, overlay }
    }

    /// What the replay has changed.
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
        for (offset, length) in [(600, 100), (1000, 600), (3584, 512), (700, 1), (640, 0)] {
            let bytes: Vec<u8> = (0..length).map(|at: usize| (at % 251) as u8 ^ 0x80).collect();
            overlay.write(&device, offset as u64, &bytes).unwrap();
            expected[offset..][..length].copy_from_slice(&bytes);
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
        assert!(!changed(0, 512) && !changed(1664, 1920), "sides of whole chunks");
    }

    #[test]
    fn what_is_not_on_the_device_is_not_changed() {
        let device = vec![0; 1000];
        let mut overlay = Overlay::default();
        assert!(overlay.write(&device, 950, &[1]).is_err(), "the chunk is cut off");
        assert!(overlay.write(&device, 4096, &[1]).is_err());
        assert!(overlay.write(&device, u64::MAX, &[1, 2]).is_err());
        assert!(!overlay.is_replayed(0, usize::MAX));
    }
}
