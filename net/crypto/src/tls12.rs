// SPDX-License-Identifier: BSD-3-Clause
//! Records of TLS 1.2: AES-GCM with half of the nonce in the record (RFC 5288), ChaCha20-Poly1305 without (RFC 7905).
use alloc::boxed::Box;
use core::marker::PhantomData;

use aes_gcm::aead::KeySizeUser;
use rustls::{
    ConnectionTrafficSecrets, Error,
    crypto::cipher::{
        AeadKey, InboundOpaqueMessage, InboundPlainMessage, KeyBlockShape, MessageDecrypter,
        MessageEncrypter, NONCE_LEN, Nonce, OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload,
        Tls12AeadAlgorithm, UnsupportedOperationError, make_tls12_aad,
    },
};

use crate::aead::{Cipher, Keyed, MAX_PLAINTEXT, TAG, without};

/// Bytes of a GCM nonce that the handshake yields, and that stand in the record.
const SALT: usize = 4;
const EXPLICIT: usize = NONCE_LEN - SALT;

/// Makes the two directions of a connection; `EXPLICIT` bytes of the nonce stand in each record, or none.
pub struct Records<A, const EXPLICIT: usize>(PhantomData<fn() -> A>);

/// With AES-GCM.
pub type Gcm<A> = Records<A, EXPLICIT>;
/// With ChaCha20-Poly1305.
pub type ChaCha<A> = Records<A, 0>;

impl<A, const EXPLICIT: usize> Records<A, EXPLICIT> {
    pub const NEW: Self = Self(PhantomData);
}

impl<A: Cipher, const EXPLICIT: usize> Tls12AeadAlgorithm for Records<A, EXPLICIT> {
    fn encrypter(&self, key: AeadKey, iv: &[u8], explicit: &[u8]) -> Box<dyn MessageEncrypter> {
        Box::new(Direction::<A, EXPLICIT> { cipher: Keyed::new(&key), base: joined(iv, explicit) })
    }

    fn decrypter(&self, key: AeadKey, iv: &[u8]) -> Box<dyn MessageDecrypter> {
        Box::new(Direction::<A, EXPLICIT> { cipher: Keyed::new(&key), base: joined(iv, &[]) })
    }

    fn key_block_shape(&self) -> KeyBlockShape {
        KeyBlockShape {
            enc_key_len: <A as KeySizeUser>::key_size(),
            fixed_iv_len: const { NONCE_LEN - EXPLICIT },
            explicit_nonce_len: EXPLICIT,
        }
    }

    /// Keys stay here: nothing takes records out of this crate's hands.
    fn extract_keys(
        &self,
        _: AeadKey,
        _: &[u8],
        _: &[u8],
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

struct Direction<A, const EXPLICIT: usize> {
    cipher: Keyed<A>,
    /// What the handshake yields of the nonce; the rest is 0 where records bring it.
    base: [u8; NONCE_LEN],
}

fn joined(iv: &[u8], explicit: &[u8]) -> [u8; NONCE_LEN] {
    let mut base = [0; NONCE_LEN];
    base.iter_mut().zip(iv.iter().chain(explicit)).for_each(|(to, from)| *to = *from);
    base
}

impl<A: Cipher, const EXPLICIT: usize> MessageEncrypter for Direction<A, EXPLICIT> {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        seq: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let length = message.payload.len();
        let mut payload = PrefixedPayload::with_capacity(self.encrypted_payload_len(length));
        // The part of the nonce in the record is free (RFC 5288 section 3): as in TLS 1.3, a secret start and the
        // record's number, so that it is never the same twice.
        let nonce = Nonce::new(&self.base.into(), seq);
        let explicit = nonce.0.last_chunk::<EXPLICIT>().ok_or(Error::EncryptError)?;
        payload.extend_from_slice(explicit);
        payload.extend_from_chunks(&message.payload);
        let aad = make_tls12_aad(seq, message.typ, message.version, length);
        let text = payload.as_mut().get_mut(EXPLICIT..).ok_or(Error::EncryptError)?;
        let tag = self.cipher.seal(&nonce, &aad, text)?;
        payload.extend_from_slice(&tag);
        Ok(OutboundOpaqueMessage::new(message.typ, message.version, payload))
    }

    fn encrypted_payload_len(&self, length: usize) -> usize {
        // rustls cuts what is sent into pieces of at most 16 KiB.
        length.saturating_add(const { EXPLICIT + TAG })
    }
}

impl<A: Cipher, const EXPLICIT: usize> MessageDecrypter for Direction<A, EXPLICIT> {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        seq: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let length = without(const { EXPLICIT + TAG }, &message.payload)?;
        let aad = make_tls12_aad(seq, message.typ, message.version, length);
        let (explicit, sealed) =
            message.payload.split_first_chunk_mut::<EXPLICIT>().ok_or(Error::DecryptError)?;
        let mut nonce = if EXPLICIT > 0 { Nonce(self.base) } else { Nonce::new(&self.base.into(), seq) };
        if EXPLICIT > 0 {
            *nonce.0.last_chunk_mut::<EXPLICIT>().ok_or(Error::DecryptError)? = *explicit;
        }
        let opened = self.cipher.open(&nonce, &aad, sealed)?;
        if opened > MAX_PLAINTEXT {
            return Err(Error::PeerSentOversizedRecord);
        }
        let end = EXPLICIT.checked_add(opened).ok_or(Error::DecryptError)?;
        Ok(message.into_plain_message_range(EXPLICIT..end))
    }
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use aes_gcm::Aes128Gcm;
    use chacha20poly1305::ChaCha20Poly1305;
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
        check(&ChaCha::<ChaCha20Poly1305>::NEW, 16);
        check(&Gcm::<aes_gcm::Aes256Gcm>::NEW, 24);
    }

    #[test]
    fn a_gcm_nonce_differs_in_each_record() {
        let algorithm = Gcm::<aes_gcm::Aes256Gcm>::NEW;
        let explicit = |seq| sealed(&algorithm, b"", seq)[..EXPLICIT].to_vec();
        assert_eq!(explicit(0), [5; 8]);
        assert_eq!(explicit(1), [5, 5, 5, 5, 5, 5, 5, 4]);
    }

    #[test]
    fn keys_have_the_lengths_of_the_suites_and_stay_inside() {
        let shape = Gcm::<Aes128Gcm>::NEW.key_block_shape();
        assert_eq!((shape.enc_key_len, shape.fixed_iv_len, shape.explicit_nonce_len), (16, 4, 8));
        let shape = ChaCha::<ChaCha20Poly1305>::NEW.key_block_shape();
        assert_eq!((shape.enc_key_len, shape.fixed_iv_len, shape.explicit_nonce_len), (32, 12, 0));
        assert!(Gcm::<Aes128Gcm>::NEW.extract_keys(key(), &[], &[]).is_err());
    }
}
