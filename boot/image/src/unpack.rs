// SPDX-License-Identifier: BSD-3-Clause
//! Decompression.

mod gzip;
mod lz4;
mod output;
mod xxh32;
mod xz;
mod zstd;

use alloc::vec::Vec;

use crate::{Error, Format};

pub use gzip::CRC32;

use output::Output;

/// A format of compressed data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// Frames of LZ4.
    Lz4,
    /// The older frames of LZ4, which kernels use.
    Lz4Legacy,
    /// The .xz file format.
    Xz,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    /// The format of data that starts like this.
    pub fn of(head: &[u8]) -> Option<Self> {
        let magics: [(&[u8], Self); 5] = [
            // ID1, ID2, and the only method there is.
            (&[0x1f, 0x8b, 8], Self::Gzip),
            (&lz4::MAGIC, Self::Lz4),
            (&lz4::LEGACY_MAGIC, Self::Lz4Legacy),
            (b"\xfd7zXZ\0", Self::Xz),
            (&[0x28, 0xb5, 0x2f, 0xfd], Self::Zstd),
        ];
        magics.into_iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, compression)| compression)
    }

    /// The content of `data`, of at most `limit` bytes. `size` is the claimed length of the content: it is used only to
    /// reserve memory, and is not trusted.
    ///
    /// # Errors
    /// The data is damaged or not of this format, or its content is larger.
    pub fn unpack(self, data: &[u8], size: Option<u64>, limit: u64) -> Result<Vec<u8>, Error> {
        let output = |format| Output::new(format, limit);
        match self {
            Self::Gzip => gzip::unpack(data, output(Format::Gzip)),
            Self::Lz4 => lz4::unpack(data, output(Format::Lz4)),
            Self::Lz4Legacy => lz4::unpack_legacy(data, size, output(Format::Lz4)),
            Self::Xz => xz::unpack(data, size, output(Format::Xz)),
            Self::Zstd => zstd::unpack(data, size, output(Format::Zstd)),
        }
    }
}
