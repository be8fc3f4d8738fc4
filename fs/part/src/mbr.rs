// SPDX-License-Identifier: BSD-3-Clause
//! The master boot record and the chain of extended boot records.

use alloc::{format, string::String, vec::Vec};
use core::mem::offset_of;

use block::{BlockRead, ReadError};
use damage::{Fault, Format};
use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    little_endian::{U16, U32},
};

use crate::{Kind, Partition, PartitionKind, Table, corrupt, within};

const SIGNATURE: u16 = 0xaa55;
const PROTECTIVE: u8 = 0xee;
/// Types of extended partitions: CHS, LBA, Linux.
const EXTENDED: [u8; 3] = [0x05, 0x0f, 0x85];
/// Maximum number of extended boot records of one disk; Linux follows 100.
const MOST_RECORDS: usize = 256;
/// Bytes of a boot record, whatever the block size.
const SECTOR: u64 = 512;

/// A boot record: the sector at byte 0, or an extended boot record.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Mbr {
    boot_code: [u8; 440],
    unique_mbr_disk_signature: U32,
    unknown: [u8; 2],
    partition_record: [Record; 4],
    signature: U16,
}

#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Record {
    boot_indicator: u8,
    starting_chs: [u8; 3],
    os_type: u8,
    ending_chs: [u8; 3],
    starting_lba: U32,
    size_in_lba: U32,
}

impl Mbr {
    /// The boot record at byte 0, if it has its signature.
    pub fn read(device: &dyn BlockRead) -> Result<Option<Self>, ReadError> {
        Ok(Some(Self::read_at(device, 0)?).filter(|mbr| mbr.signature.get() == SIGNATURE))
    }

    fn read_at(device: &dyn BlockRead, offset: u64) -> Result<Self, ReadError> {
        let mut sector = [0; 512];
        device.read_at(offset, &mut sector)?;
        Self::read_from_bytes(&sector).map_err(|_| corrupt(Format::Mbr, Fault::Truncated, "MBR", offset, 512))
    }

    /// The partition records and their byte offsets; the sector is at byte `offset` of the device.
    fn records(&self, offset: u64) -> impl Iterator<Item = (u64, &Record)> {
        let first = within(offset, offset_of!(Self, partition_record));
        (first..).step_by(size_of::<Record>()).zip(&self.partition_record)
    }

    /// Whether it is the protective MBR of a GPT.
    pub fn is_protective(&self) -> bool {
        self.partition_record.iter().any(|record| record.os_type == PROTECTIVE)
    }

    /// Its partitions; `None` if the sector is not a partition table (a filesystem's boot sector has the same
    /// signature).
    pub fn partitions(&self, device: &dyn BlockRead, block_size: u32) -> Option<Table> {
        let mut records = self.partition_record.iter();
        if !records.all(|record| matches!(record.boot_indicator, 0 | 0x80))
            || self.partition_record.iter().all(Record::is_empty)
        {
            return None;
        }
        let table = Table { kind: Kind::Mbr, block_size, partitions: Vec::new(), warnings: Vec::new() };
        let disk = self.unique_mbr_disk_signature.get();
        let mut reader = Reader { device, disk, table, next_logical: 5, seen: Vec::new() };
        for (number, (place, record)) in (1..).zip(self.records(0)) {
            if !record.is_extended() {
                reader.add(number, 0, place, record);
            } else if let Err(warning) = reader.logical(place, record) {
                reader.table.warnings.push(warning);
            }
        }
        Some(reader.table)
    }
}

impl Record {
    fn is_empty(&self) -> bool {
        self.os_type == 0 || self.size_in_lba.get() == 0
    }

    fn is_extended(&self) -> bool {
        EXTENDED.contains(&self.os_type) && !self.is_empty()
    }
}

/// Collects the partitions of one disk.
struct Reader<'a> {
    device: &'a dyn BlockRead,
    /// The disk signature.
    disk: u32,
    table: Table,
    /// The number of the next logical partition.
    next_logical: u32,
    /// Blocks of the extended boot records read so far.
    seen: Vec<u64>,
}

impl Reader<'_> {
    /// Adds a partition whose start is relative to block `base`, and whose record is at byte `place`. A partition that
    /// is not entirely on the disk is left out, with a warning.
    fn add(&mut self, number: u32, base: u64, place: u64, record: &Record) {
        if record.is_empty() {
            return;
        }
        let block_size = u64::from(self.table.block_size);
        // Nothing saturates: block numbers have 34 bits, and a block size has 32.
        let start = base.saturating_add(u64::from(record.starting_lba.get())).saturating_mul(block_size);
        let length = u64::from(record.size_in_lba.get()).saturating_mul(block_size);
        if start.checked_add(length).is_none_or(|end| end > self.device.size()) {
            let place = within(place, offset_of!(Record, size_in_lba));
            let found = u64::from(record.size_in_lba.get());
            let warning = corrupt(Format::Mbr, Fault::Range, "MBR Partition Record.SizeInLBA", place, found);
            self.table.warnings.push(warning);
            return;
        }
        // Zero is not a signature; blkid shows none, either.
        let uuid = match self.disk {
            0 => String::new(),
            disk => format!("{disk:08x}-{number:02x}"),
        };
        let kind = PartitionKind::Mbr(record.os_type);
        let partition = Partition { number, start, length, kind, uuid, name: String::new() };
        // Logical partitions may have been added before the last primary ones.
        let partitions = &mut self.table.partitions;
        let place = partitions.iter().position(|other| other.number > number).unwrap_or(partitions.len());
        partitions.insert(place, partition);
    }

    /// Walks the chain of an extended partition as in Linux: in each boot record, the first two records are logical
    /// partitions, relative to its own block; the first extended one of all four is the link to the next boot record,
    /// relative to the extended partition.
    fn logical(&mut self, place: u64, extended: &Record) -> Result<(), ReadError> {
        let base = u64::from(extended.starting_lba.get());
        // `link` is the byte offset of the record that names block `next`.
        let (mut link, mut next) = (place, base);
        loop {
            // Cannot saturate: 33 bits times 32 bits.
            let offset = next.saturating_mul(u64::from(self.table.block_size));
            let fail = |fault| {
                let place = within(link, offset_of!(Record, starting_lba));
                corrupt(Format::Mbr, fault, "EBR Partition Record.StartingLBA", place, next)
            };
            if self.seen.contains(&next) || self.seen.len() >= MOST_RECORDS {
                return Err(fail(Fault::Loop));
            }
            self.seen.push(next);
            if offset.checked_add(SECTOR).is_none_or(|end| end > self.device.size()) {
                return Err(fail(Fault::Range));
            }
            let sector = Mbr::read_at(self.device, offset)?;
            if sector.signature.get() != SIGNATURE {
                let (place, found) = (within(offset, offset_of!(Mbr, signature)), sector.signature.get());
                return Err(corrupt(Format::Mbr, Fault::Magic, "EBR.Signature", place, found.into()));
            }
            let partitions = sector.records(offset).take(2);
            for (place, record) in
                partitions.filter(|(_, record)| !record.is_extended() && !record.is_empty())
            {
                self.add(self.next_logical, next, place, record);
                // Cannot saturate: at most two for each of MOST_RECORDS.
                self.next_logical = self.next_logical.saturating_add(1);
            }
            match sector.records(offset).find(|(_, record)| record.is_extended()) {
                // Cannot saturate: 32 bits and 32.
                Some((place, record)) => {
                    (link, next) = (place, base.saturating_add(u64::from(record.starting_lba.get())));
                }
                None => return Ok(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use super::*;

    fn record(kind: u8, start: u32, size: u32) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[4] = kind;
        bytes[8..12].copy_from_slice(&start.to_le_bytes());
        bytes[12..].copy_from_slice(&size.to_le_bytes());
        bytes
    }

    fn sector(disk: &mut [u8], lba: usize, records: &[[u8; 16]]) {
        let at = lba * 512;
        for (i, bytes) in records.iter().enumerate() {
            disk[at + 446 + i * 16..][..16].copy_from_slice(bytes);
        }
        disk[at + 510..at + 512].copy_from_slice(&[0x55, 0xaa]);
    }

    fn numbers(disk: Vec<u8>) -> Vec<(u32, u64)> {
        let table = crate::read(&disk).unwrap().unwrap();
        table.partitions.iter().map(|p| (p.number, p.start / 512)).collect()
    }

    #[test]
    fn logical_partitions_count_from_five() {
        let mut disk = vec![0; 100 * 512];
        sector(&mut disk, 0, &[record(0x83, 1, 9), record(0x05, 20, 60)]);
        sector(&mut disk, 20, &[record(0x83, 1, 9), record(0x05, 20, 30)]);
        sector(&mut disk, 40, &[record(0x83, 2, 9)]);
        assert_eq!(numbers(disk), [(1, 1), (5, 21), (6, 42)]);
    }

    #[test]
    fn a_chain_that_loops_ends_with_a_warning() {
        let mut disk = vec![0; 100 * 512];
        sector(&mut disk, 0, &[record(0x05, 20, 60)]);
        sector(&mut disk, 20, &[record(0x83, 1, 9), record(0x05, 0, 30)]);
        let table = crate::read(&disk).unwrap().unwrap();
        assert!(
            matches!(&table.warnings[..], [ReadError::Corrupt(c)] if c.fault == Fault::Loop && c.offset == 20 * 512 + 446 + 16 + 8)
        );
        assert_eq!(table.partitions.len(), 1);
    }

    #[test]
    fn a_partition_past_the_end_is_left_out_with_a_warning() {
        for past in [record(0x83, 90, 11), record(0x83, 101, 1), record(0x83, u32::MAX, u32::MAX)] {
            let mut disk = vec![0; 100 * 512];
            sector(&mut disk, 0, &[record(0x83, 1, 9), past, record(0x05, 100, 1)]);
            let table = crate::read(&disk).unwrap().unwrap();
            assert_eq!(table.partitions.len(), 1);
            assert!(matches!(
                &table.warnings[..],
                [ReadError::Corrupt(a), ReadError::Corrupt(b)] if (a.fault, a.offset) == (Fault::Range, 446 + 16 + 12)
                    && (b.fault, b.offset) == (Fault::Range, 446 + 32 + 8)
            ));
        }
    }

    #[test]
    fn an_empty_logical_record_uses_no_number() {
        let mut disk = vec![0; 100 * 512];
        // As fdisk leaves it where the first logical partition was deleted; and a second extended partition.
        sector(&mut disk, 0, &[record(0x0f, 20, 30), record(0x05, 60, 30)]);
        sector(&mut disk, 20, &[record(0, 0, 0), record(0x05, 10, 10)]);
        sector(&mut disk, 30, &[record(0x83, 1, 9)]);
        sector(&mut disk, 60, &[record(0x83, 1, 9)]);
        assert_eq!(numbers(disk), [(5, 31), (6, 61)]);
    }

    #[test]
    fn a_chain_of_records_without_signature_ends_with_a_warning() {
        let mut disk = vec![0; 100 * 512];
        sector(&mut disk, 0, &[record(0x83, 1, 9), record(0x05, 20, 60)]);
        let table = crate::read(&disk).unwrap().unwrap();
        assert_eq!(table.partitions.len(), 1);
        assert!(
            matches!(&table.warnings[..], [ReadError::Corrupt(c)] if c.fault == Fault::Magic && c.offset == 20 * 512 + 510)
        );
    }

    #[test]
    fn a_boot_sector_is_no_table() {
        // Boot code where a table would stand, and none at all.
        for fill in [0xf6, 0x00] {
            let mut disk = vec![fill; 4 * 512];
            disk[510..512].copy_from_slice(&[0x55, 0xaa]);
            assert_eq!(crate::read(&disk), Ok(None));
        }
        assert_eq!(crate::read(&vec![0; 511]), Ok(None));
        assert_eq!(crate::read(&vec![0; 512]), Ok(None));
    }
}
