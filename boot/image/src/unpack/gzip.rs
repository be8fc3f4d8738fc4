// SPDX-License-Identifier: BSD-3-Clause
//! gzip: one member, checked against its trailer.
//!
//! Spec: RFC 1952.

use alloc::{boxed::Box, vec::Vec};

use crc::{CRC_32_ISO_HDLC, Crc, Table};
use miniz_oxide::inflate::{
    TINFLStatus,
    core::{DecompressorOxide, decompress, inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF},
};

use super::{Output, output::Expected};
use crate::{Corrupt, Error, Fault, Format, Origin, Unsupported, pe::wide};

/// The checksum of gzip. Exported for writers of gzip, so that a program contains its table only once.
pub static CRC32: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISO_HDLC);

/// Bytes of the header before its optional fields.
const HEADER: usize = 10;
/// Offset of its flags.
const FLG: usize = 3;
/// The flags of the header.
const FHCRC: u8 = 2;
const FEXTRA: u8 = 4;
const FNAME: u8 = 8;
const FCOMMENT: u8 = 16;
const RESERVED: u8 = 0xe0;

/// Deflate never compresses by more than this factor.
const RATIO: u64 = 1032;

/// Bytes of the trailer: CRC32 and ISIZE.
const TRAILER: usize = 8;
const ISIZE: usize = 4;

/// The content of the only member. Zero padding may follow it.
pub fn unpack(file: &[u8], mut output: Output) -> Result<Vec<u8>, Error> {
    let start = header(file)?;
    // ISIZE, if nothing follows the trailer.
    if let Some(size) = file.last_chunk::<4>() {
        let size = u64::from(u32::from_le_bytes(*size));
        output.expect(Expected { size: Some(size), data: file.len(), ratio: RATIO })?;
    }
    let end = inflate(file, start, &mut output)?;
    let trailer = field(file, end, TRAILER, "trailer")?;
    // Nothing saturates: the trailer is in the file.
    let mut words = trailer.as_chunks::<4>().0.iter().map(|w| u32::from_le_bytes(*w));
    let (stored, isize) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let computed = CRC32.checksum(output.content());
    if stored != computed {
        return Err(corrupt(Fault::Checksum { computed: computed.into() }, "CRC32", end, stored));
    }
    // The length modulo 2^32.
    let length = wide(output.length()) & u64::from(u32::MAX);
    if u64::from(isize) != length {
        return Err(corrupt(Fault::Inconsistent, "ISIZE", end.saturating_add(ISIZE), isize));
    }
    let behind = end.saturating_add(TRAILER);
    let rest = file.get(behind..).unwrap_or_default();
    if rest.starts_with(&[0x1f, 0x8b]) {
        let feature = "more than one member".into();
        return Err(Error::Unsupported(Unsupported { format: Format::Gzip, feature }));
    }
    if let Some(byte) = rest.iter().find(|b| **b != 0) {
        return Err(corrupt(Fault::Range, "data behind the trailer", behind, u32::from(*byte)));
    }
    Ok(output.finish())
}

fn corrupt(fault: Fault, structure: &'static str, offset: usize, found: u32) -> Error {
    Error::Corrupt(Corrupt {
        format: Format::Gzip,
        fault,
        structure,
        origin: Origin::Start,
        offset: wide(offset),
        found: found.into(),
    })
}

/// A part of the file.
fn field<'a>(file: &'a [u8], at: usize, size: usize, structure: &'static str) -> Result<&'a [u8], Error> {
    // A saturated value is past the end of every file.
    let end = at.saturating_add(size);
    file.get(at..end).ok_or(Error::Truncated {
        format: Format::Gzip,
        structure: structure.into(),
        wanted: wide(end),
        had: wide(file.len()),
    })
}

/// Length of the header in bytes.
fn header(file: &[u8]) -> Result<usize, Error> {
    let flags = field(file, 0, HEADER, "header")?.get(FLG).copied().unwrap_or_default();
    if flags & RESERVED != 0 {
        return Err(corrupt(Fault::Range, "FLG", FLG, flags.into()));
    }
    // Nothing saturates from here on: `field` has found all up to there in the file.
    let mut at = HEADER;
    if flags & FEXTRA != 0 {
        let length = u16_at(file, at, "XLEN")?;
        at = at.saturating_add(2);
        field(file, at, length.into(), "extra field")?;
        at = at.saturating_add(length.into());
    }
    for (flag, structure) in [(FNAME, "file name"), (FCOMMENT, "comment")] {
        if flags & flag != 0 {
            let text = file.get(at..).unwrap_or_default();
            let length = text.iter().position(|b| *b == 0).unwrap_or(text.len());
            field(file, at, length.saturating_add(1), structure)?;
            at = at.saturating_add(length).saturating_add(1);
        }
    }
    if flags & FHCRC != 0 {
        let stored = u32::from(u16_at(file, at, "CRC16")?);
        let computed = CRC32.checksum(file.get(..at).unwrap_or_default()) & 0xffff;
        if stored != computed {
            return Err(corrupt(Fault::Checksum { computed: computed.into() }, "CRC16", at, stored));
        }
        at = at.saturating_add(2);
    }
    Ok(at)
}

fn u16_at(file: &[u8], at: usize, structure: &'static str) -> Result<u16, Error> {
    let bytes = field(file, at, 2, structure)?;
    Ok(bytes.first_chunk::<2>().map_or(0, |b| u16::from_le_bytes(*b)))
}

/// Inflates the data from `start` on; returns where it ends.
fn inflate(file: &[u8], start: usize, output: &mut Output) -> Result<usize, Error> {
    // Too large for the firmware's stack.
    let mut state = Box::<DecompressorOxide>::default();
    let mut at = start;
    loop {
        let input = file.get(at..).unwrap_or_default();
        let (memory, length) = output.memory();
        let (status, read, written) =
            decompress(&mut state, input, memory, length, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF);
        // Cannot saturate: it was read from the file.
        at = at.saturating_add(read);
        output.advance(written);
        match status {
            TINFLStatus::Done => return Ok(at),
            TINFLStatus::HasMoreOutput => output.grow(1)?,
            TINFLStatus::FailedCannotMakeProgress => {
                let had = wide(file.len());
                let structure = "compressed data".into();
                return Err(Error::Truncated {
                    format: Format::Gzip,
                    structure,
                    // Cannot saturate: the file is in memory.
                    wanted: had.saturating_add(1),
                    had,
                });
            }
            _ => {
                let cause = "the deflated data is damaged".into();
                return Err(Error::Data { format: Format::Gzip, offset: wide(at), cause });
            }
        }
    }
}
