// SPDX-License-Identifier: BSD-3-Clause
//! xz: concatenated streams, whose blocks are verified by their own checks.
//!
//! Spec: The .xz File Format, version 1.2.1.

use alloc::{boxed::Box, vec::Vec};

use lzma_rust2::{Action, Status, XzStream};

use super::{Output, output::Expected};
use crate::{Error, Format};

/// The most memory for the decoder, in KiB: for a window of 128 MiB, twice that of `xz -9`, and what it needs
/// beside it. It takes memory for its window as the content grows.
const MEMORY_LIMIT_KIB: u32 = (128 << 10) + 256;

/// A chunk of LZMA2 that repeats one byte: 2 MiB of content from about 300 bytes.
const RATIO: u64 = 8192;

/// The content of all streams. Zero padding may follow them, as the format allows.
pub fn unpack(file: &[u8], size: Option<u64>, mut output: Output) -> Result<Vec<u8>, Error> {
    output.expect(Expected { size, data: file.len(), ratio: RATIO })?;
    // Too large for the firmware's stack.
    let mut stream = Box::new(XzStream::new_mem_limit(true, MEMORY_LIMIT_KIB));
    let mut rest = file;
    loop {
        // With no room left, a separate byte shows whether there is more content: the decoder reads the stream's end
        // only if it is given room, even when the content is exactly at the limit.
        let mut byte = [0];
        let free = output.split().1;
        let full = free.is_empty();
        let free = if full { &mut byte[..] } else { free };
        let offset = stream.total_in();
        let data = |cause| Error::Data { format: Format::Xz, offset, cause };
        let step = stream.process(rest, free, Action::Finish).map_err(|error| data(cause(&error).into()))?;
        if full {
            output.push(byte.get(..step.bytes_produced).unwrap_or_default())?;
        } else {
            output.advance(step.bytes_produced);
        }
        rest = rest.get(step.bytes_consumed..).unwrap_or_default();
        if step.status == Status::StreamEnd {
            return Ok(output.finish());
        }
        if step.bytes_consumed == 0 && step.bytes_produced == 0 {
            return Err(data("the stream does not end".into()));
        }
    }
}

/// The decoder's message for an error.
fn cause(error: &lzma_rust2::Error) -> &'static str {
    use lzma_rust2::Error;
    match error {
        Error::InvalidData(text)
        | Error::InvalidInput(text)
        | Error::OutOfMemory(text)
        | Error::Other(text)
        | Error::Unsupported(text)
        | Error::WriteZero(text) => text,
        Error::Eof => "the data ends early",
        Error::Interrupted => "interrupted",
    }
}
