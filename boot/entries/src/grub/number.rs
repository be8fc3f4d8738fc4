// SPDX-License-Identifier: BSD-3-Clause
//! Numbers as GRUB reads them.

/// The number at the start of a text, and the rest; none without a digit. Prefixes `0x` and `0` mean base 16 and 8. A
/// number that is too large becomes the largest one.
///
/// Source: GRUB 2.14, `grub_strtoull` with base 0.
pub fn prefix(text: &str) -> Option<(u64, &str)> {
    let text = text.trim_ascii_start();
    let is_octal = text.starts_with('0') && text.as_bytes().get(1).is_some_and(|c| matches!(c, b'0'..=b'7'));
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(rest) => (rest, 16),
        None => (text, if is_octal { 8 } else { 10 }),
    };
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let (number, rest) = digits.split_at(end);
    (!number.is_empty()).then(|| (u64::from_str_radix(number, radix).unwrap_or(u64::MAX), rest))
}

/// The number, if the whole text is one.
pub fn whole(text: &str) -> Option<u64> {
    prefix(text).filter(|(_, rest)| rest.is_empty()).map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_strtoull() {
        let cases = [
            ("5", Some((5, ""))),
            (" 12x", Some((12, "x"))),
            ("010", Some((8, ""))),
            ("08", Some((8, ""))),
            ("0", Some((0, ""))),
            ("0x1f ", Some((31, " "))),
            ("-1", None),
            ("", None),
            ("x", None),
            ("99999999999999999999", Some((u64::MAX, ""))),
        ];
        for (text, expected) in cases {
            assert_eq!(prefix(text), expected, "{text}");
        }
        assert_eq!((whole("3"), whole("3 ")), (Some(3), None));
    }
}
