// SPDX-License-Identifier: BSD-3-Clause
//! Items of a tree, and what a replay changes of them, in memory.

use alloc::collections::BTreeMap;

use filesystem::Error;

use crate::{node::Key, tree::Item};

/// Items in the order of their keys.
pub trait Items {
    /// The item with the lowest key that is not below `key`.
    ///
    /// # Errors
    /// Where a node cannot be read.
    fn at_or_after(&self, key: Key) -> Result<Option<Item>, Error>;

    /// The item with the highest key that is not above `key`.
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
    /// The same in memory of its own.
    pub fn detached(&self) -> Self {
        Self::changed(self.key, self.bytes(), self.place(0))
    }

    /// The same with these bytes at `at`, as far as it reaches.
    pub fn with(&self, at: usize, value: &[u8]) -> Self {
        let mut bytes = self.bytes().to_vec();
        bytes.iter_mut().skip(at).zip(value).for_each(|(to, from)| *to = *from);
        Self::changed(self.key, &bytes, self.place(0))
    }

    /// The same with another key.
    pub fn moved_to(&self, key: Key) -> Self {
        Self::changed(key, self.bytes(), self.place(0))
    }
}

/// What is different in a tree.
#[derive(Default)]
pub struct Edits {
    /// Items that are new or changed; none for those that are gone.
    items: BTreeMap<Key, Option<Item>>,
}

/// A tree with its edits.
pub struct Edited<'a, B> {
    pub base: &'a B,
    pub edits: &'a Edits,
}

impl Edits {
    pub fn put(&mut self, item: Item) {
        self.items.insert(item.key, Some(item));
    }

    pub fn remove(&mut self, key: Key) {
        self.items.insert(key, None);
    }

    /// What is known of this very key: nothing, that it is gone, or its item.
    pub fn find(&self, key: Key) -> Option<&Option<Item>> {
        self.items.get(&key)
    }

    /// How many items differ.
    pub fn count(&self) -> usize {
        self.items.len()
    }
}

impl<B: Items> Items for Edited<'_, B> {
    fn at_or_after(&self, key: Key) -> Result<Option<Item>, Error> {
        let mut base = self.base.at_or_after(key)?;
        for (&edited, item) in self.edits.items.range(key..) {
            if base.as_ref().is_some_and(|base| base.key < edited) {
                break;
            }
            if item.is_some() {
                return Ok(item.clone());
            }
            if base.as_ref().is_some_and(|base| base.key == edited) {
                let next = edited.next();
                base = next.map_or(Ok(None), |next| self.base.at_or_after(next))?;
            }
        }
        Ok(base)
    }

    fn at_or_before(&self, key: Key) -> Result<Option<Item>, Error> {
        let mut base = self.base.at_or_before(key)?;
        for (&edited, item) in self.edits.items.range(..=key).rev() {
            if base.as_ref().is_some_and(|base| base.key > edited) {
                break;
            }
            if item.is_some() {
                return Ok(item.clone());
            }
            if base.as_ref().is_some_and(|base| base.key == edited) {
                base = before(edited).map_or(Ok(None), |before| self.base.at_or_before(before))?;
            }
        }
        Ok(base)
    }
}

/// The key in front of this one; none in front of the first.
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
        // Each key is absent, there, changed, new, gone, or marked as gone although it never was.
        for seed in 0..4096_u64 {
            let (mut base, mut edits, mut expected) = (Memory::default(), Edits::default(), BTreeMap::new());
            for number in 0..6 {
                let (is_there, edit) = (seed >> (number * 2) & 1 == 1, (seed + number * 7) / 64 % 3);
                if is_there {
                    base.0.insert(key(number), vec![1]);
                    expected.insert(key(number), vec![1]);
                }
                match edit {
                    1 => {
                        edits.put(Item::changed(key(number), &[2], Logical(0)));
                        expected.insert(key(number), vec![2]);
                    }
                    2 => {
                        edits.remove(key(number));
                        expected.remove(&key(number));
                    }
                    _ => {}
                }
            }
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

    #[test]
    fn keys_count_down_over_their_fields() {
        assert_eq!(before(Key::FIRST), None);
        for key in [Key { objectid: 1, kind: 0, offset: 0 }, Key { objectid: 1, kind: 1, offset: 0 }, key(9)]
        {
            assert_eq!(before(key).and_then(Key::next), Some(key));
        }
    }
}
