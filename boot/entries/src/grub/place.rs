// SPDX-License-Identifier: BSD-3-Clause
//! GRUB's names of devices and files: `(hd0,gpt1)/boot/vmlinuz`, or a path on `$root`.
//!
//! The names that scripts use are parsed here, once, into indices; the names that scripts are given are made from
//! indices.

use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use core::fmt;

use block::BlockRead;
use part::PartitionKind;
use vfs::{DeviceId, DeviceKind, Home, Volume, VolumeId, Volumes};

use crate::filesystems::{Filesystem, Filesystems};

/// Most levels of nested partitions: more than the levels of devices that are supported at all.
const DEEPEST: usize = 8;
/// Prefix of the number of a volume that is on no partition.
const BY_NUMBER: &str = "volume/";

/// A device as GRUB's language names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Device {
    /// `hd0`, `hd0,gpt2`; a partition may have a table of its own: `hd0,gpt2,msdos1`.
    OnDisk {
        /// Index of the disk.
        disk: usize,
        /// Partitions from the disk inwards.
        slots: Vec<Slot>,
    },
    /// A volume that is separated from its disk by more than partitions. Scripts only learn its name from us.
    Volume(VolumeId),
}

/// A partition of a table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Slot {
    /// None for any table: `hd0,1`.
    scheme: Option<Scheme>,
    number: u32,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scheme {
    Gpt,
    Msdos,
}

impl Device {
    /// The device of a name without parentheses.
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(number) = name.strip_prefix(BY_NUMBER) {
            return Some(Self::Volume(VolumeId(number.parse().ok()?)));
        }
        let mut parts = name.strip_prefix("hd")?.split(',');
        let disk = parts.next()?.parse().ok()?;
        let slots: Option<Vec<Slot>> = parts.map(Slot::parse).take(DEEPEST + 1).collect();
        Some(Self::OnDisk { disk, slots: slots.filter(|slots| slots.len() <= DEEPEST)? })
    }

    /// Whether this device, as a script names it, means the device `there`.
    fn means(&self, there: &Self) -> bool {
        match (self, there) {
            (Self::OnDisk { disk, slots }, Self::OnDisk { disk: on, slots: at }) => {
                let fits = |(said, slot): (&Slot, &Slot)| said.means(*slot);
                disk == on && slots.len() == at.len() && slots.iter().zip(at).all(fits)
            }
            _ => self == there,
        }
    }

    /// The whole disk, if it is one.
    pub fn disk(&self) -> Option<usize> {
        match self {
            Self::OnDisk { disk, slots } => slots.is_empty().then_some(*disk),
            Self::Volume(_) => None,
        }
    }
}

/// As GRUB spells it, without parentheses.
impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnDisk { disk, slots } => {
                write!(f, "hd{disk}")?;
                slots.iter().try_for_each(|slot| write!(f, ",{slot}"))
            }
            Self::Volume(VolumeId(number)) => write!(f, "{BY_NUMBER}{number}"),
        }
    }
}

impl Slot {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, number) = if let Some(number) = text.strip_prefix("gpt") {
            (Some(Scheme::Gpt), number)
        } else if let Some(number) = text.strip_prefix("msdos") {
            (Some(Scheme::Msdos), number)
        } else {
            (None, text)
        };
        Some(Self { scheme, number: number.parse().ok()? })
    }

    fn means(self, there: Self) -> bool {
        self.number == there.number && (self.scheme.is_none() || self.scheme == there.scheme)
    }

    fn of(partition: &part::Partition) -> Self {
        let scheme = match partition.kind {
            PartitionKind::Gpt(_) => Scheme::Gpt,
            PartitionKind::Mbr(_) => Scheme::Msdos,
        };
        Self { scheme: Some(scheme), number: partition.number }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Some(Scheme::Gpt) => "gpt",
            Some(Scheme::Msdos) => "msdos",
            None => "",
        };
        write!(f, "{scheme}{}", self.number)
    }
}

/// The places of all filesystems.
pub struct Places<'a> {
    /// The filesystems.
    pub filesystems: &'a Filesystems<'a>,
    /// For each filesystem, the devices that it can be reached by; the first gives its name in scripts. A filesystem on
    /// several devices has one for each.
    known: Vec<Vec<Device>>,
}

impl<'a> Places<'a> {
    /// Of these filesystems.
    pub fn new(filesystems: &'a Filesystems<'a>) -> Self {
        let volumes = filesystems.volumes();
        let of = |filesystem: &Filesystem| {
            volumes.get(filesystem.default()).map(|volume| devices(volumes, volume))
        };
        let known = filesystems.all().iter().map(|filesystem| of(filesystem).unwrap_or_default()).collect();
        Self { filesystems, known }
    }

    /// The name of a volume's device in scripts.
    pub fn name(&self, volume: VolumeId) -> String {
        let device = self.filesystems.index(volume).and_then(|index| self.known.get(index)?.first());
        device.map(ToString::to_string).unwrap_or_default()
    }

    /// The devices that filesystems can be reached by.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.known.iter().flatten()
    }

    /// The filesystem on a device.
    pub fn on(&self, device: &Device) -> Option<&'a Filesystem> {
        let at = self.known.iter().position(|there| there.iter().any(|there| device.means(there)))?;
        self.filesystems.all().get(at)
    }

    /// The bytes of the device that a filesystem is on.
    pub fn bytes(&self, device: &Device) -> Option<&'a dyn BlockRead> {
        let volumes = self.filesystems.volumes();
        let members = &volumes.get(self.on(device)?.default())?.home().members;
        let is_it = |member: &&DeviceId| on_disk(volumes, **member).is_some_and(|there| device.means(&there));
        let member = members.iter().find(is_it).or(members.first())?;
        Some(&*volumes.device(*member)?.bytes)
    }

    /// The filesystem on the device with this name.
    pub fn named(&self, device: &str) -> Option<&'a Filesystem> {
        self.on(&Device::parse(device)?)
    }
}

/// Device and path; `root` is the device of a path without one.
pub fn split<'a>(root: &'a str, path: &'a str) -> Option<(&'a str, &'a str)> {
    let (device, path) = match path.strip_prefix('(') {
        Some(rest) => rest.split_once(')')?,
        None => (root, path),
    };
    Some((device.trim_ascii(), path))
}

/// A path with its device; `root` is the device of a path without one.
pub fn with_device(root: &str, path: &str) -> String {
    if path.starts_with('(') { path.into() } else { format!("({root}){path}") }
}

/// The devices that a volume can be reached by; at least one.
fn devices(volumes: &Volumes, volume: &Volume) -> Vec<Device> {
    let Home { disks, partition, members, .. } = volume.home();
    let on_disk = |member: &DeviceId| on_disk(volumes, *member);
    let mut devices: Vec<Device> = members.iter().filter_map(on_disk).collect();
    if let ([], [disk]) = (members.as_slice(), disks.as_slice()) {
        devices.push(Device::OnDisk { disk: *disk, slots: partition.iter().map(Slot::of).collect() });
    }
    if devices.is_empty() { vec![Device::Volume(volume.id())] } else { devices }
}

/// The name of a device that only partitions separate from its disk.
fn on_disk(volumes: &Volumes, member: DeviceId) -> Option<Device> {
    let (mut slots, mut at) = (Vec::new(), member);
    // Terminates: parents were added before their children.
    loop {
        let device = volumes.device(at)?;
        match &device.kind {
            DeviceKind::Disk => {
                slots.reverse();
                return Some(Device::OnDisk { disk: *device.disks.first()?, slots });
            }
            DeviceKind::Partition(partition) => slots.push(Slot::of(partition)),
            DeviceKind::Container(_) | DeviceKind::Set(_) => return None,
        }
        at = *device.parents.first()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_indices() {
        for name in ["hd0", "hd12,gpt2", "hd0,msdos5", "hd1,gpt3,msdos1", "volume/7"] {
            assert_eq!(Device::parse(name).unwrap().to_string(), name);
        }
        let names =
            ["", "hd", "hdx", "hd0,", "hd0,gpt", "hd0,gpt-1", "hd0,bsd1", "hd0,gpt4294967296", "volume/"];
        for name in names {
            assert_eq!(Device::parse(name), None, "{name}");
        }
        let nested = |count: usize| Device::parse(&format!("hd0{}", ",1".repeat(count)));
        assert!(nested(DEEPEST).is_some() && nested(DEEPEST + 1).is_none());
    }

    #[test]
    fn a_number_means_any_table() {
        let means =
            |name: &str, there: &str| Device::parse(name).unwrap().means(&Device::parse(there).unwrap());
        for name in ["hd0,2", "hd0,gpt2"] {
            assert!(means(name, "hd0,gpt2"), "{name}");
        }
        for name in ["hd0", "hd0,1", "hd0,msdos2", "hd1,2", "hd0,2,1", "volume/2"] {
            assert!(!means(name, "hd0,gpt2"), "{name}");
        }
        assert_eq!(
            (Device::parse("hd3").unwrap().disk(), Device::parse("hd3,1").unwrap().disk()),
            (Some(3), None)
        );
    }
}
