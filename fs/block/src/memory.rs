// SPDX-License-Identifier: BSD-3-Clause
//! A device in memory.

use alloc::vec::Vec;
use core::cell::RefCell;

use crate::{BlockRead, BlockWrite, ReadError, check_bounds};

/// A device whose bytes are in memory, readable and writable.
#[derive(Debug, Default)]
pub struct Memory {
    bytes: RefCell<Vec<u8>>,
    logical_block_size: u32,
}

impl Memory {
    /// A device of these bytes with 512-byte blocks.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self::with_block_size(bytes, 512)
    }

    /// A device of these bytes with logical blocks of `logical_block_size` bytes.
    pub fn with_block_size(bytes: Vec<u8>, logical_block_size: u32) -> Self {
        Self { bytes: RefCell::new(bytes), logical_block_size }
    }

    /// The bytes as they are now.
    pub fn into_inner(self) -> Vec<u8> {
        self.bytes.into_inner()
    }
}

impl BlockRead for Memory {
    fn size(&self) -> u64 {
        u64::try_from(self.bytes.borrow().len()).unwrap_or(u64::MAX)
    }

    fn logical_block_size(&self) -> u32 {
        self.logical_block_size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.bytes.borrow().as_slice().read_at(offset, buf)
    }
}

impl BlockWrite for Memory {
    fn write_at(&self, offset: u64, buf: &[u8]) -> Result<(), ReadError> {
        let mut bytes = self.bytes.borrow_mut();
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        check_bounds(offset, buf.len(), size)?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let target = bytes.get_mut(start..).and_then(|rest| rest.get_mut(..buf.len()));
        target.ok_or(ReadError::OutOfBounds { offset, length: 0, size })?.copy_from_slice(buf);
        Ok(())
    }

    fn flush(&self) -> Result<(), ReadError> {
        Ok(())
    }
}

impl BlockRead for [u8] {
    fn size(&self) -> u64 {
        u64::try_from(self.len()).unwrap_or(u64::MAX)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.size())?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let source = self.get(start..).and_then(|rest| rest.get(..buf.len()));
        buf.copy_from_slice(source.ok_or(ReadError::OutOfBounds { offset, length: 0, size: self.size() })?);
        Ok(())
    }
}

impl BlockRead for Vec<u8> {
    fn size(&self) -> u64 {
        self.as_slice().size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.as_slice().read_at(offset, buf)
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let disk = Memory::new(vec![0; 16]);
        disk.write_at(4, b"abcd").unwrap();
        let mut buf = [0; 6];
        disk.read_at(3, &mut buf).unwrap();
        assert_eq!(&buf, b"\0abcd\0");
    }

    #[test]
    fn write_past_the_end_is_refused_whole() {
        let disk = Memory::new(vec![0; 4]);
        assert!(disk.write_at(2, b"abc").is_err());
        assert_eq!(disk.into_inner(), [0; 4]);
    }
}
