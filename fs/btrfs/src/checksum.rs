// SPDX-License-Identifier: BSD-3-Clause
//! The four checksum algorithms. A filesystem uses one of them for all metadata and data.

use alloc::format;

use blake2::{Blake2b256, Digest};
use crc32c::crc32c;
use filesystem::Error;
use sha2::Sha256;
use twox_hash::XxHash64;

use crate::unsupported;

/// `BTRFS_CSUM_SIZE`: bytes of the longest checksum.
pub const ROOM: usize = 32;

/// The checksum algorithm: `csum_type`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Algorithm {
    /// CRC-32C, 4 bytes.
    Crc32c,
    /// xxHash with 64 bits and seed 0, 8 bytes.
    XxHash,
    /// SHA-256.
    Sha256,
    /// BLAKE2b with 256 bits.
    Blake2,
}

/// A checksum, padded with zeros to the longest size.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sum([u8; ROOM]);

impl Algorithm {
    /// The algorithm with this number in `csum_type`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] with the number if there is no such algorithm.
    pub fn of(csum_type: u16) -> Result<Self, Error> {
        match csum_type {
            0 => Ok(Self::Crc32c),
            1 => Ok(Self::XxHash),
            2 => Ok(Self::Sha256),
            3 => Ok(Self::Blake2),
            _ => Err(unsupported(format!("checksum type {csum_type}"))),
        }
    }

    /// Its name in mkfs.btrfs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32c => "crc32c",
            Self::XxHash => "xxhash64",
            Self::Sha256 => "sha256",
            Self::Blake2 => "blake2b",
        }
    }

    /// Bytes of a checksum in the checksum tree.
    pub fn size(self) -> usize {
        match self {
            Self::Crc32c => 4,
            Self::XxHash => 8,
            Self::Sha256 | Self::Blake2 => ROOM,
        }
    }

    /// The checksum of `bytes`.
    pub fn sum(self, bytes: &[u8]) -> Sum {
        match self {
            Self::Crc32c => Sum::from(&(!crc32c(!0, bytes)).to_le_bytes()),
            Self::XxHash => Sum::from(&XxHash64::oneshot(0, bytes).to_le_bytes()),
            Self::Sha256 => Sum::from(Sha256::digest(bytes).as_slice()),
            Self::Blake2 => Sum::from(Blake2b256::digest(bytes).as_slice()),
        }
    }

    /// The checksum at the start of `stored`.
    pub fn stored(self, stored: &[u8]) -> Sum {
        Sum::from(stored.get(..self.size()).unwrap_or(stored))
    }
}

impl Sum {
    /// Its first bytes as a number, for messages.
    pub fn number(self) -> u64 {
        self.0.first_chunk().copied().map_or(0, u64::from_le_bytes)
    }
}

impl From<&[u8]> for Sum {
    fn from(bytes: &[u8]) -> Self {
        let mut sum = [0; ROOM];
        sum.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Self(sum)
    }
}

impl<const N: usize> From<&[u8; N]> for Sum {
    fn from(bytes: &[u8; N]) -> Self {
        Self::from(bytes.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_other_programs() {
        // crc32c: RFC 3720; the others: `printf 123456789 | xxhsum -H1`, `sha256sum`, `b2sum -l 256`.
        for (algorithm, first) in [
            (Algorithm::Crc32c, 0xe306_9283u64),
            (Algorithm::XxHash, 0x8cb8_41db_40e6_ae83),
            (
                Algorithm::Sha256,
                u64::from_be_bytes([0x15, 0xe2, 0xb0, 0xd3, 0xc3, 0x38, 0x91, 0xeb]).swap_bytes(),
            ),
            (
                Algorithm::Blake2,
                u64::from_be_bytes([0x16, 0xe0, 0xbf, 0x1f, 0x85, 0x59, 0x4a, 0x11]).swap_bytes(),
            ),
        ] {
            assert_eq!(algorithm.sum(b"123456789").number(), first, "{}", algorithm.name());
        }
    }

    #[test]
    fn what_is_stored_ends_where_the_checksum_does() {
        let stored = Algorithm::Crc32c.stored(&[0x83, 0x92, 0x06, 0xe3, 0xff, 0xff]);
        assert_eq!(stored, Algorithm::Crc32c.sum(b"123456789"));
    }

    #[test]
    fn an_unknown_type_is_named() {
        assert_eq!(Algorithm::of(4), Err(unsupported("checksum type 4")));
    }
}
