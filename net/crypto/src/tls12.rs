// SPDX-License-Identifier: BSD-3-Clause
//! Records of TLS 1.2: AES-GCM with half of the nonce in the record (RFC 5288), ChaCha20-Poly1305 without (RFC 7905).
use alloc::boxed::Box;

use ciphers::Cipher;
use rustls::{
    ConnectionTrafficSecrets, Error,
    crypto::cipher::{
        AeadKey, InboundOpaqueMessage, InboundPlainMessage, KeyBlockShape, MessageDecrypter,
        MessageEncrypter, NONCE_LEN, Nonce, OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload,
        Tls12AeadAlgorithm, UnsupportedOperationError, make_tls12_aad,
    },
};

use crate::aead::{Keyed, MAX_PLAINTEXT, TAG, without};

/// Bytes of a GCM nonce: those from the handshake, and those in the record.
const SALT: usize = 4;
const EXPLICIT: usize = NONCE_LEN - SALT;

/// Makes the encrypter and decrypter of a connection.
pub struct Records {
    cipher: &'static Cipher,
    /// The number of nonce bytes in each record: [`EXPLICIT`] or 0.
    explicit: usize,
}

impl Records {
    /// With AES-GCM.
    pub const fn gcm(cipher: &'static Cipher) -> Self {
        Self { cipher, explicit: EXPLICIT }
    }

    /// With ChaCha20-Poly1305.
    pub const fn chacha(cipher: &'static Cipher) -> Self {
        Self { cipher, explicit: 0 }
    }

    fn direction(&self, key: &AeadKey, base: [u8; NONCE_LEN]) -> Direction {
        Direction { cipher: Keyed::new(self.cipher, key), explicit: self.explicit, base }
    }
}

impl Tls12AeadAlgorithm for Records {
    fn encrypter(&self, key: AeadKey, iv: &[u8], explicit: &[u8]) -> Box<dyn MessageEncrypter> {
        Box::new(self.direction(&key, joined(iv, explicit)))
    }

    fn decrypter(&self, key: AeadKey, iv: &[u8]) -> Box<dyn MessageDecrypter> {
        Box::new(self.direction(&key, joined(iv, &[])))
    }

    fn key_block_shape(&self) -> KeyBlockShape {
        KeyBlockShape {
            enc_key_len: self.cipher.key,
            // Cannot saturate: the explicit part is 0 or 8 of the 12 bytes.
            fixed_iv_len: NONCE_LEN.saturating_sub(self.explicit),
            explicit_nonce_len: self.explicit,
        }
    }

    /// Not supported: keys stay here, since no other code (such as kernel TLS) processes records.
    fn extract_keys(
        &self,
        _: AeadKey,
        _: &[u8],
        _: &[u8],
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

struct Direction {
    cipher: Keyed,
    /// As of [`Records`].
    explicit: usize,
    /// The nonce bytes from the handshake; the rest is 0 if records have it.
    base: [u8; NONCE_LEN],
}

fn joined(iv: &[u8], explicit: &[u8]) -> [u8; NONCE_LEN] {
    let mut base = [0; NONCE_LEN];
    base.iter_mut().zip(iv.iter().chain(explicit)).for_each(|(to, from)| *to = *from);
    base
}

impl Direction {
    /// The bytes that protection adds to a record's content.
    const fn overhead(&self) -> usize {
        // Cannot saturate: one of two small numbers.
        self.explicit.saturating_add(TAG)
    }
}

impl MessageEncrypter for Direction {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        seq: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let length = message.payload.len();
        let mut payload = PrefixedPayload::with_capacity(self.encrypted_payload_len(length));
        // The part of the nonce in the record may be chosen (RFC 5288 section 3): as in TLS 1.3, a secret start and the
        // record's number, so that it is never the same twice.
        let nonce = Nonce::new(&self.base.into(), seq);
        // Cannot saturate: the explicit part is 0 or 8 of the 12 bytes.
        let explicit = nonce.0.get(NONCE_LEN.saturating_sub(self.explicit)..).ok_or(Error::EncryptError)?;
        payload.extend_from_slice(explicit);
        payload.extend_from_chunks(&message.payload);
        let aad = make_tls12_aad(seq, message.typ, message.version, length);
        let text = payload.as_mut().get_mut(self.explicit..).ok_or(Error::EncryptError)?;
        let tag = self.cipher.seal(&nonce, &aad, text)?;
        payload.extend_from_slice(&tag);
        Ok(OutboundOpaqueMessage::new(message.typ, message.version, payload))
    }

    fn encrypted_payload_len(&self, length: usize) -> usize {
        // Cannot saturate: rustls cuts what is sent into pieces of at most 16 KiB.
        length.saturating_add(self.overhead())
    }
}

impl MessageDecrypter for Direction {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        seq: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let length = without(self.overhead(), &message.payload)?;
        let aad = make_tls12_aad(seq, message.typ, message.version, length);
        let (explicit, sealed) =
            message.payload.split_at_mut_checked(self.explicit).ok_or(Error::DecryptError)?;
        let nonce = match *explicit {
            [] => Nonce::new(&self.base.into(), seq),
            _ => Nonce(joined(self.base.first_chunk::<SALT>().map_or(&[], |salt| salt), explicit)),
        };
        let opened = self.cipher.open(&nonce, &aad, sealed)?;
        if opened > MAX_PLAINTEXT {
            return Err(Error::PeerSentOversizedRecord);
        }
        let end = self.explicit.checked_add(opened).ok_or(Error::DecryptError)?;
        Ok(message.into_plain_message_range(self.explicit..end))
    }
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use ciphers::{AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305};
    use rustls::{ContentType, ProtocolVersion, crypto::cipher::OutboundChunks};

    use super::*;

    /// Of 32 bytes: the ciphers of shorter keys are tested in whole connections.
    fn key() -> AeadKey {
        AeadKey::from([7; 32])
    }

    fn sealed(algorithm: &dyn Tls12AeadAlgorithm, content: &[u8], seq: u64) -> Vec<u8> {
        let shape = algorithm.key_block_shape();
        let (iv, explicit) = (vec![9; shape.fixed_iv_len], vec![5; shape.explicit_nonce_len]);
        let mut encrypter = algorithm.encrypter(key(), &iv, &explicit);
        let message = OutboundPlainMessage {
            typ: ContentType::ApplicationData,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::Single(content),
        };
        let length = encrypter.encrypted_payload_len(content.len());
        let payload = encrypter.encrypt(message, seq).unwrap().payload;
        assert_eq!(payload.as_ref().len(), length);
        payload.as_ref().to_vec()
    }

    fn opened(algorithm: &dyn Tls12AeadAlgorithm, sealed: &mut [u8], seq: u64) -> Result<Vec<u8>, Error> {
        let mut decrypter = algorithm.decrypter(key(), &vec![9; algorithm.key_block_shape().fixed_iv_len]);
        let message =
            InboundOpaqueMessage::new(ContentType::ApplicationData, ProtocolVersion::TLSv1_2, sealed);
        decrypter.decrypt(message, seq).map(|plain| plain.payload.to_vec())
    }

    fn check(algorithm: &dyn Tls12AeadAlgorithm, overhead: usize) {
        for length in [0, 1, 15, 16, 17, 1000, MAX_PLAINTEXT] {
            let content = vec![3; length];
            let record = sealed(algorithm, &content, 5);
            assert_eq!(record.len(), length + overhead);
            assert_eq!(opened(algorithm, &mut record.clone(), 6), Err(Error::DecryptError));
            assert_eq!(opened(algorithm, &mut record.clone(), 5), Ok(content));
        }
        let mut record = sealed(algorithm, &vec![3; MAX_PLAINTEXT + 1], 0);
        assert_eq!(opened(algorithm, &mut record, 0), Err(Error::PeerSentOversizedRecord));
        for length in 0..overhead {
            assert_eq!(opened(algorithm, &mut vec![0; length], 0), Err(Error::DecryptError));
        }
        let record = sealed(algorithm, b"content", 0);
        for at in 0..record.len() {
            let mut other = record.clone();
            other[at] ^= 0x80;
            assert_eq!(opened(algorithm, &mut other, 0), Err(Error::DecryptError));
        }
    }

    #[test]
    fn records_come_back_with_their_number_only() {
        check(&Records::chacha(&CHACHA20_POLY1305), 16);
        check(&Records::gcm(&AES_256_GCM), 24);
    }

    #[test]
    fn a_gcm_nonce_differs_in_each_record() {
        let algorithm = Records::gcm(&AES_256_GCM);
        let explicit = |seq| sealed(&algorithm, b"", seq)[..EXPLICIT].to_vec();
        assert_eq!(explicit(0), [5; 8]);
        assert_eq!(explicit(1), [5, 5, 5, 5, 5, 5, 5, 4]);
    }

    #[test]
    fn keys_have_the_lengths_of_the_suites_and_stay_inside() {
        let shape = Records::gcm(&AES_128_GCM).key_block_shape();
        assert_eq!((shape.enc_key_len, shape.fixed_iv_len, shape.explicit_nonce_len), (16, 4, 8));
        let shape = Records::chacha(&CHACHA20_POLY1305).key_block_shape();
        assert_eq!((shape.enc_key_len, shape.fixed_iv_len, shape.explicit_nonce_len), (32, 12, 0));
        assert!(Records::gcm(&AES_128_GCM).extract_keys(key(), &[], &[]).is_err());
    }
}
