// SPDX-License-Identifier: BSD-3-Clause
//! Stable codes of failures: names that stay while texts change.
//!
//! [`table!`] makes a table and a constant for each of its rows:
//!
//! ```
//! code::table! {
//!     /// What boils.
//!     pub CODES;
//!     pub DRY: Code = "E-KETTLE-DRY", "there is no water in it", "fill it";
//!     pub HOT: Family = "E-KETTLE-FORMAT-HOT", "it is hot already", "make tea";
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
//! Nothing but a row of a table makes a code, and the constants are computed by the compiler: what a row means and
//! advises does not reach a program that only names codes.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

#[cfg(test)]
extern crate std;

pub mod codes;

use core::fmt;

pub use codes::MEMORY;

/// What the name of a family has where its codes have a format's word.
pub const PLACEHOLDER: &str = "FORMAT";

/// A row of a table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Row {
    /// The code, the family with [`PLACEHOLDER`] in it, or the word.
    pub name: &'static str,
    /// What has happened, or what the word stands for.
    pub means: &'static str,
    /// What to do about it.
    pub advice: &'static str,
}

/// The name of a failure.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Code {
    head: &'static str,
    format: &'static str,
    tail: &'static str,
}

impl Code {
    /// The code of the row `name`, for constants.
    ///
    /// # Panics
    /// Where there is no such row, or it is a family's.
    pub const fn of_row(rows: &[Row], name: &str) -> Self {
        match split(named(rows, name)) {
            (head, None) => Self { head, format: "", tail: "" },
            _ => stop("the row is a family's"),
        }
    }

    fn pieces(self) -> [&'static str; 3] {
        [self.head, self.format, self.tail]
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces().iter().try_for_each(|piece| f.write_str(piece))
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq<&str> for Code {
    fn eq(&self, other: &&str) -> bool {
        let rest = self.pieces().iter().try_fold(*other, |rest, piece| rest.strip_prefix(piece));
        rest == Some("")
    }
}

/// Codes that differ in the format that failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Family {
    head: &'static str,
    tail: &'static str,
}

impl Family {
    /// The family of the row `name`, for constants.
    ///
    /// # Panics
    /// Where there is no such row, or it has no place for a format.
    pub const fn of_row(rows: &[Row], name: &str) -> Self {
        match split(named(rows, name)) {
            (head, Some(tail)) => Self { head, tail },
            _ => stop("the row has no place for a format"),
        }
    }

    /// Its code for a format.
    pub const fn of(self, format: Word) -> Code {
        Code { head: self.head, format: format.0, tail: self.tail }
    }
}

/// A format's part of a code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Word(&'static str);

impl Word {
    /// The word of the row `name`, for constants.
    ///
    /// # Panics
    /// Where there is no such row.
    pub const fn of_row(rows: &[Row], name: &str) -> Self {
        Self(named(rows, name))
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
            $of const $id: $crate::$kind = $crate::$kind::of_row($table, $name);
        )+
    };
}

/// The name of the row that is called so.
const fn named(rows: &[Row], name: &str) -> &'static str {
    let mut rest = rows;
    while let [row, behind @ ..] = rest {
        if is_same(row.name.as_bytes(), name.as_bytes()) {
            return row.name;
        }
        rest = behind;
    }
    stop("no row has this name")
}

/// What stands in front of the placeholder and behind it; none where there is no placeholder.
const fn split(name: &'static str) -> (&'static str, Option<&'static str>) {
    let mut at = 0usize;
    while let Some((head, rest)) = name.split_at_checked(at) {
        if let Some((word, tail)) = rest.split_at_checked(PLACEHOLDER.len())
            && is_same(word.as_bytes(), PLACEHOLDER.as_bytes())
        {
            return (head, Some(tail));
        }
        at = at.saturating_add(1);
    }
    (name, None)
}

/// Traits do not work in constants.
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
        FAMILY: Family = "E-A-FORMAT-C", "it has a format", "nothing";
        LAST: Family = "E-D-FORMAT", "the format is its end", "nothing";
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
        for other in ["E-A-FAT-", "E-A-FAT-CC", "E-A-FORMAT-C", ""] {
            assert_ne!(FAMILY.of(WORD), other);
        }
    }

    #[test]
    #[should_panic(expected = "no row has this name")]
    fn a_name_without_a_row_is_no_code() {
        Code::of_row(TABLE, "E-A");
    }

    #[test]
    #[should_panic(expected = "the row is a family's")]
    fn a_family_is_no_code() {
        Code::of_row(TABLE, "E-A-FORMAT-C");
    }

    #[test]
    #[should_panic(expected = "the row has no place for a format")]
    fn a_code_is_no_family() {
        Family::of_row(TABLE, "E-A-B");
    }
}
