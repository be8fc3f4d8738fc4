// SPDX-License-Identifier: BSD-3-Clause
//! Makes directory entries for writing.
//!
//! Source: FAT specification 1.03, "FAT Directory Structure" and "Long Directory Entries".

use zerocopy::FromZeros;

use crate::{
    date::DosTime,
    directory::{ATTR_LONG_NAME, LAST_LONG_ENTRY, LONG_PART, LongEntry, ShortEntry},
    name::ShortName,
    units::ClusterNumber,
};

/// The parts of a long name, the last one first; none for an empty name.
pub fn long_entries(long: &[u16], short: &[u8; 11]) -> impl Iterator<Item = LongEntry> {
    let checksum = ShortName { bytes: *short, nt_res: 0 }.checksum();
    let count = long.len().div_ceil(LONG_PART);
    long.chunks(LONG_PART).enumerate().rev().map(move |(index, part)| {
        // Cannot saturate: an index is less than a length. A name of 255 units has at most 20 parts.
        let order = u8::try_from(index.saturating_add(1)).unwrap_or(0);
        let is_last = index.saturating_add(1) == count;
        let mut entry = LongEntry::new_zeroed();
        entry.ldir_ord = if is_last { order | LAST_LONG_ENTRY } else { order };
        entry.ldir_attr = ATTR_LONG_NAME;
        entry.ldir_chksum = checksum;
        // A NUL ends a name that does not fill its part; 0xffff fills the rest.
        let units = part.iter().copied().chain([0]).chain(core::iter::repeat(0xffff));
        let places = entry.ldir_name1.iter_mut().chain(&mut entry.ldir_name2).chain(&mut entry.ldir_name3);
        places.zip(units).for_each(|(place, unit)| place.set(unit));
        entry
    })
}

/// An entry that was created and modified at this time.
pub fn short_entry(
    name: &[u8; 11],
    attributes: u8,
    cluster: ClusterNumber,
    size: u32,
    time: DosTime,
) -> ShortEntry {
    let mut entry = ShortEntry::new_zeroed();
    entry.dir_name = *name;
    entry.dir_attr = attributes;
    entry.dir_crt_time.set(time.time);
    entry.dir_crt_date.set(time.date);
    entry.set_modified(time);
    entry.set_cluster(cluster);
    entry.dir_file_size.set(size);
    entry
}
