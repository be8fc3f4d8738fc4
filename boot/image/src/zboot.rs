// SPDX-License-Identifier: BSD-3-Clause
//! EFI zboot: a compressed kernel in an EFI application that unpacks and starts it.
//!
//! Firmware loads such a file as it is; other loaders (kexec) need the kernel inside.
//! Spec: Linux, `drivers/firmware/efi/libstub/zboot-header.S` and `Makefile.zboot`.

use alloc::{format, vec::Vec};
use core::mem::offset_of;

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, little_endian::U32};

use crate::{
    Compression, Corrupt, Error, Fault, Format, Origin, Unsupported,
    pe::{Escaped, part, wide},
};

/// `IMAGE_DOS_HEADER` as zboot fills it, up to the offset of the PE header.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    /// `MZ`, two zeros.
    magic: [u8; 4],
    /// `zimg`.
    image_type: [u8; 4],
    payload_offset: U32,
    payload_size: U32,
    reserved: [U32; 2],
    /// Name of the method, ended by a zero: `zstd22` and `xzkern` in some versions, `zstd` and `xz` in
    /// others.
    compression_type: [u8; 32],
}

/// A zboot file in memory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Zboot<'a> {
    /// How the kernel is compressed.
    pub compression: Compression,
    /// The compressed kernel.
    pub payload: &'a [u8],
    /// The kernel's size, stored behind the payload; gzip has it in its own trailer.
    size: Option<u64>,
}

/// Whether a file with these first bytes is a zboot file.
pub(crate) fn is_zboot(head: &[u8]) -> bool {
    head.starts_with(b"MZ") && head.get(4..8) == Some(b"zimg")
}

impl<'a> Zboot<'a> {
    /// Finds the payload in a file.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the file is not an EFI zboot image; [`Error::Truncated`] when it ends before the payload does;
    /// [`Error::Unsupported`] when it is compressed by lzma or lzo.
    pub fn parse(file: &'a [u8]) -> Result<Self, Error> {
        let had = wide(file.len());
        let truncated = |structure: &'static str, wanted| Error::Truncated {
            format: Format::Zboot,
            structure: structure.into(),
            wanted,
            had,
        };
        let header = wide(size_of::<Header>());
        let (header, _) = Header::ref_from_prefix(file).map_err(|_| truncated("zboot header", header))?;
        if !is_zboot(file) {
            let found = u32::from_le_bytes(header.image_type).into();
            let structure = "zboot image type";
            return Err(Error::Corrupt(Corrupt {
                format: Format::Zboot,
                fault: Fault::Magic,
                structure,
                origin: Origin::Start,
                offset: wide(offset_of!(Header, image_type)),
                found,
            }));
        }
        let start = u64::from(header.payload_offset.get());
        // Nothing saturates: all are of 32 bits.
        let end = start.saturating_add(header.payload_size.get().into());
        let payload = part(file, start..end).ok_or_else(|| truncated("payload", end))?;
        let Some(compression) = Compression::of(payload) else {
            let name = header.compression_type.split(|b| *b == 0).next().unwrap_or_default();
            let feature = format!("compression \"{}\"", Escaped(name)).into();
            return Err(Error::Unsupported(Unsupported { format: Format::Zboot, feature }));
        };
        let size = match compression {
            Compression::Gzip => None,
            _ => {
                part(file, end..end.saturating_add(4)).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes)
            }
        };
        Ok(Self { compression, payload, size: size.map(u64::from) })
    }

    /// The kernel, of at most `limit` bytes.
    ///
    /// # Errors
    /// When the content is larger than `limit`, damaged or truncated, or there is no memory for it.
    pub fn unpack(&self, limit: u64) -> Result<Vec<u8>, Error> {
        self.compression.unpack(self.payload, self.size, limit)
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    /// 1000 bytes of `k`, packed by `zstd -19 --no-check` without its content size.
    const PAYLOAD: [u8; 17] =
        [0x28, 0xb5, 0x2f, 0xfd, 0, 0x68, 0x45, 0, 0, 8, 0x6b, 1, 0, 0xe4, 0x2b, 0x20, 4];

    /// The headers, then the payload and the size of what is in it.
    fn zboot(payload: &[u8], name: &[u8]) -> Vec<u8> {
        let mut file = [&b"MZ\0\0zimg"[..], &[0; 0x38]].concat();
        file[8..12].copy_from_slice(&0x40u32.to_le_bytes());
        file[12..16].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        file[24..24 + name.len()].copy_from_slice(name);
        [&file, payload, &1000u32.to_le_bytes()].concat()
    }

    #[test]
    fn the_payload_is_found_and_unpacked() {
        for name in [&b"zstd"[..], b"zstd22"] {
            let file = zboot(&PAYLOAD, name);
            let zboot = Zboot::parse(&file).unwrap();
            let expected = Zboot { compression: Compression::Zstd, payload: &PAYLOAD, size: Some(1000) };
            assert_eq!(zboot, expected);
            assert_eq!(zboot.unpack(1000), Ok([b'k'; 1000].to_vec()));
            assert_eq!(zboot.unpack(999).unwrap_err().code(), "E-IMAGE-ZSTD-LIMIT");
        }
    }

    #[test]
    fn a_wrong_size_behind_the_payload_is_only_a_hint() {
        let mut file = zboot(&PAYLOAD, b"zstd");
        let end = file.len();
        file[end - 4..].fill(0xff);
        assert_eq!(Zboot::parse(&file).unwrap().unpack(1 << 30).unwrap().len(), 1000);
        file.truncate(end - 4);
        assert_eq!(Zboot::parse(&file).unwrap().unpack(1 << 30).unwrap().len(), 1000);
    }

    #[test]
    fn parse_rejects_what_is_cut_or_packed_otherwise() {
        let file = zboot(&PAYLOAD, b"zstd");
        for length in 0..0x40 + PAYLOAD.len() {
            assert_eq!(
                Zboot::parse(&file[..length]).unwrap_err().code(),
                "E-IMAGE-ZBOOT-TRUNCATED",
                "{length}"
            );
        }
        let error = Zboot::parse(&zboot(b"\x5d\0\0\x80\0payload", b"lzma")).unwrap_err();
        assert_eq!(error.to_string(), "EFI zboot: unsupported: compression \"lzma\"");
        let mut other = file;
        other[4] = b'Z';
        assert_eq!(Zboot::parse(&other).unwrap_err().code(), "E-IMAGE-ZBOOT-MAGIC");
    }
}
