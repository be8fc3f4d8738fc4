// SPDX-License-Identifier: BSD-3-Clause
//! Volume descriptors: the sectors from number 16 on.
//!
//! Source: ECMA-119, clauses 8.1 to 8.5.

use alloc::{boxed::Box, format, string::String, vec, vec::Vec};
use core::mem::offset_of;

use block::BlockRead;
use filesystem::{Error, Fault, Format, Unsupported};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, big_endian, little_endian};

use crate::{corrupt, name::ucs2, within};

/// Bytes of a sector.
pub const SECTOR: u64 = 2048;
pub const SECTOR_SIZE: usize = 2048;
/// The first descriptor's sector: the system area is before it.
pub const FIRST: u64 = 16;
/// Its byte offset.
// Cannot saturate: a product of two constants.
pub const FIRST_OFFSET: u64 = FIRST.saturating_mul(SECTOR);
/// Maximum number of descriptors to read: real images have up to five.
const MOST: u64 = 64;
pub const STANDARD_IDENTIFIER: [u8; 5] = *b"CD001";
pub const TYPE_BOOT: u8 = 0;
pub const TYPE_PRIMARY: u8 = 1;
const TYPE_SUPPLEMENTARY: u8 = 2;
pub const TYPE_TERMINATOR: u8 = 255;
/// `boot_system_identifier` of El Torito, padded with zeros.
pub const EL_TORITO: &[u8] = b"EL TORITO SPECIFICATION";
/// The escape sequences of Joliet's three levels of UCS-2.
const JOLIET: [&[u8]; 3] = [b"%/@", b"%/C", b"%/E"];
/// Maximum length of a Joliet volume identifier in UCS-2 units.
const JOLIET_LABEL: usize = 16;

/// A 16-bit number in both byte orders (7.2.3).
#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Both16 {
    pub le: little_endian::U16,
    pub be: big_endian::U16,
}

impl Both16 {
    pub fn new(value: u16) -> Self {
        Self { le: value.into(), be: value.into() }
    }
}

/// A 32-bit number in both byte orders (7.3.3).
#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Both32 {
    pub le: little_endian::U32,
    pub be: big_endian::U32,
}

impl Both32 {
    pub fn new(value: u32) -> Self {
        Self { le: value.into(), be: value.into() }
    }
}

/// Primary and supplementary volume descriptor (8.4, 8.5).
#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub struct VolumeDescriptor {
    pub volume_descriptor_type: u8,
    pub standard_identifier: [u8; 5],
    pub volume_descriptor_version: u8,
    pub volume_flags: u8,
    pub system_identifier: [u8; 32],
    pub volume_identifier: [u8; 32],
    pub unused: [u8; 8],
    pub volume_space_size: Both32,
    pub escape_sequences: [u8; 32],
    pub volume_set_size: Both16,
    pub volume_sequence_number: Both16,
    pub logical_block_size: Both16,
    pub path_table_size: Both32,
    pub location_of_l_path_table: little_endian::U32,
    pub location_of_optional_l_path_table: little_endian::U32,
    pub location_of_m_path_table: big_endian::U32,
    pub location_of_optional_m_path_table: big_endian::U32,
    pub root_directory_record: [u8; 34],
    pub volume_set_identifier: [u8; 128],
    pub publisher_identifier: [u8; 128],
    pub data_preparer_identifier: [u8; 128],
    pub application_identifier: [u8; 128],
    pub copyright_file_identifier: [u8; 37],
    pub abstract_file_identifier: [u8; 37],
    pub bibliographic_file_identifier: [u8; 37],
    pub volume_creation_date: [u8; 17],
    pub volume_modification_date: [u8; 17],
    pub volume_expiration_date: [u8; 17],
    pub volume_effective_date: [u8; 17],
    pub file_structure_version: u8,
    pub reserved: u8,
    pub application_use: [u8; 512],
    pub reserved_tail: [u8; 653],
}

/// Boot record (8.2) in the form of El Torito.
#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub struct BootRecord {
    pub volume_descriptor_type: u8,
    pub standard_identifier: [u8; 5],
    pub volume_descriptor_version: u8,
    pub boot_system_identifier: [u8; 32],
    pub boot_identifier: [u8; 32],
    pub boot_catalog: little_endian::U32,
    pub unused: [u8; 1973],
}

/// The descriptors of a volume.
pub struct Descriptors {
    pub primary: Box<VolumeDescriptor>,
    pub joliet: Option<Box<VolumeDescriptor>>,
    /// Byte offset of the boot catalog.
    pub boot_catalog: Option<u64>,
}

/// Whether the device has a volume descriptor of ISO 9660 in sector 16.
///
/// # Errors
/// [`Error::Io`] if the sector cannot be read.
pub fn probe<D: BlockRead + ?Sized>(device: &D) -> Result<bool, Error> {
    // Cannot saturate: a sum of two constants.
    if device.size() < FIRST_OFFSET.saturating_add(SECTOR) {
        return Ok(false);
    }
    let mut start = [0; 7];
    device.read_at(FIRST_OFFSET, &mut start)?;
    Ok(start.get(1..6) == Some(&STANDARD_IDENTIFIER))
}

/// Reads the descriptors up to the terminator.
///
/// # Errors
/// [`Error::Corrupt`] if the first sector has no descriptor or there is no primary one; [`Error::Unsupported`] for an
/// unsupported logical block size.
pub fn read<D: BlockRead + ?Sized>(device: &D) -> Result<Descriptors, Error> {
    let (mut primary, mut joliet, mut boot_catalog) = (None, None, None);
    // Nothing saturates: there are few.
    for sector in FIRST..FIRST.saturating_add(MOST) {
        let offset = sector.saturating_mul(SECTOR);
        let mut bytes = vec![0; SECTOR_SIZE];
        device.read_at(offset, &mut bytes)?;
        let Ok((descriptor, _)) = VolumeDescriptor::read_from_prefix(&bytes) else { break };
        if descriptor.standard_identifier != STANDARD_IDENTIFIER {
            if sector == FIRST {
                let at = within(offset, offset_of!(VolumeDescriptor, standard_identifier));
                return Err(corrupt(Fault::Magic, "Volume Descriptor.Standard Identifier", at, 0u32));
            }
            break;
        }
        match descriptor.volume_descriptor_type {
            TYPE_BOOT => boot_catalog = boot_catalog.or_else(|| boot_catalog_of(&bytes)),
            TYPE_PRIMARY if primary.is_none() => {
                check_block_size(&descriptor, offset)?;
                primary = Some(Box::new(descriptor));
            }
            TYPE_SUPPLEMENTARY if joliet.is_none() && is_joliet(&descriptor) => {
                check_block_size(&descriptor, offset)?;
                joliet = Some(Box::new(descriptor));
            }
            TYPE_TERMINATOR => break,
            _ => {}
        }
    }
    let missing = || corrupt(Fault::Magic, "Primary Volume Descriptor", FIRST_OFFSET, 0u32);
    Ok(Descriptors { primary: primary.ok_or_else(missing)?, joliet, boot_catalog })
}

fn check_block_size(descriptor: &VolumeDescriptor, offset: u64) -> Result<(), Error> {
    match descriptor.logical_block_size.le.get() {
        512 | 1024 | 2048 => Ok(()),
        size if size.is_power_of_two() => {
            let feature = format!("logical blocks of {size} bytes").into();
            Err(Error::Unsupported(Unsupported { format: Format::Iso9660, feature }))
        }
        size => {
            let at = within(offset, offset_of!(VolumeDescriptor, logical_block_size));
            Err(corrupt(Fault::Range, "Primary Volume Descriptor.Logical Block Size", at, size))
        }
    }
}

fn boot_catalog_of(bytes: &[u8]) -> Option<u64> {
    let (record, _) = BootRecord::ref_from_prefix(bytes).ok()?;
    let is_el_torito = record.boot_system_identifier.starts_with(EL_TORITO);
    // Cannot saturate: 32 bits times 2048.
    is_el_torito.then(|| u64::from(record.boot_catalog.get()).saturating_mul(SECTOR))
}

fn is_joliet(descriptor: &VolumeDescriptor) -> bool {
    JOLIET.iter().any(|escape| descriptor.escape_sequences.starts_with(escape))
}

impl Descriptors {
    /// The volume identifier without padding.
    ///
    /// Joliet's if there is one, because it has lower case. If it is truncated at 16 characters and the primary one
    /// starts alike, the rest comes from the primary one.
    pub fn label(&self) -> Vec<u8> {
        let primary = trimmed(&self.primary.volume_identifier);
        let Some(joliet) = &self.joliet else { return primary.to_vec() };
        let label = ucs2(&joliet.volume_identifier);
        let label = label.trim_end_matches([' ', '\0']);
        if label.is_empty() {
            return primary.to_vec();
        }
        // The primary identifier has `_` in place of characters that it cannot hold.
        let is_alike = |(byte, c): (&u8, char)| {
            *byte == b'_' || u32::from(byte.to_ascii_uppercase()) == u32::from(c.to_ascii_uppercase())
        };
        let is_cut = label.chars().count() == JOLIET_LABEL
            && primary.len() > JOLIET_LABEL
            && primary.iter().zip(label.chars()).all(is_alike);
        let rest = if is_cut { primary.get(JOLIET_LABEL..).unwrap_or_default() } else { &[] };
        [label.as_bytes(), rest].concat()
    }

    /// The date of the last change, otherwise of creation, as blkid spells it: `2026-01-01-00-00-00-00`.
    pub fn uuid(&self) -> String {
        let dates = [&self.primary.volume_modification_date, &self.primary.volume_creation_date];
        dates.into_iter().find_map(date_as_uuid).unwrap_or_default()
    }
}

fn date_as_uuid(date: &[u8; 17]) -> Option<String> {
    let (digits, _offset) = date.split_at_checked(16)?;
    let text =
        core::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    if text.bytes().all(|byte| byte == b'0') {
        return None;
    }
    let mut uuid = String::from(text.get(..4)?);
    for start in (4usize..16).step_by(2) {
        uuid.push('-');
        // Cannot saturate: it is at most 16.
        uuid.push_str(text.get(start..start.saturating_add(2))?);
    }
    Some(uuid)
}

/// An identifier without its padding of spaces or zeros.
fn trimmed(identifier: &[u8]) -> &[u8] {
    let end = identifier.iter().rposition(|byte| !matches!(byte, b' ' | 0));
    // Cannot saturate: an index is less than a length.
    identifier.get(..end.map_or(0, |last| last.saturating_add(1))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;

    fn descriptor(kind: u8) -> VolumeDescriptor {
        let mut descriptor = VolumeDescriptor::new_zeroed();
        descriptor.volume_descriptor_type = kind;
        descriptor.standard_identifier = STANDARD_IDENTIFIER;
        descriptor.logical_block_size = Both16::new(2048);
        descriptor.volume_identifier = [b' '; 32];
        descriptor
    }

    fn disk(descriptors: &[VolumeDescriptor]) -> Vec<u8> {
        let mut disk = vec![0; 16 * SECTOR_SIZE];
        descriptors.iter().for_each(|descriptor| disk.extend_from_slice(descriptor.as_bytes()));
        disk
    }

    #[test]
    fn structures_have_the_size_of_a_sector() {
        assert_eq!(size_of::<VolumeDescriptor>(), SECTOR_SIZE);
        assert_eq!(size_of::<BootRecord>(), SECTOR_SIZE);
    }

    #[test]
    fn a_descriptor_is_needed_and_a_primary_one() {
        assert_eq!(probe(&disk(&[descriptor(TYPE_PRIMARY)])), Ok(true));
        assert_eq!(probe(&vec![0; 17 * SECTOR_SIZE]), Ok(false));
        assert_eq!(probe(&vec![0; 5]), Ok(false));
        assert!(read(&disk(&[descriptor(TYPE_PRIMARY), descriptor(TYPE_TERMINATOR)])).is_ok());
        assert!(read(&disk(&[descriptor(TYPE_TERMINATOR)])).is_err());
        assert!(read(&disk(&[descriptor(TYPE_PRIMARY)])).is_err(), "the device ends before a terminator");
    }

    #[test]
    fn block_sizes_that_iso_9660_does_not_have() {
        let mut odd = descriptor(TYPE_PRIMARY);
        odd.logical_block_size = Both16::new(2000);
        assert!(matches!(read(&disk(&[odd])), Err(Error::Corrupt(_))));
        let mut large = descriptor(TYPE_PRIMARY);
        large.logical_block_size = Both16::new(4096);
        assert!(matches!(read(&disk(&[large])), Err(Error::Unsupported(_))));
    }

    #[test]
    fn a_joliet_label_is_completed_from_the_primary_one() {
        let label = |primary: &str, joliet: &str| {
            let (mut first, mut second) = (descriptor(TYPE_PRIMARY), descriptor(TYPE_SUPPLEMENTARY));
            first.volume_identifier[..primary.len()].copy_from_slice(primary.as_bytes());
            second.escape_sequences[..3].copy_from_slice(b"%/E");
            second.volume_identifier = [0; 32];
            for (place, unit) in second.volume_identifier.chunks_mut(2).zip(joliet.encode_utf16()) {
                place.copy_from_slice(&unit.to_be_bytes());
            }
            let disk = disk(&[first, second, descriptor(TYPE_TERMINATOR)]);
            String::from_utf8(read(&disk).unwrap().label()).unwrap()
        };
        assert_eq!(label("DEBIAN_13.1.0_AMD64_N", "Debian 13.1.0 am"), "Debian 13.1.0 amD64_N");
        assert_eq!(label("OTHER", "Joliet"), "Joliet");
        assert_eq!(label("PRIMARY", ""), "PRIMARY");
    }

    #[test]
    fn dates_are_identifiers() {
        assert_eq!(date_as_uuid(b"20260102030405064").as_deref(), Some("2026-01-02-03-04-05-06"));
        assert_eq!(date_as_uuid(b"0000000000000000\0"), None);
    }
}
