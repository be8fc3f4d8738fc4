// SPDX-License-Identifier: BSD-3-Clause
//! Authenticated encryption in place, for the records of TLS.
//!
//! This is the only part of TLS cryptography that processes every byte of a download, and so the only one compiled
//! for speed: the generic code of the cipher crates is instantiated here, and called through [`Keyed`].
//!
//! Sources: RFC 8439 (ChaCha20-Poly1305), NIST SP 800-38D (AES-GCM).
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

use alloc::boxed::Box;

use aes_gcm::{
    Aes128Gcm, Aes256Gcm,
    aead::{
        AeadInOut, KeyInit,
        consts::{U12, U16},
    },
};
use chacha20poly1305::ChaCha20Poly1305;

/// Bytes of the tag after each text.
pub const TAG: usize = 16;
/// Bytes of a nonce.
pub const NONCE: usize = 12;

/// ChaCha20-Poly1305.
pub static CHACHA20_POLY1305: Cipher = Cipher { key: 32, keyed: keyed::<ChaCha20Poly1305> };
/// AES-GCM with keys of 128 bits.
pub static AES_128_GCM: Cipher = Cipher { key: 16, keyed: keyed::<Aes128Gcm> };
/// AES-GCM with keys of 256 bits.
pub static AES_256_GCM: Cipher = Cipher { key: 32, keyed: keyed::<Aes256Gcm> };

/// A cipher.
#[derive(Clone, Copy, Debug)]
pub struct Cipher {
    /// Bytes of a key.
    pub key: usize,
    keyed: fn(&[u8]) -> Option<Box<dyn Keyed>>,
}

impl Cipher {
    /// The cipher with a key; `None` if the key has another length.
    pub fn keyed(&self, key: &[u8]) -> Option<Box<dyn Keyed>> {
        (self.keyed)(key)
    }
}

/// A cipher with its key, which is zeroised when this is dropped.
pub trait Keyed: Send + Sync {
    /// Encrypts the text, and returns its tag; `None` if the text is too long for the cipher.
    fn seal(&self, nonce: &[u8; NONCE], aad: &[u8], text: &mut [u8]) -> Option<[u8; TAG]>;

    /// Checks the tag, and decrypts the text; `None` if the tag does not match.
    #[must_use]
    fn open(&self, nonce: &[u8; NONCE], aad: &[u8], text: &mut [u8], tag: &[u8; TAG]) -> Option<()>;
}

/// A cipher of RustCrypto with the sizes that TLS uses.
trait Aead: AeadInOut<NonceSize = U12, TagSize = U16> + KeyInit + Send + Sync + 'static {}

impl<A: AeadInOut<NonceSize = U12, TagSize = U16> + KeyInit + Send + Sync + 'static> Aead for A {}

fn keyed<A: Aead>(key: &[u8]) -> Option<Box<dyn Keyed>> {
    Some(Box::new(WithKey(A::new_from_slice(key).ok()?)))
}

struct WithKey<A>(A);

impl<A: Aead> Keyed for WithKey<A> {
    fn seal(&self, nonce: &[u8; NONCE], aad: &[u8], text: &mut [u8]) -> Option<[u8; TAG]> {
        self.0.encrypt_inout_detached(&(*nonce).into(), aad, text.into()).ok().map(Into::into)
    }

    fn open(&self, nonce: &[u8; NONCE], aad: &[u8], text: &mut [u8], tag: &[u8; TAG]) -> Option<()> {
        self.0.decrypt_inout_detached(&(*nonce).into(), aad, text.into(), &(*tag).into()).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// The bytes of hexadecimal digits.
    fn bytes(digits: &str) -> Vec<u8> {
        digits
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    struct Vector {
        key: &'static str,
        nonce: &'static str,
        aad: &'static str,
        text: &'static str,
        sealed: &'static str,
    }

    /// The content of RFC 8439 section 2.8.2: "Ladies and Gentlemen of the class of '99 …".
    const LADIES: &str = "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73637265656e20776f756c642062652069742e";

    const CHACHA: Vector = Vector {
        key: "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
        nonce: "070000004041424344454647",
        aad: "50515253c0c1c2c3c4c5c6c7",
        text: LADIES,
        sealed: "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691",
    };

    const GCM_TEXT: &str = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";

    /// Test case 4 of "The Galois/Counter Mode of Operation", McGrew and Viega, which NIST's standard refers to.
    const GCM128: Vector = Vector {
        key: "feffe9928665731c6d6a8f9467308308",
        nonce: "cafebabefacedbaddecaf888",
        aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        text: GCM_TEXT,
        sealed: "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47",
    };

    /// Test case 16 of the same.
    const GCM256: Vector = Vector {
        key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        nonce: "cafebabefacedbaddecaf888",
        aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        text: GCM_TEXT,
        sealed: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
    };

    fn check(cipher: Cipher, vector: &Vector) {
        let (keyed, aad, text) =
            (cipher.keyed(&bytes(vector.key)).unwrap(), bytes(vector.aad), bytes(vector.text));
        let nonce = bytes(vector.nonce).try_into().unwrap();
        let mut buffer = text.clone();
        let tag = keyed.seal(&nonce, &aad, &mut buffer).unwrap();
        assert_eq!([&buffer[..], &tag].concat(), bytes(vector.sealed));

        let sealed = buffer.clone();
        keyed.open(&nonce, &aad, &mut buffer, &tag).unwrap();
        assert_eq!(buffer, text);

        let refused = |nonce: &[u8; NONCE], aad: &[u8], sealed: &[u8], tag: &[u8; TAG]| {
            assert_eq!(keyed.open(nonce, aad, &mut sealed.to_vec(), tag), None);
        };
        for at in 0..sealed.len() {
            let mut other = sealed.clone();
            other[at] ^= 1;
            refused(&nonce, &aad, &other, &tag);
        }
        for at in 0..TAG {
            let mut other = tag;
            other[at] ^= 1;
            refused(&nonce, &aad, &sealed, &other);
        }
        for length in 0..sealed.len() {
            refused(&nonce, &aad, &sealed[..length], &tag);
        }
        refused(&nonce, &aad[1..], &sealed, &tag);
        refused(&[0; NONCE], &aad, &sealed, &tag);
    }

    #[test]
    fn published_vectors_seal_and_open_and_nothing_else_does() {
        check(CHACHA20_POLY1305, &CHACHA);
        check(AES_128_GCM, &GCM128);
        check(AES_256_GCM, &GCM256);
    }

    /// Test case 1 of McGrew and Viega: no text, only a tag.
    #[test]
    fn an_empty_text_has_a_tag() {
        let keyed = AES_128_GCM.keyed(&[0; 16]).unwrap();
        let tag = keyed.seal(&[0; NONCE], &[], &mut []).unwrap();
        assert_eq!(tag.to_vec(), bytes("58e2fccefa7e3061367f1d57a4e7455a"));
        assert_eq!(keyed.open(&[0; NONCE], &[], &mut [], &tag), Some(()));
    }

    #[test]
    fn keys_have_one_length() {
        for cipher in [CHACHA20_POLY1305, AES_128_GCM, AES_256_GCM] {
            for length in 0..=64 {
                assert_eq!(cipher.keyed(&[0; 64][..length]).is_some(), length == cipher.key, "{length}");
            }
        }
    }
}
