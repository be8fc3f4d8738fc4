// SPDX-License-Identifier: BSD-3-Clause
//! Errors about data that is corrupt, unsupported or incomplete, shared by all formats from partition tables to
//! kernels.
//!
//! An error keeps its format, structure, location and code on its way up through the layers.
//!
//! ```
//! use damage::{Corrupt, Fault, Format};
//!
//! let fault = Fault::Checksum { computed: 0xbeef };
//! let structure = "ext4_super_block.s_checksum";
//! let origin = damage::Origin::Start;
//! let corrupt = Corrupt { format: Format::Ext4, fault, structure, origin, offset: 2044, found: 0xdead };
//! assert_eq!(corrupt.code(), "E-FS-EXT4-CSUM");
//! ```
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod codes;
mod format;

use alloc::borrow::Cow;
use core::fmt;

use code::Code;

pub use format::Format;

/// Corrupt data: the structure, its location, and the value found there.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{format}: {structure} at {}: {fault} (found {found:#x})", Location(*origin, *offset))]
pub struct Corrupt {
    /// The format that was read.
    pub format: Format,
    /// What is wrong with the structure.
    pub fault: Fault,
    /// The structure and field, by the specification's name: `ext4_super_block.s_checksum`.
    pub structure: &'static str,
    /// What the offset counts from.
    pub origin: Origin,
    /// Its location, in bytes from `origin`.
    pub offset: u64,
    /// The value found there (for a checksum, the computed one is in the fault).
    pub found: u64,
}

/// What the offset of corrupt data counts from.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Origin {
    /// The start of the device or file that the format was opened on.
    #[default]
    Start,
    /// The start of the format's own address space, which its tools use (btrfs: `bytenr`).
    Space,
    /// The start of a tree node at this address of that space.
    Node(u64),
}

/// An origin and an offset, as shown in messages.
struct Location(Origin, u64);

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(origin, offset) = self;
        match origin {
            Origin::Start => write!(f, "byte {offset}"),
            Origin::Space => write!(f, "address {offset}"),
            Origin::Node(address) => write!(f, "byte {offset} of node {address}"),
        }
    }
}

impl Corrupt {
    /// The stable code, such as `E-FS-EXT4-CSUM`.
    pub fn code(&self) -> Code {
        self.fault.code(self.format)
    }
}

/// Data that uses a feature that cloud-boot does not support.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{format}: unsupported: {feature}")]
pub struct Unsupported {
    /// The format.
    pub format: Format,
    /// The feature, as the format's own tools name it.
    pub feature: Cow<'static, str>,
}

impl Unsupported {
    /// The stable code, such as `E-FS-EXT4-UNSUPPORTED`.
    pub fn code(&self) -> Code {
        let family = if self.format.is_image() { codes::IMAGE_UNSUPPORTED } else { codes::UNSUPPORTED };
        family.of(self.format.word())
    }
}

/// Data that can be read, although something is wrong with the whole.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{format}: {state}")]
pub struct Degraded {
    /// The format.
    pub format: Format,
    /// What is wrong, and its possible consequence.
    pub state: Cow<'static, str>,
}

impl Degraded {
    /// The stable code, such as `E-FS-XFS-DEGRADED`.
    pub fn code(&self) -> Code {
        codes::DEGRADED.of(self.format.word())
    }
}

/// Data on several devices, too many of which are missing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{format}: cannot be read without {members}")]
pub struct Missing {
    /// The format.
    pub format: Format,
    /// The devices that are missing, each as the format names it.
    pub members: Cow<'static, str>,
}

impl Missing {
    /// The stable code, such as `E-FS-BTRFS-MISSING`.
    pub fn code(&self) -> Code {
        codes::MISSING.of(self.format.word())
    }
}

/// Not enough memory for a structure.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{format}: no memory for {bytes} bytes of {structure}")]
pub struct NoMemory {
    /// The format.
    pub format: Format,
    /// What the memory is for.
    pub structure: &'static str,
    /// How much was requested.
    pub bytes: u64,
}

/// What is wrong with a structure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// The stored checksum is not the computed one.
    Checksum {
        /// The one computed over the bytes.
        computed: u64,
    },
    /// A magic number or signature is missing.
    Magic,
    /// A value is out of range for the format or the device.
    Range,
    /// Two values contradict each other.
    Inconsistent,
    /// A chain or tree contains a loop, or is deeper than the format allows.
    Loop,
    /// A structure is truncated.
    Truncated,
    /// Compressed data is corrupt.
    Data,
}

impl Fault {
    /// The stable code of this fault in data of this format.
    pub fn code(self, format: Format) -> Code {
        let (disk, image) = match self {
            Self::Checksum { .. } => (codes::CHECKSUM, codes::IMAGE_CHECKSUM),
            Self::Magic => (codes::MAGIC, codes::IMAGE_MAGIC),
            Self::Range => (codes::RANGE, codes::IMAGE_RANGE),
            Self::Inconsistent => (codes::INCONSISTENT, codes::IMAGE_INCONSISTENT),
            // Images have no chains or trees.
            Self::Loop => (codes::LOOP, codes::IMAGE_INCONSISTENT),
            Self::Truncated => (codes::TRUNCATED, codes::IMAGE_TRUNCATED),
            Self::Data => (codes::DATA, codes::IMAGE_DATA),
        };
        let family = if format.is_image() { image } else { disk };
        family.of(format.word())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checksum { computed } => write!(f, "checksum mismatch, computed {computed:#x}"),
            Self::Magic => f.write_str("wrong magic number"),
            Self::Range => f.write_str("out of range"),
            Self::Inconsistent => f.write_str("contradicts another field"),
            Self::Loop => f.write_str("contains a loop, or is nested too deeply"),
            Self::Truncated => f.write_str("truncated"),
            Self::Data => f.write_str("the compressed data is damaged"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{format, string::ToString};

    use super::*;

    fn corrupt(format: Format, fault: Fault, structure: &'static str) -> Corrupt {
        Corrupt { format, fault, structure, origin: Origin::Start, offset: 2044, found: 0xdead }
    }

    #[test]
    fn damage_names_structure_place_and_code() {
        let fault = Fault::Checksum { computed: 0xbeef };
        let disk = corrupt(Format::Ext4, fault, "ext4_super_block.s_checksum");
        assert_eq!(disk.code(), "E-FS-EXT4-CSUM");
        assert_eq!(
            disk.to_string(),
            "ext4: ext4_super_block.s_checksum at byte 2044: checksum mismatch, computed 0xbeef (found 0xdead)"
        );
        let structure = "btrfs_header.csum";
        for (origin, place) in
            [(Origin::Space, "address 2044"), (Origin::Node(30_408_704), "byte 2044 of node 30408704")]
        {
            let corrupt = Corrupt { origin, ..corrupt(Format::Btrfs, Fault::Magic, structure) };
            let expected = format!("btrfs: btrfs_header.csum at {place}: wrong magic number (found 0xdead)");
            assert_eq!(corrupt.to_string(), expected);
        }
        let image = corrupt(Format::Gzip, fault, "CRC32");
        assert_eq!(image.code(), "E-IMAGE-GZIP-CSUM");
        assert_eq!(
            image.to_string(),
            "gzip: CRC32 at byte 2044: checksum mismatch, computed 0xbeef (found 0xdead)"
        );
    }

    #[test]
    fn what_is_read_all_the_same_has_a_code_of_its_own() {
        let degraded = Degraded { format: Format::Btrfs, state: "device 2 is missing".into() };
        assert_eq!(degraded.code(), "E-FS-BTRFS-DEGRADED");
        assert_eq!(degraded.to_string(), "btrfs: device 2 is missing");
    }

    #[test]
    fn devices_that_are_missing_are_named() {
        let missing = Missing { format: Format::Btrfs, members: "device 2, device 3".into() };
        assert_eq!(missing.code(), "E-FS-BTRFS-MISSING");
        assert_eq!(missing.to_string(), "btrfs: cannot be read without device 2, device 3");
    }

    #[test]
    fn a_missing_feature_has_a_code_of_its_own() {
        let of = |format| Unsupported { format, feature: "casefold".into() };
        assert_eq!(of(Format::Ext4).code(), "E-FS-EXT4-UNSUPPORTED");
        assert_eq!(of(Format::Lz4).code(), "E-IMAGE-LZ4-UNSUPPORTED");
        assert_eq!(of(Format::Ext4).to_string(), "ext4: unsupported: casefold");
    }
}
