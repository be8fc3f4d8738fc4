// SPDX-License-Identifier: BSD-3-Clause
//! The types of items, which are part of their keys.

/// `struct btrfs_inode_item`
pub const INODE_ITEM: u8 = 1;
/// `struct btrfs_inode_ref`: the names of an inode. (Those that do not fit go to `btrfs_inode_extref`, which only files
/// have: a directory has one name.)
pub const INODE_REF: u8 = 12;
/// `struct btrfs_dir_item`: entries of a directory, by the hash of their names.
pub const DIR_ITEM: u8 = 84;
/// The same entries, in the order of their creation.
pub const DIR_INDEX: u8 = 96;
/// `struct btrfs_file_extent_item`
pub const EXTENT_DATA: u8 = 108;
/// Checksums of data.
pub const EXTENT_CSUM: u8 = 128;
/// `struct btrfs_root_item`
pub const ROOT_ITEM: u8 = 132;
/// `struct btrfs_root_ref`: the directory of its parent that contains a subvolume, with the subvolume first in the key.
pub const ROOT_BACKREF: u8 = 144;
/// The same, with the parent first in the key.
pub const ROOT_REF: u8 = 156;
/// `struct btrfs_dev_item`
pub const DEV_ITEM: u8 = 216;
/// `struct btrfs_chunk`
pub const CHUNK_ITEM: u8 = 228;
