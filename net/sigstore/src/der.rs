// SPDX-License-Identifier: BSD-3-Clause
//! A DER reader: elements in sequence, borrowed from the input.
//!
//! Spec: X.690 sections 8.1 and 10.1. X.509 and CMS need only tags of one byte and lengths of up to four.

use alloc::{format, vec::Vec};

use crate::{Error, Structure};

/// Tag bytes.
pub(crate) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
    pub(crate) const UTF8_STRING: u8 = 0x0c;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;
}

/// One element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub tag: u8,
    pub content: &'a [u8],
    /// An element: tag, length and content.
    pub whole: &'a [u8],
    /// Offset of the content in the input of the first reader, in bytes.
    offset: usize,
    structure: Structure,
}

impl<'a> Element<'a> {
    /// A reader of the elements inside.
    pub fn inside(&self) -> Reader<'a> {
        Reader { rest: self.content, offset: self.offset, structure: self.structure }
    }

    /// The bytes of a BIT STRING of whole bytes.
    pub fn bits(&self) -> Result<&'a [u8], Error> {
        match self.content.split_first() {
            Some((0, bits)) if self.tag == tag::BIT_STRING => Ok(bits),
            _ => Err(bad(self.structure, self.offset, "not a BIT STRING of whole bytes")),
        }
    }
}

/// The unread rest of the input.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
    structure: Structure,
}

impl<'a> Reader<'a> {
    /// A reader of `bytes`; errors name the structure.
    pub const fn new(structure: Structure, bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0, structure }
    }

    pub const fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next element, which must have this tag.
    pub fn expect(&mut self, tag: u8) -> Result<Element<'a>, Error> {
        let offset = self.offset;
        let element = self.next()?;
        if element.tag == tag {
            Ok(element)
        } else {
            Err(Error::malformed(
                self.structure,
                format!("byte {offset}: tag {:#04x}, expected {tag:#04x}", element.tag),
            ))
        }
    }

    /// The next element, if it has this tag.
    pub fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, Error> {
        if self.rest.first() == Some(&tag) { self.next().map(Some) } else { Ok(None) }
    }

    /// The next element.
    pub fn next(&mut self) -> Result<Element<'a>, Error> {
        let start = self.offset;
        let fail = |why| bad(self.structure, start, why);
        let (header, length) = match self.rest {
            [tag, ..] if tag & 0x1f == 0x1f => return Err(fail("a tag of several bytes")),
            [_, length @ 0..=0x7f, ..] => (2, usize::from(*length)),
            [_, 0x81, length @ 0x80..=0xff, ..] => (3, usize::from(*length)),
            [_, 0x82, high @ 1..=0xff, low, ..] => (4, usize::from(u16::from_be_bytes([*high, *low]))),
            [_, 0x83, high @ 1..=0xff, middle, low, ..] => {
                let length = u32::from_be_bytes([0, *high, *middle, *low]);
                (5, usize::try_from(length).map_err(|_| fail("too long"))?)
            }
            [_, _, ..] => return Err(fail("not a DER length, or too long")),
            _ => return Err(fail("truncated: an element is expected")),
        };
        let end = length.checked_add(header).ok_or_else(|| fail("too long"))?;
        let (whole, rest) =
            self.rest.split_at_checked(end).ok_or_else(|| fail("an element extends beyond its container"))?;
        let (Some(tag), Some(content)) = (whole.first(), whole.get(header..)) else {
            return Err(fail("truncated: an element is expected"));
        };
        let past = |bytes: usize| start.checked_add(bytes).ok_or_else(|| fail("too long"));
        let (offset, behind) = (past(header)?, past(end)?);
        let element = Element { tag: *tag, content, whole, offset, structure: self.structure };
        (self.rest, self.offset) = (rest, behind);
        Ok(element)
    }

    /// Checks that nothing is left.
    pub fn finish(self) -> Result<(), Error> {
        if self.is_done() { Ok(()) } else { Err(bad(self.structure, self.offset, "trailing bytes")) }
    }
}

/// An element: tag, length and content.
pub(crate) fn encoded(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let skipped = length.iter().take_while(|byte| **byte == 0).count();
    let length = length.get(skipped..).unwrap_or_default();
    let mut element = Vec::from([tag]);
    match length {
        [] => element.push(0),
        [short @ ..=0x7f] => element.push(*short),
        // A length has at most eight bytes.
        long => {
            element.push(0x80 | u8::try_from(long.len()).unwrap_or_default());
            element.extend_from_slice(long);
        }
    }
    element.extend_from_slice(content);
    element
}

fn bad(structure: Structure, offset: usize, why: &str) -> Error {
    Error::malformed(structure, format!("byte {offset}: {why}"))
}
