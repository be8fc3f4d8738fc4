// SPDX-License-Identifier: BSD-3-Clause
//! File types, as stored in directory entries and in inode modes.

use filesystem::FileType;

/// `BTRFS_FT_*`, the type bits of `st_mode`, and the type that both stand for.
const TYPES: [(u8, u32, FileType); 7] = [
    (1, 0o10, FileType::File),
    (2, 0o04, FileType::Directory),
    (3, 0o02, FileType::CharDevice),
    (4, 0o06, FileType::BlockDevice),
    (5, 0o01, FileType::Fifo),
    (6, 0o14, FileType::Socket),
    (7, 0o12, FileType::Symlink),
];

/// The type in `btrfs_dir_item.type`; `None` for an unknown value: the inode decides.
pub fn of_entry(stored: u8) -> Option<FileType> {
    TYPES.iter().find(|(entry, ..)| *entry == stored).map(|(.., kind)| *kind)
}

/// The type in `btrfs_inode_item.mode`; `None` for an invalid mode.
pub fn of_mode(mode: u32) -> Option<FileType> {
    TYPES.iter().find(|(_, bits, _)| *bits == mode >> 12).map(|(.., kind)| *kind)
}

/// The type that directory entries store for an inode with this mode: `btrfs_inode_type`.
pub fn entry_of_mode(mode: u32) -> u8 {
    TYPES.iter().find(|(_, bits, _)| *bits == mode >> 12).map_or(0, |(entry, ..)| *entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_and_modes_say_the_same() {
        for (entry, bits, kind) in TYPES {
            let mode = bits << 12 | 0o644;
            assert_eq!(
                (of_entry(entry), of_mode(mode), entry_of_mode(mode)),
                (Some(kind), Some(kind), entry)
            );
        }
        assert_eq!((of_entry(0), of_entry(8), of_mode(0o644), entry_of_mode(0o644)), (None, None, None, 0));
        assert_eq!(of_mode(0o100_644), Some(FileType::File));
    }
}
