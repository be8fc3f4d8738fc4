// SPDX-License-Identifier: BSD-3-Clause
//! How reading an image fails.

use alloc::borrow::Cow;
use core::fmt;

use code::{Code, Family, Word};

use crate::{Machine, codes};

/// Why an image cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file ends before something that it promises.
    #[error("{format}: {structure} ends at byte {wanted}, the file at byte {had}")]
    Truncated {
        /// The format.
        format: Format,
        /// What is not all there, by the specification's name; a section by its own.
        structure: Cow<'static, str>,
        /// Length in bytes that the file needs for it.
        wanted: u64,
        /// Length of the file.
        had: u64,
    },
    /// A value in the file is wrong.
    #[error("{format}: {structure} at byte {offset}: {fault} (found {found:#x})")]
    Corrupt {
        /// The format.
        format: Format,
        /// In what way.
        fault: Fault,
        /// The structure and field, by the specification's name: `IMAGE_OPTIONAL_HEADER64.Magic`.
        structure: &'static str,
        /// Where in the file it stands.
        offset: u64,
        /// The value there.
        found: u64,
    },
    /// Compressed data is wrong, in the decoder's words.
    #[error("{format}: compressed data near byte {offset}: {cause}")]
    Data {
        /// The format.
        format: Format,
        /// How far the decoder had read.
        offset: u64,
        /// What it said.
        cause: Cow<'static, str>,
    },
    /// The program is for another kind of machine.
    #[error("PE: program for {found}, this machine is {wanted}")]
    Machine {
        /// `IMAGE_FILE_HEADER.Machine` of the file.
        found: Machine,
        /// The machine that it should run on.
        wanted: Machine,
    },
    /// The file may be right, but uses what we cannot.
    #[error("{format}: unsupported: {feature}")]
    Unsupported {
        /// The format.
        format: Format,
        /// The feature.
        feature: Cow<'static, str>,
    },
    /// The content is larger than the caller allows.
    #[error("{format}: content of {size} bytes or more, {limit} are allowed")]
    Limit {
        /// The format.
        format: Format,
        /// Its size, or how much of it there is at least.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// There is no memory for the content.
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
        let (family, format) = match self {
            Self::Truncated { format, .. } => (codes::TRUNCATED, format),
            Self::Corrupt { format, fault, .. } => (fault.family(), format),
            Self::Data { format, .. } => (codes::DATA, format),
            Self::Machine { .. } => return codes::MACHINE,
            Self::Unsupported { format, .. } => (codes::UNSUPPORTED, format),
            Self::Limit { format, .. } => (codes::LIMIT, format),
            Self::NoMemory { .. } => return code::MEMORY,
        };
        family.of(format.word())
    }
}

/// In what way a value is wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// The checksum stored is not the one computed.
    Checksum {
        /// The one computed over the bytes.
        computed: u64,
    },
    /// A magic number or signature is not there.
    Magic,
    /// A value is outside what the format allows.
    Range,
    /// Two values contradict each other.
    Inconsistent,
}

impl Fault {
    /// The stable codes of a value that is wrong in this way.
    fn family(self) -> Family {
        match self {
            Self::Checksum { .. } => codes::CHECKSUM,
            Self::Magic => codes::MAGIC,
            Self::Range => codes::RANGE,
            Self::Inconsistent => codes::INCONSISTENT,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checksum { computed } => write!(f, "checksum mismatch, computed {computed:#x}"),
            Self::Magic => f.write_str("wrong magic number"),
            Self::Range => f.write_str("out of range"),
            Self::Inconsistent => f.write_str("contradicts another field"),
        }
    }
}

/// The formats that errors speak of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Format {
    /// A kernel file, whatever its format.
    Kernel,
    /// PE32+, of which EFI applications are made.
    Pe,
    /// A compressed kernel that unpacks itself under EFI.
    Zboot,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// The .xz file format.
    Xz,
    /// LZ4 frames, and the legacy frames that kernels use.
    Lz4,
    /// Several initrds behind one another.
    Initrd,
}

impl Format {
    /// The format's part of a stable code.
    fn word(self) -> Word {
        match self {
            Self::Kernel => codes::KERNEL,
            Self::Pe => codes::PE,
            Self::Zboot => codes::ZBOOT,
            Self::Gzip => codes::GZIP,
            Self::Zstd => codes::ZSTD,
            Self::Xz => codes::XZ,
            Self::Lz4 => codes::LZ4,
            Self::Initrd => codes::INITRD,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kernel => "kernel",
            Self::Pe => "PE",
            Self::Zboot => "EFI zboot",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Lz4 => "lz4",
            Self::Initrd => "initrd",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn errors_name_what_is_wrong_and_have_codes() {
        let truncated = Error::Truncated {
            format: Format::Pe,
            structure: "section .text".into(),
            wanted: 4096,
            had: 512,
        };
        let machine = Error::Machine { found: Machine::AARCH64, wanted: Machine::X86_64 };
        let corrupt = Error::Corrupt {
            format: Format::Gzip,
            fault: Fault::Checksum { computed: 1 },
            structure: "CRC32",
            offset: 8,
            found: 2,
        };
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
