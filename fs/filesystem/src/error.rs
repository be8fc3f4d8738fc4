// SPDX-License-Identifier: BSD-3-Clause
//! Errors of reading a filesystem, the same for all formats.

use block::ReadError;
use code::Code;
use damage::{Corrupt, Degraded, Missing, NoMemory, Unsupported};

use crate::codes;

/// Why a volume or a file could not be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No such name.
    #[error("not found")]
    NotFound,
    /// The node is not of the type that the operation needs.
    #[error("not a {expected}")]
    WrongType {
        /// The type that is needed: `directory`, `regular file`, `symbolic link`.
        expected: &'static str,
    },
    /// The device failed, or the read was past its end or over its read limit.
    #[error(transparent)]
    Io(ReadError),
    /// The data is corrupt: the filesystem's own, or that of a layer below (its `format` tells).
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// The data uses a feature that is not supported.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// This part cannot be read because devices are missing.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// Something is wrong with the whole, which can be read all the same. A warning: no operation fails with it.
    #[error(transparent)]
    Degraded(#[from] Degraded),
    /// A path goes through too many symbolic links.
    #[error("too many symbolic links")]
    TooManyLinks,
    /// A file or directory is larger than the caller can use.
    #[error("too large: {size}, the limit is {limit}")]
    TooLarge {
        /// Its size: bytes for a file, entries for a directory.
        size: u64,
        /// The caller's limit.
        limit: u64,
    },
    /// Not enough memory for a structure.
    #[error(transparent)]
    NoMemory(#[from] NoMemory),
}

/// Errors of a layer below stay what they are.
impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Corrupt(corrupt) => Self::Corrupt(corrupt),
            ReadError::Unsupported(unsupported) => Self::Unsupported(unsupported),
            ReadError::NoMemory(no_memory) => Self::NoMemory(no_memory),
            error => Self::Io(error),
        }
    }
}

impl Error {
    /// The stable code that logs and tests name the error by, such as `E-FS-EXT4-CSUM`.
    pub fn code(&self) -> Code {
        match self {
            Self::NotFound => codes::NOT_FOUND,
            Self::WrongType { .. } => codes::TYPE,
            Self::Io(error) => error.code(),
            Self::Corrupt(corrupt) => corrupt.code(),
            Self::Unsupported(unsupported) => unsupported.code(),
            Self::Missing(missing) => missing.code(),
            Self::Degraded(degraded) => degraded.code(),
            Self::TooManyLinks => codes::LINKS,
            Self::TooLarge { .. } => codes::SIZE,
            Self::NoMemory(_) => code::MEMORY,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use damage::{Fault, Format, Origin};

    use super::*;

    #[test]
    fn an_error_names_structure_offset_and_code() {
        let error = Error::from(Corrupt {
            format: Format::Ext4,
            fault: Fault::Checksum { computed: 0xbeef },
            structure: "ext4_super_block.s_checksum",
            origin: Origin::Start,
            offset: 2044,
            found: 0xdead,
        });
        assert_eq!(error.code(), "E-FS-EXT4-CSUM");
        assert_eq!(
            error.to_string(),
            "ext4: ext4_super_block.s_checksum at byte 2044: checksum mismatch, computed 0xbeef (found 0xdead)"
        );
    }

    #[test]
    fn damage_of_a_layer_below_is_told_as_it_was_told_there() {
        let corrupt = Corrupt {
            format: Format::Qcow2,
            fault: Fault::Range,
            structure: "L2 entry",
            origin: Origin::Start,
            offset: 0x4_0000,
            found: 7,
        };
        let unsupported = Unsupported { format: Format::Vhd, feature: "differencing disk".into() };
        for (below, above, code) in [
            (ReadError::from(corrupt.clone()), Error::Corrupt(corrupt), "E-FS-QCOW2-RANGE"),
            (ReadError::from(unsupported.clone()), Error::Unsupported(unsupported), "E-FS-VHD-UNSUPPORTED"),
        ] {
            let error = Error::from(below);
            assert_eq!(error, above);
            assert_eq!(error.code(), code);
        }
        let error = Error::from(ReadError::reading(4096, "EIO"));
        assert_eq!(error.code(), "E-IO");
        assert_eq!(error.to_string(), "reading at byte 4096: EIO");
    }
}
