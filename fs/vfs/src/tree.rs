// SPDX-License-Identifier: BSD-3-Clause
//! The tree of devices: disks, and the devices on top of them up to the filesystems.

use alloc::{
    format,
    rc::Rc,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use block::BlockRead;
use filesystem::{Error, Health};
use part::Partition;

/// Identifies a device: its index in [`Volumes::devices`](crate::Volumes::devices).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DeviceId(pub usize);

/// Something that has bytes: a disk, a partition, the content of a container, a set of devices.
#[derive(Clone)]
pub struct Device {
    /// What it is.
    pub kind: DeviceKind,
    /// Its name in messages: `hd0`, `hd0,gpt2`.
    pub name: String,
    /// The devices that it is built on: none for a disk, one for each member of a set.
    pub parents: Vec<DeviceId>,
    /// Indices of the disks that it is spread over, ascending.
    pub disks: Vec<usize>,
    /// Its bytes.
    pub bytes: Rc<dyn BlockRead>,
    /// Its content, if known.
    pub content: Option<Content>,
    /// `Degraded` if its partition table is partly damaged or members of the set are missing; `Failed` if its content
    /// cannot be read.
    pub health: Health,
    /// Members of a set that were not found, as the format names them.
    pub missing: Vec<String>,
    /// Steps down to its disk: 0 for a disk, 1 for a partition on it.
    pub(crate) depth: usize,
}

/// Kinds of device.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DeviceKind {
    /// A disk of the platform.
    Disk,
    /// A partition of the device below.
    Partition(Partition),
    /// The content of a container of this format, by blkid's name.
    Container(&'static str),
    /// The device that the members of a set of this format form, by blkid's name.
    Set(&'static str),
}

/// What is on a device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Content {
    /// blkid's name for it: `xfs`, `crypto_LUKS`; of a partition table `gpt` or `dos`.
    pub name: &'static str,
    /// The name for people: `XFS`.
    pub title: &'static str,
    /// It may hold files or other devices, but there is no driver for it.
    pub is_unread: bool,
}

impl Device {
    /// A sentence about its content if there is no driver for it: `hd0,gpt3 is exFAT, which this version does not
    /// read`.
    pub fn unread(&self) -> Option<String> {
        let content = self.content.filter(|content| content.is_unread)?;
        Some(alloc::format!("{} is {}", self.name, content))
    }
}

/// `exFAT, which this version does not read`
impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = if self.is_unread { ", which this version does not read" } else { "" };
        write!(f, "{}{rest}", self.title)
    }
}

/// Something that was found but cannot be read, or only in part.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// Where it is.
    pub device: DeviceId,
    /// The device's name, for messages.
    pub object: String,
    /// Why.
    pub error: Error,
    /// The device that is used instead, if there is one.
    pub instead: Option<DeviceId>,
}

impl Problem {
    /// The error text for people; `name` returns the name of a device.
    pub fn cause(&self, name: impl FnOnce(DeviceId) -> String) -> String {
        match self.instead {
            Some(device) => format!("{}; {} is used instead", self.error, name(device)),
            None => self.error.to_string(),
        }
    }
}
