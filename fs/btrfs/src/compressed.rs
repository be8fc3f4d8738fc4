// SPDX-License-Identifier: BSD-3-Clause
//! Compressed extents: zlib, LZO and zstd.

use filesystem::{Error, Fault};
use miniz_oxide::inflate::{
    TINFLStatus,
    core::{DecompressorOxide, decompress, inflate_flags},
};
use ruzstd::{
    decoding::{BlockDecodingStrategy, FrameDecoder},
    io::Read,
};

use crate::{
    corrupt,
    memory::{self, narrow, wide},
    units::Location,
    unsupported,
};

/// `BTRFS_MAX_COMPRESSED` and `BTRFS_MAX_UNCOMPRESSED`: bytes of an extent, stored and unpacked.
pub const LONGEST: u64 = 128 << 10;
/// `ZSTD_BTRFS_MAX_WINDOWLOG`
const WINDOW: u64 = 128 << 10;
/// Bytes of a length field in btrfs's LZO format.
const LZO_LENGTH: usize = 4;

/// The compression method of an extent: `btrfs_file_extent_item.compression`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Method {
    /// RFC 1950.
    Zlib,
    /// LZO1X, one part per sector.
    Lzo,
    /// RFC 8878.
    Zstd,
}

impl Method {
    /// The method with this number; `None` for uncompressed data.
    ///
    /// # Errors
    /// [`Error::Unsupported`] with the number if it is unknown.
    pub fn of(compression: u8) -> Result<Option<Self>, Error> {
        match compression {
            0 => Ok(None),
            1 => Ok(Some(Self::Zlib)),
            2 => Ok(Some(Self::Lzo)),
            3 => Ok(Some(Self::Zstd)),
            _ => Err(unsupported(alloc::format!("compression {compression}"))),
        }
    }

    /// Unpacks `packed`, which is stored at `at`, into `out`: as much as there is room for, padded with zeros if it is
    /// shorter, as in Linux.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it cannot be unpacked.
    pub fn unpack(
        self,
        packed: &[u8],
        out: &mut [u8],
        sector_size: usize,
        at: impl Into<Location>,
    ) -> Result<(), Error> {
        let (structure, length) = match self {
            Self::Zlib => ("zlib stream", zlib(packed, out)),
            Self::Lzo => ("LZO extent", lzo(packed, out, sector_size)),
            Self::Zstd => ("zstd frame", zstd(packed, out)),
        };
        let Some(length) = length else {
            return Err(corrupt(Fault::Data, structure, at, wide(packed.len())));
        };
        out.get_mut(length..).unwrap_or_default().fill(0);
        Ok(())
    }
}

fn zlib(packed: &[u8], out: &mut [u8]) -> Option<usize> {
    let flags =
        inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let mut state = alloc::boxed::Box::<DecompressorOxide>::default();
    let (status, _, length) = decompress(&mut state, packed, out, 0, flags);
    let is_whole = matches!(status, TINFLStatus::Done)
        // More than the extent has room for: no file uses it.
        || matches!(status, TINFLStatus::HasMoreOutput) && length == out.len();
    is_whole.then_some(length)
}

fn zstd(mut packed: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(WINDOW);
    decoder.init(&mut packed).ok()?;
    let mut filled = 0usize;
    while filled < out.len() {
        // A block has at most 128 KiB, so that no more than twice that waits to be collected.
        let is_last = decoder.decode_blocks(&mut packed, BlockDecodingStrategy::UptoBlocks(1)).ok()?;
        let read = decoder.read(out.get_mut(filled..)?).ok()?;
        filled = filled.checked_add(read)?;
        if is_last {
            break;
        }
    }
    Some(filled)
}

/// LZO: the total length, then parts, each with its own length. Each part unpacks to a sector, the last one possibly to
/// less. No length field crosses the end of a sector.
fn lzo(packed: &[u8], out: &mut [u8], sector_size: usize) -> Option<usize> {
    let packed = packed.get(..length_at(packed, 0)?)?;
    let mut at = LZO_LENGTH;
    // A small file is packed as a whole sector: what follows the end of the file is dropped.
    let mut sector = memory::zeros(sector_size, "sector").ok()?;
    for (index, part) in out.chunks_mut(sector_size).enumerate() {
        let filled = index.checked_mul(sector_size)?;
        if at >= packed.len() {
            return Some(filled);
        }
        let rest = sector_size.checked_sub(at.checked_rem(sector_size)?)?;
        if rest < LZO_LENGTH {
            at = at.checked_add(rest)?;
        }
        let length = length_at(packed, at)?;
        at = at.checked_add(LZO_LENGTH)?;
        let end = at.checked_add(length)?;
        let source = packed.get(at..end)?;
        at = end;
        let read = if part.len() == sector_size {
            lzokay::decompress::decompress(source, part).ok()?
        } else {
            let read = lzokay::decompress::decompress(source, &mut sector).ok()?.min(part.len());
            part.iter_mut().zip(&sector).for_each(|(to, from)| *to = *from);
            read
        };
        if read < part.len() {
            return filled.checked_add(read);
        }
    }
    Some(out.len())
}

fn length_at(packed: &[u8], at: usize) -> Option<usize> {
    let length = packed.get(at..)?.first_chunk::<LZO_LENGTH>()?;
    Some(narrow(u32::from_le_bytes(*length).into()))
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use super::*;
    use crate::units::Logical;

    const SECTOR: usize = 4096;

    fn unpack(method: Method, packed: &[u8], length: usize) -> Result<Vec<u8>, Error> {
        let mut out = vec![0xee; length];
        method.unpack(packed, &mut out, SECTOR, Logical(5)).map(|()| out)
    }

    /// LZO1X of this many literal bytes and nothing else, in btrfs's format.
    fn lzo(parts: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![0; LZO_LENGTH];
        for part in parts {
            let left = SECTOR - bytes.len() % SECTOR;
            bytes.extend(vec![0; if left < LZO_LENGTH { left } else { 0 }]);
            let mut packed = match part.len() {
                length @ ..=238 => vec![length as u8 + 17],
                // 18 and on: a zero for each 255, then the rest.
                length => {
                    let rest = length - 18;
                    [vec![0; 1 + rest / 255], vec![(rest % 255) as u8]].concat()
                }
            };
            packed.extend(*part);
            packed.extend([0x11, 0, 0]);
            bytes.extend((packed.len() as u32).to_le_bytes());
            bytes.extend(packed);
        }
        let total = bytes.len() as u32;
        bytes[..LZO_LENGTH].copy_from_slice(&total.to_le_bytes());
        bytes
    }

    #[test]
    fn what_linux_has_packed_unpacks() {
        // A file of 513 bytes, which Linux 7.2 packed as a whole sector.
        let packed = [
            &b"\x47\0\0\0\x3f\0\0\0\x0e2cf485127b0df642\n\x20\0\xd0\x41\0\0\x20"[..],
            &[0; 13],
            b"\xd8\0\0\x0f",
            &[0; 18],
            b"\x11\0\0",
        ]
        .concat();
        let line = b"2cf485127b0df642\n";
        let text: Vec<u8> = line.iter().copied().cycle().take(513).collect();
        assert_eq!(packed.len(), 0x47);
        assert_eq!(unpack(Method::Lzo, &packed, 513).unwrap(), text);
    }

    #[test]
    fn lengths_do_not_stand_across_sectors() {
        // The first part ends two bytes before a sector's end.
        let first: Vec<u8> = vec![7; SECTOR];
        let packed = lzo(&[&first, b"the rest"]);
        let wanted = [&first[..], b"the rest", &[0; 4088]].concat();
        assert_eq!(unpack(Method::Lzo, &packed, 2 * SECTOR).unwrap(), wanted);
        for short in [0, 3, 10, packed.len() - 1] {
            assert!(unpack(Method::Lzo, &packed[..short], 2 * SECTOR).is_err(), "{short}");
        }
    }

    #[test]
    fn a_stream_fills_what_there_is_and_the_rest_is_zeros() {
        let text: Vec<u8> = b"zlib ".iter().copied().cycle().take(10_000).collect();
        let packed = miniz_oxide::deflate::compress_to_vec_zlib(&text, 6);
        let wanted = [&text[..], &[0; 2288]].concat();
        assert_eq!(unpack(Method::Zlib, &packed, 12_288).unwrap(), wanted);
        assert_eq!(
            unpack(Method::Zlib, &packed, 5000).unwrap(),
            text[..5000],
            "as much as there is room for"
        );
        let error = unpack(Method::Zlib, &packed[..packed.len() / 2], 12_288).unwrap_err();
        assert_eq!(error, corrupt(Fault::Data, "zlib stream", Logical(5), wide(packed.len() / 2)));
    }

    #[test]
    fn a_frame_unpacks_and_damage_is_named() {
        // From a file: `zstd -c --no-check`. Without its size, the frame would need a larger window than btrfs's.
        let packed = [
            0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x28, 0x5d, 0, 0, 0x28, 0x7a, 0x73, 0x74, 0x64, 0x20, 0x01, 0,
            0x40, 0x16, 0x2d,
        ];
        let text: Vec<u8> = b"zstd ".iter().copied().cycle().take(40).collect();
        assert_eq!(unpack(Method::Zstd, &packed, 50).unwrap(), [&text[..], &[0; 10]].concat());
        assert_eq!(unpack(Method::Zstd, &packed, 7).unwrap(), text[..7]);
        assert!(unpack(Method::Zstd, &packed[..12], 50).is_err());
        assert!(unpack(Method::Zstd, b"no frame", 50).is_err());
    }

    #[test]
    fn unknown_methods_are_refused() {
        assert_eq!(Method::of(0), Ok(None));
        assert_eq!(Method::of(3), Ok(Some(Method::Zstd)));
        assert_eq!(Method::of(4), Err(unsupported("compression 4")));
    }
}
