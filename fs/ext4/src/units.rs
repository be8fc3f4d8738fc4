// SPDX-License-Identifier: BSD-3-Clause
//! A type for each index space, so that a block of a file is never mistaken for one of the filesystem, nor a block for
//! a byte.
//!
//! Sums saturate: a position past the end of the device or of any file stays past the end, and is checked where it is
//! used. Differences saturate at zero.

/// Bytes from the start of the device.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ByteOffset(pub u64);

/// A block of the filesystem; block 0 is at the start of the device.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct BlockNumber(pub u64);

/// A block of a file, directory or journal, counted from its start.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct FileBlock(pub u64);

/// Identifies a file, directory or link.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct InodeNumber(pub u32);

/// A block group.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct GroupNumber(pub u64);

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

impl BlockNumber {
    /// The block this many blocks later.
    pub const fn after(self, blocks: u64) -> Self {
        Self(self.0.saturating_add(blocks))
    }
}

impl FileBlock {
    /// The block this many blocks later.
    pub const fn after(self, blocks: u64) -> Self {
        Self(self.0.saturating_add(blocks))
    }

    /// Number of blocks from `earlier` to this one; 0 if that one is not earlier.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

// For the values in errors.
impl From<ByteOffset> for u64 {
    fn from(offset: ByteOffset) -> Self {
        offset.0
    }
}

impl From<BlockNumber> for u64 {
    fn from(block: BlockNumber) -> Self {
        block.0
    }
}

impl From<FileBlock> for u64 {
    fn from(block: FileBlock) -> Self {
        block.0
    }
}
