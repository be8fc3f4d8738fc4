// SPDX-License-Identifier: BSD-3-Clause
//! The hash functions that log entries and timestamps name.

use alloc::vec::Vec;

use sha2::{Digest as _, Sha256, Sha384, Sha512};
use x509_cert::der::asn1::ObjectIdentifier;

/// A hash function.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// Each function with its name in Rekor v2 and in bundles, its name in Rekor v1, and its object identifier.
const NAMES: [(Hash, &str, &str, ObjectIdentifier); 3] = [
    (Hash::Sha256, "SHA2_256", "sha256", ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1")),
    (Hash::Sha384, "SHA2_384", "sha384", ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2")),
    (Hash::Sha512, "SHA2_512", "sha512", ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3")),
];

impl Hash {
    /// Finds it by its name in `HashAlgorithm` of sigstore_common.proto, or in Rekor v1.
    pub(crate) fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, proto, rekor, _)| [*proto, *rekor].contains(&name)).map(|row| row.0)
    }

    /// Finds it by the content of its object identifier.
    pub(crate) fn identified(id: &[u8]) -> Option<Self> {
        NAMES.iter().find(|row| row.3.as_bytes() == id).map(|row| row.0)
    }

    /// The length of a digest in bytes.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The digest of some bytes.
    pub(crate) fn digest(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha384 => Sha384::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }
}
