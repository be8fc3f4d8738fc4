// SPDX-License-Identifier: BSD-3-Clause
//! Runs: contiguous blocks of a file.

use alloc::vec::Vec;

use crate::units::{FileBlock, FsBlock};

/// The state of a run's blocks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// They are on the device, starting with this block.
    Written(FsBlock),
    /// They are allocated but were never written: zeros.
    Unwritten,
    /// They are not allocated: zeros.
    Hole,
}

/// Contiguous blocks of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Run {
    /// First block of the file.
    pub logical: FileBlock,
    /// Number of blocks, at least one.
    pub length: u64,
    pub state: State,
}

impl Run {
    /// The first block of the file past the run.
    pub fn end(&self) -> FileBlock {
        self.logical.after(self.length)
    }

    /// The state of the run's block `logical` of the file.
    pub fn at(&self, logical: FileBlock) -> State {
        match self.state {
            State::Written(first) => State::Written(first.after(logical.since(self.logical))),
            other => other,
        }
    }
}

/// What one leaf of a file's map contains: runs in file order, without gaps between them.
#[derive(Debug)]
pub struct Leaf {
    next: FileBlock,
    runs: Vec<Run>,
    /// How many extents it has.
    pub extents: u64,
}

impl Leaf {
    /// An empty leaf that starts at block `first` of the file.
    pub fn new(first: FileBlock) -> Self {
        Self { next: first, runs: Vec::new(), extents: 0 }
    }

    /// A leaf that is one hole.
    pub fn hole(first: FileBlock, end: FileBlock) -> Self {
        let mut leaf = Self::new(first);
        leaf.push(end.since(first), State::Hole);
        leaf
    }

    /// The first block of the file past the last run.
    pub fn next(&self) -> FileBlock {
        self.next
    }

    /// Appends `length` blocks; merges them with the last run if they continue it.
    pub fn push(&mut self, length: u64, state: State) {
        if length == 0 {
            return;
        }
        let logical = self.next;
        self.next = logical.after(length);
        match self.runs.last_mut() {
            // Cannot saturate: the runs of a leaf cover at most the 2⁵⁴ blocks that a file may have.
            Some(last) if last.at(logical) == state => last.length = last.length.saturating_add(length),
            _ => self.runs.push(Run { logical, length, state }),
        }
    }

    /// The run that contains block `logical` of the file; `None` if another leaf maps it.
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
