// SPDX-License-Identifier: BSD-3-Clause
//! Directory records.
//!
//! Source: ECMA-119, clause 9.1.

use core::mem::offset_of;

use filesystem::{Error, Fault};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{
    corrupt,
    descriptor::{Both16, Both32},
    within,
};

pub const FLAG_DIRECTORY: u8 = 0x02;
pub const FLAG_ASSOCIATED: u8 = 0x04;
/// The file continues in the next record.
pub const FLAG_MULTI_EXTENT: u8 = 0x80;
/// Identifiers of the directory itself and of its parent.
pub const SELF: &[u8] = &[0];
pub const PARENT: &[u8] = &[1];

/// The fixed-length part of a directory record.
#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Header {
    pub length_of_directory_record: u8,
    pub extended_attribute_record_length: u8,
    pub location_of_extent: Both32,
    pub data_length: Both32,
    pub recording_date: [u8; 7],
    pub file_flags: u8,
    pub file_unit_size: u8,
    pub interleave_gap_size: u8,
    pub volume_sequence_number: Both16,
    pub length_of_file_identifier: u8,
}

/// A directory record.
pub struct Record<'a> {
    /// Its byte offset on the device.
    pub offset: u64,
    pub header: &'a Header,
    pub identifier: &'a [u8],
    /// The system use area, and its byte offset on the device.
    pub system_use: &'a [u8],
    pub system_use_offset: u64,
}

impl<'a> Record<'a> {
    /// Parses the record at the start of `bytes`, which end with the sector; `None` if no more records follow in this
    /// sector.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it extends past its own length or the sector.
    pub fn parse(bytes: &'a [u8], offset: u64) -> Result<Option<Self>, Error> {
        let length = bytes.first().copied().unwrap_or(0);
        if length == 0 {
            return Ok(None);
        }
        let fail = |structure, at, found: u8| corrupt(Fault::Truncated, structure, within(offset, at), found);
        let too_long = || {
            let at = offset_of!(Header, length_of_directory_record);
            fail("Directory Record.Length of Directory Record", at, length)
        };
        let record = bytes.get(..usize::from(length));
        let record = record.ok_or_else(too_long)?;
        let Ok((header, rest)) = Header::ref_from_prefix(record) else {
            return Err(too_long());
        };
        let name_length = header.length_of_file_identifier;
        let split = rest.split_at_checked(usize::from(name_length)).filter(|(name, _)| !name.is_empty());
        let (identifier, rest) = split.ok_or_else(|| {
            let at = offset_of!(Header, length_of_file_identifier);
            fail("Directory Record.Length of File Identifier", at, name_length)
        })?;
        // A padding byte makes the length even.
        let padding = usize::from(identifier.len().is_multiple_of(2));
        let system_use = rest.get(padding..).unwrap_or_default();
        // Cannot saturate: `system_use` is the end of the record.
        let before = record.len().saturating_sub(system_use.len());
        let system_use_offset = within(offset, before);
        Ok(Some(Self { offset, header, identifier, system_use, system_use_offset }))
    }

    /// Number of bytes to the next record.
    pub fn length(&self) -> usize {
        usize::from(self.header.length_of_directory_record)
    }

    pub fn is_directory(&self) -> bool {
        self.header.file_flags & FLAG_DIRECTORY != 0
    }

    /// Whether the record is that of the directory itself or of its parent.
    pub fn is_dot(&self) -> bool {
        self.identifier == SELF || self.identifier == PARENT
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn record(name: &[u8], system_use: &[u8]) -> Vec<u8> {
        let mut bytes = alloc::vec![0; 33];
        bytes[32] = name.len() as u8;
        bytes.extend_from_slice(name);
        if name.len().is_multiple_of(2) {
            bytes.push(0);
        }
        bytes.extend_from_slice(system_use);
        bytes[0] = bytes.len() as u8;
        bytes
    }

    #[test]
    fn the_system_use_area_is_behind_the_padding() {
        for name in [b"A".as_slice(), b"AB"] {
            let bytes = record(name, b"system");
            let record = Record::parse(&bytes, 100).unwrap().unwrap();
            assert_eq!((record.identifier, record.system_use), (name, b"system".as_slice()));
            assert_eq!(record.system_use_offset, 100 + bytes.len() as u64 - 6);
        }
    }

    #[test]
    fn lengths_that_reach_too_far_are_refused() {
        let mut bytes = record(b"NAME", b"");
        assert!(Record::parse(&bytes[..20], 0).is_err(), "the sector ends");
        bytes[32] = 6;
        assert!(Record::parse(&bytes, 0).is_err(), "the name reaches past the record");
        bytes[32] = 0;
        assert!(Record::parse(&bytes, 0).is_err(), "no name");
        bytes[0] = 33;
        assert!(Record::parse(&bytes, 0).is_err());
        bytes[0] = 12;
        assert!(Record::parse(&bytes, 0).is_err());
        bytes[0] = 0;
        assert!(Record::parse(&bytes, 0).unwrap().is_none());
    }
}
