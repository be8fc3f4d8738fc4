// SPDX-License-Identifier: BSD-3-Clause
//! Parses bundles from JSON.

use alloc::{format, vec::Vec};

use super::{Bundle, Content, Digest, Material, MessageSignature, Version};
use crate::{
    Dsse, Error, Structure,
    hash::Hash,
    json::{Field, parsed},
    log::{Entry, Proof},
};

/// The most log entries, and the most timestamps; real bundles have one or two. Verifying each one takes time:
/// `tests/oracle` has the largest bundle, in `bounds.rs`.
const PROOFS: usize = 8;
/// The most certificates of a chain; only the first is used.
const CERTIFICATES: usize = 16;
/// The most hashes of an inclusion proof: a tree has at most 2^63 leaves.
const HASHES: usize = 64;
/// The most signatures of an envelope that are read; it must have exactly one.
const SIGNATURES: usize = 16;

pub(super) fn parse(json: &[u8]) -> Result<Bundle, Error> {
    let names = ["mediaType", "verificationMaterial", "messageSignature", "dsseEnvelope"];
    let [media_type, material, signature, envelope] = parsed(Structure::Bundle, json)?.members(names)?;
    let version = version(&media_type.text()?)?;
    let missing = |what| Error::malformed(Structure::Bundle, what);
    let material = material.given().ok_or_else(|| missing("no verificationMaterial"))?;
    let content = match (signature.given(), envelope.given()) {
        (Some(signature), None) => Content::Message(message(signature.of(Structure::MessageSignature))?),
        (None, Some(envelope)) => Content::Envelope(dsse(envelope.of(Structure::Envelope))?),
        (None, None) => return Err(missing("neither messageSignature nor dsseEnvelope")),
        (Some(_), Some(_)) => return Err(missing("both messageSignature and dsseEnvelope")),
    };
    let [entries, data] = material.members(["tlogEntries", "timestampVerificationData"])?;
    let entries = entries.list(PROOFS)?.into_iter().map(|raw| entry(raw.of(Structure::LogEntry)));
    let entries: Vec<Entry> = entries.collect::<Result<_, _>>()?;
    let [timestamps] = data.members(["rfc3161Timestamps"])?;
    let timestamps = timestamps.list(PROOFS)?.into_iter().map(|raw| {
        let [timestamp] = raw.members(["signedTimestamp"])?;
        timestamp.bytes("signedTimestamp")
    });
    let timestamps = timestamps.collect::<Result<_, _>>()?;
    let material = key_material(version, material)?;
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

fn key_material(version: Version, material: Field<'_>) -> Result<Material, Error> {
    let bad = |why| Error::malformed(Structure::Bundle, why);
    let [key, chain, certificate] = material.members(["publicKey", "x509CertificateChain", "certificate"])?;
    match (key.given(), chain.given(), certificate.given()) {
        (Some(key), None, None) => {
            let [hint] = key.members(["hint"])?;
            Ok(Material::Key { hint: hint.string()? })
        }
        (None, None, Some(certificate)) => der(certificate).map(Material::Certificate),
        (None, Some(_), None) if version == Version::V03 => {
            Err(bad("x509CertificateChain, which version 0.3 does not have"))
        }
        (None, Some(chain), None) => {
            let [certificates] = chain.members(["certificates"])?;
            let certificates = certificates.list(CERTIFICATES)?;
            let first = certificates.first().ok_or_else(|| bad("an empty x509CertificateChain"))?;
            der(*first).map(Material::Certificate)
        }
        (None, None, None) => Err(bad("neither publicKey nor certificate")),
        _ => Err(bad("several of publicKey, certificate and x509CertificateChain")),
    }
}

fn der(certificate: Field<'_>) -> Result<Vec<u8>, Error> {
    let [bytes] = certificate.members(["rawBytes"])?;
    bytes.bytes("rawBytes of a certificate")
}

fn message(raw: Field<'_>) -> Result<MessageSignature, Error> {
    let [message_digest, signature] = raw.members(["messageDigest", "signature"])?;
    Ok(MessageSignature { digest: digest(message_digest)?, signature: signature.bytes("signature")? })
}

fn digest(raw: Field<'_>) -> Result<Option<Digest>, Error> {
    let [algorithm, digest] = raw.members(["algorithm", "digest"])?;
    let hash = match &*algorithm.text()? {
        "" if digest.text()?.is_empty() => return Ok(None),
        "SHA2_256" | "1" => Hash::Sha256,
        "SHA2_384" | "2" => Hash::Sha384,
        "SHA2_512" | "3" => Hash::Sha512,
        other => return Err(Error::unsupported(Structure::MessageSignature, "digest algorithm", other)),
    };
    let bytes = digest.bytes("digest")?;
    // Errors show the digest.
    if bytes.len() != hash.size() {
        let why = format!("{} bytes are not a digest of its algorithm", bytes.len());
        return Err(Error::malformed(Structure::MessageSignature, why));
    }
    Ok(Some(Digest { hash, bytes }))
}

fn dsse(raw: Field<'_>) -> Result<Dsse, Error> {
    let [payload, payload_type, signatures] = raw.members(["payload", "payloadType", "signatures"])?;
    let signatures = signatures.list(SIGNATURES)?;
    let [signature] = signatures.as_slice() else {
        return Err(Error::malformed(Structure::Envelope, "not exactly one signature"));
    };
    let [sig] = signature.members(["sig"])?;
    Ok(Dsse {
        payload_type: payload_type.string()?,
        payload: payload.bytes("payload")?,
        signature: sig.bytes("sig")?,
    })
}

/// `TransparencyLogEntry` of sigstore_rekor.proto.
fn entry(raw: Field<'_>) -> Result<Entry, Error> {
    let [log_index, log_id, kind_version, integrated_time, body] =
        raw.members(["logIndex", "logId", "kindVersion", "integratedTime", "canonicalizedBody"])?;
    let [inclusion_promise, inclusion_proof] = raw.members(["inclusionPromise", "inclusionProof"])?;
    let [key_id] = log_id.members(["keyId"])?;
    let [kind, version] = kind_version.members(["kind", "version"])?;
    let promise = |raw: Field<'_>| {
        let [timestamp] = raw.members(["signedEntryTimestamp"])?;
        timestamp.bytes("signedEntryTimestamp")
    };
    Ok(Entry {
        log_index: log_index.number("logIndex")?,
        log_id: key_id.bytes("logId")?,
        kind: kind.string()?,
        version: version.string()?,
        integrated_time: integrated_time.number("integratedTime")?,
        promise: inclusion_promise.given().map(promise).transpose()?,
        proof: inclusion_proof.given().map(proof).transpose()?,
        body: body.bytes("canonicalizedBody")?,
    })
}

fn proof(raw: Field<'_>) -> Result<Proof, Error> {
    let [log_index, root_hash, tree_size, hashes, checkpoint] =
        raw.members(["logIndex", "rootHash", "treeSize", "hashes", "checkpoint"])?;
    let [envelope] = checkpoint.members(["envelope"])?;
    Ok(Proof {
        log_index: log_index.number("inclusionProof.logIndex")?,
        root_hash: root_hash.bytes("rootHash")?,
        tree_size: tree_size.number("treeSize")?,
        hashes: hashes
            .list(HASHES)?
            .into_iter()
            .map(|hash| hash.bytes("hashes"))
            .collect::<Result<_, _>>()?,
        checkpoint: envelope.string()?,
    })
}
