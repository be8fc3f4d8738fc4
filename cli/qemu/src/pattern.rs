// SPDX-License-Identifier: BSD-3-Clause
//! Patterns for lines of the console.

use std::fmt;

/// A piece of a line: plain text in which `*` stands for any text, at the line's start if it begins with `^`.
///
/// There is no escape: a literal `*` is matched by `*`, and `^` is special in the first place only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    anchored: bool,
    /// Non-empty pieces of text, in their order.
    pieces: Vec<Vec<u8>>,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A message when it would match every line.
    pub fn new(text: &str) -> Result<Self, String> {
        let (anchored, glob) = match text.strip_prefix('^') {
            Some(rest) => (!rest.starts_with('*'), rest),
            None => (false, text),
        };
        let pieces: Vec<Vec<u8>> =
            glob.split('*').filter(|p| !p.is_empty()).map(|p| p.as_bytes().to_vec()).collect();
        if pieces.is_empty() {
            return Err(format!("pattern {text:?} matches every line"));
        }
        Ok(Self { text: text.into(), anchored, pieces })
    }

    /// End of the first match in `line` that begins at or after byte `from`.
    ///
    /// More text at the end of `line` never undoes a match, so that a line still growing can be searched.
    pub fn find(&self, line: &[u8], from: usize) -> Option<usize> {
        let mut end = from;
        for (index, piece) in self.pieces.iter().enumerate() {
            let rest = line.get(end..)?;
            let at = if index == 0 && self.anchored {
                (end == 0 && rest.starts_with(piece)).then_some(0)?
            } else {
                rest.windows(piece.len()).position(|window| window == piece)?
            };
            end = end.checked_add(at)?.checked_add(piece.len())?;
        }
        Some(end)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_where_a_match_ends() {
        let cases: &[(&str, &str, usize, Option<usize>)] = &[
            ("login:", "debian login: ", 0, Some(13)),
            ("login:", "debian login: ", 8, None),
            ("^login:", "debian login: ", 0, None),
            ("^debian", "debian login: ", 0, Some(6)),
            ("^debian", "debian debian", 6, None),
            ("^deb*login", "debian login: ", 0, Some(12)),
            ("^deb*login", "a debian login: ", 0, None),
            ("^*login", "debian login: ", 0, Some(12)),
            ("a*b*c", "xaybzbc", 0, Some(7)),
            ("a*b*c", "xaybz", 0, None),
            ("a*a", "a", 0, None),
            ("*ab*", "xab", 0, Some(3)),
            ("ab", "aab", 0, Some(3)),
            ("x", "", 0, None),
            ("x", "ab", 5, None),
        ];
        for (pattern, line, from, want) in cases {
            let found = Pattern::new(pattern).unwrap().find(line.as_bytes(), *from);
            assert_eq!(found, *want, "{pattern:?} in {line:?} from {from}");
        }
    }

    #[test]
    fn refuses_what_matches_every_line() {
        for text in ["", "^", "*", "^*", "**"] {
            assert!(Pattern::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_match_stays_when_the_line_grows() {
        let pattern = Pattern::new("^start \"*\": *ro").unwrap();
        let line = b"start \"Debian GNU/Linux\": root=/dev/vda1 ro quiet";
        let first = (0..=line.len()).find_map(|n| pattern.find(&line[..n], 0)).unwrap();
        for n in first..=line.len() {
            assert_eq!(pattern.find(&line[..n], 0), Some(first));
        }
    }
}
