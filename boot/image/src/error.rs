// SPDX-License-Identifier: BSD-3-Clause
//! How reading an image fails.

use alloc::borrow::Cow;

use arch::{Arch, Machine};
use code::Code;
use damage::{Corrupt, Fault, Format, Unsupported};

use crate::codes;

/// Why an image cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is truncated: it ends before a structure that its headers announce.
    #[error("{format}: {structure} ends at byte {wanted}, the file at byte {had}")]
    Truncated {
        /// The format.
        format: Format,
        /// The truncated structure, by the specification's name; a section by its own.
        structure: Cow<'static, str>,
        /// Length in bytes that the file would need.
        wanted: u64,
        /// Length of the file.
        had: u64,
    },
    /// A value in the file is wrong.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// Compressed data is damaged; the cause is the decoder's.
    #[error("{format}: compressed data near byte {offset}: {cause}")]
    Data {
        /// The format.
        format: Format,
        /// How far the decoder had read.
        offset: u64,
        /// The decoder's message.
        cause: Cow<'static, str>,
    },
    /// The program is for another kind of machine.
    #[error("PE: program for {found}, this machine is {wanted}")]
    Machine {
        /// `IMAGE_FILE_HEADER.Machine` of the file.
        found: Machine,
        /// The machine that it should run on.
        wanted: Arch,
    },
    /// The file may be valid, but uses a feature that is not supported.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The content is larger than the caller allows.
    #[error("{format}: the content has {size} bytes or more, the limit is {limit}")]
    Limit {
        /// The format.
        format: Format,
        /// Its size, or a lower bound.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// There is not enough memory for the content.
    #[error("{format}: no memory for {bytes} bytes")]
    NoMemory {
        /// The format.
        format: Format,
        /// How much was asked for.
        bytes: u64,
    },
}

impl Error {
    /// The stable code that logs and tests name the error by, such as `E-IMAGE-PE-TRUNCATED`.
    pub fn code(&self) -> Code {
        match self {
            Self::Truncated { format, .. } => Fault::Truncated.code(*format),
            Self::Corrupt(corrupt) => corrupt.code(),
            Self::Data { format, .. } => Fault::Data.code(*format),
            Self::Machine { .. } => codes::MACHINE,
            Self::Unsupported(unsupported) => unsupported.code(),
            Self::Limit { format, .. } => codes::LIMIT.of(format.word()),
            Self::NoMemory { .. } => code::MEMORY,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use damage::Origin;

    use super::*;

    #[test]
    fn errors_name_what_is_wrong_and_have_codes() {
        let truncated = Error::Truncated {
            format: Format::Pe,
            structure: "section .text".into(),
            wanted: 4096,
            had: 512,
        };
        let machine = Error::Machine { found: Arch::Aarch64.machine(), wanted: Arch::X86_64 };
        let corrupt = Error::Corrupt(Corrupt {
            format: Format::Gzip,
            fault: Fault::Checksum { computed: 1 },
            structure: "CRC32",
            origin: Origin::Start,
            offset: 8,
            found: 2,
        });
        let table = [
            (truncated, "E-IMAGE-PE-TRUNCATED", "PE: section .text ends at byte 4096, the file at byte 512"),
            (machine, "E-IMAGE-PE-MACHINE", "PE: program for aarch64, this machine is x86_64"),
            (
                corrupt,
                "E-IMAGE-GZIP-CSUM",
                "gzip: CRC32 at byte 8: checksum mismatch, computed 0x1 (found 0x2)",
            ),
        ];
        for (error, code, text) in table {
            assert_eq!(error.code(), code);
            assert_eq!(format!("{error}"), text);
        }
    }
}
