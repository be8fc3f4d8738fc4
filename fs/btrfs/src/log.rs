// SPDX-License-Identifier: BSD-3-Clause
//! The tree log: what fsync wrote since the last transaction, replayed in memory as Linux replays it before it mounts
//! (fs/btrfs/tree-log.c).
//!
//! Each subvolume in which a file was synced has a log: a tree of the items that changed, not a list of operations. The
//! replay first applies inodes, then the entries that logged directories lost and gained, then all other names, and
//! extents. Nothing is written: the changes take precedence over the subvolume's tree.

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
use replay::{Budget, Log, Parameters, Replay};
use sums::{Scale, Sums};

/// The changes in the logs of a filesystem.
#[derive(Default)]
pub struct Replayed {
    /// Sorted by number.
    subvolumes: Vec<(TreeId, Edits)>,
    sums: Sums,
    scale: Scale,
    /// Bytes of memory that this takes, including the logs themselves.
    kept: usize,
}

impl Replayed {
    /// The changes of a tree, if there are any.
    pub fn edits(&self, tree: TreeId) -> Option<&Edits> {
        let at = self.subvolumes.binary_search_by_key(&tree, |(id, _)| *id).ok()?;
        self.subvolumes.get(at).map(|(_, edits)| edits)
    }

    /// The checksum of a sector that was written after the last change of the checksum tree.
    pub fn sum(&self, address: Logical) -> Option<&[u8]> {
        self.sums.at(address, self.scale)
    }

    /// Bytes of memory that it takes, at most.
    pub fn memory(&self) -> usize {
        self.kept
    }

    /// How many items changed.
    pub fn count(&self) -> usize {
        // Cannot saturate: counts of items in memory.
        self.subvolumes.iter().map(|(_, edits)| edits.count()).fold(0, usize::saturating_add)
    }
}

/// Replays the logs of a filesystem, if it has any, with at most `most` bytes of memory.
///
/// # Errors
/// As [`replay`].
pub fn of(superblock: &Superblock, trees: &Trees, most: usize) -> Result<Replayed, Error> {
    let Some(logs) = &superblock.log else { return Ok(Replayed::default()) };
    let parameters = Parameters {
        sector_size: superblock.sector_size.into(),
        node_size: narrow(superblock.node_size.into()),
        sum_size: superblock.checksum.size(),
        has_no_holes: superblock.incompat & features::NO_HOLES != 0,
        generation: logs.generation,
    };
    replay(trees, &superblock.roots, logs, parameters, Budget::of(trees.storage(), most))
}

/// Replays all logs, whose roots are in the tree `logs`. Logs of deleted subvolumes are ignored.
///
/// # Errors
/// [`Error::Corrupt`] for a damaged node or item, and if a log and its subvolume contradict each other; those of
/// reading nodes; [`Error::NoMemory`] and [`Error::Unsupported`] for logs larger than any real one.
fn replay(
    trees: &Trees,
    roots: &Tree,
    logs: &Tree,
    parameters: Parameters,
    budget: Budget<'_>,
) -> Result<Replayed, Error> {
    let mut replayed = Replayed { scale: parameters.scale(), ..Replayed::default() };
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
        let edits = Replay::new(&log, &base, &mut replayed.sums, parameters, &budget).run()?;
        // Keys of a tree ascend.
        replayed.subvolumes.push((id, edits));
    }
    if !any {
        // Linux never writes this tree without a log: another node has overwritten it.
        return Err(corrupt(
            Fault::Inconsistent,
            "log root tree without btrfs_root_item",
            logs.location(),
            0u64,
        ));
    }
    replayed.kept = budget.kept();
    Ok(replayed)
}

/// Replays any bytes as a log over any subvolume, for the fuzz entry point.
///
/// Each item is five bytes and its content. The lowest bit of the first byte is set for items of the log; the other
/// bytes are inode, kind, offset and length. The content of an inode begins with the low byte of its mode's type.
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
    let parameters = Parameters {
        sector_size: 16,
        node_size: 4096,
        sum_size: 4,
        has_no_holes: data.first() == Some(&1),
        generation: Generation(2),
    };
    // The most that a small input should need.
    let budget = Budget::new(1 << 20, 1 << 16);
    let Ok(log) = Log::read(&log, &budget) else { return };
    let _ = Replay::new(&log, &base, &mut Sums::default(), parameters, &budget).run();
}

#[cfg(test)]
mod tests;
