// SPDX-License-Identifier: BSD-3-Clause
//! zstd: concatenated frames, verified by their checksums if they have any.
//!
//! Spec: RFC 8878.

use alloc::vec::Vec;

use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};
use ruzstd::io::Read as _;

use super::{Output, output::Expected};
use crate::{Corrupt, Error, Fault, Format, Origin, pe::wide};

/// The largest window that is accepted, in bytes: that of `zstd --ultra -22`, which kernels are made with.
/// The decoder takes memory for it as the content grows.
const WINDOW_LIMIT: u64 = 128 << 20;

/// A block that repeats one byte: 128 KiB of content from four bytes.
const RATIO: u64 = 32768;

/// The content of all frames. Zero padding may follow them.
pub fn unpack(file: &[u8], size: Option<u64>, mut output: Output) -> Result<Vec<u8>, Error> {
    output.expect(Expected { size, data: file.len(), ratio: RATIO })?;
    let mut rest = file;
    loop {
        frame(file, &mut rest, &mut output)?;
        if rest.iter().all(|b| *b == 0) {
            return Ok(output.finish());
        }
    }
}

/// The decoder's offset in the file.
fn offset(file: &[u8], rest: &[u8]) -> u64 {
    // Cannot saturate: `rest` is the end of the file.
    wide(file.len().saturating_sub(rest.len()))
}

/// Appends the content of the frame at the start of `rest`, and moves `rest` behind it.
fn frame(file: &[u8], rest: &mut &[u8], output: &mut Output) -> Result<(), Error> {
    let start = output.length();
    // One for each frame: a decoder that is reused reserves memory for the whole window at once.
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(WINDOW_LIMIT);
    match decoder.init(&mut *rest) {
        Ok(()) => {}
        Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
            let skipped = usize::try_from(length).ok().and_then(|length| rest.get(length..));
            *rest = skipped.ok_or_else(|| truncated(file, rest, length.into()))?;
            return Ok(());
        }
        Err(error) => return Err(data(file, rest, &error)),
    }
    let declared = decoder.content_size();
    // What saturates is above any limit.
    let total = wide(start).saturating_add(declared);
    if total > output.limit() {
        return Err(Error::Limit { format: Format::Zstd, size: total, limit: output.limit() });
    }
    output.expect(Expected { size: Some(total), data: file.len(), ratio: RATIO })?;
    loop {
        let finished = decoder
            .decode_blocks(&mut *rest, BlockDecodingStrategy::UptoBlocks(1))
            .map_err(|error| data(file, rest, &error))?;
        collect(&mut decoder, output)?;
        if finished {
            break;
        }
    }
    // Cannot saturate: the content only grows.
    let produced = wide(output.length().saturating_sub(start));
    let corrupt = |fault, structure, found| {
        Error::Corrupt(Corrupt {
            format: Format::Zstd,
            fault,
            structure,
            origin: Origin::Start,
            offset: offset(file, rest),
            found,
        })
    };
    // The decoder yields zero for a frame that does not state its size.
    if declared != 0 && declared != produced {
        return Err(corrupt(Fault::Inconsistent, "Frame_Content_Size", declared));
    }
    match (decoder.get_checksum_from_data(), decoder.get_calculated_checksum()) {
        (Some(stored), Some(computed)) if stored != computed => {
            Err(corrupt(Fault::Checksum { computed: computed.into() }, "Content_Checksum", stored.into()))
        }
        _ => Ok(()),
    }
}

/// Moves the bytes that have left the window, or all of them at the end of the frame.
fn collect(decoder: &mut FrameDecoder, output: &mut Output) -> Result<(), Error> {
    while decoder.can_collect() > 0 {
        output.grow(decoder.can_collect())?;
        let read = decoder.read(output.split().1).unwrap_or(0);
        if read == 0 {
            return Ok(());
        }
        output.advance(read);
    }
    Ok(())
}

/// A skippable frame of `length` bytes extends beyond the end of the file.
fn truncated(file: &[u8], rest: &[u8], length: u64) -> Error {
    Error::Truncated {
        format: Format::Zstd,
        structure: "skippable frame".into(),
        // Cannot saturate: `length` is of 32 bits.
        wanted: offset(file, rest).saturating_add(length),
        had: wide(file.len()),
    }
}

/// The decoder's own messages are not used: they would add the descriptions of all its parts to every loader.
fn data(file: &[u8], rest: &[u8], error: &FrameDecoderError) -> Error {
    let cause = match error {
        FrameDecoderError::ReadFrameHeaderError(_) => "the frame's header is damaged",
        FrameDecoderError::WindowSizeTooBig { .. } => "the frame's window is larger than 128 MiB",
        FrameDecoderError::FailedToReadBlockHeader(_) => "a block's header is damaged",
        FrameDecoderError::FailedToReadBlockBody(_) => "a block is damaged",
        FrameDecoderError::FailedToReadChecksum(_) => "the frame ends before its checksum",
        FrameDecoderError::DictNotProvided { .. } => "the frame needs a dictionary",
        _ => "the frame is damaged",
    };
    Error::Data { format: Format::Zstd, offset: offset(file, rest), cause: cause.into() }
}
