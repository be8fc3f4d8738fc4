// SPDX-License-Identifier: BSD-3-Clause
//! Dynamic disks: a table of blocks, each after a bitmap of its sectors.

use core::mem::offset_of;

use block::{BlockRead, ReadError};
use damage::Fault;
use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    big_endian::{U32, U64},
};

use crate::{check_version, checksum, corrupt, footer, within};

const SECTOR: u64 = 512;
/// `cxsparse`
const COOKIE: u64 = 0x6378_7370_6172_7365;
/// Bytes of the header.
const SIZE: u64 = 1024;
const CHECKSUM_AT: usize = offset_of!(Raw, checksum);
/// The entry of an unallocated block.
const UNUSED: u32 = u32::MAX;
/// Bytes of a bitmap to read at once: the bitmap of a block of the usual 2 MiB.
const BITMAP: usize = 512;

/// "Dynamic Disk Header Format"; the fields after these are for differencing disks.
#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    cookie: U64,
    data_offset: U64,
    table_offset: U64,
    header_version: U32,
    max_table_entries: U32,
    block_size: U32,
    checksum: U32,
    parent: [u8; 984],
}

/// The locations of a disk's blocks.
///
/// Invariants, established by [`read`](Self::read): `block_size` is a power of two, at least a sector; the table has an
/// entry for every block of the disk and is on the device.
#[derive(Clone, Copy, Debug)]
pub struct Dynamic {
    /// Byte offset of the block allocation table.
    table: u64,
    /// Bytes of a block.
    block_size: u64,
}

/// Where bytes come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    Zeros,
    /// The device, from this offset on.
    Device(u64),
}

/// Bytes of the disk with one source.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Extent {
    pub source: Source,
    /// In bytes, at least one.
    pub length: u64,
}

impl Dynamic {
    /// Reads and checks the header at `offset`, for a disk of `size` bytes.
    ///
    /// # Errors
    /// [`ReadError::Corrupt`] naming the field, [`ReadError::Unsupported`] naming the version.
    pub fn read(device: &impl BlockRead, offset: u64, size: u64) -> Result<Self, ReadError> {
        if offset.checked_add(SIZE).is_none_or(|end| end > device.size()) {
            // The error names the field in the footer at the start, which every dynamic disk has.
            return Err(corrupt(
                Fault::Range,
                "footer Data Offset",
                within(0, footer::DATA_OFFSET_AT),
                offset,
            ));
        }
        let raw = Raw::read(device, offset)?;
        let field = |fault, structure, at, found| corrupt(fault, structure, within(offset, at), found);
        let block_size = u64::from(raw.block_size.get());
        if !block_size.is_power_of_two() || block_size < SECTOR {
            return Err(field(
                Fault::Range,
                "dynamic disk header Block Size",
                offset_of!(Raw, block_size),
                block_size,
            ));
        }
        let needed = size.div_ceil(block_size);
        if needed > raw.max_table_entries.get().into() {
            let entries = raw.max_table_entries.into();
            return Err(field(
                Fault::Inconsistent,
                "dynamic disk header Max Table Entries",
                offset_of!(Raw, max_table_entries),
                entries,
            ));
        }
        let table = raw.table_offset.get();
        // The product cannot saturate: a block has at least 512 bytes.
        let end = table.checked_add(needed.saturating_mul(4));
        if end.is_none_or(|end| end > device.size()) {
            return Err(field(
                Fault::Range,
                "dynamic disk header Table Offset",
                offset_of!(Raw, table_offset),
                table,
            ));
        }
        Ok(Self { table, block_size })
    }

    /// The extent of the disk at `at` according to the table and the block's bitmap, at most `wanted` bytes.
    pub fn extent(&self, device: &impl BlockRead, at: u64, wanted: u64) -> Result<Extent, ReadError> {
        let block = at.checked_div(self.block_size).unwrap_or(0);
        let within = at.checked_rem(self.block_size).unwrap_or(0);
        // Nothing saturates: `within` is in the block, and the table is on the device.
        let wanted = wanted.min(self.block_size.saturating_sub(within));
        let place = self.table.saturating_add(block.saturating_mul(4));
        let mut entry = [0; 4];
        device.read_at(place, &mut entry)?;
        let entry = u32::from_be_bytes(entry);
        if entry == UNUSED {
            return Ok(Extent { source: Source::Zeros, length: wanted });
        }
        // Nothing saturates: the entry has 32 bits, a bitmap's size 20. The first sector is the footer's copy.
        let bitmap = u64::from(entry).saturating_mul(SECTOR);
        let data = bitmap.saturating_add(self.bitmap_size());
        if entry == 0 || data > device.size() {
            return Err(corrupt(Fault::Range, "BAT entry", place, entry));
        }
        let (is_there, length) = sectors(device, bitmap, within, wanted)?;
        if !is_there {
            return Ok(Extent { source: Source::Zeros, length });
        }
        // Cannot saturate: both have few bits, as above.
        let start = data.saturating_add(within);
        if start.checked_add(length).is_none_or(|end| end > device.size()) {
            return Err(corrupt(Fault::Truncated, "block", place, start));
        }
        Ok(Extent { source: Source::Device(start), length })
    }

    /// Bytes of a block's bitmap: whole sectors.
    fn bitmap_size(&self) -> u64 {
        // Cannot saturate: a product of two constants.
        self.block_size.div_ceil(SECTOR.saturating_mul(8)).next_multiple_of(SECTOR)
    }
}

impl Raw {
    /// Reads the header at `offset`, and checks its checksum and version.
    fn read(device: &impl BlockRead, offset: u64) -> Result<Self, ReadError> {
        let mut bytes = [0; 1024];
        device.read_at(offset, &mut bytes)?;
        let raw = Self::read_from_bytes(&bytes)
            .map_err(|_| corrupt(Fault::Truncated, "dynamic disk header", offset, device.size()))?;
        let field = |fault, structure, at, found: u64| corrupt(fault, structure, within(offset, at), found);
        if raw.cookie.get() != COOKIE {
            return Err(field(
                Fault::Magic,
                "dynamic disk header Cookie",
                offset_of!(Raw, cookie),
                raw.cookie.get(),
            ));
        }
        let computed = checksum(&bytes, CHECKSUM_AT);
        if raw.checksum.get() != computed {
            let fault = Fault::Checksum { computed: computed.into() };
            return Err(field(fault, "dynamic disk header Checksum", CHECKSUM_AT, raw.checksum.into()));
        }
        check_version("dynamic disk header", raw.header_version.get())?;
        Ok(raw)
    }
}

/// Whether the sector that holds byte `within` of a block was ever written, and for how many of `wanted` bytes the
/// answer is the same. `bitmap` is the offset of the block's bitmap, whose highest bits come first.
fn sectors(device: &impl BlockRead, bitmap: u64, within: u64, wanted: u64) -> Result<(bool, u64), ReadError> {
    // Nothing saturates: a block has at most 2^31 bytes, and its bitmap is below offset 2^42.
    let (first, into) = (within / SECTOR, within % SECTOR);
    let skip = usize::try_from(first % 8).unwrap_or(0);
    let count = into.saturating_add(wanted).div_ceil(SECTOR).saturating_add(first % 8);
    let mut bytes = [0; BITMAP];
    let needed = usize::try_from(count.div_ceil(8)).unwrap_or(BITMAP).min(BITMAP);
    let bytes = bytes.get_mut(..needed).unwrap_or_default();
    device.read_at(bitmap.saturating_add(first / 8), bytes)?;
    let bits = bytes.iter().flat_map(|byte| (0..8).map(|bit| byte.wrapping_shl(bit) & 0x80 != 0));
    let mut bits = bits.skip(skip).peekable();
    let is_there = bits.peek().copied().unwrap_or(false);
    let same = bits.take_while(|bit| *bit == is_there).count();
    // The first sector is used from byte `into` on.
    let length = u64::try_from(same).unwrap_or(0).saturating_mul(SECTOR).saturating_sub(into);
    // At least the requested sector.
    Ok((is_there, length.max(1).min(wanted)))
}
