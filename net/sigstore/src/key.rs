// SPDX-License-Identifier: BSD-3-Clause
//! Public keys, and verifying signatures with them.

use alloc::{borrow::Cow, format, string::String, vec::Vec};
use core::fmt;

use base64ct::{Base64, Encoding as _};
use rustls::pki_types::{
    AlgorithmIdentifier, SignatureVerificationAlgorithm, alg_id,
    pem::{SectionKind, SliceIter},
};
use sha2::{Digest as _, Sha256};

use crate::{
    Error, Structure,
    der::{Reader, tag},
    json::hex,
};

/// A public key for verifying signatures: ECDSA on P-256 or P-384, Ed25519, RSA of 2048 to 8192 bits.
#[derive(Clone, Eq, PartialEq)]
pub struct PublicKey {
    /// `SubjectPublicKeyInfo`, DER.
    spki: Vec<u8>,
    kind: Kind,
    /// The bits of `subjectPublicKey` in `spki`.
    bits: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    P256,
    P384,
    Ed25519,
    Rsa,
}

impl PublicKey {
    /// The largest file of keys in bytes: an RSA key of 8192 bits takes 1.5 KiB, and people write comments.
    pub const LARGEST: usize = 1 << 16;
    /// The most keys of a file, or of a policy.
    pub const MOST: usize = 32;

    /// The key of a PEM file with one `PUBLIC KEY`, as `cosign generate-key-pair` and `openssl pkey -pubout` write it.
    ///
    /// # Errors
    /// The file is too large, is not PEM, has no or several keys, other sections, or a key that is not
    /// supported.
    ///
    /// Spec: RFC 7468 section 13.
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        match Self::all_from_pem(pem)?.as_slice() {
            [key] => Ok(key.clone()),
            _ => Err(Error::malformed(Structure::PublicKey, "several PUBLIC KEY sections")),
        }
    }

    /// The keys of a PEM file with one or more `PUBLIC KEY`.
    ///
    /// # Errors
    /// As for [`PublicKey::from_pem`], but there may be up to 32 keys.
    pub fn all_from_pem(pem: &[u8]) -> Result<Vec<Self>, Error> {
        let bad = |why: Cow<'static, str>| Error::malformed(Structure::PublicKey, why);
        if pem.len() > Self::LARGEST {
            return Err(Error::Limit { structure: Structure::PublicKey, what: "bytes", most: Self::LARGEST });
        }
        let mut keys = Vec::new();
        for section in SliceIter::<(SectionKind, Vec<u8>)>::new(pem) {
            match section {
                Ok((SectionKind::PublicKey, _)) if keys.len() >= Self::MOST => {
                    return Err(Error::Limit {
                        structure: Structure::PublicKey,
                        what: "keys",
                        most: Self::MOST,
                    });
                }
                Ok((SectionKind::PublicKey, der)) => keys.push(Self::from_spki(&der)?),
                Ok((other, _)) => return Err(bad(format!("a {other:?} section, not PUBLIC KEY").into())),
                Err(_) => return Err(bad("a section that is not PEM".into())),
            }
        }
        if keys.is_empty() { Err(bad("no PUBLIC KEY section".into())) } else { Ok(keys) }
    }

    /// The key of a `SubjectPublicKeyInfo` in DER.
    ///
    /// # Errors
    /// It is malformed, or of a kind or size that is not supported.
    ///
    /// Spec: RFC 5280 section 4.1.2.7; RFC 5480, RFC 8410, RFC 3279 section 2.3.1.
    pub fn from_spki(spki: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(Structure::PublicKey, spki);
        let mut fields = reader.expect(tag::SEQUENCE)?.inside();
        reader.finish()?;
        let algorithm = fields.expect(tag::SEQUENCE)?.content;
        let bits = fields.expect(tag::BIT_STRING)?.bits()?;
        fields.finish()?;
        let kind = Kind::of(algorithm)?;
        kind.check(bits)?;
        Ok(Self { spki: spki.into(), kind, bits: bits.into() })
    }

    /// Its name in logs: `sha256:` and the digest of its `SubjectPublicKeyInfo`.
    pub fn id(&self) -> String {
        format!("sha256:{}", hex(&Sha256::digest(&self.spki)))
    }

    /// The hint that names it in sigstore bundles: the same digest in base64.
    pub fn hint(&self) -> String {
        Base64::encode_string(&Sha256::digest(&self.spki))
    }

    /// Verifies a signer's signature over a message, with any algorithm that keys of this kind sign with.
    ///
    /// ECDSA signatures are in DER, with SHA-256 on P-256, SHA-256 or SHA-384 on P-384; RSA's are PKCS#1 v1.5 or PSS
    /// with SHA-256, SHA-384 or SHA-512; Ed25519's are plain or, as `cosign sign` makes them, Ed25519ph.
    ///
    /// # Errors
    /// It was not made by this key, or not over this message.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        let is_prehashed =
            self.kind == Kind::Ed25519 && crypto::verify_ed25519ph(&self.bits, message, signature).is_ok();
        if is_prehashed { Ok(()) } else { self.verify_plain(message, signature) }
    }

    /// The same for a log, whose Ed25519 signatures are never prehashed (C2SP `signed-note`).
    pub(crate) fn verify_plain(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        let is_good = self
            .algorithms()
            .any(|algorithm| algorithm.verify_signature(&self.bits, message, signature).is_ok());
        if is_good { Ok(()) } else { Err(self.refuses(Structure::MessageSignature)) }
    }

    /// The error when a structure is not signed by this key.
    pub(crate) fn refuses(&self, structure: Structure) -> Error {
        Error::Signature { structure, by: format!("key {}", self.id()) }
    }

    pub(crate) fn is_rsa(&self) -> bool {
        self.kind == Kind::Rsa
    }

    /// The `SubjectPublicKeyInfo` in DER.
    pub(crate) fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Verifies a signer's signature over a message of which only the SHA-256 digest is known.
    pub(crate) fn verify_sha256(&self, digest: &[u8; 32], signature: &[u8]) -> Result<(), Error> {
        if self.kind == Kind::Ed25519 {
            return Err(Error::refused(
                Structure::MessageSignature,
                "Ed25519 does not sign a SHA-256 digest: give the file, not its digest",
            ));
        }
        crypto::verify_sha256(self.kind.algorithm(), &self.bits, digest, signature)
            .map_err(|_| self.refuses(Structure::MessageSignature))
    }

    fn algorithms(&self) -> impl Iterator<Item = &'static dyn SignatureVerificationAlgorithm> {
        let kind = self.kind;
        crypto::ALGORITHMS.all.iter().copied().filter(move |algorithm| {
            let is_foreign = kind == Kind::P256 && algorithm.signature_alg_id() == alg_id::ECDSA_SHA384;
            algorithm.public_key_alg_id() == *kind.algorithm() && !is_foreign
        })
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

impl Kind {
    const ALL: [Self; 4] = [Self::P256, Self::P384, Self::Ed25519, Self::Rsa];

    fn algorithm(self) -> &'static AlgorithmIdentifier {
        match self {
            Self::P256 => &alg_id::ECDSA_P256,
            Self::P384 => &alg_id::ECDSA_P384,
            Self::Ed25519 => &alg_id::ED25519,
            Self::Rsa => &alg_id::RSA_ENCRYPTION,
        }
    }

    fn of(algorithm: &[u8]) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|kind| **kind.algorithm() == *algorithm)
            .ok_or_else(|| Error::unsupported(Structure::PublicKey, "algorithm", &hex(algorithm)))
    }

    /// Checks that the key has the length of its kind.
    fn check(self, bits: &[u8]) -> Result<(), Error> {
        let length = bits.len();
        let is_good = match self {
            // Uncompressed points only: a key with two encodings could count as two signers.
            Self::P256 => (bits.first(), length) == (Some(&4), 65),
            Self::P384 => (bits.first(), length) == (Some(&4), 97),
            Self::Ed25519 => length == 32,
            Self::Rsa => return rsa_size(bits),
        };
        if is_good {
            Ok(())
        } else {
            Err(Error::malformed(Structure::PublicKey, format!("{self:?} keys do not have {length} bytes")))
        }
    }
}

/// The accepted lengths of an RSA modulus in bytes: 2048 to 8192 bits.
const MODULUS: core::ops::RangeInclusive<usize> = 256..=1024;

/// `RSAPublicKey` of RFC 8017 appendix A.1.1.
fn rsa_size(bits: &[u8]) -> Result<(), Error> {
    let mut reader = Reader::new(Structure::PublicKey, bits);
    let mut numbers = reader.expect(tag::SEQUENCE)?.inside();
    reader.finish()?;
    let modulus = numbers.expect(tag::INTEGER)?.content;
    numbers.expect(tag::INTEGER)?;
    numbers.finish()?;
    let modulus = modulus.strip_prefix(&[0]).unwrap_or(modulus);
    if MODULUS.contains(&modulus.len()) {
        Ok(())
    } else {
        Err(Error::unsupported(
            Structure::PublicKey,
            "RSA modulus size in bytes",
            &format!("{}", modulus.len()),
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use super::*;
    use crate::{
        der::encoded,
        testing::{SIGNER, base64, sign, spki},
    };

    fn pem(label: &str, der: &[u8]) -> String {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", base64(der))
    }

    fn words(pem: &str) -> String {
        match PublicKey::from_pem(pem.as_bytes()) {
            Ok(key) => key.id(),
            Err(error) => {
                assert_eq!(error.code(), "E-TRUST-PUBLIC-KEY");
                error.to_string()
            }
        }
    }

    #[test]
    fn keys_are_named_by_their_digest() {
        let key = PublicKey::from_pem(format!("a comment\n{}", pem("PUBLIC KEY", &spki(SIGNER))).as_bytes())
            .unwrap();
        assert_eq!(key, PublicKey::from_spki(&spki(SIGNER)).unwrap());
        let digest = Sha256::digest(spki(SIGNER));
        assert_eq!(key.id(), format!("sha256:{}", hex(&digest)));
        assert_eq!(key.hint(), base64(&digest));
        assert_eq!(format!("{key:?}"), format!("PublicKey({})", key.id()));
    }

    #[test]
    fn files_that_are_not_one_key_are_refused() {
        let key = pem("PUBLIC KEY", &spki(SIGNER));
        assert_eq!(words(""), "malformed public key: no PUBLIC KEY section");
        assert_eq!(words(&key.repeat(2)), "malformed public key: several PUBLIC KEY sections");
        assert_eq!(
            words(&pem("CERTIFICATE", &[1])),
            "malformed public key: a Certificate section, not PUBLIC KEY"
        );
        assert_eq!(
            words(&pem("PRIVATE KEY", &[1])),
            "malformed public key: a PrivateKey section, not PUBLIC KEY"
        );
        assert_eq!(
            words(&key.replace("END PUBLIC", "END")),
            "malformed public key: a section that is not PEM"
        );
        assert_eq!(words(&" ".repeat(PublicKey::LARGEST + 1)), "public key: more than 65536 bytes");
    }

    fn sequence(parts: &[&[u8]]) -> Vec<u8> {
        encoded(tag::SEQUENCE, &parts.concat())
    }

    fn key(algorithm: &[u8], bits: &[u8]) -> Vec<u8> {
        sequence(&[&encoded(tag::SEQUENCE, algorithm), &encoded(tag::BIT_STRING, &[&[0], bits].concat())])
    }

    fn rsa(bytes: usize) -> Vec<u8> {
        let modulus = [&[0], alloc::vec![0xff; bytes].as_slice()].concat();
        let numbers = sequence(&[&encoded(tag::INTEGER, &modulus), &[tag::INTEGER, 3, 1, 0, 1]]);
        key(&alg_id::RSA_ENCRYPTION, &numbers)
    }

    #[test]
    fn sizes_are_those_that_can_be_verified_with() {
        for bytes in [256, 384, 512, 1024] {
            assert!(PublicKey::from_spki(&rsa(bytes)).is_ok(), "{bytes}");
        }
        for bytes in [128, 255, 1025] {
            let error = PublicKey::from_spki(&rsa(bytes)).unwrap_err().to_string();
            assert_eq!(error, format!("public key: RSA modulus size in bytes \"{bytes}\" is not supported"));
        }
        assert!(PublicKey::from_spki(&key(&alg_id::ED25519, &[1; 32])).is_ok());
        let error = PublicKey::from_spki(&key(&alg_id::ED25519, &[1; 31])).unwrap_err();
        assert_eq!(error.to_string(), "malformed public key: Ed25519 keys do not have 31 bytes");
        let error = PublicKey::from_spki(&key(&alg_id::ECDSA_P256, &[4; 97])).unwrap_err();
        assert_eq!(error.to_string(), "malformed public key: P256 keys do not have 97 bytes");
        let error = PublicKey::from_spki(&key(&alg_id::ECDSA_P521, &[4; 133])).unwrap_err().to_string();
        assert!(error.starts_with("public key: algorithm"), "{error}");
    }

    #[test]
    fn malformed_keys_are_refused_with_the_offset() {
        let whole = spki(SIGNER);
        for length in 0..whole.len() {
            let error = PublicKey::from_spki(&whole[..length]).unwrap_err().to_string();
            assert!(error.starts_with("malformed public key: byte "), "{error}");
        }
        let behind = [whole.as_slice(), &[0]].concat();
        let error = PublicKey::from_spki(&behind).unwrap_err();
        assert_eq!(error.to_string(), "malformed public key: byte 91: trailing bytes");
        let mut unused = whole;
        unused[25] = 1;
        let error = PublicKey::from_spki(&unused).unwrap_err();
        assert_eq!(error.to_string(), "malformed public key: byte 25: not a BIT STRING of whole bytes");
    }

    #[test]
    fn a_changed_message_or_signature_is_refused() {
        let key = PublicKey::from_spki(&spki(SIGNER)).unwrap();
        let mut signature = sign(SIGNER, b"message");
        let digest: [u8; 32] = Sha256::digest(b"message").into();
        assert_eq!(key.verify(b"message", &signature), Ok(()));
        assert_eq!(key.verify_sha256(&digest, &signature), Ok(()));
        assert!(key.verify(b"massage", &signature).is_err());
        signature[10] ^= 1;
        assert!(key.verify(b"message", &signature).is_err());
        assert!(key.verify_sha256(&digest, &signature).is_err());
        assert!(key.verify(b"message", &[]).is_err());
    }
}
