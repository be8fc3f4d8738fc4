// SPDX-License-Identifier: BSD-3-Clause
//! What it reads, in one sentence.
//!
//! What it refuses, and how that is said.
//!
//! ```
//! let header = xfs::Header::parse(b"XFS\0\x01\0\0\0");
//! assert_eq!(header.map(|header| header.version), Ok(1));
//! ```
//!
//! Sources: the specification, with its version.
#![no_std]

pub mod fuzz;

/// What stands first.
const MAGIC: [u8; 4] = *b"XFS\0";

/// The header: a magic number and a version, each of four bytes, the second little-endian.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// The version of the format.
    pub version: u32,
}

impl Header {
    /// Reads the header that `data` begins with.
    ///
    /// # Errors
    /// [`Error::Truncated`] when `data` ends in it; [`Error::Magic`] when something else stands there.
    pub fn parse(data: &[u8]) -> Result<Self, Error> {
        let Some((magic, rest)) = data.split_first_chunk() else {
            return Err(Error::Truncated { structure: "magic number", offset: 0 });
        };
        if *magic != MAGIC {
            return Err(Error::Magic { found: u32::from_be_bytes(*magic) });
        }
        let Some((version, _)) = rest.split_first_chunk() else {
            return Err(Error::Truncated { structure: "version", offset: 4 });
        };
        Ok(Self { version: u32::from_le_bytes(*version) })
    }
}

/// Why something cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input ends before a structure does.
    #[error("the {structure} at byte {offset} is cut off")]
    Truncated {
        /// Which.
        structure: &'static str,
        /// Where it begins, in bytes.
        offset: u64,
    },
    /// It is something else.
    #[error("the magic number is {found:#010x}")]
    Magic {
        /// What stands in its place, big-endian.
        found: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_reads_magic_and_version() {
        assert_eq!(Header::parse(b"XFS\0\x02\x01\0\0, and more"), Ok(Header { version: 0x102 }));
    }

    #[test]
    fn parse_rejects_a_short_header() {
        assert_eq!(Header::parse(b"XFS\0\0"), Err(Error::Truncated { structure: "version", offset: 4 }));
        assert_eq!(Header::parse(b""), Err(Error::Truncated { structure: "magic number", offset: 0 }));
    }

    #[test]
    fn parse_rejects_another_magic_number() {
        assert_eq!(Header::parse(b"\0\0\0\x07\0\0\0\0"), Err(Error::Magic { found: 7 }));
    }
}
