// SPDX-License-Identifier: BSD-3-Clause
//! btrfs: the devices of a filesystem, the seed devices that it was made from, and its subvolumes as roots.

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

/// Reads a device as one member of a filesystem that may have several.
///
/// # Errors
/// If its superblock cannot be read.
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
    // A sprout is newer than its seeds. Other lent devices belong to filesystems of their own.
    let (places, lent): (Vec<usize>, Vec<Leg>) =
        lent.into_iter().enumerate().filter(|(_, leg)| generation(leg) < newest).unzip();
    let own = members.len();
    let devices = members.into_iter().chain(lent).map(|leg| leg.device);
    let btrfs = Btrfs::open_within(devices.collect(), memory)?;
    let missing = btrfs.missing().iter().map(ToString::to_string).collect();
    let place = |index: usize| places.get(index.checked_sub(own)?).copied();
    let borrowed = btrfs.used().into_iter().filter_map(place).collect();
    // Even if the list of subvolumes is damaged, the default subvolume may be intact.
    let (subvolumes, rest) = btrfs.found_subvolumes();
    let rest = rest.map(|error| {
        let state = format!("not all of its subvolumes were found: {error}");
        Error::Degraded(Degraded { format: Format::Btrfs, state: state.into() })
    });
    let roots = roots(&btrfs, subvolumes);
    let opened = Opened::filesystem_with_roots(btrfs, roots).warned(rest);
    Ok(Assembled { opened, missing, borrowed })
}

/// The roots in the order of volumes: the default subvolume, the top-level one, those directly in it (where systems are
/// installed), other subvolumes, and snapshots from new to old. Within each group, read-only ones come last.
fn roots(btrfs: &Btrfs, mut subvolumes: Vec<Subvolume>) -> Vec<Root<Node>> {
    subvolumes.sort_unstable_by_key(|subvolume| {
        let Subvolume { id, path, is_read_only, is_snapshot, generation, node } = subvolume;
        let made = Made { is_snapshot: *is_snapshot, is_read_only: *is_read_only, generation: *generation };
        (made.rank(path, *node == btrfs.default_subvolume()), *id)
    });
    if subvolumes.first().is_none_or(|first| first.node != btrfs.default_subvolume()) {
        return [Root { path: RootPath::Only, number: None, node: btrfs.root() }].into();
    }
    let is_only = subvolumes.len() == 1;
    let named = |subvolume: Subvolume| {
        let path = match subvolume.path.is_empty() {
            true if is_only => RootPath::Only,
            true => RootPath::Top,
            // Reuses the path's memory, unless it is not UTF-8.
            false => RootPath::Below(
                String::from_utf8(subvolume.path)
                    .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
            ),
        };
        Root { path, number: Some(subvolume.id), node: subvolume.node }
    };
    subvolumes.into_iter().map(named).collect()
}

/// How a subvolume was made, and its generation.
#[derive(Clone, Copy)]
struct Made {
    is_snapshot: bool,
    is_read_only: bool,
    generation: u64,
}

impl Made {
    /// Sort key: its group, whether it is read-only, then its age.
    fn rank(self, path: &[u8], is_default: bool) -> (u8, bool, Reverse<u64>) {
        let place = match (is_default, path) {
            (true, _) => 0,
            (_, []) => 1,
            (_, path) if !path.contains(&b'/') => 2,
            _ if !self.is_snapshot => 3,
            _ => 4,
        };
        let age = if self.is_snapshot { self.generation } else { u64::MAX };
        (place, self.is_read_only, Reverse(age))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systems_start_from_comes_first_and_old_snapshots_last() {
        let made = |is_snapshot, is_read_only, generation| Made { is_snapshot, is_read_only, generation };
        let (subvolume, old, new) = (made(false, false, 9), made(true, false, 5), made(true, false, 7));
        let in_order = [
            old.rank(b"@/.snapshots/1/snapshot", true),
            subvolume.rank(b"", false),
            subvolume.rank(b"@home", false),
            new.rank(b"copy", false),
            old.rank(b"older", false),
            made(true, true, 8).rank(b"sealed", false),
            subvolume.rank(b"@/var", false),
            new.rank(b"@/.snapshots/3/snapshot", false),
            old.rank(b"@/.snapshots/2/snapshot", false),
            made(true, true, 8).rank(b"@/.snapshots/4/snapshot", false),
        ];
        assert!(in_order.is_sorted_by(|one, other| one < other), "{in_order:?}");
    }
}
