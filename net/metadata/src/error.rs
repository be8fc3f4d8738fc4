// SPDX-License-Identifier: BSD-3-Clause
//! Why there is no document.

use alloc::string::String;
use core::fmt;

use code::Code;

use crate::{LARGEST, LIMIT, codes};

/// An error, shown as one line: code, what was read, cause. Nothing of the document's values is in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Error {
    object: String,
    cause: Cause,
}

/// Why there is no document.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// A request failed. (The address and the code are those of the request.)
    #[error("{0}")]
    Http(http::Error),
    /// It took longer than [`LIMIT`].
    #[error("no document within {} s", LIMIT.as_secs())]
    Late,
    /// More bytes than [`LARGEST`].
    #[error("more than {LARGEST} bytes")]
    Size,
    /// Not JSON, or not the expected members, with line and column.
    #[error("malformed {what}: {why}")]
    Json {
        /// The document, or the string in it that contains JSON.
        what: &'static str,
        /// The parser's message.
        why: String,
    },
    /// The session token is malformed.
    #[error("the session token is empty, or has invalid characters")]
    Token,
}

impl Error {
    /// An error about a document from `object`.
    pub(crate) fn new(object: impl Into<String>, cause: Cause) -> Self {
        Self { object: object.into(), cause }
    }

    /// The same error, about a document from `object`.
    pub(crate) fn at(self, object: impl Into<String>) -> Self {
        Self { object: object.into(), ..self }
    }

    /// What was read: an address, or `metadata`.
    pub fn object(&self) -> &str {
        &self.object
    }

    /// Why.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// The stable error code.
    pub fn code(&self) -> Code {
        match &self.cause {
            Cause::Http(error) => error.code(),
            Cause::Late => codes::TIMEOUT,
            Cause::Size => codes::SIZE,
            Cause::Json { .. } => codes::JSON,
            Cause::Token => codes::TOKEN,
        }
    }
}

impl From<http::Error> for Error {
    fn from(error: http::Error) -> Self {
        Self::new(String::from(error.address()), Cause::Http(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Http(error) => error.fmt(f),
            cause => write!(f, "{} {}: {cause}", self.code(), self.object),
        }
    }
}

impl core::error::Error for Error {}
