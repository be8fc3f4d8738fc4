// SPDX-License-Identifier: BSD-3-Clause
//! Why a request to a registry fails.

use alloc::{boxed::Box, string::String};
use core::fmt;

use code::Code;

use crate::{Digest, codes};

/// An error, shown as one line: code, reference, cause.
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
    /// The HTTP request failed; code and address are those of the request.
    #[error("{}", .0.cause())]
    Http(http::Error),
    /// Not a reference.
    #[error("not a reference: {0}")]
    Reference(&'static str),
    /// The registry answered 404.
    #[error("not found in the registry{0}")]
    Absent(Said),
    /// The registry answered 401 or 403.
    #[error("{status} {}{said}", if *.had_login { "with this login" } else { "without a login" })]
    Login {
        /// The status.
        status: u16,
        /// Whether there was a login for this host.
        had_login: bool,
        /// The registry's error message.
        said: Said,
    },
    /// The token service does not use TLS.
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
        /// The server's reason phrase.
        reason: String,
        /// The registry's error message.
        said: Said,
    },
    /// The bytes have another digest.
    #[error("digest is {found}, expected {expected}")]
    Digest {
        /// The digest of the bytes.
        found: Digest,
        /// The expected digest.
        expected: Digest,
    },
    /// It is larger than the space available.
    #[error("{size} bytes, but only {limit} fit")]
    Size {
        /// The size, according to the descriptor or the server.
        size: u64,
        /// The space available in bytes.
        limit: u64,
    },
    /// A malformed document.
    #[error("malformed {what}: {why}")]
    Json {
        /// Which document.
        what: &'static str,
        /// The parser's message, with the position.
        why: String,
    },
    /// An unsupported kind.
    #[error("{what} {found:?} is not supported")]
    Unsupported {
        /// Of what.
        what: &'static str,
        /// Which kind.
        found: String,
    },
    /// The index has nothing for this machine.
    #[error("nothing for {wanted}; available: {available}")]
    Platform {
        /// The platform of this machine.
        wanted: String,
        /// The platforms in the index.
        available: String,
    },
    /// More than a limit.
    #[error("more than {0}")]
    Limit(&'static str),
    /// The name has no SRV records.
    #[error("no SRV records")]
    NoServices,
    /// A layer that cannot be unpacked.
    #[error("{0}")]
    Unpack(image::Error),
    /// The received data cannot be stored, or the data already stored cannot be read.
    #[error("cannot store the received data: {0}")]
    Sink(String),
    /// There is not enough memory.
    #[error("not enough memory for {0} bytes")]
    Memory(u64),
}

/// A registry's error message: code and message of the first error in the body; may be empty.
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
    /// An error about an object: a reference, one of its blobs, or a host.
    pub fn new(object: impl fmt::Display, cause: Cause) -> Self {
        Self(Box::new(Inner { object: alloc::format!("{object}"), cause }))
    }

    /// The cause.
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// What failed: the reference, one of its blobs, or the address of a request.
    pub fn object(&self) -> &str {
        match &self.0.cause {
            Cause::Http(error) => error.address(),
            _ => &self.0.object,
        }
    }

    /// The stable error code.
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

    /// Whether the content in the registry is at fault: missing, damaged, too large, or of a kind that is
    /// not supported. Otherwise nothing is known about it.
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

    /// Whether there was no connection, so that nothing is known about the registry.
    pub(crate) fn is_of_connection(&self) -> bool {
        matches!(&self.0.cause, Cause::Http(error) if matches!(error.cause(), http::Cause::Dial(_)))
    }

    /// Whether the registry could not be reached, or may answer later: there was no connection, it was cut or too slow,
    /// or the registry failed.
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
            // It shows code and address itself.
            Cause::Http(error) => error.fmt(f),
            cause => write!(f, "{} {}: {cause}", self.code(), self.0.object),
        }
    }
}

impl core::error::Error for Error {}
