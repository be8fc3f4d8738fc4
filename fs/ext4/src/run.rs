// SPDX-License-Identifier: BSD-3-Clause
//! Runs: contiguous blocks of a file.

use alloc::vec::Vec;

use crate::units::{BlockNumber, FileBlock};

/// Contiguous blocks of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Run {
    /// First block of the file.
    pub logical: FileBlock,
    /// Number of blocks, at least one.
    pub length: u64,
    /// First block of the filesystem; `None` for a hole or an unwritten extent, which read as zeros.
    pub physical: Option<BlockNumber>,
}

impl Run {
    /// One past the last block of the file in the run.
    pub fn end(&self) -> FileBlock {
        self.logical.after(self.length)
    }

    /// The location of block `logical` of the file, which is in the run.
    pub fn block(&self, logical: FileBlock) -> Option<BlockNumber> {
        self.physical.map(|first| first.after(logical.since(self.logical)))
    }
}

/// The runs of one leaf of a file's map, in the order of the file and without gaps.
#[derive(Debug)]
pub struct Leaf {
    next: FileBlock,
    runs: Vec<Run>,
}

impl Leaf {
    /// An empty leaf that starts at block `first` of the file.
    pub fn new(first: FileBlock) -> Self {
        Self { next: first, runs: Vec::new() }
    }

    /// A leaf that is one hole.
    pub fn hole(first: FileBlock, end: FileBlock) -> Self {
        let mut leaf = Self::new(first);
        leaf.push(end.since(first), None);
        leaf
    }

    /// The block of the file after the last run.
    pub fn next(&self) -> FileBlock {
        self.next
    }

    /// Appends `length` blocks, merged into the last run if they continue it.
    pub fn push(&mut self, length: u64, physical: Option<BlockNumber>) {
        if length == 0 {
            return;
        }
        let logical = self.next;
        self.next = logical.after(length);
        match self.runs.last_mut() {
            // Cannot saturate: the runs of a leaf have at most as many blocks as a file may have, fewer than 2⁴³.
            Some(last) if last.block(logical) == physical => last.length = last.length.saturating_add(length),
            _ => self.runs.push(Run { logical, length, physical }),
        }
    }

    /// The run that holds block `logical` of the file; `None` if another leaf maps it.
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
