// SPDX-License-Identifier: BSD-3-Clause
//! Patterns of identifiers, as `bootctl set-default` takes them.
//!
//! Source: `efi_fnmatch` of systemd-boot 262: `*`, `?`, sets such as `[a-c4]` and `\` in front of a plain character.

use alloc::vec::Vec;

/// Most bytes of a pattern: far more than any identifier has, and few enough to compare every entry.
const LONGEST: usize = 1024;

/// Whether the whole text matches the pattern, ignoring ASCII case; nothing matches one that is too long. The work is
/// at most the product of the lengths.
pub fn fits(pattern: &str, text: &str) -> bool {
    if pattern.len() > LONGEST {
        return false;
    }
    let Some(pattern) = parse(&pattern.to_ascii_lowercase()) else { return false };
    let text: Vec<char> = text.to_ascii_lowercase().chars().collect();
    let (mut pattern, mut text) = (pattern.as_slice(), text.as_slice());
    // The pattern behind the last star, and the text that the star has not consumed yet.
    let mut star: Option<(&[Piece], &[char])> = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (Some((Piece::Star, behind)), _) => {
                star = Some((behind, text));
                pattern = behind;
            }
            (Some((piece, behind)), Some((c, rest))) if piece.takes(*c) => (pattern, text) = (behind, rest),
            (None, None) => return true,
            _ => {
                // The last star consumes one more character.
                let Some((behind, tried)) = star else { return false };
                let Some((_, rest)) = tried.split_first() else { return false };
                star = Some((behind, rest));
                (pattern, text) = (behind, rest);
            }
        }
    }
}

/// A part of a pattern.
enum Piece {
    Star,
    Any,
    Char(char),
    /// Ranges, both ends included.
    Set(Vec<(char, char)>),
}

impl Piece {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Star => false,
            Self::Any => true,
            Self::Char(own) => *own == c,
            Self::Set(ranges) => ranges.iter().any(|(first, last)| (*first..=*last).contains(&c)),
        }
    }
}

/// The parts; none for a set without an end or a trailing escape.
fn parse(pattern: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        pieces.push(match c {
            '*' => Piece::Star,
            '?' => Piece::Any,
            '\\' => Piece::Char(chars.next()?),
            '[' => Piece::Set(set(&mut chars)?),
            c => Piece::Char(c),
        });
    }
    Some(pieces)
}

/// The ranges of a set, up to and with its `]`, which may also be its first character.
fn set(chars: &mut core::str::Chars<'_>) -> Option<Vec<(char, char)>> {
    let mut ranges = Vec::new();
    loop {
        let first = match chars.next()? {
            ']' if !ranges.is_empty() => return Some(ranges),
            '\\' => chars.next()?,
            c => c,
        };
        let mut ahead = chars.clone();
        let last = match (ahead.next(), ahead.next()) {
            (Some('-'), Some(last)) if last != ']' => {
                *chars = ahead;
                last
            }
            _ => first,
        };
        ranges.push((first, last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_texts() {
        let cases = [
            ("debian.conf", "debian.conf", true),
            ("Debian-*", "debian-6.12.conf", true),
            ("*b?a*f", "debian.conf", true),
            ("debian", "debian.conf", false),
            ("*x*", "debian.conf", false),
            ("", "a", false),
            ("**", "", true),
            ("a[0-9]c", "a7c", true),
            ("a[0-9]c", "axc", false),
            ("a[x-]c", "a-c", true),
            ("a[]x]c", "a]c", true),
            ("a[x", "a[x", false),
            ("a\\*c", "a*c", true),
            ("a\\*c", "abc", false),
            ("a\\", "a\\", false),
        ];
        for (pattern, text, does_fit) in cases {
            assert_eq!(fits(pattern, text), does_fit, "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_end_soon() {
        assert!(!fits(&"*a".repeat(500), &"a".repeat(400)));
        assert!(fits(&"*".repeat(LONGEST), "a") && !fits(&"*".repeat(LONGEST + 1), "a"));
    }
}
