// SPDX-License-Identifier: BSD-3-Clause
//! The bodies of log entries: what was logged.
//!
//! Spec: pkg/types of <https://github.com/sigstore/rekor> (`hashedrekord` and `dsse` 0.0.1, `intoto` 0.0.2);
//! api/proto/rekor/v2 of <https://github.com/sigstore/rekor-tiles> (`hashedrekord` and `dsse` 0.0.2).

use alloc::{borrow::Cow, format, vec::Vec};

use rustls::pki_types::pem::{SectionKind, SliceIter};

use super::{Entry, Expected, pick::texts, refused};
use crate::{
    Content, Error, Structure, Subject,
    hash::Hash,
    json::{decoded, hex},
};

/// The generation of a log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Generation {
    /// Rekor v1: many trees, entries promised with a time; certificates in PEM, digests in hexadecimal.
    V1,
    /// Rekor v2: one tree without times; certificates in DER, digests in base64.
    V2,
}

/// What an entry's digest covers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Hashed {
    /// An artifact.
    Message,
    /// What was signed: an artifact, or type and payload of an envelope.
    Signed,
    /// The payload of an envelope.
    Payload,
}

/// A kind of entry, and the paths of its fields in the body.
struct Kind {
    name: &'static str,
    version: &'static str,
    generation: Generation,
    hashed: Hashed,
    /// Signature, certificate, name of the hash function, digest.
    paths: [&'static str; 4],
    /// Whether the signature is encoded in base64 twice.
    is_twice: bool,
}

const KINDS: [Kind; 5] = [
    Kind {
        name: "hashedrekord",
        version: "0.0.1",
        generation: Generation::V1,
        hashed: Hashed::Message,
        paths: [
            "/spec/signature/content",
            "/spec/signature/publicKey/content",
            "/spec/data/hash/algorithm",
            "/spec/data/hash/value",
        ],
        is_twice: false,
    },
    Kind {
        name: "dsse",
        version: "0.0.1",
        generation: Generation::V1,
        hashed: Hashed::Payload,
        paths: [
            "/spec/signatures/0/signature",
            "/spec/signatures/0/verifier",
            "/spec/payloadHash/algorithm",
            "/spec/payloadHash/value",
        ],
        is_twice: false,
    },
    Kind {
        name: "intoto",
        version: "0.0.2",
        generation: Generation::V1,
        hashed: Hashed::Payload,
        paths: [
            "/spec/content/envelope/signatures/0/sig",
            "/spec/content/envelope/signatures/0/publicKey",
            "/spec/content/payloadHash/algorithm",
            "/spec/content/payloadHash/value",
        ],
        is_twice: true,
    },
    Kind {
        name: "hashedrekord",
        version: "0.0.2",
        generation: Generation::V2,
        hashed: Hashed::Signed,
        paths: [
            "/spec/hashedRekordV002/signature/content",
            "/spec/hashedRekordV002/signature/verifier/x509Certificate/rawBytes",
            "/spec/hashedRekordV002/data/algorithm",
            "/spec/hashedRekordV002/data/digest",
        ],
        is_twice: false,
    },
    Kind {
        name: "dsse",
        version: "0.0.2",
        generation: Generation::V2,
        hashed: Hashed::Payload,
        paths: [
            "/spec/dsseV002/signatures/0/content",
            "/spec/dsseV002/signatures/0/verifier/x509Certificate/rawBytes",
            "/spec/dsseV002/payloadHash/algorithm",
            "/spec/dsseV002/payloadHash/digest",
        ],
        is_twice: false,
    },
];

/// Verifies that the body is about what is expected. Returns its generation.
pub(super) fn verify(entry: &Entry, expected: &Expected<'_>) -> Result<Generation, Error> {
    let head = texts(&entry.body, ["/kind", "/apiVersion"])?;
    let [name, version] = head.map(Option::unwrap_or_default);
    let kind = KINDS.iter().find(|kind| kind.name == name && kind.version == version);
    let kind =
        kind.ok_or_else(|| Error::unsupported(Structure::LogEntry, "kind", &format!("{name} {version}")))?;
    if entry.kind != name || entry.version != version {
        return Err(refused("kindVersion is not what the body says"));
    }
    let [signature, certificate, hash, digest] = texts(&entry.body, kind.paths)?;
    if kind.signature(&text("signature", signature)?)? != expected.signature {
        return Err(refused("it is about another signature"));
    }
    if kind.certificate(&text("certificate", certificate)?)? != expected.certificate {
        return Err(refused("it is about another certificate"));
    }
    let hash = text("hash function", hash)?;
    let hash =
        Hash::named(&hash).ok_or_else(|| Error::unsupported(Structure::LogEntry, "hash function", &hash))?;
    let signed = kind.hashed.digest(hash, expected)?;
    let signed = match kind.generation {
        Generation::V1 => hex(&signed).into_bytes(),
        Generation::V2 => signed,
    };
    if kind.digest(&text("digest", digest)?)? != signed {
        return Err(refused("it is about something else: its digest differs"));
    }
    Ok(kind.generation)
}

fn text<'a>(what: &str, found: Option<Cow<'a, str>>) -> Result<Cow<'a, str>, Error> {
    found.ok_or_else(|| Error::malformed(Structure::LogEntry, format!("body: no {what}")))
}

impl Kind {
    fn signature(&self, text: &str) -> Result<Vec<u8>, Error> {
        let signature = decoded(Structure::LogEntry, "body: signature", text)?;
        if !self.is_twice {
            return Ok(signature);
        }
        let inner = core::str::from_utf8(&signature).unwrap_or("?");
        decoded(Structure::LogEntry, "body: signature, decoded once,", inner)
    }

    /// The certificate in DER.
    fn certificate(&self, text: &str) -> Result<Vec<u8>, Error> {
        let certificate = decoded(Structure::LogEntry, "body: certificate", text)?;
        if self.generation == Generation::V2 {
            return Ok(certificate);
        }
        match SliceIter::<(SectionKind, Vec<u8>)>::new(&certificate).next() {
            Some(Ok((SectionKind::Certificate, der))) => Ok(der),
            Some(Ok(_)) => Err(refused("it is about a key, not about a certificate")),
            _ => Err(Error::malformed(Structure::LogEntry, "body: the certificate is not PEM")),
        }
    }

    fn digest(&self, text: &str) -> Result<Vec<u8>, Error> {
        match self.generation {
            Generation::V1 => Ok(text.into()),
            Generation::V2 => decoded(Structure::LogEntry, "body: digest", text),
        }
    }
}

impl Hashed {
    /// The digest that the entry must have.
    fn digest(self, hash: Hash, expected: &Expected<'_>) -> Result<Vec<u8>, Error> {
        match (self, expected.content, expected.subject) {
            (Self::Message | Self::Signed, Content::Message(_), Subject::Message(message)) => {
                Ok(hash.digest(message))
            }
            (Self::Message | Self::Signed, Content::Message(_), Subject::Sha256(digest)) => match hash {
                Hash::Sha256 => Ok(digest.to_vec()),
                _ => Err(refused("its digest is not SHA-256: give the file, not its digest")),
            },
            (Self::Signed, Content::Envelope(envelope), _) => Ok(hash.digest(&envelope.signed())),
            (Self::Payload, Content::Envelope(envelope), _) => Ok(hash.digest(&envelope.payload)),
            (Self::Message, Content::Envelope(_), _) => {
                Err(refused("it is about a message, the bundle has an envelope"))
            }
            (Self::Payload, Content::Message(_), _) => {
                Err(refused("it is about an envelope, the bundle has a message signature"))
            }
        }
    }
}
