// SPDX-License-Identifier: BSD-3-Clause
//! Which of two versions is newer.
//!
//! Source: UAPI.10 Version Format Specification. It agrees with dpkg on the versions of kernels.

use core::cmp::Ordering;

/// Compares two versions.
pub fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        a = skip_others(a);
        b = skip_others(b);
        // A tilde is older than the end, the end older than anything else.
        for mark in *b"~-^." {
            match (a.split_first(), b.split_first()) {
                (Some((x, rest_a)), Some((y, rest_b))) if *x == mark && *y == mark => {
                    a = rest_a;
                    b = rest_b;
                    break;
                }
                (x, _) if x.is_some_and(|(x, _)| *x == mark) => return found(mark, b),
                (_, y) if y.is_some_and(|(y, _)| *y == mark) => return found(mark, a).reverse(),
                _ => {}
            }
        }
        if a.is_empty() || b.is_empty() {
            return ends(a, b);
        }
        let is_digit = |bytes: &[u8]| bytes.first().is_some_and(u8::is_ascii_digit);
        let order = if is_digit(a) || is_digit(b) {
            let (x, rest_a) = split(a, u8::is_ascii_digit);
            let (y, rest_b) = split(b, u8::is_ascii_digit);
            (a, b) = (rest_a, rest_b);
            let (x, y) = (without_zeros(x), without_zeros(y));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            let (x, rest_a) = split(a, u8::is_ascii_alphabetic);
            let (y, rest_b) = split(b, u8::is_ascii_alphabetic);
            (a, b) = (rest_a, rest_b);
            x.cmp(y)
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// One side has the mark, `other` has not.
fn found(mark: u8, other: &[u8]) -> Ordering {
    match mark {
        b'~' => Ordering::Less,
        // Any of the other marks is newer than the end, and older than what is no mark.
        _ if other.is_empty() => Ordering::Greater,
        _ => Ordering::Less,
    }
}

fn ends(a: &[u8], b: &[u8]) -> Ordering {
    (!a.is_empty()).cmp(&!b.is_empty())
}

/// Skips everything that is neither letter, digit nor mark.
fn skip_others(bytes: &[u8]) -> &[u8] {
    let is_other = |byte: &u8| !(byte.is_ascii_alphanumeric() || matches!(byte, b'~' | b'-' | b'^' | b'.'));
    split(bytes, is_other).1
}

fn split(bytes: &[u8], is_in: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| !is_in(byte)).unwrap_or(bytes.len());
    bytes.split_at_checked(end).unwrap_or((bytes, &[]))
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    split(digits, |byte| *byte == b'0').1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_versions_come_first() {
        // Each is older than the next.
        let order = [
            "",
            "5.10.0-9-amd64",
            "5.10.0-10-amd64",
            "6.1.0~rc1-amd64",
            "6.1.0-amd64",
            "6.1.0-1-amd64",
            "6.12.107+deb13-cloud-amd64",
            "6.12.117+deb13-cloud-amd64",
            "7.2",
            "7.2.12",
            "10.0",
        ];
        for (i, a) in order.iter().enumerate() {
            for (j, b) in order.iter().enumerate() {
                assert_eq!(compare(a.as_bytes(), b.as_bytes()), i.cmp(&j), "{a} {b}");
            }
        }
    }

    #[test]
    fn zeros_in_front_do_not_count() {
        assert_eq!(compare(b"1.01", b"1.1"), Ordering::Equal);
    }
}
