// SPDX-License-Identifier: BSD-3-Clause
//! What every on-disk format offers, and how it fails.
//!
//! A format is a crate that opens a [`block::BlockRead`] and yields a [`FileSystem`]: nodes, names and
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
/// Only what the format itself knows: directories map names to nodes, nodes have attributes and bytes.
pub trait FileSystem {
    /// Names one file, directory or link: an inode number, or subvolume and inode. Cheap to clone.
    type Node: Clone + 'static;

    /// Format, label and identifier.
    fn identity(&self) -> Identity;

    /// Free space, features and health of the whole; empty for a format that does not store them.
    ///
    /// # Errors
    /// Where the structures that say it cannot be read.
    fn summary(&self) -> Result<Summary, Error> {
        Ok(Summary::default())
    }

    /// What is wrong with the whole, though it can be read: each becomes a warning of the machine, once.
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
    /// [`Error::NotFound`] when there is none; [`Error::WrongType`] when `dir` is no directory.
    fn lookup(&self, dir: &Self::Node, name: &[u8]) -> Result<Self::Node, Error>;

    /// The attributes of a node.
    ///
    /// # Errors
    /// Where the node's structure cannot be read.
    fn attr(&self, node: &Self::Node) -> Result<Attr, Error>;

    /// Calls `each` with every entry of the directory but `.` and `..`, in the order of the disk, until it
    /// breaks.
    ///
    /// # Errors
    /// [`Error::WrongType`] when `dir` is no directory.
    fn read_dir(&self, dir: &Self::Node, each: &mut EachEntry<'_, Self::Node>) -> Result<(), Error>;

    /// The target of a symbolic link, as it is stored.
    ///
    /// # Errors
    /// [`Error::WrongType`] when the node is no symbolic link.
    fn read_link(&self, node: &Self::Node) -> Result<Vec<u8>, Error>;

    /// Fills `buf` from the file's bytes at `offset`, over as many extents as it takes; holes read as zeros.
    ///
    /// Returns how many bytes were filled: fewer than `buf.len()` only where the file ends.
    ///
    /// # Errors
    /// [`Error::WrongType`] when the node is no regular file.
    fn read_at(&self, node: &Self::Node, offset: u64, buf: &mut [u8]) -> Result<usize, Error>;
}

/// [`FileSystem::read_dir`] calls it with the name and node of an entry, and with the entry's type where the format
/// stores that beside the name, so that nobody has to read the node for it.
pub type EachEntry<'a, Node> = dyn FnMut(&[u8], Node, Option<FileType>) -> ControlFlow<()> + 'a;

/// What is known of a whole filesystem.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Summary {
    /// Bytes of all its devices, those that are not there included, where the format says so.
    pub size: Option<u64>,
    /// Bytes that nothing uses, as of the last time that the format wrote it down.
    pub free: Option<u64>,
    /// The features that it uses, by the names that the format's own tools give them.
    pub features: Vec<String>,
    /// What else people may want to know, by name: `generation`, `profile`.
    pub details: Vec<(&'static str, String)>,
    /// Its state, as it says itself.
    pub health: Health,
}

/// The detail that says how many bytes were read from another copy, or by parity, because a device has none or wrong ones.
pub const REBUILT: &str = "rebuilt";

/// The state of a device or filesystem.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Health {
    /// Nothing is known to be wrong.
    #[default]
    Ok,
    /// It can be read; a part is missing, or it is marked as damaged.
    Degraded,
    /// It cannot be read.
    Failed,
}

/// Format, label and identifier of a filesystem.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Identity {
    /// The format as blkid names it: `ext4`, `vfat`, `iso9660`.
    pub format: &'static str,
    /// The label, without padding; empty where there is none.
    pub label: Vec<u8>,
    /// The identifier as `UUID=` of fstab spells it (ext4 `11111111-2222-…`, FAT `0E1F-0001`); empty where
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
    /// Last change of the bytes.
    pub modified: Timestamp,
    /// Major and minor number of a device node, else zeros.
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
