// SPDX-License-Identifier: BSD-3-Clause
//! Stable error codes: names that stay the same when the texts change.
//!
//! [`table!`] makes a table and a constant for each of its rows:
//!
//! ```
//! code::table! {
//!     /// What boils.
//!     pub CODES;
//!     pub DRY: Code = "E-KETTLE-DRY", "there is no water in it", "fill it";
//!     pub HOT: Family = "E-KETTLE-*-HOT", "it is hot already", "make tea";
//! }
//! code::table! {
//!     /// What FORMAT can be.
//!     pub FORMATS;
//!     pub STEEL: Word = "STEEL", "made of steel", "";
//! }
//! assert_eq!(DRY.to_string(), "E-KETTLE-DRY");
//! assert_eq!(HOT.of(STEEL).to_string(), "E-KETTLE-STEEL-HOT");
//! assert_eq!(CODES[0].advice, "fill it");
//! ```
//!
//! Only a row of a table makes a code. The compiler computes the constants, so that a program that only names codes
//! does not contain the meanings and the advice.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod codes;

use core::fmt::{self, Write as _};

pub use codes::MEMORY;

/// Stands for the format's word in the name of a family.
pub const PLACEHOLDER: char = '*';

/// Length in bytes of the longest name, and of the longest word.
const LONGEST: usize = 22;
const LONGEST_WORD: usize = 8;

/// A row of a table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Row {
    /// The code, the family with its [`PLACEHOLDER`], or the word.
    pub name: &'static str,
    /// What happened, or what the word stands for.
    pub means: &'static str,
    /// What to do about it.
    pub advice: &'static str,
}

/// A row's name, padded with zeros, without its meaning and advice. (In a program this is smaller than strings with
/// their lengths.)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Name([u8; LONGEST]);

impl Name {
    /// The name of a row, for constants.
    ///
    /// # Panics
    /// If there is no such row, or its name is too long.
    pub const fn of_row(rows: &[Row], name: &str) -> Self {
        let mut rest = rows;
        while let [row, behind @ ..] = rest {
            if is_same(row.name.as_bytes(), name.as_bytes()) {
                return Self(filled(name.as_bytes()));
            }
            rest = behind;
        }
        stop("no row has this name")
    }

    const fn has_place(&self) -> bool {
        let mut rest = self.0.as_slice();
        while let [byte, behind @ ..] = rest {
            if *byte == b'*' {
                return true;
            }
            rest = behind;
        }
        false
    }
}

/// The stable code of an error.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Code {
    name: &'static Name,
    format: Word,
}

impl Code {
    /// The code with this name, for constants.
    ///
    /// # Panics
    /// If the name is that of a family.
    pub const fn new(name: &'static Name) -> Self {
        if name.has_place() {
            stop("the name is a family's")
        } else {
            Self { name, format: Word([0; LONGEST_WORD]) }
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        chars(&self.name.0).try_for_each(|c| match c {
            PLACEHOLDER => chars(&self.format.0).try_for_each(|c| f.write_char(c)),
            c => f.write_char(c),
        })
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq<&str> for Code {
    fn eq(&self, other: &&str) -> bool {
        let mut rest = Rest(other);
        write!(rest, "{self}").is_ok() && rest.0.is_empty()
    }
}

/// The rest of an expected text: what is written is compared with its start and taken off.
struct Rest<'a>(&'a str);

impl fmt::Write for Rest<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(text).ok_or(fmt::Error)?;
        Ok(())
    }
}

/// A family of codes that differ only in the format.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Family(&'static Name);

impl Family {
    /// The family with this name, for constants.
    ///
    /// # Panics
    /// If the name has no placeholder for a format.
    pub const fn new(name: &'static Name) -> Self {
        if name.has_place() { Self(name) } else { stop("the name has no placeholder for a format") }
    }

    /// The family's code for a format.
    pub const fn of(self, format: Word) -> Code {
        Code { name: self.0, format }
    }
}

/// A format's part of a code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Word([u8; LONGEST_WORD]);

impl Word {
    /// The word with this name, for constants.
    ///
    /// # Panics
    /// If the name is too long.
    pub const fn new(name: &Name) -> Self {
        Self(filled(&name.0))
    }
}

/// Makes a table of [`Row`]s and a constant for each of them, a `Code`, `Family` or `Word`: name, meaning, advice.
#[macro_export]
macro_rules! table {
    (
        $(#[$doc:meta])*
        $visible:vis $table:ident;
        $($of:vis $id:ident: $kind:ident = $name:literal, $means:literal, $advice:literal;)+
    ) => {
        $(#[$doc])*
        $visible const $table: &[$crate::Row] =
            &[$($crate::Row { name: $name, means: $means, advice: $advice }),+];
        $(
            #[doc = $means]
            $of const $id: $crate::$kind = {
                const NAME: $crate::Name = $crate::Name::of_row($table, $name);
                $crate::$kind::new(&NAME)
            };
        )+
    };
}

/// The bytes, padded with zeros to the length, or without excess zeros at the end.
const fn filled<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut filled = [0; N];
    let (mut from, mut to) = (bytes, filled.as_mut_slice());
    while let ([first, from_behind @ ..], [byte, to_behind @ ..]) = (from, to) {
        *byte = *first;
        (from, to) = (from_behind, to_behind);
    }
    if let [1..=u8::MAX, ..] = from { stop("the name is too long") } else { filled }
}

/// The text, ASCII, without the zeros after it.
fn chars(bytes: &[u8]) -> impl Iterator<Item = char> {
    bytes.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte))
}

/// Equality: traits do not work in constants.
const fn is_same(a: &[u8], b: &[u8]) -> bool {
    match (a, b) {
        ([x, a @ ..], [y, b @ ..]) => *x == *y && is_same(a, b),
        _ => a.is_empty() && b.is_empty(),
    }
}

#[cfg_attr(not(test), expect(clippy::panic, reason = "stops the compiler, not the program"))]
const fn stop(why: &str) -> ! {
    panic!("{}", why)
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    table! {
        /// Rows to try.
        pub TABLE;
        PLAIN: Code = "E-A-B", "it is plain", "nothing";
        FAMILY: Family = "E-A-*-C", "it has a format", "nothing";
        LAST: Family = "E-D-*", "the format is its end", "nothing";
        WORD: Word = "FAT", "a format", "nothing";
    }

    #[test]
    fn codes_are_the_names_of_their_rows() {
        assert_eq!(PLAIN.to_string(), "E-A-B");
        assert_eq!(FAMILY.of(WORD).to_string(), "E-A-FAT-C");
        assert_eq!(LAST.of(WORD).to_string(), "E-D-FAT");
        assert_eq!(TABLE.len(), 4);
    }

    #[test]
    fn codes_compare_with_texts() {
        assert_eq!(PLAIN, "E-A-B");
        assert_ne!(PLAIN, "E-A-BC");
        assert_eq!(FAMILY.of(WORD), "E-A-FAT-C");
        for other in ["E-A-FAT-", "E-A-FAT-CC", "E-A-*-C", ""] {
            assert_ne!(FAMILY.of(WORD), other);
        }
    }

    #[test]
    #[should_panic(expected = "no row has this name")]
    fn a_name_without_a_row_is_no_code() {
        Name::of_row(TABLE, "E-A");
    }

    #[test]
    #[should_panic(expected = "the name is too long")]
    fn a_name_has_a_limit() {
        let longest: [u8; LONGEST] = filled(&[b'A'; LONGEST]);
        assert_eq!(chars(&longest).count(), LONGEST);
        let _: [u8; LONGEST] = filled(&[b'A'; LONGEST + 1]);
    }

    #[test]
    #[should_panic(expected = "the name is a family's")]
    fn a_family_is_no_code() {
        Code::new(FAMILY.0);
    }

    #[test]
    #[should_panic(expected = "the name has no placeholder for a format")]
    fn a_code_is_no_family() {
        Family::new(PLAIN.name);
    }
}
