// SPDX-License-Identifier: BSD-3-Clause
//! A sorted map of numbers that only grows: a quarter of the code of `BTreeMap`.

use alloc::vec::Vec;

use filesystem::Error;

use super::{limit, too_much};

/// Entries of a page; when it is full, it becomes two.
const PAGE: usize = 512;

/// Numbers by number.
#[derive(Default)]
pub struct Map {
    /// Sorted, and so is each; none is empty.
    pages: Vec<Vec<(u64, u64)>>,
    len: usize,
}

impl Map {
    pub fn len(&self) -> usize {
        self.len
    }

    /// The value of `key`, which is `value` where it had none.
    ///
    /// # Errors
    /// [`Error::NoMemory`] for too many keys, or without memory.
    pub fn entry(&mut self, key: u64, value: u64) -> Result<&mut u64, Error> {
        let page = self.page(key);
        let is_full = self.pages.get(page).is_none_or(|entries| entries.len() == PAGE);
        if is_full && self.get(key).is_none() {
            self.add_page(page)?;
        }
        let page = self.page(key);
        let entries = self.pages.get_mut(page).ok_or_else(|| too_much(0))?;
        let at = match entries.binary_search_by_key(&key, |(key, _)| *key) {
            Ok(at) => at,
            Err(at) => {
                limit(self.len)?;
                self.len = self.len.saturating_add(1);
                entries.insert(at, (key, value));
                at
            }
        };
        entries.get_mut(at).map(|(_, value)| value).ok_or_else(|| too_much(0))
    }

    pub fn get(&self, key: u64) -> Option<u64> {
        self.from(key).next().filter(|(found, _)| *found == key).map(|(_, value)| value)
    }

    /// All entries from this key on, in their order.
    pub fn from(&self, key: u64) -> impl Iterator<Item = (u64, u64)> {
        let pages = self.pages.get(self.page(key)..).unwrap_or_default();
        pages.iter().flatten().copied().skip_while(move |(found, _)| *found < key)
    }

    /// The page that has `key`, if any has it.
    fn page(&self, key: u64) -> usize {
        let starts_before = |page: &Vec<(u64, u64)>| page.first().is_some_and(|(first, _)| *first <= key);
        self.pages.partition_point(starts_before).saturating_sub(1)
    }

    /// Makes two pages of this one, or the first page.
    fn add_page(&mut self, page: usize) -> Result<(), Error> {
        let mut added = Vec::new();
        let all = self.len.saturating_mul(size_of::<(u64, u64)>());
        added.try_reserve_exact(PAGE).map_err(|_| too_much(all))?;
        let half = self.pages.get_mut(page).map(|full| full.drain(PAGE / 2..));
        added.extend(half.into_iter().flatten());
        self.pages.insert(page.saturating_add(1).min(self.pages.len()), added);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, vec::Vec};

    use super::*;

    #[test]
    fn it_has_what_was_put_into_it() {
        let (mut map, mut expected) = (Map::default(), BTreeMap::new());
        assert_eq!((map.get(0), map.from(0).next()), (None, None));
        let mut key = 1u64;
        for number in 0..20_000u64 {
            // Some in order, some back and forth, some twice.
            key = if number % 3 == 0 { key + 1 } else { key.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 30_000 };
            *map.entry(key, 7).unwrap() += number;
            *expected.entry(key).or_insert(7) += number;
        }
        assert_eq!(map.len(), expected.len());
        assert!(map.pages.iter().all(|page| !page.is_empty() && page.capacity() == PAGE));
        for start in (0..30_001).step_by(97) {
            assert_eq!(map.get(start), expected.get(&start).copied());
            let some: Vec<_> = map.from(start).take(700).collect();
            let right: Vec<_> =
                expected.range(start..).take(700).map(|(key, value)| (*key, *value)).collect();
            assert_eq!(some, right, "{start}");
        }
    }
}
