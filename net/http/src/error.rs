// SPDX-License-Identifier: BSD-3-Clause
//! Why a request fails.

use alloc::{boxed::Box, string::String};
use core::{fmt, time::Duration};

use code::Code;

use crate::{Url, codes};

/// An error, shown as one line: code, address without its query (signed addresses are secrets), cause.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug, Eq, PartialEq)]
struct Inner {
    address: String,
    cause: Cause,
}

/// Why a request failed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The connection could not be opened.
    #[error("{}", .0.cause)]
    Dial(dial::Error),
    /// A phase took too long.
    #[error("no {phase} within {} s", limit.as_secs())]
    Late {
        /// The phase.
        phase: Phase,
        /// Its limit.
        limit: Duration,
    },
    /// Fewer bytes than required in a span of waiting.
    #[error("transfer stalled: {bytes} bytes in {} s, {received} bytes in all", window.as_secs())]
    Stalled {
        /// Bytes in the span.
        bytes: u64,
        /// The span.
        window: Duration,
        /// Bytes in all.
        received: u64,
    },
    /// The connection ended early.
    #[error("connection closed after {received} bytes of {part}{}", Shown(.why))]
    Cut {
        /// The part of the message in which it ended.
        part: Part,
        /// Bytes of that part that were received or sent.
        received: u64,
        /// The platform's message; empty if the peer closed the connection.
        why: String,
    },
    /// A malformed head.
    #[error("malformed response head: {0}")]
    Head(String),
    /// A head beyond the limits.
    #[error("response head exceeds {0}")]
    Limit(&'static str),
    /// A body whose length is ambiguous or malformed.
    #[error("{0}")]
    Framing(Framing),
    /// A body of another length than expected.
    #[error("body of {found} bytes, {expected} expected")]
    Size {
        /// The announced length, or the least that it can be.
        found: u64,
        /// The required length, or the most that is allowed.
        expected: u64,
    },
    /// More redirects than are followed.
    #[error("more than {0} redirects")]
    Redirects(usize),
    /// A redirect without a usable address.
    #[error("status {0} without a usable Location")]
    Location(u16),
    /// From https to http.
    #[error("redirected from https to plain http ({0})")]
    Plain(String),
    /// A status other than success.
    #[error("{0} {1}")]
    Status(u16, String),
    /// A range other than the requested one.
    #[error("asked for bytes {asked}, Content-Range says {found:?}")]
    Range {
        /// The requested range: first and last byte.
        asked: String,
        /// The `Content-Range` field, as received.
        found: String,
    },
    /// The file changed between two responses.
    #[error("the file on the server changed during the download")]
    Changed,
    /// The proxy's answer to CONNECT.
    #[error("proxy answers {0} {1}")]
    Proxy(u16, String),
    /// Not a URL.
    #[error("not a URL: {0}")]
    Url(&'static str),
    /// The data to upload cannot be read.
    #[error("cannot read the data to upload: {0}")]
    Upload(String),
    /// The received data cannot be stored.
    #[error("cannot store the received data: {0}")]
    Store(String),
    /// There is not enough memory.
    #[error("not enough memory")]
    Memory,
}

/// The phases of an exchange that have a deadline.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// Name lookup and TCP.
    Connect,
    /// TLS.
    Secure,
    /// From the request's first byte to the end of the response's head, uploads not counted.
    Head,
    /// A body that is read as a whole.
    Body,
    /// The whole exchange, including several requests if an answer needs them.
    Whole,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connection",
            Self::Secure => "TLS session",
            Self::Head => "response",
            Self::Body => "complete body",
            Self::Whole => "answer",
        })
    }
}

/// The parts of an exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// The request.
    Request,
    /// The response's head.
    Head,
    /// Its body.
    Body,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "the request",
            Self::Head => "the response head",
            Self::Body => "the body",
        })
    }
}

/// What is wrong with the framing of a body.
///
/// Spec: RFC 9112, sections 6 and 7.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Framing {
    /// Not a decimal number, or several that differ.
    #[error("invalid Content-Length {0:?}")]
    Length(String),
    /// Both lengths.
    #[error("both Transfer-Encoding and Content-Length")]
    Both,
    /// A transfer coding other than `chunked`.
    #[error("unsupported Transfer-Encoding {0:?}")]
    Transfer(String),
    /// A content coding that was not requested.
    #[error("Content-Encoding {0:?} was not asked for")]
    Content(String),
    /// Not a chunk's size.
    #[error("malformed chunk size")]
    ChunkSize,
    /// No line end after a chunk.
    #[error("chunk without its line end")]
    ChunkEnd,
    /// Chunk extensions or trailers of more than 8 KiB.
    #[error("more than 8 KiB of chunk extensions or trailers")]
    ChunkLimit,
}

impl Error {
    /// An error at an address.
    pub fn new(url: &Url, cause: Cause) -> Self {
        Self::at(url.without_query(), cause)
    }

    pub(crate) fn at(address: String, cause: Cause) -> Self {
        Self(Box::new(Inner { address, cause }))
    }

    /// The address, without its query.
    pub fn address(&self) -> &str {
        &self.0.address
    }

    /// The cause.
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// The stable error code.
    pub fn code(&self) -> Code {
        match &self.0.cause {
            Cause::Dial(error) => error.code,
            Cause::Late { .. } => codes::TIMEOUT,
            Cause::Stalled { .. } => codes::STALL,
            Cause::Cut { .. } => codes::CUT,
            Cause::Head(_) => codes::HEAD,
            Cause::Limit(_) => codes::LIMIT,
            Cause::Framing(_) => codes::FRAMING,
            Cause::Size { .. } => codes::SIZE,
            Cause::Redirects(_) | Cause::Location(_) => codes::REDIRECT,
            Cause::Plain(_) => codes::PLAIN,
            Cause::Status(..) => codes::STATUS,
            Cause::Range { .. } => codes::RANGE,
            Cause::Changed => codes::CHANGED,
            Cause::Proxy(..) => codes::PROXY,
            Cause::Url(_) => codes::URL,
            Cause::Upload(_) => codes::UPLOAD,
            Cause::Store(_) => codes::STORE,
            Cause::Memory => code::MEMORY,
        }
    }

    /// Whether the same request may succeed later, or at another replica.
    pub fn is_transient(&self) -> bool {
        match &self.0.cause {
            Cause::Dial(error) => error.kind != dial::Kind::Refused,
            Cause::Late { .. } | Cause::Stalled { .. } | Cause::Cut { .. } => true,
            Cause::Status(status, _) | Cause::Proxy(status, _) => is_transient(*status),
            _ => false,
        }
    }
}

/// Whether a request is repeated after this status: 408, 429 and 5xx, except those that are permanent (501, 505).
pub fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502..=504 | 506..=599)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.code(), self.0.address, self.0.cause)
    }
}

impl core::error::Error for Error {}

/// The platform's message in parentheses, if there is one.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " ({})", self.0) }
    }
}
