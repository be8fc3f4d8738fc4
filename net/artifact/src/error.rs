// SPDX-License-Identifier: BSD-3-Clause
//! How an artifact is not booted.

use alloc::{boxed::Box, string::String};
use core::fmt;

use code::Code;

use crate::codes;

/// A failure, in one line: code, reference and part, cause.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    object: String,
    cause: Cause,
}

/// Why it failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The registry, or what it sent.
    #[error("{}", .0.cause())]
    Oci(oci::Error),
    /// A container image.
    #[error("a container image, not a boot artifact: {0}")]
    Container(String),
    /// Nothing to start.
    #[error("no kernel among its parts: {0}")]
    NoKernel(String),
    /// Two parts of which there is one at most.
    #[error("two parts are the {role}: {first} and {second}")]
    Twice {
        /// What both are.
        role: &'static str,
        /// One of them.
        first: String,
        /// The other.
        second: String,
    },
    /// Not for a boot of this kind.
    #[error("a {what} ({media_type}), which is not started itself")]
    Kind {
        /// What it is.
        what: &'static str,
        /// Its media type.
        media_type: String,
    },
    /// A part beside a UKI.
    #[error("the kernel is a UKI, which brings its own initrd and command line; beside it stands {0}")]
    Beside(String),
    /// Nothing in it.
    #[error("the kernel is empty")]
    Empty,
    /// More than can be honest.
    #[error("{found} {what}, at most {limit} are taken")]
    Limit {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// How many there may be.
        limit: u64,
    },
    /// Not a command line.
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
        /// What it takes.
        wanted: u64,
        /// What there is.
        free: u64,
    },
    /// Larger than any memory.
    #[error("its parts are larger than the memory of any machine")]
    Overflow,
}

impl Error {
    /// A failure of a reference, or of a part of it.
    pub fn new(object: impl fmt::Display, cause: Cause) -> Self {
        Self(Box::new(Inner { object: alloc::format!("{object}"), cause }))
    }

    /// Why it failed.
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// What failed: the reference with the part, or the address of a request with the part.
    pub fn object(&self) -> &str {
        &self.0.object
    }

    /// The failure's stable name.
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
