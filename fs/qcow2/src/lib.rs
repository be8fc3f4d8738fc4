// SPDX-License-Identifier: BSD-3-Clause
//! QEMU disk images (qcow2), read-only: a block device on top of another one.
//!
//! Versions 2 and 3, zlib and zstd clusters, subclusters (extended L2 entries), a backing device if the caller
//! passes one. Internal snapshots are counted and otherwise ignored; the disk is the image's current state.
//!
//! ```
//! # fn read(file: Vec<u8>) -> Result<(), block::ReadError> {
//! use block::BlockRead;
//! let disk = qcow2::Qcow2::open(file)?;
//! let mut first = [0; 512];
//! disk.read_at(0, &mut first)?;
//! # Ok(()) }
//! ```
//!
//! Sources: QEMU 10.0, docs/interop/qcow2.rst, block/qcow2.h; what `qemu-img check` calls an error is an error here.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod compressed;
#[cfg(test)]
mod corruptions;
mod extensions;
mod features;
pub mod fuzz;
mod header;
mod map;
mod unpacked;

use alloc::{borrow::Cow, format, rc::Rc, vec::Vec};
use core::fmt;

use block::{BlockRead, Cache, ReadError, check_bounds};
use damage::{Corrupt, Fault, Format, NoMemory, Origin, Unsupported};

pub use header::{Compression, Header};

use crate::{
    map::{Extents, Source},
    unpacked::Unpacked,
};

/// Pages of 16 KiB kept for tables: 1 MiB, which map 8 GiB with clusters of 64 KiB.
const CACHE_PAGES: usize = 64;

/// The disk in an image.
///
/// The L1 table is not kept in memory: its entries, like those of L2 tables, are read through a cache of 1 MiB,
/// whatever sizes the header states. Unpacked clusters take up to 4 MiB more.
pub struct Qcow2<D> {
    header: Header,
    /// A cache for tables; clusters are read from the device below it.
    device: Cache<D>,
    backing: Option<Rc<dyn BlockRead>>,
    unpacked: Unpacked,
}

/// Whether the magic number of an image is on the device.
///
/// # Errors
/// Those of the device. A device that is too small is not such an image, which is not an error.
pub fn probe<D: BlockRead + ?Sized>(device: &D) -> Result<bool, ReadError> {
    let mut magic = [0; 4];
    if device.size() < 4 {
        return Ok(false);
    }
    device.read_at(0, &mut magic)?;
    Ok(u32::from_be_bytes(magic) == header::MAGIC)
}

impl<D: BlockRead> Qcow2<D> {
    /// Opens an image without a backing file.
    ///
    /// # Errors
    /// [`ReadError::Corrupt`] for a damaged header; [`ReadError::Unsupported`] naming a feature, or the backing file
    /// that is missing.
    pub fn open(device: D) -> Result<Self, ReadError> {
        let image = Self::over(device)?;
        match image.header.backing_file.as_deref() {
            Some(name) => Err(unsupported(format!("backing file \"{}\" not given", name.escape_ascii()))),
            None => Ok(image),
        }
    }

    /// Opens an image with a backing device: unallocated clusters are read from `backing`, and as zeros past its end.
    ///
    /// The caller chooses the device: the name in the image ([`Header::backing_file`]) may be any file of the machine,
    /// and is never followed. If the image names no backing file, `backing` is not read.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for the backing file.
    pub fn open_with_backing(device: D, backing: Rc<dyn BlockRead>) -> Result<Self, ReadError> {
        let image = Self::over(device)?;
        let backing = image.header.backing_file.is_some().then_some(backing);
        Ok(Self { backing, ..image })
    }

    fn over(device: D) -> Result<Self, ReadError> {
        let header = Header::read(&device)?;
        let unpacked = Unpacked::new(header.cluster_size());
        Ok(Self { header, device: Cache::new(device, CACHE_PAGES), backing: None, unpacked })
    }

    /// The header of the image.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Reads from the backing device, which may end before the disk does.
    fn read_backing(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let Some(backing) = &self.backing else {
            buf.fill(0);
            return Ok(());
        };
        // Saturates behind the end: nothing is there.
        let there = usize::try_from(backing.size().saturating_sub(offset)).unwrap_or(usize::MAX);
        let (head, tail) = buf.split_at_mut(there.min(buf.len()));
        tail.fill(0);
        if !head.is_empty() {
            backing.read_at(offset, head)?;
        }
        Ok(())
    }
}

impl<D: BlockRead> BlockRead for Qcow2<D> {
    fn size(&self) -> u64 {
        self.header.size
    }

    /// Fills `buf` with the disk's bytes at `offset`; clusters that are contiguous on the device are one read.
    ///
    /// # Errors
    /// [`ReadError::OutOfBounds`] if the bytes are not all on the disk; [`ReadError::Device`];
    /// [`ReadError::Corrupt`] naming the entry or cluster; [`ReadError::NoMemory`] for a compressed cluster.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.header.size)?;
        let (mut at, mut rest) = (offset, buf);
        let mut extents = Extents::new(self, offset, length(rest));
        while let Some(extent) = extents.next()? {
            let bytes = usize::try_from(extent.length).unwrap_or(usize::MAX);
            let Some((head, tail)) = rest.split_at_mut_checked(bytes) else { break };
            match extent.source {
                Source::Zeros => head.fill(0),
                Source::Backing => self.read_backing(at, head)?,
                Source::Device(place) => self.device.device().read_at(place, head)?,
                Source::Compressed(place) => {
                    let (cluster, within) = self.header.locate(at);
                    let unpack = |whole: &mut [u8]| {
                        compressed::unpack(self.device.device(), place, self.header.compression, whole)
                    };
                    self.unpacked.read(cluster, within, head, unpack)?;
                }
            }
            rest = tail;
            // Cannot saturate: the extents end where `buf` does, on the disk.
            at = at.saturating_add(extent.length);
        }
        Ok(())
    }
}

impl<D> fmt::Debug for Qcow2<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Qcow2").field("header", &self.header).finish_non_exhaustive()
    }
}

fn length(buf: &[u8]) -> u64 {
    u64::try_from(buf.len()).unwrap_or(u64::MAX)
}

/// An error about the bytes at `offset` of the device.
fn corrupt(fault: Fault, structure: &'static str, offset: u64, found: impl Into<u64>) -> ReadError {
    ReadError::Corrupt(Corrupt {
        format: Format::Qcow2,
        fault,
        structure,
        origin: Origin::Start,
        offset,
        found: found.into(),
    })
}

fn unsupported(feature: impl Into<Cow<'static, str>>) -> ReadError {
    ReadError::Unsupported(Unsupported { format: Format::Qcow2, feature: feature.into() })
}

/// A zeroed buffer, whose length the caller has checked to be plausible.
fn zeros(length: u64, structure: &'static str) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    let failed = || ReadError::NoMemory(NoMemory { format: Format::Qcow2, structure, bytes: length });
    let count = usize::try_from(length).map_err(|_| failed())?;
    bytes.try_reserve_exact(count).map_err(|_| failed())?;
    bytes.resize(count, 0);
    Ok(bytes)
}
