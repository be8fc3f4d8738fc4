// SPDX-License-Identifier: BSD-3-Clause
//! Why signatures do not suffice.

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::fmt;

use code::Code;
use oci::Digest;
use sigstore::Signer;

use crate::codes;

/// Most findings that a message lists.
const MOST_SHOWN: usize = 4;

/// A failure, in one line: code, reference, cause.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    object: String,
    cause: Cause,
}

/// Why signatures do not suffice.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The registry, or what it sent.
    #[error("{}", .0.cause())]
    Oci(oci::Error),
    /// Nobody could satisfy the policy.
    #[error("the signature policy cannot be satisfied: {0}")]
    Policy(&'static str),
    /// Not a digest that is signed.
    #[error("only sha256 digests are signed, not {0}")]
    Algorithm(Digest),
    /// There is nothing.
    #[error("no signature of {0}")]
    Unsigned(Digest),
    /// What there is does not count.
    #[error("{}", Findings(.0))]
    Refused(Vec<Finding>),
    /// Too few count.
    #[error("{} of {wanted} signers have signed {digest}: {}{}", signers.len(), Signers(signers), Others(others))]
    Threshold {
        /// The digest that most have signed.
        digest: Digest,
        /// Who they are.
        signers: Vec<Signer>,
        /// How many it takes.
        wanted: usize,
        /// Signatures that do not count.
        others: Vec<Finding>,
    },
    /// More than is honest.
    #[error("its signatures take more than {0}; the rest is not read")]
    Limit(&'static str),
}

/// A signature that does not count.
#[derive(Debug)]
pub struct Finding {
    /// Where it was found.
    pub place: String,
    /// Why it does not count.
    pub why: Why,
}

/// Why a signature does not count.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// It was made by another key.
    #[error("not by a key that may sign{}", Hint(.0))]
    Key(Option<String>),
    /// It was made with a certificate.
    #[error("by a certificate, but no trusted root is built in or set")]
    Keyless,
    /// What it proves, or does not.
    #[error("{0}")]
    Sigstore(sigstore::Error),
    /// The payload of cosign's older form.
    #[error("{0}")]
    Payload(String),
    /// Of another system.
    #[error("a notation signature (application/vnd.cncf.notary.signature), which is not supported")]
    Notation,
    /// It cannot be read.
    #[error("{}", .0.cause())]
    Oci(oci::Error),
    /// A list of signatures cannot be read, or not to its end.
    #[error("{}", OfList(.0))]
    List(oci::Error),
}

impl Why {
    /// The failure's stable name.
    pub fn code(&self) -> Code {
        match self {
            Self::Key(_) | Self::Keyless => codes::SIGNER,
            Self::Sigstore(error) => error.code(),
            Self::Payload(_) => codes::PAYLOAD,
            Self::Notation => codes::NOTATION,
            Self::Oci(error) | Self::List(error) => error.code(),
        }
    }

    /// How much it says about what has happened: what is closest to a good signature says the most.
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
    /// A failure of a reference.
    pub fn new(object: impl fmt::Display, cause: Cause) -> Self {
        Self(Box::new(Inner { object: format!("{object}"), cause }))
    }

    /// Why it failed.
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// What failed: the reference, or what of it could not be had.
    pub fn object(&self) -> &str {
        match &self.0.cause {
            Cause::Oci(error) => error.object(),
            _ => &self.0.object,
        }
    }

    /// The failure's stable name.
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
                write!(f, "the list of signatures has {}; the others are not read", self.0.cause())
            }
            _ => write!(f, "the list of signatures is damaged: {}", self.0.cause()),
        }
    }
}

/// The key that a signature names itself.
struct Hint<'a>(&'a Option<String>);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(hint) => write!(f, " (it names key {hint})"),
            None => Ok(()),
        }
    }
}

/// Signatures that do not count, each with its reason.
struct Findings<'a>(&'a [Finding]);

impl fmt::Display for Findings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.iter().filter(|one| !matches!(one.why, Why::List(_))).count() {
            0 => write!(f, "no signature was found: {}", List(self.0)),
            1 => write!(f, "1 signature, and it does not count: {}", List(self.0)),
            several => write!(f, "{several} signatures, and none counts: {}", List(self.0)),
        }
    }
}

/// The same behind those that count.
struct Others<'a>(&'a [Finding]);

impl fmt::Display for Others<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "; not counted: {}", List(self.0)) }
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
