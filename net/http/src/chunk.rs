// SPDX-License-Identifier: BSD-3-Clause
//! The chunked transfer coding.

use crate::Framing;

/// The most bytes of a chunk's extensions, and of all trailers.
const MOST_EXTRA: usize = 8 << 10;

/// Decodes a body, piece by piece.
///
/// Spec: RFC 9112, section 7.1.
#[derive(Debug)]
pub(crate) struct Chunks {
    state: State,
    /// Bytes of the current chunk's extensions, or of the trailers.
    extra: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// In a chunk size; whether it has a digit yet.
    Size(u64, bool),
    /// After a chunk size, up to the end of its line.
    Extension(u64),
    /// In the data, with so many bytes left in the chunk.
    Data(u64),
    /// After the data; whether its CR was read.
    DataEnd(bool),
    /// In the trailers; whether the line is not empty.
    Trailer(bool),
    End,
}

/// What comes next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Next {
    /// More input is needed.
    More,
    /// This many bytes of data.
    Data(u64),
    /// Marks the body as complete.
    End,
}

impl Chunks {
    pub fn new() -> Self {
        Self { state: State::Size(0, false), extra: 0 }
    }

    /// Consumes framing at the start of `input`. Returns the number of bytes consumed, and what follows.
    pub fn frame(&mut self, input: &[u8]) -> Result<(usize, Next), Framing> {
        let mut taken: usize = 0;
        for byte in input {
            match self.state {
                State::Data(left) => return Ok((taken, Next::Data(left))),
                State::End => return Ok((taken, Next::End)),
                state => self.state = self.after(state, *byte)?,
            }
            taken = taken.wrapping_add(1);
        }
        let next = match self.state {
            State::Data(left) => Next::Data(left),
            State::End => Next::End,
            _ => Next::More,
        };
        Ok((taken, next))
    }

    /// Marks this many bytes of data as consumed.
    pub fn advance(&mut self, bytes: u64) {
        if let State::Data(left) = self.state {
            self.state = match left.checked_sub(bytes) {
                None | Some(0) => State::DataEnd(false),
                Some(left) => State::Data(left),
            };
        }
    }

    fn after(&mut self, state: State, byte: u8) -> Result<State, Framing> {
        Ok(match (state, byte) {
            (State::Size(size, has_digit), byte) => match char::from(byte).to_digit(16) {
                Some(digit) => {
                    let size = size.checked_mul(16).and_then(|size| size.checked_add(digit.into()));
                    State::Size(size.ok_or(Framing::ChunkSize)?, true)
                }
                None if !has_digit => return Err(Framing::ChunkSize),
                None if byte == b'\n' => self.behind_size(size),
                None if matches!(byte, b'\r' | b';' | b' ' | b'\t') => State::Extension(size),
                None => return Err(Framing::ChunkSize),
            },
            (State::Extension(size), b'\n') => self.behind_size(size),
            (State::Extension(size), _) => {
                self.count()?;
                State::Extension(size)
            }
            (State::DataEnd(false), b'\r') => State::DataEnd(true),
            (State::DataEnd(_), b'\n') => State::Size(0, false),
            (State::DataEnd(_), _) => return Err(Framing::ChunkEnd),
            (State::Trailer(false), b'\n') => State::End,
            (State::Trailer(true), b'\n') => State::Trailer(false),
            (State::Trailer(has_text), byte) => {
                self.count()?;
                State::Trailer(has_text || byte != b'\r')
            }
            (State::Data(_) | State::End, _) => state,
        })
    }

    fn behind_size(&mut self, size: u64) -> State {
        self.extra = 0;
        if size == 0 { State::Trailer(false) } else { State::Data(size) }
    }

    fn count(&mut self) -> Result<(), Framing> {
        self.extra =
            self.extra.checked_add(1).filter(|extra| *extra <= MOST_EXTRA).ok_or(Framing::ChunkLimit)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec::Vec};

    use super::*;

    /// The body of `input`, fed in pieces of this size; `None` if it is not complete.
    pub fn decoded(input: &[u8], piece: usize) -> Result<Option<Vec<u8>>, Framing> {
        let mut chunks = Chunks::new();
        let mut body = Vec::new();
        for piece in input.chunks(piece) {
            let mut rest = piece;
            loop {
                let (taken, next) = chunks.frame(rest)?;
                rest = &rest[taken..];
                match next {
                    Next::End => return Ok(Some(body)),
                    Next::Data(left) if !rest.is_empty() => {
                        let here = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                        body.extend_from_slice(&rest[..here]);
                        rest = &rest[here..];
                        chunks.advance(here as u64);
                    }
                    _ => break,
                }
            }
        }
        Ok(None)
    }

    #[test]
    fn chunks_are_joined_however_they_come() {
        let input = b"4\r\nWiki\r\n5;a=\"b\"\r\npedia\r\n00e \r\n in\r\n\r\nchunks.\r\n0\r\nX: y\r\n\r\n";
        for piece in 1..input.len() {
            assert_eq!(decoded(input, piece).unwrap().unwrap(), b"Wikipedia in\r\n\r\nchunks.", "{piece}");
        }
        for end in 0..input.len() {
            assert_eq!(decoded(&input[..end], 7), Ok(None), "{end}");
        }
    }

    #[test]
    fn frame_refuses_malformed_chunks() {
        for (input, expected) in [
            (&b"\r\n"[..], Framing::ChunkSize),
            (b"x\r\n", Framing::ChunkSize),
            (b"-1\r\n", Framing::ChunkSize),
            (b"10000000000000000\r\n", Framing::ChunkSize),
            (b"1\r\nab", Framing::ChunkEnd),
            (b"1\r\na\r\r", Framing::ChunkEnd),
        ] {
            assert_eq!(decoded(input, 3), Err(expected));
        }
    }

    #[test]
    fn frame_bounds_extensions_and_trailers() {
        for endless in
            [format!("1;{}", "a".repeat(MOST_EXTRA + 1)), format!("0\r\n{}", "a: b\r\n".repeat(2000))]
        {
            assert_eq!(decoded(endless.as_bytes(), 100), Err(Framing::ChunkLimit));
        }
    }
}
