// SPDX-License-Identifier: BSD-3-Clause
//! Makes a whole image from a list of files: the same bytes for the same list and options.
//!
//! ISO 9660 level 2 with Rock Ridge names, one El Torito entry for UEFI, and space for partition tables: the system
//! area at the start and a tail at the end, whose bytes come from the caller, because they depend on where the plan
//! puts the boot image.

mod emit;
mod records;
mod tree;

use alloc::{string::String, vec::Vec};
use core::ops::Range;

use filesystem::Timestamp;

use crate::descriptor::{FIRST_OFFSET, SECTOR};
use tree::{Directory, Node};

/// Bytes of the system area, which is for boot code and partition tables.
pub const SYSTEM_AREA: u64 = FIRST_OFFSET;

/// The options of an image, apart from its files.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The label: at most 32 capital letters, digits and underscores.
    pub volume_id: String,
    /// The time of the volume and of all files, from 1900 to 2155; other times become the nearest one.
    pub time: Timestamp,
    /// Bytes to reserve at the end for the `tail` of [`Image::to_bytes`], rounded up to 2048.
    pub tail: u64,
}

/// Collects the directories and files of an image.
#[derive(Debug, Default)]
pub struct Builder<'a> {
    root: Directory<'a>,
    boot_image: Option<&'a [u8]>,
}

impl<'a> Builder<'a> {
    /// An image without files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a directory and those above it; existing ones are kept.
    ///
    /// `path` is separated by slashes; a leading one is allowed.
    ///
    /// # Errors
    /// [`Error::Name`] for an invalid name or one of more than 128 bytes, [`Error::NotADirectory`] if a file is in the
    /// way, [`Error::TooDeep`].
    pub fn directory(&mut self, path: &str) -> Result<(), Error> {
        self.root.directory(path).map(drop)
    }

    /// Adds a file, and the directories above it.
    ///
    /// # Errors
    /// As [`directory`](Self::directory); [`Error::Exists`] if there is an entry with this name;
    /// [`Error::TooLarge`] for 4 GiB and more.
    pub fn file(&mut self, path: &str, bytes: &'a [u8]) -> Result<(), Error> {
        self.root.file(path, bytes)
    }

    /// Sets the image that UEFI boots from a disc: a FAT volume. It comes last, before the tail: El Torito cannot store
    /// a length of 32 MiB or more, and the entry of such an image means "up to the end of the disc".
    pub fn boot_image(&mut self, bytes: &'a [u8]) {
        self.boot_image = Some(bytes);
    }

    /// Lays out the image.
    ///
    /// # Errors
    /// [`Error::VolumeId`]; [`Error::TooLarge`] if a directory or the image is too large.
    pub fn plan(&self, options: &Options) -> Result<Image<'a>, Error> {
        Image::new(&self.root, self.boot_image, options)
    }
}

/// An image whose layout is decided.
#[derive(Debug)]
pub struct Image<'a> {
    nodes: Vec<Node<'a>>,
    volume_id: [u8; 32],
    time: Timestamp,
    boot_image: Option<&'a [u8]>,
    blocks: Blocks,
}

/// Locations in the image, in blocks of 2048 bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Blocks {
    l_table: u32,
    m_table: u32,
    boot_catalog: u32,
    /// The continuation area of the root's own record.
    continuation: u32,
    boot_image: u32,
    tail: u32,
    total: u32,
}

impl Image<'_> {
    /// The byte range of the boot image; both ends are multiples of 2048.
    pub fn boot_image(&self) -> Option<Range<u64>> {
        self.boot_image.map(|_| bytes_of(self.blocks.boot_image)..bytes_of(self.blocks.tail))
    }

    /// Length of the image in bytes, tail included: a multiple of 2048.
    pub fn size(&self) -> u64 {
        bytes_of(self.blocks.total)
    }

    /// The image's bytes, with `system_area` at its start and `tail` at its very end.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if either is longer than its place; [`Error::NoMemory`].
    pub fn to_bytes(&self, system_area: &[u8], tail: &[u8]) -> Result<Vec<u8>, Error> {
        // Cannot saturate: the tail is a part of the whole.
        let room = bytes_of(self.blocks.total.saturating_sub(self.blocks.tail));
        for (path, bytes, room) in [("system area", system_area, SYSTEM_AREA), ("tail", tail, room)] {
            let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            if size > room {
                return Err(Error::TooLarge { path: path.into(), size });
            }
        }
        emit::image(self, system_area, tail)
    }
}

fn bytes_of(blocks: u32) -> u64 {
    // Cannot saturate: 32 bits times 12 bits.
    u64::from(blocks).saturating_mul(SECTOR)
}

/// Why an image cannot be made.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name is empty, `.`, `..`, has a NUL or more than 128 bytes.
    #[error("`{name}` is not a valid file name")]
    Name {
        /// The name.
        name: String,
    },
    /// There is already an entry with this name.
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
    /// ISO 9660 has eight levels of directories, the root included.
    #[error("`{path}` is too deep for ISO 9660: more than 8 levels of directories")]
    TooDeep {
        /// The path.
        path: String,
    },
    /// A file, a directory, the image, or what the caller adds to it is too large.
    #[error("{path} is too large for ISO 9660: {size} bytes")]
    TooLarge {
        /// What is too large.
        path: String,
        /// Its bytes.
        size: u64,
    },
    /// The volume identifier is too long or has a character that is not allowed.
    #[error(
        "`{volume_id}` is not a valid volume identifier: at most 32 capital letters, digits and underscores"
    )]
    VolumeId {
        /// The identifier.
        volume_id: String,
    },
    /// There is not enough memory for the image.
    #[error("no memory for an image of {bytes} bytes")]
    NoMemory {
        /// Its size.
        bytes: u64,
    },
}
