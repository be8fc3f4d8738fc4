// SPDX-License-Identifier: BSD-3-Clause
//! Signatures in cosign's older format: a "simple signing" payload as a layer, with annotations.

use alloc::{borrow::Cow, format, string::String, vec::Vec};
use core::fmt;

use base64ct::{Base64, Encoding as _};
use json::Object;
use oci::{Digest, spec::Annotations};
use sigstore::{Bundle, PREDICATE};

use crate::Why;

/// The media type of the payload.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The largest payload that is read; cosign's have 250 bytes and what users add.
pub(crate) const LARGEST: u64 = 64 << 10;

/// The keys of the annotations.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const LOG_ENTRY: &str = "dev.sigstore.cosign/bundle";
const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";

/// The types that a payload may claim: cosign's older one, and that of its bundles.
const TYPES: [&str; 2] = ["cosign container image signature", PREDICATE];

/// The most characters of untrusted text that a message shows.
const SHOWN: usize = 100;

/// A payload and its layer's annotations.
pub(crate) struct Simple<'a> {
    /// What is signed.
    pub payload: &'a [u8],
    /// The signature over it.
    pub signature: Vec<u8>,
    annotations: &'a Annotations,
}

impl<'a> Simple<'a> {
    /// A payload with the annotations of its layer.
    ///
    /// # Errors
    /// The signature annotation is missing or malformed.
    pub fn new(payload: &'a [u8], annotations: &'a Annotations) -> Result<Self, Why> {
        let text = annotations.get(SIGNATURE).ok_or_else(|| malformed(SIGNATURE, "missing"))?;
        let signature = Base64::decode_vec(text).map_err(|_| malformed(SIGNATURE, "not base64"))?;
        Ok(Self { payload, signature, annotations })
    }

    /// A signature with a certificate, converted to a bundle; `None` if it was made with a key.
    pub fn bundle(&self) -> Option<Result<Bundle, Why>> {
        let certificate = self.annotations.get(CERTIFICATE)?;
        Some(self.bundle_of(certificate))
    }

    /// Checks that the payload signs this digest. The payload's own signature must be verified before.
    ///
    /// # Errors
    /// It is malformed, of another type, or names another digest.
    pub fn check(&self, digest: &Digest) -> Result<(), Why> {
        let (type_, found) = signed(self.payload).map_err(|error| malformed("payload", &shown(&error)))?;
        if !TYPES.contains(&&*type_) {
            let why = format!("{:?} is not the type of an image signature", shown(&type_));
            return Err(malformed("critical.type", &why));
        }
        let expected = format!("{digest}");
        if found != expected {
            let found = shown(&found);
            return Err(Why::Sigstore(sigstore::Error::Subject { found, expected }));
        }
        Ok(())
    }

    /// A v0.1 bundle has the same parts, so its verifier need not know the older format.
    fn bundle_of(&self, certificate: &str) -> Result<Bundle, Why> {
        let certificate = first_of_pem(certificate).ok_or_else(|| malformed(CERTIFICATE, "not PEM"))?;
        let entry = self.annotations.get(LOG_ENTRY).map(|text| log_entry(text)).transpose()?;
        let entry = entry.map(|entry| format!(",\"tlogEntries\":[{entry}]")).unwrap_or_default();
        let timestamp = self.annotations.get(TIMESTAMP).map(|text| timestamp(text)).transpose()?;
        let timestamp = timestamp.unwrap_or_default();
        let signature = Base64::encode_string(&self.signature);
        let json = format!(
            r#"{{"mediaType":"application/vnd.dev.sigstore.bundle+json;version=0.1","verificationMaterial":{{"x509CertificateChain":{{"certificates":[{{"rawBytes":"{certificate}"}}]}}{entry}{timestamp}}},"messageSignature":{{"signature":"{signature}"}}}}"#
        );
        Bundle::parse(json.as_bytes()).map_err(Why::Sigstore)
    }
}

/// The type of a payload, and the digest that it is about.
///
/// Spec: containers/image, docs/containers-signature.5.md; cosign, specs/SIGNATURE_SPEC.md, "Payload Formats".
fn signed(payload: &[u8]) -> Result<(Cow<'_, str>, Cow<'_, str>), json::Error> {
    let [critical] = Object::parse(payload)?.members(["critical"])?;
    let [type_, image] = critical.object()?.members(["type", "image"])?;
    let [digest] = image.object()?.members(["docker-manifest-digest"])?;
    Ok((type_.text()?, digest.text()?))
}

/// What cosign keeps of a Rekor log entry.
///
/// Spec: cosign, pkg/cosign/bundle/rekor.go.
struct LogEntry<'a> {
    promise: Cow<'a, str>,
    body: Cow<'a, str>,
    integrated_time: u64,
    log_index: u64,
    log_id: Cow<'a, str>,
}

impl<'a> LogEntry<'a> {
    fn read(text: &'a str) -> Result<Self, json::Error> {
        let names = ["SignedEntryTimestamp", "Payload"];
        let [promise, payload] = Object::parse(text.as_bytes())?.members(names)?;
        let promise = promise.text()?;
        let names = ["body", "integratedTime", "logIndex", "logID"];
        let [body, integrated_time, log_index, log_id] = payload.object()?.members(names)?;
        Ok(Self {
            promise,
            body: body.text()?,
            integrated_time: integrated_time.number()?,
            log_index: log_index.number()?,
            log_id: log_id.text()?,
        })
    }
}

/// The same as a bundle's `TransparencyLogEntry`.
fn log_entry(text: &str) -> Result<String, Why> {
    let entry = LogEntry::read(text).map_err(|error| malformed(LOG_ENTRY, &shown(&error)))?;
    let LogEntry { promise, body, integrated_time, log_index, log_id } = entry;
    let (promise, body) = (base64(LOG_ENTRY, &promise)?, base64(LOG_ENTRY, &body)?);
    let id = bytes_of_hex(&log_id).ok_or_else(|| malformed(LOG_ENTRY, "logID is not hexadecimal"))?;
    let id = Base64::encode_string(&id);
    Ok(format!(
        r#"{{"logIndex":"{log_index}","logId":{{"keyId":"{id}"}},"kindVersion":{{"kind":"hashedrekord","version":"0.0.1"}},"integratedTime":"{integrated_time}","inclusionPromise":{{"signedEntryTimestamp":"{promise}"}},"canonicalizedBody":"{body}"}}"#
    ))
}

/// The same as a bundle's `TimestampVerificationData`, with its member name.
fn timestamp(text: &str) -> Result<String, Why> {
    let read = || {
        let [signed] = Object::parse(text.as_bytes())?.members(["SignedRFC3161Timestamp"])?;
        signed.text()
    };
    let signed = read().map_err(|error| malformed(TIMESTAMP, &shown(&error)))?;
    let signed = base64(TIMESTAMP, &signed)?;
    Ok(format!(r#","timestampVerificationData":{{"rfc3161Timestamps":[{{"signedTimestamp":"{signed}"}}]}}"#))
}

/// Checks that the text is base64, which can stand in JSON as it is.
fn base64(annotation: &str, text: &str) -> Result<String, Why> {
    let bytes = Base64::decode_vec(text).map_err(|_| malformed(annotation, "not base64"))?;
    Ok(Base64::encode_string(&bytes))
}

/// The first certificate of a PEM file, in base64.
fn first_of_pem(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----")?;
    let (inside, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let text: String = inside.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    Base64::decode_vec(&text).ok().map(|der| Base64::encode_string(&der))
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let byte = |digits: &[u8]| u8::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok();
    text.as_bytes().chunks(2).map(byte).collect()
}

fn malformed(what: &str, why: &str) -> Why {
    Why::Payload(format!("{what}: {why}"))
}

/// Untrusted text, as a message shows it.
fn shown(text: &dyn fmt::Display) -> String {
    let text = format!("{text}");
    text.chars().take(SHOWN).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use oci::Algorithm;

    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn payload(type_: &str, digest: &str) -> String {
        format!(
            r#"{{"critical":{{"identity":{{"docker-reference":"a/b"}},"image":{{"docker-manifest-digest":"{digest}"}},"type":"{type_}","new":[1]}},"optional":null}}"#
        )
    }

    fn checked(payload: &str) -> String {
        let annotations = Annotations::from([(SIGNATURE.to_string(), "AAAA".to_string())]);
        let simple = Simple::new(payload.as_bytes(), &annotations).ok().unwrap();
        match simple.check(&Digest::of(Algorithm::Sha256, b"")) {
            Ok(()) => "ok".into(),
            Err(why) => format!("{} {why}", why.code()),
        }
    }

    #[test]
    fn payloads_name_the_digest_and_their_type() {
        for type_ in TYPES {
            assert_eq!(checked(&payload(type_, DIGEST)), "ok");
        }
        let other = DIGEST.replace("e3b0", "0000");
        let expected = format!("E-TRUST-SUBJECT it signs {other}, not {DIGEST}");
        assert_eq!(checked(&payload(TYPES[0], &other)), expected);
        let expected = "E-TRUST-PAYLOAD critical.type: \"atomic container signature\" is not the type of an image signature";
        assert_eq!(checked(&payload("atomic container signature", DIGEST)), expected);
    }

    #[test]
    fn check_refuses_payloads_that_are_none() {
        for (text, expected) in [
            ("", "EOF while parsing a value"),
            ("[]", "payload: not an object"),
            ("{}", "missing field `critical`"),
            (r#"{"critical":{"type":"x","image":{}}}"#, "missing field `docker-manifest-digest`"),
            (r#"{"critical":{"type":"x","type":"y"}}"#, "duplicate field `type`"),
            ("{\"critical\":1}", "field `critical`: expected an object, found 1"),
        ] {
            let found = checked(text);
            assert!(found.starts_with("E-TRUST-PAYLOAD payload: ") && found.contains(expected), "{found}");
        }
        let array = format!(r#"[{{"type":"{}","image":["{DIGEST}"]}}]"#, TYPES[0]);
        assert_eq!(checked(&array), "E-TRUST-PAYLOAD payload: not an object");
    }

    #[test]
    fn new_wants_a_signature() {
        let of = |annotations: &[(&str, &str)]| {
            let annotations = annotations.iter().map(|(name, value)| (name.to_string(), value.to_string()));
            Simple::new(b"", &annotations.collect()).err().map(|why| why.to_string())
        };
        assert_eq!(of(&[]).unwrap(), "dev.cosignproject.cosign/signature: missing");
        assert_eq!(of(&[(SIGNATURE, "?")]).unwrap(), "dev.cosignproject.cosign/signature: not base64");
        assert_eq!(of(&[(SIGNATURE, "AAAA")]), None);
    }

    #[test]
    fn annotations_of_certificates_must_be_whole() {
        let entry = r#"{"SignedEntryTimestamp":"AAAA","Payload":{"body":"AAAA","integratedTime":1,"logIndex":2,"logID":"00ff"}}"#;
        let pem = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        let of = |certificate: &str, entry: &str, stamp: &str| {
            let annotations = Annotations::from(
                [(SIGNATURE, "AAAA"), (CERTIFICATE, certificate), (LOG_ENTRY, entry), (TIMESTAMP, stamp)]
                    .map(|(name, value)| (name.to_string(), value.to_string())),
            );
            let simple = Simple::new(b"", &annotations).ok().unwrap();
            match simple.bundle().unwrap() {
                Err(Why::Payload(why)) => why,
                // Errors of `sigstore` are tested there.
                Err(_) | Ok(_) => String::new(),
            }
        };
        let stamp = r#"{"SignedRFC3161Timestamp":"AAAA"}"#;
        assert_eq!(of(pem, entry, stamp), "");
        assert_eq!(of("MAA=", entry, stamp), "dev.sigstore.cosign/certificate: not PEM");
        assert!(of(pem, "{}", stamp).contains("missing field `SignedEntryTimestamp`"));
        assert!(of(pem, &entry.replace("00ff", "00f+"), stamp).contains("logID is not hexadecimal"));
        assert!(
            of(pem, &entry.replace("AAAA", "?"), stamp).ends_with("dev.sigstore.cosign/bundle: not base64")
        );
        assert!(of(pem, entry, "{}").contains("missing field `SignedRFC3161Timestamp`"));
        assert!(of(pem, entry, &stamp.replace("AAAA", "\\\"")).ends_with("not base64"));
    }
}
