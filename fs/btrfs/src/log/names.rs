// SPDX-License-Identifier: BSD-3-Clause
//! Items that contain names: directory entries, and the references of inodes to them.

use alloc::vec::Vec;
use core::ops::Range;

use crc32c::crc32c;
use filesystem::Error;
use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    little_endian::{U16, U64},
};

use crate::{
    kind,
    memory::reserve,
    named::{self, Head},
    node::Key,
    raw,
    tree::Item,
};

/// Item type for the names of an inode in one directory that do not fit in one `btrfs_inode_ref` item.
pub const INODE_EXTREF: u8 = 13;
/// Item type for the ranges of directory entries for which a log is complete.
pub const DIR_LOG_INDEX: u8 = 72;

/// `struct btrfs_inode_extref`; a name follows.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct InodeExtref {
    parent_objectid: U64,
    index: U64,
    name_len: U16,
}

impl Head for InodeExtref {
    const STRUCTURE: &'static str = "btrfs_inode_extref";

    fn lengths(&self) -> (u16, u16) {
        (self.name_len.get(), 0)
    }
}

/// A name in an item, with its structure.
pub struct Named<'a, H> {
    pub head: &'a H,
    pub name: &'a [u8],
    /// Bytes of the structure and the name in the item.
    pub range: Range<usize>,
}

/// The names in an item: names with the same hash share an item, and so do names of one inode in one directory.
///
/// # Errors
/// [`Error::Corrupt`] if the item ends within one.
pub fn all<H: Head>(item: &Item) -> Result<Vec<Named<'_, H>>, Error> {
    let (mut names, mut rest) = (Vec::new(), item.bytes());
    while !rest.is_empty() {
        // Cannot saturate: `rest` is a suffix of the item's bytes, here and below.
        let start = item.bytes().len().saturating_sub(rest.len());
        let (head, name, behind) = named::split(rest, item.place(start))?;
        rest = behind;
        reserve(&mut names, 1, "names of an item")?;
        names.push(Named { head, name, range: start..item.bytes().len().saturating_sub(rest.len()) });
    }
    Ok(names)
}

/// The reference of an inode to one of its names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reference<'a> {
    /// The directory that contains it.
    pub directory: u64,
    /// Its index in the directory.
    pub index: u64,
    pub name: &'a [u8],
    pub range: Range<usize>,
}

/// The names in an item of kind `INODE_REF` or `INODE_EXTREF`.
///
/// # Errors
/// [`Error::Corrupt`] if the item ends within one.
pub fn references(item: &Item) -> Result<Vec<Reference<'_>>, Error> {
    if item.key.kind == INODE_EXTREF {
        let names = all::<InodeExtref>(item)?.into_iter();
        return Ok(names
            .map(|Named { head, name, range }| Reference {
                directory: head.parent_objectid.get(),
                index: head.index.get(),
                name,
                range,
            })
            .collect());
    }
    let names = all::<raw::InodeRef>(item)?.into_iter();
    let directory = item.key.offset;
    Ok(names
        .map(|Named { head, name, range }| Reference { directory, index: head.index.get(), name, range })
        .collect())
}

/// The keys under which an inode may store a reference to a name: the old form, and the one without a size limit.
pub fn reference_keys(inode: u64, directory: u64, name: &[u8]) -> [Key; 2] {
    let [a, b, c, d, ..] = directory.to_le_bytes();
    let hash = crc32c(u32::from_le_bytes([a, b, c, d]), name);
    [
        Key { objectid: inode, kind: kind::INODE_REF, offset: directory },
        Key { objectid: inode, kind: INODE_EXTREF, offset: hash.into() },
    ]
}

/// The key of a directory's entry with this index.
pub fn index_key(directory: u64, index: u64) -> Key {
    Key { objectid: directory, kind: kind::DIR_INDEX, offset: index }
}

/// A directory entry to be written.
pub struct NewEntry<'a> {
    /// What it refers to.
    pub location: Key,
    /// `BTRFS_FT_*`
    pub kind: u8,
    pub transaction: u64,
    pub name: &'a [u8],
}

impl NewEntry<'_> {
    /// `struct btrfs_dir_item`, and the name.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Key { objectid, kind, offset } = self.location;
        let location = [&objectid.to_le_bytes()[..], &[kind], &offset.to_le_bytes()];
        let rest =
            [&self.transaction.to_le_bytes()[..], &[0; 2], &length(self.name), &[self.kind], self.name];
        [location.concat(), rest.concat()].concat()
    }
}

/// `struct btrfs_inode_ref`, or after its directory `struct btrfs_inode_extref`, and the name.
pub fn reference_bytes(directory: Option<u64>, index: u64, name: &[u8]) -> Vec<u8> {
    let directory = directory.map(u64::to_le_bytes);
    let directory = directory.as_ref().map_or(&[][..], |bytes| bytes);
    [directory, &index.to_le_bytes(), &length(name), name].concat()
}

/// `name_len`: it fits, since all names were read with one.
fn length(name: &[u8]) -> [u8; 2] {
    u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes()
}

/// The bytes of an item without a range of them.
pub fn without(bytes: &[u8], range: &Range<usize>) -> Vec<u8> {
    let (front, behind) = (bytes.get(..range.start), bytes.get(range.end..));
    [front.unwrap_or_default(), behind.unwrap_or_default()].concat()
}
