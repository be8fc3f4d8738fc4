// SPDX-License-Identifier: BSD-3-Clause
//! Directory entries: 32-byte slots, of which the last one holds the short name and those before it the long name.
//!
//! Source: FAT specification 1.03, "FAT Directory Structure" and "Long Directory Entries".

use alloc::{vec, vec::Vec};
use core::{mem::offset_of, ops::ControlFlow};

use filesystem::{Error, Fault};
use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    little_endian::{U16, U32},
};

use crate::{
    corrupt,
    date::DosTime,
    name::{ShortName, is_same, long_chars},
    units::{ByteOffset, ClusterNumber},
};

/// Bytes of a slot.
pub const SLOT: usize = 32;
/// First byte of a never-used slot, after which no used one follows.
pub const NAME_END: u8 = 0;
/// First byte of a slot of a removed entry.
pub const NAME_FREE: u8 = 0xe5;
pub const ATTR_READ_ONLY: u8 = 0x01;
pub const ATTR_VOLUME_ID: u8 = 0x08;
pub const ATTR_DIRECTORY: u8 = 0x10;
pub const ATTR_ARCHIVE: u8 = 0x20;
/// Read-only, hidden, system and volume label together mark a part of a long name.
pub const ATTR_LONG_NAME: u8 = 0x0f;
pub const ATTR_LONG_NAME_MASK: u8 = 0x3f;
/// `LDIR_Ord`: flag of the last part of a long name, which comes first on disk.
pub const LAST_LONG_ENTRY: u8 = 0x40;
/// UTF-16 units in one part of a long name.
pub const LONG_PART: usize = 13;
/// Maximum number of parts of a long name, for 255 units.
const MOST_PARTS: u8 = 20;

/// A slot with a short name.
#[derive(Clone, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ShortEntry {
    pub dir_name: [u8; 11],
    pub dir_attr: u8,
    pub dir_nt_res: u8,
    pub dir_crt_time_tenth: u8,
    pub dir_crt_time: U16,
    pub dir_crt_date: U16,
    pub dir_lst_acc_date: U16,
    pub dir_fst_clus_hi: U16,
    pub dir_wrt_time: U16,
    pub dir_wrt_date: U16,
    pub dir_fst_clus_lo: U16,
    pub dir_file_size: U32,
}

impl ShortEntry {
    /// Sets the first cluster. On FAT12 and FAT16, whose numbers have 16 bits, the upper half becomes zero.
    pub fn set_cluster(&mut self, cluster: ClusterNumber) {
        let [high, low] = [cluster.0 >> 16, cluster.0 & 0xffff].map(|half| u16::try_from(half).unwrap_or(0));
        self.dir_fst_clus_hi.set(high);
        self.dir_fst_clus_lo.set(low);
    }

    /// Sets the modification time, and the date of the last access.
    pub fn set_modified(&mut self, time: DosTime) {
        self.dir_lst_acc_date.set(time.date);
        self.dir_wrt_time.set(time.time);
        self.dir_wrt_date.set(time.date);
    }
}

/// A slot with a part of a long name.
#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub struct LongEntry {
    pub ldir_ord: u8,
    pub ldir_name1: [U16; 5],
    pub ldir_attr: u8,
    pub ldir_type: u8,
    pub ldir_chksum: u8,
    pub ldir_name2: [U16; 6],
    pub ldir_fst_clus_lo: U16,
    pub ldir_name3: [U16; 2],
}

/// An entry: a file, a directory or the volume's label.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Byte offset of its short entry on the device.
    pub location: ByteOffset,
    pub short: ShortName,
    /// The long name; empty if the entry has only a short one.
    long: Vec<u16>,
    /// Number of slots of the long name, directly before the short entry; 0 without a long name.
    pub long_slots: usize,
    pub attributes: u8,
    pub cluster: ClusterNumber,
    pub size: u32,
    pub modified: DosTime,
}

impl Entry {
    /// The name to show, in UTF-8: the long one, or the short one of an entry without a long one.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a name that no path can hold: empty, `.`, `..`, or with a slash or NUL.
    pub fn name(&self) -> Result<Vec<u8>, Error> {
        let name: alloc::string::String = if self.long.is_empty() {
            self.short.chars().collect()
        } else {
            long_chars(&self.long).collect()
        };
        let is_usable = !matches!(name.as_str(), "" | "." | "..") && !name.contains(['/', '\0']);
        if !is_usable {
            let [first, ..] = self.short.bytes;
            return Err(corrupt(
                Fault::Range,
                "DIR_Name",
                self.location.within(offset_of!(ShortEntry, dir_name)),
                first,
            ));
        }
        Ok(name.into_bytes())
    }

    /// The long name, if the entry has one.
    pub fn long_name(&self) -> Option<alloc::string::String> {
        (!self.long.is_empty()).then(|| long_chars(&self.long).collect())
    }

    /// Whether the entry is found by this name, long or short, without regard to case.
    pub fn is_named(&self, name: &str) -> bool {
        is_same(long_chars(&self.long), name) || is_same(self.short.chars(), name)
    }

    pub fn is_directory(&self) -> bool {
        self.attributes & ATTR_DIRECTORY != 0
    }

    pub fn is_label(&self) -> bool {
        self.attributes & ATTR_VOLUME_ID != 0
    }

    /// `.` or `..`, with which every directory except the root starts.
    fn is_dot(&self) -> bool {
        matches!(&self.short.bytes, b".          " | b"..         ")
    }
}

/// Assembles entries from consecutive slots.
#[derive(Default)]
pub struct Parser {
    long: LongName,
}

impl Parser {
    /// Takes the slot at `location`; breaks at the end of the directory, returns an entry when one is complete.
    ///
    /// Labels are returned; `.`, `..` and removed entries are not. A long name that is incomplete or belongs to another
    /// short name is dropped: systems that do not know long names leave such remains.
    pub fn slot(
        &mut self,
        location: ByteOffset,
        slot: &[u8; SLOT],
        is_fat32: bool,
    ) -> ControlFlow<(), Option<Entry>> {
        let [first, ..] = *slot;
        match first {
            NAME_END => return ControlFlow::Break(()),
            NAME_FREE => {
                self.long = LongName::default();
                return ControlFlow::Continue(None);
            }
            _ => {}
        }
        let (Ok(entry), Ok(part)) = (ShortEntry::ref_from_bytes(slot), LongEntry::ref_from_bytes(slot))
        else {
            return ControlFlow::Continue(None);
        };
        if entry.dir_attr & ATTR_LONG_NAME_MASK == ATTR_LONG_NAME {
            self.long.push(part);
            return ControlFlow::Continue(None);
        }
        let short = ShortName { bytes: entry.dir_name, nt_res: entry.dir_nt_res };
        let (long, long_slots) = core::mem::take(&mut self.long).finish(short.checksum());
        // On FAT12 and FAT16 the upper half has another use.
        let high = if is_fat32 { u32::from(entry.dir_fst_clus_hi.get()) << 16 } else { 0 };
        let entry = Entry {
            location,
            short,
            long,
            long_slots,
            attributes: entry.dir_attr,
            cluster: ClusterNumber(high | u32::from(entry.dir_fst_clus_lo.get())),
            size: entry.dir_file_size.get(),
            modified: DosTime { date: entry.dir_wrt_date.get(), time: entry.dir_wrt_time.get() },
        };
        ControlFlow::Continue(Some(entry).filter(|entry| !entry.is_dot()))
    }
}

/// The parts of a long name seen so far; they are in descending order on disk.
#[derive(Default)]
struct LongName {
    units: Vec<u16>,
    /// Parts still to come.
    missing: u8,
    checksum: u8,
}

impl LongName {
    fn push(&mut self, part: &LongEntry) {
        let order = part.ldir_ord & !LAST_LONG_ENTRY;
        if part.ldir_ord & LAST_LONG_ENTRY != 0 && (1..=MOST_PARTS).contains(&order) {
            // Cannot saturate: at most 20 parts of 13 units.
            let length = usize::from(order).saturating_mul(LONG_PART);
            *self = Self { units: vec![0; length], missing: order, checksum: part.ldir_chksum };
        }
        if order == 0 || order != self.missing || part.ldir_chksum != self.checksum {
            *self = Self::default();
            return;
        }
        // Cannot saturate: it is not zero.
        let before = order.saturating_sub(1);
        let Some(place) = self.units.chunks_exact_mut(LONG_PART).nth(usize::from(before)) else { return };
        let units = part.ldir_name1.iter().chain(&part.ldir_name2).chain(&part.ldir_name3);
        for (place, unit) in place.iter_mut().zip(units) {
            *place = unit.get();
        }
        self.missing = before;
    }

    /// The name and its number of slots, if it is complete and belongs to the short name with this checksum; otherwise
    /// empty.
    fn finish(mut self, checksum: u8) -> (Vec<u16>, usize) {
        if self.missing != 0 || self.checksum != checksum {
            return (Vec::new(), 0);
        }
        let slots = self.units.len() / LONG_PART;
        if let Some(end) = self.units.iter().position(|unit| *unit == 0) {
            self.units.truncate(end);
        }
        (self.units, slots)
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;

    fn short(name: &[u8; 11], attributes: u8) -> [u8; SLOT] {
        let mut slot = [0; SLOT];
        slot[..11].copy_from_slice(name);
        slot[11] = attributes;
        slot
    }

    fn part(order: u8, text: &str, checksum: u8) -> [u8; SLOT] {
        let mut units: Vec<u16> = text.encode_utf16().collect();
        units.resize(LONG_PART, 0);
        let mut entry = LongEntry::new_zeroed();
        entry.ldir_ord = order;
        entry.ldir_attr = ATTR_LONG_NAME;
        entry.ldir_chksum = checksum;
        for (i, unit) in units.iter().enumerate() {
            match i {
                0..5 => entry.ldir_name1[i].set(*unit),
                5..11 => entry.ldir_name2[i - 5].set(*unit),
                _ => entry.ldir_name3[i - 11].set(*unit),
            }
        }
        entry.as_bytes().try_into().unwrap()
    }

    fn names(slots: &[[u8; SLOT]]) -> Vec<std::string::String> {
        let mut parser = Parser::default();
        let mut names = Vec::new();
        for (i, slot) in slots.iter().enumerate() {
            match parser.slot(ByteOffset(i as u64), slot, true) {
                ControlFlow::Break(()) => break,
                ControlFlow::Continue(Some(entry)) => {
                    names.push(std::string::String::from_utf8(entry.name().unwrap()).unwrap())
                }
                ControlFlow::Continue(None) => {}
            }
        }
        names
    }

    const ALIAS: &[u8; 11] = b"ALONGN~1TXT";

    fn checksum() -> u8 {
        ShortName { bytes: *ALIAS, nt_res: 0 }.checksum()
    }

    #[test]
    fn parts_of_a_long_name_join_in_reverse() {
        let sum = checksum();
        let slots = [part(0x42, ".txt", sum), part(1, "A long name 1", sum), short(ALIAS, 0x20)];
        assert_eq!(names(&slots), ["A long name 1.txt"]);
    }

    #[test]
    fn broken_long_names_leave_the_short_one() {
        let sum = checksum();
        let (last, first, file) =
            (part(0x42, ".txt", sum), part(1, "A long name 1", sum), short(ALIAS, 0x20));
        let removed = short(b"\xe5BCDEFGHIJK", 0);
        for slots in [
            [last, first, short(b"OTHER   TXT", 0x20)].as_slice(), // of another name
            &[last, file],                                         // a part is missing
            &[first, file],                                        // the start is missing
            &[last, part(1, "A long name 1", sum ^ 1), file],      // parts of two names
            &[last, first, removed, file],                         // its own entry was removed
            &[part(0x40, "", sum), file],                          // number zero
            &[part(0x55, "", sum), first, file],                   // more parts than 20
        ] {
            let found = names(slots);
            assert!(found == ["ALONGN~1.TXT"] || found == ["OTHER.TXT"], "{found:?}");
        }
    }

    #[test]
    fn the_directory_ends_at_the_first_unused_slot() {
        let slots = [short(b"A          ", 0x20), [0; SLOT], short(b"B          ", 0x20)];
        assert_eq!(names(&slots), ["A"]);
    }

    #[test]
    fn dots_are_no_entries() {
        let slots = [short(b".          ", 0x10), short(b"..         ", 0x10), short(b".X         ", 0x20)];
        assert_eq!(names(&slots), [".X"]);
    }

    #[test]
    fn a_name_that_no_path_can_hold_is_an_error() {
        for name in [b"A/B        ", b"A\0B        ", b"           "] {
            let ControlFlow::Continue(Some(entry)) =
                Parser::default().slot(ByteOffset(64), &short(name, 0), false)
            else {
                unreachable!()
            };
            assert!(matches!(entry.name(), Err(Error::Corrupt(corrupt)) if corrupt.offset == 64));
        }
    }

    #[test]
    fn either_name_finds_the_entry() {
        let sum = checksum();
        let mut parser = Parser::default();
        assert!(parser.slot(ByteOffset(0), &part(0x41, "A long name", sum), true).is_continue());
        let ControlFlow::Continue(Some(entry)) = parser.slot(ByteOffset(32), &short(ALIAS, 0x20), true)
        else {
            unreachable!()
        };
        assert!(entry.is_named("a LONG name") && entry.is_named("alongn~1.txt") && !entry.is_named("a long"));
    }
}
