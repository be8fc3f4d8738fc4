// SPDX-License-Identifier: BSD-3-Clause
//! The content of a variable `Boot####`: a program that the firmware can start, its location and its options.
//!
//! Spec: UEFI 2.11, section 3.1.3, EFI_LOAD_OPTION.

use alloc::string::String;

use crate::text;

/// `LOAD_OPTION_ACTIVE`: the firmware starts it by itself.
const ACTIVE: u32 = 1;
/// Bytes in front of the description: attributes, length of the paths.
const HEADER: usize = 6;

/// A load option.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LoadOption<'a> {
    /// `Attributes`
    pub attributes: u32,
    /// What the firmware calls it.
    pub description: String,
    /// Device paths one after the other: the first is the program to start, others are vendor data.
    pub paths: &'a [u8],
    /// What the program gets as LoadOptions.
    pub options: &'a [u8],
}

impl<'a> LoadOption<'a> {
    /// Parses the value of a variable; none if it ends within its description or its paths.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (attributes, rest) = value.split_first_chunk()?;
        let (paths, _) = rest.split_first_chunk()?;
        let description = value.get(HEADER..)?;
        let end = description.as_chunks::<2>().0.iter().position(|unit| *unit == [0, 0])?;
        let behind = description.get(end.checked_mul(2)?.checked_add(2)?..)?;
        let (paths, options) = behind.split_at_checked(usize::from(u16::from_le_bytes(*paths)))?;
        Some(Self {
            attributes: u32::from_le_bytes(*attributes),
            description: text::decode(description),
            paths,
            options,
        })
    }

    /// Whether the firmware starts it by itself.
    pub fn is_active(&self) -> bool {
        self.attributes & ACTIVE != 0
    }
}

/// The number of a variable `Boot####`; none for other names.
pub fn number(name: &str) -> Option<u16> {
    let digits = name.strip_prefix("Boot").filter(|digits| digits.len() == 4)?;
    let is_digit = |c: char| matches!(c, '0'..='9' | 'A'..='F');
    u16::from_str_radix(digits, 16).ok().filter(|_| digits.chars().all(is_digit))
}

/// The value of `BootOrder`: numbers of load options, the first to be started first.
pub fn order(value: &[u8]) -> impl Iterator<Item = u16> {
    value.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair))
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn an_option_has_its_parts() {
        let path = [4, 4, 6, 0, 0x61, 0, 0x7f, 0xff, 4, 0];
        let value = [&[1, 0, 0, 0, 10, 0][..], &text::encode("ü"), &path, b"quiet"].concat();
        let option = LoadOption::parse(&value).unwrap();
        assert_eq!(
            (option.description.as_str(), option.paths, option.options),
            ("ü", &path[..], &b"quiet"[..])
        );
        assert!(option.is_active());
        // Without its end the description would be whatever follows it.
        for length in 0..value.len() - 5 {
            assert_eq!(LoadOption::parse(&value[..length]), None, "{length}");
        }
    }

    #[test]
    fn numbers_are_four_digits_in_capitals() {
        let cases =
            [("Boot0000", Some(0)), ("Boot00AF", Some(0xaf)), ("Boot00af", None), ("BootOrder", None)];
        for (name, value) in cases {
            assert_eq!(number(name), value, "{name}");
        }
        assert_eq!((number("Boot+001"), number("Boot001"), number("BootNext")), (None, None, None));
        assert_eq!(order(&[3, 0, 0, 1, 9]).collect::<Vec<_>>(), [3, 256]);
    }
}
