// SPDX-License-Identifier: BSD-3-Clause
//! Unique identifiers and titles of entries.

use alloc::{format, string::String, vec::Vec};

use crate::Entry;

/// Bytes of an identifier.
const LONGEST: usize = 180;

/// Gives every entry a unique identifier that the Boot Loader Interface allows (letters, digits, `+-_.`), and appends
/// versions or identifiers to titles that occur more than once.
pub fn settle(entries: &mut [Entry]) {
    let mut taken = Taken::default();
    for entry in entries.iter_mut() {
        entry.id = taken.own(allowed(&entry.id));
    }
    let mut titles: Vec<String> = entries.iter().map(|entry| entry.title.clone()).collect();
    titles.sort_unstable();
    let shared: Vec<String> =
        titles.chunk_by(|a, b| a == b).filter_map(|same| same.get(1).cloned()).collect();
    for entry in entries.iter_mut() {
        let mark = if entry.version.is_empty() { &entry.id } else { &entry.version };
        if shared.binary_search(&entry.title).is_ok() && !entry.title.contains(mark.as_str()) {
            entry.title = format!("{} ({mark})", entry.title);
        }
    }
}

/// Identifiers that are in use, sorted, each with the number that the next of its name gets.
#[derive(Default)]
struct Taken(Vec<(String, u32)>);

impl Taken {
    /// The identifier itself, or with a number behind it where it is taken. A number is tried once for each
    /// identifier, so that all of them together take no more tries than there are entries, and as many again.
    fn own(&mut self, id: String) -> String {
        let Err(place) = self.find(&id) else { return self.numbered(&id) };
        self.0.insert(place, (id.clone(), 2));
        id
    }

    fn numbered(&mut self, id: &str) -> String {
        loop {
            let next = self.find(id).ok().and_then(|at| self.0.get_mut(at));
            // Cannot saturate: of no name there are more than all entries, which `MOST_ENTRIES` limits.
            let number = next.map_or(0, |(_, number)| core::mem::replace(number, number.saturating_add(1)));
            let candidate = format!("{id}-{number}");
            if let Err(place) = self.find(&candidate) {
                self.0.insert(place, (candidate.clone(), 2));
                return candidate;
            }
        }
    }

    fn find(&self, id: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(taken, _)| taken.as_str().cmp(id))
    }
}

fn allowed(id: &str) -> String {
    let mut text = String::new();
    for c in id.chars() {
        let c = if c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '_' | '.') { c } else { '-' };
        if (c != '-' || !text.ends_with('-')) && text.len() < LONGEST {
            text.push(c);
        }
    }
    let text = text.trim_matches(['-', '.']);
    if text.is_empty() { "entry".into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_the_same() {
        let mut taken = Taken::default();
        let ids = ["a", "a-2", "a", "a", "b", "a-2", "a-3"].map(|id| taken.own(id.into()));
        assert_eq!(ids, ["a", "a-2", "a-3", "a-4", "b", "a-2-2", "a-3-2"]);
    }

    #[test]
    fn identifiers_are_short_and_plain() {
        let cases = [
            ("debian.conf", "debian.conf"),
            ("Debian GNU/Linux, x", "Debian-GNU-Linux-x"),
            ("", "entry"),
            ("ü", "entry"),
        ];
        for (id, wanted) in cases {
            assert_eq!(allowed(id), wanted);
        }
        assert_eq!(allowed(&"a".repeat(500)).len(), LONGEST);
    }
}
