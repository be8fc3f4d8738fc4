// SPDX-License-Identifier: BSD-3-Clause
//! Trusted roots: the authorities and logs that prove signatures.

use alloc::{string::String, vec::Vec};

use serde::Deserialize;

use crate::{
    Error, PublicKey, Structure,
    json::{List, Scalar, Text, decoded, parsed},
    time::{self, Validity},
};

/// Members of each kind.
const MOST: usize = 32;
/// Certificates of an authority's chain. Each one costs a signature to verify, for each proof.
const CHAIN: usize = 5;

/// The authorities and logs that prove signatures: `trusted_root.json`.
///
/// Spec: sigstore protobuf-specs, sigstore_trustroot.proto.
#[derive(Clone, Debug)]
pub struct TrustedRoot {
    pub(crate) logs: Vec<TransparencyLog>,
    pub(crate) authorities: Vec<CertificateAuthority>,
    pub(crate) certificate_logs: Vec<TransparencyLog>,
    pub(crate) timestamp_authorities: Vec<CertificateAuthority>,
}

/// `TransparencyLogInstance`: a log of signatures or of certificates.
#[derive(Clone, Debug)]
pub(crate) struct TransparencyLog {
    /// Without the scheme, the origin of its checkpoints.
    pub base_url: String,
    pub key: PublicKey,
    pub validity: Validity,
    /// SHA-256 of the key, or what else the root says.
    pub id: Vec<u8>,
}

/// `CertificateAuthority`: one that issues certificates for signers, or one that signs timestamps.
#[derive(Clone, Debug)]
pub(crate) struct CertificateAuthority {
    /// Certificates in DER, each issued by the next one; the last one is trusted.
    pub chain: Vec<Vec<u8>>,
    pub validity: Validity,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRoot<'a> {
    #[serde(borrow, default)]
    media_type: Text<'a>,
    #[serde(borrow, default)]
    tlogs: List<RawLog<'a>, MOST>,
    #[serde(borrow, default)]
    certificate_authorities: List<RawAuthority<'a>, MOST>,
    #[serde(borrow, default)]
    ctlogs: List<RawLog<'a>, MOST>,
    #[serde(borrow, default)]
    timestamp_authorities: List<RawAuthority<'a>, MOST>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawLog<'a> {
    #[serde(borrow, default)]
    base_url: Text<'a>,
    #[serde(borrow, default)]
    hash_algorithm: Scalar<'a>,
    #[serde(borrow)]
    public_key: Option<RawKey<'a>>,
    #[serde(borrow)]
    log_id: Option<RawId<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawKey<'a> {
    #[serde(borrow, default)]
    raw_bytes: Text<'a>,
    #[serde(borrow, default)]
    key_details: Scalar<'a>,
    #[serde(borrow)]
    valid_for: Option<RawRange<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawId<'a> {
    #[serde(borrow, default)]
    key_id: Text<'a>,
}

#[derive(Deserialize)]
struct RawRange<'a> {
    #[serde(borrow, default)]
    start: Text<'a>,
    #[serde(borrow, default)]
    end: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawAuthority<'a> {
    #[serde(borrow)]
    cert_chain: Option<RawChain<'a>>,
    #[serde(borrow)]
    valid_for: Option<RawRange<'a>>,
}

#[derive(Deserialize)]
struct RawChain<'a> {
    #[serde(borrow, default)]
    certificates: List<RawCertificate<'a>, CHAIN>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawCertificate<'a> {
    #[serde(borrow, default)]
    raw_bytes: Text<'a>,
}

impl TrustedRoot {
    /// Most bytes of a trusted root. Sigstore's public one takes 10 KiB.
    pub const LARGEST: usize = 1 << 18;

    /// Parses a `trusted_root.json`. Unknown members are tolerated; logs whose keys are of a kind that is not
    /// supported are left out.
    ///
    /// # Errors
    /// It is larger than 256 KiB, malformed, or of another version.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        if json.len() > Self::LARGEST {
            return Err(Error::Limit {
                structure: Structure::TrustedRoot,
                what: "bytes",
                most: Self::LARGEST,
            });
        }
        let raw: RawRoot<'_> = parsed(Structure::TrustedRoot, json)?;
        match &*raw.media_type.0 {
            "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
            | "application/vnd.dev.sigstore.trustedroot.v0.1+json"
            | "application/vnd.dev.sigstore.trustedroot.v0.2+json" => {}
            other => return Err(Error::unsupported(Structure::TrustedRoot, "mediaType", other)),
        }
        Ok(Self {
            logs: logs(&raw.tlogs.0)?,
            authorities: authorities(&raw.certificate_authorities.0)?,
            certificate_logs: logs(&raw.ctlogs.0)?,
            timestamp_authorities: authorities(&raw.timestamp_authorities.0)?,
        })
    }
}

fn bad(why: &'static str) -> Error {
    Error::malformed(Structure::TrustedRoot, why)
}

fn logs(raw: &[RawLog<'_>]) -> Result<Vec<TransparencyLog>, Error> {
    let mut logs = Vec::new();
    for log in raw {
        let key = log.public_key.as_ref().ok_or_else(|| bad("a log without publicKey"))?;
        let spki = decoded(Structure::TrustedRoot, "rawBytes of a key", &key.raw_bytes.0)?;
        let is_sha256 = matches!(&*log.hash_algorithm.0, "SHA2_256" | "1");
        // Of details it is the encoding that matters: PKCS#1 is another one.
        let is_spki = !key.key_details.0.starts_with("PKCS1_");
        let Some(key_value) = PublicKey::from_spki(&spki).ok().filter(|_| is_sha256 && is_spki) else {
            continue;
        };
        let bytes = |id: &Option<RawId<'_>>, field| {
            id.as_ref().map_or(Ok(Vec::new()), |id| decoded(Structure::TrustedRoot, field, &id.key_id.0))
        };
        logs.push(TransparencyLog {
            base_url: String::from(&*log.base_url.0),
            key: key_value,
            validity: validity(key.valid_for.as_ref())?,
            id: bytes(&log.log_id, "logId")?,
        });
    }
    Ok(logs)
}

fn authorities(raw: &[RawAuthority<'_>]) -> Result<Vec<CertificateAuthority>, Error> {
    raw.iter()
        .map(|authority| {
            let certificates = authority.cert_chain.iter().flat_map(|chain| &chain.certificates.0);
            let chain: Vec<Vec<u8>> = certificates
                .map(|certificate| {
                    decoded(Structure::TrustedRoot, "rawBytes of a certificate", &certificate.raw_bytes.0)
                })
                .collect::<Result<_, _>>()?;
            if chain.is_empty() {
                return Err(bad("an authority without certificates"));
            }
            Ok(CertificateAuthority { chain, validity: validity(authority.valid_for.as_ref())? })
        })
        .collect()
}

fn validity(raw: Option<&RawRange<'_>>) -> Result<Validity, Error> {
    let Some(raw) = raw else { return Ok(Validity { start: 0, end: None }) };
    let read = |text: &Text<'_>| match &*text.0 {
        "" => Ok(None),
        text => {
            time::rfc3339(text).map(Some).ok_or_else(|| bad("validFor with something that is not a time"))
        }
    };
    Ok(Validity { start: read(&raw.start)?.unwrap_or(0), end: read(&raw.end)? })
}

#[cfg(test)]
mod tests {
    use std::{
        format,
        string::{String, ToString as _},
    };

    use super::*;
    use crate::testing::Case;

    fn root(text: &str, with: &str) -> Result<TrustedRoot, String> {
        let root = Case::default().root();
        let changed = root.replacen(text, with, 1);
        assert_ne!(changed, root);
        TrustedRoot::parse(changed.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn versions_are_those_of_the_specification() {
        for known in ["trustedroot.v0.1+json", "trustedroot.v0.2+json"] {
            assert!(root("trustedroot+json;version=0.1", known).is_ok(), "{known}");
        }
        let error = root("version=0.1", "version=0.3").unwrap_err();
        assert!(error.starts_with("trusted root: mediaType"), "{error}");
    }

    #[test]
    fn logs_that_are_not_supported_are_left_out() {
        for (text, with) in [
            ("SHA2_256", "SHA2_512"),
            ("PKIX_ECDSA", "PKCS1_RSA"),
            // Another curve.
            ("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQgD"),
        ] {
            let root = root(text, with).unwrap();
            assert_eq!((root.logs.len(), root.certificate_logs.len()), (0, 1), "{text}");
        }
        assert_eq!(root("{", r#"{"new":[{}],"#).unwrap().logs.len(), 1);
    }

    #[test]
    fn malformed_members_are_refused() {
        for (text, with, expected) in [
            ("\"rawBytes\":\"M", "\"rawBytes\":\"!", "rawBytes of a key is not base64"),
            ("\"publicKey\"", "\"new\"", "a log without publicKey"),
            ("\"certificates\"", "\"new\"", "an authority without certificates"),
            ("2025-01-01T00", "2025-01-32T00", "validFor with something that is not a time"),
            ("\"keyId\":\"", "\"keyId\":\"!", "logId is not base64"),
        ] {
            assert_eq!(root(text, with).unwrap_err(), format!("malformed trusted root: {expected}"));
        }
        let large = std::vec![b' '; TrustedRoot::LARGEST + 1];
        assert_eq!(
            TrustedRoot::parse(&large).unwrap_err().to_string(),
            "trusted root: more than 262144 bytes"
        );
    }
}
