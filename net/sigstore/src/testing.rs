// SPDX-License-Identifier: BSD-3-Clause
//! A signing service in memory, for tests: an authority, a log of its certificates, a log of signatures, a signer.

use std::{format, string::String, vec::Vec};

use base64ct::{Base64, Encoding as _};
use p256::ecdsa::{DerSignature, SigningKey, signature::Signer as _};
use sha2::{Digest as _, Sha256};
use x509_cert::der::asn1::ObjectIdentifier;

use crate::{
    der::{encoded, tag},
    json::hex,
};

pub(crate) const AUTHORITY: u8 = 1;
pub(crate) const CERTIFICATE_LOG: u8 = 2;
pub(crate) const LOG: u8 = 3;
pub(crate) const SIGNER: u8 = 4;
/// Nobody trusts this one.
pub(crate) const STRANGER: u8 = 5;

/// 2026-11-30 12:00:00 UTC, when everything happens.
pub(crate) const NOW: u64 = 1_796_040_000;

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

pub(crate) fn sign(seed: u8, message: &[u8]) -> Vec<u8> {
    let signature: DerSignature = key(seed).sign(message);
    signature.as_bytes().to_vec()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

fn oid(text: &str) -> Vec<u8> {
    encoded(tag::OBJECT_IDENTIFIER, ObjectIdentifier::new_unwrap(text).as_bytes())
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    encoded(tag::SEQUENCE, &parts.concat())
}

fn bits(bytes: &[u8]) -> Vec<u8> {
    encoded(tag::BIT_STRING, &[&[0], bytes].concat())
}

/// `SubjectPublicKeyInfo` of a key.
pub(crate) fn spki(seed: u8) -> Vec<u8> {
    let algorithm = sequence(&[oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")]);
    sequence(&[algorithm, bits(key(seed).verifying_key().to_sec1_point(false).as_bytes())])
}

pub(crate) fn extension(id: &str, value: &[u8]) -> Vec<u8> {
    sequence(&[oid(id), encoded(tag::OCTET_STRING, value)])
}

fn name(text: &str) -> Vec<u8> {
    let part = sequence(&[oid("2.5.4.3"), encoded(tag::UTF8_STRING, text.as_bytes())]);
    sequence(&[encoded(tag::SET, &part)])
}

/// A certificate of `subject`, issued by the authority's name; `validity` in UTCTime.
pub(crate) fn certificate(
    subject: (&str, u8),
    signed_by: u8,
    validity: [&str; 2],
    extensions: &[Vec<u8>],
) -> Vec<u8> {
    let algorithm = sequence(&[oid("1.2.840.10045.4.3.2")]);
    let tbs = tbs(subject, &algorithm, validity, extensions);
    let signature = bits(&sign(signed_by, &tbs));
    sequence(&[tbs, algorithm, signature])
}

fn tbs(subject: (&str, u8), algorithm: &[u8], validity: [&str; 2], extensions: &[Vec<u8>]) -> Vec<u8> {
    let times = validity.map(|time| encoded(tag::UTC_TIME, time.as_bytes()));
    sequence(&[
        encoded(0xa0, &[tag::INTEGER, 1, 2]),
        [tag::INTEGER, 1, 1].to_vec(),
        algorithm.to_vec(),
        name("authority"),
        sequence(&times),
        name(subject.0),
        spki(subject.1),
        encoded(0xa3, &sequence(extensions)),
    ])
}

/// A signature that is accepted, if nothing is changed.
#[derive(Clone)]
pub(crate) struct Case {
    pub message: Vec<u8>,
    /// Content of `GeneralNames`.
    pub names: Vec<u8>,
    pub issuer: Vec<Vec<u8>>,
    pub usage: Option<&'static str>,
    pub validity: [&'static str; 2],
    pub authority_validity: [&'static str; 2],
    pub issued_by: u8,
    pub sct_by: u8,
    pub sct_version: u8,
    /// In milliseconds.
    pub sct_time: u64,
    pub sct_algorithm: [u8; 2],
    pub has_sct: bool,
    pub signed_by: u8,
    pub promised_by: u8,
    pub integrated: u64,
    /// `validFor` of everything in the trusted root.
    pub valid_for: &'static str,
}

impl Default for Case {
    fn default() -> Self {
        let issuer = encoded(tag::UTF8_STRING, b"https://issuer.example");
        Self {
            message: b"artifact".to_vec(),
            names: encoded(0x86, b"https://host.example/org/image"),
            issuer: Vec::from([extension("1.3.6.1.4.1.57264.1.8", &issuer)]),
            usage: Some("1.3.6.1.5.5.7.3.3"),
            validity: ["261130115500Z", "261130120500Z"],
            authority_validity: ["250101000000Z", "350101000000Z"],
            issued_by: AUTHORITY,
            sct_by: CERTIFICATE_LOG,
            sct_version: 0,
            sct_time: NOW * 1000,
            sct_algorithm: [4, 3],
            has_sct: true,
            signed_by: SIGNER,
            promised_by: LOG,
            integrated: NOW,
            valid_for: r#"{"start":"2025-01-01T00:00:00Z"}"#,
        }
    }
}

impl Case {
    pub fn certificate(&self) -> Vec<u8> {
        let mut extensions = self.issuer.clone();
        extensions.push(extension("2.5.29.17", &encoded(tag::SEQUENCE, &self.names)));
        if let Some(usage) = self.usage {
            extensions.push(extension("2.5.29.37", &sequence(&[oid(usage)])));
        }
        if self.has_sct {
            let algorithm = sequence(&[oid("1.2.840.10045.4.3.2")]);
            let tbs = tbs(("signer", SIGNER), &algorithm, self.validity, &extensions);
            // Not the last one, so that it is cut out of the middle.
            extensions.insert(1, extension("1.3.6.1.4.1.11129.2.4.2", &self.scts(&tbs)));
        }
        certificate(("signer", SIGNER), self.issued_by, self.validity, &extensions)
    }

    fn scts(&self, tbs: &[u8]) -> Vec<u8> {
        let time = self.sct_time.to_be_bytes();
        let length = u32::try_from(tbs.len()).unwrap().to_be_bytes();
        let issuer = Sha256::digest(spki(AUTHORITY));
        let signed = [&[0, 0], &time[..], &[0, 1], &issuer, &length[1..], tbs, &[0, 0]].concat();
        let signature = sign(self.sct_by, &signed);
        let prefixed = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
        let id = Sha256::digest(spki(CERTIFICATE_LOG));
        let sct = [&[self.sct_version], &id[..], &time, &[0, 0], &self.sct_algorithm, &prefixed(&signature)]
            .concat();
        encoded(tag::OCTET_STRING, &prefixed(&prefixed(&sct)))
    }

    /// Of version 0.1, which needs no proof of inclusion but a promise.
    pub fn bundle(&self) -> String {
        let certificate = self.certificate();
        let digest = Sha256::digest(&self.message);
        let signature = base64(&sign(self.signed_by, &self.message));
        let pem =
            format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", base64(&certificate));
        let body = base64(
            format!(
                r#"{{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{{"data":{{"hash":{{"algorithm":"sha256","value":"{}"}}}},"signature":{{"content":"{signature}","publicKey":{{"content":"{}"}}}}}}}}"#,
                hex(&digest),
                base64(pem.as_bytes())
            )
            .as_bytes(),
        );
        let id = Sha256::digest(spki(LOG));
        let promised = format!(
            r#"{{"body":"{body}","integratedTime":{},"logID":"{}","logIndex":7}}"#,
            self.integrated,
            hex(&id)
        );
        let entry = format!(
            r#"{{"logIndex":"7","logId":{{"keyId":"{}"}},"kindVersion":{{"kind":"hashedrekord","version":"0.0.1"}},"integratedTime":"{}","inclusionPromise":{{"signedEntryTimestamp":"{}"}},"canonicalizedBody":"{body}"}}"#,
            base64(&id),
            self.integrated,
            base64(&sign(self.promised_by, promised.as_bytes())),
        );
        format!(
            r#"{{"mediaType":"application/vnd.dev.sigstore.bundle+json;version=0.1","verificationMaterial":{{"x509CertificateChain":{{"certificates":[{{"rawBytes":"{}"}}]}},"tlogEntries":[{entry}],"timestampVerificationData":null}},"messageSignature":{{"messageDigest":{{"algorithm":"SHA2_256","digest":"{}"}},"signature":"{signature}"}}}}"#,
            base64(&certificate),
            base64(&digest),
        )
    }

    pub fn root(&self) -> String {
        let is_ca = extension("2.5.29.19", &sequence(&[[tag::BOOLEAN, 1, 0xff].to_vec()]));
        let authority = certificate(("authority", AUTHORITY), AUTHORITY, self.authority_validity, &[is_ca]);
        let valid_for = self.valid_for;
        let log = |seed: u8| {
            format!(
                r#"{{"baseUrl":"https://log.example","hashAlgorithm":"SHA2_256","publicKey":{{"rawBytes":"{}","keyDetails":"PKIX_ECDSA_P256_SHA_256","validFor":{valid_for}}},"logId":{{"keyId":"{}"}}}}"#,
                base64(&spki(seed)),
                base64(&Sha256::digest(spki(seed)))
            )
        };
        format!(
            r#"{{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1","tlogs":[{}],"certificateAuthorities":[{{"subject":{{"organization":"o"}},"uri":"https://ca.example","certChain":{{"certificates":[{{"rawBytes":"{}"}}]}},"validFor":{valid_for}}}],"ctlogs":[{}],"timestampAuthorities":[]}}"#,
            log(LOG),
            base64(&authority),
            log(CERTIFICATE_LOG),
        )
    }
}

/// A bundle of an envelope that the signer has signed, with a hint of the key.
pub(crate) fn envelope(payload_type: &str, payload: &str) -> String {
    let signed = format!("DSSEv1 {} {payload_type} {} {payload}", payload_type.len(), payload.len());
    format!(
        r#"{{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{{"publicKey":{{"hint":"h"}}}},"dsseEnvelope":{{"payload":"{}","payloadType":"{payload_type}","signatures":[{{"sig":"{}"}}]}}}}"#,
        base64(payload.as_bytes()),
        base64(&sign(SIGNER, signed.as_bytes()))
    )
}

/// What `cosign sign` says of something with this digest.
pub(crate) fn statement(digest: &[u8]) -> String {
    crate::statement::of_artifact(&hex(digest))
}
