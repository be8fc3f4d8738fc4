// SPDX-License-Identifier: BSD-3-Clause
//! Names what a device holds, readable by one of our drivers or not.
//!
//! [`identify`] compares a device with one table of signatures and yields the first that matches: containers
//! and members of sets before filesystems, so that a LUKS header hides the filesystem that stood there before.
//! The names are those of `blkid`, and so is the order. A magic number of four bytes or more is believed; a
//! shorter one is backed by fields that must make sense. Checksums are not looked at: a damaged header still
//! says what it is the header of.
//!
//! Give it a partition, or a disk without a partition table: signatures at the end of the last partition
//! stand at the end of the disk, too. Reads are small and many; put a [`block::Cache`] below.
//!
//! ```
//! let mut device = vec![0; 1 << 20];
//! assert_eq!(magic::identify(&device)?, None);
//! device[..4].copy_from_slice(b"XFSB");
//! let found = magic::identify(&device)?.unwrap();
//! assert_eq!((found.name, found.title), ("xfs", "XFS"));
//! # Ok::<(), block::ReadError>(())
//! ```
//!
//! Sources: util-linux 2.42, libblkid/src/superblocks, for places, names and order.
#![no_std]

#[cfg(test)]
extern crate std;

mod containers;
mod filesystems;
pub mod fuzz;
mod probe;
mod table;

use block::{BlockRead, ReadError};

use crate::{probe::Probe, table::SIGNATURES};

/// What a device holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Found {
    /// The value of `TYPE` that `blkid` prints: `crypto_LUKS`.
    pub name: &'static str,
    /// The name for people: `LUKS2 container`.
    pub title: &'static str,
    /// What it is for.
    pub usage: Usage,
}

/// What a format is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Usage {
    /// A filesystem.
    Filesystem,
    /// A member of a set (RAID, volume group, pool), on which other devices are built.
    Member,
    /// An encrypted device, or what checks one.
    Encrypted,
    /// Neither: swap, a journal, a cache.
    Other,
}

/// Says what a device holds, or that no signature matches.
///
/// A signature whose place lies past the end of the device does not match.
///
/// # Errors
/// The first read that the device refuses.
pub fn identify(device: &dyn BlockRead) -> Result<Option<Found>, ReadError> {
    let probe = Probe::new(device);
    for signature in SIGNATURES {
        for magic in signature.magics {
            let Some(start) = magic.start.of(probe.size()) else { continue };
            if probe.has(start, magic.at, magic.bytes)? && (signature.check)(&probe, start)? {
                return Ok(Some(signature.found));
            }
        }
    }
    Ok(None)
}

/// Everything that [`identify`] can name, in its order; a format with several variants comes several times.
pub fn known() -> impl Iterator<Item = Found> {
    SIGNATURES.iter().map(|signature| signature.found)
}

/// Says whether the first and the last MiB of a device are zero, and what is looked at between: nothing was ever written,
/// or all was wiped.
///
/// Ask [`identify`] first: a few formats have their first structure behind the first MiB.
///
/// # Errors
/// As [`identify`].
pub fn is_blank(device: &dyn BlockRead) -> Result<bool, ReadError> {
    let size = device.size();
    // Saturates at the start of a device of less than a MiB.
    if !is_zero(device, 0, size.min(MIB))? || !is_zero(device, size.saturating_sub(MIB), size)? {
        return Ok(false);
    }
    // Cannot saturate to more than the device: `size / PLACES` times less than `PLACES`.
    let places = (1..PLACES).map(|place| size.checked_div(PLACES).unwrap_or(0).saturating_mul(place));
    for start in places {
        if !is_zero(device, start, start.saturating_add(SAMPLE).min(size))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the bytes from `start` to `end` are zero; both lie on the device.
fn is_zero(device: &dyn BlockRead, start: u64, end: u64) -> Result<bool, ReadError> {
    let mut buffer = [0; CHUNK];
    let mut at = start;
    while at < end {
        // Cannot saturate: `at` is less than `end`.
        let length = usize::try_from(end.saturating_sub(at)).unwrap_or(CHUNK).min(CHUNK);
        let Some(chunk) = buffer.get_mut(..length) else { return Ok(false) };
        device.read_at(at, chunk)?;
        if chunk.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        // Cannot saturate: `at` plus the length is at most `end`.
        at = at.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
    }
    Ok(true)
}

const MIB: u64 = 1024 * 1024;
/// Parts of a device at whose starts so many bytes are looked at.
const PLACES: u64 = 256;
const SAMPLE: u64 = 4096;
/// Bytes that are compared with zero at once.
const CHUNK: usize = 4096;

#[cfg(test)]
mod tests;
