// SPDX-License-Identifier: BSD-3-Clause
//! SMBIOS: the strings that a machine's owner gives it.
//!
//! Spec: DMTF DSP0134, System Management BIOS 3.7: sections 5.2 (entry points), 6.1 (structures), 7.2 (type 1),
//! 7.4 (type 3), 7.12 (type 11).

use alloc::string::String;

/// Longest table that is accepted, in bytes.
pub const LONGEST: u32 = 1024 * 1024;

/// System Information.
pub const SYSTEM: u8 = 1;
/// System Enclosure or Chassis.
pub const CHASSIS: u8 = 3;
/// OEM Strings.
pub const OEM_STRINGS: u8 = 11;
/// Offset of the string number of the manufacturer in [`SYSTEM`].
pub const MANUFACTURER: usize = 4;
/// Offset of the string number of the product's name in [`SYSTEM`].
const PRODUCT: usize = 5;
/// Offset of the string number of the asset tag in [`CHASSIS`].
const ASSET_TAG: usize = 8;
/// The last structure.
const END: u8 = 127;
/// Prefix of our settings in OEM strings.
const OURS: &str = "cloudboot:";

/// The table's location.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EntryPoint {
    /// Physical address.
    pub address: u64,
    /// Bytes, at most [`LONGEST`].
    pub length: u32,
}

impl EntryPoint {
    /// Bytes of the longest entry point.
    pub const SIZE: usize = 31;

    /// An entry point, of version 3 (`_SM3_`) or 2.1 (`_SM_`), whose checksum is right.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let u32_at = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let (length, point) = if bytes.starts_with(b"_SM3_") {
            let address = u64::from_le_bytes(*bytes.get(16..)?.first_chunk()?);
            (bytes.get(6)?, Self { address, length: u32_at(12)? })
        } else if bytes.starts_with(b"_SM_") {
            let length = u16::from_le_bytes(*bytes.get(22..)?.first_chunk()?);
            (bytes.get(5)?, Self { address: u32_at(24)?.into(), length: length.into() })
        } else {
            return None;
        };
        let sum = bytes.get(..usize::from(*length))?.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        (sum == 0 && point.length <= LONGEST).then_some(point)
    }
}

/// A structure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Structure<'a> {
    /// Its type.
    pub kind: u8,
    /// The formatted area, header included.
    formatted: &'a [u8],
    /// The strings, each with its NUL.
    strings: &'a [u8],
}

impl<'a> Structure<'a> {
    /// Its strings, in order; strings that are not UTF-8 are left out.
    pub fn strings(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let strings = self.strings.split(|byte| *byte == 0);
        strings.take_while(|string| !string.is_empty()).filter_map(|string| str::from_utf8(string).ok())
    }

    /// The string whose number is at this offset of the formatted area.
    pub fn string(&self, offset: usize) -> Option<&'a str> {
        let number = usize::from(*self.formatted.get(offset)?);
        self.strings().nth(number.checked_sub(1)?)
    }
}

/// The structures of a table, up to its end or to the first that is broken.
pub fn structures(table: &[u8]) -> impl Iterator<Item = Structure<'_>> {
    let mut rest = table;
    core::iter::from_fn(move || {
        let kind = *rest.first()?;
        let length = usize::from(*rest.get(1)?).max(4);
        let (formatted, behind) = rest.split_at_checked(length)?;
        let end = behind.windows(2).position(|pair| pair == [0, 0])?.checked_add(2)?;
        let (strings, next) = behind.split_at_checked(end)?;
        rest = if kind == END { &[] } else { next };
        Some(Structure { kind, formatted, strings })
    })
}

/// Our settings among the OEM strings, `KEY=VALUE`.
pub fn settings(table: &[u8]) -> impl Iterator<Item = &str> {
    let oem = structures(table).filter(|structure| structure.kind == OEM_STRINGS);
    oem.flat_map(|structure| structure.strings()).filter_map(|string| string.strip_prefix(OURS))
}

/// Who made the machine.
pub fn manufacturer(table: &[u8]) -> Option<String> {
    let system = structures(table).find(|structure| structure.kind == SYSTEM)?;
    system.string(MANUFACTURER).map(String::from)
}

/// A cloud that identifies itself in the SMBIOS tables of its machines and has its own kind of metadata service.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cloud {
    /// Nova calls the product `OpenStack Nova` or `OpenStack Compute`; providers that set a name of their own there
    /// leave it in the manufacturer (`OpenStack Foundation`) or in the chassis' asset tag.
    OpenStack,
    /// Amazon EC2; instances with UEFI have `Amazon EC2` as manufacturer.
    Ec2,
}

/// The cloud that the machine is in, if its tables say so.
pub fn cloud(table: &[u8]) -> Option<Cloud> {
    let string = |kind, offset| {
        structures(table).find(|structure| structure.kind == kind).and_then(|found| found.string(offset))
    };
    let (maker, tag) = (string(SYSTEM, MANUFACTURER), string(CHASSIS, ASSET_TAG));
    let texts = [maker, string(SYSTEM, PRODUCT), tag];
    let has = |word: &str| texts.iter().flatten().any(|text| text.contains(word));
    let is_amazon = maker == Some("Amazon EC2") || tag == Some("Amazon EC2");
    if is_amazon { Some(Cloud::Ec2) } else { has("OpenStack").then_some(Cloud::OpenStack) }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn table() -> Vec<u8> {
        let system = [&[1, 6, 0, 1, 1, 2][..], b"QEMU\0Standard PC\0\0"].concat();
        let oem = [&[11, 5, 0, 2, 3][..], b"x\0cloudboot:debug=1\0cloudboot:target=a b\0\0"].concat();
        let empty = [32, 4, 0, 3, 0, 0];
        [
            system,
            empty.to_vec(),
            oem,
            [127, 4, 0, 4, 0, 0].to_vec(),
            b"\x0b\x05\0\0\x01cloudboot:no=1\0\0".to_vec(),
        ]
        .concat()
    }

    #[test]
    fn settings_are_read_up_to_the_end() {
        assert_eq!(settings(&table()).collect::<Vec<_>>(), ["debug=1", "target=a b"]);
        assert_eq!(manufacturer(&table()).as_deref(), Some("QEMU"));
        assert_eq!(structures(&table()).count(), 4);
    }

    #[test]
    fn a_table_that_ends_early_ends() {
        let table = table();
        for length in 0..table.len() {
            assert!(structures(&table[..length]).count() <= 4);
        }
    }

    #[test]
    fn entry_points_have_checksums() {
        let mut three = [0; 24];
        three[..5].copy_from_slice(b"_SM3_");
        three[6] = 24;
        three[12..14].copy_from_slice(&[0x00, 0x02]);
        three[16..18].copy_from_slice(&[0x00, 0x10]);
        assert_eq!(EntryPoint::parse(&three), None);
        three[5] = three.iter().fold(0u8, |sum, byte| sum.wrapping_sub(*byte));
        assert_eq!(EntryPoint::parse(&three), Some(EntryPoint { address: 0x1000, length: 0x200 }));
        let mut two = [0; 31];
        two[..4].copy_from_slice(b"_SM_");
        (two[5], two[23], two[26]) = (31, 1, 2);
        two[4] = two.iter().fold(0u8, |sum, byte| sum.wrapping_sub(*byte));
        assert_eq!(EntryPoint::parse(&two), Some(EntryPoint { address: 0x2_0000, length: 0x100 }));
        assert_eq!(EntryPoint::parse(&two[..30]), None);
    }
}
