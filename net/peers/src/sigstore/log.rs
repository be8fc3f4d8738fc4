// SPDX-License-Identifier: BSD-3-Clause
//! Transparency logs: trees of entries and what proves that one is in them, as Rekor v1 and v2 write it.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha512};

use super::{REKOR_1, REKOR_2, Service, base64, hex};

/// All entries of a tree.
const LEAVES: usize = 11;
/// Which of them is ours.
pub const INDEX: usize = 5;

/// Where Rekor v1 starts to count in this tree.
const BEFORE: usize = 1_000_000;

/// What an entry says.
#[derive(Clone, Copy)]
pub struct Said<'a> {
    /// Of digests of what is signed.
    pub hash: Hash,
    /// The signature.
    pub signature: &'a [u8],
    /// In DER, and the same in PEM.
    pub certificate: (&'a [u8], &'a [u8]),
    /// What was signed.
    pub payload: Payload<'a>,
}

/// A hash function: SHA-256, which is usual with the kinds of keys here, or SHA-512, of Ed25519ph.
#[derive(Clone, Copy, PartialEq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// The digest of bytes.
    pub fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }

    /// In bundles and Rekor v2.
    pub fn name(self) -> &'static str {
        if self == Self::Sha256 { "SHA2_256" } else { "SHA2_512" }
    }
}

/// What was signed.
#[derive(Clone, Copy)]
pub enum Payload<'a> {
    /// A message.
    Message(&'a [u8]),
    /// Payload, and what is signed.
    Envelope(&'a [u8], &'a [u8]),
}

/// The body of a kind and version.
pub fn body(kind: &str, said: &Said<'_>) -> String {
    let (der, pem) = said.certificate;
    let (signature, pem, der) = (base64(said.signature), base64(pem), base64(der));
    let (hashed, signed) = match said.payload {
        Payload::Message(message) => (message, message),
        Payload::Envelope(payload, signed) => (payload, signed),
    };
    let (digest, signed) = (Sha256::digest(hashed), said.hash.digest(signed));
    let artifact = hex(&said.hash.digest(hashed));
    let (name, key, old_name) = match said.hash {
        Hash::Sha256 => (said.hash.name(), "PKIX_ECDSA_P256_SHA_256", "sha256"),
        Hash::Sha512 => (said.hash.name(), "PKIX_ED25519_PH", "sha512"),
    };
    let (value, digest, signed) = (hex(&digest), base64(&digest), base64(&signed));
    // Members in the order of canonical JSON.
    match kind {
        "hashedrekord 0.0.1" => format!(
            r#"{{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{{"data":{{"hash":{{"algorithm":"{old_name}","value":"{artifact}"}}}},"signature":{{"content":"{signature}","publicKey":{{"content":"{pem}"}}}}}}}}"#
        ),
        "dsse 0.0.1" => format!(
            r#"{{"apiVersion":"0.0.1","kind":"dsse","spec":{{"envelopeHash":{{"algorithm":"sha256","value":"{value}"}},"payloadHash":{{"algorithm":"sha256","value":"{value}"}},"signatures":[{{"signature":"{signature}","verifier":"{pem}"}}]}}}}"#
        ),
        "intoto 0.0.2" => format!(
            r#"{{"apiVersion":"0.0.2","kind":"intoto","spec":{{"content":{{"envelope":{{"payloadType":"application/vnd.in-toto+json","signatures":[{{"publicKey":"{pem}","sig":"{}"}}]}},"hash":{{"algorithm":"sha256","value":"{value}"}},"payloadHash":{{"algorithm":"sha256","value":"{value}"}}}}}}}}"#,
            base64(signature.as_bytes())
        ),
        "hashedrekord 0.0.2" => format!(
            r#"{{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{{"hashedRekordV002":{{"data":{{"algorithm":"{name}","digest":"{signed}"}},"signature":{{"content":"{signature}","verifier":{{"keyDetails":"{key}","x509Certificate":{{"rawBytes":"{der}"}}}}}}}}}}}}"#
        ),
        "dsse 0.0.2" => format!(
            r#"{{"apiVersion":"0.0.2","kind":"dsse","spec":{{"dsseV002":{{"payloadHash":{{"algorithm":"SHA2_256","digest":"{digest}"}},"signatures":[{{"content":"{signature}","verifier":{{"keyDetails":"PKIX_ECDSA_P256_SHA_256","x509Certificate":{{"rawBytes":"{der}"}}}}}}]}}}}}}"#
        ),
        other => panic!("no kind {other}"),
    }
}

/// An entry of a bundle: the body of a kind and version, in the log of its generation.
pub fn entry(service: &Service, kind: &str, body: &str) -> Value {
    let (name, version) = kind.split_once(' ').unwrap();
    let is_v2 = body.contains("V002\"");
    let (key, host) = if is_v2 { ("rekor2", REKOR_2) } else { ("rekor1", REKOR_1) };
    let origin = if is_v2 { host.into() } else { format!("{host} - 8812345678901234567") };
    let mut leaves: Vec<Vec<u8>> = (0..LEAVES).map(|number| format!("other {number}").into_bytes()).collect();
    leaves[INDEX] = body.as_bytes().to_vec();
    let root = root(&leaves);
    let text = format!("{origin}\n{LEAVES}\n{}\n", base64(&root));
    let text = if is_v2 { text } else { format!("{text}Timestamp: 1692374735595899989\n") };
    let checkpoint = format!("{text}\n{}", signature(service, key, host, &text, is_v2));
    let log_id = Sha256::digest(service.spki(key));
    let mut entry = json!({
        "logIndex": if is_v2 { INDEX } else { BEFORE + INDEX }.to_string(),
        "logId": {"keyId": base64(&log_id)},
        "kindVersion": {"kind": name, "version": version},
        "inclusionProof": {
            "logIndex": INDEX.to_string(),
            "rootHash": base64(&root),
            "treeSize": LEAVES.to_string(),
            "hashes": path(INDEX, &leaves).iter().map(|hash| base64(hash)).collect::<Vec<_>>(),
            "checkpoint": {"envelope": checkpoint},
        },
        "canonicalizedBody": base64(body.as_bytes()),
    });
    if !is_v2 {
        let time = service.now.to_string();
        let signed = format!(
            r#"{{"body":"{}","integratedTime":{time},"logID":"{}","logIndex":{}}}"#,
            base64(body.as_bytes()),
            hex(&log_id),
            BEFORE + INDEX
        );
        let promise = service.sign(key, "sha256", signed.as_bytes());
        entry["integratedTime"] = time.into();
        entry["inclusionPromise"] = json!({"signedEntryTimestamp": base64(&promise)});
    }
    entry
}

/// A line of a signed note.
pub fn signature(service: &Service, key: &str, name: &str, text: &str, is_v2: bool) -> String {
    let spki = service.spki(key);
    let is_edwards = spki.len() == 44;
    let id = match (is_v2, is_edwards) {
        (true, true) => Sha256::digest([name.as_bytes(), b"\n\x01", &spki[12..]].concat()),
        _ => Sha256::digest(&spki),
    };
    let signature = service.sign(key, if is_edwards { "" } else { "sha256" }, text.as_bytes());
    format!("\u{2014} {name} {}\n", base64(&[&id[..4], &signature].concat()))
}

type Node = [u8; 32];

/// RFC 6962 section 2.1: the hash of a tree.
fn root(leaves: &[Vec<u8>]) -> Node {
    match leaves {
        [leaf] => Sha256::digest([&[0], leaf.as_slice()].concat()).into(),
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Sha256::digest([&[1][..], &root(left), &root(right)].concat()).into()
        }
    }
}

/// Section 2.1.1: the audit path.
fn path(number: usize, leaves: &[Vec<u8>]) -> Vec<Node> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let half = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(half);
    let (mut path, other) = if number < half {
        (path(number, left), root(right))
    } else {
        (path(number - half, right), root(left))
    };
    path.push(other);
    path
}
