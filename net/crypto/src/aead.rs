// SPDX-License-Identifier: BSD-3-Clause
//! What TLS 1.2 and TLS 1.3 share of protecting records: authenticated encryption in place.
use core::ops::Deref;

use aes_gcm::aead::{
    AeadInOut, KeyInit,
    consts::{U12, U16},
};
use rustls::{
    Error,
    crypto::cipher::{AeadKey, Nonce},
};

/// Bytes of the tag behind each record; all ciphers of TLS that are offered have the same.
pub const TAG: usize = 16;
/// Bytes that a record may hold after decryption (RFC 8446 section 5.1).
pub const MAX_PLAINTEXT: usize = 1 << 14;

/// A cipher with the sizes that TLS uses.
pub trait Cipher: AeadInOut<NonceSize = U12, TagSize = U16> + KeyInit + Send + Sync + 'static {}

impl<A: AeadInOut<NonceSize = U12, TagSize = U16> + KeyInit + Send + Sync + 'static> Cipher for A {}

/// A cipher with its key, which is zeroised when this is dropped; it seals and opens nothing if rustls ever gives a
/// key of another length than was asked for.
pub struct Keyed<A>(Option<A>);

impl<A: Cipher> Keyed<A> {
    pub fn new(key: &AeadKey) -> Self {
        Self(A::new_from_slice(key.as_ref()).ok())
    }

    /// Encrypts the buffer, and yields its tag.
    pub fn seal(&self, nonce: &Nonce, aad: &[u8], buffer: &mut [u8]) -> Result<[u8; TAG], Error> {
        let cipher = self.0.as_ref().ok_or(Error::EncryptError)?;
        let tag = cipher.encrypt_inout_detached(&nonce.0.into(), aad, buffer.into());
        tag.map(Into::into).map_err(|_| Error::EncryptError)
    }

    /// Checks the tag at the buffer's end, decrypts what is before it, and yields how many bytes that are.
    pub fn open(&self, nonce: &Nonce, aad: &[u8], buffer: &mut [u8]) -> Result<usize, Error> {
        let cipher = self.0.as_ref().ok_or(Error::DecryptError)?;
        let (text, tag) = buffer.split_last_chunk_mut::<TAG>().ok_or(Error::DecryptError)?;
        let length = text.len();
        cipher
            .decrypt_inout_detached(&nonce.0.into(), aad, text.into(), &(*tag).into())
            .map_err(|_| Error::DecryptError)?;
        Ok(length)
    }
}

/// Bytes of a record's content without what the cipher adds to it.
pub fn without(overhead: usize, content: &impl Deref<Target = [u8]>) -> Result<usize, Error> {
    content.len().checked_sub(overhead).ok_or(Error::DecryptError)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use aes_gcm::{Aes128Gcm, Aes256Gcm};
    use chacha20poly1305::ChaCha20Poly1305;

    use super::*;
    use crate::testing::bytes;

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

    fn keyed<A: Cipher>(key: &[u8]) -> Keyed<A> {
        Keyed(A::new_from_slice(key).ok())
    }

    fn check<A: Cipher>(vector: &Vector) {
        let (cipher, aad, text) = (keyed::<A>(&bytes(vector.key)), bytes(vector.aad), bytes(vector.text));
        let nonce = Nonce(bytes(vector.nonce).try_into().unwrap());
        let mut buffer = text.clone();
        let tag = cipher.seal(&nonce, &aad, &mut buffer).unwrap();
        buffer.extend_from_slice(&tag);
        assert_eq!(buffer, bytes(vector.sealed));

        let sealed = buffer.clone();
        assert_eq!(cipher.open(&nonce, &aad, &mut buffer), Ok(text.len()));
        assert_eq!(buffer[..text.len()], text);

        let refused = |nonce: &Nonce, aad: &[u8], sealed: &[u8]| {
            let mut buffer = sealed.to_vec();
            assert_eq!(cipher.open(nonce, aad, &mut buffer), Err(Error::DecryptError));
        };
        for at in 0..sealed.len() {
            let mut other = sealed.clone();
            other[at] ^= 1;
            refused(&nonce, &aad, &other);
        }
        for length in 0..sealed.len() {
            refused(&nonce, &aad, &sealed[..length]);
        }
        refused(&nonce, &aad[1..], &sealed);
        refused(&Nonce([0; 12]), &aad, &sealed);
    }

    #[test]
    fn published_vectors_seal_and_open_and_nothing_else_does() {
        check::<ChaCha20Poly1305>(&CHACHA);
        check::<Aes128Gcm>(&GCM128);
        check::<Aes256Gcm>(&GCM256);
    }

    /// Test case 1 of McGrew and Viega: no text, only a tag.
    #[test]
    fn an_empty_record_has_a_tag() {
        let cipher = keyed::<Aes128Gcm>(&[0; 16]);
        let tag = cipher.seal(&Nonce([0; 12]), &[], &mut []).unwrap();
        assert_eq!(tag.to_vec(), bytes("58e2fccefa7e3061367f1d57a4e7455a"));
        assert_eq!(cipher.open(&Nonce([0; 12]), &[], &mut tag.clone()), Ok(0));
    }

    #[test]
    fn a_key_of_another_length_protects_nothing() {
        let cipher = keyed::<Aes128Gcm>(&[0; 32]);
        assert_eq!(cipher.seal(&Nonce([0; 12]), &[], &mut []), Err(Error::EncryptError));
        let mut buffer: Vec<u8> = [0; TAG].into();
        assert_eq!(cipher.open(&Nonce([0; 12]), &[], &mut buffer), Err(Error::DecryptError));
    }
}
