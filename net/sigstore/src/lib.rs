// SPDX-License-Identifier: BSD-3-Clause
//! Parses and verifies sigstore bundles, offline.
//!
//! A [`Bundle`] has a signature and the proof of who made it. [`verify_with_key`] takes a [`PublicKey`] that the
//! caller trusts; [`verify_keyless`] takes a [`TrustedRoot`] and the [`Identity`] that a certificate must name. Both
//! verify that the [`Subject`] is what was signed.
//!
//! Sources: <https://github.com/sigstore/protobuf-specs> (bundle, trusted root),
//! <https://github.com/secure-systems-lab/dsse> (envelope), <https://github.com/in-toto/attestation> (statement),
//! <https://github.com/sigstore/architecture-docs> (client specification, algorithm registry).
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod bundle;
pub mod codes;
mod der;
mod dsse;
mod error;
mod fuzz;
mod hash;
mod json;
mod key;
mod keyed;
mod keyless;
mod log;
mod statement;
#[cfg(test)]
mod testing;
mod time;
mod timestamp;
mod x509;

pub use bundle::{Bundle, Content, Material, MessageSignature};
pub use dsse::Dsse;
pub use error::{Error, Structure};
pub use fuzz::fuzz;
pub use key::PublicKey;
pub use keyed::{Subject, verify_with_key};
pub use keyless::{Identity, TrustedRoot, verify_keyless};
pub use statement::PREDICATE;

/// Who has signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Signer {
    /// The holder of a key.
    Key {
        /// [`PublicKey::id`].
        id: alloc::string::String,
    },
    /// The identity that a certificate names.
    Certificate {
        /// The subject alternative name: an e-mail address, a URI.
        identity: alloc::string::String,
        /// The URL of the OpenID Connect provider that authenticated it.
        issuer: alloc::string::String,
        /// The time of signing, from a log or a timestamp authority; seconds since 1970.
        signed_at: u64,
    },
}

impl core::fmt::Display for Signer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Key { id } => write!(f, "key {id}"),
            Self::Certificate { identity, issuer, .. } => write!(f, "{identity} ({issuer})"),
        }
    }
}
