// SPDX-License-Identifier: BSD-3-Clause
//! EFI applications: PE32+ files, checked to be as complete as their headers say.
//!
//! Spec: Microsoft PE Format; what firmware demands beyond it: EDK II, `MdePkg/Library/BasePeCoffLib`.

pub mod append;
mod headers;
mod raw;

use core::{
    fmt::{self, Write as _},
    ops::Range,
};

pub use headers::Headers;

use crate::Error;

/// Bytes at the start of a file that hold the headers of any EFI application in use.
pub const HEAD_SIZE: usize = 64 << 10;

/// An EFI application in memory, as a whole.
#[derive(Clone, Debug)]
pub struct Pe<'a> {
    /// Its headers; everything that they refer to is in the file.
    pub headers: Headers<'a>,
    file: &'a [u8],
}

impl<'a> Pe<'a> {
    /// Reads the headers of a file, and checks that everything they refer to is in it.
    ///
    /// # Errors
    /// As [`Headers::parse`].
    pub fn parse(file: &'a [u8]) -> Result<Self, Error> {
        Ok(Self { headers: Headers::parse(file, wide(file.len()))?, file })
    }

    /// The data of the first section of this name, without padding.
    pub fn section(&self, name: &str) -> Option<&'a [u8]> {
        part(self.file, self.headers.section(name)?.data())
    }

    /// The certificate table: `WIN_CERTIFICATE` structures one after the other; empty if the file is not signed.
    pub fn certificates(&self) -> &'a [u8] {
        part(self.file, self.headers.certificates()).unwrap_or_default()
    }

    /// The whole file.
    pub(crate) fn file(&self) -> &'a [u8] {
        self.file
    }
}

/// A section of an EFI application.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Section {
    /// Its name.
    pub name: Name,
    /// Its address from the start of the image.
    pub address: u32,
    /// Its size in memory, in bytes.
    pub size: u32,
    /// Offset in the file of its data.
    pub raw_offset: u32,
    /// Size of its data in the file: more than `size` if it is padded, less if the rest is zero.
    pub raw_size: u32,
    /// `IMAGE_SECTION_HEADER.Characteristics`.
    pub flags: u32,
}

impl Section {
    /// Range of its data in the file, padding included.
    pub fn raw(&self) -> Range<u64> {
        let start = u64::from(self.raw_offset);
        // Cannot saturate: both are of 32 bits.
        start..start.saturating_add(self.raw_size.into())
    }

    /// Range of its data in the file, without padding.
    pub fn data(&self) -> Range<u64> {
        let start = u64::from(self.raw_offset);
        // Cannot saturate: both are of 32 bits.
        start..start.saturating_add(self.raw_size.min(self.size).into())
    }
}

/// The name of a section: up to eight bytes. Shown with escapes for what is not printable.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Name(pub [u8; 8]);

impl Name {
    /// The bytes before the first zero.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.split(|b| *b == 0).next().unwrap_or_default()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Escaped(self.as_bytes()), f)
    }
}

/// Bytes of a file as text without control characters: anything but printable ASCII is escaped (`\x1b`).
pub(crate) struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| match byte {
            b' '..=b'~' => f.write_char(char::from(*byte)),
            _ => write!(f, "\\x{byte:02x}"),
        })
    }
}

/// A length in memory as one in a file.
pub(crate) fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A range of a file that is in memory.
pub(crate) fn part(file: &[u8], range: Range<u64>) -> Option<&[u8]> {
    file.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
}
