// SPDX-License-Identifier: BSD-3-Clause
//! A sorted map of numbers without removal: a quarter of the code size of `BTreeMap`.

use alloc::vec::Vec;

use super::{Outcome, too_much};

/// Entries of a page; a full page is split in two.
const PAGE: usize = 512;

/// A map from numbers to numbers.
#[derive(Default)]
pub struct Map {
    /// Sorted, as are the entries of each page; no page is empty.
    pages: Vec<Vec<(u64, u64)>>,
    len: usize,
}

impl Map {
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes of memory that it takes.
    pub fn memory(&self) -> usize {
        self.pages.len().wrapping_mul(PAGE.wrapping_mul(size_of::<(u64, u64)>()))
    }

    /// The value of `key`, inserted as `value` if there was none.
    ///
    /// # Errors
    /// `NoMemory`
    pub fn entry(&mut self, key: u64, value: u64) -> Outcome<&mut u64> {
        let mut page = self.page(key);
        if self.pages.get(page).is_none_or(|entries| entries.len() == PAGE) {
            self.add_page(page)?;
            page = self.page(key);
        }
        let entries = self.pages.get_mut(page).ok_or_else(|| too_much(0))?;
        let at = entries.partition_point(|(before, _)| *before < key);
        if entries.get(at).is_none_or(|(found, _)| *found != key) {
            self.len = self.len.wrapping_add(1);
            entries.insert(at, (key, value));
        }
        entries.get_mut(at).map(|(_, value)| value).ok_or_else(|| too_much(0))
    }

    pub fn get(&self, key: u64) -> Option<u64> {
        self.next(key).filter(|(found, _)| *found == key).map(|(_, value)| value)
    }

    /// The first entry with this key or a higher one.
    pub fn next(&self, key: u64) -> Option<(u64, u64)> {
        let page = self.page(key);
        let entries = self.pages.get(page)?;
        let at = entries.partition_point(|(before, _)| *before < key);
        let next = || self.pages.get(page.wrapping_add(1))?.first();
        entries.get(at).or_else(next).copied()
    }

    /// The page that has `key`, if any page does.
    fn page(&self, key: u64) -> usize {
        let starts_before = |page: &Vec<(u64, u64)>| page.first().is_some_and(|(first, _)| *first <= key);
        // Saturates for a key below all others, which belongs to the first page.
        self.pages.partition_point(starts_before).saturating_sub(1)
    }

    /// Splits this page in two, or adds the first page.
    fn add_page(&mut self, page: usize) -> Outcome<()> {
        let mut added = Vec::new();
        let all = self.len.wrapping_mul(size_of::<(u64, u64)>());
        added.try_reserve_exact(PAGE).map_err(|_| too_much(all))?;
        if let Some(full) = self.pages.get_mut(page) {
            added.extend_from_slice(full.get(PAGE / 2..).unwrap_or_default());
            full.truncate(PAGE / 2);
        }
        self.pages.insert(page.wrapping_add(1).min(self.pages.len()), added);
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
        assert_eq!((map.get(0), map.next(0)), (None, None));
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
            let next = |(key, _): &(u64, u64)| map.next(key + 1);
            let some: Vec<_> = core::iter::successors(map.next(start), next).take(700).collect();
            let right: Vec<_> =
                expected.range(start..).take(700).map(|(key, value)| (*key, *value)).collect();
            assert_eq!(some, right, "{start}");
        }
    }
}
