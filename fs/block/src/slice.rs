// SPDX-License-Identifier: BSD-3-Clause
//! A range of a device, as a device of its own.

use crate::{BlockRead, BlockWrite, ReadError, check_bounds};

/// The `length` bytes of a device from `start` on, such as a partition.
#[derive(Clone, Debug)]
pub struct Slice<D> {
    device: D,
    start: u64,
    length: u64,
}

impl<D: BlockRead> Slice<D> {
    /// The bytes `start..start + length` of `device`.
    ///
    /// # Errors
    /// [`ReadError::OutOfBounds`] when they are not all on the device.
    pub fn new(device: D, start: u64, length: u64) -> Result<Self, ReadError> {
        match start.checked_add(length) {
            Some(end) if end <= device.size() => Ok(Self { device, start, length }),
            _ => Err(ReadError::OutOfBounds { offset: start, length, size: device.size() }),
        }
    }

    fn translate(&self, offset: u64, length: usize) -> Result<u64, ReadError> {
        check_bounds(offset, length, self.length)?;
        // Cannot saturate: start + length was checked by `new`, offset <= length just now.
        Ok(self.start.saturating_add(offset))
    }
}

impl<D: BlockRead> BlockRead for Slice<D> {
    fn size(&self) -> u64 {
        self.length
    }

    fn logical_block_size(&self) -> u32 {
        self.device.logical_block_size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.device.read_at(self.translate(offset, buf.len())?, buf)
    }

    fn charge(&self, bytes: usize) -> Result<(), ReadError> {
        self.device.charge(bytes)
    }
}

impl<D: BlockWrite> BlockWrite for Slice<D> {
    fn write_at(&self, offset: u64, buf: &[u8]) -> Result<(), ReadError> {
        self.device.write_at(self.translate(offset, buf.len())?, buf)
    }

    fn flush(&self) -> Result<(), ReadError> {
        self.device.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn a_slice_ends_where_it_ends() {
        let disk: Vec<u8> = (0..16).collect();
        let part = Slice::new(disk, 4, 8).unwrap();
        let mut buf = [0; 2];
        part.read_at(6, &mut buf).unwrap();
        assert_eq!(buf, [10, 11]);
        assert!(part.read_at(7, &mut buf).is_err());
    }

    #[test]
    fn a_slice_past_its_device_is_refused() {
        assert!(Slice::new([0u8; 16].as_slice(), 8, 9).is_err());
        assert!(Slice::new([0u8; 16].as_slice(), u64::MAX, 2).is_err());
    }
}
