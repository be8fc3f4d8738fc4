// SPDX-License-Identifier: BSD-3-Clause
//! The devices of a filesystem: those that are there, and those that are not.

use alloc::{format, rc::Rc, string::String, vec::Vec};
use core::fmt;

use block::BlockRead;
use filesystem::{Error, Fault};

use crate::{
    corrupt,
    memory::wide,
    units::{DeviceNumber, Location, Uuid},
};

/// Devices that a filesystem may name: far more than anyone has.
const MOST: usize = 4096;

/// Devices that a message names.
const MOST_LISTED: usize = 64;

/// Names a device: its index among all.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct DeviceIndex(pub u32);

/// A device of the filesystem.
#[derive(Clone)]
pub struct Leg {
    pub name: Name,
    /// None where nobody gave it.
    pub bytes: Option<Rc<dyn BlockRead>>,
    /// Its index among those that were given.
    pub given: Option<usize>,
    /// Its superblock is not the newest: it missed writes, and what it holds counts less than what others do.
    pub is_behind: bool,
    /// How many bytes it has, says the tree of chunks; none where that does not name it.
    pub named_size: Option<u64>,
    /// It was given as another filesystem's, which this one may have grown from.
    pub is_seed: bool,
}

/// What a filesystem knows a device by.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Name {
    pub number: DeviceNumber,
    pub uuid: Uuid,
}

/// All devices.
#[derive(Clone, Default)]
pub struct Devices {
    legs: Vec<Leg>,
    /// By name: a hostile tree names many.
    by_name: Vec<(Name, DeviceIndex)>,
}

impl Devices {
    /// Adds a device that is there.
    pub fn add(&mut self, leg: Leg) -> Option<DeviceIndex> {
        let index = DeviceIndex(u32::try_from(self.legs.len()).ok().filter(|_| self.legs.len() < MOST)?);
        let place = self.by_name.partition_point(|(name, _)| *name < leg.name);
        self.by_name.insert(place, (leg.name, index));
        self.legs.push(leg);
        Some(index)
    }

    /// The device of this name, which a structure at `at` names; one that is missing if nobody gave it.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for more devices than anyone has.
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

    /// Notes that the tree of chunks names a device.
    pub fn set_named(&mut self, index: DeviceIndex, size: u64) {
        if let Some(leg) = usize::try_from(index.0).ok().and_then(|index| self.legs.get_mut(index)) {
            leg.named_size = Some(size);
        }
    }

    /// Those that were given and that the tree of chunks names, by their index there.
    pub fn used(&self) -> Vec<usize> {
        self.legs.iter().filter(|leg| leg.named_size.is_some()).filter_map(|leg| leg.given).collect()
    }

    pub fn all(&self) -> &[Leg] {
        &self.legs
    }

    /// The same, as people count them.
    pub fn by_name(&self) -> impl Iterator<Item = &Leg> {
        self.by_name.iter().filter_map(|(_, index)| self.get(*index))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "device {} ({})", self.number.0, self.uuid)
    }
}

/// The first names behind one another, for messages.
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
