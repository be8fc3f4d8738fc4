// SPDX-License-Identifier: BSD-3-Clause
//! Objects and their members.

use alloc::{borrow::Cow, string::String, vec::Vec};

use serde::de::IgnoredAny;

use crate::{Cause, Error, Kind, Value, walk};

/// Characters of a name that are shown.
const LONGEST_SHOWN: usize = 64;

/// An object of a well-formed document. It borrows the document and copies nothing.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    /// What it is as a value: its first byte is `{`.
    pub(crate) value: Value<'a>,
}

impl<'a> Object<'a> {
    /// Checks a whole document, which must be an object.
    ///
    /// Takes one pass, and one byte of memory for each level of depth.
    ///
    /// # Errors
    /// [`Cause::Syntax`] and [`Cause::Utf8`] when it is not JSON, [`Cause::NotObject`] when it is of another type.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let IgnoredAny = serde_json::from_slice(bytes).map_err(|error| Error::syntax(&error))?;
        let document = core::str::from_utf8(bytes)
            .map_err(|error| Error::new(bytes, error.valid_up_to(), Cause::Utf8))?;
        let value = Value::new(document, walk::next(document, 0), "");
        match value.kind() {
            Kind::Object => Ok(Self { value }),
            _ => Err(Error::whole(Cause::NotObject)),
        }
    }

    /// The members with these names, in one pass; a missing one is a value that is not [`given`](Value::given).
    ///
    /// # Errors
    /// [`Cause::Twice`] when one of them occurs twice, [`Cause::Surrogate`] when any member's name is not valid
    /// Unicode.
    pub fn members<const N: usize>(&self, names: [&'static str; N]) -> Result<[Value<'a>; N], Error> {
        let mut found = names.map(|name| self.value.missing(name));
        self.find(&mut found)?;
        Ok(found)
    }

    fn find(&self, found: &mut [Value<'a>]) -> Result<(), Error> {
        for entry in self.entries() {
            let (name, value) = entry?;
            if let Some(known) = found.iter_mut().find(|known| known.name() == name) {
                if known.is_there() {
                    return Err(value.error(Cause::Twice(known.name().into())));
                }
                *known = value.named(known.name());
            }
        }
        Ok(())
    }

    /// All members in order, including those whose name occurs twice. Errors of their values have no name.
    pub fn entries(&self) -> Entries<'a> {
        // Cannot saturate: the offset of a bracket in a text in memory.
        Entries { object: self.value, offset: self.value.offset().saturating_add(1) }
    }
}

/// Names and strings, in order.
pub type Texts<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// The members of an object, in order.
///
/// A name that is not valid Unicode ends the iteration, with [`Cause::Surrogate`].
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    object: Value<'a>,
    /// Behind the last member.
    offset: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<(Cow<'a, str>, Value<'a>), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let document = self.object.document();
        let name = walk::next(document, self.offset);
        if walk::peek(document, name) != b'"' {
            return None;
        }
        let value = walk::next(document, walk::end(document, name));
        self.offset = walk::end(document, value);
        let name = Value::new(document, name, "").text();
        if name.is_err() {
            self.offset = document.len();
        }
        Some(name.map(|name| (name, Value::new(document, value, ""))))
    }
}

impl<'a> Value<'a> {
    /// The names and strings of an object; empty if it is missing or `null`. All names are compared with each other:
    /// `most` must be small.
    ///
    /// # Errors
    /// [`Cause::Type`] when it is not an object of strings, [`Cause::TooMany`], [`Cause::Twice`].
    pub fn texts(self, most: usize) -> Result<Texts<'a>, Error> {
        let mut texts = Texts::new();
        let Some(given) = self.given() else { return Ok(texts) };
        for entry in given.object()?.entries() {
            let (name, value) = entry?;
            if texts.len() >= most {
                return Err(value.error(Cause::TooMany { name: self.name(), most }));
            }
            if texts.iter().any(|(known, _)| *known == name) {
                return Err(value.error(Cause::Twice(shown(&name))));
            }
            texts.push((name, value.named(self.name()).text()?));
        }
        Ok(texts)
    }
}

/// An untrusted name, as a message shows it: not too long, and without control characters.
fn shown(name: &str) -> String {
    name.chars().take(LONGEST_SHOWN).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
