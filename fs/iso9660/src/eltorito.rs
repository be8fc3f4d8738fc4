// SPDX-License-Identifier: BSD-3-Clause
//! The boot catalogue.
//!
//! Source: "El Torito" Bootable CD-ROM Format Specification 1.0, clause 2; UEFI 2.11, 13.3.2.1.

use alloc::{vec, vec::Vec};
use core::mem::offset_of;

use block::BlockRead;
use filesystem::{Error, Fault};
use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    little_endian::{U16, U32},
};

use crate::{corrupt, descriptor::SECTOR_SIZE, within};

/// Bytes of each entry.
const ENTRY: usize = 32;
/// Header of the validation entry, which comes first.
const HEADER_VALIDATION: u8 = 0x01;
/// Header of a section, or of the last one.
const HEADER_SECTION: u8 = 0x90;
const HEADER_LAST_SECTION: u8 = 0x91;
/// Extension of the previous entry.
const EXTENSION: u8 = 0x44;
/// The entry is bootable.
pub const BOOTABLE: u8 = 0x88;
/// Platform ID of UEFI.
pub const PLATFORM_EFI: u8 = 0xef;

/// Validation entry (2.1).
#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ValidationEntry {
    pub header_id: u8,
    pub platform_id: u8,
    pub reserved: U16,
    pub id_string: [u8; 24],
    pub checksum: U16,
    pub key: [u8; 2],
}

/// Initial entry and section entry (2.2, 2.4).
#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Entry {
    pub boot_indicator: u8,
    pub boot_media_type: u8,
    pub load_segment: U16,
    pub system_type: u8,
    pub unused: u8,
    pub sector_count: U16,
    pub load_rba: U32,
    pub selection: [u8; 20],
}

/// An image that firmware may boot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BootEntry {
    /// 0 for BIOS on x86, 0xef for UEFI.
    pub platform: u8,
    /// Whether it is marked as bootable.
    pub is_bootable: bool,
    /// Low four bits: 0 for no emulation, 1 to 3 for floppies, 4 for a hard disk.
    pub media: u8,
    /// The entry's length in units of 512 bytes; for UEFI, 0 and 1 mean up to the end of the disc.
    pub sectors: u16,
    /// First byte of the image on the device.
    pub start: u64,
}

/// Reads the catalogue at a byte offset: the entries of its first sector, at most 63.
pub fn read<D: BlockRead + ?Sized>(device: &D, offset: u64) -> Result<Vec<BootEntry>, Error> {
    let mut sector = vec![0; SECTOR_SIZE];
    device.read_at(offset, &mut sector)?;
    parse(&sector, offset)
}

fn parse(sector: &[u8], offset: u64) -> Result<Vec<BootEntry>, Error> {
    let (first, rest) = sector.as_chunks::<ENTRY>().0.split_first().unwrap_or((&[0; ENTRY], &[]));
    let fail = |fault, structure, at, found: u16| corrupt(fault, structure, within(offset, at), found);
    let Ok(validation) = ValidationEntry::ref_from_bytes(first) else { return Ok(Vec::new()) };
    if validation.header_id != HEADER_VALIDATION {
        let at = offset_of!(ValidationEntry, header_id);
        return Err(fail(Fault::Magic, "Validation Entry.Header ID", at, validation.header_id.into()));
    }
    if validation.key != [0x55, 0xaa] {
        let (at, found) = (offset_of!(ValidationEntry, key), u16::from_le_bytes(validation.key));
        return Err(fail(Fault::Magic, "Validation Entry.Key", at, found));
    }
    let sum = checksum(first);
    if sum != 0 {
        let fault = Fault::Checksum { computed: 0 };
        return Err(fail(fault, "Validation Entry.Checksum", offset_of!(ValidationEntry, checksum), sum));
    }
    Ok(entries(validation.platform_id, rest))
}

/// The initial entry, then the entries of the sections, as many as their headers say.
fn entries(platform: u8, slots: &[[u8; ENTRY]]) -> Vec<BootEntry> {
    let mut found = Vec::new();
    let (mut platform, mut left, mut is_last) = (platform, 1u16, false);
    for slot in slots {
        let [kind, slot_platform, low, high, ..] = *slot;
        match kind {
            EXTENSION => continue,
            HEADER_SECTION | HEADER_LAST_SECTION if left == 0 && !is_last => {
                platform = slot_platform;
                left = u16::from_le_bytes([low, high]);
                is_last = kind == HEADER_LAST_SECTION;
            }
            _ if left == 0 => break,
            _ => {
                // Cannot saturate: it is not zero.
                left = left.saturating_sub(1);
                found.extend(Entry::ref_from_bytes(slot).ok().map(|entry| boot_entry(platform, entry)));
            }
        }
    }
    found
}

fn boot_entry(platform: u8, entry: &Entry) -> BootEntry {
    BootEntry {
        platform,
        is_bootable: entry.boot_indicator == BOOTABLE,
        media: entry.boot_media_type,
        sectors: entry.sector_count.get(),
        // Cannot saturate: 32 bits times 2048.
        start: u64::from(entry.load_rba.get()).saturating_mul(crate::descriptor::SECTOR),
    }
}

/// The sum of an entry's 16-bit words: zero for a valid validation entry.
pub fn checksum(entry: &[u8]) -> u16 {
    entry.as_chunks().0.iter().fold(0, |sum: u16, word| sum.wrapping_add(u16::from_le_bytes(*word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BIOS first, then a section of UEFI with two entries, the first with an extension.
    fn catalogue() -> Vec<u8> {
        let mut slots = vec![[0u8; ENTRY]; 64];
        slots[0][0] = 1;
        slots[0][30..].copy_from_slice(&[0x55, 0xaa]);
        slots[1][0] = BOOTABLE;
        slots[1][8] = 20;
        slots[2][..4].copy_from_slice(&[0x91, 0xef, 2, 0]);
        slots[3][0] = BOOTABLE;
        slots[3][6..9].copy_from_slice(&[4, 0, 30]);
        slots[4][0] = EXTENSION;
        slots[5][8] = 40;
        let sum = checksum(&slots[0]);
        slots[0][28..30].copy_from_slice(&sum.wrapping_neg().to_le_bytes());
        slots.concat()
    }

    #[test]
    fn sections_have_their_platform() {
        let entries = parse(&catalogue(), 0).unwrap();
        let seen: Vec<(u8, bool, u64, u16)> =
            entries.iter().map(|e| (e.platform, e.is_bootable, e.start / 2048, e.sectors)).collect();
        assert_eq!(seen, [(0, true, 20, 0), (0xef, true, 30, 4), (0xef, false, 40, 0)]);
    }

    #[test]
    fn a_wrong_validation_entry_is_refused() {
        for (place, at) in [(0, 0), (5, 28), (31, 30)] {
            let mut catalogue = catalogue();
            catalogue[place] ^= 1;
            let Err(Error::Corrupt(corrupt)) = parse(&catalogue, 2048) else { unreachable!() };
            assert_eq!(corrupt.offset, 2048 + at, "{}", corrupt.structure);
        }
    }

    #[test]
    fn a_section_longer_than_the_sector_ends_with_it() {
        let mut catalogue = catalogue();
        catalogue[2 * ENTRY + 2..2 * ENTRY + 4].fill(0xff);
        assert_eq!(parse(&catalogue, 0).unwrap().len(), 61);
    }
}
