// SPDX-License-Identifier: BSD-3-Clause
//! Identifiers and titles that tell entries apart.

use alloc::{format, string::String};

use crate::Entry;

/// Bytes of an identifier.
const LONGEST: usize = 180;

/// Gives every entry an identifier of its own that the Boot Loader Interface allows (letters, digits, `+-_.`), and
/// entries of the same title their versions or identifiers behind it.
pub fn settle(entries: &mut [Entry]) {
    for at in 0..entries.len() {
        let Some((before, [entry, ..])) = entries.split_at_mut_checked(at) else { continue };
        let id = allowed(&entry.id);
        let mut candidate = id.clone();
        let mut number = 2u32;
        while before.iter().any(|other| other.id == candidate) {
            candidate = format!("{id}-{number}");
            number = number.saturating_add(1);
        }
        entry.id = candidate;
    }
    let is_shared = |title: &String| entries.iter().filter(|entry| entry.title == *title).nth(1).is_some();
    let shared: alloc::vec::Vec<bool> = entries.iter().map(|entry| is_shared(&entry.title)).collect();
    for (entry, _) in entries.iter_mut().zip(shared).filter(|(_, is_shared)| *is_shared) {
        let mark = if entry.version.is_empty() { &entry.id } else { &entry.version };
        if !entry.title.contains(mark.as_str()) {
            entry.title = format!("{} ({mark})", entry.title);
        }
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
