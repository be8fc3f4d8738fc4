// SPDX-License-Identifier: BSD-3-Clause
//! Inline data: the first 60 bytes in `i_block`, the rest in the extended attribute `system.data` of the inode.

use filesystem::{Error, Fault};
use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    little_endian::{U16, U32},
};

use crate::{corrupt, inode::Inode};

/// `ext4_xattr_ibody_header.h_magic`
const MAGIC: u32 = 0xea02_0000;
/// `EXT4_XATTR_INDEX_SYSTEM`
const SYSTEM: u8 = 7;
const NAME: &[u8] = b"data";
/// Maximum number of attributes of one inode: an inode of 64 KiB has room for no more.
const MOST: usize = 4096;

/// `struct ext4_xattr_entry` up to the name.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Entry {
    e_name_len: u8,
    e_name_index: u8,
    e_value_offs: U16,
    e_value_inum: U32,
    e_value_size: U32,
    e_hash: U32,
}

/// Fills `buf` with the inode's data at `offset`, all within its size. Beyond the stored data, the file is a hole.
pub fn read(inode: &Inode, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
    let attribute = attribute(inode)?;
    let skip = usize::try_from(offset).unwrap_or(usize::MAX);
    let mut bytes = inode.block().iter().chain(attribute.unwrap_or_default()).skip(skip);
    for place in buf {
        *place = match bytes.next() {
            Some(byte) => *byte,
            None if attribute.is_some() => 0,
            None => return Err(corrupt(Fault::Truncated, "inline data", inode.offset, inode.size)),
        };
    }
    Ok(())
}

/// The two lists of entries of an inline directory. The first one starts with the parent's inode number.
pub fn directory(inode: &Inode) -> Result<(&[u8], &[u8]), Error> {
    Ok((inode.block().get(4..).unwrap_or_default(), attribute(inode)?.unwrap_or_default()))
}

/// The value of `system.data`, which is empty if all data is in `i_block`; `None` if the attribute is missing.
fn attribute(inode: &Inode) -> Result<Option<&[u8]>, Error> {
    let fail = |fault, structure, found: u32| corrupt(fault, structure, inode.offset, found);
    let attributes = inode.attributes();
    let magic = attributes.first_chunk().copied().map_or(0, u32::from_le_bytes);
    if magic == 0 {
        return Ok(None);
    }
    if magic != MAGIC {
        return Err(fail(Fault::Magic, "ext4_xattr_ibody_header.h_magic", magic));
    }
    let first = attributes.get(4..).unwrap_or_default();
    let mut rest = first;
    for _ in 0..MOST {
        // Four zero bytes end the list.
        if rest.first_chunk() == Some(&[0; 4]) || rest.len() < 4 {
            return Ok(None);
        }
        let (entry, names) =
            Entry::ref_from_prefix(rest).map_err(|_| fail(Fault::Truncated, "ext4_xattr_entry", 0))?;
        let length = usize::from(entry.e_name_len);
        let name = names
            .get(..length)
            .ok_or_else(|| fail(Fault::Range, "ext4_xattr_entry.e_name_len", u32::from(entry.e_name_len)))?;
        if entry.e_name_index == SYSTEM && name == NAME {
            let start = usize::from(entry.e_value_offs.get());
            let size = usize::try_from(entry.e_value_size.get()).unwrap_or(usize::MAX);
            let value = first.get(start..).and_then(|value| value.get(..size));
            let is_here = entry.e_value_inum.get() == 0;
            return match value.filter(|_| is_here) {
                Some(value) => Ok(Some(value)),
                None => Err(fail(Fault::Range, "ext4_xattr_entry.e_value_offs", entry.e_value_size.get())),
            };
        }
        // Cannot saturate: the length of a name is a byte.
        let step = size_of::<Entry>().saturating_add(length).next_multiple_of(4);
        rest = rest.get(step..).unwrap_or_default();
    }
    Err(fail(Fault::Loop, "ext4_xattr_entry", 0))
}
