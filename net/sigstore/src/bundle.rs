// SPDX-License-Identifier: BSD-3-Clause
//! Bundles: a signature, and what proves who made it and when.

mod raw;

use alloc::{format, string::String, vec::Vec};

use crate::{Dsse, Error, PublicKey, Structure, Subject, hash::Hash, json::hex, log::Entry};

/// Bytes of a bundle. A keyless one takes about 10 KiB.
const LARGEST: usize = 1 << 18;

/// A bundle of version 0.1, 0.2 or 0.3, well-formed and not verified.
///
/// Spec: sigstore protobuf-specs, sigstore_bundle.proto.
#[derive(Clone, Debug)]
pub struct Bundle {
    version: Version,
    material: Material,
    entries: Vec<Entry>,
    timestamps: Vec<Vec<u8>>,
    content: Content,
}

/// Versions of the format.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Version {
    V01,
    V02,
    V03,
}

/// What the bundle says of the signer's key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Material {
    /// A key that the verifier has.
    Key {
        /// Which one, as the signer says; of cosign's bundles [`PublicKey::hint`]. May be empty.
        hint: String,
    },
    /// A certificate, DER.
    Certificate(Vec<u8>),
}

/// What is signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Content {
    /// The artifact's own bytes.
    Message(MessageSignature),
    /// A statement about artifacts.
    Envelope(Dsse),
}

/// A signature over an artifact's bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MessageSignature {
    /// What the bundle says of the artifact; bundles with Ed25519 say nothing.
    pub(crate) digest: Option<Digest>,
    pub(crate) signature: Vec<u8>,
}

/// The digest of an artifact.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Digest {
    pub hash: Hash,
    pub bytes: Vec<u8>,
}

impl Bundle {
    /// Parses a bundle's JSON. Unknown members are tolerated.
    ///
    /// # Errors
    /// It is larger than 256 KiB, malformed, of another version, or has nothing that is supported.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        if json.len() > LARGEST {
            return Err(Error::Limit { structure: Structure::Bundle, what: "bytes", most: LARGEST });
        }
        raw::parse(json)
    }

    /// What it says of the signer's key.
    pub fn material(&self) -> &Material {
        &self.material
    }

    /// What is signed.
    pub fn content(&self) -> &Content {
        &self.content
    }

    pub(crate) fn version(&self) -> Version {
        self.version
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// `TimeStampResp`s of RFC 3161, DER.
    pub(crate) fn timestamps(&self) -> &[Vec<u8>] {
        &self.timestamps
    }
}

impl Version {
    /// Whether an entry proves what entries of the version must prove.
    pub(crate) fn check(self, entry: &Entry) -> Result<(), Error> {
        let missing = match self {
            Self::V01 if entry.promise.is_none() => "no inclusionPromise, which version 0.1 must have",
            Self::V02 | Self::V03 if entry.proof.is_none() => {
                "no inclusionProof, which versions 0.2 and 0.3 must have"
            }
            _ => return Ok(()),
        };
        Err(Error::refused(Structure::LogEntry, missing))
    }
}

impl MessageSignature {
    /// Whether the key has signed the subject.
    pub(crate) fn verify(&self, subject: &Subject<'_>, key: &PublicKey) -> Result<(), Error> {
        let expected = match (&self.digest, subject) {
            (None, _) => None,
            (Some(digest), Subject::Message(message)) => Some(digest.hash.digest(message)),
            (Some(Digest { hash: Hash::Sha256, .. }), Subject::Sha256(digest)) => Some(digest.to_vec()),
            (Some(_), Subject::Sha256(_)) => {
                let why = "its digest is not SHA-256: give the file, not its digest";
                return Err(Error::refused(Structure::MessageSignature, why));
            }
        };
        match (&self.digest, expected) {
            (Some(digest), Some(expected)) if digest.bytes != expected => {
                let [found, expected] = [&digest.bytes, &expected].map(|bytes| digest.hash.text(bytes));
                return Err(Error::Subject { found, expected });
            }
            _ => {}
        }
        match subject {
            Subject::Message(message) => key.verify(message, &self.signature),
            Subject::Sha256(digest) => key.verify_sha256(digest, &self.signature),
        }
    }
}

impl Hash {
    /// A digest as a text.
    fn text(self, digest: &[u8]) -> String {
        let name = match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        };
        format!("{name}:{}", hex(digest))
    }
}
