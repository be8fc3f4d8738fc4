// SPDX-License-Identifier: BSD-3-Clause
//! Extents of files: `replay_one_extent` and `btrfs_drop_extents` of Linux.

use core::{mem::offset_of, ops::Range};

use filesystem::{Error, Fault};

use super::{items::Items, replay::Replay};
use crate::{
    corrupt,
    extent_item::{ExtentItem, PLACE_AT},
    kind,
    node::Key,
    raw,
    tree::Item,
    units::Logical,
};

/// The fields of an extent that a replay needs.
struct Extent {
    /// Its range of bytes in the file.
    range: Range<u64>,
    /// Its address; `None` for inline data.
    place: Option<DiskExtent>,
}

#[derive(Clone, Copy)]
struct DiskExtent {
    /// 0 for a hole.
    address: Logical,
    /// Bytes on disk.
    length: u64,
    /// Where the file's part begins in the unpacked extent.
    offset: u64,
    is_packed: bool,
}

impl Extent {
    fn parse(item: &Item) -> Result<Self, Error> {
        let ExtentItem { head, place, .. } = ExtentItem::parse(item)?;
        let start = item.key.offset;
        let length = place.map_or(head.ram_bytes.get(), |place| place.num_bytes.get());
        // Cannot saturate: a sum of two constants.
        let at = |field: usize| item.place(PLACE_AT.saturating_add(field));
        let Some(end) = start.checked_add(length) else {
            let at = at(offset_of!(raw::FileExtentPlace, num_bytes));
            return Err(corrupt(Fault::Range, "btrfs_file_extent_item.num_bytes", at, length));
        };
        let offset = place.map_or(0, |place| place.offset.get());
        if offset.checked_add(length).is_none() {
            let at = at(offset_of!(raw::FileExtentPlace, offset));
            return Err(corrupt(Fault::Range, "btrfs_file_extent_item.offset", at, offset));
        }
        let place = place.map(|place| DiskExtent {
            address: Logical(place.disk_bytenr.get()),
            length: place.disk_num_bytes.get(),
            offset: place.offset.get(),
            is_packed: head.compression != 0,
        });
        Ok(Self { range: start..end, place })
    }
}

impl<B: Items> Replay<'_, B> {
    /// Replaces what the file had in the extent's range by the extent.
    pub fn extent(&mut self, item: &Item) -> Result<(), Error> {
        let extent = Extent::parse(item)?;
        self.known_inode(item.key.objectid)?;
        let Range { start, end } = extent.range;
        let Some(place) = extent.place else {
            self.drop_extents(item.key.objectid, start, self.to_sectors(end))?;
            return self.put(item.clone());
        };
        if self.find(item.key)?.is_some_and(|known| known.bytes() == item.bytes()) {
            return Ok(());
        }
        self.drop_extents(item.key.objectid, start, end)?;
        let is_hole = place.address == Logical(0);
        if !(is_hole && self.parameters.has_no_holes) {
            self.put(item.clone())?;
        }
        if is_hole {
            return Ok(());
        }
        let (start, length) = match place.is_packed {
            true => (place.address, place.length),
            // Cannot saturate: `end` is the sum of `start` and the extent's length.
            false => (place.address.after(place.offset), end.saturating_sub(start)),
        };
        self.take_sums(start, length)
    }

    /// Removes all extents of a file within a range, and shortens those that extend past it.
    pub fn drop_extents(&mut self, inode: u64, start: u64, end: u64) -> Result<(), Error> {
        let first = Key { objectid: inode, kind: kind::EXTENT_DATA, offset: start };
        let mut next = self.at_or_before(first)?.filter(|item| item.key.is_beside(first));
        if next.is_none() {
            next = self.at_or_after(first)?;
        }
        while let Some(item) = next.filter(|item| item.key.is_beside(first) && item.key.offset < end) {
            let extent = Extent::parse(&item)?;
            self.drop_part(&item, &extent, start..end)?;
            next = item.key.next().map_or(Ok(None), |key| self.at_or_after(key))?;
        }
        Ok(())
    }

    fn drop_part(&mut self, item: &Item, extent: &Extent, dropped: Range<u64>) -> Result<(), Error> {
        let Range { start, end } = extent.range;
        let is_empty = start == end;
        if end <= dropped.start && !(is_empty && end == dropped.start) {
            return Ok(());
        }
        let (in_front, behind) = (start < dropped.start, end > dropped.end);
        let Some(place) = extent.place.filter(|_| in_front || behind) else {
            // Inline data is removed as a whole.
            let is_whole = !in_front && !behind;
            return if is_whole {
                self.remove(item.key)
            } else {
                Err(self.contradiction("btrfs_file_extent_item", start))
            };
        };
        if in_front {
            // Cannot saturate: the extent begins before the dropped range.
            let length = dropped.start.saturating_sub(start);
            self.put(part(item, place.offset, length))?;
        } else {
            self.remove(item.key)?;
        }
        if behind {
            let key = Key { offset: dropped.end, ..item.key };
            // Cannot saturate: the extent begins before the end of the dropped range, and extends past it; `parse` has
            // checked that the sum of its offset and its length does not overflow.
            let skipped = dropped.end.saturating_sub(start);
            let length = end.saturating_sub(dropped.end);
            self.put(part(item, place.offset.saturating_add(skipped), length).moved_to(key))?;
        }
        Ok(())
    }
}

/// The item with another part of its extent.
fn part(item: &Item, offset: u64, length: u64) -> Item {
    // Cannot saturate: a sum of two constants.
    let at = |field: usize| PLACE_AT.saturating_add(field);
    let item = item.with(at(offset_of!(raw::FileExtentPlace, offset)), &offset.to_le_bytes());
    item.with(at(offset_of!(raw::FileExtentPlace, num_bytes)), &length.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A regular extent of `length` bytes at byte `start` of the file, `offset` bytes past its own start.
    fn extent(start: u64, offset: u64, length: u64) -> Result<Range<u64>, Error> {
        let mut bytes = [0; 21].to_vec();
        bytes[20] = 1;
        for field in [1 << 20, 1 << 16, offset, length] {
            bytes.extend_from_slice(&u64::to_le_bytes(field));
        }
        let key = Key { objectid: 257, kind: kind::EXTENT_DATA, offset: start };
        Ok(Extent::parse(&Item::changed(key, &bytes, Logical(0)))?.range)
    }

    #[test]
    fn an_extent_ends_where_64_bits_do() {
        let field = |result: Result<_, Error>| match result {
            Err(Error::Corrupt(corrupt)) => corrupt.structure,
            other => panic!("{other:?}"),
        };
        assert_eq!(extent(4096, 8192, 4096).unwrap(), 4096..8192);
        assert_eq!(field(extent(u64::MAX - 4095, 0, 4096)), "btrfs_file_extent_item.num_bytes");
        assert_eq!(field(extent(0, u64::MAX - 4095, 4096)), "btrfs_file_extent_item.offset");
    }
}
