// SPDX-License-Identifier: BSD-3-Clause
//! Reads a few bytes where a signature may be.

use block::{BlockRead, ReadError};

/// A device that is being identified.
pub struct Probe<'a> {
    device: &'a dyn BlockRead,
}

impl<'a> Probe<'a> {
    pub fn new(device: &'a dyn BlockRead) -> Self {
        Self { device }
    }

    /// Length of the device in bytes.
    pub fn size(&self) -> u64 {
        self.device.size()
    }

    /// Fills `buffer` from `field` in the structure at `start`; returns whether all of it is on the device.
    fn fill(&self, start: u64, field: u64, buffer: &mut [u8]) -> Result<bool, ReadError> {
        let end = |offset: u64| offset.checked_add(u64::try_from(buffer.len()).ok()?);
        match start.checked_add(field).and_then(|offset| Some((offset, end(offset)?))) {
            Some((offset, end)) if end <= self.size() => self.device.read_at(offset, buffer).map(|()| true),
            _ => Ok(false),
        }
    }

    /// The bytes at `field` in the structure at `start`; `None` if they are past the end of the device.
    pub fn bytes<const N: usize>(&self, start: u64, field: u64) -> Result<Option<[u8; N]>, ReadError> {
        let mut bytes = [0; N];
        Ok(self.fill(start, field, &mut bytes)?.then_some(bytes))
    }

    /// Whether these bytes, at most [`LONGEST`], are at `field` in the structure at `start`.
    pub fn has(&self, start: u64, field: u64, magic: &[u8]) -> Result<bool, ReadError> {
        let mut buffer = [0; LONGEST];
        let Some(bytes) = buffer.get_mut(..magic.len()) else { return Ok(false) };
        Ok(self.fill(start, field, bytes)? && bytes == magic)
    }

    pub fn u8(&self, start: u64, field: u64) -> Result<Option<u8>, ReadError> {
        Ok(self.bytes(start, field)?.map(u8::from_le_bytes))
    }

    pub fn le16(&self, start: u64, field: u64) -> Result<Option<u16>, ReadError> {
        Ok(self.bytes(start, field)?.map(u16::from_le_bytes))
    }

    pub fn be16(&self, start: u64, field: u64) -> Result<Option<u16>, ReadError> {
        Ok(self.bytes(start, field)?.map(u16::from_be_bytes))
    }

    pub fn le32(&self, start: u64, field: u64) -> Result<Option<u32>, ReadError> {
        Ok(self.bytes(start, field)?.map(u32::from_le_bytes))
    }

    pub fn be32(&self, start: u64, field: u64) -> Result<Option<u32>, ReadError> {
        Ok(self.bytes(start, field)?.map(u32::from_be_bytes))
    }

    pub fn le64(&self, start: u64, field: u64) -> Result<Option<u64>, ReadError> {
        Ok(self.bytes(start, field)?.map(u64::from_le_bytes))
    }

    pub fn be64(&self, start: u64, field: u64) -> Result<Option<u64>, ReadError> {
        Ok(self.bytes(start, field)?.map(u64::from_be_bytes))
    }
}

/// Maximum length of a magic number.
pub const LONGEST: usize = 24;
