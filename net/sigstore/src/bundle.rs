// SPDX-License-Identifier: BSD-3-Clause
//! Bundles: a signature, and the proof of who made it and when.

mod raw;
mod write;

use alloc::{format, string::String, vec::Vec};

use crate::{Dsse, Error, PublicKey, Structure, Subject, hash::Hash, json::hex, log::Entry};

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

/// What the bundle says about the signer's key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Material {
    /// A key that the verifier has.
    Key {
        /// The signer's hint at which key; in cosign's bundles [`PublicKey::hint`]. May be empty.
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
    /// The digest of the artifact, as the bundle gives it; bundles with plain Ed25519 have none.
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
    /// The largest bundle in bytes. A keyless one has about 10 KiB.
    pub const LARGEST: usize = 1 << 18;

    /// Parses a bundle's JSON. Unknown members are tolerated.
    ///
    /// # Errors
    /// It is larger than 256 KiB, malformed, of another version, or of an unsupported kind.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        if json.len() > Self::LARGEST {
            return Err(Error::Limit { structure: Structure::Bundle, what: "bytes", most: Self::LARGEST });
        }
        raw::parse(json)
    }

    /// What it says about the signer's key.
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
    /// Checks that an entry has the proofs that this version requires.
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
    /// Verifies that the key has signed the subject.
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
    /// A digest as text.
    fn text(self, digest: &[u8]) -> String {
        let name = match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        };
        format!("{name}:{}", hex(digest))
    }
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString as _};

    use super::*;
    use crate::testing::{Case, envelope};

    /// What is wrong with the envelope's bundle when one text in it is replaced.
    fn words(text: &str, with: &str) -> String {
        let bundle = envelope("t", "p");
        let changed = bundle.replacen(text, with, 1);
        assert_ne!(changed, bundle);
        match Bundle::parse(changed.as_bytes()) {
            Ok(_) => String::from("accepted"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn versions_are_those_of_the_specification() {
        let media = "bundle.v0.3+json";
        for known in ["bundle+json;version=0.1", "bundle+json;version=0.2", "bundle+json;version=0.3"] {
            assert_eq!(words(media, known), "accepted");
        }
        for unknown in ["bundle.v0.4+json", "bundle+json;version=0.4", "bundle.v0.3.1+json", "bundle", ""] {
            assert!(words(media, unknown).starts_with("bundle: mediaType"), "{unknown}");
        }
    }

    #[test]
    fn unknown_members_and_other_ways_to_write_are_accepted() {
        assert_eq!(words("{", r#"{"new":{"a":[[],1.5,null]},"#), "accepted");
        assert_eq!(words(r#"{"hint":"h"}"#, r#"{"hint":"h","new":1}"#), "accepted");
        assert_eq!(
            words(r#"{"publicKey""#, r#"{"certificate":null,"tlogEntries":null,"publicKey""#),
            "accepted"
        );
        // Base64 of the other alphabet, without padding.
        assert_eq!(words(r#""payload":"cA==""#, r#""payload":"cA""#), "accepted");
        assert_eq!(words(r#""payload":"cA==""#, r#""payload":"_-8=""#), "accepted");
    }

    #[test]
    fn each_malformed_member_is_refused() {
        let refused = |text: &str, with: &str, expected: &str| {
            let found = words(text, with);
            assert!(found.starts_with(expected), "{found}");
        };
        refused(r#"{"mediaType""#, r#"[{"mediaType""#, "malformed bundle: EOF while parsing a list");
        refused(
            r#"{"mediaType""#,
            r#"{"mediaType":"","mediaType""#,
            "malformed bundle: duplicate field `mediaType`",
        );
        refused("verificationMaterial", "new", "malformed bundle: no verificationMaterial");
        refused(r#""publicKey""#, r#""new""#, "malformed bundle: neither publicKey nor certificate");
        refused(
            r#"{"publicKey""#,
            r#"{"certificate":{"rawBytes":""},"publicKey""#,
            "malformed bundle: several of publicKey, certificate and x509CertificateChain",
        );
        refused("dsseEnvelope", "new", "malformed bundle: neither messageSignature nor dsseEnvelope");
        refused(
            r#""dsseEnvelope""#,
            r#""messageSignature":{},"dsseEnvelope""#,
            "malformed bundle: both messageSignature and dsseEnvelope",
        );
        refused(
            r#""payload":"cA==""#,
            r#""payload":"cA=""#,
            "malformed DSSE envelope: payload is not base64",
        );
        refused(
            r#""payload":"cA==""#,
            r#""payload":"cB==""#,
            "malformed DSSE envelope: payload is not base64",
        );
        refused(
            r#""payload":"cA==""#,
            r#""payload":["cA=="]"#,
            "malformed DSSE envelope: field `payload`: expected a string or a number, found an array",
        );
        refused(r#"[{"sig""#, r#"[{},{"sig""#, "malformed DSSE envelope: not exactly one signature");
        refused(r#""signatures""#, r#""new""#, "malformed DSSE envelope: not exactly one signature");
        refused("}}", "}}x", "malformed bundle: expected");
    }

    #[test]
    fn chains_are_of_older_versions() {
        let bundle = Case::default().bundle();
        let newer = bundle.replace("version=0.1", "version=0.3");
        let error = Bundle::parse(newer.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "malformed bundle: x509CertificateChain, which version 0.3 does not have");
        let start = bundle.find("{\"rawBytes\"").unwrap();
        let end = bundle.find("]},\"tlogEntries").unwrap();
        let empty = [&bundle[..start], &bundle[end..]].concat();
        let error = Bundle::parse(empty.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "malformed bundle: an empty x509CertificateChain");
    }

    #[test]
    fn everything_is_bounded() {
        let large = std::vec![b' '; Bundle::LARGEST + 1];
        let error = Bundle::parse(&large).unwrap_err().to_string();
        assert_eq!(error, "bundle: more than 262144 bytes");
        let many = |count: usize| {
            let entries = std::vec!["{}"; count].join(",");
            words(r#"{"publicKey""#, &format!(r#"{{"tlogEntries":[{entries}],"publicKey""#))
        };
        assert_eq!(many(8), "accepted");
        assert!(
            many(9).starts_with("malformed bundle: field `tlogEntries`: more than 8 members"),
            "{}",
            many(9)
        );
        // Unused values are skipped without recursion.
        let [open, close] = ["[", "]"].map(|bracket| bracket.repeat(100_000));
        assert_eq!(words("{", &format!(r#"{{"new":{open}{close},"#)), "accepted");
    }
}
