// SPDX-License-Identifier: BSD-3-Clause
//! What can be wrong with a source.

use alloc::string::String;

use code::Code;

use crate::{Origin, Value, codes};

/// Something in a source that is ignored.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A `cloudboot.*` key that does not exist.
    #[error("{} {name} ({origin}): there is no such key", codes::UNKNOWN)]
    Unknown {
        /// The key.
        name: String,
        /// The source that it is in.
        origin: Origin,
    },
    /// A value that the key does not accept.
    #[error("{} {name}={value} ({origin}): expected {expected}", codes::VALUE)]
    Value {
        /// The key.
        name: &'static str,
        /// The value, `***` for a secret.
        value: String,
        /// What the key accepts.
        expected: Value,
        /// The source that it is in.
        origin: Origin,
    },
    /// A key that only the built-in source may set on a locked machine.
    #[error("{} {name} ({origin}): this machine is locked: only built-in settings may set it", codes::LOCKED)]
    Refused {
        /// The key, or a word for the kernel.
        name: String,
        /// The source that it is in.
        origin: Origin,
    },
    /// A key that only the built-in source may set, whether the machine is locked or not.
    #[error("{} {name} ({origin}): only settings built into the program may set it", codes::LOCKED)]
    BuiltIn {
        /// The key.
        name: &'static str,
        /// The source that it is in.
        origin: Origin,
    },
    /// A key that the metadata document may not set, whether the machine is locked or not.
    #[error("{} {name} ({}): a metadata document may not set it", codes::LOCKED, Origin::Metadata)]
    Never {
        /// The key.
        name: String,
    },
    /// A member of the metadata document that is ignored.
    #[error("{} {name} ({}): {cause}", codes::MEMBER, Origin::Metadata)]
    Member {
        /// The member, with the object that it is in: `disk.luks-passphrase`.
        name: String,
        /// What is wrong with it.
        cause: &'static str,
    },
    /// Settings that anyone on the network may have sent.
    #[error("{} {name} ({origin}): not authenticated: anyone on this network may have sent it", codes::PLAIN)]
    Plain {
        /// The key that locates them, or that they set.
        name: &'static str,
        /// Who sent them.
        origin: Origin,
    },
    /// A key that is accepted and does nothing here.
    #[error("{} {name} ({origin}): it has no effect in this program", codes::IDLE)]
    Idle {
        /// The key.
        name: &'static str,
        /// The source that it is in.
        origin: Origin,
    },
    /// A text that cannot be used as a command line.
    #[error("{} ({origin}): {cause}", codes::LINE)]
    Line {
        /// The source that it is in.
        origin: Origin,
        /// What is wrong with it.
        cause: &'static str,
    },
}

impl Problem {
    /// The source that it is in; the message shows it in parentheses, in the form of [`Origin`].
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
