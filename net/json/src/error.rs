// SPDX-License-Identifier: BSD-3-Clause
//! What is wrong with a document, and where.

use alloc::string::{String, ToString as _};
use core::fmt;

/// A failure: what is wrong, with line and column.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Error {
    cause: Cause,
    /// Line and column, from 1; `None` if the error is about the whole document.
    place: Option<(usize, usize)>,
}

/// What is wrong with a document.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// Not JSON, in the parser's words.
    #[error("{0}")]
    Syntax(String),
    /// Bytes that are not UTF-8.
    #[error("not UTF-8")]
    Utf8,
    /// JSON, but not an object.
    #[error("not an object")]
    NotObject,
    /// A required member is missing.
    #[error("missing field `{0}`")]
    Missing(&'static str),
    /// A member occurs twice.
    #[error("duplicate field `{0}`")]
    Twice(String),
    /// A member has another type.
    #[error("field `{name}`: expected {expected}, found {found}")]
    Type {
        /// Its name.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is: its type, or a short number.
        found: String,
    },
    /// An array or an object has too many members.
    #[error("field `{name}`: more than {most} members")]
    TooMany {
        /// Its name.
        name: &'static str,
        /// How many members it may have.
        most: usize,
    },
    /// A string has an unpaired surrogate, which is not a character.
    #[error("unpaired surrogate")]
    Surrogate,
}

impl Error {
    /// An error at an offset.
    pub(crate) fn new(document: &[u8], offset: usize, cause: Cause) -> Self {
        let before = document.get(..offset).unwrap_or(document);
        let lines = before.iter().filter(|byte| **byte == b'\n').count();
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count();
        // Cannot saturate: neither is more than the document's length.
        Self { cause, place: Some((lines.saturating_add(1), column.saturating_add(1))) }
    }

    /// An error about the whole document.
    pub(crate) fn whole(cause: Cause) -> Self {
        Self { cause, place: None }
    }

    /// A syntax error, without the position at the end of the parser's message.
    pub(crate) fn syntax(error: &serde_json::Error) -> Self {
        let words = error.to_string();
        let words = words.rsplit_once(" at line ").map_or(&*words, |(words, _)| words);
        Self { cause: Cause::Syntax(words.into()), place: Some((error.line(), error.column())) }
    }

    /// What is wrong.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)?;
        match self.place {
            Some((line, column)) => write!(f, " at line {line} column {column}"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Error {}
