// SPDX-License-Identifier: BSD-3-Clause
//! Why a stream could not be opened.

use alloc::string::String;

use code::Code;

/// The kind of failure. It decides whether another attempt makes sense: not after [`Kind::Refused`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// No name server gave an answer.
    Name,
    /// The host cannot be reached, refuses, or did not answer in time.
    Connect,
    /// There is no such name, the server's certificate is not accepted, or there is no TLS version or suite in common.
    Refused,
}

/// Why a stream could not be opened, in one line: code, object, cause.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{code} {object}: {cause}")]
pub struct Error {
    /// What failed.
    pub kind: Kind,
    /// The stable error code.
    pub code: Code,
    /// The host, with its port where that matters.
    pub object: String,
    /// The cause, in the words of the standard involved.
    pub cause: String,
}
