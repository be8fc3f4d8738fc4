// SPDX-License-Identifier: BSD-3-Clause
//! Inodes.

use alloc::vec::Vec;
use core::mem::offset_of;

use crc32c::crc32c;
use filesystem::{Attr, Error, Fault, FileType, Timestamp};
use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    little_endian::{U16, U32},
};

use crate::{
    corrupt,
    superblock::Superblock,
    units::{ByteOffset, InodeNumber},
    unsupported,
};

/// The root directory.
pub const ROOT: InodeNumber = InodeNumber(2);

/// `EXT4_ENCRYPT_FL`
const ENCRYPT_FL: u32 = 0x800;
/// `EXT4_INDEX_FL`
const INDEX_FL: u32 = 0x1000;
/// `EXT4_EXTENTS_FL`
const EXTENTS_FL: u32 = 0x8_0000;
/// `EXT4_INLINE_DATA_FL`
const INLINE_DATA_FL: u32 = 0x1000_0000;
/// `EXT4_CASEFOLD_FL`
const CASEFOLD_FL: u32 = 0x4000_0000;
/// Bytes of `i_block`.
const BLOCK_BYTES: u64 = 60;
/// Offset of `i_checksum_lo`.
const CHECKSUM_AT: usize = offset_of!(Raw, i_checksum_lo);
/// Bytes of an inode in revision 0.
const FIRST: usize = 128;
/// Bytes of extra fields up to and including `i_mtime_extra`.
const EXTRA_WITH_TIMES: usize = 12;
/// Nanoseconds of a second, less one.
const LAST_NANOSECOND: u32 = 999_999_999;

/// `struct ext4_inode`, the part that every inode has.
#[derive(Clone, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    i_mode: U16,
    i_uid: U16,
    i_size_lo: U32,
    i_atime: U32,
    i_ctime: U32,
    i_mtime: U32,
    i_dtime: U32,
    i_gid: U16,
    i_links_count: U16,
    i_blocks_lo: U32,
    i_flags: U32,
    i_version: U32,
    i_block: [u8; 60],
    i_generation: U32,
    i_file_acl_lo: U32,
    i_size_high: U32,
    i_obso_faddr: U32,
    i_blocks_high: U16,
    i_file_acl_high: U16,
    i_uid_high: U16,
    i_gid_high: U16,
    i_checksum_lo: U16,
    i_reserved: U16,
}

/// The extra fields, as many as `i_extra_isize` says.
#[derive(Clone, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Extra {
    i_extra_isize: U16,
    i_checksum_hi: U16,
    i_ctime_extra: U32,
    i_mtime_extra: U32,
}

/// An inode whose checksum is verified.
#[derive(Clone, Debug)]
pub struct Inode {
    pub number: InodeNumber,
    /// Its byte offset on the device.
    pub offset: ByteOffset,
    /// Length of the file in bytes.
    pub size: u64,
    /// Seed of the checksums of the inode's own blocks; `None` without metadata_csum.
    pub checksum_seed: Option<u32>,
    mode: u16,
    flags: u32,
    uid: u32,
    gid: u32,
    links: u16,
    modified: Timestamp,
    /// All bytes of the inode.
    bytes: Vec<u8>,
    /// Offset in `bytes` of the in-inode extended attributes.
    extra_end: usize,
}

impl Inode {
    /// Parses an inode from `bytes`, which have the superblock's inode size and are at `offset`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a wrong checksum.
    pub fn parse(
        number: InodeNumber,
        offset: ByteOffset,
        bytes: Vec<u8>,
        superblock: &Superblock,
    ) -> Result<Self, Error> {
        let short = || corrupt(Fault::Truncated, "ext4_inode", offset, superblock.inode_size);
        let (raw, rest) = Raw::read_from_prefix(&bytes).map_err(|_| short())?;
        let extra = extra(rest, offset)?;
        let seed = superblock.checksum_seed.map(|seed| {
            let seed = crc32c(seed, &number.0.to_le_bytes());
            crc32c(seed, &raw.i_generation.get().to_le_bytes())
        });
        if let Some(seed) = seed {
            verify(&raw, extra.as_ref(), seed, &bytes, offset)?;
        }
        let extra_size = extra.as_ref().map_or(0, |extra| usize::from(extra.i_extra_isize.get()));
        // The extra field holds the nanoseconds and two more bits of the seconds.
        let more = extra
            .as_ref()
            .filter(|_| extra_size >= EXTRA_WITH_TIMES)
            .map_or(0, |extra| extra.i_mtime_extra.get());
        let seconds = i32::from_le_bytes(raw.i_mtime.get().to_le_bytes());
        let epoch = i64::from(more & 3) << 32;
        Ok(Self {
            number,
            offset,
            size: size(&raw, superblock),
            checksum_seed: seed,
            mode: raw.i_mode.get(),
            flags: raw.i_flags.get(),
            uid: u32::from(raw.i_uid_high.get()) << 16 | u32::from(raw.i_uid.get()),
            gid: u32::from(raw.i_gid_high.get()) << 16 | u32::from(raw.i_gid.get()),
            links: raw.i_links_count.get(),
            modified: Timestamp {
                // Cannot saturate: 32 bits with a sign, and two more above them.
                seconds: i64::from(seconds).saturating_add(epoch),
                nanoseconds: (more >> 2).min(LAST_NANOSECOND),
            },
            // Cannot saturate: a constant, and 16 bits.
            extra_end: FIRST.saturating_add(extra_size),
            bytes,
        })
    }

    /// The type of the inode.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for an unknown type (a free inode has none).
    pub fn kind(&self) -> Result<FileType, Error> {
        Ok(match self.mode >> 12 {
            0x1 => FileType::Fifo,
            0x2 => FileType::CharDevice,
            0x4 => FileType::Directory,
            0x6 => FileType::BlockDevice,
            0x8 => FileType::File,
            0xa => FileType::Symlink,
            0xc => FileType::Socket,
            _ => return Err(corrupt(Fault::Range, "ext4_inode.i_mode", self.offset, self.mode)),
        })
    }

    /// Its attributes.
    pub fn attr(&self) -> Result<Attr, Error> {
        let kind = self.kind()?;
        let is_device = matches!(kind, FileType::CharDevice | FileType::BlockDevice);
        Ok(Attr {
            kind,
            mode: self.mode & 0xfff,
            uid: self.uid,
            gid: self.gid,
            size: self.size,
            links: u64::from(self.links),
            modified: self.modified,
            device: if is_device { self.device() } else { (0, 0) },
        })
    }

    /// Major and minor number: in the old encoding in the first word of `i_block`, or in the new one in the second.
    fn device(&self) -> (u32, u32) {
        let word = |at: usize| {
            self.block().get(at..).and_then(|b| b.first_chunk().copied()).map_or(0, u32::from_le_bytes)
        };
        match word(0) {
            0 => {
                let new = word(4);
                (new >> 8 & 0xfff, new & 0xff | new >> 12 & 0xf_ff00)
            }
            old => (old >> 8 & 0xff, old & 0xff),
        }
    }

    /// `i_block`: block numbers, the root of the extent tree, the target of a short link, or inline data.
    pub fn block(&self) -> &[u8] {
        self.bytes.get(0x28..0x64).unwrap_or_default()
    }

    /// Byte offset of `i_block` on the device.
    pub fn block_offset(&self) -> ByteOffset {
        self.offset.within(offset_of!(Raw, i_block))
    }

    /// Whether `i_block` is the root of an extent tree.
    pub fn has_extents(&self) -> bool {
        self.flags & EXTENTS_FL != 0
    }

    /// Whether the content is in the inode itself.
    pub fn has_inline_data(&self) -> bool {
        self.flags & INLINE_DATA_FL != 0
    }

    /// Whether the directory has an index of its names (if the filesystem has dir_index).
    pub fn has_index(&self) -> bool {
        self.flags & INDEX_FL != 0
    }

    /// Whether names in the directory are case-insensitive.
    pub fn is_casefolded(&self) -> bool {
        self.flags & CASEFOLD_FL != 0
    }

    /// The bytes of the inode after its fields: extended attributes.
    pub fn attributes(&self) -> &[u8] {
        self.bytes.get(self.extra_end..).unwrap_or_default()
    }

    /// The target of a symbolic link, if it is stored in `i_block`.
    pub fn fast_link(&self) -> Option<&[u8]> {
        let is_fast = !self.has_extents() && !self.has_inline_data() && self.size < BLOCK_BYTES;
        self.block().get(..usize::try_from(self.size).ok()?).filter(|_| is_fast)
    }

    /// Refuses encrypted inodes.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if names or content are encrypted.
    pub fn refuse_encrypted(&self) -> Result<(), Error> {
        if self.flags & ENCRYPT_FL != 0 { Err(unsupported("encrypt")) } else { Ok(()) }
    }
}

/// Length in bytes. Without large_dir, only regular files use its high half (`ext4_isize`).
fn size(raw: &Raw, superblock: &Superblock) -> u64 {
    let is_long = superblock.has_large_dir || raw.i_mode.get() >> 12 == 0x8;
    let high = if is_long { u64::from(raw.i_size_high.get()) } else { 0 };
    high << 32 | u64::from(raw.i_size_lo.get())
}

/// The extra fields, if the inode has them.
fn extra(rest: &[u8], offset: ByteOffset) -> Result<Option<Extra>, Error> {
    let Ok((extra, _)) = Extra::read_from_prefix(rest) else {
        return Ok(None);
    };
    let size = extra.i_extra_isize.get();
    if usize::from(size) > rest.len() || !size.is_multiple_of(4) {
        return Err(corrupt(Fault::Range, "ext4_inode.i_extra_isize", offset.within(FIRST), size));
    }
    Ok((size >= 4).then_some(extra))
}

fn verify(
    raw: &Raw,
    extra: Option<&Extra>,
    seed: u32,
    bytes: &[u8],
    offset: ByteOffset,
) -> Result<(), Error> {
    let zeros = [0, 0];
    let (Some(head), Some(reserved), Some(rest)) =
        (bytes.get(..CHECKSUM_AT), bytes.get(offset_of!(Raw, i_reserved)..FIRST), bytes.get(FIRST..))
    else {
        return Err(corrupt(Fault::Truncated, "ext4_inode", offset, 0u64));
    };
    let crc = [head, &zeros, reserved].into_iter().fold(seed, crc32c);
    let low = u32::from(raw.i_checksum_lo.get());
    let (stored, computed) = match (extra, rest.get(..2), rest.get(4..)) {
        (Some(extra), Some(size), Some(behind)) => {
            let crc = [size, &zeros, behind].into_iter().fold(crc, crc32c);
            (u32::from(extra.i_checksum_hi.get()) << 16 | low, crc)
        }
        // Without `i_checksum_hi` only 16 bits are stored, and all bytes are covered.
        _ => (low, crc32c(crc, rest) & 0xffff),
    };
    if stored == computed {
        return Ok(());
    }
    let fault = Fault::Checksum { computed: u64::from(computed) };
    Err(corrupt(fault, "ext4_inode.i_checksum", offset.within(CHECKSUM_AT), stored))
}
