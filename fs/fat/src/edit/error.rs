// SPDX-License-Identifier: BSD-3-Clause
//! Errors of changing a volume.

use alloc::string::String;

use block::ReadError;
use code::Code;

use crate::codes;

/// Why a volume was not changed.
///
/// All of them come before anything is written, except [`Content`](Self::Content) and errors of the device; after
/// those, the volume is as a power failure would have left it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The volume cannot be read, written, or trusted.
    #[error(transparent)]
    Volume(#[from] filesystem::Error),
    /// The new content of a file cannot be read from its source.
    #[error("reading the content: {0}")]
    Content(ReadError),
    /// FAT cannot hold the name.
    #[error("`{name}` is not a valid file name on FAT")]
    Name {
        /// The name.
        name: String,
    },
    /// The path has more than 32 names.
    #[error("`{path}` is too deep: more than 32 names")]
    TooDeep {
        /// The path.
        path: String,
    },
    /// The file is too large: on FAT a file is smaller than 4 GiB.
    #[error("`{path}` is too large for FAT: {size} bytes")]
    TooLarge {
        /// The path.
        path: String,
        /// Bytes of the file.
        size: u64,
    },
    /// The volume has too few free clusters.
    #[error("no space for `{path}`: {needed} clusters needed, {free} free")]
    Full {
        /// The path.
        path: String,
        /// Clusters that the change needs before it frees any.
        needed: u64,
        /// Free clusters.
        free: u64,
    },
    /// The folder is full.
    #[error("no space in the folder for `{path}`")]
    FolderFull {
        /// The path.
        path: String,
    },
    /// There is already an entry with this name, in whatever case.
    #[error("`{path}` already exists")]
    Exists {
        /// The path.
        path: String,
    },
    /// The path goes through a file, or leads to one where a folder is needed.
    #[error("`{path}` leads to a file where a folder is needed")]
    NotAFolder {
        /// The path.
        path: String,
    },
    /// The path leads to a folder where a file is needed.
    #[error("`{path}` is a folder")]
    IsAFolder {
        /// The path.
        path: String,
    },
    /// Only an empty folder can be removed.
    #[error("the folder `{path}` is not empty")]
    NotEmpty {
        /// The path.
        path: String,
    },
    /// The entry has the read-only attribute.
    #[error("`{path}` is read-only")]
    ReadOnly {
        /// The path.
        path: String,
    },
    /// A folder can only be renamed within its sector: see [`Editor::rename`](super::Editor::rename).
    #[error("the folder `{path}` cannot be moved, or renamed to a name that takes more space")]
    FolderStays {
        /// The path.
        path: String,
    },
}

/// Errors of the volume's device. Errors of the content are not converted: they become [`Error::Content`].
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
