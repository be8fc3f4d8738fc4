// SPDX-License-Identifier: BSD-3-Clause
//! Sets of devices: which members have been found of which.

use alloc::{string::String, vec::Vec};

use damage::{Corrupt, Fault, Format};
use filesystem::Error;

use crate::{Assemble, DeviceId, Member, State};

/// Devices of one set, copies included: what honest sets have is far below.
const MOST_MEMBERS: usize = 1024;

/// The sets that wait for members.
#[derive(Default)]
pub struct Sets(Vec<Candidates>);

/// The devices that say that they belong to one set.
struct Candidates {
    format: &'static str,
    identity: String,
    found: Vec<Candidate>,
    is_made: bool,
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
    /// Number and device of each member, by number.
    pub members: Vec<(u64, DeviceId)>,
    /// The same of members of other sets that this one may stand on, too.
    pub lent: Vec<(u64, DeviceId)>,
    /// Devices that are left alone, and why.
    pub left_out: Vec<(DeviceId, Error)>,
}

impl Sets {
    /// Adds a device to its set.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when its set is made already, or has more devices than any.
    pub fn join(&mut self, format: &'static str, member: Member, device: DeviceId) -> Result<(), Error> {
        let is_its =
            |candidates: &Candidates| candidates.format == format && candidates.identity == member.set;
        let candidates = match self.0.iter().position(is_its) {
            Some(index) => self.0.get_mut(index),
            None => {
                let identity = member.set.clone();
                self.0.push(Candidates { format, identity, found: Vec::new(), is_made: false });
                self.0.last_mut()
            }
        };
        let Some(candidates) = candidates else { return Ok(()) };
        if candidates.is_made {
            return Err(wrong(&member, "member that appeared after its set was made"));
        }
        if candidates.found.len() >= MOST_MEMBERS {
            return Err(wrong(&member, "member of a set that has too many"));
        }
        candidates.found.push(Candidate { device, member });
        Ok(())
    }

    /// The next set to be made, complete ones first. No member joins it any more.
    pub fn next(&mut self) -> Option<Set> {
        let waiting = || self.0.iter().enumerate().filter(|(_, candidates)| !candidates.is_made);
        let is_complete = |(_, candidates): &(usize, &Candidates)| candidates.chosen().is_complete();
        let (index, _) = waiting().find(is_complete).or_else(|| waiting().next())?;
        let lent = self.lent(index);
        let candidates = self.0.get_mut(index)?;
        candidates.is_made = true;
        let Chosen { members, left_out } = candidates.chosen();
        let first = members.first()?;
        Some(Set {
            format: candidates.format,
            assemble: first.member.assemble,
            members: members.iter().map(|candidate| candidate.numbered()).collect(),
            lent,
            left_out: left_out.into_iter().map(|(candidate, error)| (candidate.device, error)).collect(),
        })
    }

    /// What other sets of the format lend to the one at `index`.
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
    /// Chooses members so that copies are never mixed: where two devices have the same number, only devices of one state
    /// count, that of which most members are there, or the one that came first; of equal devices the first.
    fn chosen(&self) -> Chosen<'_> {
        let has_copies = self.found.iter().any(|one| self.with_number(one).count() > 1);
        let state = self
            .found
            .iter()
            .map(|candidate| candidate.member.state)
            .rev()
            .max_by_key(|state| self.cover(*state));
        let mut chosen = Chosen { members: Vec::new(), left_out: Vec::new() };
        for candidate in &self.found {
            let number = candidate.member.number;
            let is_other = has_copies && Some(candidate.member.state) != state;
            let is_double = chosen.members.iter().any(|member| member.member.number == number);
            if is_other || is_double {
                let structure = match is_other {
                    true => "member of a copy of the set, which is not mixed with it",
                    false => "number of a member, which another device has, too",
                };
                chosen.left_out.push((candidate, wrong(&candidate.member, structure)));
            } else {
                chosen.members.push(candidate);
            }
        }
        chosen.members.sort_by_key(|candidate| candidate.member.number);
        chosen
    }

    fn with_number(&self, like: &Candidate) -> impl Iterator<Item = &Candidate> {
        let number = like.member.number;
        self.found.iter().filter(move |candidate| candidate.member.number == number)
    }

    /// How many members are there in this state.
    fn cover(&self, state: State) -> usize {
        let in_state = self.found.iter().filter(|candidate| candidate.member.state == state);
        let mut numbers: Vec<u64> = in_state.map(|candidate| candidate.member.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.len()
    }
}

impl Chosen<'_> {
    fn is_complete(&self) -> bool {
        let newest = self.members.iter().max_by_key(|candidate| candidate.member.state);
        newest.is_some_and(|newest| self.members.len() >= newest.member.count)
    }
}

fn wrong(member: &Member, structure: &'static str) -> Error {
    let format: Format = member.format;
    Error::Corrupt(Corrupt { format, fault: Fault::Inconsistent, structure, offset: 0, found: member.number })
}
