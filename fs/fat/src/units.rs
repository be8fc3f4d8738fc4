// SPDX-License-Identifier: BSD-3-Clause
//! A type for each index space, so that a cluster of a file is never mistaken for one of the volume, nor an offset in
//! the FAT for one on the device.
//!
//! Sums saturate: a position past the end of the device, the FAT or any chain stays past the end, and is checked where
//! it is used.

/// Bytes from the start of the device.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ByteOffset(pub u64);

/// Bytes from the start of the active FAT.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FatOffset(pub u64);

/// A sector of the volume; sector 0 is at the start of the device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SectorNumber(pub u64);

/// A cluster as FAT entries and directory entries number it: the first one is number 2.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClusterNumber(pub u32);

/// A cluster of a file or directory, counted from its start.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct FileCluster(pub u64);

impl ByteOffset {
    /// The offset this many bytes later.
    pub const fn after(self, bytes: u64) -> Self {
        Self(self.0.saturating_add(bytes))
    }

    /// The offset of byte `at` of a structure that starts here.
    pub fn within(self, at: usize) -> Self {
        self.after(u64::try_from(at).unwrap_or(u64::MAX))
    }
}

impl ClusterNumber {
    /// The number that means "no cluster" in FAT entries and directory entries.
    pub const NONE: Self = Self(0);

    /// The cluster this many clusters later.
    pub const fn after(self, clusters: u32) -> Self {
        Self(self.0.saturating_add(clusters))
    }
}

impl FileCluster {
    /// The next cluster of the file; its index is the number of clusters up to and including this one.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

// For the values in errors.
impl From<ClusterNumber> for u64 {
    fn from(cluster: ClusterNumber) -> Self {
        cluster.0.into()
    }
}

impl From<FileCluster> for u64 {
    fn from(cluster: FileCluster) -> Self {
        cluster.0
    }
}

impl From<FatOffset> for u64 {
    fn from(offset: FatOffset) -> Self {
        offset.0
    }
}
