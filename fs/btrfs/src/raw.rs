// SPDX-License-Identifier: BSD-3-Clause
//! The on-disk structures: include/uapi/linux/btrfs_tree.h and fs/btrfs/fs.h of Linux.

use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    little_endian::{U16, U32, U64},
};

/// `struct btrfs_super_block`: 4096 bytes.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SuperBlock {
    pub csum: [u8; 32],
    pub fsid: [u8; 16],
    pub bytenr: U64,
    pub flags: U64,
    pub magic: [u8; 8],
    pub generation: U64,
    pub root: U64,
    pub chunk_root: U64,
    pub log_root: U64,
    pub unused_log_root_transid: U64,
    pub total_bytes: U64,
    pub bytes_used: U64,
    pub root_dir_objectid: U64,
    pub num_devices: U64,
    pub sectorsize: U32,
    pub nodesize: U32,
    pub leafsize: U32,
    pub stripesize: U32,
    pub sys_chunk_array_size: U32,
    pub chunk_root_generation: U64,
    pub compat_flags: U64,
    pub compat_ro_flags: U64,
    pub incompat_flags: U64,
    pub csum_type: U16,
    pub root_level: u8,
    pub chunk_root_level: u8,
    pub log_root_level: u8,
    pub dev_item: DevItem,
    pub label: [u8; 256],
    pub cache_generation: U64,
    pub uuid_tree_generation: U64,
    pub metadata_uuid: [u8; 16],
    /// For extent-tree-v2 and remap-tree, and reserved.
    pub not_read: [u8; 224],
    pub sys_chunk_array: [u8; 2048],
    /// Older roots, and padding.
    pub not_read_either: [u8; 1237],
}

/// `struct btrfs_dev_item`
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct DevItem {
    pub devid: U64,
    pub total_bytes: U64,
    pub bytes_used: U64,
    pub io_align: U32,
    pub io_width: U32,
    pub sector_size: U32,
    pub kind: U64,
    pub generation: U64,
    pub start_offset: U64,
    pub dev_group: U32,
    pub seek_speed: u8,
    pub bandwidth: u8,
    pub uuid: [u8; 16],
    pub fsid: [u8; 16],
}

/// `struct btrfs_disk_key`
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct DiskKey {
    pub objectid: U64,
    pub kind: u8,
    pub offset: U64,
}

/// `struct btrfs_header`: the start of every node.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Header {
    pub csum: [u8; 32],
    pub fsid: [u8; 16],
    pub bytenr: U64,
    pub flags: U64,
    pub chunk_tree_uuid: [u8; 16],
    pub generation: U64,
    pub owner: U64,
    pub nritems: U32,
    pub level: u8,
}

/// `struct btrfs_item`: follows the header of a leaf, once per item.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ItemHead {
    pub key: DiskKey,
    pub offset: U32,
    pub size: U32,
}

/// `struct btrfs_key_ptr`: follows the header of a node above the leaves, once per child.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct KeyPtr {
    pub key: DiskKey,
    pub blockptr: U64,
    pub generation: U64,
}

/// `struct btrfs_chunk` without its stripes.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Chunk {
    pub length: U64,
    pub owner: U64,
    pub stripe_len: U64,
    pub kind: U64,
    pub io_align: U32,
    pub io_width: U32,
    pub sector_size: U32,
    pub num_stripes: U16,
    pub sub_stripes: U16,
}

/// `struct btrfs_stripe`
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Stripe {
    pub devid: U64,
    pub offset: U64,
    pub dev_uuid: [u8; 16],
}

/// `struct btrfs_timespec`
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Timespec {
    pub sec: U64,
    pub nsec: U32,
}

/// `struct btrfs_inode_item`
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct InodeItem {
    pub generation: U64,
    pub transid: U64,
    pub size: U64,
    pub nbytes: U64,
    pub block_group: U64,
    pub nlink: U32,
    pub uid: U32,
    pub gid: U32,
    pub mode: U32,
    pub rdev: U64,
    pub flags: U64,
    pub sequence: U64,
    pub reserved: [U64; 4],
    pub atime: Timespec,
    pub ctime: Timespec,
    pub mtime: Timespec,
    pub otime: Timespec,
}

/// `struct btrfs_root_item`, up to where all kernels write it.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct RootItem {
    pub inode: InodeItem,
    pub generation: U64,
    pub root_dirid: U64,
    pub bytenr: U64,
    pub byte_limit: U64,
    pub bytes_used: U64,
    pub last_snapshot: U64,
    pub flags: U64,
    pub refs: U32,
    pub drop_progress: DiskKey,
    pub drop_level: u8,
    pub level: u8,
}

/// Later fields of `struct btrfs_root_item`; valid if `generation_v2` equals `generation`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct RootItemMore {
    pub generation_v2: U64,
    pub uuid: [u8; 16],
    pub parent_uuid: [u8; 16],
}

/// `struct btrfs_root_ref`, both ways; a name follows.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct RootRef {
    pub dirid: U64,
    pub sequence: U64,
    pub name_len: U16,
}

/// `struct btrfs_inode_ref`; a name follows.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct InodeRef {
    pub index: U64,
    pub name_len: U16,
}

/// `struct btrfs_dir_item`; a name and data follow.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct DirItem {
    pub location: DiskKey,
    pub transid: U64,
    pub data_len: U16,
    pub name_len: U16,
    pub kind: u8,
}

/// `struct btrfs_file_extent_item` up to where inline data begins.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct FileExtent {
    pub generation: U64,
    pub ram_bytes: U64,
    pub compression: u8,
    pub encryption: u8,
    pub other_encoding: U16,
    pub kind: u8,
}

/// The rest of `struct btrfs_file_extent_item`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct FileExtentPlace {
    pub disk_bytenr: U64,
    pub disk_num_bytes: U64,
    pub offset: U64,
    pub num_bytes: U64,
}

const _: () = {
    assert!(size_of::<SuperBlock>() == 4096);
    assert!(size_of::<DevItem>() == 98 && size_of::<Header>() == 101);
    assert!(size_of::<ItemHead>() == 25 && size_of::<KeyPtr>() == 33);
    assert!(size_of::<Chunk>() == 48 && size_of::<Stripe>() == 32);
    assert!(size_of::<InodeItem>() == 160 && size_of::<RootItem>() == 239);
    assert!(size_of::<DirItem>() == 30 && size_of::<FileExtent>() == 21);
};
