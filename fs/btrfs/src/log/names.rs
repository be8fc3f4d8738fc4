// SPDX-License-Identifier: BSD-3-Clause
//! Items that hold names: entries of directories, and what inodes know of their own names.

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

/// The type of items of inodes that have more names in a directory than one item has room for.
pub const INODE_EXTREF: u8 = 13;
/// The type of items that say which entries of a directory a log knows all of.
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

/// A name in an item.
pub struct Named<'a, H> {
    pub head: &'a H,
    pub name: &'a [u8],
    /// Where all of it stands in the item.
    pub range: Range<usize>,
}

/// The names in an item: names whose hash is the same share one, and names of one inode in one directory do.
///
/// # Errors
/// [`Error::Corrupt`] when the item ends in one.
pub fn all<H: Head>(item: &Item) -> Result<Vec<Named<'_, H>>, Error> {
    let (mut names, mut rest) = (Vec::new(), item.bytes());
    while !rest.is_empty() {
        // Cannot saturate: `rest` is an end of the item's bytes, here and below.
        let start = item.bytes().len().saturating_sub(rest.len());
        let (head, name, behind) = named::split(rest, item.place(start))?;
        rest = behind;
        reserve(&mut names, 1, "names of an item")?;
        names.push(Named { head, name, range: start..item.bytes().len().saturating_sub(rest.len()) });
    }
    Ok(names)
}

/// What an inode knows of one of its names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reference<'a> {
    /// The directory that has it.
    pub directory: u64,
    /// Its place there.
    pub index: u64,
    pub name: &'a [u8],
    pub range: Range<usize>,
}

/// The names in an item of kind `INODE_REF` or `INODE_EXTREF`.
///
/// # Errors
/// [`Error::Corrupt`] when the item ends in one.
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

/// Where an inode keeps a name that it has in a directory, in the old way and in the one without a limit.
pub fn reference_keys(inode: u64, directory: u64, name: &[u8]) -> [Key; 2] {
    let [a, b, c, d, ..] = directory.to_le_bytes();
    let hash = crc32c(u32::from_le_bytes([a, b, c, d]), name);
    [
        Key { objectid: inode, kind: kind::INODE_REF, offset: directory },
        Key { objectid: inode, kind: INODE_EXTREF, offset: hash.into() },
    ]
}

/// Where a directory keeps the entry that got this place.
pub fn index_key(directory: u64, index: u64) -> Key {
    Key { objectid: directory, kind: kind::DIR_INDEX, offset: index }
}

/// An entry of a directory that is to be written.
pub struct NewEntry<'a> {
    /// Where it leads.
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

/// `struct btrfs_inode_ref`, or with its directory `struct btrfs_inode_extref`, and the name.
pub fn reference_bytes(directory: Option<u64>, index: u64, name: &[u8]) -> Vec<u8> {
    let directory = directory.map(u64::to_le_bytes);
    let directory = directory.as_ref().map_or(&[][..], |bytes| bytes);
    [directory, &index.to_le_bytes(), &length(name), name].concat()
}

/// `name_len`: names that were read have one.
fn length(name: &[u8]) -> [u8; 2] {
    u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes()
}

/// The bytes of an item without a part of them.
pub fn without(bytes: &[u8], range: &Range<usize>) -> Vec<u8> {
    let (front, behind) = (bytes.get(..range.start), bytes.get(range.end..));
    [front.unwrap_or_default(), behind.unwrap_or_default()].concat()
}
