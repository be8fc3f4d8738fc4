// SPDX-License-Identifier: BSD-3-Clause
//! The footer: the last sector of every image, and for dynamic disks also the first one.

use core::mem::offset_of;

use block::{BlockRead, ReadError};
use damage::Fault;
use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    big_endian::{U32, U64},
};

use crate::{check_version, checksum, corrupt, unsupported, within};

/// Its size in bytes. Before Virtual PC 2004 it had one less; such images are not supported.
pub const SIZE: u64 = 512;
/// The cookie, its first eight bytes: ASCII letters.
pub const COOKIE: u64 = 0x636f_6e65_6374_6978;
/// Offsets of fields.
pub const DATA_OFFSET_AT: usize = offset_of!(Raw, data_offset);
const CURRENT_SIZE_AT: usize = offset_of!(Raw, current_size);
const CHECKSUM_AT: usize = offset_of!(Raw, checksum);

/// Disk types.
const FIXED: u32 = 2;
const DYNAMIC: u32 = 3;
const DIFFERENCING: u32 = 4;

/// "Hard Disk Footer Format", up to the last field that a reader needs.
#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    cookie: U64,
    features: U32,
    file_format_version: U32,
    data_offset: U64,
    time_stamp: U32,
    creator: [u8; 12],
    original_size: U64,
    current_size: U64,
    disk_geometry: U32,
    disk_type: U32,
    checksum: U32,
    unique_id: [u8; 16],
    saved_state: u8,
    reserved: [u8; 427],
}

/// The values of a footer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Footer {
    /// Size of the disk in bytes; for a fixed disk, all of them are on the device.
    pub size: u64,
    pub content: Content,
}

/// The layout of the disk's bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Content {
    /// In order from the device's first byte on.
    Fixed,
    /// In blocks. `header` is the offset of the dynamic disk header.
    Dynamic { header: u64 },
}

impl Footer {
    /// The footer at the end of the device, or its copy at the start of a dynamic disk; and what is wrong with the
    /// other one, if anything.
    ///
    /// # Errors
    /// [`ReadError::Corrupt`] naming the field if neither is intact, [`ReadError::Unsupported`] for unsupported kinds
    /// of disk.
    pub fn find(device: &impl BlockRead) -> Result<(Self, Option<ReadError>), ReadError> {
        let end = device.size().checked_sub(SIZE);
        let end = end.ok_or_else(|| corrupt(Fault::Truncated, "footer", 0, device.size()))?;
        match Self::read(device, end) {
            Ok(Self { size, content: Content::Fixed }) if size > end => {
                let place = within(end, CURRENT_SIZE_AT);
                Err(corrupt(Fault::Truncated, "footer Current Size", place, size))
            }
            Ok(footer @ Self { content: Content::Fixed, .. }) => Ok((footer, None)),
            Ok(footer) => match Self::read(device, 0) {
                Ok(copy) if copy == footer => Ok((footer, None)),
                Ok(copy) => {
                    Ok((footer, Some(corrupt(Fault::Inconsistent, "copy of the footer", 0, copy.size))))
                }
                Err(error @ (ReadError::Corrupt(_) | ReadError::Unsupported(_))) => Ok((footer, Some(error))),
                Err(error) => Err(error),
            },
            Err(error @ ReadError::Corrupt(_)) => match Self::read(device, 0) {
                Ok(footer @ Self { content: Content::Dynamic { .. }, .. }) => Ok((footer, Some(error))),
                // A cookie at the start of a fixed disk is part of the disk's content.
                Ok(_) => Err(error),
                Err(copy) if is_magic(&error) && !is_magic(&copy) => Err(copy),
                Err(_) => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// Reads the footer at `offset`.
    fn read(device: &impl BlockRead, offset: u64) -> Result<Self, ReadError> {
        let mut bytes = [0; 512];
        device.read_at(offset, &mut bytes)?;
        let raw = Raw::ref_from_bytes(&bytes)
            .map_err(|_| corrupt(Fault::Truncated, "footer", offset, device.size()))?;
        let field = |fault, structure, at, found: u64| corrupt(fault, structure, within(offset, at), found);
        if raw.cookie.get() != COOKIE {
            return Err(field(Fault::Magic, "footer Cookie", offset_of!(Raw, cookie), raw.cookie.get()));
        }
        let computed = checksum(&bytes, CHECKSUM_AT);
        if raw.checksum.get() != computed {
            let fault = Fault::Checksum { computed: computed.into() };
            return Err(field(fault, "footer Checksum", CHECKSUM_AT, raw.checksum.into()));
        }
        check_version("footer", raw.file_format_version.get())?;
        let size = raw.current_size.get();
        let content = match raw.disk_type.get() {
            FIXED => Content::Fixed,
            DYNAMIC => Content::Dynamic { header: raw.data_offset.get() },
            DIFFERENCING => return Err(unsupported("differencing disk")),
            kind => {
                return Err(field(Fault::Range, "footer Disk Type", offset_of!(Raw, disk_type), kind.into()));
            }
        };
        Ok(Self { size, content })
    }
}

fn is_magic(error: &ReadError) -> bool {
    matches!(error, ReadError::Corrupt(corrupt) if corrupt.fault == Fault::Magic)
}
