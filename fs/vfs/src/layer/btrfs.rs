// SPDX-License-Identifier: BSD-3-Clause
//! btrfs: devices of one filesystem, seeds that it grew from, and its subvolumes as roots.

use alloc::{
    format,
    rc::Rc,
    string::{String, ToString},
    vec::Vec,
};
use core::cmp::Reverse;

use block::BlockRead;
use btrfs::{Btrfs, Node, Subvolume};
use damage::Format;
use filesystem::{Degraded, Error, FileSystem, MemoryBudget};

use super::{Assembled, Leg, Member, Opened};
use crate::{Root, RootPath};

/// A device of a filesystem, which may have others.
///
/// # Errors
/// Where its superblock cannot be read.
pub fn open(device: Rc<dyn BlockRead>, _: &MemoryBudget) -> Result<Opened, Error> {
    let member = btrfs::member(&*device)?;
    Ok(Opened::Member(Member {
        format: Format::Btrfs,
        set: member.fsid.to_string(),
        number: member.number,
        count: usize::try_from(member.devices).unwrap_or(usize::MAX),
        state: member.state,
        is_lent: member.is_seed,
        assemble,
    }))
}

fn assemble(members: Vec<Leg>, lent: Vec<Leg>, memory: &MemoryBudget) -> Result<Assembled, Error> {
    let generation = |leg: &Leg| btrfs::member(&*leg.device).map_or(0, |member| member.generation);
    let newest = members.iter().map(generation).max().unwrap_or(0);
    // A filesystem grows from what was written before it. Others that lend are filesystems of their own.
    let (places, lent): (Vec<usize>, Vec<Leg>) =
        lent.into_iter().enumerate().filter(|(_, leg)| generation(leg) < newest).unzip();
    let own = members.len();
    let devices = members.into_iter().chain(lent).map(|leg| leg.device);
    let btrfs = Btrfs::open_within(devices.collect(), memory)?;
    let missing = btrfs.missing().iter().map(ToString::to_string).collect();
    let place = |index: usize| places.get(index.checked_sub(own)?).copied();
    let borrowed = btrfs.used().into_iter().filter_map(place).collect();
    // Where the list is damaged, what is mounted by default may be sound.
    let (subvolumes, rest) = btrfs.found_subvolumes();
    let rest = rest.map(|error| {
        let state = format!("not all of its subvolumes are found: {error}");
        Error::Degraded(Degraded { format: Format::Btrfs, state: state.into() })
    });
    let roots = roots(&btrfs, subvolumes);
    let opened = Opened::filesystem_with_roots(btrfs, roots).warned(rest);
    Ok(Assembled { opened, missing, borrowed })
}

/// The default subvolume first, then the one at the top and those that stand in it, as systems do; then others that were
/// made by hand, and last snapshots, new ones before old ones. Of each kind, what nobody writes to comes last.
fn roots(btrfs: &Btrfs, mut subvolumes: Vec<Subvolume>) -> Vec<Root<Node>> {
    let rank = |subvolume: &Subvolume| {
        let place = match subvolume {
            subvolume if subvolume.node == btrfs.default_subvolume() => 0,
            subvolume if subvolume.path.is_empty() => 1,
            subvolume if !subvolume.path.contains(&b'/') => 2,
            subvolume if !subvolume.is_snapshot => 3,
            _ => 4,
        };
        let age = Reverse(if subvolume.is_snapshot { subvolume.generation } else { u64::MAX });
        (place, subvolume.is_read_only, age, subvolume.id)
    };
    subvolumes.sort_unstable_by_key(rank);
    if subvolumes.first().is_none_or(|first| first.node != btrfs.default_subvolume()) {
        return [Root { path: RootPath::Only, number: None, node: btrfs.root() }].into();
    }
    let is_only = subvolumes.len() == 1;
    let named = |subvolume: Subvolume| {
        let path = match subvolume.path.is_empty() {
            true if is_only => RootPath::Only,
            true => RootPath::Top,
            // The path's own memory, unless it is no UTF-8.
            false => RootPath::Below(
                String::from_utf8(subvolume.path)
                    .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
            ),
        };
        Root { path, number: Some(subvolume.id), node: subvolume.node }
    };
    subvolumes.into_iter().map(named).collect()
}
