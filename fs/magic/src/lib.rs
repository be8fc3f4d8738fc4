// SPDX-License-Identifier: BSD-3-Clause
//! Names the content of a device, whether or not there is a driver for it.
//!
//! [`identify`] compares a device with one table of signatures and returns the first match: containers and members of
//! sets before filesystems, so that a LUKS header hides a filesystem that was there before. Names and order are those
//! of `blkid`. A magic number of four bytes or more is enough; a shorter one also needs plausible fields. Checksums are
//! not verified, so that a damaged header is still named.
//!
//! Pass a partition, or a disk without a partition table: a signature at the end of the last partition may also be at
//! the end of the disk. Reads are small and many; put a [`block::Cache`] below.
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

/// The format of a device's content.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Found {
    /// The `TYPE` that `blkid` prints: `crypto_LUKS`.
    pub name: &'static str,
    /// The name for people: `LUKS2 container`.
    pub title: &'static str,
    /// What the format is for.
    pub usage: Usage,
}

/// What a format is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Usage {
    /// A filesystem.
    Filesystem,
    /// A member of a set (RAID, volume group, pool), which forms other devices.
    Member,
    /// An encrypted device, or integrity data (dm-verity, dm-integrity).
    Encrypted,
    /// Anything else: swap, a journal, a cache.
    Other,
}

/// The format of a device's content; `None` if no signature matches.
///
/// A signature whose location is past the end of the device does not match.
///
/// # Errors
/// The first read error of the device.
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

/// Everything that [`identify`] can name, in the order of the table; a format with several variants occurs repeatedly.
pub fn known() -> impl Iterator<Item = Found> {
    SIGNATURES.iter().map(|signature| signature.found)
}

/// Whether a device is empty: its first and last MiB are zero, and so are samples in between. It was never written to,
/// or was wiped.
///
/// Call [`identify`] first: a few formats have their first structure after the first MiB.
///
/// # Errors
/// As [`identify`].
pub fn is_blank(device: &dyn BlockRead) -> Result<bool, ReadError> {
    let size = device.size();
    // Saturates at zero for a device of less than a MiB.
    if !is_zero(device, 0, size.min(MIB))? || !is_zero(device, size.saturating_sub(MIB), size)? {
        return Ok(false);
    }
    // Cannot saturate: `size / SAMPLES` times less than `SAMPLES`.
    let places = (1..SAMPLES).map(|place| size.checked_div(SAMPLES).unwrap_or(0).saturating_mul(place));
    for start in places {
        if !is_zero(device, start, start.saturating_add(SAMPLE).min(size))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the bytes from `start` to `end`, which are on the device, are zero.
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
/// Number of parts of a device, of each of which the first [`CHUNK`] bytes are checked.
const SAMPLES: u64 = 256;
const SAMPLE: u64 = 4096;
/// Bytes that are compared with zero at once.
const CHUNK: usize = 4096;

#[cfg(test)]
mod tests;
