// SPDX-License-Identifier: BSD-3-Clause
//! Why signatures are not accepted.

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::fmt;

use code::Code;
use oci::Digest;
use sigstore::Signer;

use crate::codes;

/// The most findings that a message lists.
const MOST_SHOWN: usize = 4;

/// An error, shown as one line: code, reference, cause.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    object: String,
    cause: Cause,
}

/// Why signatures are not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// A failed request to the registry, or an invalid answer.
    #[error("{}", .0.cause())]
    Oci(oci::Error),
    /// No set of signatures can satisfy the policy.
    #[error("the signature policy cannot be satisfied: {0}")]
    Policy(&'static str),
    /// cosign signs sha256 digests only.
    #[error("only sha256 digests are signed, not {0}")]
    Algorithm(Digest),
    /// The registry has no signature.
    #[error("no signature of {0}")]
    Unsigned(Digest),
    /// There are signatures, but none is accepted.
    #[error("{}", Findings(.0))]
    Refused(Vec<Finding>),
    /// Fewer signers than required.
    #[error("{} of {wanted} signers have signed {digest}: {}{}", signers.len(), Signers(signers), Others(others))]
    Threshold {
        /// The digest that most have signed.
        digest: Digest,
        /// The signers of that digest.
        signers: Vec<Signer>,
        /// The number required.
        wanted: usize,
        /// Signatures that are not accepted.
        others: Vec<Finding>,
    },
    /// More than a limit.
    #[error("its signatures exceed the limit of {0}; the rest was not read")]
    Limit(&'static str),
}

/// A signature that is not accepted.
#[derive(Debug)]
pub struct Finding {
    /// Where it was found.
    pub place: String,
    /// Why it is not accepted.
    pub why: Why,
}

/// Why a signature is not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// It was made by another key.
    #[error("not by a trusted key{}", Hint(.0))]
    Key(Option<String>),
    /// It was made with a certificate, and there is no trusted root.
    #[error("by a certificate, but no trusted root is built in or set")]
    Keyless,
    /// It was verified and refused.
    #[error("{0}")]
    Sigstore(sigstore::Error),
    /// The payload of cosign's older format is malformed, or signs something else.
    #[error("{0}")]
    Payload(String),
    /// It was made by another system.
    #[error("a notation signature (application/vnd.cncf.notary.signature), which is not supported")]
    Notation,
    /// It cannot be read.
    #[error("{}", .0.cause())]
    Oci(oci::Error),
    /// A list of signatures cannot be read to its end.
    #[error("{}", OfList(.0))]
    List(oci::Error),
}

impl Why {
    /// The stable error code.
    pub fn code(&self) -> Code {
        match self {
            Self::Key(_) | Self::Keyless => codes::SIGNER,
            Self::Sigstore(error) => error.code(),
            Self::Payload(_) => codes::PAYLOAD,
            Self::Notation => codes::NOTATION,
            Self::Oci(error) | Self::List(error) => error.code(),
        }
    }

    /// How much the reason explains: the closer to a valid signature, the higher.
    fn rank(&self) -> u32 {
        match self {
            Self::Notation => 0,
            Self::Oci(_) | Self::List(_) => 1,
            Self::Key(_) | Self::Keyless => 2,
            Self::Payload(_) | Self::Sigstore(_) => 3,
        }
    }
}

impl Error {
    /// An error about a reference.
    pub fn new(object: impl fmt::Display, cause: Cause) -> Self {
        Self(Box::new(Inner { object: format!("{object}"), cause }))
    }

    /// The cause.
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// What failed: the reference, or the part of it that could not be fetched.
    pub fn object(&self) -> &str {
        match &self.0.cause {
            Cause::Oci(error) => error.object(),
            _ => &self.0.object,
        }
    }

    /// The stable error code.
    pub fn code(&self) -> Code {
        match &self.0.cause {
            Cause::Oci(error) => error.code(),
            Cause::Policy(_) => codes::POLICY,
            Cause::Algorithm(_) => codes::ALGORITHM,
            Cause::Unsigned(_) => codes::UNSIGNED,
            Cause::Refused(findings) => {
                // The first one of the highest rank.
                let most = findings.iter().rev().max_by_key(|finding| finding.why.rank());
                most.map_or(codes::UNSIGNED, |finding| finding.why.code())
            }
            Cause::Threshold { .. } => codes::THRESHOLD,
            Cause::Limit(_) => codes::LIMIT,
        }
    }
}

impl From<oci::Error> for Error {
    fn from(error: oci::Error) -> Self {
        Self::new("", Cause::Oci(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.code(), self.object(), self.0.cause)
    }
}

impl core::error::Error for Error {}

/// What is wrong with a list of signatures.
struct OfList<'a>(&'a oci::Error);

impl fmt::Display for OfList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.cause() {
            oci::Cause::Limit(_) => {
                write!(f, "the list of signatures has {}; the rest was not read", self.0.cause())
            }
            _ => write!(f, "the list of signatures is damaged: {}", self.0.cause()),
        }
    }
}

/// The key that the signature itself names.
struct Hint<'a>(&'a Option<String>);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(hint) => write!(f, " (it names key {hint})"),
            None => Ok(()),
        }
    }
}

/// Signatures that are not accepted, each with its reason.
struct Findings<'a>(&'a [Finding]);

impl fmt::Display for Findings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.iter().filter(|one| !matches!(one.why, Why::List(_))).count() {
            0 => write!(f, "no signature was found: {}", List(self.0)),
            1 => write!(f, "1 signature, not accepted: {}", List(self.0)),
            several => write!(f, "{several} signatures, none accepted: {}", List(self.0)),
        }
    }
}

/// The same, after the accepted ones.
struct Others<'a>(&'a [Finding]);

impl fmt::Display for Others<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "; not accepted: {}", List(self.0)) }
    }
}

struct List<'a>(&'a [Finding]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Finding { place, why }) in self.0.iter().take(MOST_SHOWN).enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{place}: {why}")?;
        }
        match self.0.len().checked_sub(MOST_SHOWN) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, "; and {more} more"),
        }
    }
}

struct Signers<'a>(&'a [Signer]);

impl fmt::Display for Signers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, signer) in self.0.iter().enumerate() {
            write!(f, "{}{signer}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
