// SPDX-License-Identifier: BSD-3-Clause
//! Inodes.

use alloc::vec::Vec;
use core::mem::offset_of;

use filesystem::{Attr, Fault, FileType, Timestamp};
use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    big_endian::{U16, U32, U64},
    little_endian,
};

use crate::{
    checksum::{self, Expected},
    failure::{Failure, Outcome, corrupt},
    features::{INCOMPAT_BIGTIME, INCOMPAT_NREXT64},
    superblock::Superblock,
    units::{ByteOffset, InodeNumber},
};

/// `di_magic`: `IN`
const MAGIC: u16 = 0x494e;
/// `XFS_DIFLAG_REALTIME`
const REALTIME: u16 = 0x1;
/// `XFS_DIFLAG2_BIGTIME`
const BIGTIME: u64 = 0x8;
/// `XFS_DIFLAG2_NREXT64`
const NREXT64: u64 = 0x10;
/// `XFS_DIFLAG2_METADATA`
const METADATA: u64 = 0x20;
/// Seconds from the start of bigtime to 1970: 2³¹.
const BIGTIME_EPOCH: i64 = 1 << 31;
const SECOND: u64 = 1_000_000_000;
const LAST_NANOSECOND: u32 = 999_999_999;
/// Bit 63 of a length: no file is this long.
const LONGEST: u64 = i64::MAX.unsigned_abs();

/// `struct xfs_dinode`, the part that all inodes have.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    di_magic: U16,
    di_mode: U16,
    di_version: u8,
    di_format: u8,
    /// The link count of version 1 inodes.
    di_metatype: U16,
    di_uid: U32,
    di_gid: U32,
    di_nlink: U32,
    di_projid_lo: U16,
    di_projid_hi: U16,
    di_big_nextents: U64,
    di_atime: U64,
    di_mtime: U64,
    di_ctime: U64,
    di_size: U64,
    di_nblocks: U64,
    di_extsize: U32,
    di_nextents: U32,
    di_anextents: U16,
    di_forkoff: u8,
    di_aformat: u8,
    di_dmevmask: U32,
    di_dmstate: U16,
    di_flags: U16,
    di_gen: U32,
    di_next_unlinked: U32,
}

/// The fields that version 3 inodes add after it.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawV3 {
    di_crc: little_endian::U32,
    di_changecount: U64,
    di_lsn: U64,
    di_flags2: U64,
    di_cowextsize: U32,
    di_pad2: [u8; 12],
    di_crtime: U64,
    di_ino: U64,
    di_uuid: [u8; 16],
}

const _: () = assert!(size_of::<Raw>() == 100 && size_of::<RawV3>() == 76);

/// Where a file's data, or the map of its blocks, is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fork {
    /// `XFS_DINODE_FMT_DEV`: a device number.
    Device,
    /// `XFS_DINODE_FMT_LOCAL`: the data itself is in the inode.
    Local,
    /// `XFS_DINODE_FMT_EXTENTS`: a list of this many extents.
    Extents(usize),
    /// `XFS_DINODE_FMT_BTREE`: the root of a B+tree of so many extents.
    Tree(u64),
}

/// An inode whose self-describing fields are right.
#[derive(Clone, Debug)]
pub struct Inode {
    pub number: InodeNumber,
    /// Its byte offset on the device.
    pub offset: ByteOffset,
    /// Its file type.
    pub kind: FileType,
    /// Length of the file in bytes, below 2⁶³.
    pub size: u64,
    pub fork: Fork,
    /// Whether its data is on the realtime device.
    pub is_realtime: bool,
    mode: u16,
    uid: u32,
    gid: u32,
    links: u32,
    modified: Timestamp,
    /// The whole inode as stored.
    bytes: Vec<u8>,
    /// Range of the data fork in `bytes`.
    start: usize,
    end: usize,
}

impl Inode {
    /// Parses an inode from `bytes`, which were read at `offset` and have the length that the superblock gives.
    ///
    /// # Errors
    /// [`filesystem::Error::Corrupt`] naming the field that is wrong.
    pub fn parse(
        number: InodeNumber,
        offset: ByteOffset,
        bytes: Vec<u8>,
        superblock: &Superblock,
    ) -> Outcome<Self> {
        let fail = |fault, structure, at: usize, found: u64| {
            Err(corrupt(fault, structure, offset.within(at), found))
        };
        let Ok((raw, rest)) = Raw::ref_from_prefix(&bytes) else {
            return fail(Fault::Truncated, "xfs_dinode", 0, 0);
        };
        if raw.di_magic.get() != MAGIC {
            return fail(Fault::Magic, "xfs_dinode.di_magic", 0, raw.di_magic.get().into());
        }
        let is_v5 = superblock.features.is_v5();
        let versions = if is_v5 { 3..=3 } else { 1..=2 };
        if !versions.contains(&raw.di_version) {
            let at = offset_of!(Raw, di_version);
            return fail(Fault::Range, "xfs_dinode.di_version", at, raw.di_version.into());
        }
        let v3 = if is_v5 { Some(verify(&bytes, rest, number, offset, superblock)?) } else { None };
        let flags2 = v3.map_or(0, |v3| v3.di_flags2.get());
        if raw.di_size.get() > LONGEST {
            return fail(Fault::Range, "xfs_dinode.di_size", offset_of!(Raw, di_size), raw.di_size.get());
        }
        // Cannot saturate: both structures were found in `bytes`, one after the other; eight times a byte is at most
        // 2040.
        let start = size_of::<Raw>().saturating_add(v3.map_or(0, |_| size_of::<RawV3>()));
        let room = bytes.len().saturating_sub(start);
        let length = match usize::from(raw.di_forkoff).saturating_mul(8) {
            0 => room,
            length if length < room => length,
            _ => {
                let at = offset_of!(Raw, di_forkoff);
                return fail(Fault::Range, "xfs_dinode.di_forkoff", at, raw.di_forkoff.into());
            }
        };
        let kind = raw.kind(offset)?;
        if !is_v5 {
            raw.check_blocks(offset)?;
        }
        let links = if raw.di_version == 1 { raw.di_metatype.get().into() } else { raw.di_nlink.get() };
        Ok(Self {
            number,
            offset,
            kind,
            size: raw.di_size.get(),
            fork: raw.fork(kind, flags2, length, offset)?,
            is_realtime: kind == FileType::File && raw.di_flags.get() & REALTIME != 0,
            mode: raw.di_mode.get(),
            uid: raw.di_uid.get(),
            gid: raw.di_gid.get(),
            links,
            modified: timestamp(raw.di_mtime.get(), flags2),
            bytes,
            start,
            // Cannot saturate: no more than `bytes` has: `length` is at most `room`.
            end: start.saturating_add(length),
        })
    }

    /// Its attributes.
    pub fn attr(&self) -> Attr {
        let is_device = matches!(self.kind, FileType::CharDevice | FileType::BlockDevice);
        Attr {
            kind: self.kind,
            mode: self.mode & 0xfff,
            uid: self.uid,
            gid: self.gid,
            size: self.size,
            links: u64::from(self.links),
            modified: self.modified,
            device: if is_device { self.device() } else { (0, 0) },
        }
    }

    /// Major and minor number: 14 and 18 bits, as in System V.
    fn device(&self) -> (u32, u32) {
        let device = checksum::word(self.fork_bytes(), 0);
        (device >> 18, device & 0x3_ffff)
    }

    /// The data fork.
    pub fn fork_bytes(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Where the data fork is on the device.
    pub fn fork_offset(&self) -> ByteOffset {
        self.offset.within(self.start)
    }

    /// The data of a file that is stored in the inode.
    ///
    /// # Errors
    /// [`filesystem::Error::Corrupt`] if its size exceeds the fork.
    pub fn local(&self) -> Outcome<&[u8]> {
        let size = usize::try_from(self.size).ok();
        let bytes = size.and_then(|size| self.fork_bytes().get(..size));
        bytes.ok_or_else(|| self.corrupt_size())
    }

    /// The inode with another size, which an intent in the log sets.
    ///
    /// # Errors
    /// [`filesystem::Error::Corrupt`] for a size that no file can have.
    pub fn with_size(self, size: u64) -> Outcome<Self> {
        let inode = Self { size, ..self };
        if size > LONGEST { Err(inode.corrupt_size()) } else { Ok(inode) }
    }

    /// The error for a wrong `di_size`.
    #[cold]
    #[inline(never)]
    pub fn corrupt_size(&self) -> Failure {
        let at = self.offset.within(offset_of!(Raw, di_size));
        corrupt(Fault::Range, "xfs_dinode.di_size", at, self.size)
    }

    /// An error about `di_nextents`, where so many were found.
    #[cold]
    #[inline(never)]
    pub fn corrupt_extents(&self, found: u64) -> Failure {
        let at = self.offset.within(offset_of!(Raw, di_nextents));
        corrupt(Fault::Inconsistent, "xfs_dinode.di_nextents", at, found)
    }
}

impl Raw {
    /// The file type; `None` for a free inode.
    fn kind(&self, offset: ByteOffset) -> Outcome<FileType> {
        Ok(match self.di_mode.get() >> 12 {
            0x1 => FileType::Fifo,
            0x2 => FileType::CharDevice,
            0x4 => FileType::Directory,
            0x6 => FileType::BlockDevice,
            0x8 => FileType::File,
            0xa => FileType::Symlink,
            0xc => FileType::Socket,
            _ => {
                let at = offset.within(offset_of!(Self, di_mode));
                return Err(corrupt(Fault::Range, "xfs_dinode.di_mode", at, self.di_mode.get()));
            }
        })
    }

    /// Checks that the counts of extents and blocks agree, as Linux does (`xfs_dinode_verify`). Skipped in version 5:
    /// it has checksums, and its log replay in memory changes extents without updating the block count.
    fn check_blocks(&self, offset: ByteOffset) -> Outcome<()> {
        let (extents, blocks) = (u64::from(self.di_nextents.get()), self.di_nblocks.get());
        // Cannot saturate: numbers of 32 and of 16 bits.
        let extents = extents.saturating_add(self.di_anextents.get().into());
        if extents > blocks || (extents == 0 && blocks > 0) {
            let at = offset.within(offset_of!(Self, di_nblocks));
            return Err(corrupt(Fault::Inconsistent, "xfs_dinode.di_nblocks", at, blocks));
        }
        Ok(())
    }

    /// The format of the data fork, which has `length` bytes.
    fn fork(&self, kind: FileType, flags2: u64, length: usize, offset: ByteOffset) -> Outcome<Fork> {
        use FileType::{Directory, File, Symlink};
        let extents = match flags2 & NREXT64 {
            0 => u64::from(self.di_nextents.get()),
            _ => self.di_big_nextents.get(),
        };
        match (self.di_format, kind) {
            (0, kind) if !matches!(kind, File | Directory | Symlink) => Ok(Fork::Device),
            (1, Directory | Symlink) => Ok(Fork::Local),
            (2, File | Directory | Symlink) => {
                let count = usize::try_from(extents).ok().filter(|count| *count <= length / 16);
                let at = offset.within(offset_of!(Self, di_nextents));
                let wrong = || corrupt(Fault::Range, "xfs_dinode.di_nextents", at, extents);
                Ok(Fork::Extents(count.ok_or_else(wrong)?))
            }
            (3, File | Directory | Symlink) => Ok(Fork::Tree(extents)),
            (format, _) => {
                let at = offset.within(offset_of!(Self, di_format));
                Err(corrupt(Fault::Range, "xfs_dinode.di_format", at, format))
            }
        }
    }
}

/// Checks the self-describing fields of a version 3 inode; `rest` is the part of `bytes` after the common fields.
fn verify<'a>(
    bytes: &[u8],
    rest: &'a [u8],
    number: InodeNumber,
    offset: ByteOffset,
    superblock: &Superblock,
) -> Outcome<&'a RawV3> {
    const START: usize = size_of::<Raw>();
    let Ok((v3, _)) = RawV3::ref_from_prefix(rest) else {
        return Err(corrupt(Fault::Truncated, "xfs_dinode", offset, superblock.sector_size));
    };
    checksum::verify_crc(bytes, offset, START, "xfs_dinode.di_crc")?;
    let expected = Expected { offset, uuid: &superblock.metadata_uuid, owner: Some(number) };
    checksum::verify_uuid(
        bytes,
        &expected,
        // Cannot saturate: a sum of two constants.
        START.saturating_add(offset_of!(RawV3, di_uuid)),
        "xfs_dinode.di_uuid",
    )?;
    let fail = |structure, at: usize, found: u64| {
        Err(corrupt(Fault::Inconsistent, structure, offset.within(START).within(at), found))
    };
    if v3.di_ino.get() != number.0 {
        return fail("xfs_dinode.di_ino", offset_of!(RawV3, di_ino), v3.di_ino.get());
    }
    // Metadata inodes are in no directory, and no inode may use a feature that the superblock lacks.
    let flags2 = v3.di_flags2.get();
    let has = |bit| superblock.features.has_incompat(bit);
    let is_wrong = flags2 & METADATA != 0
        || (flags2 & BIGTIME != 0 && !has(INCOMPAT_BIGTIME))
        || (flags2 & NREXT64 != 0 && !has(INCOMPAT_NREXT64));
    match is_wrong {
        true => fail("xfs_dinode.di_flags2", offset_of!(RawV3, di_flags2), flags2),
        false => Ok(v3),
    }
}

/// A time: seconds and nanoseconds of 32 bits each, or with bigtime, nanoseconds since 1901.
fn timestamp(stored: u64, flags2: u64) -> Timestamp {
    if flags2 & BIGTIME != 0 {
        // Cannot saturate: 64 bits of nanoseconds are less than 2³⁵ seconds.
        let seconds = i64::try_from(stored / SECOND).unwrap_or(0).saturating_sub(BIGTIME_EPOCH);
        return Timestamp { seconds, nanoseconds: u32::try_from(stored % SECOND).unwrap_or(0) };
    }
    let [a, b, c, d, low @ ..] = stored.to_be_bytes();
    Timestamp {
        seconds: i64::from(i32::from_be_bytes([a, b, c, d])),
        nanoseconds: u32::from_be_bytes(low).min(LAST_NANOSECOND),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_two_forms() {
        let at = |seconds, nanoseconds| Timestamp { seconds, nanoseconds };
        assert_eq!(timestamp(0, BIGTIME), at(-(1 << 31), 0));
        assert_eq!(timestamp((1 << 31) * SECOND + 7, BIGTIME), at(0, 7));
        // The last time that Linux writes: 2 July 2486, 20:20:24.
        assert_eq!(timestamp(u64::MAX, BIGTIME).seconds, 16_299_260_425);
        assert_eq!(timestamp(0xffff_fffe_0000_0007, 0), at(-2, 7));
        assert_eq!(timestamp(0x7fff_ffff_ffff_ffff, 0), at(0x7fff_ffff, LAST_NANOSECOND));
    }
}
