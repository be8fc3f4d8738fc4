// SPDX-License-Identifier: BSD-3-Clause
//! A type for each index space: a block of a file is never taken for one of the filesystem, nor a block for a byte.
//!
//! Sums saturate: what is past the end of the device or of any file stays so, and whoever uses one checks it.
//! Differences do at zero, as they say.

/// Bytes from the start of the device.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ByteOffset(pub u64);

/// A block of the filesystem, `xfs_fsblock_t`: its allocation group in the high bits, its number there in the low ones.
/// Blocks of one group follow each other, those of two do not.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct FsBlock(pub u64);

/// A block of a file or directory, counted from its start: `xfs_fileoff_t`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct FileBlock(pub u64);

/// Names a file, directory or link: allocation group, block there and place in the block, highest bits first.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct InodeNumber(pub u64);

impl ByteOffset {
    /// So many bytes behind this one.
    pub const fn after(self, bytes: u64) -> Self {
        Self(self.0.saturating_add(bytes))
    }

    /// The byte `at` of a structure that starts here.
    pub fn within(self, at: usize) -> Self {
        self.after(u64::try_from(at).unwrap_or(u64::MAX))
    }
}

impl FsBlock {
    /// So many blocks behind this one.
    pub const fn after(self, blocks: u64) -> Self {
        Self(self.0.saturating_add(blocks))
    }
}

impl FileBlock {
    /// So many blocks behind this one.
    pub const fn after(self, blocks: u64) -> Self {
        Self(self.0.saturating_add(blocks))
    }

    /// Blocks from `earlier` to this one; none where that is not earlier.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

// What errors have found.
impl From<ByteOffset> for u64 {
    fn from(offset: ByteOffset) -> Self {
        offset.0
    }
}

impl From<FsBlock> for u64 {
    fn from(block: FsBlock) -> Self {
        block.0
    }
}

impl From<FileBlock> for u64 {
    fn from(block: FileBlock) -> Self {
        block.0
    }
}

impl From<InodeNumber> for u64 {
    fn from(number: InodeNumber) -> Self {
        number.0
    }
}
