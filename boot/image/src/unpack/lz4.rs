// SPDX-License-Identifier: BSD-3-Clause
//! LZ4: concatenated frames, and the legacy frames of `lz4 -l`.
//!
//! Spec: LZ4 Frame Format Description, version 1.6.4.

use alloc::{format, vec::Vec};

use lz4_flex::block::{DecompressError, decompress_into_with_dict};

use super::{Output, output::Expected, xxh32::xxh32};
use crate::{Corrupt, Error, Fault, Format, Origin, Unsupported, pe::wide};

/// Magic number of a frame.
pub const MAGIC: [u8; 4] = 0x184d_2204u32.to_le_bytes();
/// Magic number of a legacy frame.
pub const LEGACY_MAGIC: [u8; 4] = 0x184c_2102u32.to_le_bytes();
/// Magic numbers of frames to be skipped: any value in the lowest four bits.
const SKIPPABLE: u32 = 0x184d_2a50;

/// Content of each block of a legacy frame except the last, in bytes.
const LEGACY_BLOCK: usize = 8 << 20;
/// How far back a block can refer, in bytes.
const WINDOW: usize = 64 << 10;
/// At best one byte of length stands for 255 bytes of content.
const RATIO: u64 = 255;

/// The part of a file that has not been read.
struct Input<'a> {
    file: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    fn rest(&self) -> &'a [u8] {
        self.file.get(self.at..).unwrap_or_default()
    }

    fn offset(&self) -> u64 {
        wide(self.at)
    }

    /// The next bytes.
    fn take(&mut self, size: usize, structure: &'static str) -> Result<&'a [u8], Error> {
        // A saturated value is past the end of every file.
        let end = self.at.saturating_add(size);
        let bytes = self.file.get(self.at..end).ok_or(Error::Truncated {
            format: Format::Lz4,
            structure: structure.into(),
            wanted: wide(end),
            had: wide(self.file.len()),
        })?;
        self.at = end;
        Ok(bytes)
    }

    fn u32(&mut self, structure: &'static str) -> Result<u32, Error> {
        Ok(self.take(4, structure)?.first_chunk().map_or(0, |b| u32::from_le_bytes(*b)))
    }

    fn corrupt(&self, fault: Fault, structure: &'static str, found: u64) -> Error {
        Error::Corrupt(Corrupt {
            format: Format::Lz4,
            fault,
            structure,
            origin: Origin::Start,
            offset: self.offset(),
            found,
        })
    }

    /// Compares the checksum at the current position with that of `data`.
    fn check(&mut self, structure: &'static str, data: &[u8]) -> Result<(), Error> {
        let (stored, computed) = (self.u32(structure)?, xxh32(data));
        if stored == computed {
            return Ok(());
        }
        Err(self.corrupt(Fault::Checksum { computed: computed.into() }, structure, stored.into()))
    }
}

/// The descriptor of a frame.
struct Descriptor {
    block_checksums: bool,
    content_checksum: bool,
    independent: bool,
    /// The most content of a block, in bytes.
    block_size: usize,
    content_size: Option<u64>,
}

/// The content of all frames. Zero padding may follow them.
pub fn unpack(file: &[u8], mut output: Output) -> Result<Vec<u8>, Error> {
    let mut input = Input { file, at: 0 };
    loop {
        let magic = input.u32("magic number")?;
        if magic.to_le_bytes() == MAGIC {
            frame(&mut input, &mut output)?;
        } else if magic & !0xf == SKIPPABLE {
            let size = input.u32("skippable frame")?;
            input.take(usize::try_from(size).unwrap_or(usize::MAX), "skippable frame")?;
        } else {
            return Err(input.corrupt(Fault::Magic, "magic number", magic.into()));
        }
        if input.rest().iter().all(|b| *b == 0) {
            return Ok(output.finish());
        }
    }
}

/// Appends the content of a frame, from behind its magic number on.
fn frame(input: &mut Input<'_>, output: &mut Output) -> Result<(), Error> {
    let descriptor = descriptor(input)?;
    let start = output.length();
    if let Some(size) = descriptor.content_size {
        // A saturated value is above any limit.
        let total = wide(start).saturating_add(size);
        if total > output.limit() {
            return Err(Error::Limit { format: Format::Lz4, size: total, limit: output.limit() });
        }
        output.expect(Expected { size: Some(total), data: input.file.len(), ratio: RATIO })?;
    }
    loop {
        let size = input.u32("block size")?;
        if size == 0 {
            break;
        }
        // The highest bit says that the block is not compressed.
        let (stored, size) = (size >> 31 == 1, usize::try_from(size & 0x7fff_ffff).unwrap_or(usize::MAX));
        if size > descriptor.block_size {
            return Err(input.corrupt(Fault::Range, "block size", wide(size)));
        }
        let block = input.take(size, "block")?;
        if descriptor.block_checksums {
            input.check("block checksum", block)?;
        }
        if stored {
            output.push(block)?;
        } else {
            let history = if descriptor.independent { output.length() } else { start };
            decompress(input, block, descriptor.block_size, history, output)?;
        }
    }
    let content = output.content().get(start..).unwrap_or_default();
    if let Some(size) = descriptor.content_size.filter(|size| *size != wide(content.len())) {
        return Err(input.corrupt(Fault::Inconsistent, "content size", size));
    }
    if descriptor.content_checksum {
        input.check("content checksum", content)?;
    }
    Ok(())
}

/// Reads the descriptor of a frame and compares its checksum.
fn descriptor(input: &mut Input<'_>) -> Result<Descriptor, Error> {
    let start = input.at;
    let flags = input.take(2, "FLG, BD")?;
    let (flg, bd) = (flags.first().copied().unwrap_or_default(), flags.last().copied().unwrap_or_default());
    let bit = |bit: u8| flg >> bit & 1 == 1;
    // Version 1 in the two highest bits; one bit reserved.
    if flg >> 6 != 1 || bit(1) {
        return Err(input.corrupt(Fault::Range, "FLG", flg.into()));
    }
    let block_size = match bd {
        0x40 => 64 << 10,
        0x50 => 256 << 10,
        0x60 => 1 << 20,
        0x70 => 4 << 20,
        _ => return Err(input.corrupt(Fault::Range, "BD", bd.into())),
    };
    let content_size = if bit(3) {
        Some(input.take(8, "content size")?.first_chunk().map_or(0, |b| u64::from_le_bytes(*b)))
    } else {
        None
    };
    if bit(0) {
        return Err(Error::Unsupported(Unsupported { format: Format::Lz4, feature: "dictionary".into() }));
    }
    let computed = xxh32(input.file.get(start..input.at).unwrap_or_default()) >> 8 & 0xff;
    let stored = u32::from(input.take(1, "header checksum")?.first().copied().unwrap_or_default());
    if stored != computed {
        return Err(input.corrupt(
            Fault::Checksum { computed: computed.into() },
            "header checksum",
            stored.into(),
        ));
    }
    Ok(Descriptor {
        block_checksums: bit(4),
        content_checksum: bit(2),
        independent: bit(5),
        block_size,
        content_size,
    })
}

/// Appends the content of a block, of at most `size` bytes, that may refer back to the content from `history`
/// on.
fn decompress(
    input: &Input<'_>,
    block: &[u8],
    size: usize,
    history: usize,
    output: &mut Output,
) -> Result<(), Error> {
    let limit = output.limit();
    let room = output.room(size)?;
    let (content, free) = output.split();
    // Saturates for a window that is longer: it starts with the content.
    let content = content.get(history.max(content.len().saturating_sub(WINDOW))..).unwrap_or_default();
    let free = free.get_mut(..room).unwrap_or_default();
    match decompress_into_with_dict(block, free, content) {
        Ok(written) => {
            output.advance(written);
            Ok(())
        }
        Err(DecompressError::OutputTooSmall { .. }) if room < size => {
            // Cannot saturate: there is memory for the limit.
            Err(Error::Limit { format: Format::Lz4, size: limit.saturating_add(1), limit })
        }
        Err(error) => {
            Err(Error::Data { format: Format::Lz4, offset: input.offset(), cause: format!("{error}").into() })
        }
    }
}

/// The content of a legacy frame, which has no checksums and ends only with the file. Zero padding may follow it.
pub fn unpack_legacy(file: &[u8], size: Option<u64>, mut output: Output) -> Result<Vec<u8>, Error> {
    output.expect(Expected { size, data: file.len(), ratio: RATIO })?;
    let mut input = Input { file, at: LEGACY_MAGIC.len() };
    while input.rest().iter().any(|b| *b != 0) {
        let size = input.u32("block size")?;
        // Another frame may follow: its magic number is larger than any block size.
        if size.to_le_bytes() == LEGACY_MAGIC {
            continue;
        }
        let block = input.take(usize::try_from(size).unwrap_or(usize::MAX), "block")?;
        let history = output.length();
        decompress(&input, block, LEGACY_BLOCK, history, &mut output)?;
    }
    Ok(output.finish())
}
