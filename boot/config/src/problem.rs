// SPDX-License-Identifier: BSD-3-Clause
//! What can be wrong with a text.

use alloc::string::String;

use code::Code;

use crate::{Origin, Value, codes};

/// Something in a source that does not count.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A `cloudboot.*` key that does not exist.
    #[error("{} {name} ({origin}): there is no such key", codes::UNKNOWN)]
    Unknown {
        /// The key.
        name: String,
        /// Where it stands.
        origin: Origin,
    },
    /// A value that the key cannot have.
    #[error("{} {name}={value} ({origin}): expected {expected}", codes::VALUE)]
    Value {
        /// The key.
        name: &'static str,
        /// The value, `***` for a secret.
        value: String,
        /// What it can have.
        expected: Value,
        /// Where it stands.
        origin: Origin,
    },
    /// A key that only the built-in source may set on a locked machine.
    #[error("{} {name} ({origin}): this machine is locked, only what is built in may set it", codes::LOCKED)]
    Refused {
        /// The key, or a word for the kernel.
        name: String,
        /// Where it stands.
        origin: Origin,
    },
    /// A key that only the built-in source may set, whether the machine is locked or not.
    #[error("{} {name} ({origin}): only what is built into the program may set it", codes::LOCKED)]
    BuiltIn {
        /// The key.
        name: &'static str,
        /// Where it stands.
        origin: Origin,
    },
    /// A key that the metadata document may not set, whether the machine is locked or not.
    #[error("{} {name} ({}): a metadata document may not set it", codes::LOCKED, Origin::Metadata)]
    Never {
        /// The key.
        name: String,
    },
    /// A member of the metadata document that does not count.
    #[error("{} {name} ({}): {cause}", codes::MEMBER, Origin::Metadata)]
    Member {
        /// The member, with the object that it stands in: `disk.luks-passphrase`.
        name: String,
        /// What is wrong with it.
        cause: &'static str,
    },
    /// Settings that anybody on the network may have sent.
    #[error(
        "{} {name} ({origin}): not authenticated, whoever answered on this network may have written it",
        codes::PLAIN
    )]
    Plain {
        /// The key that says where they are, or that they set.
        name: &'static str,
        /// Who sent them.
        origin: Origin,
    },
    /// A key that is accepted and does nothing here.
    #[error("{} {name} ({origin}): it has no effect in this program", codes::IDLE)]
    Idle {
        /// The key.
        name: &'static str,
        /// Where it stands.
        origin: Origin,
    },
    /// A text that is no command line.
    #[error("{} ({origin}): {cause}", codes::LINE)]
    Line {
        /// Where it stands.
        origin: Origin,
        /// What is wrong with it.
        cause: &'static str,
    },
}

impl Problem {
    /// Where it stands; the message says it behind what the source itself says, in the form of [`Origin`].
    pub fn origin(&self) -> Origin {
        match self {
            Self::Unknown { origin, .. }
            | Self::Value { origin, .. }
            | Self::Refused { origin, .. }
            | Self::BuiltIn { origin, .. }
            | Self::Idle { origin, .. }
            | Self::Line { origin, .. }
            | Self::Plain { origin, .. } => *origin,
            Self::Never { .. } | Self::Member { .. } => Origin::Metadata,
        }
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Unknown { .. } => codes::UNKNOWN,
            Self::Value { .. } => codes::VALUE,
            Self::Refused { .. } | Self::BuiltIn { .. } | Self::Never { .. } => codes::LOCKED,
            Self::Member { .. } => codes::MEMBER,
            Self::Plain { .. } => codes::PLAIN,
            Self::Idle { .. } => codes::IDLE,
            Self::Line { .. } => codes::LINE,
        }
    }
}
