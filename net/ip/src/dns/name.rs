// SPDX-License-Identifier: BSD-3-Clause
//! Names (RFC 1035, sections 2.3, 3.1 and 4.1.4).

use alloc::vec::Vec;
use core::fmt;

use crate::{Malformed, reader::Reader};

/// The longest name in characters.
pub const LONGEST_NAME: usize = 253;
/// The longest name in a message in bytes, including the root.
const LONGEST_WIRE: usize = 255;
/// The longest label in bytes.
const LONGEST_LABEL: usize = 63;
/// The most compression pointers of one name: each goes back, and a name has at most 127 labels.
const MOST_POINTERS: usize = 127;

/// A name: labels, in lower case. Invariant: 1 to 63 bytes each, 255 in all in wire format.
#[derive(Clone, Eq, PartialEq)]
pub struct Name {
    /// Wire format, without the root's zero byte at the end.
    wire: Vec<u8>,
}

impl Name {
    /// Reads text such as `registry.example` or `_oci._tcp.example.`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.len() > LONGEST_NAME {
            return Err("longer than 253 characters");
        }
        let mut wire = Vec::new();
        for label in text.split('.') {
            let is_good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            match u8::try_from(label.len()) {
                Ok(0) => return Err("a label is empty"),
                Ok(length) if usize::from(length) <= LONGEST_LABEL => wire.push(length),
                _ => return Err("a label is longer than 63 characters"),
            }
            if !label.bytes().all(is_good) {
                return Err("a character is not a letter, digit, '-' or '_'");
            }
            wire.extend(label.bytes().map(|byte| byte.to_ascii_lowercase()));
        }
        Ok(Self { wire })
    }

    /// This name below another one; `None` if the result is too long.
    #[must_use]
    pub fn below(&self, domain: &Self) -> Option<Self> {
        let wire = [self.wire.as_slice(), &domain.wire].concat();
        (wire.len() < LONGEST_WIRE).then_some(Self { wire })
    }

    /// Whether it is the root, which stands for "none" in some records.
    pub fn is_root(&self) -> bool {
        self.wire.is_empty()
    }

    /// Whether it has more than one label.
    pub fn has_dot(&self) -> bool {
        self.labels().nth(1).is_some()
    }

    /// The wire format.
    pub(super) fn wire(&self) -> impl Iterator<Item = u8> {
        self.wire.iter().copied().chain([0])
    }

    /// Reads the next name of a message. Its labels may continue elsewhere in `whole`, before it.
    pub(crate) fn read<'a>(reader: &mut Reader<'a>, whole: &'a [u8]) -> Result<Self, Malformed> {
        let mut wire = Vec::new();
        let mut first_behind = None;
        let mut at = *reader;
        let mut before = reader.offset();
        for _ in 0..=MOST_POINTERS {
            let Some(pointer) = labels(&mut at, &mut wire)? else {
                *reader = first_behind.unwrap_or(at);
                return Ok(Self { wire });
            };
            first_behind = first_behind.or(Some(at));
            if usize::from(pointer) >= before {
                return Err(at.malformed("a compression pointer points forward"));
            }
            before = usize::from(pointer);
            at = Reader::new("DNS name", whole);
            at.take(before)?;
        }
        Err(at.malformed("too many pointers"))
    }

    fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.wire.as_slice();
        core::iter::from_fn(move || {
            let (length, behind) = rest.split_first()?;
            let (label, behind) = behind.split_at_checked(usize::from(*length))?;
            rest = behind;
            Some(label)
        })
    }
}

/// Adds labels up to the root (then `None`) or to a pointer (then its target).
fn labels(at: &mut Reader<'_>, wire: &mut Vec<u8>) -> Result<Option<u16>, Malformed> {
    loop {
        let start = *at;
        let length = at.u8()?;
        match length {
            0 => return Ok(None),
            1..=63 => {
                let label = at.take(usize::from(length))?;
                wire.push(length);
                wire.extend(label.iter().map(u8::to_ascii_lowercase));
                if wire.len() >= LONGEST_WIRE {
                    return Err(start.malformed("a name is longer than 255 bytes"));
                }
            }
            192.. => return Ok(Some(u16::from_be_bytes([length & 0x3f, at.u8()?]))),
            _ => return Err(start.malformed("neither a label nor a pointer")),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str(".");
        }
        for (number, label) in self.labels().enumerate() {
            write!(f, "{}{}", if number == 0 { "" } else { "." }, label.escape_ascii())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use std::{format, string::ToString, vec};

    use super::*;

    fn read(whole: &[u8], at: usize) -> Result<(Name, usize), (usize, &'static str)> {
        let mut reader = Reader::new("DNS name", whole);
        reader.take(at).unwrap();
        match Name::read(&mut reader, whole) {
            Ok(name) => Ok((name, reader.offset())),
            Err(error) => Err((error.offset, error.cause)),
        }
    }

    #[test]
    fn text_is_read_and_shown() {
        assert_eq!(Name::parse("Registry.EXAMPLE.").unwrap().to_string(), "registry.example");
        assert_eq!(Name::parse("_oci._tcp.x").unwrap().to_string(), "_oci._tcp.x");
        let [host, domain] = ["host", "example.org"].map(|text| Name::parse(text).unwrap());
        assert!(!host.has_dot() && domain.has_dot());
        assert_eq!(host.below(&domain).unwrap().to_string(), "host.example.org");
        let long = Name::parse(&format!("{}.{}", "a".repeat(63), "b.".repeat(90))).unwrap();
        assert_eq!(long.below(&domain), None);
    }

    #[test]
    fn text_that_is_no_name_is_refused() {
        for (text, cause) in [
            ("", "a label is empty"),
            (".", "a label is empty"),
            ("a..b", "a label is empty"),
            (".a", "a label is empty"),
            ("a b", "a character is not a letter, digit, '-' or '_'"),
            ("ü.de", "a character is not a letter, digit, '-' or '_'"),
            (&"a".repeat(64), "a label is longer than 63 characters"),
            (&"a.".repeat(128), "longer than 253 characters"),
        ] {
            assert_eq!(Name::parse(text).unwrap_err(), cause, "{text}");
        }
        let longest = format!("{}a", "a.".repeat(126));
        assert_eq!(Name::parse(&longest).unwrap().to_string(), longest);
    }

    #[test]
    fn pointers_are_followed_back() {
        let whole = b"\x02de\x00\x01A\xc0\x00\x01b\xc0\x04!";
        assert_eq!(read(whole, 0).unwrap(), (Name::parse("de").unwrap(), 4));
        assert_eq!(read(whole, 4).unwrap(), (Name::parse("a.de").unwrap(), 8));
        assert_eq!(read(whole, 8).unwrap(), (Name::parse("b.a.de").unwrap(), 12));
    }

    #[test]
    fn names_that_do_not_end_are_refused() {
        assert_eq!(read(b"\xc0\x00", 0), Err((2, "a compression pointer points forward")));
        assert_eq!(read(b"\x01a\xc0\x00", 0), Err((4, "a compression pointer points forward")));
        assert_eq!(read(b"\xc0\x02\x00", 0), Err((2, "a compression pointer points forward")));
        assert_eq!(read(b"\x03ab", 0), Err((1, "truncated")));
        assert_eq!(read(b"\x40ab", 0), Err((0, "neither a label nor a pointer")));
        let long = b"\x01a".repeat(128);
        assert_eq!(read(&long, 0), Err((254, "a name is longer than 255 bytes")));
        // Each pointer goes to the one before it.
        let mut ladder = vec![0, 0];
        (0..100u8).for_each(|rung| ladder.extend([0xc0, rung * 2]));
        assert!(read(&ladder, 20).is_ok());
        let far = (0..200u16).flat_map(|rung| (0xc000 | (rung * 2)).to_be_bytes());
        let ladder: Vec<u8> = [0, 0].into_iter().chain(far).collect();
        assert_eq!(read(&ladder, 400).unwrap_err().1, "too many pointers");
    }
}
