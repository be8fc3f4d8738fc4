// SPDX-License-Identifier: BSD-3-Clause
//! Private keys, and the signature bundles that they make.

mod password;
mod sealed;

use std::{os::unix::ffi::OsStrExt, path::Path};

use base64ct::{Base64, Encoding as _};
use ed25519_dalek::Signer as _;
use oci::Digest;
use p256::{
    ecdsa,
    pkcs8::{DecodePrivateKey as _, EncodePublicKey as _, spki},
};
use rsa::{pkcs1v15, signature::SignatureEncoding as _};
use sha2::Sha256;
use sigstore::{Bundle, PublicKey};
use zeroize::Zeroizing;

use crate::{codes, failure::Failure, input};

/// Bytes of the largest key file.
const LARGEST: u64 = 64 << 10;

/// A private key.
pub struct SigningKey {
    key: Key,
    public: PublicKey,
}

/// The key types for which sigstore's algorithm registry defines a default hash.
enum Key {
    P256(ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
    Rsa(Box<pkcs1v15::SigningKey<Sha256>>),
}

impl SigningKey {
    /// Reads the key of a PEM file: PKCS#8, or cosign's encrypted form, for which it asks the password.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.as_os_str().as_bytes();
        let failed = |cause: &str| Failure::new(codes::SIGNING_KEY, name, cause);
        let text = Zeroizing::new(input::read(path, LARGEST, &|_| Ok(()))?);
        let text = std::str::from_utf8(&text).map_err(|_| failed("not a PEM file"))?;
        let (label, body) = section(text).ok_or_else(|| failed("not a PEM file"))?;
        let pkcs8 = match label.as_str() {
            "PRIVATE KEY" => body,
            "ENCRYPTED SIGSTORE PRIVATE KEY" | "ENCRYPTED COSIGN PRIVATE KEY" => {
                let password = password::of(path)?;
                sealed::opened(&body, password.as_bytes()).map_err(|why| failed(&why))?
            }
            other => {
                let cause = format!("{other}, not a PRIVATE KEY or ENCRYPTED SIGSTORE PRIVATE KEY");
                return Err(failed(&cause));
            }
        };
        Self::of_pkcs8(&pkcs8).ok_or_else(|| {
            failed("not a supported key: ECDSA P-256 or P-384, Ed25519, or RSA of 2048 to 8192 bits")
        })
    }

    /// Spec: RFC 5958; RFC 5915, 8410 and 8017 for what is in it.
    fn of_pkcs8(der: &[u8]) -> Option<Self> {
        let p256 = || {
            let key = ecdsa::SigningKey::from_pkcs8_der(der).ok()?;
            Some((key.verifying_key().to_public_key_der(), Key::P256(key)))
        };
        let p384 = || {
            let key = p384::ecdsa::SigningKey::from_pkcs8_der(der).ok()?;
            Some((key.verifying_key().to_public_key_der(), Key::P384(key)))
        };
        let ed25519 = || {
            let key = ed25519_dalek::SigningKey::from_pkcs8_der(der).ok()?;
            Some((key.verifying_key().to_public_key_der(), Key::Ed25519(key)))
        };
        let rsa = || {
            let key = rsa::RsaPrivateKey::from_pkcs8_der(der).ok()?;
            let public: spki::Result<_> = key.to_public_key().to_public_key_der();
            Some((public, Key::Rsa(Box::new(pkcs1v15::SigningKey::new(key)))))
        };
        let (spki, key) = p256().or_else(p384).or_else(ed25519).or_else(rsa)?;
        let public = PublicKey::from_spki(spki.ok()?.as_bytes()).ok()?;
        Some(Self { key, public })
    }

    /// Its public key.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The signature bundle of an artifact; None if its digest is not sha256, or signing fails.
    pub fn bundle(&self, digest: &Digest) -> Option<Vec<u8>> {
        let bundle = Bundle::of_artifact(&digest.sha256()?, &self.public, |message| self.sign(message))?;
        Some(bundle.into_bytes())
    }

    /// Signs with the default hash of the key type: SHA-384 for P-384, else SHA-256; RSA with PKCS#1 v1.5.
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match &self.key {
            Key::P256(key) => {
                let signature: ecdsa::DerSignature = key.try_sign(message).ok()?;
                Some(signature.to_vec())
            }
            Key::P384(key) => {
                let signature: p384::ecdsa::DerSignature = key.try_sign(message).ok()?;
                Some(signature.to_vec())
            }
            Key::Ed25519(key) => Some(key.try_sign(message).ok()?.to_bytes().to_vec()),
            Key::Rsa(key) => Some(key.try_sign(message).ok()?.to_vec()),
        }
    }
}

/// The public keys of PEM files.
pub fn public_keys<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<PublicKey>, Failure> {
    let read = |path: &P| {
        let path = path.as_ref();
        let name = path.as_os_str().as_bytes();
        let pem = input::read(path, PublicKey::LARGEST as u64, &|_| Ok(()))?;
        PublicKey::from_pem(&pem).map_err(|error| Failure::new(error.code(), name, error))
    };
    paths.iter().map(read).collect()
}

/// The label of the first section of a PEM file, and the bytes in it.
///
/// Spec: RFC 7468, section 2.
fn section(text: &str) -> Option<(String, Zeroizing<Vec<u8>>)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let body: Zeroizing<String> = Zeroizing::new(body.chars().filter(|c| !c.is_ascii_whitespace()).collect());
    Some((label.into(), Zeroizing::new(Base64::decode_vec(&body).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_has_a_label_and_bytes() {
        let (label, bytes) = section("x\n-----BEGIN A B-----\nAA\nAA\n-----END A B-----\n").unwrap();
        assert_eq!((label.as_str(), bytes.as_slice()), ("A B", &[0, 0, 0][..]));
        for text in ["", "-----BEGIN A-----\nAAAA\n-----END B-----", "-----BEGIN A-----\n?\n-----END A-----"]
        {
            assert!(section(text).is_none(), "{text}");
        }
    }
}
