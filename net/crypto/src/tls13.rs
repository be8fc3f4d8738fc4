// SPDX-License-Identifier: BSD-3-Clause
//! Records of TLS 1.3 (RFC 8446 section 5.2): the encrypted type follows the content.
use alloc::boxed::Box;

use ciphers::Cipher;
use rustls::{
    ConnectionTrafficSecrets, ContentType, Error, ProtocolVersion,
    crypto::cipher::{
        AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, MessageDecrypter, MessageEncrypter, Nonce,
        OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload, Tls13AeadAlgorithm,
        UnsupportedOperationError, make_tls13_aad,
    },
};

use crate::aead::{Keyed, TAG};

/// The bytes that protection adds to a record's content: type and tag.
const OVERHEAD: usize = 1 + TAG;

/// Makes the encrypter and decrypter of a connection.
pub struct Records(pub &'static Cipher);

impl Tls13AeadAlgorithm for Records {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(Direction { cipher: Keyed::new(self.0, &key), iv })
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        Box::new(Direction { cipher: Keyed::new(self.0, &key), iv })
    }

    fn key_len(&self) -> usize {
        self.0.key
    }

    /// Not supported: keys stay here, since no other code (such as kernel TLS) processes records.
    fn extract_keys(&self, _: AeadKey, _: Iv) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

struct Direction {
    cipher: Keyed,
    iv: Iv,
}

impl MessageEncrypter for Direction {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        seq: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let length = self.encrypted_payload_len(message.payload.len());
        let mut payload = PrefixedPayload::with_capacity(length);
        payload.extend_from_chunks(&message.payload);
        payload.extend_from_slice(&message.typ.to_array());
        let nonce = Nonce::new(&self.iv, seq);
        let tag = self.cipher.seal(&nonce, &make_tls13_aad(length), payload.as_mut())?;
        payload.extend_from_slice(&tag);
        // RFC 8446 section 5.2 fixes both values for every protected record.
        Ok(OutboundOpaqueMessage::new(ContentType::ApplicationData, ProtocolVersion::TLSv1_2, payload))
    }

    fn encrypted_payload_len(&self, length: usize) -> usize {
        // Cannot saturate: rustls cuts what is sent into pieces of at most 16 KiB.
        length.saturating_add(OVERHEAD)
    }
}

impl MessageDecrypter for Direction {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        seq: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let (nonce, aad) = (Nonce::new(&self.iv, seq), make_tls13_aad(message.payload.len()));
        let length = self.cipher.open(&nonce, &aad, &mut message.payload)?;
        message.payload.truncate(length);
        message.into_tls13_unpadded_message()
    }
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use ciphers::{AES_128_GCM, CHACHA20_POLY1305};
    use rustls::crypto::cipher::OutboundChunks;

    use super::*;
    use crate::aead::MAX_PLAINTEXT;

    fn sealed(algorithm: &dyn Tls13AeadAlgorithm, content: &[u8], seq: u64) -> Vec<u8> {
        let key = AeadKey::from([7; 32]);
        let mut encrypter = algorithm.encrypter(key, Iv::from([9; 12]));
        let message = OutboundPlainMessage {
            typ: ContentType::Handshake,
            version: ProtocolVersion::TLSv1_3,
            payload: OutboundChunks::Single(content),
        };
        assert_eq!(encrypter.encrypted_payload_len(content.len()), content.len() + 17);
        encrypter.encrypt(message, seq).unwrap().payload.as_ref().to_vec()
    }

    fn opened(algorithm: &dyn Tls13AeadAlgorithm, sealed: &mut [u8], seq: u64) -> Result<Vec<u8>, Error> {
        let mut decrypter = algorithm.decrypter(AeadKey::from([7; 32]), Iv::from([9; 12]));
        let message =
            InboundOpaqueMessage::new(ContentType::ApplicationData, ProtocolVersion::TLSv1_2, sealed);
        let plain = decrypter.decrypt(message, seq)?;
        assert_eq!(plain.typ, ContentType::Handshake);
        Ok(plain.payload.to_vec())
    }

    #[test]
    fn records_come_back_with_their_number_only() {
        let algorithm = Records(&CHACHA20_POLY1305);
        for length in [0, 1, 15, 16, 17, 1000, MAX_PLAINTEXT] {
            let content = vec![3; length];
            let mut record = sealed(&algorithm, &content, 5);
            assert_eq!(record.len(), length + OVERHEAD);
            assert_eq!(opened(&algorithm, &mut record.clone(), 6), Err(Error::DecryptError));
            assert_eq!(opened(&algorithm, &mut record, 5), Ok(content));
        }
    }

    #[test]
    fn what_is_too_short_for_a_tag_is_refused() {
        for length in 0..=TAG {
            assert_eq!(
                opened(&Records(&CHACHA20_POLY1305), &mut vec![0; length], 0),
                Err(Error::DecryptError)
            );
        }
    }

    #[test]
    fn keys_have_the_length_of_the_cipher_and_stay_inside() {
        assert_eq!(Records(&AES_128_GCM).key_len(), 16);
        assert_eq!(Records(&CHACHA20_POLY1305).key_len(), 32);
        let secrets = Records(&AES_128_GCM).extract_keys(AeadKey::from([0; 32]), Iv::from([0; 12]));
        assert!(secrets.is_err());
    }

    #[test]
    fn more_than_a_record_may_hold_is_refused() {
        let algorithm = Records(&CHACHA20_POLY1305);
        let mut record = sealed(&algorithm, &vec![3; MAX_PLAINTEXT + 1], 0);
        assert_eq!(opened(&algorithm, &mut record, 0), Err(Error::PeerSentOversizedRecord));
    }
}
