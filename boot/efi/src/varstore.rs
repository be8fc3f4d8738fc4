// SPDX-License-Identifier: BSD-3-Clause
//! The variable store that EDK II keeps in flash: `OVMF_VARS.fd` and the like.
//!
//! A firmware volume (PI 1.9, volume 3, section 3.2.1) whose data is a variable store: variables one after the other,
//! the latest last. Bits of flash can only be cleared, so the cleared bits of a variable's state record what became of
//! it.
//!
//! Sources: EDK II 2025.02, MdePkg/Include/Pi/PiFirmwareVolume.h, MdeModulePkg/Include/Guid/VariableFormat.h,
//! MdeModulePkg/Universal/Variable/RuntimeDxe/VariableParsing.c.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use crate::{device_path::guid, text};

/// A firmware volume starts at a multiple of this in a file, in bytes.
pub const ALIGNMENT: usize = 1024;
/// Bytes of a volume's header, without its map of blocks.
pub const HEADER: usize = 56;
/// Bytes of the largest volume that is read; those of QEMU's machines have 528 or 768 KiB.
pub const LARGEST: u64 = 4 << 20;

/// Vendor of the variables of the specification itself (UEFI 2.11, section 3.3): `BootOrder`, `PK`, `SecureBoot`.
pub const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// Vendor of `db`, `dbx` and their like (section 32.6.1).
pub const IMAGE_SECURITY: &str = "d719b2cb-3d3a-4596-a3bc-dad00e67656f";
/// `EFI_SYSTEM_NV_DATA_FV_GUID`
const NV_DATA: &str = "fff12b8d-7696-4c8b-a985-2747075b4f50";
/// `EFI_FVH_SIGNATURE`
const SIGNATURE: [u8; 4] = *b"_FVH";
/// `EFI_AUTHENTICATED_VARIABLE_GUID`
const AUTHENTICATED: &str = "aaf32c78-947b-439a-a180-2e144ec37792";
/// `EFI_VARIABLE_GUID`
const PLAIN: &str = "ddcf3616-3275-4164-98b6-fe85707ffe7d";
/// Bytes of `VARIABLE_STORE_HEADER`.
const STORE_HEADER: usize = 28;
/// `VARIABLE_STORE_FORMATTED`, `VARIABLE_STORE_HEALTHY`
const HEALTHY: [u8; 2] = [0x5a, 0xfe];
/// `VARIABLE_DATA`, as stored.
const START_ID: [u8; 2] = [0xaa, 0x55];
/// `VAR_ADDED`: header and data are whole.
const ADDED: u8 = 0x3f;
/// `VAR_ADDED & VAR_IN_DELETED_TRANSITION`: a new value was about to be written.
const REPLACED: u8 = 0x3e;
/// `VAR_DELETED`
const DELETED: u8 = 0xfd;
/// Flash that was not written yet.
const ERASED: u32 = u32::MAX;

/// Offsets of fields of `EFI_FIRMWARE_VOLUME_HEADER`.
const FILE_SYSTEM_GUID_AT: usize = 16;
const FV_LENGTH_AT: usize = 32;
const SIGNATURE_AT: usize = 40;
const HEADER_LENGTH_AT: usize = 48;
const CHECKSUM_AT: usize = 50;
/// Offsets of fields of `VARIABLE_STORE_HEADER`.
const SIZE_AT: usize = 16;
const FORMAT_AT: usize = 20;
/// Offsets of fields of `VARIABLE_HEADER`; for the last three, the distance from its end, which is the same in both
/// kinds.
const STATE_AT: usize = 2;
const ATTRIBUTES_AT: usize = 4;
const NAME_SIZE_BEFORE_END: usize = 24;
const DATA_SIZE_BEFORE_END: usize = 20;
const VENDOR_BEFORE_END: usize = 16;

/// A variable.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Variable {
    /// The vendor GUID that it belongs to.
    pub vendor: String,
    /// Its name.
    pub name: String,
    /// `Attributes` (UEFI 2.11, section 8.2.1).
    pub attributes: u32,
    /// Its value.
    pub data: Vec<u8>,
}

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{structure} at byte {offset}: found {found:#x}, not {cause}")]
pub struct Error {
    /// The field, by its name in EDK II.
    pub structure: &'static str,
    /// Where it is in the volume.
    pub offset: u64,
    /// What it is.
    pub found: u64,
    /// What was expected: the message says "not ...".
    pub cause: &'static str,
}

/// Where in these bytes, which start at a multiple of [`ALIGNMENT`], a volume of variables starts, and its length as
/// its header states it.
pub fn find(bytes: &[u8]) -> Option<(usize, u64)> {
    let starts = (0..bytes.len()).step_by(ALIGNMENT);
    starts.filter_map(|at| Some((at, length(bytes.get(at..)?)?))).next()
}

/// The length of the volume of variables that starts here.
fn length(volume: &[u8]) -> Option<u64> {
    let is_volume = volume.get(SIGNATURE_AT..)?.starts_with(&SIGNATURE)
        && guid(volume.get(FILE_SYSTEM_GUID_AT..)?.first_chunk()?) == NV_DATA;
    is_volume.then(|| u64_at(volume, FV_LENGTH_AT)).flatten()
}

/// The variables of a volume, which starts with its header, sorted by their names.
///
/// # Errors
/// [`Error`] for a damaged header, or a variable that reaches beyond the store.
pub fn read(volume: &[u8]) -> Result<Vec<Variable>, Error> {
    let store = store(volume)?;
    let mut variables: BTreeMap<(String, String), Variable> = BTreeMap::new();
    let mut at = store.first;
    while let Some(record) = store.record(volume, at)? {
        at = record.next;
        let Some(variable) = record.variable else { continue };
        // A variable in transition counts only if its new value was never finished.
        let key = (variable.name.clone(), variable.vendor.clone());
        if record.is_replaced {
            variables.entry(key).or_insert(variable);
        } else {
            variables.insert(key, variable);
        }
    }
    Ok(variables.into_values().collect())
}

/// How to delete a variable: the byte to change, and its new value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Deletion {
    /// Its name.
    pub name: String,
    /// Offset of its state in the volume.
    pub at: usize,
    /// The state of one that is deleted.
    pub state: u8,
}

/// How to delete variables of a volume, including those in transition, in the order of the volume.
///
/// # Errors
/// As [`read`].
pub fn deletions(volume: &[u8], is_meant: &dyn Fn(&Variable) -> bool) -> Result<Vec<Deletion>, Error> {
    let store = store(volume)?;
    let (mut deletions, mut at) = (Vec::new(), store.first);
    while let Some(record) = store.record(volume, at)? {
        if let Some(variable) = record.variable.filter(is_meant) {
            let state = if record.is_replaced { REPLACED } else { ADDED } & DELETED;
            // Cannot saturate: the record is in the volume.
            let at = at.saturating_add(STATE_AT);
            deletions.push(Deletion { name: variable.name, at, state });
        }
        at = record.next;
    }
    Ok(deletions)
}

/// Where variables are in a volume.
struct Store {
    first: usize,
    end: usize,
    /// Bytes of a variable's header: with or without what authenticates it.
    header: usize,
}

struct Record {
    /// None for a variable that was deleted or never finished.
    variable: Option<Variable>,
    is_replaced: bool,
    next: usize,
}

fn store(volume: &[u8]) -> Result<Store, Error> {
    let cut = |structure, offset| Error {
        structure,
        offset,
        found: wide(volume.len()),
        cause: "a complete structure: the volume is truncated",
    };
    let length = length(volume).ok_or(cut("EFI_FIRMWARE_VOLUME_HEADER", 0))?;
    let header = u16_at(volume, HEADER_LENGTH_AT).ok_or(cut("EFI_FIRMWARE_VOLUME_HEADER", 0))?;
    let start = usize::from(header);
    if start < HEADER || start % 2 != 0 {
        return Err(wrong(
            "EFI_FIRMWARE_VOLUME_HEADER.HeaderLength",
            HEADER_LENGTH_AT,
            header,
            "an even number from 56",
        ));
    }
    let words = volume.get(..start).ok_or(cut("EFI_FIRMWARE_VOLUME_HEADER", 0))?.as_chunks::<2>().0;
    let sum = words.iter().fold(0u16, |sum, word| sum.wrapping_add(u16::from_le_bytes(*word)));
    if sum != 0 {
        return Err(wrong("EFI_FIRMWARE_VOLUME_HEADER.Checksum", CHECKSUM_AT, sum, "a sum of 0"));
    }
    let cut_store = || cut("VARIABLE_STORE_HEADER", wide(start));
    let head =
        volume.get(start..).and_then(|rest| rest.first_chunk::<STORE_HEADER>()).ok_or_else(cut_store)?;
    let header = match head.first_chunk().map(guid).as_deref() {
        Some(AUTHENTICATED) => 60,
        Some(PLAIN) => 32,
        _ => {
            let found = u32_at(head, 0).unwrap_or(0);
            return Err(wrong("VARIABLE_STORE_HEADER.Signature", start, found, "a store of variables"));
        }
    };
    let (size, state) = (u32_at(head, SIZE_AT).unwrap_or(0), u16_at(head, FORMAT_AT).unwrap_or(0));
    if state.to_le_bytes() != HEALTHY {
        // Cannot saturate: the header was there.
        let at = start.saturating_add(FORMAT_AT);
        return Err(wrong("VARIABLE_STORE_HEADER.Format and State", at, state, "a store that is whole"));
    }
    // Cannot saturate: the header was there.
    let (first, size_at) = (start.saturating_add(STORE_HEADER), start.saturating_add(SIZE_AT));
    let end = usize::try_from(size).ok().and_then(|size| start.checked_add(size));
    let end = end.filter(|end| *end >= first && wide(*end) <= length.min(wide(volume.len())));
    let end = end.ok_or(wrong("VARIABLE_STORE_HEADER.Size", size_at, size, "a size within the volume"))?;
    Ok(Store { first: aligned(first), end, header })
}

impl Store {
    /// The variable at `at`; none if no more follow.
    fn record(&self, volume: &[u8], at: usize) -> Result<Option<Record>, Error> {
        let rest = volume.get(at..self.end).unwrap_or_default();
        let Some((head, rest)) = rest.split_at_checked(self.header) else { return Ok(None) };
        if !head.starts_with(&START_ID) {
            return match u16_at(head, 0) {
                Some(u16::MAX) => Ok(None),
                found => {
                    Err(wrong("VARIABLE_HEADER.StartId", at, found.unwrap_or(0), "0x55aa or erased flash"))
                }
            };
        }
        let state = head.get(STATE_AT).copied().unwrap_or(0);
        // Cannot saturate: a header has 32 or 60 bytes.
        let place = |before_end: usize| self.header.saturating_sub(before_end);
        let field = |at: usize| u32_at(head, at).unwrap_or(0);
        let (name_size, data_size) = (field(place(NAME_SIZE_BEFORE_END)), field(place(DATA_SIZE_BEFORE_END)));
        let attributes = field(ATTRIBUTES_AT);
        // As NameSizeOfVariable and DataSizeOfVariable: a header that was not finished has nothing behind it.
        let is_torn = state == u8::MAX || [name_size, data_size, attributes].contains(&ERASED);
        let sizes = if is_torn { [0, 0] } else { [name_size, data_size] };
        let [name_length, data_length] = sizes.map(|size| usize::try_from(size).unwrap_or(usize::MAX));
        let parts = rest.split_at_checked(name_length);
        let parts = parts.and_then(|(name, rest)| Some((name, rest.get(..data_length)?)));
        let beyond = "a size within the store";
        // Nothing saturates: header, name and data are in the store.
        let name_size_at = at.saturating_add(place(NAME_SIZE_BEFORE_END));
        let (name, data) = parts.ok_or(wrong("VARIABLE_HEADER.NameSize", name_size_at, name_size, beyond))?;
        let behind = self.header.saturating_add(name_length).saturating_add(data_length);
        let vendor = head.get(place(VENDOR_BEFORE_END)..).and_then(|rest| rest.first_chunk());
        let is_whole = !is_torn && matches!(state, ADDED | REPLACED);
        let variable = vendor.filter(|_| is_whole).map(|vendor| Variable {
            vendor: guid(vendor),
            name: text::decode(name),
            attributes,
            data: data.to_vec(),
        });
        let next = aligned(at.saturating_add(behind));
        Ok(Some(Record { variable, is_replaced: state == REPLACED, next }))
    }
}

/// Headers are aligned to 4 bytes.
fn aligned(at: usize) -> usize {
    at.checked_next_multiple_of(4).unwrap_or(at)
}

fn wrong(structure: &'static str, offset: usize, found: impl Into<u64>, cause: &'static str) -> Error {
    Error { structure, offset: wide(offset), found: found.into(), cause }
}

fn wide(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|field| u16::from_le_bytes(*field))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|field| u32::from_le_bytes(*field))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|field| u64::from_le_bytes(*field))
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    /// A volume of 8 KiB with a store of 4 KiB less its header, as EDK II makes them for QEMU.
    fn volume(records: &[Vec<u8>]) -> Vec<u8> {
        let mut volume = vec![0; 16];
        volume.extend([
            0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c, 0xa9, 0x85, 0x27, 0x47, 7, 0x5b, 0x4f, 0x50,
        ]);
        volume.extend(8192u64.to_le_bytes());
        volume.extend(SIGNATURE);
        volume.extend([
            0xff, 0xfe, 4, 0, 72, 0, 0, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ]);
        let words = volume.as_chunks::<2>().0;
        let sum = words.iter().fold(0u16, |sum, word| sum.wrapping_sub(u16::from_le_bytes(*word)));
        volume[50..52].copy_from_slice(&sum.to_le_bytes());
        volume.extend([
            0x78, 0x2c, 0xf3, 0xaa, 0x7b, 0x94, 0x9a, 0x43, 0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92,
        ]);
        volume.extend(4024u32.to_le_bytes());
        volume.extend([0x5a, 0xfe, 0, 0, 0, 0, 0, 0]);
        records.iter().for_each(|record| volume.extend(record));
        volume.resize(8192, 0xff);
        volume
    }

    fn record(state: u8, name: &str, data: &[u8]) -> Vec<u8> {
        let name = text::encode(name);
        let mut record = vec![0xaa, 0x55, state, 0, 7, 0, 0, 0];
        record.extend([0; 28]);
        record.extend(u32::try_from(name.len()).unwrap().to_le_bytes());
        record.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        record.extend([1; 16]);
        record.extend([name.as_slice(), data].concat());
        record.resize(record.len().next_multiple_of(4), 0xff);
        record
    }

    fn values(records: &[Vec<u8>]) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let variables = read(&volume(records))?;
        Ok(variables.into_iter().map(|variable| (variable.name, variable.data)).collect())
    }

    #[test]
    fn the_state_says_which_variable_counts() {
        let unfinished = [&[0xaa, 0x55, 0xff][..], &[0xff; 57]].concat();
        let records = [
            record(ADDED, "b", b"2"),
            record(0x3d, "a", b"deleted"),
            record(0x3c, "a", b"replaced and deleted"),
            record(0x7f, "a", b"without its data"),
            unfinished,
            record(REPLACED, "a", b"1"),
            record(REPLACED, "c", b"old"),
            record(ADDED, "c", b"new"),
            record(ADDED, "d", b"new"),
            record(REPLACED, "d", b"old"),
        ];
        let expected = [("a", "1"), ("b", "2"), ("c", "new"), ("d", "new")];
        let expected = expected.map(|(name, data)| (String::from(name), data.as_bytes().to_vec()));
        assert_eq!(values(&records).unwrap(), expected);
        let first = &read(&volume(&records)).unwrap()[0];
        assert_eq!((first.attributes, first.vendor.as_str()), (7, "01010101-0101-0101-0101-010101010101"));
    }

    #[test]
    fn what_is_deleted_is_gone_with_what_it_has_replaced() {
        let records = [
            record(REPLACED, "a", b"1"),
            record(ADDED, "a", b"2"),
            record(ADDED, "b", b"3"),
            record(0x3c, "a", b"0"),
        ];
        let mut volume = volume(&records);
        let deletions = deletions(&volume, &|variable| variable.name == "a").unwrap();
        assert_eq!(deletions.iter().map(|deletion| deletion.state).collect::<Vec<_>>(), [0x3c, 0x3d]);
        for Deletion { at, state, .. } in deletions {
            // Flash can only clear bits.
            assert_eq!(volume[at] & state, state);
            volume[at] = state;
        }
        let left: Vec<String> = read(&volume).unwrap().into_iter().map(|variable| variable.name).collect();
        assert_eq!(left, ["b"]);
    }

    #[test]
    fn a_volume_is_found_where_it_starts() {
        let mut file = vec![0; 3 * ALIGNMENT];
        assert_eq!(find(&file), None);
        file.extend(volume(&[]));
        assert_eq!(find(&file), Some((3 * ALIGNMENT, 8192)));
        assert_eq!(find(&file[..3 * ALIGNMENT + 40]), None);
    }

    #[test]
    fn damage_is_named_with_its_place() {
        let sound = volume(&[record(ADDED, "a", b"1")]);
        let damaged = |at: usize, byte: u8| {
            let mut volume = sound.clone();
            volume[at] = byte;
            read(&volume).unwrap_err()
        };
        let cases = [
            (48, 2, "EFI_FIRMWARE_VOLUME_HEADER.HeaderLength", 48),
            (55, 9, "EFI_FIRMWARE_VOLUME_HEADER.Checksum", 50),
            (72, 0, "VARIABLE_STORE_HEADER.Signature", 72),
            (93, 0xf8, "VARIABLE_STORE_HEADER.Format and State", 92),
            (90, 9, "VARIABLE_STORE_HEADER.Size", 88),
            (100, 0, "VARIABLE_HEADER.StartId", 100),
            (139, 9, "VARIABLE_HEADER.NameSize", 136),
            (143, 9, "VARIABLE_HEADER.NameSize", 136),
        ];
        for (at, byte, structure, offset) in cases {
            let error = damaged(at, byte);
            assert_eq!((error.structure, error.offset), (structure, offset), "byte {at}");
        }
        for length in [0, 43, 60, 80, 99, 200] {
            assert!(read(&sound[..length]).is_err(), "{length}");
        }
        let shown = std::format!("{}", damaged(100, 0));
        let expected = "VARIABLE_HEADER.StartId at byte 100: found 0x5500, not 0x55aa or erased flash";
        assert_eq!(shown, expected);
    }
}
