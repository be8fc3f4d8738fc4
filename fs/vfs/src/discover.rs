// SPDX-License-Identifier: BSD-3-Clause
//! From disks to volumes.

use alloc::{collections::VecDeque, format, rc::Rc, string::String, vec::Vec};

use block::{BlockRead, Cache, Slice};
use filesystem::Error;
use part::{Kind, Partition};

use crate::{Disk, Volume};

/// Pages of 16 KiB that are kept of a device whose format keeps none itself.
const CACHE_PAGES: usize = 64;
/// What is read of a disk before anything else: its first sector.
const FIRST: usize = 512;

/// Something that was found and could not be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// What: `hd0`, `hd0,gpt2`.
    pub object: String,
    /// Why.
    pub error: Error,
}

/// Something that looks like a disk, still to be looked at.
struct Device {
    bytes: Rc<dyn BlockRead>,
    name: String,
    disk: usize,
    partition: Option<Partition>,
}

/// What has been found so far.
#[derive(Default)]
struct Found {
    volumes: Vec<Volume>,
    problems: Vec<Problem>,
}

impl Found {
    fn problem(&mut self, device: &Device, error: Error) {
        self.problems.push(Problem { object: device.name.clone(), error });
    }
}

/// Looks at each device until none is left; a device that holds devices adds them.
pub fn discover(disks: Vec<Disk>) -> (Vec<Volume>, Vec<Problem>) {
    let whole =
        |(disk, Disk { device, name }): (usize, Disk)| Device { bytes: device, name, disk, partition: None };
    let mut waiting: VecDeque<Device> = disks.into_iter().enumerate().map(whole).collect();
    let mut found = Found::default();
    while let Some(device) = waiting.pop_front() {
        // In front, so that volumes come in the order of disks.
        look(&device, &mut found).into_iter().rev().for_each(|inner| waiting.push_front(inner));
    }
    (found.volumes, found.problems)
}

/// Adds the volume on a device, or returns the devices in it.
fn look(device: &Device, found: &mut Found) -> Vec<Device> {
    // There are no tables in partitions.
    if device.partition.is_some() {
        add(device, found);
        return Vec::new();
    }
    if let Err(error) = device.bytes.read_at(0, &mut [0; FIRST]) {
        found.problem(device, error.into());
        return Vec::new();
    }
    // The table first: what looks like a filesystem around partitions is left over from earlier use. Only a
    // disc image that is made for disks, too, is both.
    let mut inner = partitions(device, found);
    if (inner.is_empty() || is_disc(device, found)) && add(device, found) {
        // Such an image may have a partition over all of itself: the same filesystem once more.
        inner.retain(|inner| inner.partition.as_ref().is_some_and(|partition| partition.start > 0));
    }
    inner
}

fn is_disc(device: &Device, found: &mut Found) -> bool {
    iso9660::probe(&*device.bytes).unwrap_or_else(|error| {
        found.problem(device, error);
        false
    })
}

/// The partitions of a disk, as devices.
fn partitions(device: &Device, found: &mut Found) -> Vec<Device> {
    let table = match part::read(&*device.bytes) {
        Ok(Some(table)) => table,
        Ok(None) => return Vec::new(),
        Err(error) => {
            found.problem(device, error.into());
            return Vec::new();
        }
    };
    for warning in table.warnings {
        found.problem(device, warning.into());
    }
    let scheme = match table.kind {
        Kind::Gpt => "gpt",
        Kind::Mbr => "msdos",
    };
    let mut inner = Vec::new();
    for partition in table.partitions {
        let name = format!("{},{scheme}{}", device.name, partition.number);
        match Slice::new(Rc::clone(&device.bytes), partition.start, partition.length) {
            Ok(bytes) => {
                let (bytes, disk, partition) = (Rc::new(bytes), device.disk, Some(partition));
                inner.push(Device { bytes, name, disk, partition });
            }
            Err(error) => found.problems.push(Problem { object: name, error: error.into() }),
        }
    }
    inner
}

/// Adds the volume on a device; false when there is none that can be read.
fn add(device: &Device, found: &mut Found) -> bool {
    match open(device) {
        Ok(Some(volume)) => {
            found.volumes.push(volume);
            true
        }
        Ok(None) => false,
        Err(error) => {
            found.problem(device, error);
            false
        }
    }
}

/// The filesystem on a device, whichever it is: ext4 first, which leaves the sectors as they were in which the
/// others have their signatures.
fn open(device: &Device) -> Result<Option<Volume>, Error> {
    let cached: Rc<dyn BlockRead> = Rc::new(Cache::new(Rc::clone(&device.bytes), CACHE_PAGES));
    let name = || device.name.clone();
    let volume = if ext4::probe(&*cached)? {
        // It has a cache of its own.
        Volume::new(name(), ext4::Ext4::open(Rc::clone(&device.bytes))?)
    } else if iso9660::probe(&*cached)? {
        Volume::new(name(), iso9660::Iso9660::open(cached)?)
    } else if fat::probe(&*cached)? {
        Volume::new(name(), fat::Fat::open(cached)?)
    } else {
        return Ok(None);
    };
    Ok(Some(volume.on(device.disk, device.partition.clone())))
}
