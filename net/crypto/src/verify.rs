// SPDX-License-Identifier: BSD-3-Clause
//! Verifies signatures of certificates and handshakes: ECDSA, Ed25519, RSA.
//!
//! Verification uses no secrets. So the timing side channel of the crate `rsa` (RUSTSEC-2023-0071), which is in its
//! private key operations, cannot be reached from here.
use p256::{
    ecdsa::signature::hazmat::PrehashVerifier,
    pkcs8::der::{AnyRef, Decode as _, asn1::UintRef},
};
use rsa::{BoxedUint, RsaPublicKey, pkcs1v15, pss, signature::Verifier as _};
use rustls::{
    SignatureScheme,
    crypto::WebPkiSupportedAlgorithms,
    pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id},
};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// The accepted sizes of an RSA modulus in bits.
const RSA_BITS: core::ops::RangeInclusive<usize> = 2048..=8192;

/// The algorithms for verifying signatures of certificates and handshakes.
pub const ALGORITHMS: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[
        &P256_SHA256,
        &P256_SHA384,
        &P384_SHA256,
        &P384_SHA384,
        &ED25519,
        &PSS_SHA256,
        &PSS_SHA384,
        &PSS_SHA512,
        &PKCS1_SHA256,
        &PKCS1_SHA384,
        &PKCS1_SHA512,
    ],
    // In TLS 1.3 the scheme fixes the curve, and only the first algorithm is used; in TLS 1.2 it does not.
    mapping: &[
        (SignatureScheme::ECDSA_NISTP256_SHA256, &[&P256_SHA256, &P384_SHA256]),
        (SignatureScheme::ECDSA_NISTP384_SHA384, &[&P384_SHA384, &P256_SHA384]),
        (SignatureScheme::ED25519, &[&ED25519]),
        (SignatureScheme::RSA_PSS_SHA256, &[&PSS_SHA256]),
        (SignatureScheme::RSA_PSS_SHA384, &[&PSS_SHA384]),
        (SignatureScheme::RSA_PSS_SHA512, &[&PSS_SHA512]),
        (SignatureScheme::RSA_PKCS1_SHA256, &[&PKCS1_SHA256]),
        (SignatureScheme::RSA_PKCS1_SHA384, &[&PKCS1_SHA384]),
        (SignatureScheme::RSA_PKCS1_SHA512, &[&PKCS1_SHA512]),
    ],
};

static P256_SHA256: Algorithm = Algorithm {
    key: alg_id::ECDSA_P256,
    signature: alg_id::ECDSA_SHA256,
    verify: |key, message, signature| p256(key, &Sha256::digest(message), signature),
};
static P256_SHA384: Algorithm = Algorithm {
    key: alg_id::ECDSA_P256,
    signature: alg_id::ECDSA_SHA384,
    verify: |key, message, signature| p256(key, &Sha384::digest(message), signature),
};
static P384_SHA256: Algorithm = Algorithm {
    key: alg_id::ECDSA_P384,
    signature: alg_id::ECDSA_SHA256,
    verify: |key, message, signature| p384(key, &Sha256::digest(message), signature),
};
static P384_SHA384: Algorithm = Algorithm {
    key: alg_id::ECDSA_P384,
    signature: alg_id::ECDSA_SHA384,
    verify: |key, message, signature| p384(key, &Sha384::digest(message), signature),
};
static ED25519: Algorithm = Algorithm { key: alg_id::ED25519, signature: alg_id::ED25519, verify: ed25519 };
static PKCS1_SHA256: Algorithm = Algorithm {
    key: alg_id::RSA_ENCRYPTION,
    signature: alg_id::RSA_PKCS1_SHA256,
    verify: |key, message, signature| {
        pkcs1v15::VerifyingKey::<Sha256>::new(rsa_key(key)?).verify(message, &signature.try_into().ok()?).ok()
    },
};
static PKCS1_SHA384: Algorithm = Algorithm {
    key: alg_id::RSA_ENCRYPTION,
    signature: alg_id::RSA_PKCS1_SHA384,
    verify: |key, message, signature| {
        pkcs1v15::VerifyingKey::<Sha384>::new(rsa_key(key)?).verify(message, &signature.try_into().ok()?).ok()
    },
};
static PKCS1_SHA512: Algorithm = Algorithm {
    key: alg_id::RSA_ENCRYPTION,
    signature: alg_id::RSA_PKCS1_SHA512,
    verify: |key, message, signature| {
        pkcs1v15::VerifyingKey::<Sha512>::new(rsa_key(key)?).verify(message, &signature.try_into().ok()?).ok()
    },
};
static PSS_SHA256: Algorithm = Algorithm {
    key: alg_id::RSA_ENCRYPTION,
    signature: alg_id::RSA_PSS_SHA256,
    verify: |key, message, signature| {
        pss::VerifyingKey::<Sha256>::new(rsa_key(key)?).verify(message, &signature.try_into().ok()?).ok()
    },
};
static PSS_SHA384: Algorithm = Algorithm {
    key: alg_id::RSA_ENCRYPTION,
    signature: alg_id::RSA_PSS_SHA384,
    verify: |key, message, signature| {
        pss::VerifyingKey::<Sha384>::new(rsa_key(key)?).verify(message, &signature.try_into().ok()?).ok()
    },
};
static PSS_SHA512: Algorithm = Algorithm {
    key: alg_id::RSA_ENCRYPTION,
    signature: alg_id::RSA_PSS_SHA512,
    verify: |key, message, signature| {
        pss::VerifyingKey::<Sha512>::new(rsa_key(key)?).verify(message, &signature.try_into().ok()?).ok()
    },
};

/// Verifies a signature: takes key, message and signature, in this order.
type Verify = fn(&[u8], &[u8], &[u8]) -> Option<()>;

/// A kind of key, its signature algorithm, and the function that verifies it.
#[derive(Debug)]
struct Algorithm {
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    verify: Verify,
}

impl SignatureVerificationAlgorithm for Algorithm {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        (self.verify)(key, message, signature).ok_or(InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

/// Verifies a signature over a message with this SHA-256 digest. `key` is the `subjectPublicKey` of a key of this
/// algorithm.
///
/// # Errors
/// It was not made by this key over this digest, or keys of this kind do not sign SHA-256 digests.
pub fn verify_sha256(
    algorithm: &AlgorithmIdentifier,
    key: &[u8],
    digest: &[u8; 32],
    signature: &[u8],
) -> Result<(), InvalidSignature> {
    match *algorithm {
        alg_id::ECDSA_P256 => p256(key, digest, signature),
        alg_id::ECDSA_P384 => p384(key, digest, signature),
        alg_id::RSA_ENCRYPTION => rsa_sha256(key, digest, signature),
        _ => None,
    }
    .ok_or(InvalidSignature)
}

/// Verifies an Ed25519ph signature: one over the SHA-512 digest of the message. `key` is the `subjectPublicKey` of
/// an Ed25519 key.
///
/// The same key may be used for both: Ed25519 hashes a point of the curve first, and Ed25519ph 32 bytes that
/// are not a point. So a signature of one kind is never valid as the other.
///
/// # Errors
/// It was not made by this key over this message.
///
/// Spec: RFC 8032 section 5.1, `dom2` with an empty context.
pub fn verify_ed25519ph(key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
    ed25519ph(key, message, signature).ok_or(InvalidSignature)
}

/// Verifies PKCS#1 v1.5 or PSS.
fn rsa_sha256(key: &[u8], digest: &[u8], signature: &[u8]) -> Option<()> {
    let key = rsa_key(key)?;
    let is_pkcs1 = pkcs1v15::VerifyingKey::<Sha256>::new(key.clone())
        .verify_prehash(digest, &signature.try_into().ok()?)
        .is_ok();
    if is_pkcs1 {
        return Some(());
    }
    pss::VerifyingKey::<Sha256>::new(key).verify_prehash(digest, &signature.try_into().ok()?).ok()
}

/// Takes a point as in SEC 1, and a signature in DER (RFC 3279 section 2.2.3).
fn p256(key: &[u8], digest: &[u8], signature: &[u8]) -> Option<()> {
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
    key.verify_prehash(digest, &p256::ecdsa::DerSignature::from_bytes(signature).ok()?).ok()
}

fn p384(key: &[u8], digest: &[u8], signature: &[u8]) -> Option<()> {
    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
    key.verify_prehash(digest, &p384::ecdsa::DerSignature::from_bytes(signature).ok()?).ok()
}

/// RFC 8032, without keys of small order: with those, one signature is valid for many messages.
fn ed25519(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = ed25519_dalek::VerifyingKey::from_bytes(key.try_into().ok()?).ok()?;
    key.verify_strict(message, &ed25519_dalek::Signature::from_slice(signature).ok()?).ok()
}

/// The same with a digest in place of the message.
fn ed25519ph(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = ed25519_dalek::VerifyingKey::from_bytes(key.try_into().ok()?).ok()?;
    let signature = ed25519_dalek::Signature::from_slice(signature).ok()?;
    key.verify_prehashed_strict(Sha512::new_with_prefix(message), None, &signature).ok()
}

/// `RSAPublicKey` of RFC 8017 appendix A.1.1: modulus and exponent.
fn rsa_key(der: &[u8]) -> Option<RsaPublicKey> {
    let numbers = AnyRef::from_der(der).ok()?;
    let (modulus, exponent) = numbers
        .sequence(|reader| {
            Ok::<_, p256::pkcs8::der::Error>((UintRef::decode(reader)?, UintRef::decode(reader)?))
        })
        .ok()?;
    RsaPublicKey::new_with_size_limits(number(modulus)?, number(exponent)?, RSA_BITS).ok()
}

/// Keys come from servers: a number longer than any accepted key is refused before it is converted.
fn number(bytes: UintRef<'_>) -> Option<BoxedUint> {
    let bytes = bytes.as_bytes();
    let bits = u32::try_from(bytes.len()).ok()?.checked_mul(8)?;
    if usize::try_from(bits).ok()? > *RSA_BITS.end() {
        return None;
    }
    BoxedUint::from_be_slice(bytes, bits).ok()
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use super::*;
    use crate::testing::bytes;

    fn accepts(algorithm: &Algorithm, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
        algorithm.verify_signature(key, message, signature).is_ok()
    }

    /// RFC 6979 appendix A.2.5: the key, and the signature of "sample" with SHA-256.
    const KEY: &str = "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
    const R: &str = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716";
    const S: &str = "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    /// The order less `S`.
    const NEGATED_S: &str = "0834e36ad29a83bf2bc9385e491d6099c8fdf9d1ed67aa7ea5f51f93782857a9";

    /// `INTEGER` with a zero before a top bit that is set.
    fn integer(digits: &str) -> Vec<u8> {
        let mut value = bytes(digits);
        if value[0] & 0x80 != 0 {
            value.insert(0, 0);
        }
        [&[2, u8::try_from(value.len()).unwrap()], value.as_slice()].concat()
    }

    fn sequence(content: &[u8]) -> Vec<u8> {
        [&[0x30, u8::try_from(content.len()).unwrap()], content].concat()
    }

    fn der(r: &str, s: &str) -> Vec<u8> {
        sequence(&[integer(r), integer(s)].concat())
    }

    fn p256_accepts(signature: &[u8]) -> bool {
        accepts(&P256_SHA256, &bytes(KEY), b"sample", signature)
    }

    #[test]
    fn ecdsa_accepts_the_vector_of_rfc_6979_and_its_twin() {
        assert!(p256_accepts(&der(R, S)));
        // (r, n - s) is a signature, too: certificates are made with either.
        assert!(p256_accepts(&der(R, NEGATED_S)));
        assert!(!accepts(&P256_SHA256, &bytes(KEY), b"simple", &der(R, S)));
        assert!(!accepts(&P256_SHA384, &bytes(KEY), b"sample", &der(R, S)));
        assert!(!accepts(&P384_SHA256, &bytes(KEY), b"sample", &der(R, S)));
        let compressed = [&[3], &bytes(KEY)[1..33]].concat();
        assert!(accepts(&P256_SHA256, &compressed, b"sample", &der(R, S)));
    }

    #[test]
    fn ecdsa_refuses_numbers_out_of_range() {
        for number in ["00", "01", ORDER, &"ff".repeat(32)] {
            assert!(!p256_accepts(&der(number, S)), "r = {number}");
            assert!(!p256_accepts(&der(R, number)), "s = {number}");
            assert!(!p256_accepts(&der(number, number)), "r = s = {number}");
        }
        // r + n is the same number of the field, and not the same signature.
        let r_and_order = "01efd48b29acb6a8fe1140dd9cd45e81d65a138228fdc29816b706d96b4b125c67";
        assert!(!p256_accepts(&der(r_and_order, S)));
    }

    #[test]
    fn ecdsa_refuses_what_is_not_der() {
        let (r, s) = (integer(R), integer(S));
        let sound = der(R, S);
        for length in 0..sound.len() {
            assert!(!p256_accepts(&sound[..length]), "the first {length} bytes");
        }
        let behind = [sound.as_slice(), &[0]].concat();
        let within = sequence(&[r.as_slice(), &s, &[5, 0]].concat());
        let long_form = [&[0x30, 0x81, sound[1]], &sound[2..]].concat();
        let endless = [&[0x30, 0x80], &sound[2..], &[0, 0]].concat();
        let padded_r = [&[2, 34, 0, 0], &r[3..]].concat();
        let negative_r = [&[2, 32], &r[3..]].concat();
        let raw = [bytes(R), bytes(S)].concat();
        for signature in [
            behind,
            within,
            long_form,
            endless,
            sequence(&[padded_r, s.clone()].concat()),
            sequence(&[negative_r, s].concat()),
            sequence(&r),
            raw,
        ] {
            assert!(!p256_accepts(&signature), "{signature:02x?}");
        }
    }

    #[test]
    fn ecdsa_refuses_what_is_no_key() {
        let key = bytes(KEY);
        let mut elsewhere = key.clone();
        elsewhere[64] ^= 1;
        for key in [&[][..], &[0], &key[1..], &elsewhere, &[key.as_slice(), &[0]].concat()] {
            assert!(!accepts(&P256_SHA256, key, b"sample", &der(R, S)));
        }
    }

    /// RFC 8032 section 7.1, test 2.
    const ED_KEY: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    const ED_SIGNATURE: &str = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";

    #[test]
    fn ed25519_accepts_the_vector_of_rfc_8032_only() {
        let (key, signature) = (bytes(ED_KEY), bytes(ED_SIGNATURE));
        assert!(accepts(&ED25519, &key, &[0x72], &signature));
        assert!(!accepts(&ED25519, &key, &[0x73], &signature));
        for at in 0..64 {
            let mut other = signature.clone();
            other[at] ^= 1;
            assert!(!accepts(&ED25519, &key, &[0x72], &other), "byte {at}");
        }
        assert!(!accepts(&ED25519, &key, &[0x72], &signature[..63]));
        assert!(!accepts(&ED25519, &key[..31], &[0x72], &signature));
        assert!(!accepts(&ED25519, &key, &[0x72], &[signature.as_slice(), &[0]].concat()));
    }

    /// s + L is the same number of the field; RFC 8032 section 5.1.7 has it refused.
    #[test]
    fn ed25519_refuses_a_scalar_beyond_the_order() {
        let mut signature = bytes(ED_SIGNATURE);
        let order = bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
        let mut carry = 0;
        for (byte, add) in signature[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            (*byte, carry) = (u8::try_from(sum & 0xff).unwrap(), sum >> 8);
        }
        assert_eq!(carry, 0);
        assert!(!accepts(&ED25519, &bytes(ED_KEY), &[0x72], &signature));
    }

    /// With the key (0, 1), of order 1, R = the key and s = 0 fit every message in the equation.
    #[test]
    fn ed25519_refuses_keys_of_small_order() {
        let mut identity = vec![0; 32];
        identity[0] = 1;
        let signature = [identity.clone(), vec![0; 32]].concat();
        assert!(!accepts(&ED25519, &identity, b"any message", &signature));
    }

    /// RFC 8032 section 7.3: the message "abc".
    const PH_KEY: &str = "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf";
    const PH_SIGNATURE: &str = "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406";

    #[test]
    fn ed25519ph_accepts_the_vector_of_rfc_8032_only() {
        let (key, signature) = (bytes(PH_KEY), bytes(PH_SIGNATURE));
        let is_good =
            |key: &[u8], message: &[u8], signature: &[u8]| verify_ed25519ph(key, message, signature).is_ok();
        assert!(is_good(&key, b"abc", &signature));
        assert!(!is_good(&key, b"abc ", &signature));
        for at in 0..64 {
            let mut other = signature.clone();
            other[at] ^= 1;
            assert!(!is_good(&key, b"abc", &other), "byte {at}");
        }
        assert!(!is_good(&key, b"abc", &signature[..63]));
        assert!(!is_good(&key[..31], b"abc", &signature));
        let mut identity = vec![0; 32];
        identity[0] = 1;
        assert!(!is_good(&identity, b"any message", &[identity.clone(), vec![0; 32]].concat()));
    }

    #[test]
    fn neither_form_of_ed25519_is_taken_for_the_other() {
        let (key, signature) = (bytes(PH_KEY), bytes(PH_SIGNATURE));
        let digest = Sha512::digest(b"abc");
        // The last one: as Ed25519ph hashes it, with R and key where Ed25519 has them already.
        let prefixed = [b"SigEd25519 no Ed25519 collisions\x01\x00".as_slice(), &digest].concat();
        for message in [b"abc".as_slice(), &digest, &prefixed] {
            assert!(!accepts(&ED25519, &key, message, &signature));
        }
        assert!(verify_ed25519ph(&bytes(ED_KEY), &[0x72], &bytes(ED_SIGNATURE)).is_err());
        // Ed25519 would have to hash the prefix as R.
        assert!(ed25519_dalek::VerifyingKey::from_bytes(b"SigEd25519 no Ed25519 collisions").is_err());
    }

    #[test]
    fn rsa_keys_have_bounds() {
        let key = |modulus: usize, exponent: &[u8]| {
            let modulus = [vec![0, 0xc0], vec![1; modulus - 1]].concat();
            let length = |length: usize| {
                let length = u16::try_from(length).unwrap().to_be_bytes();
                [0x82, length[0], length[1]]
            };
            let exponent = [&[2, u8::try_from(exponent.len()).unwrap()], exponent].concat();
            let content = [&[2][..], &length(modulus.len()), &modulus, &exponent].concat();
            [&[0x30][..], &length(content.len()), &content].concat()
        };
        let usual = [1, 0, 1];
        assert!(rsa_key(&key(256, &usual)).is_some());
        assert!(rsa_key(&key(1024, &usual)).is_some());
        assert!(rsa_key(&key(256, &[3])).is_some());
        assert!(rsa_key(&key(255, &usual)).is_none(), "2040 bits");
        assert!(rsa_key(&key(128, &usual)).is_none(), "1024 bits");
        assert!(rsa_key(&key(1025, &usual)).is_none(), "8200 bits");
        assert!(rsa_key(&key(60_000, &usual)).is_none(), "480000 bits");
        for exponent in [&[0][..], &[1], &[4], &[3, 0, 0, 0, 1]] {
            assert!(rsa_key(&key(256, exponent)).is_none(), "exponent {exponent:?}");
        }
        let mut even = key(256, &usual);
        let last = even.len() - 6;
        assert_eq!(even[last], 1, "the last byte of the modulus");
        even[last] = 2;
        assert!(rsa_key(&even).is_none());
        let sound = key(256, &usual);
        assert!(rsa_key(&[sound.as_slice(), &[0]].concat()).is_none());
        assert!((0..sound.len()).all(|length| rsa_key(&sound[..length]).is_none()));
    }
}
