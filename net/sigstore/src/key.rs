// SPDX-License-Identifier: BSD-3-Clause
//! Public keys, and signatures that are verified with them.

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

/// Bytes of a file with a key: an RSA key of 8192 bits takes 1.5 KiB, and people write comments.
const LARGEST: usize = 1 << 16;

/// A public key that signatures are verified with: ECDSA on P-256 or P-384, Ed25519, RSA of 2048 to 8192 bits.
#[derive(Clone, Eq, PartialEq)]
pub struct PublicKey {
    /// `SubjectPublicKeyInfo`, DER.
    spki: Vec<u8>,
    kind: Kind,
    /// Of the `subjectPublicKey` in `spki`.
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
    /// The key of a PEM file with one `PUBLIC KEY`, as `cosign generate-key-pair` and `openssl pkey -pubout` write it.
    ///
    /// # Errors
    /// The file is too large, is not PEM, has no or several keys, something else than keys, or a key that is not
    /// supported.
    ///
    /// Spec: RFC 7468 section 13.
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        let bad = |why: Cow<'static, str>| Error::malformed(Structure::PublicKey, why);
        if pem.len() > LARGEST {
            return Err(Error::Limit { structure: Structure::PublicKey, what: "bytes", most: LARGEST });
        }
        let mut found = None;
        for section in SliceIter::<(SectionKind, Vec<u8>)>::new(pem) {
            match section {
                Ok((SectionKind::PublicKey, der)) if found.is_none() => found = Some(der),
                Ok((SectionKind::PublicKey, _)) => return Err(bad("several PUBLIC KEY sections".into())),
                Ok((other, _)) => return Err(bad(format!("a {other:?} section, not PUBLIC KEY").into())),
                Err(_) => return Err(bad("a section that is not PEM".into())),
            }
        }
        Self::from_spki(&found.ok_or_else(|| bad("no PUBLIC KEY section".into()))?)
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

    /// The hint under which sigstore's bundles name it: the same digest in base64.
    pub fn hint(&self) -> String {
        Base64::encode_string(&Sha256::digest(&self.spki))
    }

    /// Verifies a signature over a message, with any algorithm that keys of this kind sign with.
    ///
    /// ECDSA signatures are in DER, with SHA-256 on P-256, SHA-256 or SHA-384 on P-384; RSA's are PKCS#1 v1.5 or PSS
    /// with SHA-256, SHA-384 or SHA-512.
    ///
    /// # Errors
    /// It was not made by this key, or not of this message.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        let is_good = self
            .algorithms()
            .any(|algorithm| algorithm.verify_signature(&self.bits, message, signature).is_ok());
        if is_good { Ok(()) } else { Err(self.refuses(Structure::MessageSignature)) }
    }

    /// The error that a structure is not signed by this key.
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

    /// The same, of a message of which only the SHA-256 digest is known.
    pub(crate) fn verify_sha256(&self, digest: &[u8; 32], signature: &[u8]) -> Result<(), Error> {
        if self.kind == Kind::Ed25519 {
            return Err(Error::refused(
                Structure::MessageSignature,
                "Ed25519 signs the message itself: give the file, not its digest",
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

    /// Whether the key has a length that its kind has.
    fn check(self, bits: &[u8]) -> Result<(), Error> {
        let length = bits.len();
        let is_good = match self {
            Self::P256 => matches!((bits.first(), length), (Some(4), 65) | (Some(2 | 3), 33)),
            Self::P384 => matches!((bits.first(), length), (Some(4), 97) | (Some(2 | 3), 49)),
            Self::Ed25519 => length == 32,
            Self::Rsa => return rsa_size(bits),
        };
        if is_good {
            Ok(())
        } else {
            Err(Error::malformed(Structure::PublicKey, format!("{length} bytes are no {self:?} key")))
        }
    }
}

/// Bytes of the moduli that are taken: 2048 to 8192 bits.
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
        Err(Error::unsupported(Structure::PublicKey, "RSA modulus of bytes", &format!("{}", modulus.len())))
    }
}
