// SPDX-License-Identifier: BSD-3-Clause
//! Why a volume was not changed.

use alloc::string::String;

use block::ReadError;
use code::Code;

use crate::codes;

/// Why a volume was not changed.
///
/// Nothing was written before any of them but [`Content`](Self::Content) and errors of the device; after those, the
/// volume is as a power failure would have left it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The volume cannot be read, written, or trusted.
    #[error(transparent)]
    Volume(#[from] filesystem::Error),
    /// The bytes of a file cannot be read from where they are to come from.
    #[error("reading the content: {0}")]
    Content(ReadError),
    /// FAT cannot hold the name.
    #[error("`{name}` is no file name on FAT")]
    Name {
        /// The name.
        name: String,
    },
    /// The path has more than 32 names.
    #[error("`{path}` is too deep")]
    TooDeep {
        /// The path.
        path: String,
    },
    /// FAT's files are smaller than 4 GiB.
    #[error("`{path}` is too large for FAT: {size} bytes")]
    TooLarge {
        /// The path.
        path: String,
        /// Bytes of the file.
        size: u64,
    },
    /// The volume has too few free clusters.
    #[error("no room for `{path}`: {needed} clusters are needed, {free} are free")]
    Full {
        /// The path.
        path: String,
        /// Clusters that the change needs before it gives any back.
        needed: u64,
        /// Clusters that are free.
        free: u64,
    },
    /// The folder cannot hold one more entry.
    #[error("no room in the folder for `{path}`")]
    FolderFull {
        /// The path.
        path: String,
    },
    /// There is an entry of this name, in whatever case.
    #[error("`{path}` exists already")]
    Exists {
        /// The path.
        path: String,
    },
    /// The path goes through a file, or leads to one where a folder is wanted.
    #[error("`{path}` leads to a file where a folder is needed")]
    NotAFolder {
        /// The path.
        path: String,
    },
    /// The path leads to a folder where a file is wanted.
    #[error("`{path}` is a folder")]
    IsAFolder {
        /// The path.
        path: String,
    },
    /// A folder is removed only when it is empty.
    #[error("the folder `{path}` is not empty")]
    NotEmpty {
        /// The path.
        path: String,
    },
    /// The entry has the attribute for read-only.
    #[error("`{path}` is read-only")]
    ReadOnly {
        /// The path.
        path: String,
    },
    /// A folder is renamed within its sector only: see [`Editor::rename`](super::Editor::rename).
    #[error("the folder `{path}` cannot be renamed so")]
    FolderStays {
        /// The path.
        path: String,
    },
}

/// Errors of the volume's device. Those of the content are told apart from them by hand.
impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        Self::Volume(error.into())
    }
}

impl Error {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Volume(error) => error.code(),
            Self::Content(error) => error.code(),
            Self::Name { .. } | Self::TooDeep { .. } => codes::NAME,
            Self::TooLarge { .. } | Self::Full { .. } | Self::FolderFull { .. } => codes::FULL,
            Self::Exists { .. }
            | Self::NotAFolder { .. }
            | Self::IsAFolder { .. }
            | Self::NotEmpty { .. }
            | Self::ReadOnly { .. }
            | Self::FolderStays { .. } => codes::REFUSED,
        }
    }
}
