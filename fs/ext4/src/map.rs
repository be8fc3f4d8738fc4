// SPDX-License-Identifier: BSD-3-Clause
//! From blocks of a file to blocks of the filesystem.

use alloc::vec::Vec;

use block::BlockRead;
use filesystem::Error;

use crate::{extent, indirect, inode::Inode, volume::Volume};

/// Blocks of a file that lie one after the other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Run {
    /// First block of the file.
    pub logical: u64,
    /// Number of blocks, at least one.
    pub length: u64,
    /// First block of the filesystem; none for a hole or an extent that was never written: zeros.
    pub physical: Option<u64>,
}

impl Run {
    /// One past its last block of the file.
    pub fn end(&self) -> u64 {
        self.logical.saturating_add(self.length)
    }

    /// Where the run's block `logical` of the file is.
    pub fn block(&self, logical: u64) -> Option<u64> {
        self.physical.map(|first| first.saturating_add(logical.saturating_sub(self.logical)))
    }
}

/// What one leaf of a file's map says: runs in the order of the file, without gaps between them.
#[derive(Debug)]
pub struct Leaf {
    next: u64,
    runs: Vec<Run>,
}

impl Leaf {
    /// A leaf without runs yet, that starts at block `first` of the file.
    pub fn new(first: u64) -> Self {
        Self { next: first, runs: Vec::new() }
    }

    /// A leaf that is a hole.
    pub fn hole(first: u64, end: u64) -> Self {
        let mut leaf = Self::new(first);
        leaf.push(end.saturating_sub(first), None);
        leaf
    }

    /// Block of the file behind the last run.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Appends `length` blocks; joined with the last run where they continue it.
    pub fn push(&mut self, length: u64, physical: Option<u64>) {
        if length == 0 {
            return;
        }
        let logical = self.next;
        self.next = logical.saturating_add(length);
        match self.runs.last_mut() {
            Some(last) if last.block(logical) == physical => last.length = last.length.saturating_add(length),
            _ => self.runs.push(Run { logical, length, physical }),
        }
    }

    /// The run that holds block `logical` of the file; none where another leaf speaks of it.
    pub fn run(&self, logical: u64) -> Option<Run> {
        let behind = self.runs.partition_point(|run| run.logical <= logical);
        let run = self.runs.get(behind.checked_sub(1)?)?;
        (logical < run.end()).then_some(*run)
    }
}

/// The leaf that speaks of block `logical` of the file.
pub fn leaf<D: BlockRead>(volume: &Volume<D>, inode: &Inode, logical: u64) -> Result<Leaf, Error> {
    if inode.has_extents() {
        extent::leaf(volume, inode, logical)
    } else {
        indirect::leaf(volume, inode, logical)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_continues_is_joined_and_what_does_not_is_not() {
        let mut leaf = Leaf::new(5);
        leaf.push(2, Some(100));
        leaf.push(3, Some(102));
        leaf.push(1, None);
        leaf.push(0, Some(7));
        leaf.push(4, None);
        leaf.push(1, Some(110));
        let run = |logical, length, physical| Some(Run { logical, length, physical });
        assert_eq!(leaf.run(4), None, "before its first block");
        assert_eq!(leaf.run(5), run(5, 5, Some(100)));
        assert_eq!(leaf.run(9), run(5, 5, Some(100)));
        assert_eq!(leaf.run(14), run(10, 5, None));
        assert_eq!(leaf.run(15), run(15, 1, Some(110)));
        assert_eq!(leaf.run(16), None, "behind its last block");
        assert_eq!(leaf.run(9).unwrap().block(9), Some(104));
    }
}
