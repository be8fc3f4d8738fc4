// SPDX-License-Identifier: BSD-3-Clause
//! The variable of the cache: what each slot holds. The booted system can neither read nor set it, so its changes to
//! the slots are detected.
//!
//! One line for each slot in use, the newest first: `a TRIES RECORD RESOLVED REFERENCE`: how often it was tried, the
//! digest of the slot's record, the digest that the reference resolved to, and the reference as requested.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::fmt;

use oci::{Digest, Reference};

/// The variable's name; the vendor is cloud-boot's.
pub const CACHE_VARIABLE: &str = "CloudBootCache";
/// The number of tries that systemd uses, too.
pub const TRIES: u8 = 3;
/// The largest variable that is read, in bytes: two references of the longest kind.
const LARGEST: usize = 4 << 10;

/// A slot: a folder of the cache.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Letter {
    A,
    B,
}

impl Letter {
    /// Both.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// The folder's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a slot holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The slot.
    pub letter: Letter,
    /// How often it was started before it was marked good, at most [`TRIES`]. The name of its record shows it, too, but
    /// whoever writes to the volume can change that.
    pub tries: u8,
    /// Digest of its record.
    pub record: Digest,
    /// What the reference resolved to: an index, or a manifest.
    pub resolved: Digest,
    /// The reference that was requested, in canonical form.
    pub reference: String,
}

/// Reads the variable, the newest slot first; None if it is malformed.
pub fn parse(bytes: &[u8]) -> Option<Vec<Entry>> {
    let text = core::str::from_utf8(bytes).ok().filter(|text| text.len() <= LARGEST)?;
    let mut entries: Vec<Entry> = Vec::new();
    for line in text.strip_suffix('\n')?.split('\n') {
        let entry = entry(line).filter(|new| entries.iter().all(|one| one.letter != new.letter))?;
        entries.push(entry);
    }
    Some(entries)
}

fn entry(line: &str) -> Option<Entry> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let letter = Letter::ALL.into_iter().find(|letter| letter.name() == name)?;
    let tries = words.next().filter(|word| word.len() == 1)?.parse().ok().filter(|tries| *tries <= TRIES)?;
    let (record, resolved) = (Digest::parse(words.next()?)?, Digest::parse(words.next()?)?);
    let reference = words.next().filter(|_| words.next().is_none())?;
    let is_usual = Reference::parse(reference).is_ok_and(|known| known.to_string() == reference);
    is_usual.then(|| Entry { letter, tries, record, resolved, reference: reference.into() })
}

/// The variable's text; empty if no slot is in use.
pub fn emit(entries: &[Entry]) -> String {
    let line = |Entry { letter, tries, record, resolved, reference }: &Entry| {
        format!("{letter} {tries} {record} {resolved} {reference}\n")
    };
    entries.iter().map(line).collect()
}

/// Any bytes: what parses is what `emit` would write.
pub fn fuzz(data: &[u8]) {
    if let Some(entries) = parse(data) {
        assert_eq!(emit(&entries).as_bytes(), data, "the variable has one form");
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    fn entry(letter: Letter) -> Entry {
        let digest = |digit: &str| Digest::parse(&format!("sha256:{}", digit.repeat(64))).unwrap();
        let reference = "host.example/linux:1".into();
        Entry { letter, tries: 2, record: digest("1"), resolved: digest("2"), reference }
    }

    #[test]
    fn slots_are_what_was_written() {
        for entries in [vec![entry(Letter::A)], vec![entry(Letter::B), entry(Letter::A)]] {
            assert_eq!(parse(emit(&entries).as_bytes()).unwrap(), entries);
        }
    }

    #[test]
    fn parse_refuses_what_is_malformed() {
        let good = emit(&[entry(Letter::A)]);
        for bad in [
            String::new(),
            good.trim_end().into(),
            good.repeat(2),
            format!("{good}\n"),
            good.replace("a 2", "c 2"),
            good.replace("a 2", "a 4"),
            good.replace("a 2", "a +2"),
            good.replace("a 2", "a"),
            good.replace("sha256:1", "sha256:x"),
            good.replace(":1\n", "\n"),
            good.replace("host.example/", "oci://host.example/"),
            good.replace('\n', " more\n"),
            format!("a{}", " ".repeat(LARGEST)),
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(parse(b"a \xff\n"), None);
    }
}
