// SPDX-License-Identifier: BSD-3-Clause
//! Signed certificate timestamps (SCTs): proof that the signer's certificate was submitted to a certificate log.
//!
//! Spec: RFC 6962 sections 3.2 and 3.3.

use alloc::{format, vec::Vec};

use sha2::{Digest as _, Sha256};
use x509_cert::der::asn1::ObjectIdentifier;

use super::TransparencyLog;
use crate::{
    Error, Structure,
    der::{Reader, encoded, tag},
    x509::Certificate,
};

/// The extension with the timestamps.
const SCT_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.2");
/// The tag of `extensions` in `TBSCertificate`.
const EXTENSIONS: u8 = 0xa3;
/// `hash` and `signature` of TLS 1.2 (RFC 5246 section 7.4.1.4.1): SHA-256 with ECDSA or RSA, the only ones that logs
/// may use.
const ECDSA: [u8; 2] = [4, 3];
const RSA: [u8; 2] = [4, 1];
/// The most timestamps of a certificate; Fulcio's have one.
const MOST: usize = 8;

/// `SignedCertificateTimestamp` of version 1.
#[derive(Clone, Copy, Debug)]
struct Sct<'a> {
    log_id: &'a [u8; 32],
    /// Milliseconds since 1970.
    timestamp: u64,
    extensions: &'a [u8],
    algorithm: [u8; 2],
    signature: &'a [u8],
}

/// Verifies that the certificate was submitted to a trusted log before it was issued.
///
/// `issuer` is the issuer's `SubjectPublicKeyInfo`.
pub(super) fn verify(
    certificate: &Certificate<'_>,
    issuer: &[u8],
    logs: &[TransparencyLog],
) -> Result<(), Error> {
    let list =
        certificate.extension(SCT_LIST.as_bytes())?.ok_or_else(|| refused("the certificate has none"))?;
    let mut reader = Reader::new(Structure::Sct, list);
    let list = reader.expect(tag::OCTET_STRING)?.content;
    reader.finish()?;
    let tbs = without_list(certificate)?;
    let mut outcome = Err(refused("the certificate has none"));
    for sct in scts(list)? {
        outcome = sct.verify(&tbs, issuer, logs);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// `TBSCertificate` as the log saw it: without the extension that has the timestamps.
fn without_list(certificate: &Certificate<'_>) -> Result<Vec<u8>, Error> {
    let mut extensions = Vec::new();
    certificate.each(|extension| {
        if extension.id != SCT_LIST.as_bytes() {
            extensions.extend_from_slice(extension.whole);
        }
    })?;
    let mut content = certificate.head.to_vec();
    content.extend_from_slice(&encoded(EXTENSIONS, &encoded(tag::SEQUENCE, &extensions)));
    Ok(encoded(tag::SEQUENCE, &content))
}

/// The SCTs of version 1 in a `SignedCertificateTimestampList`.
fn scts(list: &[u8]) -> Result<Vec<Sct<'_>>, Error> {
    let (mut rest, behind) = field(list).ok_or_else(|| malformed("the list is truncated"))?;
    if !behind.is_empty() {
        return Err(malformed("trailing bytes after the list"));
    }
    let mut scts = Vec::new();
    while !rest.is_empty() {
        let (sct, more) = field(rest).ok_or_else(|| malformed("the list is truncated"))?;
        if scts.len() >= MOST {
            return Err(Error::Limit { structure: Structure::Sct, what: "in a certificate", most: MOST });
        }
        scts.push(Sct::parse(sct)?);
        rest = more;
    }
    Ok(scts)
}

/// A TLS vector with a length of two bytes, and the bytes after it.
fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

impl<'a> Sct<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        match bytes.first() {
            Some(0) => Self::fields(bytes).ok_or_else(|| malformed("truncated, or too long")),
            Some(version) => Err(Error::unsupported(Structure::Sct, "version", &format!("{version}"))),
            None => Err(malformed("truncated, or too long")),
        }
    }

    fn fields(bytes: &'a [u8]) -> Option<Self> {
        let (_, rest) = bytes.split_first()?;
        let (log_id, rest) = rest.split_first_chunk()?;
        let (timestamp, rest) = rest.split_first_chunk()?;
        let (extensions, rest) = field(rest)?;
        let (algorithm, rest) = rest.split_first_chunk()?;
        let (signature, rest) = field(rest)?;
        let timestamp = u64::from_be_bytes(*timestamp);
        rest.is_empty().then_some(Self { log_id, timestamp, extensions, algorithm: *algorithm, signature })
    }

    fn verify(&self, tbs: &[u8], issuer: &[u8], logs: &[TransparencyLog]) -> Result<(), Error> {
        let signed = self.signed(tbs, issuer)?;
        let mut outcome = Err(refused("its log is not in the trusted root"));
        for log in logs.iter().filter(|log| log.id == self.log_id) {
            outcome = self.verify_with(&signed, log);
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    fn verify_with(&self, signed: &[u8], log: &TransparencyLog) -> Result<(), Error> {
        if !log.validity.contains(self.timestamp / 1000) {
            return Err(refused("its time is outside the validity of its log"));
        }
        let algorithm = if log.key.is_rsa() { RSA } else { ECDSA };
        if self.algorithm != algorithm {
            let [hash, signature] = self.algorithm;
            return Err(Error::unsupported(
                Structure::Sct,
                "signature algorithm",
                &format!("{hash} {signature}"),
            ));
        }
        log.key.verify_plain(signed, self.signature).map_err(|_| Error::Signature {
            structure: Structure::Sct,
            by: format!("the key of {}", crate::error::shown(&log.base_url)),
        })
    }

    /// The bytes that the log signed: `digitally-signed` of section 3.2 for a `PreCert`.
    fn signed(&self, tbs: &[u8], issuer: &[u8]) -> Result<Vec<u8>, Error> {
        const VERSION_1: u8 = 0;
        const CERTIFICATE_TIMESTAMP: u8 = 0;
        const PRECERT_ENTRY: [u8; 2] = [0, 1];
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(|_| malformed("too long"));
        let [0, tbs_length @ ..] = length(tbs)?.to_be_bytes() else {
            return Err(malformed("too long"));
        };
        let [_, _, extensions_length @ ..] = length(self.extensions)?.to_be_bytes();
        let mut signed = Vec::from([VERSION_1, CERTIFICATE_TIMESTAMP]);
        signed.extend_from_slice(&self.timestamp.to_be_bytes());
        signed.extend_from_slice(&PRECERT_ENTRY);
        signed.extend_from_slice(&Sha256::digest(issuer));
        signed.extend_from_slice(&tbs_length);
        signed.extend_from_slice(tbs);
        signed.extend_from_slice(&extensions_length);
        signed.extend_from_slice(self.extensions);
        Ok(signed)
    }
}

/// Entry point for fuzzing: any bytes as a list of timestamps.
pub(super) fn fuzz(data: &[u8]) {
    for sct in scts(data).unwrap_or_default() {
        let _ = sct.signed(data, data);
    }
}

fn malformed(why: &'static str) -> Error {
    Error::malformed(Structure::Sct, why)
}

fn refused(why: &'static str) -> Error {
    Error::refused(Structure::Sct, why)
}
