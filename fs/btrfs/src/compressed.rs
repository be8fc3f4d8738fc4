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
    units::Logical,
    unsupported,
};

/// `BTRFS_MAX_COMPRESSED` and `BTRFS_MAX_UNCOMPRESSED`: bytes of an extent, on the disk and unpacked.
pub const LONGEST: u64 = 128 << 10;
/// `ZSTD_BTRFS_MAX_WINDOWLOG`
const WINDOW: u64 = 128 << 10;
/// Bytes of a length in LZO's form.
const LZO_LENGTH: usize = 4;

/// How an extent is compressed: `btrfs_file_extent_item.compression`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Method {
    /// RFC 1950.
    Zlib,
    /// LZO1X, one part for each sector.
    Lzo,
    /// RFC 8878.
    Zstd,
}

impl Method {
    /// The one of this number; none for data that is not compressed.
    ///
    /// # Errors
    /// [`Error::Unsupported`] with the number where it is not known.
    pub fn of(compression: u8) -> Result<Option<Self>, Error> {
        match compression {
            0 => Ok(None),
            1 => Ok(Some(Self::Zlib)),
            2 => Ok(Some(Self::Lzo)),
            3 => Ok(Some(Self::Zstd)),
            _ => Err(unsupported(alloc::format!("compression {compression}"))),
        }
    }

    /// Fills `out` with what `packed`, which stands at `at`, unpacks to: as much as there is room for, and zeros where
    /// it ends before, as Linux has it.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn unpack(self, packed: &[u8], out: &mut [u8], sector_size: usize, at: Logical) -> Result<(), Error> {
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
        // There is more than the extent has room for: that is nobody's.
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

/// A length of the whole, then parts with a length each, of which each unpacks to a sector and the last to no more. No
/// length stands across the end of a sector.
fn lzo(packed: &[u8], out: &mut [u8], sector_size: usize) -> Option<usize> {
    let packed = packed.get(..length_at(packed, 0)?)?;
    let mut at = LZO_LENGTH;
    // A small file is packed as a whole sector: what is behind its end is not wanted.
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
