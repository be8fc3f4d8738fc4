// SPDX-License-Identifier: BSD-3-Clause
//! Strings and their escapes.

use alloc::{borrow::Cow, string::String};
use core::str::Chars;

/// The content of a string, unescaped; `None` if it has an unpaired surrogate.
///
/// A copied string is never reallocated: overwriting it overwrites all of it.
///
/// Spec: RFC 8259, section 7.
pub(crate) fn unescaped(inside: &str) -> Option<Cow<'_, str>> {
    if !inside.contains('\\') {
        return Some(Cow::Borrowed(inside));
    }
    // No escape is shorter than what it stands for.
    let mut text = String::with_capacity(inside.len());
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        text.push(if c == '\\' { escaped(&mut chars)? } else { c });
    }
    Some(Cow::Owned(text))
}

/// The character of an escape, after its backslash.
fn escaped(chars: &mut Chars<'_>) -> Option<char> {
    Some(match chars.next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let first = unit(chars)?;
            if !matches!(first, 0xd800..0xdc00) {
                return char::from_u32(first.into());
            }
            *chars = chars.as_str().strip_prefix("\\u")?.chars();
            let second = unit(chars)?;
            return char::decode_utf16([first, second]).next()?.ok();
        }
        other => other,
    })
}

/// Four hexadecimal digits.
fn unit(chars: &mut Chars<'_>) -> Option<u16> {
    let (digits, rest) = chars.as_str().split_at_checked(4)?;
    *chars = rest.chars();
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_those_of_the_specification() {
        for (inside, expected) in [
            ("", Some("")),
            ("ä€𝄞", Some("ä€𝄞")),
            (r#"\"\\\/\b\f\n\r\t"#, Some("\"\\/\u{8}\u{c}\n\r\t")),
            (r"\u0041\u00e4\u20AC", Some("Aä€")),
            // The pair of section 7.
            (r"\uD834\uDD1E", Some("𝄞")),
            (r"\ud834", None),
            (r"\ud834x", None),
            (r"\ud834\n", None),
            (r"\ud834\u0041", None),
            (r"\ud834\ud834", None),
            (r"\udd1e", None),
        ] {
            assert_eq!(unescaped(inside).as_deref(), expected, "{inside}");
        }
    }
}
