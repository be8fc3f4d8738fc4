// SPDX-License-Identifier: BSD-3-Clause
//! The devices of a filesystem, present and missing.

use alloc::{format, rc::Rc, string::String, vec::Vec};
use core::fmt;

use block::BlockRead;
use filesystem::{Error, Fault};

use crate::{
    corrupt,
    memory::wide,
    units::{DeviceNumber, Location, Uuid},
};

/// The most devices that a filesystem may name: far more than exist in practice.
const MOST: usize = 4096;

/// The most devices that a message lists.
const MOST_LISTED: usize = 64;

/// A device, by its index in [`Devices`].
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct DeviceIndex(pub u32);

/// A device of the filesystem.
#[derive(Clone)]
pub struct Leg {
    pub name: Name,
    /// `None` for a missing device.
    pub bytes: Option<Rc<dyn BlockRead>>,
    /// Its index among the devices that the caller passed.
    pub given: Option<usize>,
    /// Its superblock is not the newest: it missed writes, so that other devices are preferred.
    pub is_behind: bool,
    /// Its size in bytes according to the chunk tree; `None` if the chunk tree does not name it.
    pub named_size: Option<u64>,
    /// It belongs to a seed that this filesystem may have grown from.
    pub is_seed: bool,
}

/// How a filesystem identifies a device.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Name {
    pub number: DeviceNumber,
    pub uuid: Uuid,
}

/// All devices.
#[derive(Clone, Default)]
pub struct Devices {
    legs: Vec<Leg>,
    /// Sorted by name: a malicious tree may name many.
    by_name: Vec<(Name, DeviceIndex)>,
}

impl Devices {
    /// Adds a device that is present.
    pub fn add(&mut self, leg: Leg) -> Option<DeviceIndex> {
        let index = DeviceIndex(u32::try_from(self.legs.len()).ok().filter(|_| self.legs.len() < MOST)?);
        let place = self.by_name.partition_point(|(name, _)| *name < leg.name);
        self.by_name.insert(place, (leg.name, index));
        self.legs.push(leg);
        Some(index)
    }

    /// The device with this name, which a structure at `at` refers to; added as missing if the caller did not pass it.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for more devices than the limit.
    pub fn named(&mut self, name: Name, at: Location) -> Result<DeviceIndex, Error> {
        if let Ok(place) = self.by_name.binary_search_by_key(&name, |(name, _)| *name)
            && let Some((_, index)) = self.by_name.get(place)
        {
            return Ok(*index);
        }
        let missing =
            Leg { name, bytes: None, given: None, is_behind: false, named_size: None, is_seed: false };
        self.add(missing).ok_or_else(|| corrupt(Fault::Range, "number of devices", at, wide(MOST)))
    }

    pub fn get(&self, index: DeviceIndex) -> Option<&Leg> {
        self.legs.get(usize::try_from(index.0).ok()?)
    }

    /// Notes that the chunk tree names a device, with its size.
    pub fn set_named(&mut self, index: DeviceIndex, size: u64) {
        if let Some(leg) = usize::try_from(index.0).ok().and_then(|index| self.legs.get_mut(index)) {
            leg.named_size = Some(size);
        }
    }

    /// The indices, among those that the caller passed, of the devices that the chunk tree names.
    pub fn used(&self) -> Vec<usize> {
        self.legs.iter().filter(|leg| leg.named_size.is_some()).filter_map(|leg| leg.given).collect()
    }

    pub fn all(&self) -> &[Leg] {
        &self.legs
    }

    /// All devices, sorted by number.
    pub fn by_name(&self) -> impl Iterator<Item = &Leg> {
        self.by_name.iter().filter_map(|(_, index)| self.get(*index))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "device {} ({})", self.number.0, self.uuid)
    }
}

/// A list of the first names, for messages.
pub fn list(names: &[Name]) -> String {
    let mut text = String::new();
    for name in names.iter().take(MOST_LISTED) {
        let comma = if text.is_empty() { "" } else { ", " };
        text.push_str(&format!("{comma}{name}"));
    }
    if let Some(more) = names.len().checked_sub(MOST_LISTED).filter(|more| *more > 0) {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn a_message_names_so_many_devices_and_counts_the_others() {
        let names = |count: u64| -> Vec<Name> {
            (0..count).map(|number| Name { number: DeviceNumber(number), uuid: Uuid([0; 16]) }).collect()
        };
        let all = list(&names(64));
        assert!(all.matches("device ").count() == 64 && all.ends_with(')'), "{all}");
        assert_eq!(list(&names(70)), format!("{all} and 6 more"));
    }
}
