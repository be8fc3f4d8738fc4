// SPDX-License-Identifier: BSD-3-Clause
//! Runs: blocks of a file that lie one after the other.

use alloc::vec::Vec;

use crate::units::{FileBlock, FsBlock};

/// What the blocks of a run are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// They stand on the device, from this one on.
    Written(FsBlock),
    /// They have places and were never written: zeros.
    Unwritten,
    /// There are none: zeros.
    Hole,
}

/// Blocks of a file that lie one after the other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Run {
    /// First block of the file.
    pub logical: FileBlock,
    /// Number of blocks, at least one.
    pub length: u64,
    pub state: State,
}

impl Run {
    /// One past its last block of the file.
    pub fn end(&self) -> FileBlock {
        self.logical.after(self.length)
    }

    /// What the run's block `logical` of the file is.
    pub fn at(&self, logical: FileBlock) -> State {
        match self.state {
            State::Written(first) => State::Written(first.after(logical.since(self.logical))),
            other => other,
        }
    }
}

/// What one leaf of a file's map says: runs in the order of the file, without gaps between them.
#[derive(Debug)]
pub struct Leaf {
    next: FileBlock,
    runs: Vec<Run>,
    /// How many extents it has.
    pub extents: u64,
}

impl Leaf {
    /// A leaf without runs yet, that starts at block `first` of the file.
    pub fn new(first: FileBlock) -> Self {
        Self { next: first, runs: Vec::new(), extents: 0 }
    }

    /// A leaf that is a hole.
    pub fn hole(first: FileBlock, end: FileBlock) -> Self {
        let mut leaf = Self::new(first);
        leaf.push(end.since(first), State::Hole);
        leaf
    }

    /// Block of the file behind the last run.
    pub fn next(&self) -> FileBlock {
        self.next
    }

    /// Appends `length` blocks; joined with the last run where they continue it.
    pub fn push(&mut self, length: u64, state: State) {
        if length == 0 {
            return;
        }
        let logical = self.next;
        self.next = logical.after(length);
        match self.runs.last_mut() {
            // Cannot saturate: the runs of a leaf make no more than the 2⁵⁴ blocks that a file may have.
            Some(last) if last.at(logical) == state => last.length = last.length.saturating_add(length),
            _ => self.runs.push(Run { logical, length, state }),
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
        let written = |block| State::Written(FsBlock(block));
        let mut leaf = Leaf::new(FileBlock(5));
        for (length, state) in [
            (2, written(100)),
            (3, written(102)),
            (1, State::Hole),
            (0, written(7)),
            (4, State::Hole),
            (2, State::Unwritten),
            (1, written(110)),
        ] {
            leaf.push(length, state);
        }
        let run = |logical, length, state| Some(Run { logical: FileBlock(logical), length, state });
        let found = |logical| leaf.run(FileBlock(logical));
        assert_eq!(found(4), None, "before its first block");
        assert_eq!(found(5), run(5, 5, written(100)));
        assert_eq!(found(9), run(5, 5, written(100)));
        assert_eq!(found(14), run(10, 5, State::Hole));
        assert_eq!(found(15), run(15, 2, State::Unwritten));
        assert_eq!(found(17), run(17, 1, written(110)));
        assert_eq!(found(18), None, "behind its last block");
        assert_eq!(found(9).unwrap().at(FileBlock(9)), written(104));
    }
}
