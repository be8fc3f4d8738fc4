// SPDX-License-Identifier: BSD-3-Clause
//! Items of a tree, and the changes of a replay to them, in memory.

use alloc::collections::BTreeMap;

use filesystem::Error;

use crate::{node::Key, tree::Item};

/// A collection of items, ordered by key.
pub trait Items {
    /// The first item at or after `key`.
    ///
    /// # Errors
    /// Where a node cannot be read.
    fn at_or_after(&self, key: Key) -> Result<Option<Item>, Error>;

    /// The last item at or before `key`.
    ///
    /// # Errors
    /// Where a node cannot be read.
    fn at_or_before(&self, key: Key) -> Result<Option<Item>, Error>;
}

/// A tree without items.
pub struct Nothing;

impl Items for Nothing {
    fn at_or_after(&self, _: Key) -> Result<Option<Item>, Error> {
        Ok(None)
    }

    fn at_or_before(&self, _: Key) -> Result<Option<Item>, Error> {
        Ok(None)
    }
}

impl Item {
    /// A copy in memory of its own.
    pub fn detached(&self) -> Self {
        Self::changed(self.key, self.bytes(), self.place(0))
    }

    /// A copy with these bytes at `at`, as far as it reaches.
    pub fn with(&self, at: usize, value: &[u8]) -> Self {
        let mut bytes = self.bytes().to_vec();
        bytes.iter_mut().skip(at).zip(value).for_each(|(to, from)| *to = *from);
        Self::changed(self.key, &bytes, self.place(0))
    }

    /// A copy with another key.
    pub fn moved_to(&self, key: Key) -> Self {
        Self::changed(key, self.bytes(), self.place(0))
    }
}

/// The changes to a tree.
#[derive(Default)]
pub struct Edits {
    /// New and changed items.
    put: BTreeMap<Key, Item>,
    /// Removed items, in runs: the first key of each run and its last. The tree has no remaining item within a run, so
    /// that skipping a run takes one step, however many items it had.
    gone: BTreeMap<Key, Key>,
    removed: usize,
}

/// What the edits do to a key.
pub enum Fate<'a> {
    /// Nothing: it is as in the tree, present or not.
    Untouched,
    /// It is removed.
    Gone,
    /// It has this item now.
    Put(&'a Item),
}

/// The result of removing an item.
pub struct Removed {
    /// The new or changed item that was removed.
    pub edited: Option<Item>,
    /// The tree itself had an item with this key, which is removed only now.
    pub is_news: bool,
}

/// A tree with its edits applied.
pub struct Edited<'a, B> {
    pub base: &'a B,
    pub edits: &'a Edits,
}

impl Edits {
    /// Adds or replaces an item; returns the edited item that it replaces.
    pub fn put(&mut self, item: Item) -> Option<Item> {
        self.put.insert(item.key, item)
    }

    /// Removes an item, from the edits and from `base`, the tree that they apply to.
    ///
    /// # Errors
    /// Where a node cannot be read.
    pub fn remove(&mut self, key: Key, base: &impl Items) -> Result<Removed, Error> {
        let edited = self.put.remove(&key);
        let is_news = !self.is_gone(key) && base.at_or_after(key)?.is_some_and(|item| item.key == key);
        if is_news {
            let (mut first, mut last) = (key, key);
            let front = before(key).map_or(Ok(None), |key| base.at_or_before(key))?;
            if let Some((start, _)) = front.and_then(|item| self.run(item.key)) {
                first = start;
            }
            let behind = key.next().map_or(Ok(None), |key| base.at_or_after(key))?;
            if let Some((start, end)) = behind.and_then(|item| self.run(item.key)) {
                self.gone.remove(&start);
                last = end;
            }
            self.gone.insert(first, last);
            // Cannot saturate: counts items that memory was allocated for, here and in `count`.
            self.removed = self.removed.saturating_add(1);
        }
        Ok(Removed { edited, is_news })
    }

    /// What the edits do to this key.
    pub fn fate(&self, key: Key) -> Fate<'_> {
        match self.put.get(&key) {
            Some(item) => Fate::Put(item),
            None if self.is_gone(key) => Fate::Gone,
            None => Fate::Untouched,
        }
    }

    /// How many items changed.
    pub fn count(&self) -> usize {
        // Cannot saturate: items that memory was allocated for.
        self.put.keys().filter(|key| !self.is_gone(**key)).count().saturating_add(self.removed)
    }

    fn is_gone(&self, key: Key) -> bool {
        self.run(key).is_some()
    }

    /// The run that contains a key.
    fn run(&self, key: Key) -> Option<(Key, Key)> {
        let (first, last) = self.gone.range(..=key).next_back()?;
        (key <= *last).then_some((*first, *last))
    }
}

impl<B: Items> Items for Edited<'_, B> {
    fn at_or_after(&self, key: Key) -> Result<Option<Item>, Error> {
        let put = self.edits.put.range(key..).next().map(|(_, item)| item);
        let mut next = Some(key).filter(|key| put.is_none_or(|put| put.key != *key));
        // Terminates: keys only grow.
        while let Some(key) = next {
            let Some(base) = self.base.at_or_after(key)? else { break };
            match self.edits.run(base.key) {
                Some((_, last)) => next = last.next(),
                None if put.is_some_and(|put| put.key <= base.key) => break,
                None => return Ok(Some(base)),
            }
        }
        Ok(put.cloned())
    }

    fn at_or_before(&self, key: Key) -> Result<Option<Item>, Error> {
        let put = self.edits.put.range(..=key).next_back().map(|(_, item)| item);
        let mut next = Some(key).filter(|key| put.is_none_or(|put| put.key != *key));
        // Terminates: keys only decrease.
        while let Some(key) = next {
            let Some(base) = self.base.at_or_before(key)? else { break };
            match self.edits.run(base.key) {
                Some((first, _)) => next = before(first),
                None if put.is_some_and(|put| put.key >= base.key) => break,
                None => return Ok(Some(base)),
            }
        }
        Ok(put.cloned())
    }
}

/// The key before this one; `None` for the first.
fn before(key: Key) -> Option<Key> {
    let Key { objectid, kind, offset } = key;
    if let Some(offset) = offset.checked_sub(1) {
        return Some(Key { objectid, kind, offset });
    }
    match kind.checked_sub(1) {
        Some(kind) => Some(Key { objectid, kind, offset: u64::MAX }),
        None => Some(Key { objectid: objectid.checked_sub(1)?, kind: u8::MAX, offset: u64::MAX }),
    }
}

#[cfg(test)]
pub mod tests {
    use core::cell::Cell;
    use std::{vec, vec::Vec};

    use super::*;
    use crate::units::Logical;

    /// A tree in memory.
    #[derive(Default)]
    pub struct Memory(pub BTreeMap<Key, Vec<u8>>);

    impl Memory {
        fn item(entry: Option<(&Key, &Vec<u8>)>) -> Option<Item> {
            entry.map(|(key, bytes)| Item::changed(*key, bytes, Logical(4096)))
        }
    }

    impl Items for Memory {
        fn at_or_after(&self, key: Key) -> Result<Option<Item>, Error> {
            Ok(Self::item(self.0.range(key..).next()))
        }

        fn at_or_before(&self, key: Key) -> Result<Option<Item>, Error> {
            Ok(Self::item(self.0.range(..=key).next_back()))
        }
    }

    fn key(number: u64) -> Key {
        // Both fields change, so that neighbours are not only one offset apart.
        Key { objectid: number / 4, kind: 1, offset: number % 4 }
    }

    #[test]
    fn edits_show_as_if_the_tree_had_them() {
        // Each key is absent, present, changed, new, removed, or marked as removed although it never existed.
        for seed in 0..4096_u64 {
            let (mut base, mut edits, mut expected) = (Memory::default(), Edits::default(), BTreeMap::new());
            for number in (0..6).filter(|number| seed >> (number * 2) & 1 == 1) {
                base.0.insert(key(number), vec![1]);
                expected.insert(key(number), vec![1]);
            }
            let mut differ = 0;
            // In an order in which runs of removed keys grow at both ends, and meet.
            for number in [3, 0, 5, 1, 4, 2] {
                let (is_there, edit) = (expected.contains_key(&key(number)), (seed + number * 7) / 64 % 3);
                differ += usize::from(edit == 1 || edit == 2 && is_there);
                match edit {
                    1 => {
                        edits.put(Item::changed(key(number), &[2], Logical(0)));
                        expected.insert(key(number), vec![2]);
                    }
                    2 => {
                        edits.remove(key(number), &base).unwrap();
                        expected.remove(&key(number));
                    }
                    _ => {}
                }
            }
            assert_eq!(edits.count(), differ);
            let edited = Edited { base: &base, edits: &edits };
            let pair = |item: Option<Item>| item.map(|item| (item.key, item.bytes().to_vec()));
            let known = |entry: Option<(&Key, &Vec<u8>)>| entry.map(|(key, bytes)| (*key, bytes.clone()));
            for number in 0..7 {
                let from = key(number);
                assert_eq!(pair(edited.at_or_after(from).unwrap()), known(expected.range(from..).next()));
                assert_eq!(
                    pair(edited.at_or_before(from).unwrap()),
                    known(expected.range(..=from).next_back())
                );
            }
        }
    }

    /// A tree that counts lookups.
    #[derive(Default)]
    struct Counting(Memory, Cell<usize>);

    impl Items for Counting {
        fn at_or_after(&self, key: Key) -> Result<Option<Item>, Error> {
            self.1.set(self.1.get() + 1);
            self.0.at_or_after(key)
        }

        fn at_or_before(&self, key: Key) -> Result<Option<Item>, Error> {
            self.1.set(self.1.get() + 1);
            self.0.at_or_before(key)
        }
    }

    #[test]
    fn a_run_of_what_is_gone_is_one_step() {
        const COUNT: u64 = 10_000;
        let (mut base, mut edits) = (Counting::default(), Edits::default());
        (0..COUNT).for_each(|number| drop(base.0.0.insert(key(number), vec![])));
        for number in 1..COUNT - 1 {
            edits.remove(key(number), &base).unwrap();
        }
        base.1.set(0);
        let edited = Edited { base: &base, edits: &edits };
        assert_eq!(edited.at_or_after(key(1)).unwrap().unwrap().key, key(COUNT - 1));
        assert_eq!(edited.at_or_before(key(COUNT - 2)).unwrap().unwrap().key, key(0));
        assert!(base.1.get() <= 4, "{}", base.1.get());
    }

    #[test]
    fn keys_count_down_over_their_fields() {
        assert_eq!(before(Key::FIRST), None);
        for key in [Key { objectid: 1, kind: 0, offset: 0 }, Key { objectid: 1, kind: 1, offset: 0 }, key(9)]
        {
            assert_eq!(before(key).and_then(Key::next), Some(key));
        }
    }
}
