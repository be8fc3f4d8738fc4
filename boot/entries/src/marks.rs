// SPDX-License-Identifier: BSD-3-Clause
//! What was seen already: a sorted list, which needs a quarter of the code of a `BTreeSet`.

use alloc::vec::Vec;

/// Filesystems and checksums of something in them.
#[derive(Default)]
pub struct Marks(Vec<(usize, u64)>);

impl Marks {
    /// Whether it is there.
    pub fn contains(&self, mark: (usize, u64)) -> bool {
        self.0.binary_search(&mark).is_ok()
    }

    /// Adds one; whether it was not there.
    pub fn insert(&mut self, mark: (usize, u64)) -> bool {
        let Err(place) = self.0.binary_search(&mark) else { return false };
        self.0.insert(place, mark);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_new_once() {
        let mut marks = Marks::default();
        let all = [(1, 5), (0, 9), (1, 4), (2, 0), (0, 0)];
        assert!(all.iter().all(|mark| !marks.contains(*mark) && marks.insert(*mark)));
        assert!(all.iter().all(|mark| marks.contains(*mark) && !marks.insert(*mark)));
        assert!(!marks.contains((1, 0)));
    }
}
