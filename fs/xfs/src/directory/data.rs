// SPDX-License-Identifier: BSD-3-Clause
//! Blocks of entries.

use core::ops::ControlFlow;

use block::BlockRead;
use filesystem::{EachEntry, Fault, FileType};

use super::{Block, visit};
use crate::{
    checksum::MetadataHeader,
    failure::{Failure, Outcome},
    files::Files,
    inode::Inode,
    units::{FileBlock, InodeNumber},
};

/// `XD2B` and `XDB3`: the only block of a directory, with the index at its end.
const ONLY: [u32; 2] = [0x5844_3242, 0x5844_4233];
/// `XD2D` and `XDD3`: one of several blocks.
const DATA: [u32; 2] = [0x5844_3244, 0x5844_4433];
/// Bytes of `struct xfs_dir2_data_hdr` and `struct xfs_dir3_data_hdr`.
const HEADERS: [usize; 2] = [16, 64];
const METADATA_HEADER: MetadataHeader = MetadataHeader {
    crc: 4,
    blkno: 8,
    uuid: 24,
    owner: 40,
    names: [
        "xfs_dir3_blk_hdr.crc",
        "xfs_dir3_blk_hdr.blkno",
        "xfs_dir3_blk_hdr.uuid",
        "xfs_dir3_blk_hdr.owner",
    ],
};
/// `XFS_DIR2_DATA_FREE_TAG`: marks unused space in place of an entry.
const FREE: u16 = 0xffff;
/// Bytes of an entry before its name, and of its tag.
const BEFORE_NAME: usize = 9;
const TAG: usize = 2;
/// Entries are multiples of this many bytes.
const ALIGNMENT: usize = 8;
/// Bytes of `struct xfs_dir2_block_tail`, and of `struct xfs_dir2_leaf_entry`.
const TAIL: usize = 8;
const LEAF_ENTRY: usize = 8;

/// A block of entries whose self-describing fields are right.
pub struct DataBlock {
    pub block: Block,
    /// Where entries start and end.
    start: usize,
    end: usize,
    /// It is the whole directory, with the index at its end.
    pub is_only: bool,
}

/// A directory entry.
pub struct Entry<'a> {
    pub number: InodeNumber,
    pub name: &'a [u8],
    pub kind: Option<FileType>,
    /// Bytes of the entry.
    length: usize,
}

/// Reads the block of entries that starts at block `first` of the directory.
pub fn read<D: BlockRead>(files: &Files<D>, dir: &Inode, first: FileBlock) -> Outcome<DataBlock> {
    let superblock = &files.volume.superblock;
    let block = Block::read(files, dir, first)?;
    let version = usize::from(superblock.features.is_v5());
    let magic = block.word(0);
    let is = |magics: [u32; 2]| magics.get(version) == Some(&magic);
    let is_only = is(ONLY) && dir.size == u64::try_from(superblock.directory_size()).unwrap_or(0);
    if !is_only && !is(DATA) {
        return Err(block.corrupt(Fault::Magic, "xfs_dir2_data_hdr.magic", 0, magic));
    }
    block.verify(&METADATA_HEADER, dir, superblock)?;
    let start = HEADERS.get(version).copied().unwrap_or(0);
    let mut data = DataBlock { end: block.bytes.len(), block, start, is_only };
    if is_only {
        // Cannot saturate: a block has 512 bytes at least, and 32 bits of entries of 8 bytes are less than 2³⁶.
        let tail = data.end.saturating_sub(TAIL);
        let count = data.block.word(tail);
        let index = usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(LEAF_ENTRY);
        let end = tail.checked_sub(index).filter(|end| *end >= start);
        let wrong = || data.block.corrupt(Fault::Range, "xfs_dir2_block_tail.count", tail, count);
        data.end = end.ok_or_else(wrong)?;
    }
    Ok(data)
}

/// Calls `each` with all entries of a block.
pub fn entries(
    data: &DataBlock,
    has_ftype: bool,
    each: &mut EachEntry<'_, InodeNumber>,
) -> Outcome<ControlFlow<()>> {
    let mut at = data.start;
    // Cannot saturate: `at` never exceeds `data.end`: both `free` and `entry` refuse a length that does not fit before
    // it.
    while at < data.end {
        if data.block.half(at) == FREE {
            at = at.saturating_add(data.free(at)?);
            continue;
        }
        let entry = data.entry(at, has_ftype)?;
        let length = entry.name.len();
        let wrong = || {
            let length = u64::try_from(length).unwrap_or(u64::MAX);
            data.block.corrupt(Fault::Range, "xfs_dir2_data_entry.name", at, length)
        };
        if visit(&entry, wrong, each)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        at = at.saturating_add(entry.length);
    }
    Ok(ControlFlow::Continue(()))
}

impl DataBlock {
    /// The index at the end of the only block of a directory.
    pub fn index(&self) -> &[u8] {
        // Cannot saturate: a block has 512 bytes at least.
        let end = self.block.bytes.len().saturating_sub(TAIL);
        self.block.bytes.get(self.end..end).unwrap_or_default()
    }

    /// The error for an index that is not sorted.
    pub fn unsorted(&self) -> Failure {
        let found = self.block.word(self.end);
        self.block.corrupt(Fault::Inconsistent, "xfs_dir2_leaf_entry.hashval", self.end, found)
    }

    /// The entry at `at`.
    ///
    /// # Errors
    /// [`filesystem::Error::Corrupt`] where there is no valid entry.
    pub fn entry(&self, at: usize, has_ftype: bool) -> Outcome<Entry<'_>> {
        let fail = |fault, structure, found: u64| Err(self.block.corrupt(fault, structure, at, found));
        let bytes = self.block.bytes.get(..self.end).and_then(|bytes| bytes.get(at..)).unwrap_or_default();
        let header = bytes.split_first_chunk::<BEFORE_NAME>();
        let Some((&[a, b, c, d, e, f, g, h, name_length], rest)) = header.filter(|_| at >= self.start) else {
            return fail(Fault::Range, "xfs_dir2_data_entry", u64::try_from(at).unwrap_or(u64::MAX));
        };
        let name_bytes = usize::from(name_length);
        let (name, rest) = rest.split_at_checked(name_bytes).unwrap_or_default();
        // Cannot saturate: less than 300: the length of a name is a byte.
        let length = BEFORE_NAME
            .saturating_add(name_bytes)
            .saturating_add(usize::from(has_ftype))
            .saturating_add(TAG)
            .next_multiple_of(ALIGNMENT);
        if name_length == 0 || length > bytes.len() {
            return fail(Fault::Range, "xfs_dir2_data_entry.namelen", name_length.into());
        }
        self.check_tag(at, length, "xfs_dir2_data_entry.tag")?;
        let number = InodeNumber(u64::from_be_bytes([a, b, c, d, e, f, g, h]));
        let kind = rest.first().filter(|_| has_ftype).and_then(|stored| file_type(*stored));
        Ok(Entry { number, name, kind, length })
    }

    /// Bytes of the unused space at `at`.
    fn free(&self, at: usize) -> Outcome<usize> {
        // Cannot saturate: `at` is below `end`, where the walk over the block stops.
        let stored = self.block.half(at.saturating_add(2));
        let length = usize::from(stored);
        let room = self.end.saturating_sub(at);
        if length == 0 || !length.is_multiple_of(ALIGNMENT) || length > room {
            return Err(self.block.corrupt(Fault::Range, "xfs_dir2_data_unused.length", at, stored));
        }
        self.check_tag(at, length, "xfs_dir2_data_unused.tag")?;
        Ok(length)
    }

    /// Checks the tag, the last two bytes of an entry or of unused space, which repeat its offset.
    fn check_tag(&self, at: usize, length: usize, structure: &'static str) -> Outcome<()> {
        // Cannot saturate: the callers have checked that the entry at `at` has room for its tag and ends within the
        // block.
        let tag = self.block.half(at.saturating_add(length).saturating_sub(TAG));
        match usize::from(tag) == at {
            true => Ok(()),
            false => Err(self.block.corrupt(Fault::Inconsistent, structure, at, tag)),
        }
    }
}

/// `XFS_DIR3_FT_REG_FILE` and the values after it; `None` for an unknown or invalid value: then the inode decides.
pub fn file_type(stored: u8) -> Option<FileType> {
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

impl<'a> Entry<'a> {
    /// An entry that is not in a directory block.
    pub fn new(number: InodeNumber, name: &'a [u8], kind: Option<FileType>) -> Self {
        Self { number, name, kind, length: 0 }
    }
}
