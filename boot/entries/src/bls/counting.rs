// SPDX-License-Identifier: BSD-3-Clause
//! Automatic boot assessment: the name of an entry's file counts how often it may still be tried.
//!
//! Spec: UAPI.1, "Boot counting"; systemd, "Automatic Boot Assessment".

use alloc::{format, string::String};

use crate::File;

/// The parsed name of an entry's file: `ID+LEFT-DONE.conf`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Name {
    /// What identifies the entry: the name without its counters.
    pub id: String,
    /// Tries that are left; none if tries are not counted.
    pub left: Option<u32>,
    /// Tries that were made.
    pub done: u32,
}

/// A file that must be renamed before its entry starts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Counting {
    /// The file.
    pub file: File,
    /// Its new name, without the folder.
    pub next: String,
}

impl Name {
    /// Parses a name; one of another form has no counters.
    pub fn parse(name: &str) -> Self {
        let uncounted = || Self { id: name.into(), left: None, done: 0 };
        let Some((stem, suffix)) = name.rsplit_once('.') else { return uncounted() };
        let Some((id, counters)) = stem.rsplit_once('+') else { return uncounted() };
        let (left, done) = match counters.split_once('-') {
            Some((left, done)) => (number(left), number(done)),
            None => (number(counters), Some(0)),
        };
        match (left, done) {
            (Some(left), Some(done)) => Self { id: format!("{id}.{suffix}"), left: Some(left), done },
            _ => uncounted(),
        }
    }

    /// No try is left.
    pub fn is_exhausted(&self) -> bool {
        self.left == Some(0)
    }

    /// The name after one more try; none if tries are not counted, or none is left.
    pub fn next(&self) -> Option<String> {
        let left = self.left?.checked_sub(1)?;
        let (stem, suffix) = self.id.rsplit_once('.')?;
        Some(format!("{stem}+{left}-{}.{suffix}", self.done.checked_add(1)?))
    }
}

fn number(digits: &str) -> Option<u32> {
    let is_number = (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_stand_behind_a_plus() {
        let cases = [
            ("a.conf", "a.conf", None, 0, None),
            ("a+3.conf", "a.conf", Some(3), 0, Some("a+2-1.conf")),
            ("a+2-1.efi", "a.efi", Some(2), 1, Some("a+1-2.efi")),
            ("a+0-3.conf", "a.conf", Some(0), 3, None),
            ("a+b+1.conf", "a+b.conf", Some(1), 0, Some("a+b+0-1.conf")),
            ("a+x.conf", "a+x.conf", None, 0, None),
            ("a+1-.conf", "a+1-.conf", None, 0, None),
            ("a+9999999999.conf", "a+9999999999.conf", None, 0, None),
        ];
        for (name, id, left, done, next) in cases {
            let parsed = Name::parse(name);
            assert_eq!((parsed.id.as_str(), parsed.left, parsed.done), (id, left, done), "{name}");
            assert_eq!(parsed.next().as_deref(), next, "{name}");
        }
    }
}
