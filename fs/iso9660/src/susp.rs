// SPDX-License-Identifier: BSD-3-Clause
//! The system use area of a directory record: a list of tagged entries that may continue elsewhere.
//!
//! Source: System Use Sharing Protocol 1.12, clauses 4 and 5.

use alloc::{vec, vec::Vec};
use core::ops::ControlFlow;

use block::BlockRead;
use filesystem::{Error, Fault};

use crate::{
    corrupt,
    descriptor::{SECTOR, SECTOR_SIZE},
    record::Record,
    within,
};

/// Maximum number of continuation areas of one record, as in Linux.
const MOST_AREAS: usize = 32;
/// Bytes of an entry's signature, length and version.
pub const HEADER: usize = 4;

/// Offset of the area's length in the data of `CE`.
const CE_LENGTH_AT: usize = 16;

/// An entry.
pub struct Entry<'a> {
    pub signature: [u8; 2],
    /// The bytes after the version.
    pub data: &'a [u8],
    /// Byte offset of the entry on the device.
    pub offset: u64,
}

impl Entry<'_> {
    /// A number in both byte orders, at an offset within the data.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the entry ends before it.
    pub fn both32(&self, at: usize, structure: &'static str) -> Result<u32, Error> {
        // Cannot saturate: `at` is an offset in an entry of at most 255 bytes.
        let bytes = self.data.get(at..at.saturating_add(8)).and_then(<[u8]>::first_chunk);
        bytes.map(|bytes| u32::from_le_bytes(*bytes)).ok_or_else(|| self.truncated(structure))
    }

    /// The byte at an offset within the data.
    ///
    /// # Errors
    /// As [`both32`](Self::both32).
    pub fn byte(&self, at: usize, structure: &'static str) -> Result<u8, Error> {
        self.data.get(at).copied().ok_or_else(|| self.truncated(structure))
    }

    pub fn truncated(&self, structure: &'static str) -> Error {
        // Cannot saturate: an entry has 255 bytes at most.
        let length = u64::try_from(self.data.len().saturating_add(HEADER)).unwrap_or(u64::MAX);
        corrupt(Fault::Truncated, structure, self.offset, length)
    }
}

/// Where an area continues.
struct Continuation {
    offset: u64,
    length: usize,
}

/// Calls `each` for the entries of a record's system use area after its first `skip` bytes, including continuation
/// areas, until it breaks.
///
/// # Errors
/// [`Error::Corrupt`] if an entry extends past its area or an area past its sector, or if there are too many areas.
pub fn entries<D: BlockRead + ?Sized>(
    device: &D,
    record: &Record<'_>,
    skip: u8,
    block_size: u64,
    each: &mut dyn FnMut(&Entry<'_>) -> Result<ControlFlow<()>, Error>,
) -> Result<(), Error> {
    let area = record.system_use.get(usize::from(skip)..).unwrap_or_default();
    // Cannot saturate: positions have 44 bits.
    let start = record.system_use_offset.saturating_add(u64::from(skip));
    let mut next = area_entries(area, start, block_size, each)?;
    for _ in 0..MOST_AREAS {
        let Some(Continuation { offset, length }) = next else { return Ok(()) };
        let mut bytes: Vec<u8> = vec![0; length];
        device.read_at(offset, &mut bytes)?;
        next = area_entries(&bytes, offset, block_size, each)?;
    }
    match next {
        None => Ok(()),
        Some(Continuation { offset, .. }) => Err(corrupt(Fault::Loop, "CE", offset, record.offset)),
    }
}

fn area_entries(
    mut area: &[u8],
    mut offset: u64,
    block_size: u64,
    each: &mut dyn FnMut(&Entry<'_>) -> Result<ControlFlow<()>, Error>,
) -> Result<Option<Continuation>, Error> {
    let mut continuation = None;
    while let Some([a, b, length, _version]) = area.first_chunk::<HEADER>().copied() {
        // Areas may be padded with zeros.
        if [a, b] == [0, 0] {
            break;
        }
        let split = area.split_at_checked(usize::from(length)).filter(|_| usize::from(length) >= HEADER);
        let (entry, rest) =
            split.ok_or_else(|| corrupt(Fault::Truncated, "SUSP entry.Length", offset, length))?;
        let entry = Entry { signature: [a, b], data: entry.get(HEADER..).unwrap_or_default(), offset };
        match &entry.signature {
            b"CE" => continuation = Some(continuation_of(&entry, block_size)?),
            b"ST" => break,
            b"PD" => {}
            _ => {
                if each(&entry)?.is_break() {
                    return Ok(None);
                }
            }
        }
        area = rest;
        // Cannot saturate: positions have 44 bits.
        offset = offset.saturating_add(u64::from(length));
    }
    Ok(continuation)
}

fn continuation_of(entry: &Entry<'_>, block_size: u64) -> Result<Continuation, Error> {
    let block = entry.both32(0, "CE")?;
    let start = entry.both32(8, "CE")?;
    let length = entry.both32(CE_LENGTH_AT, "CE")?;
    // Nothing saturates: all have 32 bits, and a block size has 12.
    let end = u64::from(start).saturating_add(u64::from(length));
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if end > SECTOR || length > SECTOR_SIZE {
        let at = within(within(entry.offset, HEADER), CE_LENGTH_AT);
        return Err(corrupt(Fault::Range, "CE.Length of Continuation Area", at, end));
    }
    let offset = u64::from(block).saturating_mul(block_size).saturating_add(u64::from(start));
    Ok(Continuation { offset, length })
}
