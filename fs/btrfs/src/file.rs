// SPDX-License-Identifier: BSD-3-Clause
//! File content: extents, holes between them, and inline data in the tree itself.

use alloc::vec::Vec;
use core::cell::RefCell;

use filesystem::{Error, Fault};

use crate::{
    compressed::{self, Method},
    corrupt,
    data::Data,
    extent_item::{ExtentItem, PLACE_AT, PREALLOCATED, REGULAR},
    inode::Inode,
    kind,
    memory::{self, narrow, wide},
    node::Key,
    tree::{Item, Tree, Trees},
    units::Logical,
    unsupported,
};

/// Reads files.
pub struct Files {
    data: Data,
    /// The compressed extent that was unpacked last.
    unpacked: RefCell<Option<(Packed, Vec<u8>)>>,
}

/// A contiguous part of a file.
struct Extent {
    /// Its range of bytes in the file.
    start: u64,
    end: u64,
    content: Content,
}

enum Content {
    /// Zeros.
    Hole,
    /// In the item, after its fixed part.
    Inline {
        item: Item,
        method: Option<Method>,
    },
    /// Uncompressed, at this address.
    Plain(Logical),
    Packed(Packed),
}

/// A compressed extent, and the part of it that belongs to the file.
#[derive(Clone, Copy)]
struct Packed {
    method: Method,
    /// Its address, and its length there.
    address: Logical,
    length: usize,
    /// Its unpacked length, and where the file's part begins in it.
    unpacked: usize,
    skip: usize,
}

impl Files {
    pub fn new(data: Data) -> Self {
        Self { data, unpacked: RefCell::default() }
    }

    /// Fills `buf` from the file's content at `offset`; returns how many bytes there were.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Unsupported`] for an unknown compression or for encryption, and those of trees and
    /// devices.
    pub fn read(
        &self,
        trees: &Trees,
        tree: &Tree,
        inode: &Inode,
        offset: u64,
        buf: &mut [u8],
    ) -> Result<usize, Error> {
        // Saturates past the end of the file, where there is nothing to read.
        let length = narrow(inode.attr.size.saturating_sub(offset)).min(buf.len());
        let mut done = 0_usize;
        // Terminates: each extent ends past the offset that was looked up.
        while let Some(rest) = buf.get_mut(done..length).filter(|rest| !rest.is_empty()) {
            // Cannot saturate: no more than the file's size; and what `find` returns begins at or before `at`, and ends
            // past it.
            let at = offset.saturating_add(wide(done));
            let extent = Extent::find(trees, tree, inode, at)?;
            let count = narrow(extent.end.saturating_sub(at)).min(rest.len());
            let Some(part) = rest.get_mut(..count).filter(|part| !part.is_empty()) else { break };
            self.read_extent(trees, inode, &extent, at.saturating_sub(extent.start), part)?;
            done = done.saturating_add(count);
        }
        Ok(done)
    }

    /// Fills `buf` from an extent, `skip` bytes past its start.
    fn read_extent(
        &self,
        trees: &Trees,
        inode: &Inode,
        extent: &Extent,
        skip: u64,
        buf: &mut [u8],
    ) -> Result<(), Error> {
        match &extent.content {
            Content::Hole => buf.fill(0),
            Content::Plain(address) => self.read_data(trees, inode, address.after(skip), buf)?,
            Content::Inline { item, method } => {
                let stored = item.bytes().get(PLACE_AT..).unwrap_or_default();
                let Some(method) = method else {
                    copy(stored, narrow(skip), buf);
                    return Ok(());
                };
                let mut bytes =
                    // Cannot saturate: inline data begins at 0.
                    memory::zeros(narrow(extent.end.saturating_sub(extent.start)), "inline extent")?;
                let place = item.place(PLACE_AT);
                method.unpack(stored, &mut bytes, narrow(trees.geometry().sector_size), place)?;
                copy(&bytes, narrow(skip), buf);
            }
            Content::Packed(packed) => {
                // Cannot saturate: both are within the unpacked extent, which has at most `LONGEST` bytes.
                let skip = packed.skip.saturating_add(narrow(skip));
                self.read_packed(trees, inode, packed, skip, buf)?;
            }
        }
        Ok(())
    }

    fn read_data(&self, trees: &Trees, inode: &Inode, address: Logical, buf: &mut [u8]) -> Result<(), Error> {
        match inode.has_sums {
            true => self.data.read(trees, address, buf),
            false => trees.storage().read_unchecked(address, buf),
        }
    }

    /// Fills `buf` from a compressed extent, starting at byte `skip` of its unpacked content.
    fn read_packed(
        &self,
        trees: &Trees,
        inode: &Inode,
        packed: &Packed,
        skip: usize,
        buf: &mut [u8],
    ) -> Result<(), Error> {
        let mut kept = self.unpacked.borrow_mut();
        if let Some((_, bytes)) = kept.as_ref().filter(|(other, _)| other.is_same(packed)) {
            copy(bytes, skip, buf);
            return Ok(());
        }
        let mut stored = memory::zeros(packed.length, "compressed extent")?;
        self.read_data(trees, inode, packed.address, &mut stored)?;
        let sector_size = narrow(trees.geometry().sector_size);
        if skip == 0 && buf.len() == packed.unpacked {
            // A read of the whole extent is not followed by one of a part.
            return packed.method.unpack(&stored, buf, sector_size, packed.address);
        }
        let mut bytes = memory::zeros(packed.unpacked, "unpacked extent")?;
        packed.method.unpack(&stored, &mut bytes, sector_size, packed.address)?;
        copy(&bytes, skip, buf);
        *kept = Some((*packed, bytes));
        Ok(())
    }
}

impl Packed {
    /// Whether both have the same unpacked content.
    fn is_same(&self, other: &Self) -> bool {
        let of = |packed: &Self| (packed.address, packed.length, packed.method, packed.unpacked);
        of(self) == of(other)
    }
}

/// Fills `buf` from `bytes`, starting at byte `skip`, padded with zeros.
fn copy(bytes: &[u8], skip: usize, buf: &mut [u8]) {
    let source = bytes.get(skip..).unwrap_or_default();
    let length = source.len().min(buf.len());
    if let (Some(from), Some((to, rest))) = (source.get(..length), buf.split_at_mut_checked(length)) {
        to.copy_from_slice(from);
        rest.fill(0);
    }
}

impl Extent {
    /// The extent or hole that contains byte `at` of a file.
    fn find(trees: &Trees, tree: &Tree, inode: &Inode, at: u64) -> Result<Self, Error> {
        let key = Key { objectid: inode.number.0, kind: kind::EXTENT_DATA, offset: at };
        let item = trees.at_or_before(tree, key)?.filter(|item| item.key.is_beside(key));
        if let Some(item) = item {
            let extent = Self::of(item, trees.geometry().sector_size)?;
            if at < extent.end {
                return Ok(extent);
            }
        }
        // An item at `at` itself would have been found above, unless it is empty.
        let next = key.next().map_or(Ok(None), |next| trees.at_or_after(tree, next))?;
        let next = next.filter(|item| item.key.is_beside(key));
        let end = next.map_or(u64::MAX, |item| item.key.offset);
        Ok(Self { start: at, end, content: Content::Hole })
    }

    /// Parses an extent item.
    fn of(item: Item, sector_size: u64) -> Result<Self, Error> {
        let start = item.key.offset;
        let ExtentItem { head: raw, place, inline } = ExtentItem::parse(&item)?;
        let method = Method::of(raw.compression)?;
        if raw.encryption != 0 || raw.other_encoding.get() != 0 {
            return Err(unsupported("encrypted files"));
        }
        let fail = |fault, structure, found: u64| Err(corrupt(fault, structure, item.place(0), found));
        let size = raw.ram_bytes.get();
        let Some(place) = place else {
            // Inline data is always the start of a file, which is zero from its end to the end of the sector.
            if start != 0 || size > compressed::LONGEST || (method.is_none() && size > wide(inline.len())) {
                return fail(Fault::Range, "btrfs_file_extent_item.ram_bytes", size);
            }
            return Ok(Self { start, end: size, content: Content::Inline { item, method } });
        };
        let (length, skip) = (place.num_bytes.get(), place.offset.get());
        let Some(end) = start.checked_add(length).filter(|end| *end > start) else {
            return fail(Fault::Range, "btrfs_file_extent_item.num_bytes", length);
        };
        let (address, stored) = (place.disk_bytenr.get(), place.disk_num_bytes.get());
        let is_aligned = |bytes: u64| bytes.checked_rem(sector_size) == Some(0);
        if !is_aligned(address) || !is_aligned(stored) {
            return fail(Fault::Range, "btrfs_file_extent_item.disk_bytenr", address);
        }
        let content = match (raw.kind, method) {
            (PREALLOCATED, _) => Content::Hole,
            (REGULAR, _) if address == 0 => Content::Hole,
            (REGULAR, None) if is_within(skip, length, stored) => {
                Content::Plain(Logical(address).after(skip))
            }
            (REGULAR, Some(method))
                if is_within(skip, length, size) && size.max(stored) <= compressed::LONGEST =>
            {
                let (length, unpacked, skip) = (narrow(stored), narrow(size), narrow(skip));
                Content::Packed(Packed { method, address: Logical(address), length, unpacked, skip })
            }
            // No other case is left.
            _ => return fail(Fault::Range, "btrfs_file_extent_item.offset", skip),
        };
        Ok(Self { start, end, content })
    }
}

/// Whether `length` bytes at `skip` fit in `all` bytes.
fn is_within(skip: u64, length: u64, all: u64) -> bool {
    skip.checked_add(length).is_some_and(|end| end <= all)
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use filesystem::{Attr, Corrupt, FileType, Timestamp};

    use super::*;
    use crate::{
        checksum::Algorithm,
        extent_item::INLINE,
        test_image::{NODE, TestImage, tree},
        units::{InodeNumber, TreeId},
    };

    const ROOT: u64 = 16 * NODE;
    const SUMS: u64 = 17 * NODE;
    /// The address of the data.
    const DATA: u64 = 64 * NODE;
    const SECTOR: usize = 4096;

    fn key(offset: u64) -> Key {
        Key { objectid: 300, kind: kind::EXTENT_DATA, offset }
    }

    fn inode(size: u64, has_sums: bool) -> Inode {
        let attr = Attr {
            kind: FileType::File,
            mode: 0,
            uid: 0,
            gid: 0,
            size,
            links: 1,
            modified: Timestamp::default(),
            device: (0, 0),
        };
        Inode { number: InodeNumber(300), attr, has_sums, place: Logical(0).into() }
    }

    /// The head of an extent with this unpacked size.
    fn head(kind: u8, compression: u8, size: u64) -> Vec<u8> {
        [&9u64.to_le_bytes()[..], &size.to_le_bytes(), &[compression, 0, 0, 0, kind]].concat()
    }

    /// An extent: address and length on disk, where in it the file's part begins, and the length of that.
    fn extent(head: Vec<u8>, place: [u64; 4]) -> Vec<u8> {
        place.iter().fold(head, |bytes, word| [&bytes[..], &word.to_le_bytes()].concat())
    }

    fn noise(length: usize) -> Vec<u8> {
        (0..length).map(|at| ((at * 7) ^ (at >> 8)) as u8).collect()
    }

    /// A file with these extents, over data of ten sectors with checksums.
    fn image(extents: &[(u64, Vec<u8>)]) -> TestImage {
        let data = noise(10 * SECTOR);
        let sums: Vec<u8> = data
            .chunks(SECTOR)
            .flat_map(|sector| (Algorithm::Crc32c.sum(sector).number() as u32).to_le_bytes())
            .collect();
        let sum_key = Key { objectid: 10u64.wrapping_neg(), kind: kind::EXTENT_CSUM, offset: DATA };
        let items: Vec<(Key, &[u8])> =
            extents.iter().map(|(start, bytes)| (key(*start), &bytes[..])).collect();
        TestImage::new().with(DATA, &data).leaf(TreeId::SUMS, SUMS, &[(sum_key, &sums)]).leaf(
            TreeId::TOP,
            ROOT,
            &items,
        )
    }

    fn read(image: TestImage, inode: &Inode, offset: u64, length: usize) -> Result<Vec<u8>, Error> {
        let trees = image.trees();
        let files = Files::new(Data::new(tree(TreeId::SUMS, SUMS, 0)));
        let mut buf = vec![0xee; length];
        let read = files.read(&trees, &tree(TreeId::TOP, ROOT, 0), inode, offset, &mut buf)?;
        buf.truncate(read);
        Ok(buf)
    }

    /// Two sectors from the third on, a hole of two, one sector from the first on, and two preallocated.
    fn pieces() -> Vec<(u64, Vec<u8>)> {
        let all = 10 * SECTOR as u64;
        let sectors = |count: u64| count * SECTOR as u64;
        vec![
            (0, extent(head(REGULAR, 0, all), [DATA, all, sectors(2), sectors(2)])),
            (sectors(4), extent(head(REGULAR, 0, all), [DATA, all, 0, sectors(1)])),
            (sectors(5), extent(head(PREALLOCATED, 0, all), [DATA, all, 0, sectors(2)])),
            (sectors(7), extent(head(REGULAR, 0, 0), [0, 0, 0, sectors(1)])),
        ]
    }

    #[test]
    fn extents_and_holes_stand_behind_one_another() {
        let data = noise(10 * SECTOR);
        let zeros = |count: usize| vec![0; count * SECTOR];
        let whole =
            [&data[2 * SECTOR..4 * SECTOR], &zeros(2), &data[..SECTOR], &zeros(3), &zeros(1)].concat();
        let size = 8 * SECTOR + 100;
        for (offset, length) in
            [(0, size), (1, 5000), (4095, 2), (8000, 9000), (size - 5, 50), (size, 1), (size + 9, 4)]
        {
            for has_sums in [true, false] {
                let found =
                    read(image(&pieces()), &inode(size as u64, has_sums), offset as u64, length).unwrap();
                let wanted = &whole[offset.min(size)..size.min(offset + length)];
                assert!(found == wanted, "{offset}..+{length}, {has_sums}");
            }
        }
    }

    #[test]
    fn what_stands_in_the_tree_ends_with_its_size() {
        let bytes = [head(INLINE, 0, 5), b"small".to_vec()].concat();
        let found = read(image(&[(0, bytes.clone())]), &inode(8, true), 0, 100).unwrap();
        assert_eq!(found, b"small\0\0\0");
        assert_eq!(read(image(&[(0, bytes)]), &inode(5, true), 2, 2).unwrap(), b"al");
        // An empty one is a hole up to the next.
        let sector = SECTOR as u64;
        let next = extent(head(REGULAR, 0, sector), [DATA, sector, 0, sector]);
        let found =
            read(image(&[(0, head(INLINE, 0, 0)), (sector, next)]), &inode(2 * sector, true), 0, 2 * SECTOR);
        assert!(found.unwrap() == [vec![0; SECTOR], noise(SECTOR)].concat());
    }

    #[test]
    fn a_wrong_sector_and_one_without_checksum_are_named() {
        let damaged = image(&pieces()).with(DATA + 3 * SECTOR as u64, &[0]);
        assert_eq!(read(damaged, &inode(100, true), 0, 100).unwrap().len(), 100, "the first sector is sound");
        let damaged = image(&pieces()).with(DATA + 3 * SECTOR as u64 + 1, &[0]);
        let Err(Error::Corrupt(error)) = read(damaged, &inode(9000, true), 0, 9000) else {
            panic!("not found out")
        };
        assert_eq!((error.structure, error.offset), ("data of btrfs_csum_item", DATA + 3 * SECTOR as u64));
        let beyond = extent(head(REGULAR, 0, 4096), [DATA + 10 * SECTOR as u64, 4096, 0, 4096]);
        let Err(Error::Corrupt(error)) = read(image(&[(0, beyond)]), &inode(10, true), 0, 10) else {
            panic!("no checksum")
        };
        assert_eq!(error.structure, "data without btrfs_csum_item");
    }

    #[test]
    fn extents_that_lead_elsewhere_are_refused() {
        let structure = |bytes: Vec<u8>| match read(image(&[(0, bytes)]), &inode(10_000, false), 0, 10_000) {
            Err(Error::Corrupt(Corrupt { structure, .. })) => structure,
            Err(error) if error == unsupported("encrypted files") => "encrypted",
            Err(Error::Unsupported(_)) => "unsupported",
            Err(error) => panic!("{error}"),
            Ok(_) => "none",
        };
        let regular = |size, place| structure(extent(head(REGULAR, 0, size), place));
        assert_eq!(regular(8192, [DATA, 8192, 0, 8192]), "none");
        assert_eq!(regular(8192, [DATA, 8192, 4096, 8192]), "btrfs_file_extent_item.offset", "past its end");
        assert_eq!(regular(8192, [DATA, 8192, u64::MAX, 8192]), "btrfs_file_extent_item.offset");
        assert_eq!(regular(8192, [DATA, 8192, 0, 0]), "btrfs_file_extent_item.num_bytes");
        assert_eq!(regular(8192, [DATA, 8192, 0, u64::MAX]), "btrfs_file_extent_item.offset");
        assert_eq!(regular(8192, [DATA + 1, 8192, 0, 8192]), "btrfs_file_extent_item.disk_bytenr");
        assert_eq!(structure(extent(head(9, 0, 0), [DATA, 8192, 0, 8192])), "btrfs_file_extent_item.type");
        assert_eq!(structure(head(REGULAR, 0, 0)), "btrfs_file_extent_item");
        assert_eq!(structure(head(INLINE, 0, 6)), "btrfs_file_extent_item.ram_bytes");
        let packed = |size, length| structure(extent(head(REGULAR, 1, size), [DATA, length, 0, 4096]));
        assert_eq!(packed(200_000, 4096), "btrfs_file_extent_item.offset", "unpacks to more than any");
        assert_eq!(packed(131_072, 1 << 20), "btrfs_file_extent_item.offset", "is packed in more than any");
        assert_eq!(packed(131_072, 4096), "zlib stream");
        assert_eq!(structure(extent(head(REGULAR, 7, 8192), [DATA, 8192, 0, 8192])), "unsupported");
        let mut encrypted = head(REGULAR, 0, 8192);
        encrypted[17] = 1;
        assert_eq!(structure(extent(encrypted, [DATA, 8192, 0, 8192])), "encrypted");
    }

    #[test]
    fn a_part_of_a_compressed_extent_is_read() {
        let text: Vec<u8> = b"part of a compressed extent ".iter().copied().cycle().take(131_072).collect();
        let mut packed = miniz_oxide::deflate::compress_to_vec_zlib(&text, 6);
        packed.resize(packed.len().next_multiple_of(SECTOR), 0);
        let length = packed.len() as u64;
        let place = [DATA + 64 * NODE, length, 8192, 65_536];
        let image = image(&[(0, extent(head(REGULAR, 1, 131_072), place))]).with(DATA + 64 * NODE, &packed);
        let trees = image.trees();
        let files = Files::new(Data::new(tree(TreeId::SUMS, SUMS, 0)));
        let inode = inode(70_000, false);
        for (offset, size) in [(0, 65_536), (100, 10), (60_000, 20_000)] {
            let mut buf = vec![1; size];
            let read =
                files.read(&trees, &tree(TreeId::TOP, ROOT, 0), &inode, offset as u64, &mut buf).unwrap();
            let wanted: Vec<u8> = [&text[8192..8192 + 65_536], &[0; 4464]].concat();
            assert!(buf[..read] == wanted[offset..][..read] && read == size.min(70_000 - offset), "{offset}");
        }
    }
}
