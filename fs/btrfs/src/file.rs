// SPDX-License-Identifier: BSD-3-Clause
//! The bytes of files: extents, holes between them, and what is small enough to stand in the tree itself.

use alloc::vec::Vec;
use core::cell::RefCell;

use filesystem::{Error, Fault};
use zerocopy::FromBytes;

use crate::{
    compressed::{self, Method},
    corrupt,
    data::Data,
    inode::Inode,
    kind,
    memory::{self, narrow, wide},
    node::Key,
    raw,
    tree::{Item, Tree, Trees},
    units::Logical,
    unsupported,
};

/// `BTRFS_FILE_EXTENT_INLINE`, `_REG` and `_PREALLOC`.
const INLINE: u8 = 0;
const REGULAR: u8 = 1;
const PREALLOCATED: u8 = 2;

/// Reads files.
pub struct Files {
    data: Data,
    /// The compressed extent that was unpacked last.
    unpacked: RefCell<Option<(Packed, Vec<u8>)>>,
}

/// A part of a file that lies together.
struct Extent {
    /// The bytes of the file.
    start: u64,
    end: u64,
    content: Content,
}

enum Content {
    /// Zeros.
    Hole,
    /// In the item, which has so many bytes in front.
    Inline {
        item: Item,
        method: Option<Method>,
    },
    /// On the disk at this address.
    Plain(Logical),
    Packed(Packed),
}

/// A compressed extent, and the part of it that a file has.
#[derive(Clone, Copy)]
struct Packed {
    method: Method,
    /// Where it is on the disk, and how much.
    address: Logical,
    length: usize,
    /// What it unpacks to, and where in that the part begins.
    unpacked: usize,
    skip: usize,
}

impl Files {
    pub fn new(data: Data) -> Self {
        Self { data, unpacked: RefCell::default() }
    }

    /// Fills `buf` from the file's bytes at `offset`; yields how many there were.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Unsupported`] for a compression or encryption that is not known, and what trees and
    /// devices say.
    pub fn read(
        &self,
        trees: &Trees,
        tree: &Tree,
        inode: &Inode,
        offset: u64,
        buf: &mut [u8],
    ) -> Result<usize, Error> {
        let length = narrow(inode.attr.size.saturating_sub(offset)).min(buf.len());
        let (mut rest, mut at) = (buf.get_mut(..length).unwrap_or_default(), offset);
        // It ends: each extent ends behind the place that it was looked for.
        while !rest.is_empty() {
            let extent = Extent::find(trees, tree, inode, at)?;
            let length = narrow(extent.end.saturating_sub(at)).min(rest.len());
            let Some((part, behind)) = rest.split_at_mut_checked(length).filter(|_| length > 0) else {
                break;
            };
            self.read_extent(trees, inode, &extent, at.saturating_sub(extent.start), part)?;
            (rest, at) = (behind, at.saturating_add(wide(length)));
        }
        Ok(length)
    }

    /// Fills `buf` from the bytes of an extent `skip` bytes behind its start.
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
                let stored = item.bytes().get(size_of::<raw::FileExtent>()..).unwrap_or_default();
                let Some(method) = method else {
                    copy(stored, narrow(skip), buf);
                    return Ok(());
                };
                let mut bytes =
                    memory::zeros(narrow(extent.end.saturating_sub(extent.start)), "inline extent")?;
                let place = item.place(size_of::<raw::FileExtent>());
                method.unpack(stored, &mut bytes, narrow(trees.rules().sector_size), place)?;
                copy(&bytes, narrow(skip), buf);
            }
            Content::Packed(packed) => {
                let skip = packed.skip.saturating_add(narrow(skip));
                self.read_packed(trees, inode, packed, skip, buf)?;
            }
        }
        Ok(())
    }

    fn read_data(&self, trees: &Trees, inode: &Inode, address: Logical, buf: &mut [u8]) -> Result<(), Error> {
        match inode.has_sums {
            true => self.data.read(trees, address, buf),
            false => trees.storage().read_any(address, buf),
        }
    }

    /// Fills `buf` with what a compressed extent unpacks to, from byte `skip` of that.
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
        let sector_size = narrow(trees.rules().sector_size);
        if skip == 0 && buf.len() == packed.unpacked {
            // Whoever reads all of it does not come back for a part.
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
    /// Whether both unpack to the same bytes.
    fn is_same(&self, other: &Self) -> bool {
        let of = |packed: &Self| (packed.address, packed.length, packed.method, packed.unpacked);
        of(self) == of(other)
    }
}

/// Fills `buf` from byte `skip` on; what ends before is zeros.
fn copy(bytes: &[u8], skip: usize, buf: &mut [u8]) {
    let source = bytes.get(skip..).unwrap_or_default();
    let length = source.len().min(buf.len());
    if let (Some(from), Some((to, rest))) = (source.get(..length), buf.split_at_mut_checked(length)) {
        to.copy_from_slice(from);
        rest.fill(0);
    }
}

impl Extent {
    /// The extent or hole with the byte `at` of a file.
    fn find(trees: &Trees, tree: &Tree, inode: &Inode, at: u64) -> Result<Self, Error> {
        let key = Key { objectid: inode.number.0, kind: kind::EXTENT_DATA, offset: at };
        let item = trees.at_or_before(tree, key)?.filter(|item| item.key.is_beside(key));
        if let Some(item) = item {
            let extent = Self::of(item, trees.rules().sector_size)?;
            if at < extent.end {
                return Ok(extent);
            }
        }
        let next = trees.at_or_after(tree, key)?.filter(|item| item.key.is_beside(key));
        let end = next.map_or(u64::MAX, |item| item.key.offset);
        Ok(Self { start: at, end, content: Content::Hole })
    }

    /// What an item says.
    fn of(item: Item, sector_size: u64) -> Result<Self, Error> {
        let start = item.key.offset;
        let (raw, rest) = item.parse::<raw::FileExtent>("btrfs_file_extent_item")?;
        let method = Method::of(raw.compression)?;
        if raw.encryption != 0 || raw.other_encoding.get() != 0 {
            return Err(unsupported("encrypted files"));
        }
        let fail = |fault, structure, found: u64| Err(corrupt(fault, structure, item.place(0), found));
        let size = raw.ram_bytes.get();
        if raw.kind == INLINE {
            // Only the first bytes stand in the tree, and nothing is behind them up to the end of their sector.
            if start != 0 || size > compressed::LONGEST || (method.is_none() && size > wide(rest.len())) {
                return fail(Fault::Range, "btrfs_file_extent_item.ram_bytes", size);
            }
            return Ok(Self { start, end: size, content: Content::Inline { item, method } });
        }
        let Ok((place, _)) = raw::FileExtentPlace::ref_from_prefix(rest) else {
            return fail(Fault::Truncated, "btrfs_file_extent_item", wide(rest.len()));
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
            (REGULAR, _) => return fail(Fault::Range, "btrfs_file_extent_item.offset", skip),
            (kind, _) => return fail(Fault::Range, "btrfs_file_extent_item.type", kind.into()),
        };
        Ok(Self { start, end, content })
    }
}

/// Whether `length` bytes behind `skip` are among `all`.
fn is_within(skip: u64, length: u64, all: u64) -> bool {
    skip.checked_add(length).is_some_and(|end| end <= all)
}
