// SPDX-License-Identifier: BSD-3-Clause
//! Sets of devices, and the members of each that have been found.

use alloc::{string::String, vec::Vec};
use core::mem;

use damage::{Corrupt, Fault, Format, Origin};
use filesystem::{Degraded, Error};

use crate::{Assemble, DeviceId, Member, State};

/// Maximum number of devices of one set, copies included: far more than real sets have.
const MOST_MEMBERS: usize = 1024;

/// The sets whose members are being collected.
#[derive(Default)]
pub struct Sets(Vec<Candidates>);

/// The devices that claim to belong to one set.
struct Candidates {
    format: &'static str,
    identity: String,
    found: Vec<Candidate>,
    is_made: bool,
    /// These are older copies: other devices have the same identity and were written to separately.
    is_copy: bool,
}

struct Candidate {
    device: DeviceId,
    member: Member,
}

/// A set of devices of one format and identity.
pub struct Set {
    /// blkid's name.
    pub format: &'static str,
    pub assemble: Assemble,
    /// Number and device of each member, sorted by number.
    pub members: Vec<(u64, DeviceId)>,
    /// The same for members of other sets that this set may also build on.
    pub lent: Vec<(u64, DeviceId)>,
    /// Devices that are left out, why, and the member that is used instead.
    pub left_out: Vec<(DeviceId, Error, Option<DeviceId>)>,
    /// A warning about a device that the set uses.
    pub warning: Option<(DeviceId, Error)>,
}

impl Sets {
    /// Adds a device to its set.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if its set is already assembled, or has too many devices.
    pub fn join(&mut self, format: &'static str, member: Member, device: DeviceId) -> Result<(), Error> {
        let is_its =
            |candidates: &Candidates| candidates.format == format && candidates.identity == member.set;
        let candidates = match self.0.iter().position(is_its) {
            Some(index) => self.0.get_mut(index),
            None => {
                let identity = member.set.clone();
                self.0.push(Candidates {
                    format,
                    identity,
                    found: Vec::new(),
                    is_made: false,
                    is_copy: false,
                });
                self.0.last_mut()
            }
        };
        let Some(candidates) = candidates else { return Ok(()) };
        if candidates.is_made {
            return Err(inconsistent(&member, "member of a set that is already assembled"));
        }
        if candidates.found.len() >= MOST_MEMBERS {
            return Err(inconsistent(&member, "member of a set that has too many members"));
        }
        candidates.found.push(Candidate { device, member });
        Ok(())
    }

    /// The next set to assemble, complete ones first. No member can join it afterwards.
    pub fn next(&mut self) -> Option<Set> {
        let waiting = || self.0.iter().enumerate().filter(|(_, candidates)| !candidates.is_made);
        let is_complete = |(_, candidates): &(usize, &Candidates)| candidates.chosen().is_complete();
        let (index, _) = waiting().find(is_complete).or_else(|| waiting().next())?;
        let lent = self.lent(index);
        let candidates = self.0.get_mut(index)?;
        candidates.is_made = true;
        let copies = candidates.split_off_copies();
        self.0.extend(copies);
        let candidates = self.0.get(index)?;
        let Chosen { members, left_out } = candidates.chosen();
        let first = members.first()?;
        let with_number = |number: u64| members.iter().find(|candidate| candidate.member.number == number);
        let left_alone = |candidate: &Candidate, error| {
            let instead = with_number(candidate.member.number).map(|candidate| candidate.device);
            (candidate.device, error, instead)
        };
        let state = "another device has the same filesystem in another state";
        let warning = candidates.is_copy.then(|| (first.device, duplicate(&first.member, state)));
        Some(Set {
            format: candidates.format,
            assemble: first.member.assemble,
            members: members.iter().map(|candidate| candidate.numbered()).collect(),
            lent,
            left_out: left_out.into_iter().map(|(candidate, error)| left_alone(candidate, error)).collect(),
            warning,
        })
    }

    /// The members that other sets of the format lend to the set at `index`.
    fn lent(&self, index: usize) -> Vec<(u64, DeviceId)> {
        let format = self.0.get(index).map(|candidates| candidates.format);
        let others = self.0.iter().enumerate().filter(|(other, _)| *other != index);
        let others = others.filter(|(_, candidates)| Some(candidates.format) == format);
        let members = others.flat_map(|(_, candidates)| candidates.chosen().members);
        members.filter(|candidate| candidate.member.is_lent).map(Candidate::numbered).collect()
    }
}

impl Candidate {
    fn numbered(&self) -> (u64, DeviceId) {
        (self.member.number, self.device)
    }
}

/// Which of the candidates make the set.
struct Chosen<'a> {
    /// By number.
    members: Vec<&'a Candidate>,
    left_out: Vec<(&'a Candidate, Error)>,
}

impl Candidates {
    /// Splits off the older copies if every candidate is a complete filesystem on one device: such copies are
    /// filesystems of their own, each of which Linux mounts (since 6.7: fs/btrfs/volumes.c, `find_fsid_by_device`).
    fn split_off_copies(&mut self) -> Option<Self> {
        let number = self.found.first()?.member.number;
        let is_whole = |Candidate { member, .. }: &Candidate| {
            member.count == 1 && member.number == number && !member.is_lent
        };
        let newest = self.found.iter().map(|candidate| candidate.member.state).max()?;
        if !self.found.iter().all(is_whole) {
            return None;
        }
        let found = mem::take(&mut self.found).into_iter();
        let (own, copies) = found.partition(|candidate| candidate.member.state == newest);
        self.found = own;
        let identity = self.identity.clone();
        let copies = Self { format: self.format, identity, found: copies, is_made: false, is_copy: true };
        (!copies.found.is_empty()).then_some(copies)
    }

    /// Chooses members so that copies are never mixed. If two devices have the same number in different states, one is
    /// a copy, or missed writes that the other has. Then only devices in one state are used: the state of most members
    /// and, among equals, the newest. Of devices with the same number and state the first is used: they are one device
    /// on two paths, or identical copies.
    fn chosen(&self) -> Chosen<'_> {
        let members = self.found.iter().map(|candidate| &candidate.member);
        let mut states: Vec<(State, u64)> = members.map(|member| (member.state, member.number)).collect();
        states.sort_unstable();
        states.dedup();
        let mut numbers: Vec<u64> = states.iter().map(|(_, number)| *number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        // True if some number occurs in several states.
        let has_copies = states.len() > numbers.len();
        let of_one = states.chunk_by(|(one, _), (other, _)| one == other);
        let most = of_one.filter_map(|same| Some((same.len(), same.first()?.0))).max();
        let state = most.map(|(_, state)| state);
        let mut chosen = Chosen { members: Vec::new(), left_out: Vec::new() };
        for candidate in &self.found {
            let what = if has_copies && Some(candidate.member.state) != state {
                "it belongs to a copy of the set in another state, and copies are never mixed"
            } else if let Ok(free) = numbers.binary_search(&candidate.member.number) {
                numbers.remove(free);
                chosen.members.push(candidate);
                continue;
            } else {
                "it is the same member of the set as another device"
            };
            chosen.left_out.push((candidate, duplicate(&candidate.member, what)));
        }
        chosen.members.sort_unstable_by_key(|candidate| candidate.member.number);
        chosen
    }
}

impl Chosen<'_> {
    fn is_complete(&self) -> bool {
        let newest = self.members.iter().max_by_key(|candidate| candidate.member.state);
        newest.is_some_and(|newest| self.members.len() >= newest.member.count)
    }
}

/// Not damage: the same disk on two paths, or a copy.
fn duplicate(member: &Member, state: &'static str) -> Error {
    Error::Degraded(Degraded { format: member.format, state: state.into() })
}

fn inconsistent(member: &Member, structure: &'static str) -> Error {
    let format: Format = member.format;
    Error::Corrupt(Corrupt {
        format,
        fault: Fault::Inconsistent,
        structure,
        origin: Origin::Start,
        offset: 0,
        found: member.number,
    })
}
