// SPDX-License-Identifier: BSD-3-Clause
//! What a device says of itself, before anything is read of the filesystem that it belongs to.

use core::fmt;

use block::BlockRead;
use filesystem::Error;

use crate::{superblock, units::Uuid};

/// What a device says of itself and its filesystem.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Member {
    /// What names the filesystem.
    pub fsid: Uuid,
    /// What names it in its metadata, and in filesystems that grew from it: the fsid, unless that was changed.
    pub metadata_uuid: Uuid,
    /// The device's number in it (`devid`): no index, numbers of devices that were removed are not given again.
    pub number: u64,
    /// What names the device.
    pub uuid: Uuid,
    /// The transaction that its superblock is of.
    pub generation: u64,
    /// What all devices of one state have in common, beginning with the generation: it tells two copies apart that went
    /// on separately.
    pub state: [u64; 4],
    /// How many devices the filesystem has.
    pub devices: u64,
    /// Nobody writes to it any more: other filesystems may have grown from it.
    pub is_seed: bool,
}

/// A device that a filesystem has and nobody gave.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Missing {
    /// Its number (`devid`).
    pub number: u64,
    /// What names it.
    pub uuid: Uuid,
}

/// What a device says of itself.
///
/// # Errors
/// [`Error::Corrupt`] where its superblock and all copies of that are damaged, [`Error::Io`] when the device fails.
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
