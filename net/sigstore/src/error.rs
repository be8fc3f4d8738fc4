// SPDX-License-Identifier: BSD-3-Clause
//! Why a signature is not accepted.

use alloc::{borrow::Cow, string::String};
use core::fmt;

use code::Code;

use crate::codes;

/// A structure that errors name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Structure {
    /// The bundle itself.
    Bundle,
    /// A signature over a message.
    MessageSignature,
    /// A DSSE envelope.
    Envelope,
    /// An in-toto statement, the payload of an envelope.
    Statement,
    /// A public key.
    PublicKey,
    /// A trusted root.
    TrustedRoot,
    /// The signer's certificate.
    Certificate,
    /// A signed certificate timestamp.
    Sct,
    /// An entry of a transparency log.
    LogEntry,
    /// A checkpoint of a transparency log.
    Checkpoint,
    /// A token of a timestamp authority.
    Timestamp,
}

impl Structure {
    const fn name(self) -> &'static str {
        match self {
            Self::Bundle => "bundle",
            Self::MessageSignature => "message signature",
            Self::Envelope => "DSSE envelope",
            Self::Statement => "in-toto statement",
            Self::PublicKey => "public key",
            Self::TrustedRoot => "trusted root",
            Self::Certificate => "signer's certificate",
            Self::Sct => "signed certificate timestamp",
            Self::LogEntry => "log entry",
            Self::Checkpoint => "log checkpoint",
            Self::Timestamp => "timestamp token",
        }
    }

    const fn code(self) -> Code {
        match self {
            Self::Bundle | Self::MessageSignature | Self::Envelope | Self::Statement => codes::BUNDLE,
            Self::PublicKey => codes::PUBLIC_KEY,
            Self::TrustedRoot => codes::ROOT,
            Self::Certificate => codes::CERTIFICATE,
            Self::Sct => codes::SCT,
            Self::LogEntry | Self::Checkpoint => codes::LOG,
            Self::Timestamp => codes::TIME,
        }
    }
}

impl fmt::Display for Structure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a signature is not accepted. Its text has no code: see [`Error::code`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes violate the structure's specification.
    #[error("malformed {structure}: {why}")]
    Malformed {
        /// Which structure.
        structure: Structure,
        /// The field or the offset, and what is wrong there.
        why: Cow<'static, str>,
    },
    /// Well-formed, but of an unsupported kind.
    #[error("{structure}: {what} {found:?} is not supported")]
    Unsupported {
        /// Which structure.
        structure: Structure,
        /// Which field.
        what: &'static str,
        /// The value of the field.
        found: String,
    },
    /// More than a limit.
    #[error("{structure}: more than {most} {what}")]
    Limit {
        /// Which structure.
        structure: Structure,
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        most: usize,
    },
    /// The signature of the structure does not verify.
    #[error("the signature of the {structure} does not verify with {by}")]
    Signature {
        /// What is signed.
        structure: Structure,
        /// The key, certificate or log that should have signed.
        by: String,
    },
    /// Something else is signed.
    #[error("it signs {found}, not {expected}")]
    Subject {
        /// What is signed.
        found: String,
        /// What should be signed.
        expected: String,
    },
    /// The signer is not allowed.
    #[error("the signer's {what} is {found:?}, but only {allowed:?} is allowed")]
    Identity {
        /// `identity` or `issuer`.
        what: &'static str,
        /// The value in the certificate.
        found: String,
        /// The value that the caller allows.
        allowed: String,
    },
    /// Well-formed, but it does not prove what it should.
    #[error("{structure}: {why}")]
    Refused {
        /// Which structure.
        structure: Structure,
        /// Why.
        why: Cow<'static, str>,
    },
}

impl Error {
    pub(crate) fn malformed(structure: Structure, why: impl Into<Cow<'static, str>>) -> Self {
        Self::Malformed { structure, why: why.into() }
    }

    /// Whether it was refused only because the artifact's digest is not enough: with the artifact itself, the result
    /// may be different.
    pub fn wants_message(&self) -> bool {
        matches!(self, Self::Refused { structure: Structure::MessageSignature, .. })
    }

    pub(crate) fn refused(structure: Structure, why: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused { structure, why: why.into() }
    }

    pub(crate) fn unsupported(structure: Structure, what: &'static str, found: &str) -> Self {
        Self::Unsupported { structure, what, found: shown(found) }
    }

    /// The stable error code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Malformed { structure, .. }
            | Self::Unsupported { structure, .. }
            | Self::Limit { structure, .. }
            | Self::Refused { structure, .. } => structure.code(),
            Self::Signature { structure, .. } => match structure {
                Structure::MessageSignature | Structure::Envelope => codes::SIGNATURE,
                other => other.code(),
            },
            Self::Subject { .. } => codes::SUBJECT,
            Self::Identity { .. } => codes::IDENTITY,
        }
    }
}

/// The most characters of untrusted text that a message shows.
const SHOWN: usize = 100;

/// Untrusted text, as a message shows it: not too long, and without control characters.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String =
        text.chars().take(SHOWN).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
