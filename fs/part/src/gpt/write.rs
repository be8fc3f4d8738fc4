// SPDX-License-Identifier: BSD-3-Clause
//! Writes a GPT: the same bytes for the same layout.

use alloc::{string::String, vec, vec::Vec};

use zerocopy::{FromZeros, IntoBytes};

use super::{ENTRY_SIZE, Entry, HEADER_SIZE, Header, REVISION, SIGNATURE, length};
use crate::crc::crc32;

/// Bytes that each copy reserves for its entries: the minimum of UEFI 2.11, section 5.3.2, which 128 entries fill.
const ARRAY: u64 = 16 * 1024;

/// A table to write.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Identifier of the disk.
    pub disk_guid: [u8; 16],
    /// Logical block size in bytes.
    pub block_size: u32,
    /// Size of the disk in logical blocks.
    pub disk_blocks: u64,
    /// Number of entries to declare: a multiple of 4, at most 128. The 16 KiB of 128 entries are reserved in any case.
    pub entries: u32,
    /// The partitions; the first becomes number 1.
    pub partitions: Vec<NewPartition>,
}

/// A partition to write.
#[derive(Clone, Debug)]
pub struct NewPartition {
    /// Type GUID in its on-disk form.
    pub type_guid: [u8; 16],
    /// Its own GUID in its on-disk form.
    pub guid: [u8; 16],
    /// First logical block.
    pub first_lba: u64,
    /// Last logical block, inclusive.
    pub last_lba: u64,
    /// Name, at most 36 UTF-16 units.
    pub name: String,
    /// Attribute bits, UEFI 2.11 table 5.8.
    pub attributes: u64,
}

/// Why a table cannot be written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLayout {
    /// The block size is invalid.
    #[error("block size of {0} bytes: not a power of two from 512 to 65536")]
    BlockSize(u32),
    /// The number of entries is invalid.
    #[error("{0} entries: not a multiple of 4 from 4 to 128")]
    Entries(u32),
    /// The disk is too small for both copies and one block between them.
    #[error("a disk of {0} blocks is too small for a partition")]
    Disk(u64),
    /// There are more partitions than entries.
    #[error("{partitions} partitions, but {entries} entries")]
    Partitions {
        /// Number of partitions.
        partitions: usize,
        /// Number of entries.
        entries: u32,
    },
    /// A partition is outside the usable blocks, ends before it starts, or overlaps an earlier one.
    #[error("partition {0} is outside the usable blocks or overlaps another one")]
    Range(usize),
    /// A partition's name has more than 36 UTF-16 units.
    #[error("the name of partition {0} is longer than 36 UTF-16 units")]
    Name(usize),
}

impl Layout {
    /// Blocks of one entry array.
    fn array_blocks(&self) -> u64 {
        ARRAY.div_ceil(u64::from(self.block_size).max(1))
    }

    /// First and last block that partitions may use.
    ///
    /// # Errors
    /// [`InvalidLayout`], without a check of the partitions.
    pub fn usable(&self) -> Result<(u64, u64), InvalidLayout> {
        if !self.block_size.is_power_of_two() || !(512..=65_536).contains(&self.block_size) {
            return Err(InvalidLayout::BlockSize(self.block_size));
        }
        if !self.entries.is_multiple_of(4) || !(4..=128).contains(&self.entries) {
            return Err(InvalidLayout::Entries(self.entries));
        }
        // Cannot saturate: the array has 16 KiB.
        let table = self.array_blocks().saturating_add(2);
        let last = self.disk_blocks.checked_sub(table).filter(|last| *last >= table);
        last.map(|last| (table, last)).ok_or(InvalidLayout::Disk(self.disk_blocks))
    }

    /// Protective MBR, header and entries: the first blocks of the disk.
    ///
    /// # Errors
    /// [`InvalidLayout`] if the layout is invalid.
    pub fn primary(&self) -> Result<Vec<u8>, InvalidLayout> {
        let entries = self.entry_array()?;
        // Nothing saturates: `usable` refuses a disk that is too small for both copies.
        let last = self.disk_blocks.saturating_sub(1);
        let mut bytes = self.padded(self.protective_mbr());
        bytes.extend(self.padded(self.header(1, last, 2, &entries)?));
        bytes.extend(self.reserved(entries));
        Ok(bytes)
    }

    /// Entries and header: the last blocks of the disk.
    ///
    /// # Errors
    /// [`InvalidLayout`] if the layout is invalid.
    pub fn backup(&self) -> Result<Vec<u8>, InvalidLayout> {
        let entries = self.entry_array()?;
        // Nothing saturates: `usable` refuses a disk that is too small for both copies.
        let last = self.disk_blocks.saturating_sub(1);
        let header = self.header(last, 1, last.saturating_sub(self.array_blocks()), &entries)?;
        let mut bytes = self.reserved(entries);
        bytes.extend(self.padded(header));
        Ok(bytes)
    }

    fn padded(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.resize(bytes.len().next_multiple_of(length(u64::from(self.block_size)).max(1)), 0);
        bytes
    }

    /// The entries, padded to the blocks that are reserved for them.
    fn reserved(&self, mut entries: Vec<u8>) -> Vec<u8> {
        entries.resize(entries.len().max(length(ARRAY)), 0);
        self.padded(entries)
    }

    /// The declared entries, which the checksum covers.
    fn entry_array(&self) -> Result<Vec<u8>, InvalidLayout> {
        let (first, last) = self.usable()?;
        let entries = self.entries;
        if u32::try_from(self.partitions.len()).unwrap_or(u32::MAX) > entries {
            return Err(InvalidLayout::Partitions { partitions: self.partitions.len(), entries });
        }
        let mut array = Vec::new();
        for (number, new) in (1..).zip(&self.partitions) {
            let before = self.partitions.iter().take(number).rev().skip(1);
            let mut others = before.filter(|b| b.first_lba <= new.last_lba && new.first_lba <= b.last_lba);
            let is_inside = first <= new.first_lba && new.first_lba <= new.last_lba && new.last_lba <= last;
            if !is_inside || others.next().is_some() {
                return Err(InvalidLayout::Range(number));
            }
            array.extend_from_slice(entry(new).ok_or(InvalidLayout::Name(number))?.as_bytes());
        }
        // Cannot saturate: 32 bits times 32 bits.
        array.resize(length(u64::from(entries).saturating_mul(u64::from(ENTRY_SIZE))), 0);
        Ok(array)
    }

    fn header(&self, my: u64, alternate: u64, array: u64, entries: &[u8]) -> Result<Vec<u8>, InvalidLayout> {
        let (first, last) = self.usable()?;
        let mut header = Header::new_zeroed();
        header.signature = SIGNATURE;
        header.revision.set(REVISION);
        header.header_size.set(HEADER_SIZE);
        header.my_lba.set(my);
        header.alternate_lba.set(alternate);
        header.first_usable_lba.set(first);
        header.last_usable_lba.set(last);
        header.disk_guid = self.disk_guid;
        header.partition_entry_lba.set(array);
        header.number_of_partition_entries.set(self.entries);
        header.size_of_partition_entry.set(ENTRY_SIZE);
        header.partition_entry_array_crc32.set(crc32(entries));
        // The checksum is computed with its own field zero, as it still is here.
        header.header_crc32.set(crc32(header.as_bytes()));
        Ok(header.as_bytes().to_vec())
    }

    /// UEFI 2.11 table 5.4: one record of type 0xEE over the whole disk, or as much as its fields can express.
    fn protective_mbr(&self) -> Vec<u8> {
        // Cannot saturate: `usable` refuses a disk without blocks.
        let size = u32::try_from(self.disk_blocks.saturating_sub(1)).unwrap_or(u32::MAX);
        let mut bytes = vec![0; 446];
        bytes.extend([0, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff]);
        bytes.extend(1u32.to_le_bytes());
        bytes.extend(size.to_le_bytes());
        bytes.resize(510, 0);
        bytes.extend([0x55, 0xaa]);
        bytes
    }
}

/// The on-disk entry; `None` if the name does not fit.
fn entry(new: &NewPartition) -> Option<Entry> {
    let mut entry = Entry::new_zeroed();
    entry.partition_type_guid = new.type_guid;
    entry.unique_partition_guid = new.guid;
    entry.starting_lba.set(new.first_lba);
    entry.ending_lba.set(new.last_lba);
    entry.attributes.set(new.attributes);
    let mut places = entry.partition_name.iter_mut();
    for unit in new.name.encode_utf16() {
        *places.next()? = unit.to_le_bytes();
    }
    Some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest disk: 34 blocks of table at its start, 33 at its end, one between.
    fn layout() -> Layout {
        let one = NewPartition {
            type_guid: [1; 16],
            guid: [2; 16],
            first_lba: 34,
            last_lba: 34,
            name: "ä".repeat(36),
            attributes: 0,
        };
        Layout { disk_guid: [3; 16], block_size: 512, disk_blocks: 68, entries: 4, partitions: vec![one] }
    }

    #[test]
    fn the_smallest_disk_has_room_for_one_block() {
        let layout = layout();
        assert_eq!(layout.usable(), Ok((34, 34)));
        assert_eq!(layout.primary().unwrap().len(), 34 * 512);
        assert_eq!(layout.backup().unwrap().len(), 33 * 512);
    }

    #[test]
    fn what_is_no_layout_is_refused() {
        type Change = fn(&mut Layout);
        let changes: [(InvalidLayout, Change); 10] = [
            (InvalidLayout::BlockSize(256), |l| l.block_size = 256),
            (InvalidLayout::BlockSize(0), |l| l.block_size = 0),
            (InvalidLayout::Entries(132), |l| l.entries = 132),
            (InvalidLayout::Entries(6), |l| l.entries = 6),
            (InvalidLayout::Disk(67), |l| l.disk_blocks = 67),
            (InvalidLayout::Partitions { partitions: 5, entries: 4 }, |l| {
                l.partitions = vec![l.partitions[0].clone(); 5];
            }),
            (InvalidLayout::Range(1), |l| l.partitions[0].first_lba = 33),
            (InvalidLayout::Range(1), |l| l.partitions[0].last_lba = 35),
            (InvalidLayout::Range(2), |l| l.partitions.push(l.partitions[0].clone())),
            (InvalidLayout::Name(1), |l| l.partitions[0].name.push('x')),
        ];
        for (error, change) in changes {
            let mut layout = layout();
            change(&mut layout);
            assert_eq!(layout.primary(), Err(error.clone()), "{error}");
            assert_eq!(layout.backup(), Err(error));
        }
    }
}
