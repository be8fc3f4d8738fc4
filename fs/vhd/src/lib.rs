// SPDX-License-Identifier: BSD-3-Clause
//! Virtual hard disks (VHD), read-only: a block device on top of another one.
//!
//! Fixed disks, and dynamic ones with their sector bitmaps. The size of the disk is always the footer's Current Size;
//! for some creators, QEMU uses the geometry instead, which may be smaller.
//!
//! ```
//! # fn read(file: Vec<u8>) -> Result<(), block::ReadError> {
//! use block::BlockRead;
//! let disk = vhd::Vhd::open(file)?;
//! let mut first = [0; 512];
//! disk.read_at(0, &mut first)?;
//! # Ok(()) }
//! ```
//!
//! Sources: Microsoft, Virtual Hard Disk Image Format Specification 1.0 (2006); QEMU 10.0, block/vpc.c.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

#[cfg(test)]
mod corruptions;
mod dynamic;
mod footer;
pub mod fuzz;

use alloc::{borrow::Cow, format};

use block::{BlockRead, Cache, ReadError, check_bounds};
use damage::{Corrupt, Fault, Format, Origin, Unsupported};

use crate::{
    dynamic::{Dynamic, Source},
    footer::{Content, Footer},
};

/// Pages of 16 KiB kept for tables and bitmaps: 1 MiB.
const CACHE_PAGES: usize = 64;

/// The disk in an image.
#[derive(Debug)]
pub struct Vhd<D> {
    /// A cache for tables and bitmaps; blocks are read from the device below it.
    device: Cache<D>,
    size: u64,
    /// The block table; `None` for a fixed disk.
    dynamic: Option<Dynamic>,
    warning: Option<ReadError>,
}

/// Kinds of disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// All bytes in order.
    Fixed,
    /// Blocks that are allocated when first written.
    Dynamic,
}

/// Whether the cookie of an image is on the device: at its end, or at its start as on dynamic disks.
///
/// # Errors
/// Those of the device. A device that is too small is not such an image, which is not an error.
pub fn probe<D: BlockRead + ?Sized>(device: &D) -> Result<bool, ReadError> {
    let Some(end) = device.size().checked_sub(footer::SIZE) else { return Ok(false) };
    for place in [end, 0] {
        let mut cookie = [0; 8];
        device.read_at(place, &mut cookie)?;
        if u64::from_be_bytes(cookie) == footer::COOKIE {
            return Ok(true);
        }
    }
    Ok(false)
}

impl<D: BlockRead> Vhd<D> {
    /// Opens an image. If the footer of a dynamic disk is damaged, its copy at the start is used.
    ///
    /// # Errors
    /// [`ReadError::Corrupt`] for a damaged footer or header; [`ReadError::Unsupported`] naming the kind of disk or the
    /// version.
    pub fn open(device: D) -> Result<Self, ReadError> {
        let (footer, warning) = Footer::find(&device)?;
        let dynamic = match footer.content {
            Content::Fixed => None,
            Content::Dynamic { header } => Some(Dynamic::read(&device, header, footer.size)?),
        };
        Ok(Self { device: Cache::new(device, CACHE_PAGES), size: footer.size, dynamic, warning })
    }

    /// The kind of disk.
    pub fn kind(&self) -> Kind {
        if self.dynamic.is_some() { Kind::Dynamic } else { Kind::Fixed }
    }

    /// Damage of one copy of the footer, which could be worked around.
    pub fn warning(&self) -> Option<&ReadError> {
        self.warning.as_ref()
    }
}

impl<D: BlockRead> BlockRead for Vhd<D> {
    fn size(&self) -> u64 {
        self.size
    }

    /// Fills `buf` with the disk's bytes at `offset`: one read of the device for a fixed disk, or for contiguous
    /// sectors of a block.
    ///
    /// # Errors
    /// [`ReadError::OutOfBounds`] if the bytes are not all on the disk; [`ReadError::Device`];
    /// [`ReadError::Corrupt`] naming the table's entry.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.size)?;
        let Some(dynamic) = &self.dynamic else {
            return self.device.device().read_at(offset, buf);
        };
        let (mut at, mut rest) = (offset, buf);
        while !rest.is_empty() {
            let extent = dynamic.extent(&self.device, at, length(rest))?;
            let bytes = usize::try_from(extent.length).unwrap_or(usize::MAX);
            let Some((head, tail)) = rest.split_at_mut_checked(bytes) else { break };
            match extent.source {
                Source::Zeros => head.fill(0),
                Source::Device(place) => self.device.device().read_at(place, head)?,
            }
            rest = tail;
            // Cannot saturate: the extents end where `buf` does, on the disk.
            at = at.saturating_add(extent.length);
        }
        Ok(())
    }
}

fn length(buf: &[u8]) -> u64 {
    u64::try_from(buf.len()).unwrap_or(u64::MAX)
}

/// An error about the bytes at `offset` of the device.
fn corrupt(fault: Fault, structure: &'static str, offset: u64, found: impl Into<u64>) -> ReadError {
    ReadError::Corrupt(Corrupt {
        format: Format::Vhd,
        fault,
        structure,
        origin: Origin::Start,
        offset,
        found: found.into(),
    })
}

/// Offset on the device of byte `at` of a structure.
fn within(structure: u64, at: usize) -> u64 {
    // Cannot saturate: structures that were read are on the device.
    structure.saturating_add(u64::try_from(at).unwrap_or(u64::MAX))
}

fn unsupported(feature: impl Into<Cow<'static, str>>) -> ReadError {
    ReadError::Unsupported(Unsupported { format: Format::Vhd, feature: feature.into() })
}

/// The complement of the sum of all bytes except the checksum's own four at `place`.
fn checksum(bytes: &[u8], place: usize) -> u32 {
    // Cannot saturate: it is an offset in a structure.
    let own = place..place.saturating_add(4);
    let counted = bytes.iter().enumerate().filter(|(at, _)| !own.contains(at));
    !counted.fold(0u32, |sum, (_, byte)| sum.wrapping_add(u32::from(*byte)))
}

/// Checks that the major version (upper half) is 1; the minor one is for compatible changes.
fn check_version(structure: &str, version: u32) -> Result<(), ReadError> {
    let [major, minor] = [version.checked_shr(16).unwrap_or(0), version & 0xffff];
    match major {
        1 => Ok(()),
        _ => Err(unsupported(format!("{structure} version {major}.{minor}"))),
    }
}
