// SPDX-License-Identifier: BSD-3-Clause
//! Inodes: type, owner, size and times of a file.

use filesystem::{Attr, Error, Fault, FileType, Timestamp};

use crate::{
    corrupt, file_types, kind,
    node::Key,
    raw,
    tree::{Tree, Trees},
    units::{InodeNumber, Location},
};

/// `BTRFS_INODE_NODATASUM`: the file's data has no checksums.
const NODATASUM: u64 = 1;

/// An inode of a subvolume.
pub struct Inode {
    pub number: InodeNumber,
    pub attr: Attr,
    /// Its data has checksums, if it is in extents of its own.
    pub has_sums: bool,
    /// Where it is stored.
    pub place: Location,
}

impl Inode {
    /// Reads an inode.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it does not exist, though a directory names it, or has an unknown type.
    pub fn read(trees: &Trees, tree: &Tree, number: InodeNumber) -> Result<Self, Error> {
        let key = Key { objectid: number.0, kind: kind::INODE_ITEM, offset: 0 };
        let Some(item) = trees.get(tree, key)? else {
            return Err(corrupt(
                Fault::Inconsistent,
                "inode without btrfs_inode_item",
                tree.location(),
                number.0,
            ));
        };
        let (raw, _) = item.parse::<raw::InodeItem>("btrfs_inode_item")?;
        let Some(attr) = attr(raw) else {
            let place = item.place(core::mem::offset_of!(raw::InodeItem, mode));
            return Err(corrupt(Fault::Range, "btrfs_inode_item.mode", place, raw.mode.get()));
        };
        Ok(Self { number, attr, has_sums: raw.flags.get() & NODATASUM == 0, place: item.place(0) })
    }

    /// The attributes of an empty directory in this one, in place of a subvolume: `new_simple_dir` of Linux. Linux sets
    /// its time to that of the lookup.
    pub fn stub(&self) -> Attr {
        let Attr { uid, gid, .. } = self.attr;
        let (modified, device) = (Timestamp::default(), (0, 0));
        Attr { kind: FileType::Directory, mode: 0o755, uid, gid, size: 0, links: 1, modified, device }
    }

    /// Checks that it has this type.
    ///
    /// # Errors
    /// [`Error::WrongType`] otherwise.
    pub fn expect(&self, kind: FileType, expected: &'static str) -> Result<(), Error> {
        if self.attr.kind == kind { Ok(()) } else { Err(Error::WrongType { expected }) }
    }
}

fn attr(raw: &raw::InodeItem) -> Option<Attr> {
    let mode = raw.mode.get();
    let kind = file_types::of_mode(mode)?;
    Some(Attr {
        kind,
        mode: u16::try_from(mode & 0o7777).unwrap_or(0),
        uid: raw.uid.get(),
        gid: raw.gid.get(),
        size: raw.size.get(),
        links: raw.nlink.get().into(),
        modified: Timestamp { seconds: raw.mtime.sec.get().cast_signed(), nanoseconds: raw.mtime.nsec.get() },
        device: match kind {
            FileType::CharDevice | FileType::BlockDevice => device(raw.rdev.get()),
            _ => (0, 0),
        },
    })
}

/// Major and minor number as the kernel keeps them in memory: 12 and 20 bits.
fn device(rdev: u64) -> (u32, u32) {
    let [major, minor] = [rdev >> 20, rdev & 0xf_ffff];
    (u32::try_from(major).unwrap_or(u32::MAX), u32::try_from(minor).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use zerocopy::FromBytes;

    use super::*;

    fn item(mode: u32) -> [u8; 160] {
        let mut bytes = [0; 160];
        bytes[16..24].copy_from_slice(&5000u64.to_le_bytes());
        bytes[40..44].copy_from_slice(&2u32.to_le_bytes());
        bytes[52..56].copy_from_slice(&mode.to_le_bytes());
        bytes[56..64].copy_from_slice(&(8u64 << 20 | 300).to_le_bytes());
        bytes[136..144].copy_from_slice(&(-5i64).to_le_bytes());
        bytes[144..148].copy_from_slice(&7u32.to_le_bytes());
        bytes
    }

    #[test]
    fn every_kind_of_file_has_its_attributes() {
        for (mode, kind, number) in [
            (0o100_644, FileType::File, (0, 0)),
            (0o040_755, FileType::Directory, (0, 0)),
            (0o120_777, FileType::Symlink, (0, 0)),
            (0o060_660, FileType::BlockDevice, (8, 300)),
            (0o020_620, FileType::CharDevice, (8, 300)),
            (0o010_600, FileType::Fifo, (0, 0)),
            (0o144_777, FileType::Socket, (0, 0)),
        ] {
            let bytes = item(mode);
            let attr = attr(raw::InodeItem::ref_from_bytes(&bytes).unwrap()).unwrap();
            assert_eq!(
                (attr.kind, attr.device, u32::from(attr.mode)),
                (kind, number, mode & 0o7777),
                "{mode:o}"
            );
            assert_eq!((attr.size, attr.links), (5000, 2));
            assert_eq!(attr.modified, Timestamp { seconds: -5, nanoseconds: 7 });
        }
    }

    #[test]
    fn what_is_no_kind_of_file_is_told() {
        for mode in [0, 0o030_644, 0o170_000, 0x10_0000 | 0o100_644] {
            let bytes = item(mode);
            assert_eq!(attr(raw::InodeItem::ref_from_bytes(&bytes).unwrap()), None, "{mode:o}");
        }
    }
}
