// SPDX-License-Identifier: BSD-3-Clause
//! Volumes and paths: finds the filesystems on all disks, and walks paths on them.
//!
//! [`Volumes::discover`] takes all disks and returns every filesystem on them. An [`Assembler`] does the work: every
//! device (a disk, a partition, the content of a container, a set of devices) is probed, and so is every device found
//! on it, until nothing new appears. Path walking with symbolic links is here, once for all formats. The type-erased
//! filesystem exists only in this crate.
//!
//! ```
//! use std::rc::Rc;
//!
//! let empty: Rc<dyn block::BlockRead> = Rc::new(vec![0; 1 << 20]);
//! let volumes = vfs::Volumes::discover(vec![vfs::Disk { device: empty, name: "hd0".into() }]);
//! assert!(volumes.all().is_empty() && volumes.problems().is_empty());
//! ```
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod assembler;
mod erased;
pub mod fuzz;
mod layer;
mod meter;
mod root;
mod tree;
mod volume;
mod walk;

use alloc::{rc::Rc, string::String, vec, vec::Vec};

use block::BlockRead;

pub use assembler::Assembler;
pub use filesystem::{Error, Health, REBUILT, Summary};
pub use layer::{
    Assemble, Assembled, Keys, LAYERS, Layer, Leg, Member, Mounted, NoKeys, Opened, State, Unlock,
};
use meter::Meter;
use part::Partition;
pub use root::{Root, RootName, RootPath};
pub use tree::{Content, Device, DeviceId, DeviceKind, Problem};
pub use volume::{Entry, Home, Listing, Node, Volume};

/// A disk as the platform hands it over.
#[derive(Clone)]
pub struct Disk {
    /// Its bytes.
    pub device: Rc<dyn BlockRead>,
    /// Its name in messages: `hd0`, `/dev/vda`.
    pub name: String,
}

/// Identifies a volume: its index in [`Volumes::all`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct VolumeId(pub usize);

/// Read limits in bytes, which hold until a volume is chosen.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimit {
    /// For one disk.
    pub each: u64,
    /// For all disks together, in equal shares: no disk uses up what another needs.
    pub all: u64,
}

impl ReadLimit {
    fn share(self, disks: usize) -> u64 {
        let disks = u64::try_from(disks).unwrap_or(u64::MAX);
        self.each.min(self.all.checked_div(disks).unwrap_or(self.all))
    }
}

/// Every volume that was found, in the order of disks and, on a disk, of partitions.
#[derive(Default)]
pub struct Volumes {
    volumes: Vec<Volume>,
    problems: Vec<Problem>,
    devices: Vec<Device>,
    meters: Vec<Rc<Meter>>,
}

impl Volumes {
    /// Probes every disk. What cannot be read becomes a problem; discovery as a whole never fails.
    pub fn discover(disks: Vec<Disk>) -> Self {
        Self::assemble(Assembler::new(&NoKeys), disks)
    }

    /// As [`discover`](Self::discover), with a read limit that holds until it [is lifted](Self::lift_limit).
    ///
    /// If a filesystem has the root `root`, it is among the volumes, however many others that filesystem has.
    pub fn discover_within(disks: Vec<Disk>, limit: ReadLimit, root: Option<RootName<'_>>) -> Self {
        let assembler = Assembler::new(&NoKeys).with_limit(limit.share(disks.len()));
        Self::assemble(assembler.with_root(root), disks)
    }

    /// Discovers only the formats that every system can write (FAT, ISO 9660), to find a volume by its label before
    /// everything is discovered: nothing else is opened or named, and at most `most_read` bytes of each disk are read.
    pub fn discover_common(disks: Vec<Disk>, most_read: u64) -> Self {
        Self::assemble(Assembler::new(&NoKeys).with_limit(most_read).with_common_formats(), disks)
    }

    fn assemble(mut assembler: Assembler<'_>, disks: Vec<Disk>) -> Self {
        disks.into_iter().for_each(|disk| assembler.offer(disk));
        assembler.finish()
    }

    /// A collection of existing volumes.
    pub fn from_volumes(mut volumes: Vec<Volume>) -> Self {
        for (index, volume) in volumes.iter_mut().enumerate() {
            volume.set_id(VolumeId(index));
        }
        Self { volumes, ..Self::default() }
    }

    /// All volumes; a [`VolumeId`] is an index into this slice.
    pub fn all(&self) -> &[Volume] {
        &self.volumes
    }

    /// The volume with this id.
    pub fn get(&self, id: VolumeId) -> Option<&Volume> {
        self.volumes.get(id.0)
    }

    /// What was found and could not be read.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The tree of devices: parents before children.
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// The device with this id.
    pub fn device(&self, id: DeviceId) -> Option<&Device> {
        self.devices.get(id.0)
    }

    /// Where a volume is: each of its disks, with the partition if the volume is directly in a partition of that disk.
    /// A volume on several devices has several places.
    pub fn places<'a>(&'a self, volume: &'a Volume) -> Vec<(usize, Option<&'a Partition>)> {
        let home = volume.home();
        if home.members.len() < 2 {
            return vec![(volume.disk(), home.partition.as_ref())];
        }
        let members = home.members.iter().filter_map(|id| self.device(*id));
        let place = |device: &'a Device| {
            let partition = match &device.kind {
                DeviceKind::Partition(partition) if device.depth == 1 => Some(partition),
                _ => None,
            };
            Some((*device.disks.first()?, partition))
        };
        members.filter_map(place).collect()
    }

    /// The devices directly on top of this one.
    pub fn children(&self, id: DeviceId) -> impl Iterator<Item = (DeviceId, &Device)> {
        let devices = (0..).map(DeviceId).zip(&self.devices);
        devices.filter(move |(_, device)| device.parents.contains(&id))
    }

    /// Bytes read from each disk so far.
    pub fn read_of_disks(&self) -> impl Iterator<Item = u64> {
        self.meters.iter().map(|meter| meter.used())
    }

    /// Lifts the read limits.
    pub fn lift_limit(&self) {
        self.meters.iter().for_each(|meter| meter.lift());
    }
}
