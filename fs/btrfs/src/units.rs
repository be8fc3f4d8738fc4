// SPDX-License-Identifier: BSD-3-Clause
//! A type for each kind of number, so that addresses of the filesystem and of a device, or numbers of devices and of
//! trees, cannot be mixed up.
//!
//! Sums saturate: what is past the end of everything stays so, and is checked where it is used. Differences saturate at
//! zero, as their documentation says.

use core::fmt;

use filesystem::Origin;

/// An address in the filesystem's own address space, in bytes, as `dump-tree` shows it. Trees and extents refer to
/// these; chunks map them to devices.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Logical(pub u64);

/// The location that an error is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Location {
    pub origin: Origin,
    /// Bytes from the origin.
    pub offset: u64,
}

/// Bytes from the start of a device.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Physical(pub u64);

/// A device's number within its filesystem (`devid`).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct DeviceNumber(pub u64);

/// The number of a transaction: later ones are higher.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Generation(pub u64);

/// The number of a tree: of the filesystem itself, or of a subvolume.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TreeId(pub u64);

/// The number of a file, directory or link in its subvolume.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct InodeNumber(pub u64);

/// The UUID of a filesystem or device, printed as libuuid does.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Uuid(pub [u8; 16]);

impl Logical {
    /// The address this many bytes further on.
    pub const fn after(self, bytes: u64) -> Self {
        Self(self.0.saturating_add(bytes))
    }

    /// Bytes from `earlier` to this one; zero if `earlier` is not before it.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Physical {
    /// The offset this many bytes further on.
    pub const fn after(self, bytes: u64) -> Self {
        Self(self.0.saturating_add(bytes))
    }
}

impl Location {
    /// A byte of the node at an address.
    pub const fn in_node(node: Logical, offset: u64) -> Self {
        Self { origin: Origin::Node(node.0), offset }
    }
}

impl From<Logical> for Location {
    fn from(address: Logical) -> Self {
        Self { origin: Origin::Space, offset: address.0 }
    }
}

impl From<Physical> for Location {
    fn from(offset: Physical) -> Self {
        Self { origin: Origin::Start, offset: offset.0 }
    }
}

impl TreeId {
    /// `BTRFS_ROOT_TREE_OBJECTID`: the root tree, with the roots of all trees.
    pub const ROOTS: Self = Self(1);
    /// `BTRFS_CHUNK_TREE_OBJECTID`
    pub const CHUNKS: Self = Self(3);
    /// `BTRFS_FS_TREE_OBJECTID`: the top-level subvolume.
    pub const TOP: Self = Self(5);
    /// `BTRFS_TREE_LOG_OBJECTID`
    pub const LOGS: Self = Self(6u64.wrapping_neg());
    /// `BTRFS_CSUM_TREE_OBJECTID`
    pub const SUMS: Self = Self(7);
    /// `BTRFS_FIRST_FREE_OBJECTID` and `BTRFS_LAST_FREE_OBJECTID`: all subvolumes except the top-level one.
    const FIRST: u64 = 256;
    const LAST: u64 = 256u64.wrapping_neg();

    /// Whether the tree holds files.
    pub fn is_subvolume(self) -> bool {
        self == Self::TOP || (Self::FIRST..=Self::LAST).contains(&self.0)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let dash = if matches!(index, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{dash}{byte:02x}")?;
        }
        Ok(())
    }
}

// For the value found, in errors.
impl From<Logical> for u64 {
    fn from(address: Logical) -> Self {
        address.0
    }
}

impl From<Physical> for u64 {
    fn from(offset: Physical) -> Self {
        offset.0
    }
}

impl From<Generation> for u64 {
    fn from(generation: Generation) -> Self {
        generation.0
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn a_uuid_reads_as_blkid_writes_it() {
        let bytes = [0xa1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xff];
        assert_eq!(Uuid(bytes).to_string(), "a1020304-0506-0708-090a-0b0c0d0e0fff");
    }

    #[test]
    fn subvolumes_are_told_from_other_trees() {
        for (id, is_subvolume) in [(1, false), (5, true), (255, false), (256, true), (u64::MAX - 9, false)] {
            assert_eq!(TreeId(id).is_subvolume(), is_subvolume, "{id}");
        }
    }
}
