// SPDX-License-Identifier: BSD-3-Clause
//! Makes a whole volume from a list of files: the same bytes for the same list and options.

mod emit;
mod layout;
pub(crate) mod name;
mod tree;

use alloc::{string::String, vec::Vec};

use filesystem::Timestamp;

use crate::Kind;
use tree::Directory;

/// The options of a volume, apart from its files.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The serial number, `0x0e1f_0001` for `UUID=0E1F-0001`.
    pub volume_id: u32,
    /// The label: at most eleven characters of upper-case ASCII, digits, spaces and `` !#$%&'()-@^_`{}~ ``;
    /// empty for none.
    pub label: String,
    /// The time of all entries. FAT holds 1980 to 2107 in steps of two seconds; others become the nearest.
    pub time: Timestamp,
    /// The type; `None` chooses the usual one for the size.
    pub kind: Option<Kind>,
    /// The size.
    pub size: Size,
}

/// The size of a volume.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Size {
    /// As small as possible for the files, this number of free bytes, and the type.
    Fit {
        /// Free bytes, rounded up to clusters.
        free: u64,
    },
    /// This number of bytes, rounded down to 512.
    Exact(u64),
}

impl Default for Size {
    fn default() -> Self {
        Self::Fit { free: 0 }
    }
}

/// Collects the directories and files of a volume.
#[derive(Debug, Default)]
pub struct Builder<'a> {
    root: Directory<'a>,
}

impl<'a> Builder<'a> {
    /// A volume without files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a directory and those above it; existing ones are kept.
    ///
    /// `path` is separated by slashes; a leading one is allowed.
    ///
    /// # Errors
    /// [`Error::Name`] for a name that FAT cannot hold, [`Error::NotADirectory`] if a file is in the way,
    /// [`Error::TooDeep`].
    pub fn directory(&mut self, path: &str) -> Result<(), Error> {
        self.root.directory(path).map(drop)
    }

    /// Adds a file, and the directories above it.
    ///
    /// # Errors
    /// As [`directory`](Self::directory); [`Error::Exists`] if there is an entry with this name, in whatever case;
    /// [`Error::TooLarge`] for 4 GiB and more.
    pub fn file(&mut self, path: &str, bytes: &'a [u8]) -> Result<(), Error> {
        self.root.file(path, bytes)
    }

    /// The volume's bytes.
    ///
    /// # Errors
    /// [`Error::Label`], [`Error::Size`] if the files do not fit or no volume of the type has this size,
    /// [`Error::NoMemory`], [`Error::TooLarge`] for a directory of more than 65 536 entries.
    pub fn build(&self, options: &Options) -> Result<Vec<u8>, Error> {
        let label = name::label(&options.label)?;
        let nodes = tree::flatten(&self.root, label.is_some())?;
        let layout = layout::choose(&nodes, options.kind, options.size)?;
        emit::image(&nodes, &layout, options, label)
    }
}

/// Why a volume cannot be made.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// FAT cannot hold the name.
    #[error("`{name}` is not a valid file name on FAT")]
    Name {
        /// The name.
        name: String,
    },
    /// There is already an entry with this name, in whatever case.
    #[error("`{path}` already exists")]
    Exists {
        /// The path.
        path: String,
    },
    /// The path goes through a file.
    #[error("`{path}` goes through a file where a directory is needed")]
    NotADirectory {
        /// The path.
        path: String,
    },
    /// The path has more than 32 components.
    #[error("`{path}` is too deep: more than 32 names")]
    TooDeep {
        /// The path.
        path: String,
    },
    /// A file or directory is larger than FAT can hold.
    #[error("`{path}` is too large for FAT: {size}")]
    TooLarge {
        /// The path.
        path: String,
        /// Bytes of the file, entries of the directory.
        size: u64,
    },
    /// The label is too long or has a character that is not allowed.
    #[error("`{label}` is not a valid volume label: at most 11 upper-case letters, digits and some signs")]
    Label {
        /// The label.
        label: String,
    },
    /// The files do not fit into a volume of the requested type and size.
    #[error("{needed} bytes of files do not fit into a FAT volume of the requested type and size")]
    Size {
        /// Bytes of the files.
        needed: u64,
    },
    /// There is not enough memory for the volume.
    #[error("no memory for a volume of {bytes} bytes")]
    NoMemory {
        /// Its size.
        bytes: u64,
    },
}
