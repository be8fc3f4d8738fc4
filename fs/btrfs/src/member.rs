// SPDX-License-Identifier: BSD-3-Clause
//! The identity of a device, from its superblock alone: for finding the filesystem that it belongs to.

use core::fmt;

use block::BlockRead;
use filesystem::Error;

use crate::{superblock, units::Uuid};

/// The identity of a device and of its filesystem.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Member {
    /// UUID of the filesystem.
    pub fsid: Uuid,
    /// UUID in its metadata, and in filesystems that grew from it: the fsid, unless that was changed.
    pub metadata_uuid: Uuid,
    /// The device's number (`devid`). It is not an index: numbers of removed devices are not reused.
    pub number: u64,
    /// UUID of the device.
    pub uuid: Uuid,
    /// The transaction of its superblock.
    pub generation: u64,
    /// Equal for all devices in one state of the filesystem; begins with the generation. Copies that were written to
    /// separately differ in it.
    pub state: [u64; 4],
    /// How many devices the filesystem has.
    pub devices: u64,
    /// It is read-only forever: other filesystems may have grown from it.
    pub is_seed: bool,
}

/// A missing device of a filesystem.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Missing {
    /// Its number (`devid`).
    pub number: u64,
    /// Its UUID.
    pub uuid: Uuid,
}

/// Reads the identity of a device.
///
/// # Errors
/// [`Error::Corrupt`] if its superblock and all copies of that are damaged, [`Error::Io`] when the device fails.
pub fn member(device: &dyn BlockRead) -> Result<Member, Error> {
    let superblock = superblock::read(device)?.superblock;
    Ok(Member {
        fsid: superblock.fsid,
        metadata_uuid: superblock.metadata_uuid,
        number: superblock.device.number.0,
        uuid: superblock.device.uuid,
        generation: superblock.generation.0,
        state: superblock.state(),
        devices: superblock.device_count,
        is_seed: superblock.is_seed(),
    })
}

/// `device 2 (6f1c…)`
impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "device {} ({})", self.number, self.uuid)
    }
}
