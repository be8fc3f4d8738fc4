// SPDX-License-Identifier: BSD-3-Clause
//! What the superblock says about the whole filesystem.

use alloc::{format, string::String, vec::Vec};

use filesystem::{Health, Summary};

use crate::superblock::Superblock;

/// `s_feature_compat` by the names of `dumpe2fs` (e2fsprogs, lib/e2p/feature.c), lowest bit first.
const COMPAT: &[&str] = &[
    "dir_prealloc",
    "imagic_inodes",
    "has_journal",
    "ext_attr",
    "resize_inode",
    "dir_index",
    "lazy_bg",
    "",
    "snapshot_bitmap",
    "sparse_super2",
    "fast_commit",
    "stable_inodes",
    "orphan_file",
];
/// `s_feature_incompat`
const INCOMPAT: &[&str] = &[
    "compression",
    "filetype",
    "needs_recovery",
    "journal_dev",
    "meta_bg",
    "",
    "extent",
    "64bit",
    "mmp",
    "flex_bg",
    "ea_inode",
    "",
    "dirdata",
    "metadata_csum_seed",
    "large_dir",
    "inline_data",
    "encrypt",
    "casefold",
];
/// `s_feature_ro_compat`
const RO_COMPAT: &[&str] = &[
    "sparse_super",
    "large_file",
    "",
    "huge_file",
    "uninit_bg",
    "dir_nlink",
    "extra_isize",
    "",
    "quota",
    "bigalloc",
    "metadata_csum",
    "replica",
    "read-only",
    "project",
    "shared_blocks",
    "verity",
    "orphan_present",
];

/// Free space, features and state. The filesystem is degraded until e2fsck has run if the kernel found errors, if it
/// was not unmounted cleanly and has no journal to replay, or if there are warnings.
pub fn of(superblock: &Superblock, has_warnings: bool) -> Summary {
    let words = [('C', COMPAT), ('I', INCOMPAT), ('R', RO_COMPAT)];
    let features = words.into_iter().zip(superblock.features);
    let features = features.flat_map(|((kind, names), bits)| self::features(kind, names, bits)).collect();
    let is_unclean = !superblock.is_unmounted && !superblock.has_journal;
    let is_sound = !superblock.has_errors && !is_unclean && !has_warnings;
    Summary {
        // More than the number of blocks cannot be true.
        free: Some(superblock.free_blocks)
            .filter(|free| *free <= superblock.blocks)
            .and_then(|free| free.checked_mul(superblock.block_size)),
        features,
        health: if is_sound { Health::Ok } else { Health::Degraded },
        ..Summary::default()
    }
}

/// The names of the bits that are set; bits without a name are shown as `dumpe2fs` does.
fn features(kind: char, names: &[&str], bits: u32) -> Vec<String> {
    let set = (0..u32::BITS).filter(|bit| bits.checked_shr(*bit).unwrap_or(0) & 1 != 0);
    let name = |bit: u32| match usize::try_from(bit).ok().and_then(|bit| names.get(bit)) {
        None | Some(&"") => format!("FEATURE_{kind}{bit}"),
        Some(name) => String::from(*name),
    };
    set.map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_have_the_names_of_dumpe2fs() {
        assert_eq!(features('I', INCOMPAT, 0x2c2), ["filetype", "extent", "64bit", "flex_bg"]);
        assert_eq!(features('R', RO_COMPAT, 0x8000_0404), ["FEATURE_R2", "metadata_csum", "FEATURE_R31"]);
    }
}
