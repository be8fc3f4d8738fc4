// SPDX-License-Identifier: BSD-3-Clause
//! The tree log: what was written by fsync since the last transaction, replayed in memory as Linux replays it before it
//! mounts (fs/btrfs/tree-log.c).
//!
//! A subvolume in which something was synchronised has a log: a tree of the items that changed, not a list of what
//! happened. Inodes come into the subvolume first, then what logged directories have gained and lost, then all other
//! names and extents. Nothing is written: what is different stands in front of the subvolume's tree.

mod directories;
mod extents;
mod inode;
mod items;
mod names;
mod references;
mod replay;
mod sums;

use alloc::vec::Vec;

use filesystem::{Error, Fault};

use crate::{
    corrupt, features, kind,
    memory::narrow,
    node::Key,
    subvolume::{self, Root},
    superblock::Superblock,
    tree::{Item, Tree, Trees},
    units::{Generation, Logical, TreeId},
};

pub use items::{Edited, Items};

use items::{Edits, Nothing};
use replay::{Budget, Log, Replay, Rules};
use sums::{Scale, Sums};

/// What the logs of a filesystem change.
#[derive(Default)]
pub struct Replayed {
    /// By number.
    subvolumes: Vec<(TreeId, Edits)>,
    sums: Sums,
    scale: Scale,
    /// Bytes of memory that this takes, those of the logs themselves included.
    kept: usize,
}

impl Replayed {
    /// What differs in a tree, if anything does.
    pub fn edits(&self, tree: TreeId) -> Option<&Edits> {
        let at = self.subvolumes.binary_search_by_key(&tree, |(id, _)| *id).ok()?;
        self.subvolumes.get(at).map(|(_, edits)| edits)
    }

    /// The checksum of a sector of data that was written after the tree of checksums.
    pub fn sum(&self, address: Logical) -> Option<&[u8]> {
        self.sums.at(address, self.scale)
    }

    /// Bytes of memory that it takes, at most.
    pub fn memory(&self) -> usize {
        self.kept
    }

    /// How many items differ.
    pub fn count(&self) -> usize {
        // Cannot saturate: counts of items in memory.
        self.subvolumes.iter().map(|(_, edits)| edits.count()).fold(0, usize::saturating_add)
    }
}

/// Replays the logs of a filesystem that has any, in no more than `most` bytes of memory.
///
/// # Errors
/// As [`replay`].
pub fn of(superblock: &Superblock, trees: &Trees, most: usize) -> Result<Replayed, Error> {
    let Some(logs) = &superblock.log else { return Ok(Replayed::default()) };
    let rules = Rules {
        sector_size: superblock.sector_size.into(),
        node_size: narrow(superblock.node_size.into()),
        sum_size: superblock.checksum.size(),
        has_no_holes: superblock.incompat & features::NO_HOLES != 0,
        generation: logs.generation,
    };
    replay(trees, &superblock.roots, logs, rules, Budget::of(trees.storage(), most))
}

/// Replays all logs, whose roots stand in the tree `logs`. Logs of subvolumes that are gone are left out.
///
/// # Errors
/// Where a node of a log or of its subvolume cannot be read; [`Error::Corrupt`] where they are damaged, or contradict
/// each other; [`Error::NoMemory`] and [`Error::Unsupported`] for logs that are larger than any real one.
fn replay(
    trees: &Trees,
    roots: &Tree,
    logs: &Tree,
    rules: Rules,
    budget: Budget<'_>,
) -> Result<Replayed, Error> {
    let mut replayed = Replayed { scale: rules.scale(), ..Replayed::default() };
    let first = Key { objectid: TreeId::LOGS.0, kind: kind::ROOT_ITEM, offset: 0 };
    let (mut next, mut any) = (Some(first), false);
    while let Some(key) = next {
        let Some(item) = trees.at_or_after(logs, key)?.filter(|item| item.key.is_beside(first)) else {
            break;
        };
        any = true;
        next = item.key.next();
        let id = TreeId(item.key.offset);
        if !id.is_subvolume() {
            return Err(corrupt(Fault::Range, "btrfs_root_item of a log", item.place(0), id.0));
        }
        let log = Root::of(&item, TreeId::LOGS)?.tree;
        let Some(subvolume) = subvolume::root(trees, roots, id)?.filter(|root| root.is_in_use()) else {
            continue;
        };
        let log = Log::read(&trees.stored(&log), &budget)?;
        let base = trees.stored(&subvolume.tree);
        let edits = Replay::new(&log, &base, &mut replayed.sums, rules, &budget).run()?;
        // Keys of a tree ascend.
        replayed.subvolumes.push((id, edits));
    }
    if !any {
        // Linux writes no such tree without a log in it: another node stands where it was.
        return Err(corrupt(
            Fault::Inconsistent,
            "tree of logs without btrfs_root_item",
            logs.location(),
            0u64,
        ));
    }
    replayed.kept = budget.kept();
    Ok(replayed)
}

/// Replays any bytes as a log over any subvolume, for the fuzz entry point.
///
/// Each item is five bytes, of which the first has the lowest bit set for the log and the others are inode, kind,
/// offset and length, and its content. An inode's begins with the low byte of its mode's type.
pub fn parse_any(data: &[u8]) {
    let (mut base, mut log, mut rest) = (Edits::default(), Edits::default(), data);
    while let Some((&[flags, inode, kind, offset, length], behind)) = rest.split_first_chunk() {
        let Some((content, behind)) = behind.split_at_checked(length.into()) else { break };
        let kind = replay::NEEDED.get(usize::from(kind % 8)).copied().unwrap_or(kind::DIR_ITEM);
        let key = Key { objectid: u64::from(inode % 8), kind, offset: offset.into() };
        let tree = if flags & 1 == 1 { &mut log } else { &mut base };
        tree.put(match kind {
            kind::INODE_ITEM => inode::any(key, content),
            _ => Item::changed(key, content, Logical(0)),
        });
        rest = behind;
    }
    let (base, log) = (Edited { base: &Nothing, edits: &base }, Edited { base: &Nothing, edits: &log });
    let rules = Rules {
        sector_size: 16,
        node_size: 4096,
        sum_size: 4,
        has_no_holes: data.first() == Some(&1),
        generation: Generation(2),
    };
    // As long as a small input can honestly take.
    let budget = Budget::new(1 << 20, 1 << 16);
    let Ok(log) = Log::read(&log, &budget) else { return };
    let _ = Replay::new(&log, &base, &mut Sums::default(), rules, &budget).run();
}

#[cfg(test)]
mod tests;
