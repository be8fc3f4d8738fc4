// SPDX-License-Identifier: BSD-3-Clause
//! Feature bits, with the names of e2fsprogs.

use alloc::{format, string::String};

/// `s_feature_compat`: there is a journal.
pub const COMPAT_HAS_JOURNAL: u32 = 0x4;
/// `s_feature_compat`: directories with the index flag have an index.
pub const COMPAT_DIR_INDEX: u32 = 0x20;
/// `s_feature_compat`: superblock copies in two groups only.
pub const COMPAT_SPARSE_SUPER2: u32 = 0x200;

/// `s_feature_ro_compat`: superblock copies in groups 0, 1 and powers of 3, 5, 7.
pub const RO_COMPAT_SPARSE_SUPER: u32 = 0x1;
/// `s_feature_ro_compat`: group descriptors have CRC-16 checksums.
pub const RO_COMPAT_GDT_CSUM: u32 = 0x10;
/// `s_feature_ro_compat`: allocation in clusters.
pub const RO_COMPAT_BIGALLOC: u32 = 0x200;
/// `s_feature_ro_compat`: all metadata has CRC-32C checksums.
pub const RO_COMPAT_METADATA_CSUM: u32 = 0x400;

/// `s_feature_incompat`: directory entries have a file type.
pub const INCOMPAT_FILETYPE: u32 = 0x2;
/// `s_feature_incompat`: the journal must be replayed.
pub const INCOMPAT_RECOVER: u32 = 0x4;
/// `s_feature_incompat`: group descriptors are in their meta block group.
pub const INCOMPAT_META_BG: u32 = 0x10;
/// `s_feature_incompat`: block numbers of 64 bits.
pub const INCOMPAT_64BIT: u32 = 0x80;
/// `s_feature_incompat`: the checksum seed is in the superblock.
pub const INCOMPAT_CSUM_SEED: u32 = 0x2000;
/// `s_feature_incompat`: directories of 2 GiB and more, with three levels of index.
pub const INCOMPAT_LARGE_DIR: u32 = 0x4000;

/// What this driver reads: filetype, needs_recovery, meta_bg, extents, 64bit, mmp, flex_bg, ea_inode,
/// metadata_csum_seed, large_dir, inline_data, encrypt (unencrypted files only), casefold (exact names only).
const READ: u32 =
    0x2 | 0x4 | 0x10 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x2000 | 0x4000 | 0x8000 | 0x1_0000 | 0x2_0000;

/// Incompatible features that ext2 and ext3 of Linux 2.6 knew: filetype, needs_recovery, meta_bg.
const OLD_INCOMPAT: u32 = 0x2 | 0x4 | 0x10;
/// Read-only compatible ones: sparse_super, large_file, btree_dir.
const OLD_RO_COMPAT: u32 = 0x1 | 0x2 | 0x4;

/// The first unsupported incompatible feature, as named by `dumpe2fs`.
pub fn unreadable(incompat: u32) -> Option<String> {
    let unknown = incompat & !READ;
    let bit = unknown.trailing_zeros();
    match unknown & unknown.wrapping_neg() {
        0 => None,
        0x1 => Some("compression".into()),
        0x8 => Some("journal_dev".into()),
        0x1000 => Some("dirdata".into()),
        _ => Some(format!("FEATURE_I{bit}")),
    }
}

/// The format name that blkid gives a filesystem with these features.
pub fn format_name(compat: u32, incompat: u32, ro_compat: u32) -> &'static str {
    let old = incompat & !OLD_INCOMPAT == 0 && ro_compat & !OLD_RO_COMPAT == 0;
    match (old, compat & COMPAT_HAS_JOURNAL != 0) {
        (true, false) => "ext2",
        (true, true) => "ext3",
        (false, _) => "ext4",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_has_its_name() {
        assert_eq!(unreadable(INCOMPAT_64BIT | INCOMPAT_RECOVER), None);
        assert_eq!(unreadable(0x1002).as_deref(), Some("dirdata"));
        assert_eq!(unreadable(0x4000_0000).as_deref(), Some("FEATURE_I30"));
    }

    #[test]
    fn names_are_those_of_blkid() {
        assert_eq!(format_name(0, INCOMPAT_FILETYPE, 3), "ext2");
        assert_eq!(format_name(COMPAT_HAS_JOURNAL, INCOMPAT_FILETYPE, 3), "ext3");
        assert_eq!(format_name(COMPAT_HAS_JOURNAL, 0x42, 3), "ext4");
    }
}
