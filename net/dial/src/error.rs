// SPDX-License-Identifier: BSD-3-Clause
//! Why a stream could not be opened.

use alloc::string::String;

use code::Code;

/// What failed. Decides whether the same is worth another try: [`Kind::Refused`] is not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// No name server gave an answer.
    Name,
    /// The host cannot be reached, refuses, or did not answer in time.
    Connect,
    /// There is no such name; or the server is not who it says it is, or speaks no TLS that we speak.
    Refused,
}

/// Why a stream could not be opened, in one line: code, object, cause.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{code} {object}: {cause}")]
pub struct Error {
    /// What failed.
    pub kind: Kind,
    /// Its stable name.
    pub code: Code,
    /// The host, with its port where that matters.
    pub object: String,
    /// The cause, in the words of the standard involved.
    pub cause: String,
}
