// SPDX-License-Identifier: BSD-3-Clause
//! Signatures that OpenSSL makes are verified, and those that only look like signatures are not.

use std::fs;

use crypto::ALGORITHMS;
use peers::Pki;
use rustls::SignatureScheme;
use sha2::{Digest as _, Sha256};

const MESSAGE: &[u8] = b"what is signed";

/// A folder with a key of each kind that a test asks for.
struct Keys(Pki);

impl Keys {
    fn new() -> Self {
        let folder = Pki::new();
        fs::write(folder.folder().join("message"), MESSAGE).expect("a file");
        Self(folder)
    }

    /// An RSA key, as the `RSAPublicKey` that certificates hold.
    fn rsa(&self, name: &str, options: &str) -> Vec<u8> {
        self.0.openssl(&format!("genpkey -algorithm RSA {options} -out {name}.pem"));
        self.0.openssl(&format!("rsa -in {name}.pem -RSAPublicKey_out -outform DER -out {name}.der"));
        self.0.read(&format!("{name}.der"))
    }

    /// The last bytes of a `SubjectPublicKeyInfo`: the key itself.
    fn other(&self, name: &str, algorithm: &str, length: usize) -> Vec<u8> {
        self.0.openssl(&format!("genpkey {algorithm} -out {name}.pem"));
        self.0.openssl(&format!("pkey -in {name}.pem -pubout -outform DER -out {name}.der"));
        let info = self.0.read(&format!("{name}.der"));
        info[info.len() - length..].to_vec()
    }

    fn signed(&self, name: &str, options: &str) -> Vec<u8> {
        self.0.openssl(&format!("dgst {options} -sign {name}.pem -out signature message"));
        self.0.read("signature")
    }

    /// RSA's private operation alone, on an encoded message of our own making.
    fn raw(&self, name: &str, encoded: &[u8]) -> Vec<u8> {
        fs::write(self.0.folder().join("encoded"), encoded).expect("a file");
        self.0.openssl(&format!(
            "pkeyutl -decrypt -inkey {name}.pem -pkeyopt rsa_padding_mode:none -in encoded -out signature"
        ));
        self.0.read("signature")
    }
}

/// Whether any algorithm of the scheme accepts it; in TLS 1.3, only the first may.
fn accepts(scheme: SignatureScheme, key: &[u8], signature: &[u8]) -> bool {
    let (_, algorithms) = ALGORITHMS.mapping.iter().find(|(of, _)| *of == scheme).expect("a scheme");
    algorithms.iter().any(|algorithm| algorithm.verify_signature(key, MESSAGE, signature).is_ok())
}

#[test]
fn rsa_signatures_of_both_kinds_verify() {
    use SignatureScheme as S;
    let keys = Keys::new();
    for bits in [2048, 3072] {
        let key = keys.rsa("key", &format!("-pkeyopt rsa_keygen_bits:{bits}"));
        for (scheme, hash) in
            [(S::RSA_PKCS1_SHA256, "256"), (S::RSA_PKCS1_SHA384, "384"), (S::RSA_PKCS1_SHA512, "512")]
        {
            let signature = keys.signed("key", &format!("-sha{hash}"));
            assert!(accepts(scheme, &key, &signature), "{scheme:?}");
            let others = [S::RSA_PKCS1_SHA256, S::RSA_PKCS1_SHA384, S::RSA_PKCS1_SHA512, S::RSA_PSS_SHA256];
            assert!(others.iter().all(|other| *other == scheme || !accepts(*other, &key, &signature)));
        }
        for (scheme, hash) in
            [(S::RSA_PSS_SHA256, "256"), (S::RSA_PSS_SHA384, "384"), (S::RSA_PSS_SHA512, "512")]
        {
            let pss = format!("-sha{hash} -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest");
            let signature = keys.signed("key", &pss);
            assert!(accepts(scheme, &key, &signature), "{scheme:?}");
            assert!(!accepts(S::RSA_PKCS1_SHA256, &key, &signature));
        }
    }
}

#[test]
fn pss_has_a_salt_as_long_as_the_hash_and_one_hash_only() {
    let keys = Keys::new();
    let key = keys.rsa("key", "-pkeyopt rsa_keygen_bits:2048");
    for options in [
        "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:0",
        "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:20",
        "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:33",
        "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:max",
        "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -sigopt rsa_mgf1_md:sha1",
    ] {
        let signature = keys.signed("key", options);
        assert!(!accepts(SignatureScheme::RSA_PSS_SHA256, &key, &signature), "{options}");
    }
}

/// `DigestInfo` before the hash, for SHA-256 (RFC 8017 section 9.2, note 1).
const INFO: &[u8] = &[
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];

/// `00 01 FF … 00` and what is to follow, in so many bytes.
fn padded(length: usize, content: &[u8]) -> Vec<u8> {
    let padding = vec![0xff; length - 3 - content.len()];
    [&[0, 1], padding.as_slice(), &[0], content].concat()
}

#[test]
fn pkcs1_is_one_encoding_and_no_other() {
    let keys = Keys::new();
    // With the exponent 3, forgeries need no private key where a verifier is lax: here, OpenSSL makes them.
    let key = keys.rsa("key", "-pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3");
    let hash = Sha256::digest(MESSAGE).to_vec();
    let good = padded(256, &[INFO, &hash].concat());
    let verifies =
        |encoded: &[u8]| accepts(SignatureScheme::RSA_PKCS1_SHA256, &key, &keys.raw("key", encoded));
    assert!(verifies(&good));

    let changed = |at: usize, to: u8| {
        let mut encoded = good.clone();
        assert_ne!(encoded[at], to);
        encoded[at] = to;
        encoded
    };
    let start = 256 - INFO.len() - hash.len();
    // RFC 8017 appendix A.2.4 has the NULL; without it, or with lengths in the long form, it is another encoding.
    let no_null = [&[0x30, 0x2f, 0x30, 0x0b], &INFO[4..15], &INFO[17..], &hash].concat();
    let long_form = [&[0x30, 0x81], &INFO[1..], &hash].concat();
    let garbage_in_null = [&[0x30, 0x32, 0x30, 0x0e], &INFO[4..15], &[5, 1, 0], &INFO[17..], &hash].concat();
    let trailing = [INFO, &hash, &[0]].concat();
    let mut early = [&[0, 1], [0xff; 8].as_slice(), &[0], INFO, &hash].concat();
    early.resize(256, 0);
    for (what, encoded) in [
        ("block type 0", changed(1, 0)),
        ("block type 2", changed(1, 2)),
        ("padding", changed(2, 0xfe)),
        ("the last byte of the padding", changed(start - 2, 0)),
        ("no end of the padding", changed(start - 1, 0xff)),
        ("another hash's name", changed(start + 14, 2)),
        ("hash", changed(255, hash[31] ^ 1)),
        ("the length of the hash", changed(start + 18, 0x1f)),
        ("no NULL", padded(256, &no_null)),
        ("long form", padded(256, &long_form)),
        ("bytes in the NULL", padded(256, &garbage_in_null)),
        ("bytes behind", padded(256, &trailing)),
        ("the shortest padding, zeros behind", early),
        ("no DigestInfo", padded(256, &hash)),
    ] {
        assert!(!verifies(&encoded), "{what}");
    }
}

#[test]
fn rsa_signatures_are_as_long_as_the_modulus() {
    let keys = Keys::new();
    let key = keys.rsa("key", "-pkeyopt rsa_keygen_bits:2048");
    let signature = keys.signed("key", "-sha256");
    let refused = |signature: &[u8]| !accepts(SignatureScheme::RSA_PKCS1_SHA256, &key, signature);
    assert!(!refused(&signature));
    assert!(refused(&[&[0], signature.as_slice()].concat()));
    assert!(refused(&[signature.as_slice(), &[0]].concat()));
    assert!(refused(&signature[1..]));
    assert!(refused(&[]));
    assert!(refused(&[0; 256]));
    assert!(refused(&[0xff; 256]), "larger than the modulus");
    assert!(refused(&vec![1; 100_000]));
}

#[test]
fn keys_of_1024_bits_are_refused() {
    let keys = Keys::new();
    let key = keys.rsa("key", "-pkeyopt rsa_keygen_bits:1024");
    let signature = keys.signed("key", "-sha256");
    assert!(!accepts(SignatureScheme::RSA_PKCS1_SHA256, &key, &signature));
}

#[test]
fn ecdsa_and_ed25519_signatures_verify() {
    use SignatureScheme as S;
    let keys = Keys::new();
    let p256 = keys.other("p256", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256", 65);
    let p384 = keys.other("p384", "-algorithm EC -pkeyopt ec_paramgen_curve:P-384", 97);
    for (name, key) in [("p256", &p256), ("p384", &p384)] {
        // In certificates and in TLS 1.2, curve and hash are free of each other.
        for (scheme, hash) in [(S::ECDSA_NISTP256_SHA256, "256"), (S::ECDSA_NISTP384_SHA384, "384")] {
            let signature = keys.signed(name, &format!("-sha{hash}"));
            assert!(accepts(scheme, key, &signature), "{name} {hash}");
            let mut other = signature.clone();
            *other.last_mut().expect("a signature") ^= 1;
            assert!(!accepts(scheme, key, &other), "{name} {hash}");
        }
        assert!(!accepts(S::ECDSA_NISTP256_SHA256, key, &keys.signed(name, "-sha384")));
    }
    let ed25519 = keys.other("ed", "-algorithm ED25519", 32);
    keys.0.openssl("pkeyutl -sign -inkey ed.pem -rawin -in message -out signature");
    assert!(accepts(S::ED25519, &ed25519, &keys.0.read("signature")));
    assert!(!accepts(S::ED25519, &p256[33..], &keys.0.read("signature")));
}
