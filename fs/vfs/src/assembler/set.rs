// SPDX-License-Identifier: BSD-3-Clause
//! Sets of devices: which members have been found of which.

use alloc::{string::String, vec, vec::Vec};

use damage::{Corrupt, Fault};
use filesystem::Error;

use crate::{Assemble, DeviceId, Member};

/// Members of one set: what honest sets have is far below.
const MOST_MEMBERS: usize = 1024;

/// The sets that wait for members.
#[derive(Default)]
pub struct Sets(Vec<Set>);

/// A set of devices of one format and identity.
#[derive(Clone)]
pub struct Set {
    /// blkid's name.
    pub format: &'static str,
    pub assemble: Assemble,
    identity: String,
    count: usize,
    members: Vec<(usize, DeviceId)>,
    is_made: bool,
}

impl Sets {
    /// Adds a device to its set.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when another device is that member already (a copy of a disk beside it, of which nobody
    /// can say which one is current: the first counts), and when members contradict each other.
    pub fn join(&mut self, format: &'static str, member: Member, on: &[DeviceId]) -> Result<(), Error> {
        let Member { set: identity, index, count, assemble, .. } = member;
        let wrong = |fault, structure, found: usize| {
            let found = u64::try_from(found).unwrap_or(u64::MAX);
            Err(Error::Corrupt(Corrupt { format: member.format, fault, structure, offset: 0, found }))
        };
        if index >= count || count > MOST_MEMBERS {
            return wrong(Fault::Range, "index of a member", index);
        }
        let known = self.0.iter_mut().find(|set| set.format == format && set.identity == identity);
        let members = on.iter().map(|id| (index, *id)).collect();
        let Some(set) = known else {
            self.0.push(Set { format, assemble, identity, count, members, is_made: false });
            return Ok(());
        };
        if set.count != count {
            return wrong(Fault::Inconsistent, "number of members", count);
        }
        if set.members.iter().any(|(known, _)| *known == index) {
            return wrong(Fault::Inconsistent, "index of a member, which another device has, too", index);
        }
        if set.is_made {
            return wrong(Fault::Inconsistent, "member that appeared after its set was made", index);
        }
        set.members.extend(members);
        Ok(())
    }

    /// The next set to be made, complete ones first. No member joins it any more.
    pub fn next(&mut self) -> Option<Set> {
        let mut waiting = self.0.iter_mut().filter(|set| !set.is_made);
        let set = match waiting.by_ref().find(|set| set.members.len() == set.count) {
            Some(set) => set,
            None => self.0.iter_mut().find(|set| !set.is_made)?,
        };
        set.is_made = true;
        Some(set.clone())
    }
}

impl Set {
    /// The members by index.
    pub fn slots(&self) -> Vec<Option<DeviceId>> {
        let mut slots = vec![None; self.count];
        for (index, id) in &self.members {
            if let Some(slot) = slots.get_mut(*index) {
                *slot = Some(*id);
            }
        }
        slots
    }

    /// Those that are there, by index.
    pub fn members(&self) -> Vec<DeviceId> {
        self.slots().into_iter().flatten().collect()
    }

    /// The indices of those that are not.
    pub fn missing(&self) -> Vec<usize> {
        let slots = self.slots().into_iter().enumerate();
        slots.filter_map(|(index, slot)| slot.is_none().then_some(index)).collect()
    }
}
