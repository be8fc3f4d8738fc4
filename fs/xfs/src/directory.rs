// SPDX-License-Identifier: BSD-3-Clause
//! Directories: a list in the inode, or blocks of entries with an index of their names (fs/xfs/libxfs/xfs_dir2*.c).

mod data;
mod index;
mod name;
mod short;

use alloc::{vec, vec::Vec};
use core::ops::ControlFlow;

use block::BlockRead;
use filesystem::{EachEntry, Error, Fault, FileType};

use crate::{
    checksum::{self, Expected, MetadataHeader},
    failure::{Failure, Outcome, corrupt},
    files::Files,
    inode::{Fork, Inode},
    run::State,
    superblock::Superblock,
    units::{ByteOffset, FileBlock, InodeNumber},
};
use name::Search;

/// Bytes of each section of a directory, entries first and then their index: `XFS_DIR2_SPACE_SIZE`. What follows the
/// index is for writers only.
const SPACE: u64 = 1 << 35;

/// Calls `each` with every entry but `.` and `..`.
///
/// # Errors
/// [`Error::WrongType`] when the inode is not a directory, [`Error::Corrupt`] for a damaged block.
pub fn each<D: BlockRead>(
    files: &Files<D>,
    dir: &Inode,
    each: &mut EachEntry<'_, InodeNumber>,
) -> Outcome<()> {
    check(dir)?;
    let superblock = &files.volume.superblock;
    let has_ftype = superblock.features.has_ftype();
    if dir.fork == Fork::Local {
        let _ = short::entries(dir, has_ftype, each)?;
        return Ok(());
    }
    let (end, step) = (blocks(dir, superblock)?, blocks_per_directory_block(superblock));
    // No directory has more blocks than the filesystem, but a damaged one may map the same block many times.
    let (mut next, mut left) = (FileBlock(0), superblock.blocks);
    while next < end {
        let run = files.run(dir, next)?;
        if run.at(next) == State::Hole {
            // A directory block without entries is freed as a whole: a hole ends where such a block does.
            if run.end() < end && !run.end().0.is_multiple_of(step) {
                return Err(corrupt(Fault::Inconsistent, "directory block", dir.offset, run.end()));
            }
            next = run.end();
            continue;
        }
        let too_many = || corrupt(Fault::Loop, "directory block", dir.offset, next);
        left = left.checked_sub(step).ok_or_else(too_many)?;
        let block = data::read(files, dir, next)?;
        if data::entries(&block, has_ftype, each)?.is_break() {
            break;
        }
        next = next.after(step);
    }
    Ok(())
}

/// The entry of this name.
///
/// # Errors
/// [`Error::NotFound`], and those of [`each`].
pub fn lookup<D: BlockRead>(files: &Files<D>, dir: &Inode, name: &[u8]) -> Outcome<InodeNumber> {
    check(dir)?;
    if matches!(name, b"." | b"..") {
        return Err(Error::NotFound.into()); // Paths know of them.
    }
    let features = &files.volume.superblock.features;
    let mut search = Search::new(name, features);
    if dir.fork == Fork::Local {
        let _ =
            short::entries(dir, features.has_ftype(), &mut |name, number, _| search.consider(name, number))?;
    } else {
        index::find(files, dir, &mut search)?;
    }
    search.found().ok_or_else(|| Error::NotFound.into())
}

fn check(dir: &Inode) -> Outcome<()> {
    match dir.kind {
        FileType::Directory => Ok(()),
        _ => Err(Error::WrongType { expected: "directory" }.into()),
    }
}

/// The first block past the entries.
fn blocks(dir: &Inode, superblock: &Superblock) -> Outcome<FileBlock> {
    let size = u64::try_from(superblock.directory_size()).unwrap_or(u64::MAX);
    if dir.size == 0 || dir.size > SPACE || !dir.size.is_multiple_of(size) {
        return Err(dir.corrupt_size());
    }
    Ok(FileBlock(dir.size.checked_shr(superblock.block_log).unwrap_or(0)))
}

/// Filesystem blocks in one directory block.
fn blocks_per_directory_block(superblock: &Superblock) -> u64 {
    // Cannot saturate: the superblock check made sure that the first logarithm is not below the second.
    1 << superblock.directory_log.saturating_sub(superblock.block_log).min(16)
}

/// A directory block: one or several blocks of the filesystem.
struct Block {
    bytes: Vec<u8>,
    /// Where its first filesystem block is.
    offset: ByteOffset,
    /// Its filesystem blocks are not contiguous and the log changed some: the stored checksum may not fit the whole.
    is_pieced: bool,
}

impl Block {
    /// Reads the directory block that starts at `first`, wherever its parts are.
    fn read<D: BlockRead>(files: &Files<D>, dir: &Inode, first: FileBlock) -> Outcome<Self> {
        let superblock = &files.volume.superblock;
        let (offset, _) = files.place(dir, first, "directory block")?;
        let mut bytes = vec![0; superblock.directory_size()];
        let (mut rest, mut logical) = (bytes.as_mut_slice(), first);
        let (mut pieces, mut is_replayed) = (0u32, false);
        while !rest.is_empty() {
            let (offset, blocks) = files.place(dir, logical, "directory block")?;
            // What saturates is longer than a directory block, and cut to what is still to be read of it.
            let length = blocks.saturating_mul(superblock.block_size());
            let length = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
            let Some((head, behind)) = rest.split_at_mut_checked(length) else { break };
            files.volume.read(offset, head)?;
            is_replayed |= files.volume.device().overlay().is_replayed(offset.0, length);
            // Cannot saturate: a directory block has at most 2⁷ blocks of the filesystem, each at most one piece.
            pieces = pieces.saturating_add(1);
            rest = behind;
            logical = logical.after(blocks);
        }
        Ok(Self { bytes, offset, is_pieced: is_replayed && pieces > 1 })
    }

    /// Checks the self-describing fields of a version 5 block.
    fn verify(&self, header: &MetadataHeader, dir: &Inode, superblock: &Superblock) -> Outcome<()> {
        if !superblock.features.is_v5() {
            return Ok(());
        }
        let owner = Some(dir.number);
        let expected = Expected { offset: self.offset, uuid: &superblock.metadata_uuid, owner };
        match self.is_pieced {
            true => header.verify_rest(&self.bytes, &expected),
            false => header.verify(&self.bytes, &expected),
        }
    }

    fn word(&self, at: usize) -> u32 {
        checksum::word(&self.bytes, at)
    }

    fn half(&self, at: usize) -> u16 {
        checksum::half(&self.bytes, at)
    }

    #[cold]
    fn corrupt(&self, fault: Fault, structure: &'static str, at: usize, found: impl Into<u64>) -> Failure {
        corrupt(fault, structure, self.offset.within(at), found)
    }
}

/// Calls `each` with an entry, except `.` and `..`.
fn visit(
    entry: &data::Entry<'_>,
    wrong: impl Fn() -> Failure,
    each: &mut EachEntry<'_, InodeNumber>,
) -> Outcome<ControlFlow<()>> {
    let name = entry.name;
    if name == b"." || name == b".." {
        return Ok(ControlFlow::Continue(()));
    }
    if name.is_empty() || name.contains(&b'/') || name.contains(&0) {
        return Err(wrong());
    }
    Ok(each(name, entry.number, entry.kind))
}
