// SPDX-License-Identifier: BSD-3-Clause
//! What can be wrong with a text.

use alloc::string::String;

use crate::{Origin, Value};

/// Something in a source that does not count.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A `cloudboot.*` key that does not exist.
    #[error("E-CONFIG-UNKNOWN {name} ({origin}): there is no such key")]
    Unknown {
        /// The key.
        name: String,
        /// Where it stands.
        origin: Origin,
    },
    /// A value that the key cannot have.
    #[error("E-CONFIG-VALUE {name}={value} ({origin}): expected {expected}")]
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
    #[error("E-CONFIG-LOCKED {name} ({origin}): this machine is locked, only what is built in may set it")]
    Refused {
        /// The key, or a word for the kernel.
        name: String,
        /// Where it stands.
        origin: Origin,
    },
    /// A text that is no command line.
    #[error("E-CONFIG-LINE ({origin}): {cause}")]
    Line {
        /// Where it stands.
        origin: Origin,
        /// What is wrong with it.
        cause: &'static str,
    },
}
