// SPDX-License-Identifier: BSD-3-Clause
//! A type for each index space, so that blocks of files, blocks of the filesystem and bytes cannot be mixed up.
//!
//! Sums saturate: what is past the end of the device or of any file stays so, and is checked where it is used.
//! Differences saturate at zero, as their documentation says.

/// Bytes from the start of the device.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ByteOffset(pub u64);

/// A block of the filesystem, `xfs_fsblock_t`: its allocation group in the high bits, its number within the group in
/// the low bits. Block numbers are contiguous within a group only.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct FsBlock(pub u64);

/// A block of a file or directory, counted from its start: `xfs_fileoff_t`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct FileBlock(pub u64);

/// Identifies a file, directory or link: from the high bits down, allocation group, block in it, inode in the block.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct InodeNumber(pub u64);

impl ByteOffset {
    /// The offset this many bytes further on.
    pub const fn after(self, bytes: u64) -> Self {
        Self(self.0.saturating_add(bytes))
    }

    /// The byte `at` of a structure that starts here.
    pub fn within(self, at: usize) -> Self {
        self.after(u64::try_from(at).unwrap_or(u64::MAX))
    }
}

impl FsBlock {
    /// The block this many blocks further on.
    pub const fn after(self, blocks: u64) -> Self {
        Self(self.0.saturating_add(blocks))
    }
}

impl FileBlock {
    /// The block this many blocks further on.
    pub const fn after(self, blocks: u64) -> Self {
        Self(self.0.saturating_add(blocks))
    }

    /// Blocks from `earlier` to this one; zero if `earlier` is not before it.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

// For the value found, in errors.
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
