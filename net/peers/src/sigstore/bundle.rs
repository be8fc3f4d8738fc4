// SPDX-License-Identifier: BSD-3-Clause
//! Bundles of version 0.3, by signers that the service has certified.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    Service, base64, hex,
    log::{self, Hash, Payload, Said},
};

/// How a bundle has the signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// `messageSignature`.
    Message,
    /// `dsseEnvelope`, with an in-toto statement as cosign 3 makes it.
    Envelope,
}

/// A signature.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// What is signed.
    pub artifact: &'a [u8],
    /// The signer's name, certified by [`Service::certify`].
    pub signer: &'a str,
    /// The hash function as `openssl` calls it; `ph` is Ed25519ph.
    pub hash: &'a str,
    /// How the bundle has it.
    pub form: Form,
    /// Kind and version of the log's entry: `hashedrekord 0.0.2`.
    pub kind: &'a str,
}

impl Signed<'_> {
    /// The bundle, with an entry of the log, and with a timestamp if the log says no time.
    ///
    /// # Panics
    /// openssl fails.
    pub fn bundle(&self, service: &Service) -> Value {
        let Self { artifact, signer, hash, form, kind } = *self;
        let statement = format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{}"}}}}],"predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{{}}}}"#,
            hex(&Sha256::digest(artifact))
        );
        let kind_of_payload = "application/vnd.in-toto+json";
        let encoded =
            format!("DSSEv1 {} {kind_of_payload} {} {statement}", kind_of_payload.len(), statement.len());
        let (signed, payload) = match form {
            Form::Message => (artifact, Payload::Message(artifact)),
            Form::Envelope => {
                (encoded.as_bytes(), Payload::Envelope(statement.as_bytes(), encoded.as_bytes()))
            }
        };
        let signature = service.sign(signer, hash, signed);
        let (der, pem) = (service.der(signer), service.pki.read(&format!("{signer}.pem")));
        let used = if hash == "ph" { Hash::Sha512 } else { Hash::Sha256 };
        let said = Said { hash: used, signature: &signature, certificate: (&der, &pem), payload };
        let entry = log::entry(service, kind, &log::body(kind, &said));
        let is_timed = entry.get("integratedTime").is_some();
        let mut material = json!({"certificate": {"rawBytes": base64(&der)}, "tlogEntries": [entry]});
        if !is_timed {
            let timestamp = service.timestamp(&signature, "sha256", "", "");
            material["timestampVerificationData"] =
                json!({"rfc3161Timestamps": [{"signedTimestamp": base64(&timestamp)}]});
        }
        let mut bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": material,
        });
        match form {
            Form::Message => {
                bundle["messageSignature"] = json!({
                    "messageDigest": {"algorithm": used.name(), "digest": base64(&used.digest(artifact))},
                    "signature": base64(&signature),
                });
            }
            Form::Envelope => {
                bundle["dsseEnvelope"] = json!({
                    "payload": base64(statement.as_bytes()),
                    "payloadType": kind_of_payload,
                    "signatures": [{"sig": base64(&signature)}],
                });
            }
        }
        bundle
    }
}
