// SPDX-License-Identifier: BSD-3-Clause
//! Trusted roots: the authorities and logs that we trust.

use alloc::{string::String, vec::Vec};

use crate::{
    Error, PublicKey, Structure,
    json::{Field, parsed},
    time::{self, Validity},
};

/// The most members of each kind.
const MOST: usize = 32;
/// The most certificates of an authority's chain. Each one costs a verification for each proof.
const CHAIN: usize = 5;

/// The trusted authorities and logs: `trusted_root.json`.
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
    /// The log's URL; without the scheme, it is the origin of its checkpoints.
    pub base_url: String,
    pub key: PublicKey,
    pub validity: Validity,
    /// The log's identifier in the root; usually the SHA-256 of the key.
    pub id: Vec<u8>,
}

/// `CertificateAuthority`: one that issues certificates for signers, or one that signs timestamps.
#[derive(Clone, Debug)]
pub(crate) struct CertificateAuthority {
    /// Certificates in DER, each issued by the next one; the last one is trusted.
    pub chain: Vec<Vec<u8>>,
    pub validity: Validity,
}

impl TrustedRoot {
    /// The largest trusted root in bytes. Sigstore's public one has 10 KiB.
    pub const LARGEST: usize = 1 << 18;

    /// Parses a `trusted_root.json`. Unknown members are tolerated; logs with keys of a kind that is not
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
        let names = ["mediaType", "tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities"];
        let [media_type, tlogs, certificate_authorities, ctlogs, timestamp_authorities] =
            parsed(Structure::TrustedRoot, json)?.members(names)?;
        match &*media_type.text()? {
            "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
            | "application/vnd.dev.sigstore.trustedroot.v0.1+json"
            | "application/vnd.dev.sigstore.trustedroot.v0.2+json" => {}
            other => return Err(Error::unsupported(Structure::TrustedRoot, "mediaType", other)),
        }
        Ok(Self {
            logs: logs(tlogs)?,
            authorities: authorities(certificate_authorities)?,
            certificate_logs: logs(ctlogs)?,
            timestamp_authorities: authorities(timestamp_authorities)?,
        })
    }
}

fn bad(why: &'static str) -> Error {
    Error::malformed(Structure::TrustedRoot, why)
}

fn logs(raw: Field<'_>) -> Result<Vec<TransparencyLog>, Error> {
    let mut logs = Vec::new();
    for log in raw.list(MOST)? {
        let [base_url, hash_algorithm, public_key, log_id] =
            log.members(["baseUrl", "hashAlgorithm", "publicKey", "logId"])?;
        let key = public_key.given().ok_or_else(|| bad("a log without publicKey"))?;
        let [spki, details, valid_for] = key.members(["rawBytes", "keyDetails", "validFor"])?;
        let spki = spki.bytes("rawBytes of a key")?;
        let is_sha256 = matches!(&*hash_algorithm.text()?, "SHA2_256" | "1");
        // Only the encoding in keyDetails matters: PKCS#1 is another one.
        let is_spki = !details.text()?.starts_with("PKCS1_");
        let Some(key) = PublicKey::from_spki(&spki).ok().filter(|_| is_sha256 && is_spki) else {
            continue;
        };
        let [id] = log_id.members(["keyId"])?;
        logs.push(TransparencyLog {
            base_url: base_url.string()?,
            key,
            validity: validity(valid_for)?,
            id: id.bytes("logId")?,
        });
    }
    Ok(logs)
}

fn authorities(raw: Field<'_>) -> Result<Vec<CertificateAuthority>, Error> {
    raw.list(MOST)?.into_iter().map(authority).collect()
}

fn authority(raw: Field<'_>) -> Result<CertificateAuthority, Error> {
    let [cert_chain, valid_for] = raw.members(["certChain", "validFor"])?;
    let [certificates] = cert_chain.members(["certificates"])?;
    let chain = certificates.list(CHAIN)?.into_iter().map(|certificate| {
        let [der] = certificate.members(["rawBytes"])?;
        der.bytes("rawBytes of a certificate")
    });
    let chain: Vec<Vec<u8>> = chain.collect::<Result<_, _>>()?;
    if chain.is_empty() {
        return Err(bad("an authority without certificates"));
    }
    Ok(CertificateAuthority { chain, validity: validity(valid_for)? })
}

fn validity(raw: Field<'_>) -> Result<Validity, Error> {
    let [start, end] = raw.members(["start", "end"])?;
    let read = |field: Field<'_>| match &*field.text()? {
        "" => Ok(None),
        text => time::rfc3339(text).map(Some).ok_or_else(|| bad("validFor is not a valid time")),
    };
    Ok(Validity { start: read(start)?.unwrap_or(0), end: read(end)? })
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
            ("2025-01-01T00", "2025-01-32T00", "validFor is not a valid time"),
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
