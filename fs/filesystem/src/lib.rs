// SPDX-License-Identifier: BSD-3-Clause
//! The interface of all on-disk formats, and their errors.
//!
//! The crate of a format opens a [`block::BlockRead`] and returns a [`FileSystem`]: nodes, names and
//! bytes. It does not walk paths or follow symbolic links; `vfs` does that once for all of them.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod codes;
mod error;
mod memory;
mod time;

use alloc::{string::String, vec::Vec};
use core::ops::ControlFlow;

pub use damage::{Corrupt, Degraded, Fault, Format, Missing, NoMemory, Origin, Unsupported};
pub use error::Error;
pub use memory::{Claim, MemoryBudget};
pub use time::Civil;

/// A filesystem that can be read.
///
/// It has only what the format itself knows: directories map names to nodes, nodes have attributes and bytes.
pub trait FileSystem {
    /// Identifies a file, directory or link: an inode number, or subvolume and inode. Cheap to clone.
    type Node: Clone + 'static;

    /// Format, label and identifier.
    fn identity(&self) -> Identity;

    /// Free space, features and health of the whole; empty for a format that does not store them.
    ///
    /// # Errors
    /// If the structures that hold this cannot be read.
    fn summary(&self) -> Result<Summary, Error> {
        Ok(Summary::default())
    }

    /// What is wrong with the whole although it can be read. Each one is shown as a warning, once.
    ///
    /// A filesystem with warnings is [`Health::Degraded`] in its [`summary`](Self::summary), too.
    fn warnings(&self) -> Vec<Error> {
        Vec::new()
    }

    /// The root directory.
    fn root(&self) -> Self::Node;

    /// The entry `name` of the directory `dir`.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none; [`Error::WrongType`] if `dir` is not a directory.
    fn lookup(&self, dir: &Self::Node, name: &[u8]) -> Result<Self::Node, Error>;

    /// The attributes of a node.
    ///
    /// # Errors
    /// If the node's structure cannot be read.
    fn attr(&self, node: &Self::Node) -> Result<Attr, Error>;

    /// Calls `each` for every entry of the directory except `.` and `..`, in on-disk order, until it returns
    /// `Break`.
    ///
    /// # Errors
    /// [`Error::WrongType`] if `dir` is not a directory.
    fn read_dir(&self, dir: &Self::Node, each: &mut EachEntry<'_, Self::Node>) -> Result<(), Error>;

    /// The target of a symbolic link, as stored.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the node is not a symbolic link.
    fn read_link(&self, node: &Self::Node) -> Result<Vec<u8>, Error>;

    /// Fills `buf` with the file's bytes at `offset`, across as many extents as needed; holes read as zeros.
    ///
    /// Returns the number of bytes filled: fewer than `buf.len()` only at the end of the file.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the node is not a regular file.
    fn read_at(&self, node: &Self::Node, offset: u64, buf: &mut [u8]) -> Result<usize, Error>;
}

/// The callback of [`FileSystem::read_dir`]: gets the name and node of an entry, and its type if the format stores the
/// type with the name, so that the node need not be read for it.
pub type EachEntry<'a, Node> = dyn FnMut(&[u8], Node, Option<FileType>) -> ControlFlow<()> + 'a;

/// What is known about a whole filesystem.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Summary {
    /// Bytes of all its devices, missing ones included, if the format stores this.
    pub size: Option<u64>,
    /// Free bytes, as last recorded on disk.
    pub free: Option<u64>,
    /// The features in use, as the format's own tools name them.
    pub features: Vec<String>,
    /// Further details for people, by name: `generation`, `profile`.
    pub details: Vec<(&'static str, String)>,
    /// Its state, as recorded on disk.
    pub health: Health,
}

/// The detail that counts bytes rebuilt from another copy or from parity, because a device is missing or corrupt.
pub const REBUILT: &str = "rebuilt";

/// The state of a device or filesystem.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Health {
    /// Nothing is known to be wrong.
    #[default]
    Ok,
    /// It can be read, but a part is missing, or it is marked as damaged.
    Degraded,
    /// It cannot be read.
    Failed,
}

/// Format, label and identifier of a filesystem.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Identity {
    /// The format as blkid names it: `ext4`, `vfat`, `iso9660`.
    pub format: &'static str,
    /// The label, without padding; empty if there is none.
    pub label: Vec<u8>,
    /// The identifier as spelled after `UUID=` in fstab (ext4 `11111111-2222-…`, FAT `0E1F-0001`); empty if
    /// the format has none.
    pub uuid: String,
}

/// The attributes of a node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attr {
    /// What the node is.
    pub kind: FileType,
    /// Permission bits, set-id and sticky bits: the low 12 bits of `st_mode`.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length in bytes.
    pub size: u64,
    /// Number of hard links.
    pub links: u64,
    /// Time of the last change of the content.
    pub modified: Timestamp,
    /// Major and minor number of a device node, otherwise zeros.
    pub device: (u32, u32),
}

/// A point in time.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Timestamp {
    /// Seconds since 1970-01-01 00:00 UTC.
    pub seconds: i64,
    /// Nanoseconds within the second, below 10⁹.
    pub nanoseconds: u32,
}

/// What a node is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FileType {
    /// Regular file.
    File,
    /// Directory.
    Directory,
    /// Symbolic link.
    Symlink,
    /// Character device.
    CharDevice,
    /// Block device.
    BlockDevice,
    /// Named pipe.
    Fifo,
    /// Unix socket.
    Socket,
}
