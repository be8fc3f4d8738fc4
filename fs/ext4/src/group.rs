// SPDX-License-Identifier: BSD-3-Clause
//! Block group descriptors.

use core::mem::offset_of;

use block::BlockRead;
use crc32c::crc32c;
use filesystem::{Error, Fault};
use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    little_endian::{U16, U32},
};

use crate::{
    checksum::crc16,
    corrupt, divide,
    units::{BlockNumber, ByteOffset, GroupNumber},
    volume::Volume,
};

/// The first 32 bytes of `struct ext4_group_desc`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    bg_block_bitmap_lo: U32,
    bg_inode_bitmap_lo: U32,
    bg_inode_table_lo: U32,
    bg_free_blocks_count_lo: U16,
    bg_free_inodes_count_lo: U16,
    bg_used_dirs_count_lo: U16,
    bg_flags: U16,
    bg_exclude_bitmap_lo: U32,
    bg_block_bitmap_csum_lo: U16,
    bg_inode_bitmap_csum_lo: U16,
    bg_itable_unused_lo: U16,
    bg_checksum: U16,
}

/// Offset of `bg_checksum`.
const CHECKSUM_AT: usize = offset_of!(Raw, bg_checksum);
/// Offset of `bg_inode_table_hi`, in descriptors of 64 bytes.
const TABLE_HI_AT: usize = 0x28;
/// Size of the largest descriptor: `EXT4_MAX_DESC_SIZE`.
const LARGEST: usize = 1024;

/// First block of a group's inode table, and the offset of the group's descriptor.
///
/// # Errors
/// [`Error::Corrupt`] if the descriptor's checksum is wrong.
pub fn inode_table<D: BlockRead>(
    volume: &Volume<D>,
    group: GroupNumber,
) -> Result<(BlockNumber, ByteOffset), Error> {
    let superblock = &volume.superblock;
    let offset = descriptor_offset(volume, group);
    let mut bytes = [0; LARGEST];
    let size = usize::try_from(superblock.descriptor_size).unwrap_or(LARGEST).min(LARGEST);
    let bytes = bytes.get_mut(..size).unwrap_or_default();
    volume.read(offset, bytes)?;
    let short = || corrupt(Fault::Truncated, "ext4_group_desc", offset, superblock.descriptor_size);
    let (raw, _) = Raw::read_from_prefix(bytes).map_err(|_| short())?;

    let stored = raw.bg_checksum.get();
    if let Some(computed) = checksum(volume, group, bytes).filter(|computed| *computed != stored) {
        let fault = Fault::Checksum { computed: u64::from(computed) };
        let at = offset.within(CHECKSUM_AT);
        return Err(corrupt(fault, "ext4_group_desc.bg_checksum", at, stored));
    }
    let high =
        bytes.get(TABLE_HI_AT..).and_then(|rest| rest.first_chunk().copied()).map_or(0, u32::from_le_bytes);
    let table = u64::from(high) << 32 | u64::from(raw.bg_inode_table_lo.get());
    Ok((BlockNumber(table), offset.within(offset_of!(Raw, bg_inode_table_lo))))
}

/// The computed checksum of a descriptor; `None` for a filesystem without such checksums.
fn checksum<D: BlockRead>(volume: &Volume<D>, group: GroupNumber, bytes: &[u8]) -> Option<u16> {
    let number = u32::try_from(group.0).unwrap_or(u32::MAX).to_le_bytes();
    let (before, behind) = (bytes.get(..CHECKSUM_AT)?, bytes.get(CHECKSUM_AT..)?.get(2..)?);
    if let Some(seed) = volume.superblock.checksum_seed {
        let crc = [&number, before, &[0, 0], behind].into_iter().fold(seed, crc32c);
        return u16::try_from(crc & 0xffff).ok();
    }
    let parts = [&volume.superblock.uuid, number.as_slice(), before, behind];
    volume.superblock.has_gdt_csum.then(|| parts.into_iter().fold(!0, crc16))
}

/// Byte offset of a descriptor, as in `descriptor_loc` of fs/ext4/super.c.
fn descriptor_offset<D: BlockRead>(volume: &Volume<D>, group: GroupNumber) -> ByteOffset {
    let superblock = &volume.superblock;
    let (per_block, _) = divide(superblock.block_size, superblock.descriptor_size);
    let (meta_group, index) = divide(group.0, per_block);
    // Cannot saturate: less than a block, since `index` is less than the descriptors per block.
    let within = index.saturating_mul(superblock.descriptor_size);
    // Block of the superblock: 1 if blocks have 1024 bytes.
    let first = u64::from(superblock.block_size == 1024);
    let block = match superblock.first_meta_bg {
        Some(first_meta_bg) if meta_group >= first_meta_bg => {
            // Cannot saturate: no more than the group's number.
            let group = GroupNumber(meta_group.saturating_mul(per_block));
            // With 1 KiB blocks and clusters, block 0 of group 0 is before the superblock.
            let shifted = u64::from(group.0 == 0 && first == 1 && superblock.first_data_block.0 == 0);
            superblock.first_block(group).after(u64::from(superblock.has_backup(group))).after(shifted)
        }
        _ => BlockNumber(first).after(1).after(meta_group),
    };
    superblock.block_offset(block).after(within)
}
