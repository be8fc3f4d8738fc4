// SPDX-License-Identifier: BSD-3-Clause
//! A map by name for a few hundred names.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

/// A sorted list: the code of a tree would be ten times as large. Callers limit the number of names.
#[derive(Clone, Debug)]
pub struct Names<V>(Vec<(String, V)>);

impl<V> Default for Names<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V> Names<V> {
    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_str().cmp(name))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn get(&self, name: &str) -> Option<&V> {
        let (_, value) = self.0.get(self.find(name).ok()?)?;
        Some(value)
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut V> {
        let at = self.find(name).ok()?;
        self.0.get_mut(at).map(|(_, value)| value)
    }

    /// Sets the value of a name.
    pub fn insert(&mut self, name: &str, value: V) {
        match self.get_mut(name) {
            Some(known) => *known = value,
            None => {
                let (Ok(at) | Err(at)) = self.find(name);
                self.0.insert(at, (name.to_owned(), value));
            }
        }
    }

    pub fn remove(&mut self, name: &str) -> Option<V> {
        let at = self.find(name).ok()?;
        Some(self.0.remove(at).1)
    }

    /// In the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &V)> {
        self.0.iter().map(|(name, value)| (name, value))
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    #[test]
    fn names_are_kept_once_and_sorted() {
        let mut names = Names::default();
        for (value, name) in (1..).zip(["b", "a", "c", "a"]) {
            names.insert(name, value);
        }
        let all: Vec<_> = names.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert_eq!(all, vec![("a", 4), ("b", 1), ("c", 3)]);
        assert_eq!(
            (names.remove("b"), names.remove("b"), names.get("c"), names.get("d")),
            (Some(1), None, Some(&3), None)
        );
        if let Some(value) = names.get_mut("a") {
            *value = 9;
        }
        assert_eq!((names.get("a"), names.len()), (Some(&9), 2));
    }
}
