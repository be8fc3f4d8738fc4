// SPDX-License-Identifier: BSD-3-Clause
//! The GUID partition table: read from either copy, written deterministically.

mod write;

use alloc::{string::String, string::ToString, vec::Vec};
use core::mem::offset_of;

use block::{BlockRead, ReadError};
use damage::{Fault, Format, NoMemory};
use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    little_endian::{U32, U64},
};

use crate::{Guid, Kind, Partition, PartitionKind, Table, corrupt, crc::crc32, graver, within};

pub use write::{InvalidLayout, Layout, NewPartition};

const SIGNATURE: [u8; 8] = *b"EFI PART";
const REVISION: u32 = 0x0001_0000;
const HEADER_SIZE: u32 = 92;
/// Size of the smallest entry; larger ones are a power of two times this.
const ENTRY_SIZE: u32 = 128;
/// Maximum size of an entry array in bytes; 128 entries of 128 bytes are usual.
const LARGEST_ARRAY: u64 = 1024 * 1024;

/// GPT header, UEFI 2.11 table 5.5.
#[derive(Clone, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    signature: [u8; 8],
    revision: U32,
    header_size: U32,
    header_crc32: U32,
    reserved: U32,
    my_lba: U64,
    alternate_lba: U64,
    first_usable_lba: U64,
    last_usable_lba: U64,
    disk_guid: [u8; 16],
    partition_entry_lba: U64,
    number_of_partition_entries: U32,
    size_of_partition_entry: U32,
    partition_entry_array_crc32: U32,
}

/// GPT partition entry, UEFI 2.11 table 5.6.
#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
struct Entry {
    partition_type_guid: [u8; 16],
    unique_partition_guid: [u8; 16],
    starting_lba: U64,
    ending_lba: U64,
    attributes: U64,
    partition_name: [[u8; 2]; 36],
}

/// Reads the primary copy or, if that is damaged, the backup: at the location in the primary header if that is intact,
/// otherwise in the last block.
///
/// # Errors
/// The error of the primary copy, if neither is intact.
pub fn read(device: &dyn BlockRead, block_size: u32) -> Result<Table, ReadError> {
    // Cannot saturate: the device has a block.
    let last = device.size().checked_div(u64::from(block_size)).unwrap_or(0).saturating_sub(1);
    let (error, backup) = match read_header(device, block_size, 1) {
        Ok(header) => match read_copy(device, block_size, &header) {
            Ok(table) => return Ok(table),
            Err(error) => (error, header.alternate_lba.get()),
        },
        Err(error) => (error, last),
    };
    let copy = |lba| read_copy(device, block_size, &read_header(device, block_size, lba)?);
    match copy(backup).or_else(|_| copy(last)) {
        Ok(mut table) => {
            table.warnings.insert(0, error);
            Ok(table)
        }
        Err(other) => Err(graver(error, other)),
    }
}

fn read_copy(device: &dyn BlockRead, block_size: u32, header: &Header) -> Result<Table, ReadError> {
    let entries = read_entries(device, block_size, header)?;
    let mut table = Table { kind: Kind::Gpt, block_size, partitions: Vec::new(), warnings: Vec::new() };
    let entry_size = header.size_of_partition_entry.get();
    // Nothing saturates: `read_entries` has read these bytes.
    let mut offset = header.partition_entry_lba.get().saturating_mul(u64::from(block_size));
    for (index, bytes) in (0u32..).zip(entries.chunks_exact(length(u64::from(entry_size)).max(1))) {
        if let Ok((entry, _)) = Entry::ref_from_prefix(bytes)
            && !Guid::from_bytes(entry.partition_type_guid).is_zero()
        {
            match partition(entry, index, block_size, device.size(), offset) {
                Ok(partition) => table.partitions.push(partition),
                Err(warning) => table.warnings.push(warning),
            }
        }
        offset = offset.saturating_add(u64::from(entry_size));
    }
    Ok(table)
}

/// A length as `usize`; one that does not fit is larger than any device, so reading it fails.
fn length(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// A buffer with this many zeros.
fn zeros(bytes: u64, structure: &'static str) -> Result<Vec<u8>, ReadError> {
    let mut buf = Vec::new();
    buf.try_reserve_exact(length(bytes))
        .map_err(|_| ReadError::NoMemory(NoMemory { format: Format::Gpt, structure, bytes }))?;
    buf.resize(length(bytes), 0);
    Ok(buf)
}

fn read_header(device: &dyn BlockRead, block_size: u32, lba: u64) -> Result<Header, ReadError> {
    // An offset that saturates is refused as past the end.
    let offset = lba.saturating_mul(u64::from(block_size));
    let fail =
        |fault, structure, at, found: u64| corrupt(Format::Gpt, fault, structure, within(offset, at), found);
    if offset.checked_add(u64::from(block_size)).is_none_or(|end| end > device.size()) {
        return Err(fail(Fault::Magic, "GPT header.Signature", offset_of!(Header, signature), 0));
    }
    let mut bytes = zeros(u64::from(block_size), "GPT header")?;
    device.read_at(offset, &mut bytes)?;
    let (header, _) =
        Header::read_from_prefix(&bytes).map_err(|_| fail(Fault::Truncated, "GPT header", 0, 0))?;
    if header.signature != SIGNATURE {
        let found = u64::from_le_bytes(header.signature);
        return Err(fail(Fault::Magic, "GPT header.Signature", offset_of!(Header, signature), found));
    }
    let size = header.header_size.get();
    if size < HEADER_SIZE || size > block_size {
        return Err(fail(
            Fault::Range,
            "GPT header.HeaderSize",
            offset_of!(Header, header_size),
            u64::from(size),
        ));
    }
    // The checksum is computed with its own field zero.
    if let Some(field) = bytes.get_mut(offset_of!(Header, header_crc32)..offset_of!(Header, reserved)) {
        field.fill(0);
    }
    let (stored, computed) =
        (header.header_crc32.get(), crc32(bytes.get(..length(u64::from(size))).unwrap_or_default()));
    if stored != computed {
        let fault = Fault::Checksum { computed: u64::from(computed) };
        return Err(fail(
            fault,
            "GPT header.HeaderCRC32",
            offset_of!(Header, header_crc32),
            u64::from(stored),
        ));
    }
    if header.my_lba.get() != lba {
        return Err(fail(
            Fault::Inconsistent,
            "GPT header.MyLBA",
            offset_of!(Header, my_lba),
            header.my_lba.get(),
        ));
    }
    Ok(header)
}

fn read_entries(device: &dyn BlockRead, block_size: u32, header: &Header) -> Result<Vec<u8>, ReadError> {
    // Cannot saturate: the header was read from there.
    let offset = header.my_lba.get().saturating_mul(u64::from(block_size));
    let fail =
        |fault, structure, at, found: u64| corrupt(Format::Gpt, fault, structure, within(offset, at), found);
    let size = header.size_of_partition_entry.get();
    if size < ENTRY_SIZE || !size.is_power_of_two() {
        return Err(fail(
            Fault::Range,
            "GPT header.SizeOfPartitionEntry",
            offset_of!(Header, size_of_partition_entry),
            u64::from(size),
        ));
    }
    let count = header.number_of_partition_entries.get();
    // Cannot saturate: 32 bits times 32 bits.
    let bytes = u64::from(count).saturating_mul(u64::from(size));
    if bytes > LARGEST_ARRAY {
        return Err(fail(
            Fault::Range,
            "GPT header.NumberOfPartitionEntries",
            offset_of!(Header, number_of_partition_entries),
            u64::from(count),
        ));
    }
    let start = header.partition_entry_lba.get().checked_mul(u64::from(block_size));
    let start = start.filter(|start| start.checked_add(bytes).is_some_and(|end| end <= device.size()));
    let start = start.ok_or_else(|| {
        fail(
            Fault::Range,
            "GPT header.PartitionEntryLBA",
            offset_of!(Header, partition_entry_lba),
            header.partition_entry_lba.get(),
        )
    })?;
    let mut entries = zeros(bytes, "GPT entries")?;
    device.read_at(start, &mut entries)?;
    let (stored, computed) = (header.partition_entry_array_crc32.get(), crc32(&entries));
    if stored != computed {
        let fault = Fault::Checksum { computed: u64::from(computed) };
        return Err(fail(
            fault,
            "GPT header.PartitionEntryArrayCRC32",
            offset_of!(Header, partition_entry_array_crc32),
            u64::from(stored),
        ));
    }
    Ok(entries)
}

fn partition(
    entry: &Entry,
    index: u32,
    block_size: u32,
    size: u64,
    offset: u64,
) -> Result<Partition, ReadError> {
    let (first, last) = (entry.starting_lba.get(), entry.ending_lba.get());
    let block_size = u64::from(block_size);
    let start = first.checked_mul(block_size);
    let end = last.checked_add(1).and_then(|end| end.checked_mul(block_size)).filter(|end| *end <= size);
    let (Some(start), Some(end)) = (start, end) else {
        return Err(corrupt(
            Format::Gpt,
            Fault::Range,
            "GPT entry.EndingLBA",
            within(offset, offset_of!(Entry, ending_lba)),
            last,
        ));
    };
    let Some(length) = end.checked_sub(start).filter(|length| *length > 0) else {
        return Err(corrupt(
            Format::Gpt,
            Fault::Inconsistent,
            "GPT entry.StartingLBA",
            within(offset, offset_of!(Entry, starting_lba)),
            first,
        ));
    };
    let units = entry.partition_name.map(u16::from_le_bytes);
    let name = units.split(|unit| *unit == 0).next().unwrap_or_default();
    Ok(Partition {
        // Cannot saturate: there are at most 8192.
        number: index.saturating_add(1),
        start,
        length,
        kind: PartitionKind::Gpt(Guid::from_bytes(entry.partition_type_guid)),
        uuid: Guid::from_bytes(entry.unique_partition_guid).to_string(),
        name: String::from_utf16_lossy(name),
    })
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    const BLOCKS: u64 = 128;

    /// The first blocks of a disk with one partition over the blocks 40 to 60, and nothing behind them: the
    /// backup is lost.
    fn disk() -> Vec<u8> {
        let partition = NewPartition {
            type_guid: [1; 16],
            guid: [2; 16],
            first_lba: 40,
            last_lba: 60,
            name: "name".into(),
            attributes: 0,
        };
        let partitions = vec![partition];
        let layout =
            Layout { disk_guid: [3; 16], block_size: 512, disk_blocks: BLOCKS, entries: 128, partitions };
        let mut disk = layout.primary().unwrap();
        disk.resize(BLOCKS as usize * 512, 0);
        disk
    }

    /// Makes both checksums right, over 128 entries.
    fn repaired(mut disk: Vec<u8>) -> Vec<u8> {
        let entries = crc32(&disk[1024..1024 + 128 * 128]);
        disk[512 + 88..][..4].copy_from_slice(&entries.to_le_bytes());
        disk[512 + 16..][..4].fill(0);
        let header = crc32(&disk[512..512 + 92]);
        disk[512 + 16..][..4].copy_from_slice(&header.to_le_bytes());
        disk
    }

    /// The disk with other bytes in its header.
    fn with(at: usize, value: &[u8]) -> Vec<u8> {
        let mut disk = disk();
        disk[512 + at..][..value.len()].copy_from_slice(value);
        repaired(disk)
    }

    #[test]
    fn a_header_that_makes_no_sense_is_refused_by_the_field() {
        let fault = |disk: Vec<u8>| match crate::read(&disk) {
            Err(ReadError::Corrupt(c)) => {
                assert_eq!(c.format, Format::Gpt);
                (c.structure, c.fault, c.offset - 512)
            }
            other => panic!("{other:?}"),
        };
        let cases: [(usize, &[u8], &str, Fault); 8] = [
            (0, b"EFI PARS", "GPT header.Signature", Fault::Magic),
            (12, &[91, 0], "GPT header.HeaderSize", Fault::Range),
            (12, &[1, 2], "GPT header.HeaderSize", Fault::Range),
            (24, &[2], "GPT header.MyLBA", Fault::Inconsistent),
            (72, &[0xff; 8], "GPT header.PartitionEntryLBA", Fault::Range),
            (72, &[100], "GPT header.PartitionEntryLBA", Fault::Range),
            // One more than a MiB of entries; and entries of a size that none has.
            (80, &[1, 0x20, 0, 0], "GPT header.NumberOfPartitionEntries", Fault::Range),
            (84, &[129], "GPT header.SizeOfPartitionEntry", Fault::Range),
        ];
        for (at, value, structure, expected) in cases {
            assert_eq!(fault(with(at, value)), (structure, expected, at as u64), "{at}");
        }
        let huge = fault(with(80, &[0xff; 8]));
        assert_eq!(huge, ("GPT header.SizeOfPartitionEntry", Fault::Range, 84));
    }

    #[test]
    fn a_partition_that_is_not_on_the_disk_is_left_out_with_a_warning() {
        let entry = |first: u64, last: u64| {
            let mut disk = disk();
            disk[1024 + 32..][..8].copy_from_slice(&first.to_le_bytes());
            disk[1024 + 40..][..8].copy_from_slice(&last.to_le_bytes());
            let table = crate::read(&repaired(disk)).unwrap().unwrap();
            (table.partitions.len(), table.warnings)
        };
        let warning = |fault, structure, at: u8, found| {
            vec![corrupt(Format::Gpt, fault, structure, 1024 + u64::from(at), found)]
        };
        assert_eq!(entry(40, BLOCKS - 1), (1, vec![]));
        let past = (0, warning(Fault::Range, "GPT entry.EndingLBA", 40, BLOCKS));
        assert_eq!(entry(40, BLOCKS), past);
        let overflow = (0, warning(Fault::Range, "GPT entry.EndingLBA", 40, u64::MAX));
        assert_eq!(entry(40, u64::MAX), overflow);
        let backwards = (0, warning(Fault::Inconsistent, "GPT entry.StartingLBA", 32, 61));
        assert_eq!(entry(61, 60), backwards);
    }
}
