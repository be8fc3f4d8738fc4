// SPDX-License-Identifier: BSD-3-Clause
//! The superblock: geometry, features, and the conversion of block and inode numbers to byte offsets.

mod raw;

use alloc::{string::String, vec};
use core::{fmt::Write, mem::offset_of};

use block::BlockRead;
use filesystem::{Fault, Identity};
use zerocopy::FromBytes;

use crate::{
    checksum,
    failure::{Failure, Outcome, corrupt, unsupported},
    features::{Features, INCOMPAT_META_UUID, MORE_BITS},
    log,
    units::{ByteOffset, FsBlock, InodeNumber},
};
use raw::Raw;

/// Bytes of the smallest sector, which has room for all fields.
pub const SMALLEST: u64 = 512;
/// `sb_magicnum`: `XFSB`
pub const MAGIC: [u8; 4] = *b"XFSB";
/// Sectors at the start of each group that are never allocated: superblock, AGF, AGI and AGFL.
const HEADERS: u64 = 4;

/// The superblock's values, checked against each other and against the device.
#[derive(Clone, Debug)]
pub struct Superblock {
    /// Log2 of a block's bytes: 9 to 16.
    pub block_log: u32,
    /// Log2 of a directory block's bytes: `block_log` to 16.
    pub directory_log: u32,
    /// Bytes of an inode: 256 to 2048, a power of two.
    pub inode_size: usize,
    /// Log2 of the inodes in a block.
    pub inodes_per_block_log: u32,
    /// Blocks of the filesystem: at least one, all on the device.
    pub blocks: u64,
    /// Blocks of an allocation group except the last: at least one.
    pub group_blocks: u64,
    /// Log2 of `group_blocks`, rounded up: the bits of a block number within its group.
    pub group_log: u32,
    /// Bytes of a sector.
    pub sector_size: u64,
    /// The root directory.
    pub root: InodeNumber,
    /// Free blocks when the superblock was last written.
    pub free_blocks: u64,
    /// First block of the log; 0 if it is on another device.
    log_start: FsBlock,
    /// Blocks of the log.
    log_blocks: u32,
    /// Blocks that chunks of inodes are aligned to.
    inode_alignment: u32,
    /// Number of the last change of the superblock in the log; `None` without checksums.
    lsn: Option<u64>,
    /// The features in use.
    pub features: Features,
    /// The UUID in all metadata.
    pub metadata_uuid: [u8; 16],
    /// The filesystem's UUID.
    pub uuid: [u8; 16],
    label: [u8; 12],
}

impl Superblock {
    /// Reads and checks the superblock.
    ///
    /// # Errors
    /// [`filesystem::Error::Corrupt`] naming the field, [`filesystem::Error::Unsupported`] naming the feature.
    pub fn read(device: &impl BlockRead) -> Outcome<Self> {
        let mut bytes = vec![0; usize::try_from(SMALLEST).unwrap_or(0)];
        device.read_at(0, &mut bytes)?;
        let raw = parse(&bytes)?;
        if raw.sb_magicnum.get() != u32::from_be_bytes(MAGIC) {
            let at = offset_of!(Raw, sb_magicnum);
            return Err(fault(Fault::Magic, "xfs_dsb.sb_magicnum", at, raw.sb_magicnum.get()));
        }
        let features = raw.features();
        // Before features: a damaged version number must not be reported as an unsupported one. Only version 5 has a
        // checksum, which covers a whole sector.
        if features.is_v5() || raw.sb_crc.get() != 0 {
            let sector_size = raw.sector_size()?;
            bytes.resize(usize::from(sector_size), 0);
            device.read_at(0, &mut bytes)?;
            let at = offset_of!(Raw, sb_crc);
            checksum::verify_crc(&bytes, ByteOffset(0), at, "xfs_dsb.sb_crc")?;
        }
        if let Some(feature) = features.unreadable() {
            return Err(unsupported(feature));
        }
        parse(&bytes)?.checked(features, device.size())
    }

    /// Format, label and UUID as blkid prints them.
    pub fn identity(&self) -> Identity {
        let label = self.label.split(|byte| *byte == 0).next().unwrap_or_default();
        Identity { format: "xfs", label: label.to_vec(), uuid: hyphenated(self.uuid) }
    }

    /// Bytes of a block.
    pub fn block_size(&self) -> u64 {
        1 << self.block_log.min(16)
    }

    /// Bytes of a directory block.
    pub fn directory_size(&self) -> usize {
        1 << self.directory_log.min(16)
    }

    /// Byte offset of a block.
    pub fn block_offset(&self, block: FsBlock) -> ByteOffset {
        // Does not saturate for blocks of the filesystem: they are all on the device.
        let (group, within) = self.split(block);
        let block = group.saturating_mul(self.group_blocks).saturating_add(within);
        ByteOffset(block.saturating_mul(self.block_size()))
    }

    /// Whether the `length` blocks at `block` are in one group of the filesystem, past its headers.
    pub fn has_blocks(&self, block: FsBlock, length: u64) -> bool {
        let (group, within) = self.split(block);
        // Cannot saturate: a few sectors of at most 2¹⁵ bytes.
        let headers = HEADERS.saturating_mul(self.sector_size).div_ceil(self.block_size());
        let end = within.checked_add(length).filter(|end| *end <= self.blocks_of(group));
        end.is_some() && within >= headers
    }

    /// Byte offset of an inode; `None` for a number that no inode can have.
    pub fn inode_offset(&self, number: InodeNumber) -> Option<ByteOffset> {
        let block = FsBlock(number.0.checked_shr(self.inodes_per_block_log)?);
        let in_block = number.0 ^ block.0.checked_shl(self.inodes_per_block_log)?;
        let size = u64::try_from(self.inode_size).ok()?;
        // Cannot saturate: less than a block: the inodes before this one in its block.
        self.has_blocks(block, 1).then(|| self.block_offset(block).after(in_block.saturating_mul(size)))
    }

    /// The log's geometry.
    ///
    /// # Errors
    /// [`filesystem::Error::Corrupt`] for a log outside the filesystem.
    pub fn log(&self) -> Outcome<log::Geometry> {
        let blocks = u64::from(self.log_blocks);
        let is_internal = self.log_start != FsBlock(0);
        if is_internal && (blocks == 0 || !self.has_blocks(self.log_start, blocks)) {
            let at = offset_of!(Raw, sb_logstart);
            return Err(fault(Fault::Range, "xfs_dsb.sb_logstart", at, self.log_start));
        }
        // Values that do not fit in 32 bits were refused before.
        let word = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        Ok(log::Geometry {
            log_start: is_internal.then(|| self.block_offset(self.log_start).0),
            // Cannot saturate: 32 bits of blocks of at most 2¹⁶ bytes.
            log_bytes: blocks.saturating_mul(self.block_size()),
            uuid: self.uuid,
            meta_uuid: self.metadata_uuid,
            block_size: word(self.block_size()),
            inode_size: u32::try_from(self.inode_size).unwrap_or(u32::MAX),
            group_blocks: word(self.group_blocks),
            inode_alignment: self.inode_alignment,
            superblock_lsn: self.lsn,
            is_v5: self.features.is_v5(),
            log_features: self.features.log_incompat,
        })
    }

    /// A block's group, and its number within the group.
    fn split(&self, block: FsBlock) -> (u64, u64) {
        let group = block.0.checked_shr(self.group_log).unwrap_or(0);
        (group, block.0 ^ group.checked_shl(self.group_log).unwrap_or(0))
    }

    fn blocks_of(&self, group: u64) -> u64 {
        // The product is no more than the block's number, whose high bits `group` is: a group has at most two to the
        // power of `group_log` blocks. The difference saturates for a group that is not of the filesystem: it has no
        // blocks.
        let before = group.saturating_mul(self.group_blocks);
        self.blocks.saturating_sub(before).min(self.group_blocks)
    }
}

impl Raw {
    fn features(&self) -> Features {
        let version = self.sb_versionnum.get();
        // Some machines wrote it four bytes further on; Linux accepts both.
        let features2 = self.sb_features2.get() | self.sb_bad_features2.get();
        let words = [&self.sb_features_ro_compat, &self.sb_features_incompat, &self.sb_features_log_incompat];
        let mut features = Features { version, features2, ro_compat: 0, incompat: 0, log_incompat: 0 };
        if features.is_v5() {
            [features.ro_compat, features.incompat, features.log_incompat] = words.map(|word| word.get());
        } else if !features.has_version(MORE_BITS) {
            features.features2 = 0;
        }
        features
    }

    /// Bytes of a sector, a power of two.
    fn sector_size(&self) -> Outcome<u16> {
        let (size, log) = (self.sb_sectsize.get(), self.sb_sectlog);
        if !size.is_power_of_two() || !(512..=32_768).contains(&size) {
            return Err(fault(Fault::Range, "xfs_dsb.sb_sectsize", offset_of!(Raw, sb_sectsize), size));
        }
        if size.trailing_zeros() != u32::from(log) {
            return Err(fault(Fault::Range, "xfs_dsb.sb_sectlog", offset_of!(Raw, sb_sectlog), log));
        }
        Ok(size)
    }

    /// `device_size` in bytes.
    fn checked(&self, features: Features, device_size: u64) -> Outcome<Superblock> {
        if self.sb_inprogress != 0 {
            return Err(unsupported("unfinished mkfs.xfs (sb_inprogress)"));
        }
        let sector_size = self.sector_size()?;
        self.check(device_size)?;
        let block_log = u32::from(self.sb_blocklog);
        let metadata_uuid =
            if features.has_incompat(INCOMPAT_META_UUID) { self.sb_meta_uuid } else { self.sb_uuid };
        Ok(Superblock {
            block_log,
            // Cannot saturate: a sum of two bytes.
            directory_log: block_log.saturating_add(self.sb_dirblklog.into()),
            inode_size: self.sb_inodesize.get().into(),
            inodes_per_block_log: self.sb_inopblog.into(),
            blocks: self.sb_dblocks.get(),
            group_blocks: self.sb_agblocks.get().into(),
            group_log: self.sb_agblklog.into(),
            sector_size: sector_size.into(),
            root: InodeNumber(self.sb_rootino.get()),
            free_blocks: self.sb_fdblocks.get(),
            log_start: FsBlock(self.sb_logstart.get()),
            log_blocks: self.sb_logblocks.get(),
            inode_alignment: self.sb_inoalignmt.get(),
            // `NULLCOMMITLSN`: mkfs.xfs and xfs_repair write it, since they have no transactions.
            lsn: Some(self.sb_lsn.get()).filter(|lsn| features.is_v5() && *lsn != u64::MAX),
            features,
            metadata_uuid,
            uuid: self.sb_uuid,
            label: self.sb_fname,
        })
    }

    /// Checks that fields do not contradict each other or the device's size (`xfs_validate_sb_common`).
    fn check(&self, device_size: u64) -> Outcome<()> {
        let [block_log, inode_log, directory_log] =
            [self.sb_blocklog, self.sb_inodelog, self.sb_dirblklog].map(u32::from);
        let (block_size, inode_size) = (self.sb_blocksize.get(), self.sb_inodesize.get());
        let (blocks, group_blocks) = (self.sb_dblocks.get(), self.sb_agblocks.get());
        // Cannot saturate: 32 bits have at most 32 leading zeros; a group without blocks is refused below.
        let group_log = u32::BITS.saturating_sub(group_blocks.saturating_sub(1).leading_zeros());
        let groups = blocks.div_ceil(u64::from(group_blocks).max(1));
        let bytes = blocks.checked_mul(block_size.into());
        macro_rules! field {
            ($name:ident, $found:expr, $is_right:expr) => {
                ($is_right, concat!("xfs_dsb.", stringify!($name)), offset_of!(Raw, $name), u64::from($found))
            };
        }
        let fields = [
            field!(
                sb_blocksize,
                block_size,
                (9..=16).contains(&block_log) && 1u32.checked_shl(block_log) == Some(block_size)
            ),
            field!(
                sb_inodesize,
                inode_size,
                (8..=11).contains(&inode_log) && 1u16.checked_shl(inode_log) == Some(inode_size)
            ),
            field!(
                sb_inopblog,
                self.sb_inopblog,
                block_log.checked_sub(inode_log) == Some(self.sb_inopblog.into())
            ),
            // Cannot saturate: a sum of two bytes.
            field!(sb_dirblklog, self.sb_dirblklog, block_log.saturating_add(directory_log) <= 16),
            field!(sb_agblocks, group_blocks, group_blocks > 0),
            field!(sb_agblklog, self.sb_agblklog, group_log == u32::from(self.sb_agblklog)),
            field!(sb_dblocks, blocks, bytes.is_some_and(|bytes| bytes > 0 && bytes <= device_size)),
            field!(sb_agcount, self.sb_agcount.get(), groups == u64::from(self.sb_agcount.get())),
        ];
        match fields.into_iter().find(|(is_right, ..)| !is_right) {
            None => Ok(()),
            Some((_, structure, at, found)) => Err(fault(Fault::Range, structure, at, found)),
        }
    }
}

fn parse(bytes: &[u8]) -> Outcome<&Raw> {
    let (raw, _) =
        Raw::ref_from_prefix(bytes).map_err(|_| corrupt(Fault::Truncated, "xfs_dsb", 0u64, SMALLEST))?;
    Ok(raw)
}

fn fault(fault: Fault, structure: &'static str, field: usize, found: impl Into<u64>) -> Failure {
    corrupt(fault, structure, ByteOffset(0).within(field), found)
}

/// `11111111-2222-3333-4444-555555555555`; empty for zeros, as in a filesystem without a UUID.
fn hyphenated(uuid: [u8; 16]) -> String {
    let mut text = String::new();
    if uuid == [0; 16] {
        return text;
    }
    for (i, byte) in uuid.iter().enumerate() {
        let hyphen = if matches!(i, 4 | 6 | 8 | 10) { "-" } else { "" };
        // Writing to a string does not fail.
        let _ = write!(text, "{hyphen}{byte:02x}");
    }
    text
}
