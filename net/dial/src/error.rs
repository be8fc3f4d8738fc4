// SPDX-License-Identifier: BSD-3-Clause
//! Why a stream could not be opened.

use alloc::string::String;

use code::Code;

/// What failed. Decides whether another replica is worth a try: all of them are, but [`Kind::Refused`] ones.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// The name is not known, or no name server answered.
    Name,
    /// The host cannot be reached, refuses, or did not answer in time.
    Connect,
    /// The server is not who it says it is, or speaks no TLS that we speak. Trying again changes nothing.
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
