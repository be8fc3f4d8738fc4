// SPDX-License-Identifier: BSD-3-Clause
//! Splitting a command line into words, as Linux does (lib/cmdline.c, `next_arg`).

/// Bytes of the longest line.
pub const LONGEST: usize = 64 * 1024;
/// Words of a line.
pub(crate) const MOST: usize = 4096;

/// A word of a command line. White space outside of double quotes ends it. Quotes around the whole word or the whole
/// value are removed, any others stay.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Word<'a> {
    /// The word as written, quotes included.
    pub raw: &'a str,
    /// The part before the first `=`, or the whole word.
    pub name: &'a str,
    /// The part after the first `=`; none without a `=`.
    pub value: Option<&'a str>,
}

impl<'a> Word<'a> {
    fn new(raw: &'a str) -> Self {
        let text = without_quotes(raw);
        let (name, value) = match text.split_once('=') {
            // `next_arg` treats a `=` at the start as part of the name.
            Some(("", _)) | None => (text, None),
            Some((name, value)) => (name, Some(without_quotes(value))),
        };
        Self { raw, name, value }
    }
}

/// The words of a line, in order.
pub fn words(line: &str) -> impl Iterator<Item = Word<'_>> {
    let mut rest = line;
    core::iter::from_fn(move || {
        let start = rest.trim_start_matches(is_space);
        let (raw, behind) = start.split_at_checked(end(start)).unwrap_or((start, ""));
        rest = behind;
        (!raw.is_empty()).then(|| Word::new(raw))
    })
}

/// Length in bytes of the word at the start of a text.
fn end(text: &str) -> usize {
    let mut is_quoted = false;
    let ends = |c: char| {
        is_quoted ^= c == '"';
        is_space(c) && !is_quoted
    };
    text.find(ends).unwrap_or(text.len())
}

/// Removes a quote at the start, and then one at the end.
fn without_quotes(text: &str) -> &str {
    text.strip_prefix('"').map_or(text, |inner| inner.strip_suffix('"').unwrap_or(inner))
}

/// A NUL ends a string of the firmware; here it separates words.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r' | '\0')
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn quotes_go_where_the_kernel_drops_them() {
        let cases: [(&str, &str, Option<&str>); 9] = [
            ("a=1", "a", Some("1")),
            ("a", "a", None),
            ("a=", "a", Some("")),
            ("a=\"x y\"", "a", Some("x y")),
            ("\"a=x y\"", "a", Some("x y")),
            ("a=x\"y z\"w", "a", Some("x\"y z\"w")),
            ("a=\"x y", "a", Some("x y")),
            ("a=b=c", "a", Some("b=c")),
            ("=a", "=a", None),
        ];
        for (line, name, value) in cases {
            assert_eq!(words(line).collect::<Vec<_>>(), [Word { raw: line, name, value }]);
        }
    }

    #[test]
    fn white_space_separates() {
        let raw: Vec<&str> = words(" a=1  b=\"x y\" \t\"c d\"e\0f\n").map(|word| word.raw).collect();
        assert_eq!(raw, ["a=1", "b=\"x y\"", "\"c d\"e", "f"]);
    }
}
