// SPDX-License-Identifier: BSD-3-Clause
//! How reading a format fails: the same kinds for all of them.

use alloc::borrow::Cow;
use core::fmt;

use block::ReadError;
use code::{Code, Family, Word};

use crate::codes;

/// Why a partition table, a volume or a filesystem could not be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No such name.
    #[error("not found")]
    NotFound,
    /// The node is of another kind than the operation needs.
    #[error("not a {expected}")]
    WrongType {
        /// What was needed: `directory`, `regular file`, `symbolic link`.
        expected: &'static str,
    },
    /// The device failed.
    #[error(transparent)]
    Io(#[from] ReadError),
    /// The data on the device is wrong.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// The data may be right, but uses what we cannot read.
    #[error("{format}: unsupported: {feature}")]
    Unsupported {
        /// The format.
        format: Format,
        /// The feature, as the format's own tools name it.
        feature: Cow<'static, str>,
    },
    /// A path has more symbolic links than any honest one.
    #[error("too many symbolic links")]
    TooManyLinks,
    /// A file or directory is larger than the caller can use.
    #[error("{size} is more than the limit of {limit}")]
    TooLarge {
        /// Its size: bytes of a file, entries of a directory.
        size: u64,
        /// The caller's limit.
        limit: u64,
    },
    /// A structure would need more memory than there is.
    #[error("{format}: no memory for {bytes} bytes of {structure}")]
    NoMemory {
        /// The format.
        format: Format,
        /// What the memory is for.
        structure: &'static str,
        /// How much was asked for.
        bytes: u64,
    },
}

impl Error {
    /// The stable code that logs and tests name the error by, such as `E-FS-EXT4-CSUM`.
    pub fn code(&self) -> Code {
        match self {
            Self::NotFound => codes::NOT_FOUND,
            Self::WrongType { .. } => codes::TYPE,
            Self::Io(_) => codes::IO,
            Self::Corrupt(corrupt) => corrupt.fault.family().of(corrupt.format.word()),
            Self::Unsupported { format, .. } => codes::UNSUPPORTED.of(format.word()),
            Self::TooManyLinks => codes::LINKS,
            Self::TooLarge { .. } => codes::SIZE,
            Self::NoMemory { .. } => code::MEMORY,
        }
    }
}

/// Wrong data: which structure, where, and what stood there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Corrupt {
    /// The format that was read.
    pub format: Format,
    /// What is wrong with the structure.
    pub fault: Fault,
    /// The structure and field, by the specification's name: `ext4_super_block.s_checksum`.
    pub structure: &'static str,
    /// Where it stands: byte offset in the device that the format was opened on.
    pub offset: u64,
    /// The value found there (the computed one stands in the fault, where that says more).
    pub found: u64,
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { format, fault, structure, offset, found } = self;
        write!(f, "{format}: {structure} at byte {offset}: {fault} (found {found:#x})")
    }
}

impl core::error::Error for Corrupt {}

/// In what way a structure is wrong.
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
    /// A value is outside what the format allows or the device holds.
    Range,
    /// Two values contradict each other.
    Inconsistent,
    /// A chain or tree leads back to itself or is deeper than the format allows.
    Loop,
    /// A structure ends before its content does.
    Truncated,
    /// Compressed data cannot be unpacked.
    Data,
}

impl Fault {
    /// The stable codes of data that is wrong in this way.
    fn family(self) -> Family {
        match self {
            Self::Checksum { .. } => codes::CHECKSUM,
            Self::Magic => codes::MAGIC,
            Self::Range => codes::RANGE,
            Self::Inconsistent => codes::INCONSISTENT,
            Self::Loop => codes::LOOP,
            Self::Truncated => codes::TRUNCATED,
            Self::Data => codes::DATA,
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
            Self::Loop => f.write_str("loops or nests too deep"),
            Self::Truncated => f.write_str("truncated"),
            Self::Data => f.write_str("the compressed data is damaged"),
        }
    }
}

/// The formats that errors speak of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Format {
    /// GUID partition table.
    Gpt,
    /// Master boot record and its logical partitions.
    Mbr,
    /// ext2, ext3, ext4.
    Ext4,
    /// FAT12, FAT16, FAT32.
    Fat,
    /// ISO 9660 with Rock Ridge and El Torito.
    Iso9660,
    /// Disk images of QEMU, version 2 and 3.
    Qcow2,
    /// Virtual hard disks of Virtual PC, Hyper-V and Azure.
    Vhd,
    /// A file of any format.
    File,
}

impl Format {
    /// The format's part of a stable code.
    fn word(self) -> Word {
        match self {
            Self::Gpt => codes::GPT,
            Self::Mbr => codes::MBR,
            Self::Ext4 => codes::EXT4,
            Self::Fat => codes::FAT,
            Self::Iso9660 => codes::ISO9660,
            Self::Qcow2 => codes::QCOW2,
            Self::Vhd => codes::VHD,
            Self::File => codes::FILE,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gpt => "GPT",
            Self::Mbr => "MBR",
            Self::Ext4 => "ext4",
            Self::Fat => "FAT",
            Self::Iso9660 => "ISO 9660",
            Self::Qcow2 => "qcow2",
            Self::Vhd => "VHD",
            Self::File => "file",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn an_error_names_structure_offset_and_code() {
        let error = Error::from(Corrupt {
            format: Format::Ext4,
            fault: Fault::Checksum { computed: 0xbeef },
            structure: "ext4_super_block.s_checksum",
            offset: 2044,
            found: 0xdead,
        });
        assert_eq!(error.code(), "E-FS-EXT4-CSUM");
        assert_eq!(
            format!("{error}"),
            "ext4: ext4_super_block.s_checksum at byte 2044: checksum mismatch, computed 0xbeef (found 0xdead)"
        );
    }
}
