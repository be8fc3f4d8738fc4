// SPDX-License-Identifier: BSD-3-Clause
//! Values, and their conversion to the expected types.

use alloc::{borrow::Cow, string::String, vec::Vec};

use crate::{Cause, Error, Object, text, walk};

/// A value, or the position where one is missing. It borrows the document and copies nothing.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    document: &'a str,
    /// Where it begins, or where a missing one was expected.
    offset: usize,
    /// The name in errors: that of the member, or of the array that it is in.
    name: &'static str,
    is_there: bool,
}

/// The type of a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// `null`, or missing.
    Null,
    /// `true`.
    True,
    /// `false`.
    False,
    /// A number.
    Number,
    /// A string.
    Text,
    /// An array.
    List,
    /// An object.
    Object,
}

/// The most characters of a number that an error shows; enough for 64 bits.
const LONGEST_SHOWN: usize = 20;

impl<'a> Value<'a> {
    pub(crate) fn new(document: &'a str, offset: usize, name: &'static str) -> Self {
        Self { document, offset, name, is_there: true }
    }

    /// The value of a member that this object does not have.
    pub(crate) fn missing(self, name: &'static str) -> Self {
        Self { name, is_there: false, ..self }
    }

    pub(crate) fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn document(&self) -> &'a str {
        self.document
    }

    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    pub(crate) fn is_there(&self) -> bool {
        self.is_there
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        if !self.is_there {
            return Kind::Null;
        }
        match walk::peek(self.document, self.offset) {
            b'{' => Kind::Object,
            b'[' => Kind::List,
            b'"' => Kind::Text,
            b't' => Kind::True,
            b'f' => Kind::False,
            b'-' | b'0'..=b'9' => Kind::Number,
            _ => Kind::Null,
        }
    }

    /// This value, unless it is missing or `null`.
    pub fn given(self) -> Option<Self> {
        (self.kind() != Kind::Null).then_some(self)
    }

    /// A string; it is copied only if it has escapes.
    ///
    /// # Errors
    /// [`Cause::Missing`]; [`Cause::Type`] when it is something else, `null` for one; [`Cause::Surrogate`].
    pub fn text(self) -> Result<Cow<'a, str>, Error> {
        if self.kind() != Kind::Text {
            return Err(self.unexpected("a string"));
        }
        let inside = self.written().get(1..).and_then(|text| text.strip_suffix('"')).unwrap_or("");
        text::unescaped(inside).ok_or_else(|| self.error(Cause::Surrogate))
    }

    /// A string that may be missing or `null`.
    ///
    /// # Errors
    /// As [`text`](Self::text), if it is given.
    pub fn optional_text(self) -> Result<Option<Cow<'a, str>>, Error> {
        self.given().map(Self::text).transpose()
    }

    /// A string, or a number as written; empty if it is missing or `null`.
    ///
    /// # Errors
    /// [`Cause::Type`] when it is something else, [`Cause::Surrogate`].
    pub fn scalar(self) -> Result<Cow<'a, str>, Error> {
        match self.kind() {
            Kind::Null => Ok(Cow::Borrowed("")),
            Kind::Text => self.text(),
            Kind::Number => Ok(Cow::Borrowed(self.written())),
            _ => Err(self.unexpected("a string or a number")),
        }
    }

    /// An unsigned integer of 64 bits.
    ///
    /// # Errors
    /// [`Cause::Missing`], or [`Cause::Type`] when it is something else.
    pub fn number(self) -> Result<u64, Error> {
        // In JSON, digits alone are a number.
        self.written().parse().map_err(|_| self.unexpected("an unsigned integer of 64 bits"))
    }

    /// An array; if it is missing or `null`, it is empty.
    ///
    /// # Errors
    /// [`Cause::Type`] when it is something else, [`Cause::TooMany`].
    pub fn list(self, most: usize) -> Result<Vec<Self>, Error> {
        match self.first(most)? {
            (list, false) => Ok(list),
            (_, true) => Err(self.error(Cause::TooMany { name: self.name, most })),
        }
    }

    /// The first members of an array, and whether there are more; if it is missing or `null`, it is empty.
    ///
    /// # Errors
    /// [`Cause::Type`] when it is something else.
    pub fn first(self, most: usize) -> Result<(Vec<Self>, bool), Error> {
        let mut list = Vec::new();
        match self.kind() {
            Kind::Null => return Ok((list, false)),
            Kind::List => {}
            _ => return Err(self.unexpected("an array")),
        }
        // Cannot saturate: the offset of a bracket in a text in memory.
        let mut offset = walk::next(self.document, self.offset.saturating_add(1));
        while !matches!(walk::peek(self.document, offset), b']' | 0) {
            if list.len() >= most {
                return Ok((list, true));
            }
            list.push(Self { offset, ..self });
            offset = walk::next(self.document, walk::end(self.document, offset));
        }
        Ok((list, false))
    }

    /// An object.
    ///
    /// # Errors
    /// [`Cause::Missing`], or [`Cause::Type`] when it is something else.
    pub fn object(self) -> Result<Object<'a>, Error> {
        match self.kind() {
            Kind::Object => Ok(Object { value: self }),
            _ => Err(self.unexpected("an object")),
        }
    }

    /// The value as written; empty if it is missing.
    pub fn written(self) -> &'a str {
        let end = if self.is_there { walk::end(self.document, self.offset) } else { self.offset };
        self.document.get(self.offset..end).unwrap_or("")
    }

    /// An error at the position of this value.
    pub fn error(&self, cause: Cause) -> Error {
        Error::new(self.document.as_bytes(), self.offset, cause)
    }

    /// The error that it is missing, or not what is expected: `"a digest"`.
    ///
    /// Strings are not shown: they may be long, or secret.
    pub fn unexpected(self, expected: &'static str) -> Error {
        if !self.is_there {
            return self.error(Cause::Missing(self.name));
        }
        let found = match self.kind() {
            Kind::Null => "null",
            Kind::True | Kind::False => "a boolean",
            Kind::Number if self.written().len() <= LONGEST_SHOWN => self.written(),
            Kind::Number => "a number",
            Kind::Text => "a string",
            Kind::List => "an array",
            Kind::Object => "an object",
        };
        self.error(Cause::Type { name: self.name, expected, found: String::from(found) })
    }
}
