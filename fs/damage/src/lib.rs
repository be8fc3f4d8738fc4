// SPDX-License-Identifier: BSD-3-Clause
//! Damage: how every format, from a partition table to a kernel, says that its data is wrong.
//!
//! An error keeps its format, structure and place while it travels up through the layers above it; its code is
//! the same wherever it is met.
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

/// Wrong data: which structure, where, and what stood there.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{format}: {structure} at {}: {fault} (found {found:#x})", Place(*origin, *offset))]
pub struct Corrupt {
    /// The format that was read.
    pub format: Format,
    /// What is wrong with the structure.
    pub fault: Fault,
    /// The structure and field, by the specification's name: `ext4_super_block.s_checksum`.
    pub structure: &'static str,
    /// What the offset counts from.
    pub origin: Origin,
    /// Where it stands, in bytes.
    pub offset: u64,
    /// The value found there (the computed one stands in the fault, where that says more).
    pub found: u64,
}

/// What the offset of wrong data counts from.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Origin {
    /// The start of the device or file that the format was opened on.
    #[default]
    Start,
    /// The start of the format's own space of addresses, which its tools know (btrfs: `bytenr`).
    Space,
    /// A node of a tree at this address of that space.
    Node(u64),
}

/// An origin and an offset, as messages have them.
struct Place(Origin, u64);

impl fmt::Display for Place {
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

/// Data that may be right, but uses what cloud-boot cannot read.
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

/// Data that is read all the same, though something is wrong with the whole of it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{format}: {state}")]
pub struct Degraded {
    /// The format.
    pub format: Format,
    /// What is wrong, and what may follow from it.
    pub state: Cow<'static, str>,
}

impl Degraded {
    /// The stable code, such as `E-FS-XFS-DEGRADED`.
    pub fn code(&self) -> Code {
        codes::DEGRADED.of(self.format.word())
    }
}

/// Data on several devices, more of which are missing than it can do without.
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

/// A structure for which there is not enough memory.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{format}: no memory for {bytes} bytes of {structure}")]
pub struct NoMemory {
    /// The format.
    pub format: Format,
    /// What the memory is for.
    pub structure: &'static str,
    /// How much was asked for.
    pub bytes: u64,
}

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
    /// The stable code of data of this format that is wrong in this way.
    pub fn code(self, format: Format) -> Code {
        let (disk, image) = match self {
            Self::Checksum { .. } => (codes::CHECKSUM, codes::IMAGE_CHECKSUM),
            Self::Magic => (codes::MAGIC, codes::IMAGE_MAGIC),
            Self::Range => (codes::RANGE, codes::IMAGE_RANGE),
            Self::Inconsistent => (codes::INCONSISTENT, codes::IMAGE_INCONSISTENT),
            // No image has chains or trees.
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
            Self::Loop => f.write_str("loops or nests too deep"),
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
