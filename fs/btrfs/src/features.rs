// SPDX-License-Identifier: BSD-3-Clause
//! The features of a filesystem, with the names of `btrfs inspect-internal dump-super` in lower case.

use alloc::{format, string::String, vec::Vec};

use filesystem::Error;

use crate::unsupported;

/// `incompat_flags`, lowest bit first.
const INCOMPAT: &[&str] = &[
    "mixed-backref",
    "default-subvol",
    "mixed-groups",
    "compress-lzo",
    "compress-zstd",
    "big-metadata",
    "extended-iref",
    "raid56",
    "skinny-metadata",
    "no-holes",
    "metadata-uuid",
    "raid1c34",
    "zoned",
    "extent-tree-v2",
    "raid-stripe-tree",
    "",
    "simple-quota",
    "remap-tree",
];
/// `compat_ro_flags`
const COMPAT_RO: &[&str] = &["free-space-tree", "free-space-tree-valid", "verity", "block-group-tree"];

/// `flags` from bit 33 on: images made by btrfs-image, and unfinished operations of btrfstune.
const FLAGS: &[&str] = &[
    "metadump",
    "metadump-v2",
    "changing-fsid",
    "changing-fsid-v2",
    "",
    "changing-bg-tree",
    "changing-data-csum",
    "changing-meta-csum",
];
const FIRST_FLAG: u32 = 33;

/// `BTRFS_SUPER_FLAG_ERROR`
pub const FLAG_ERROR: u64 = 1 << 2;
/// `BTRFS_SUPER_FLAG_SEEDING`
pub const FLAG_SEEDING: u64 = 1 << 32;
/// `BTRFS_FEATURE_INCOMPAT_METADATA_UUID`
pub const METADATA_UUID: u64 = 1 << 10;
/// `BTRFS_FEATURE_INCOMPAT_NO_HOLES`
pub const NO_HOLES: u64 = 1 << 9;
/// The supported features: all of [`INCOMPAT`] except extent-tree-v2, raid-stripe-tree and remap-tree. How free space
/// is stored, how quotas count and in which order zones are written makes no difference to a reader.
const READ: u64 = 0x1_1fff;

/// Refuses a filesystem with an unsupported feature. Unknown bits of `compat_ro_flags` are allowed: they matter to
/// writers only.
///
/// # Errors
/// [`Error::Unsupported`] naming the first such feature.
pub fn check(incompat: u64, flags: u64) -> Result<(), Error> {
    let flags = names('F', FIRST_FLAG, FLAGS, flags);
    match names('I', 0, INCOMPAT, incompat & !READ).chain(flags).next() {
        Some(name) => Err(unsupported(name)),
        None => Ok(()),
    }
}

/// The names of the bits that are set, in both words.
pub fn all(incompat: u64, compat_ro: u64) -> Vec<String> {
    names('I', 0, INCOMPAT, incompat).chain(names('R', 0, COMPAT_RO, compat_ro)).collect()
}

/// The names of the bits that are set, from bit `first` on, to which the first of `names` belongs. Bits without a name
/// are shown by their number, as in e2fsprogs.
fn names(kind: char, first: u32, names: &'static [&'static str], bits: u64) -> impl Iterator<Item = String> {
    let set = (first..u64::BITS).filter(move |bit| bits.checked_shr(*bit).unwrap_or(0) & 1 != 0);
    // Cannot saturate: bits are counted from `first` on.
    set.map(move |bit| match usize::try_from(bit.saturating_sub(first)).ok().and_then(|at| names.get(at)) {
        None | Some(&"") => format!("FEATURE_{kind}{bit}"),
        Some(name) => String::from(*name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_read_is_refused_by_its_name() {
        assert_eq!(check(0x371, 1 | FLAG_ERROR | FLAG_SEEDING), Ok(()));
        for (bit, name) in [
            (13, "extent-tree-v2"),
            (14, "raid-stripe-tree"),
            (15, "FEATURE_I15"),
            (17, "remap-tree"),
            (40, "FEATURE_I40"),
        ] {
            assert_eq!(check(0x371 | 1 << bit, 0), Err(unsupported(name)), "{bit}");
        }
        for (bit, name) in
            [(33, "metadump"), (36, "changing-fsid-v2"), (37, "FEATURE_F37"), (63, "FEATURE_F63")]
        {
            assert_eq!(check(0x371, 1 << bit), Err(unsupported(name)), "{bit}");
        }
    }

    #[test]
    fn features_have_names() {
        assert_eq!(
            all(0x241, 0x9),
            ["mixed-backref", "extended-iref", "no-holes", "free-space-tree", "block-group-tree"]
        );
    }
}
