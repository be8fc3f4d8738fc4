// SPDX-License-Identifier: BSD-3-Clause
//! Bundles as they stand in JSON.

use alloc::{format, string::String, vec::Vec};

use serde::Deserialize;

use super::{Bundle, Content, Digest, Material, MessageSignature, Version};
use crate::{
    Dsse, Error, Structure,
    hash::Hash,
    json::{List, Scalar, Text, decoded, parsed},
    log::{Entry, Proof},
};

/// Log entries and timestamps, each; real bundles have one or two. Each one costs signatures to verify: `tests/oracle`
/// has the largest bundle, in `bounds.rs`.
const PROOFS: usize = 8;
/// Certificates of a chain, of which only the first counts.
const CERTIFICATES: usize = 16;
/// Hashes of an inclusion proof: a tree has at most 2^63 leaves.
const HASHES: usize = 64;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawBundle<'a> {
    #[serde(borrow, default)]
    media_type: Text<'a>,
    #[serde(borrow)]
    verification_material: Option<RawMaterial<'a>>,
    #[serde(borrow)]
    message_signature: Option<RawMessage<'a>>,
    #[serde(borrow)]
    dsse_envelope: Option<RawEnvelope<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMaterial<'a> {
    #[serde(borrow)]
    public_key: Option<RawKey<'a>>,
    #[serde(borrow)]
    x509_certificate_chain: Option<RawChain<'a>>,
    #[serde(borrow)]
    certificate: Option<RawBytes<'a>>,
    #[serde(borrow, default)]
    tlog_entries: List<RawEntry<'a>, PROOFS>,
    #[serde(borrow)]
    timestamp_verification_data: Option<RawTimestamps<'a>>,
}

#[derive(Deserialize)]
struct RawKey<'a> {
    #[serde(borrow, default)]
    hint: Text<'a>,
}

#[derive(Deserialize)]
pub(crate) struct RawChain<'a> {
    #[serde(borrow, default)]
    pub certificates: List<RawBytes<'a>, CERTIFICATES>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawBytes<'a> {
    #[serde(borrow, default)]
    pub raw_bytes: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTimestamps<'a> {
    #[serde(borrow, default)]
    rfc3161_timestamps: List<RawTimestamp<'a>, PROOFS>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTimestamp<'a> {
    #[serde(borrow, default)]
    signed_timestamp: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMessage<'a> {
    #[serde(borrow)]
    message_digest: Option<RawDigest<'a>>,
    #[serde(borrow, default)]
    signature: Text<'a>,
}

#[derive(Deserialize)]
struct RawDigest<'a> {
    #[serde(borrow, default)]
    algorithm: Scalar<'a>,
    #[serde(borrow, default)]
    digest: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEnvelope<'a> {
    #[serde(borrow, default)]
    payload: Text<'a>,
    #[serde(borrow, default)]
    payload_type: Text<'a>,
    #[serde(borrow, default)]
    signatures: List<RawSignature<'a>, 16>,
}

#[derive(Deserialize)]
struct RawSignature<'a> {
    #[serde(borrow, default)]
    sig: Text<'a>,
}

/// `TransparencyLogEntry` of sigstore_rekor.proto.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEntry<'a> {
    #[serde(borrow, default)]
    log_index: Scalar<'a>,
    #[serde(borrow)]
    log_id: Option<RawLogId<'a>>,
    #[serde(borrow)]
    kind_version: Option<RawKind<'a>>,
    #[serde(borrow, default)]
    integrated_time: Scalar<'a>,
    #[serde(borrow)]
    inclusion_promise: Option<RawPromise<'a>>,
    #[serde(borrow)]
    inclusion_proof: Option<RawProof<'a>>,
    #[serde(borrow, default)]
    canonicalized_body: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawLogId<'a> {
    #[serde(borrow, default)]
    pub key_id: Text<'a>,
}

#[derive(Deserialize)]
struct RawKind<'a> {
    #[serde(borrow, default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPromise<'a> {
    #[serde(borrow, default)]
    signed_entry_timestamp: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawProof<'a> {
    #[serde(borrow, default)]
    log_index: Scalar<'a>,
    #[serde(borrow, default)]
    root_hash: Text<'a>,
    #[serde(borrow, default)]
    tree_size: Scalar<'a>,
    #[serde(borrow, default)]
    hashes: List<Text<'a>, HASHES>,
    #[serde(borrow)]
    checkpoint: Option<RawCheckpoint<'a>>,
}

#[derive(Deserialize)]
struct RawCheckpoint<'a> {
    #[serde(borrow, default)]
    envelope: Text<'a>,
}

pub(super) fn parse(json: &[u8]) -> Result<Bundle, Error> {
    let raw: RawBundle<'_> = parsed(Structure::Bundle, json)?;
    let version = version(&raw.media_type.0)?;
    let missing = |what| Error::malformed(Structure::Bundle, what);
    let material = raw.verification_material.ok_or_else(|| missing("no verificationMaterial"))?;
    let content = match (raw.message_signature, raw.dsse_envelope) {
        (Some(message), None) => Content::Message(message.decoded()?),
        (None, Some(envelope)) => Content::Envelope(envelope.decoded()?),
        (None, None) => return Err(missing("neither messageSignature nor dsseEnvelope")),
        (Some(_), Some(_)) => return Err(missing("both messageSignature and dsseEnvelope")),
    };
    let entries: Vec<Entry> =
        material.tlog_entries.0.iter().map(RawEntry::decoded).collect::<Result<_, _>>()?;
    let timestamps = material.timestamp_verification_data.iter().flat_map(|data| &data.rfc3161_timestamps.0);
    let timestamps = timestamps
        .map(|timestamp| decoded(Structure::Bundle, "signedTimestamp", &timestamp.signed_timestamp.0))
        .collect::<Result<_, _>>()?;
    let material = key_material(version, &material)?;
    Ok(Bundle { version, material, entries, timestamps, content })
}

fn version(media_type: &str) -> Result<Version, Error> {
    match media_type {
        "application/vnd.dev.sigstore.bundle+json;version=0.1" => Ok(Version::V01),
        "application/vnd.dev.sigstore.bundle+json;version=0.2" => Ok(Version::V02),
        "application/vnd.dev.sigstore.bundle+json;version=0.3" | Bundle::MEDIA_TYPE => Ok(Version::V03),
        other => Err(Error::unsupported(Structure::Bundle, "mediaType", other)),
    }
}

fn key_material(version: Version, raw: &RawMaterial<'_>) -> Result<Material, Error> {
    let bad = |why| Error::malformed(Structure::Bundle, why);
    match (&raw.public_key, &raw.x509_certificate_chain, &raw.certificate) {
        (Some(key), None, None) => Ok(Material::Key { hint: String::from(&*key.hint.0) }),
        (None, None, Some(certificate)) => certificate.decoded().map(Material::Certificate),
        (None, Some(_), None) if version == Version::V03 => {
            Err(bad("x509CertificateChain, which version 0.3 does not have"))
        }
        (None, Some(chain), None) => {
            let first = chain.certificates.0.first();
            first.ok_or_else(|| bad("an empty x509CertificateChain"))?.decoded().map(Material::Certificate)
        }
        (None, None, None) => Err(bad("neither publicKey nor certificate")),
        _ => Err(bad("several of publicKey, certificate and x509CertificateChain")),
    }
}

impl RawBytes<'_> {
    fn decoded(&self) -> Result<Vec<u8>, Error> {
        decoded(Structure::Bundle, "rawBytes of a certificate", &self.raw_bytes.0)
    }
}

impl RawMessage<'_> {
    fn decoded(&self) -> Result<MessageSignature, Error> {
        let digest = self.message_digest.as_ref().map_or(Ok(None), RawDigest::decoded)?;
        let signature = decoded(Structure::MessageSignature, "signature", &self.signature.0)?;
        Ok(MessageSignature { digest, signature })
    }
}

impl RawDigest<'_> {
    fn decoded(&self) -> Result<Option<Digest>, Error> {
        let hash = match &*self.algorithm.0 {
            "" if self.digest.0.is_empty() => return Ok(None),
            "SHA2_256" | "1" => Hash::Sha256,
            "SHA2_384" | "2" => Hash::Sha384,
            "SHA2_512" | "3" => Hash::Sha512,
            other => return Err(Error::unsupported(Structure::MessageSignature, "digest algorithm", other)),
        };
        let bytes = decoded(Structure::MessageSignature, "digest", &self.digest.0)?;
        // It is shown where it is wrong.
        if bytes.len() != hash.size() {
            let why = format!("{} bytes are not a digest of its algorithm", bytes.len());
            return Err(Error::malformed(Structure::MessageSignature, why));
        }
        Ok(Some(Digest { hash, bytes }))
    }
}

impl RawEnvelope<'_> {
    fn decoded(&self) -> Result<Dsse, Error> {
        let [signature] = self.signatures.0.as_slice() else {
            return Err(Error::malformed(Structure::Envelope, "not exactly one signature"));
        };
        Ok(Dsse {
            payload_type: String::from(&*self.payload_type.0),
            payload: decoded(Structure::Envelope, "payload", &self.payload.0)?,
            signature: decoded(Structure::Envelope, "sig", &signature.sig.0)?,
        })
    }
}

impl RawEntry<'_> {
    fn decoded(&self) -> Result<Entry, Error> {
        let bytes = |field, text: &Text<'_>| decoded(Structure::LogEntry, field, &text.0);
        let kind = self.kind_version.as_ref();
        Ok(Entry {
            log_index: self.log_index.number(Structure::LogEntry, "logIndex")?,
            log_id: self.log_id.as_ref().map_or(Ok(Vec::new()), |id| bytes("logId", &id.key_id))?,
            kind: kind.map_or_else(String::new, |kind| String::from(&*kind.kind.0)),
            version: kind.map_or_else(String::new, |kind| String::from(&*kind.version.0)),
            integrated_time: self.integrated_time.number(Structure::LogEntry, "integratedTime")?,
            promise: match &self.inclusion_promise {
                Some(promise) => Some(bytes("signedEntryTimestamp", &promise.signed_entry_timestamp)?),
                None => None,
            },
            proof: self.inclusion_proof.as_ref().map(RawProof::decoded).transpose()?,
            body: bytes("canonicalizedBody", &self.canonicalized_body)?,
        })
    }
}

impl RawProof<'_> {
    fn decoded(&self) -> Result<Proof, Error> {
        let bytes = |field, text: &Text<'_>| decoded(Structure::LogEntry, field, &text.0);
        Ok(Proof {
            log_index: self.log_index.number(Structure::LogEntry, "inclusionProof.logIndex")?,
            root_hash: bytes("rootHash", &self.root_hash)?,
            tree_size: self.tree_size.number(Structure::LogEntry, "treeSize")?,
            hashes: self.hashes.0.iter().map(|hash| bytes("hashes", hash)).collect::<Result<_, _>>()?,
            checkpoint: self.checkpoint.as_ref().map_or_else(String::new, |c| String::from(&*c.envelope.0)),
        })
    }
}
