// SPDX-License-Identifier: BSD-3-Clause
//! The superblock.

mod raw;

use alloc::{string::String, vec::Vec};
use core::{fmt::Write, iter::successors, mem::offset_of};

use block::BlockRead;
use crc32c::crc32c;
use filesystem::{Error, Fault, Identity};
use zerocopy::{FromBytes, little_endian::U32};

use crate::{
    corrupt,
    features::{
        self, COMPAT_DIR_INDEX, COMPAT_HAS_JOURNAL, COMPAT_SPARSE_SUPER2, INCOMPAT_64BIT, INCOMPAT_CSUM_SEED,
        INCOMPAT_FILETYPE, INCOMPAT_LARGE_DIR, INCOMPAT_META_BG, INCOMPAT_RECOVER, RO_COMPAT_BIGALLOC,
        RO_COMPAT_GDT_CSUM, RO_COMPAT_METADATA_CSUM, RO_COMPAT_SPARSE_SUPER,
    },
    units::{BlockNumber, ByteOffset, GroupNumber},
    unsupported,
};
pub use raw::Raw;

/// Its byte offset on the device.
pub const OFFSET: u64 = 1024;
/// Its size in bytes.
pub const SIZE: u64 = 1024;
/// `s_magic`
pub const MAGIC: u16 = 0xef53;
/// Offset of `s_magic` in it.
pub const MAGIC_AT: usize = offset_of!(Raw, s_magic);
/// Offset of `s_checksum`, which covers all bytes before it.
pub const CHECKSUM_AT: usize = offset_of!(Raw, s_checksum);
/// Maximum number of superblock copies that are written: enough for 4 TiB with blocks of 1 KiB and a copy in every
/// group.
const MOST_BACKUPS: u64 = 1 << 19;
/// `EXT4_CRC32C_CHKSUM`
const CRC32C: u8 = 1;
/// `EXT2_FLAGS_UNSIGNED_HASH`: names are hashed as unsigned bytes.
const FLAGS_UNSIGNED_HASH: u32 = 2;
/// `EXT4_MAX_DESC_SIZE`
const LARGEST_DESCRIPTOR: u16 = 1024;
/// `EXT2_VALID_FS` of `s_state`: unmounted cleanly.
const STATE_VALID: u16 = 1;
/// `EXT2_ERROR_FS` of `s_state`: errors were found.
const STATE_ERROR: u16 = 2;
/// Largest cluster: 2^20 blocks of 1 KiB, `EXT2_MAX_CLUSTER_LOG_SIZE` of e2fsprogs.
const LARGEST_CLUSTER_LOG: u32 = 29;

/// The superblock's values, checked against each other and against the device.
#[derive(Clone, Debug)]
pub struct Superblock {
    /// Bytes of a block: 1024 to 65536, a power of two.
    pub block_size: u64,
    /// Blocks of the filesystem: at least one, all on the device.
    pub blocks: u64,
    /// Group 0's first block, below `blocks`.
    pub first_data_block: BlockNumber,
    /// Blocks of a group, at least one.
    pub blocks_per_group: u64,
    /// Inodes of the filesystem.
    pub inodes: u32,
    /// Inodes of a group, at least one.
    pub inodes_per_group: u32,
    /// Bytes of an inode: a power of two from 128 to a block.
    pub inode_size: u64,
    /// Bytes of a group descriptor: a power of two from 32 to 1024.
    pub descriptor_size: u64,
    /// Meta block groups before this one have their descriptors after the superblock, as all have without
    /// meta_bg.
    pub first_meta_bg: Option<u64>,
    /// Directory entries have a file type.
    pub has_file_type: bool,
    /// Directories with the index flag have an index.
    pub has_dir_index: bool,
    /// Directories may have 2 GiB and more, and three levels of index.
    pub has_large_dir: bool,
    /// The journal must be replayed.
    pub needs_recovery: bool,
    /// It has a journal.
    pub has_journal: bool,
    /// It was unmounted cleanly. With a journal this stays set while it is mounted; `needs_recovery` tells then.
    pub is_unmounted: bool,
    /// Errors were found in it, and it has not been repaired since.
    pub has_errors: bool,
    /// Free blocks, as last recorded in the superblock.
    pub free_blocks: u64,
    /// `s_feature_compat`, `s_feature_incompat`, `s_feature_ro_compat`.
    pub features: [u32; 3],
    /// Inode of the journal; 0 if it is on another device.
    pub journal_inode: u32,
    /// Seed of metadata checksums; `None` without metadata_csum.
    pub checksum_seed: Option<u32>,
    /// Group descriptors have CRC-16 checksums.
    pub has_gdt_csum: bool,
    /// The filesystem's UUID.
    pub uuid: [u8; 16],
    /// `s_hash_seed`: seed of the hashes of names; all zeros for the default constants.
    pub hash_seed: [u32; 4],
    /// Names are hashed as unsigned bytes.
    pub hashes_unsigned: bool,
    backups: Backups,
    label: [u8; 16],
    format: &'static str,
}

/// Which groups hold a copy of the superblock.
#[derive(Clone, Copy, Debug)]
enum Backups {
    All,
    Sparse,
    Two([u32; 2]),
}

impl Superblock {
    /// Reads and checks the superblock.
    ///
    /// # Errors
    /// [`Error::Corrupt`] naming the field, [`Error::Unsupported`] naming the feature.
    pub fn read(device: &impl BlockRead) -> Result<Self, Error> {
        let mut bytes = [0; 1024];
        device.read_at(OFFSET, &mut bytes)?;
        let raw = Raw::ref_from_bytes(&bytes)
            .map_err(|_| corrupt(Fault::Truncated, "ext4_super_block", OFFSET, SIZE))?;
        if raw.s_magic.get() != MAGIC {
            return Err(fault(Fault::Magic, "ext4_super_block.s_magic", MAGIC_AT, raw.s_magic.get()));
        }
        if raw.has_checksums() {
            if raw.s_checksum_type != CRC32C {
                return Err(fault(
                    Fault::Range,
                    "ext4_super_block.s_checksum_type",
                    offset_of!(Raw, s_checksum_type),
                    raw.s_checksum_type,
                ));
            }
            let computed = crc32c(!0, bytes.get(..CHECKSUM_AT).unwrap_or_default());
            if computed != raw.s_checksum.get() {
                let wrong = Fault::Checksum { computed: u64::from(computed) };
                return Err(fault(wrong, "ext4_super_block.s_checksum", CHECKSUM_AT, raw.s_checksum.get()));
            }
        }
        if let Some(feature) = features::unreadable(raw.s_feature_incompat.get()) {
            return Err(unsupported(feature));
        }
        raw.checked(device.size())
    }

    /// Format, label and UUID as blkid shows them.
    pub fn identity(&self) -> Identity {
        let label = self.label.split(|byte| *byte == 0).next().unwrap_or_default();
        Identity { format: self.format, label: label.to_vec(), uuid: hyphenated(self.uuid) }
    }

    /// Number of block groups.
    pub fn groups(&self) -> u64 {
        // Cannot saturate: the first data block is below `blocks`, which was checked.
        self.blocks.saturating_sub(self.first_data_block.0).div_ceil(self.blocks_per_group.max(1))
    }

    /// First block of a group.
    pub fn first_block(&self, group: GroupNumber) -> BlockNumber {
        // Does not saturate for groups of the filesystem.
        self.first_data_block.after(group.0.saturating_mul(self.blocks_per_group))
    }

    /// Byte offset of a block.
    pub fn block_offset(&self, block: BlockNumber) -> ByteOffset {
        // Does not saturate for blocks of the filesystem: they are all on the device.
        ByteOffset(block.0.saturating_mul(self.block_size))
    }

    /// Whether a group starts with a copy of the superblock.
    pub fn has_backup(&self, group: GroupNumber) -> bool {
        let GroupNumber(group) = group;
        match self.backups {
            _ if group == 0 => true,
            Backups::All => true,
            Backups::Two(groups) => groups.iter().any(|g| u64::from(*g) == group),
            Backups::Sparse => group == 1 || [3, 5, 7].into_iter().any(|base| is_power(group, base)),
        }
    }
}

impl Superblock {
    /// The groups after the first one that start with a copy of the superblock.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for implausibly many of them.
    pub fn backups(&self) -> Result<Vec<GroupNumber>, Error> {
        let groups = self.groups();
        let mut backups: Vec<u64> = match self.backups {
            Backups::All if groups > MOST_BACKUPS => return Err(unsupported("more than 524288 superblocks")),
            Backups::All => (1..groups).collect(),
            Backups::Two(groups) => groups.map(u64::from).to_vec(),
            Backups::Sparse => {
                let powers = |base: u64| successors(Some(base), move |power| power.checked_mul(base));
                [1].into_iter().chain([3, 5, 7].into_iter().flat_map(powers)).collect()
            }
        };
        backups.retain(|group| (1..groups).contains(group));
        Ok(backups.into_iter().map(GroupNumber).collect())
    }
}

impl Raw {
    fn has_incompat(&self, bit: u32) -> bool {
        self.s_feature_incompat.get() & bit != 0
    }

    fn has_ro_compat(&self, bit: u32) -> bool {
        self.s_feature_ro_compat.get() & bit != 0
    }

    /// Whether `s_checksum` is used.
    pub fn has_checksums(&self) -> bool {
        self.has_ro_compat(RO_COMPAT_METADATA_CSUM)
    }

    /// `device_size` in bytes.
    fn checked(&self, device_size: u64) -> Result<Superblock, Error> {
        let (block_size, blocks) = self.blocks(device_size)?;
        let (blocks_per_group, inodes_per_group) = self.per_group(block_size)?;
        let (inode_size, descriptor_size) = self.sizes(block_size)?;
        let (compat, incompat) = (self.s_feature_compat.get(), self.s_feature_incompat.get());
        let has_journal = compat & COMPAT_HAS_JOURNAL != 0;
        let meta_bg = u64::from(self.s_first_meta_bg.get());
        Ok(Superblock {
            block_size,
            blocks,
            first_data_block: BlockNumber(self.s_first_data_block.get().into()),
            blocks_per_group,
            inodes: self.s_inodes_count.get(),
            inodes_per_group,
            inode_size,
            descriptor_size,
            first_meta_bg: self.has_incompat(INCOMPAT_META_BG).then_some(meta_bg),
            has_file_type: self.has_incompat(INCOMPAT_FILETYPE),
            has_dir_index: compat & COMPAT_DIR_INDEX != 0,
            has_large_dir: self.has_incompat(INCOMPAT_LARGE_DIR),
            needs_recovery: has_journal && self.has_incompat(INCOMPAT_RECOVER),
            has_journal,
            is_unmounted: self.s_state.get() & STATE_VALID != 0,
            has_errors: self.s_state.get() & STATE_ERROR != 0,
            free_blocks: self.free_blocks(),
            features: [compat, incompat, self.s_feature_ro_compat.get()],
            journal_inode: self.s_journal_inum.get(),
            checksum_seed: self.has_checksums().then(|| self.seed()),
            has_gdt_csum: self.has_ro_compat(RO_COMPAT_GDT_CSUM) && !self.has_checksums(),
            uuid: self.s_uuid,
            hash_seed: self.s_hash_seed.map(U32::get),
            hashes_unsigned: self.s_flags.get() & FLAGS_UNSIGNED_HASH != 0,
            backups: self.backups(),
            label: self.s_volume_name,
            format: features::format_name(compat, incompat, self.s_feature_ro_compat.get()),
        })
    }

    fn backups(&self) -> Backups {
        if self.s_feature_compat.get() & COMPAT_SPARSE_SUPER2 != 0 {
            Backups::Two(self.s_backup_bgs.map(U32::get))
        } else if self.has_ro_compat(RO_COMPAT_SPARSE_SUPER) {
            Backups::Sparse
        } else {
            Backups::All
        }
    }

    fn free_blocks(&self) -> u64 {
        let is_64bit = self.has_incompat(INCOMPAT_64BIT);
        let high = if is_64bit { u64::from(self.s_free_blocks_count_hi.get()) } else { 0 };
        high << 32 | u64::from(self.s_free_blocks_count_lo.get())
    }

    /// Bytes of a block, and number of blocks.
    fn blocks(&self, device_size: u64) -> Result<(u64, u64), Error> {
        let log = self.s_log_block_size.get();
        let block_size = 1024u64.checked_shl(log).filter(|_| log <= 6);
        let block_size = block_size.ok_or_else(|| {
            range("ext4_super_block.s_log_block_size", offset_of!(Raw, s_log_block_size), log)
        })?;
        let cluster_log = self.s_log_cluster_size.get();
        if self.has_ro_compat(RO_COMPAT_BIGALLOC) && !(log..=LARGEST_CLUSTER_LOG).contains(&cluster_log) {
            return Err(range(
                "ext4_super_block.s_log_cluster_size",
                offset_of!(Raw, s_log_cluster_size),
                cluster_log,
            ));
        }
        let is_64bit = self.has_incompat(INCOMPAT_64BIT);
        let high = if is_64bit { u64::from(self.s_blocks_count_hi.get()) } else { 0 };
        let blocks = high << 32 | u64::from(self.s_blocks_count_lo.get());
        let is_on_device = blocks.checked_mul(block_size).is_some_and(|size| size <= device_size);
        if !is_on_device {
            return Err(fault(
                Fault::Range,
                "ext4_super_block.s_blocks_count_lo",
                offset_of!(Raw, s_blocks_count_lo),
                blocks,
            ));
        }
        // With blocks of 1 KiB the superblock is in block 1; with bigalloc it belongs to group 0 all the same.
        let first = self.s_first_data_block.get();
        if u64::from(first) >= blocks || first > u32::from(block_size == 1024) {
            return Err(range(
                "ext4_super_block.s_first_data_block",
                offset_of!(Raw, s_first_data_block),
                first,
            ));
        }
        Ok((block_size, blocks))
    }

    /// Blocks and inodes of a group.
    fn per_group(&self, block_size: u64) -> Result<(u64, u32), Error> {
        // Cannot saturate: a block has at most 2¹⁶ bytes.
        let bits = block_size.saturating_mul(8);
        let blocks = self.s_blocks_per_group.get();
        // A group has at most as many clusters as its bitmap has bits; only with bigalloc may it have more blocks.
        let is_bigalloc = self.has_ro_compat(RO_COMPAT_BIGALLOC);
        if blocks == 0 || (!is_bigalloc && u64::from(blocks) > bits) {
            return Err(range(
                "ext4_super_block.s_blocks_per_group",
                offset_of!(Raw, s_blocks_per_group),
                blocks,
            ));
        }
        let inodes = self.s_inodes_per_group.get();
        if inodes == 0 || u64::from(inodes) > bits {
            return Err(range(
                "ext4_super_block.s_inodes_per_group",
                offset_of!(Raw, s_inodes_per_group),
                inodes,
            ));
        }
        Ok((u64::from(blocks), inodes))
    }

    /// Bytes of an inode and of a group descriptor.
    fn sizes(&self, block_size: u64) -> Result<(u64, u64), Error> {
        // Revision 0 has no field for the inode size.
        let inode = if self.s_rev_level.get() == 0 { 128 } else { self.s_inode_size.get() };
        if inode < 128 || !inode.is_power_of_two() || u64::from(inode) > block_size {
            return Err(range(
                "ext4_super_block.s_inode_size",
                offset_of!(Raw, s_inode_size),
                u32::from(inode),
            ));
        }
        let is_64bit = self.has_incompat(INCOMPAT_64BIT);
        let (least, descriptor) = if is_64bit { (64, self.s_desc_size.get()) } else { (32, 32) };
        if !(least..=LARGEST_DESCRIPTOR).contains(&descriptor) || !descriptor.is_power_of_two() {
            return Err(range(
                "ext4_super_block.s_desc_size",
                offset_of!(Raw, s_desc_size),
                u32::from(descriptor),
            ));
        }
        Ok((u64::from(inode), u64::from(descriptor)))
    }

    fn seed(&self) -> u32 {
        if self.has_incompat(INCOMPAT_CSUM_SEED) {
            self.s_checksum_seed.get()
        } else {
            crc32c(!0, &self.s_uuid)
        }
    }
}

fn fault(fault: Fault, structure: &'static str, field: usize, found: impl Into<u64>) -> Error {
    corrupt(fault, structure, ByteOffset(OFFSET).within(field), found)
}

fn range(structure: &'static str, field: usize, found: u32) -> Error {
    fault(Fault::Range, structure, field, found)
}

fn is_power(value: u64, base: u64) -> bool {
    let mut powers = successors(Some(base), |power| power.checked_mul(base));
    powers.find(|power| *power >= value) == Some(value)
}

/// `11111111-2222-3333-4444-555555555555`; empty for zeros, which mean that there is no UUID.
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
