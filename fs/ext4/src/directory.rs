// SPDX-License-Identifier: BSD-3-Clause
//! Directories: blocks of entries, and the inline form.

mod checksum;
mod hash;
mod htree;

use alloc::vec::Vec;
use core::ops::ControlFlow;

use block::BlockRead;
use filesystem::{EachEntry, Error, Fault, FileType};
use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    little_endian::{U16, U32},
};

use self::checksum::Shape;
use crate::{
    corrupt, divide,
    files::Files,
    inline,
    inode::Inode,
    units::{ByteOffset, FileBlock, InodeNumber},
};

/// `struct ext4_dir_entry_2` up to the name.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    inode: U32,
    rec_len: U16,
    name_len: u8,
    file_type: u8,
}

const HEADER: usize = 8;
/// Maximum number of damaged blocks of one directory to skip: a corrupt size may claim any number of blocks.
const MOST_DAMAGED: u32 = 16;

/// Calls `each` for every entry except `.` and `..`.
///
/// # Errors
/// [`Error::WrongType`] if the inode is not a directory, [`Error::Corrupt`] for a damaged block.
pub fn each<D: BlockRead>(
    files: &Files<D>,
    dir: &Inode,
    each: &mut EachEntry<'_, InodeNumber>,
) -> Result<(), Error> {
    check(dir)?;
    let has_file_type = files.volume.superblock.has_file_type;
    if dir.has_inline_data() {
        let (first, second) = inline::directory(dir)?;
        for part in [first, second] {
            if entries(part, dir.offset, has_file_type, each)?.is_break() {
                break;
            }
        }
        return Ok(());
    }
    // As in Linux (`ext4_readdir`), a damaged block does not hide the names in others.
    let (mut damage, mut left) = (None, MOST_DAMAGED);
    for logical in 0..blocks(files, dir)? {
        let block = block(files, dir, FileBlock(logical));
        match block.and_then(|(bytes, offset)| entries(&bytes, offset, has_file_type, each)) {
            Ok(flow) if flow.is_break() => return Ok(()),
            Ok(_) => {}
            Err(error @ Error::Corrupt(_)) if left > 0 => {
                // Cannot saturate: it is greater than 0.
                left = left.saturating_sub(1);
                damage = damage.or(Some(error));
            }
            Err(error) => return Err(error),
        }
    }
    damage.map_or(Ok(()), Err)
}

/// The entry with this name: by the index of names if there is one, otherwise by a search of all entries.
///
/// # Errors
/// [`Error::NotFound`], and those of [`each`].
pub fn lookup<D: BlockRead>(files: &Files<D>, dir: &Inode, name: &[u8]) -> Result<InodeNumber, Error> {
    check(dir)?;
    // The index of a casefolded directory uses other hashes.
    if is_indexed(files, dir) && !dir.is_casefolded() && !dir.has_inline_data() {
        match htree::find(files, dir, name)? {
            htree::Answer::Found(number) => return Ok(number),
            htree::Answer::NotFound => return Err(Error::NotFound),
            htree::Answer::Unusable => {}
        }
    }
    let mut finder = Finder { name, found: None };
    each(files, dir, &mut |name, number, _| finder.see(name, number))?;
    finder.found.ok_or(Error::NotFound)
}

/// Searches for one name.
struct Finder<'a> {
    name: &'a [u8],
    found: Option<InodeNumber>,
}

impl Finder<'_> {
    fn see(&mut self, name: &[u8], number: InodeNumber) -> ControlFlow<()> {
        if name != self.name {
            return ControlFlow::Continue(());
        }
        self.found = Some(number);
        ControlFlow::Break(())
    }
}

fn check(dir: &Inode) -> Result<(), Error> {
    if dir.kind()? != FileType::Directory {
        return Err(Error::WrongType { expected: "directory" });
    }
    dir.refuse_encrypted()
}

/// Number of the directory's blocks: at least one, and at most as many as the filesystem has.
fn blocks<D: BlockRead>(files: &Files<D>, dir: &Inode) -> Result<u64, Error> {
    let superblock = &files.volume.superblock;
    let (blocks, rest) = divide(dir.size, superblock.block_size);
    if !(1..=superblock.blocks).contains(&blocks) || rest != 0 {
        return Err(corrupt(Fault::Range, "ext4_inode.i_size", dir.offset, dir.size));
    }
    Ok(blocks)
}

/// Block `logical` of the directory, with its checksum verified, and its offset. A directory has no holes.
fn block<D: BlockRead>(
    files: &Files<D>,
    dir: &Inode,
    logical: FileBlock,
) -> Result<(Vec<u8>, ByteOffset), Error> {
    let number = files.block_of(dir, logical, "directory block")?;
    let (bytes, offset) = files.volume.metadata_block(number, "directory block", dir.offset)?;
    if let Some(seed) = dir.checksum_seed {
        let shape = Shape::of(&bytes, logical, is_indexed(files, dir));
        checksum::verify(&bytes, offset, shape, seed)?;
    }
    Ok((bytes, offset))
}

/// Whether the directory has an index; as in Linux, its flag does not count without the feature.
fn is_indexed<D: BlockRead>(files: &Files<D>, dir: &Inode) -> bool {
    files.volume.superblock.has_dir_index && dir.has_index()
}

/// All entries of the block at `offset`.
fn entries(
    bytes: &[u8],
    offset: ByteOffset,
    has_file_type: bool,
    each: &mut EachEntry<'_, InodeNumber>,
) -> Result<ControlFlow<()>, Error> {
    let mut rest = bytes;
    while !rest.is_empty() {
        // Cannot saturate: `rest` is the end of `bytes`.
        let before = bytes.len().saturating_sub(rest.len());
        let at = offset.within(before);
        let fail = |structure, found: usize| {
            corrupt(Fault::Range, structure, at, u64::try_from(found).unwrap_or(u64::MAX))
        };
        let (raw, names) = Raw::ref_from_prefix(rest).map_err(|_| fail("ext4_dir_entry_2", rest.len()))?;
        let length = record_length(raw.rec_len.get(), bytes.len());
        let name_length = usize::from(raw.name_len);
        // Without the filetype feature, this byte is the high half of the name's length, and no name is longer than 255
        // bytes. The checksum tail, which is not an entry, has its type all the same.
        if !has_file_type && raw.file_type != 0 && raw.inode.get() != 0 {
            return Err(fail("ext4_dir_entry.name_len", usize::from(raw.file_type)));
        }
        // Cannot saturate: the length of a name is a byte.
        let needed = HEADER.saturating_add(name_length);
        if length < needed || !length.is_multiple_of(4) || length > rest.len() {
            return Err(fail("ext4_dir_entry_2.rec_len", length));
        }
        let name = names.get(..name_length).unwrap_or_default();
        if raw.inode.get() != 0 && name != b"." && name != b".." {
            if name.is_empty() || name.contains(&b'/') || name.contains(&0) {
                return Err(fail("ext4_dir_entry_2.name", name_length));
            }
            let kind = if has_file_type { file_type(raw.file_type) } else { None };
            if each(name, InodeNumber(raw.inode.get()), kind).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(ControlFlow::Continue(()))
}

/// `EXT4_FT_REG_FILE` and following; `None` for unknown values: the inode decides then.
fn file_type(stored: u8) -> Option<FileType> {
    match stored {
        1 => Some(FileType::File),
        2 => Some(FileType::Directory),
        3 => Some(FileType::CharDevice),
        4 => Some(FileType::BlockDevice),
        5 => Some(FileType::Fifo),
        6 => Some(FileType::Socket),
        7 => Some(FileType::Symlink),
        _ => None,
    }
}

/// `ext4_rec_len_from_disk`: the length of a whole 64 KiB block does not fit into the field.
fn record_length(stored: u16, block: usize) -> usize {
    if block >= 65_536 && matches!(stored, 0 | 0xffff) { block } else { usize::from(stored) }
}
