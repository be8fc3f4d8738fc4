// SPDX-License-Identifier: BSD-3-Clause
//! Record protection: the code shared by TLS 1.2 and TLS 1.3.
use alloc::boxed::Box;
use core::ops::Deref;

use ciphers::Cipher;
pub use ciphers::TAG;
use rustls::{
    Error,
    crypto::cipher::{AeadKey, Nonce},
};

/// The most bytes of a record after decryption (RFC 8446 section 5.1).
pub const MAX_PLAINTEXT: usize = 1 << 14;

/// A cipher with its key. If rustls gives a key of the wrong length, it is `None`, and sealing and opening fail.
pub struct Keyed(Option<Box<dyn ciphers::Keyed>>);

impl Keyed {
    pub fn new(cipher: &Cipher, key: &AeadKey) -> Self {
        Self(cipher.keyed(key.as_ref()))
    }

    /// Encrypts the buffer, and returns the tag.
    pub fn seal(&self, nonce: &Nonce, aad: &[u8], buffer: &mut [u8]) -> Result<[u8; TAG], Error> {
        let cipher = self.0.as_ref().ok_or(Error::EncryptError)?;
        cipher.seal(&nonce.0, aad, buffer).ok_or(Error::EncryptError)
    }

    /// Checks the tag at the buffer's end, decrypts the bytes before it, and returns their number.
    pub fn open(&self, nonce: &Nonce, aad: &[u8], buffer: &mut [u8]) -> Result<usize, Error> {
        let cipher = self.0.as_ref().ok_or(Error::DecryptError)?;
        let (text, tag) = buffer.split_last_chunk_mut::<TAG>().ok_or(Error::DecryptError)?;
        cipher.open(&nonce.0, aad, text, tag).ok_or(Error::DecryptError)?;
        Ok(text.len())
    }
}

/// The length of a record's content without the bytes that the cipher adds.
pub fn without(overhead: usize, content: &impl Deref<Target = [u8]>) -> Result<usize, Error> {
    content.len().checked_sub(overhead).ok_or(Error::DecryptError)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn a_buffer_is_opened_with_the_tag_at_its_end() {
        let cipher = Keyed::new(&ciphers::AES_256_GCM, &AeadKey::from([0; 32]));
        let mut buffer: Vec<u8> = b"text".into();
        let tag = cipher.seal(&Nonce([0; 12]), &[], &mut buffer).unwrap();
        buffer.extend_from_slice(&tag);
        for length in 0..buffer.len() {
            let cut = cipher.open(&Nonce([0; 12]), &[], &mut buffer.clone()[..length]);
            assert_eq!(cut, Err(Error::DecryptError), "{length}");
        }
        assert_eq!(cipher.open(&Nonce([0; 12]), &[], &mut buffer), Ok(4));
        assert_eq!(buffer[..4], *b"text");
    }

    #[test]
    fn a_key_of_another_length_protects_nothing() {
        let cipher = Keyed::new(&ciphers::AES_128_GCM, &AeadKey::from([0; 32]));
        assert_eq!(cipher.seal(&Nonce([0; 12]), &[], &mut []), Err(Error::EncryptError));
        let mut buffer: Vec<u8> = [0; TAG].into();
        assert_eq!(cipher.open(&Nonce([0; 12]), &[], &mut buffer), Err(Error::DecryptError));
    }
}
