// SPDX-License-Identifier: BSD-3-Clause
//! Runs: blocks of a file that lie one after the other.

use alloc::vec::Vec;

use crate::units::{BlockNumber, FileBlock};

/// Blocks of a file that lie one after the other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Run {
    /// First block of the file.
    pub logical: FileBlock,
    /// Number of blocks, at least one.
    pub length: u64,
    /// First block of the filesystem; none for a hole or an extent that was never written: zeros.
    pub physical: Option<BlockNumber>,
}

impl Run {
    /// One past its last block of the file.
    pub fn end(&self) -> FileBlock {
        self.logical.after(self.length)
    }

    /// Where the run's block `logical` of the file is.
    pub fn block(&self, logical: FileBlock) -> Option<BlockNumber> {
        self.physical.map(|first| first.after(logical.since(self.logical)))
    }
}

/// What one leaf of a file's map says: runs in the order of the file, without gaps between them.
#[derive(Debug)]
pub struct Leaf {
    next: FileBlock,
    runs: Vec<Run>,
}

impl Leaf {
    /// A leaf without runs yet, that starts at block `first` of the file.
    pub fn new(first: FileBlock) -> Self {
        Self { next: first, runs: Vec::new() }
    }

    /// A leaf that is a hole.
    pub fn hole(first: FileBlock, end: FileBlock) -> Self {
        let mut leaf = Self::new(first);
        leaf.push(end.since(first), None);
        leaf
    }

    /// Block of the file behind the last run.
    pub fn next(&self) -> FileBlock {
        self.next
    }

    /// Appends `length` blocks; joined with the last run where they continue it.
    pub fn push(&mut self, length: u64, physical: Option<BlockNumber>) {
        if length == 0 {
            return;
        }
        let logical = self.next;
        self.next = logical.after(length);
        match self.runs.last_mut() {
            // Cannot saturate: the runs of a leaf make no more blocks than a file may have, fewer than 2⁴³.
            Some(last) if last.block(logical) == physical => last.length = last.length.saturating_add(length),
            _ => self.runs.push(Run { logical, length, physical }),
        }
    }

    /// The run that holds block `logical` of the file; none where another leaf speaks of it.
    pub fn run(&self, logical: FileBlock) -> Option<Run> {
        let behind = self.runs.partition_point(|run| run.logical <= logical);
        let run = self.runs.get(behind.checked_sub(1)?)?;
        (logical < run.end()).then_some(*run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_continues_is_joined_and_what_does_not_is_not() {
        let mut leaf = Leaf::new(FileBlock(5));
        for (length, physical) in
            [(2, Some(100)), (3, Some(102)), (1, None), (0, Some(7)), (4, None), (1, Some(110))]
        {
            leaf.push(length, physical.map(BlockNumber));
        }
        let run = |logical, length, physical: Option<u64>| {
            Some(Run { logical: FileBlock(logical), length, physical: physical.map(BlockNumber) })
        };
        let found = |logical| leaf.run(FileBlock(logical));
        assert_eq!(found(4), None, "before its first block");
        assert_eq!(found(5), run(5, 5, Some(100)));
        assert_eq!(found(9), run(5, 5, Some(100)));
        assert_eq!(found(14), run(10, 5, None));
        assert_eq!(found(15), run(15, 1, Some(110)));
        assert_eq!(found(16), None, "behind its last block");
        assert_eq!(found(9).unwrap().block(FileBlock(9)), Some(BlockNumber(104)));
    }
}
