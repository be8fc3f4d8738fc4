// SPDX-License-Identifier: BSD-3-Clause
//! How a request to a registry fails.

use alloc::{boxed::Box, string::String};
use core::fmt;

use code::Code;

use crate::{Digest, codes};

/// A failure, in one line: code, reference, cause.
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
    /// No answer; code and address are the request's.
    #[error("{}", .0.cause())]
    Http(http::Error),
    /// Not a reference.
    #[error("not a reference: {0}")]
    Reference(&'static str),
    /// The registry's 404.
    #[error("the registry does not have it{0}")]
    Absent(Said),
    /// The registry's 401 or 403.
    #[error("{status} {}{said}", if *.had_login { "with this login" } else { "without a login" })]
    Login {
        /// The status.
        status: u16,
        /// Whether there was a login for this host.
        had_login: bool,
        /// The registry's words.
        said: Said,
    },
    /// A token service without TLS.
    #[error("token service {0} is not https")]
    Realm(String),
    /// No supported challenge, or no token.
    #[error("{0}")]
    Challenge(&'static str),
    /// Another status.
    #[error("{status} {reason}{said}")]
    Status {
        /// The status.
        status: u16,
        /// The server's phrase for it.
        reason: String,
        /// The registry's words.
        said: Said,
    },
    /// Other bytes.
    #[error("digest is {found}, expected {expected}")]
    Digest {
        /// Of the bytes.
        found: Digest,
        /// What it must be.
        expected: Digest,
    },
    /// Larger than there is room for.
    #[error("{size} bytes, room for {limit}")]
    Size {
        /// What the descriptor says, or the server.
        size: u64,
        /// The room.
        limit: u64,
    },
    /// A malformed document.
    #[error("malformed {what}: {why}")]
    Json {
        /// Which document.
        what: &'static str,
        /// The parser's words, with the position.
        why: String,
    },
    /// A kind of something that is not supported.
    #[error("{what} {found:?} is not supported")]
    Unsupported {
        /// Of what.
        what: &'static str,
        /// Which kind.
        found: String,
    },
    /// Nothing for this machine.
    #[error("nothing for {wanted}; available: {available}")]
    Platform {
        /// This machine.
        wanted: String,
        /// What the index has.
        available: String,
    },
    /// Too many documents.
    #[error("more than {0}")]
    Limit(&'static str),
    /// No SRV records.
    #[error("no SRV records")]
    NoServices,
    /// A layer that cannot be unpacked.
    #[error("{0}")]
    Unpack(image::Error),
    /// What was received, or is there already, cannot be kept or read.
    #[error("cannot keep what was received: {0}")]
    Sink(String),
    /// There is not enough memory.
    #[error("not enough memory for {0} bytes")]
    Memory(u64),
}

/// What a registry says about its refusal: code and message of the first error in the body; may be empty.
///
/// Spec: OCI distribution 1.1, "Error Codes".
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Said(pub String);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " ({})", self.0) }
    }
}

impl Error {
    /// A failure of an object: a reference, a blob of it, a host.
    pub fn new(object: impl fmt::Display, cause: Cause) -> Self {
        Self(Box::new(Inner { object: alloc::format!("{object}"), cause }))
    }

    /// Why it failed.
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// What failed: the reference, a blob of it, or the address of a request.
    pub fn object(&self) -> &str {
        match &self.0.cause {
            Cause::Http(error) => error.address(),
            _ => &self.0.object,
        }
    }

    /// The failure's stable name.
    pub fn code(&self) -> Code {
        match &self.0.cause {
            Cause::Http(error) => error.code(),
            Cause::Reference(_) => codes::REFERENCE,
            Cause::Absent(_) => codes::ABSENT,
            Cause::Login { .. } => codes::LOGIN,
            Cause::Realm(_) => codes::REALM,
            Cause::Challenge(_) => codes::CHALLENGE,
            Cause::Status { .. } => codes::STATUS,
            Cause::Digest { .. } => codes::DIGEST,
            Cause::Size { .. } => codes::SIZE,
            Cause::Json { .. } => codes::JSON,
            Cause::Unsupported { .. } => codes::TYPE,
            Cause::Platform { .. } => codes::PLATFORM,
            Cause::Limit(_) => codes::LIMIT,
            Cause::NoServices => codes::SRV,
            Cause::Unpack(error) => error.code(),
            Cause::Sink(_) => http::codes::STORE,
            Cause::Memory(_) => code::MEMORY,
        }
    }

    /// Whether something is wrong with what the registry has: it is not there, damaged, too large, or of a kind that is
    /// not supported. Else, nothing is known of it.
    pub fn is_of_content(&self) -> bool {
        match &self.0.cause {
            Cause::Absent(_)
            | Cause::Digest { .. }
            | Cause::Size { .. }
            | Cause::Json { .. }
            | Cause::Unsupported { .. } => true,
            Cause::Http(error) => matches!(error.cause(), http::Cause::Size { .. }),
            _ => false,
        }
    }

    /// Whether there was no connection, so that nothing is known of the registry.
    pub(crate) fn is_of_connection(&self) -> bool {
        matches!(&self.0.cause, Cause::Http(error) if matches!(error.cause(), http::Cause::Dial(_)))
    }

    /// Whether nothing is known of the registry, or it may answer later: there was no connection, it was cut or too slow,
    /// or the registry is out of order.
    pub fn is_unreachable(&self) -> bool {
        self.is_of_connection() || self.is_transient()
    }

    /// Whether the same request may succeed later, or at another replica.
    pub(crate) fn is_transient(&self) -> bool {
        match &self.0.cause {
            Cause::Http(error) => error.is_transient(),
            Cause::Status { status, .. } => http::is_transient(*status),
            _ => false,
        }
    }
}

impl From<http::Error> for Error {
    fn from(error: http::Error) -> Self {
        Self::new("", Cause::Http(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.cause {
            // It has code and address itself.
            Cause::Http(error) => error.fmt(f),
            cause => write!(f, "{} {}: {cause}", self.code(), self.0.object),
        }
    }
}

impl core::error::Error for Error {}
