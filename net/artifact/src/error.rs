// SPDX-License-Identifier: BSD-3-Clause
//! Why an artifact cannot be booted.

use alloc::{boxed::Box, string::String};
use core::fmt;

use code::Code;

use crate::codes;

/// An error, shown as one line: code, reference and part, cause.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    object: String,
    cause: Cause,
}

/// The cause.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// A failed request to the registry, or an invalid answer.
    #[error("{}", .0.cause())]
    Oci(oci::Error),
    /// It is a container image; the media types of its layers.
    #[error("a container image, not a boot artifact: {0}")]
    Container(String),
    /// No part is a kernel; the media types of the parts.
    #[error("no kernel among its parts: {0}")]
    NoKernel(String),
    /// Two parts with a role that only one may have.
    #[error("two {role} parts: {first} and {second}")]
    Twice {
        /// The role of both.
        role: &'static str,
        /// One of them.
        first: String,
        /// The other.
        second: String,
    },
    /// It is for another purpose: a plan or a disk image.
    #[error("a {what} ({media_type}), which cannot be booted by itself")]
    Kind {
        /// What it is.
        what: &'static str,
        /// Its media type.
        media_type: String,
    },
    /// A part that the UKI already contains.
    #[error("the kernel is a UKI, which contains its own initrd and command line; remove the part {0}")]
    Beside(String),
    /// The kernel has no bytes.
    #[error("the kernel is empty")]
    Empty,
    /// More than a limit.
    #[error("{found} {what}, at most {limit} allowed")]
    Limit {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// How many there may be.
        limit: u64,
    },
    /// The command line is not one line of text.
    #[error("command line: {why} at byte {offset}")]
    Line {
        /// What is wrong.
        why: &'static str,
        /// Where.
        offset: usize,
    },
    /// Larger than free memory.
    #[error("{} MiB wanted, {} MiB of memory free", wanted.div_ceil(1 << 20), free / (1 << 20))]
    Memory {
        /// Bytes needed.
        wanted: u64,
        /// Bytes free.
        free: u64,
    },
    /// The sum of the sizes is larger than any memory.
    #[error("its parts are larger than the memory of any machine")]
    Overflow,
}

impl Error {
    /// An error about a reference, or about a part of it.
    pub fn new(object: impl fmt::Display, cause: Cause) -> Self {
        Self(Box::new(Inner { object: alloc::format!("{object}"), cause }))
    }

    /// The cause.
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// What failed: the reference with the part, or the address of a request with the part.
    pub fn object(&self) -> &str {
        &self.0.object
    }

    /// The stable error code.
    pub fn code(&self) -> Code {
        match &self.0.cause {
            Cause::Oci(error) => error.code(),
            Cause::Container(_) => codes::CONTAINER,
            Cause::NoKernel(_) | Cause::Twice { .. } | Cause::Beside(_) | Cause::Empty => codes::PARTS,
            Cause::Kind { .. } => codes::KIND,
            Cause::Limit { .. } => codes::LIMIT,
            Cause::Line { .. } => codes::LINE,
            Cause::Memory { .. } | Cause::Overflow => code::MEMORY,
        }
    }
}

impl From<oci::Error> for Error {
    fn from(error: oci::Error) -> Self {
        let object = error.object().into();
        Self(Box::new(Inner { object, cause: Cause::Oci(error) }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.code(), self.0.object, self.0.cause)
    }
}

impl core::error::Error for Error {}
