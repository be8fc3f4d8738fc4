// SPDX-License-Identifier: BSD-3-Clause
//! A device as it would be after the replay of its journal.

use alloc::vec::Vec;

use block::{BlockRead, ReadError};

use crate::units::BlockNumber;

/// Where the current content of a journalled block is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Source {
    /// The block that holds it, which belongs to the journal.
    pub block: BlockNumber,
    /// Its first four bytes are replaced: they equal the magic number of the journal's own blocks.
    pub is_escaped: bool,
}

/// A device some of whose blocks are read from elsewhere on it.
///
/// Nothing is copied: a replay takes some 40 bytes of memory for each block, and a journal may have a gigabyte.
pub struct Replayed<D> {
    device: D,
    /// Bytes of a block.
    block_size: u64,
    /// Sorted by block number.
    sources: Vec<(BlockNumber, Source)>,
}

/// The first bytes of an escaped block: `JBD2_MAGIC_NUMBER`.
const ESCAPED: [u8; 4] = super::format::MAGIC.to_be_bytes();

impl<D: BlockRead> Replayed<D> {
    /// The device as it is on disk.
    pub fn new(device: D) -> Self {
        Self { device, block_size: 1, sources: Vec::new() }
    }

    /// The device with blocks of `block_size` bytes read from their sources, which are sorted by block number, without
    /// duplicates, and all on the device.
    pub fn with(self, block_size: u64, sources: Vec<(BlockNumber, Source)>) -> Self {
        Self { device: self.device, block_size, sources }
    }

    /// Bytes of memory that it needs.
    pub fn memory(&self) -> usize {
        // Cannot saturate: they are in memory.
        self.sources.capacity().saturating_mul(size_of::<(BlockNumber, Source)>())
    }

    /// Fills `buf` with the bytes of a replayed block from its byte `within` on.
    fn read_source(&self, source: Source, within: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        // Cannot saturate: the whole block is on the device.
        let offset = source.block.0.saturating_mul(self.block_size).saturating_add(within);
        self.device.read_at(offset, buf)?;
        if source.is_escaped {
            let skip = usize::try_from(within).unwrap_or(usize::MAX);
            let bytes = ESCAPED.iter().skip(skip);
            buf.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        }
        Ok(())
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
        self.device.read_at(offset, buf)?;
        if self.sources.is_empty() {
            return Ok(());
        }
        // Cannot saturate: these bytes and blocks are on the device; of each block, a part lies among these bytes.
        let end = offset.saturating_add(u64::try_from(buf.len()).unwrap_or(u64::MAX));
        let (first, _) = crate::divide(offset, self.block_size);
        let (first, last) = (BlockNumber(first), BlockNumber(end.div_ceil(self.block_size.max(1))));
        let (Ok(at) | Err(at)) = self.sources.binary_search_by_key(&first, |(block, _)| *block);
        let here = self.sources.get(at..).unwrap_or_default().iter();
        for (block, source) in here.take_while(|(block, _)| *block < last) {
            let start = block.0.saturating_mul(self.block_size);
            let (from, to) = (start.max(offset), start.saturating_add(self.block_size).min(end));
            let place = |at: u64| usize::try_from(at.saturating_sub(offset)).unwrap_or(usize::MAX);
            if let Some(target) = buf.get_mut(place(from)..place(to)) {
                self.read_source(*source, from.saturating_sub(start), target)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of 8 bytes, each filled with its number, block 2 in block 5 and block 3 in block 6, escaped.
    fn device() -> Replayed<Vec<u8>> {
        let bytes = (0..8u8).flat_map(|block| [block; 8]).collect();
        let source =
            |place, block, is_escaped| (BlockNumber(place), Source { block: BlockNumber(block), is_escaped });
        Replayed::new(bytes).with(8, [source(2, 5, false), source(3, 6, true)].into())
    }

    #[test]
    fn it_keeps_places_and_no_content() {
        assert!((48..=128).contains(&device().memory()), "{}", device().memory());
        assert_eq!(Replayed::new(Vec::new()).memory(), 0);
    }

    #[test]
    fn every_range_reads_as_the_whole_does() {
        let mut whole = [0; 64];
        device().read_at(0, &mut whole).unwrap();
        let expected: Vec<u8> =
            [[0; 8], [1; 8], [5; 8], [0xc0, 0x3b, 0x39, 0x98, 6, 6, 6, 6], [4; 8]].concat();
        assert_eq!(whole[..40], expected);
        assert_eq!(whole[40..], [[5; 8], [6; 8], [7; 8]].concat());
        for start in 0..64 {
            for end in start..=64 {
                let mut part = std::vec![0; end - start];
                device().read_at(start as u64, &mut part).unwrap();
                assert_eq!(part, whole[start..end], "{start}..{end}");
            }
        }
    }
}
