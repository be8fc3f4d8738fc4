// SPDX-License-Identifier: BSD-3-Clause
//! Targets of symbolic links: in the inode, or in blocks (fs/xfs/libxfs/xfs_symlink_remote.c).

use alloc::{vec, vec::Vec};

use block::BlockRead;
use filesystem::{Error, Fault, FileType};

use crate::{
    checksum::{self, Expected, MetadataHeader},
    failure::{Outcome, corrupt},
    files::Files,
    inode::{Fork, Inode},
    units::FileBlock,
};

/// Longest target: `XFS_SYMLINK_MAXLEN`.
const LONGEST: u64 = 1024;
/// `XSLM`
const MAGIC: u32 = 0x5853_4c4d;
/// Bytes of `struct xfs_dsymlink_hdr`, and the offsets of its `sl_offset` and `sl_bytes`.
const HEADER: usize = 56;
const OFFSET_AT: usize = 4;
const BYTES_AT: usize = 8;
const METADATA_HEADER: MetadataHeader = MetadataHeader {
    crc: 12,
    blkno: 40,
    uuid: 16,
    owner: 32,
    names: [
        "xfs_dsymlink_hdr.sl_crc",
        "xfs_dsymlink_hdr.sl_blkno",
        "xfs_dsymlink_hdr.sl_uuid",
        "xfs_dsymlink_hdr.sl_owner",
    ],
};

/// The target of a link.
///
/// # Errors
/// [`Error::WrongType`] if the inode is not a symbolic link, [`Error::Corrupt`] if it is damaged.
pub fn target<D: BlockRead>(files: &Files<D>, inode: &Inode) -> Outcome<Vec<u8>> {
    if inode.kind != FileType::Symlink {
        return Err(Error::WrongType { expected: "symbolic link" }.into());
    }
    if !(1..=LONGEST).contains(&inode.size) {
        return Err(inode.corrupt_size());
    }
    if inode.fork == Fork::Local {
        return Ok(inode.local()?.to_vec());
    }
    let superblock = &files.volume.superblock;
    let size = usize::try_from(inode.size).unwrap_or(0);
    // In version 5 each extent begins with a header.
    let header = if superblock.features.is_v5() { HEADER } else { 0 };
    let block_size = usize::try_from(superblock.block_size()).unwrap_or(0);
    let (mut target, mut logical) = (Vec::new(), FileBlock(0));
    while target.len() < size {
        let (offset, blocks) = files.place(inode, logical, "symbolic link")?;
        // At most what the rest needs if each block had a header, hence at most 3 blocks. Neither difference saturates:
        // something is missing, and the smallest block of version 5 has 1024 bytes.
        let missing = size.saturating_sub(target.len());
        let most = missing.div_ceil(block_size.saturating_sub(header).max(1));
        let blocks = usize::try_from(blocks).unwrap_or(most).min(most);
        // Cannot saturate: three blocks at most, see above.
        let mut bytes = vec![0; blocks.saturating_mul(block_size)];
        files.volume.read(offset, &mut bytes)?;
        let expected = Expected { offset, uuid: &superblock.metadata_uuid, owner: Some(inode.number) };
        let part = match header {
            0 => bytes.get(..missing).unwrap_or(&bytes),
            _ => part(&bytes, &expected, target.len(), size)?,
        };
        target.extend_from_slice(part);
        logical = logical.after(u64::try_from(blocks).unwrap_or(0));
    }
    Ok(target)
}

/// The part of a target in one extent; the first `before` of `size` bytes are already read.
fn part<'a>(bytes: &'a [u8], expected: &Expected<'_>, before: usize, size: usize) -> Outcome<&'a [u8]> {
    let fail = |fault, structure, at: usize| {
        Err(corrupt(fault, structure, expected.offset.within(at), checksum::word(bytes, at)))
    };
    if checksum::word(bytes, 0) != MAGIC {
        return fail(Fault::Magic, "xfs_dsymlink_hdr.sl_magic", 0);
    }
    METADATA_HEADER.verify(bytes, expected)?;
    let field = |at| usize::try_from(checksum::word(bytes, at)).unwrap_or(usize::MAX);
    if field(OFFSET_AT) != before {
        return fail(Fault::Inconsistent, "xfs_dsymlink_hdr.sl_offset", OFFSET_AT);
    }
    let length = field(BYTES_AT);
    let part = bytes.get(HEADER..).and_then(|rest| rest.get(..length));
    // Cannot saturate: `before` is less than `size` as long as parts are read.
    match part.filter(|_| length > 0 && length <= size.saturating_sub(before)) {
        Some(part) => Ok(part),
        None => fail(Fault::Range, "xfs_dsymlink_hdr.sl_bytes", BYTES_AT),
    }
}
