// SPDX-License-Identifier: BSD-3-Clause
//! SHA-256 and SHA-384, HMAC with them, and key derivation for rustls.
use alloc::boxed::Box;
use core::marker::PhantomData;

use hmac::{KeyInit, Mac};
use rustls::crypto::{
    hash::{self, HashAlgorithm, Output},
    hmac as keyed,
    tls12::PrfUsingHmac,
    tls13::HkdfUsingHmac,
};
use sha2::{Digest, Sha256, Sha384};

pub static SHA256: Hash<Sha256> = Hash(HashAlgorithm::SHA256, PhantomData);
pub static SHA384: Hash<Sha384> = Hash(HashAlgorithm::SHA384, PhantomData);

static HMAC_SHA256: Hmac<hmac::Hmac<Sha256>> = Hmac(PhantomData);
static HMAC_SHA384: Hmac<hmac::Hmac<Sha384>> = Hmac(PhantomData);

/// Key derivation of TLS 1.3 (RFC 5869).
pub static HKDF_SHA256: HkdfUsingHmac<'static> = HkdfUsingHmac(&HMAC_SHA256);
pub static HKDF_SHA384: HkdfUsingHmac<'static> = HkdfUsingHmac(&HMAC_SHA384);

/// Key derivation of TLS 1.2 (RFC 5246 section 5).
pub static PRF_SHA256: PrfUsingHmac<'static> = PrfUsingHmac(&HMAC_SHA256);
pub static PRF_SHA384: PrfUsingHmac<'static> = PrfUsingHmac(&HMAC_SHA384);

pub struct Hash<D>(HashAlgorithm, PhantomData<fn() -> D>);

impl<D: Digest + Clone + Send + Sync + 'static> hash::Hash for Hash<D> {
    fn start(&self) -> Box<dyn hash::Context> {
        Box::new(Context(D::new()))
    }

    fn hash(&self, data: &[u8]) -> Output {
        Output::new(&D::digest(data))
    }

    fn output_len(&self) -> usize {
        <D as Digest>::output_size()
    }

    fn algorithm(&self) -> HashAlgorithm {
        self.0
    }
}

struct Context<D>(D);

impl<D: Digest + Clone + Send + Sync + 'static> hash::Context for Context<D> {
    fn fork_finish(&self) -> Output {
        Output::new(&self.0.clone().finalize())
    }

    fn fork(&self) -> Box<dyn hash::Context> {
        Box::new(Self(self.0.clone()))
    }

    fn finish(self: Box<Self>) -> Output {
        Output::new(&self.0.finalize())
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
}

struct Hmac<M>(PhantomData<fn() -> M>);

impl<M: Mac + KeyInit + Clone + Send + Sync + 'static> keyed::Hmac for Hmac<M> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length: RFC 2104 section 2")]
    fn with_key(&self, key: &[u8]) -> Box<dyn keyed::Key> {
        Box::new(Key(<M as KeyInit>::new_from_slice(key).expect("a key of any length")))
    }

    fn hash_output_len(&self) -> usize {
        M::output_size()
    }
}

struct Key<M>(M);

impl<M: Mac + Clone + Send + Sync> keyed::Key for Key<M> {
    fn sign_concat(&self, first: &[u8], middle: &[&[u8]], last: &[u8]) -> keyed::Tag {
        let mut mac = self.0.clone();
        mac.update(first);
        middle.iter().for_each(|part| mac.update(part));
        mac.update(last);
        keyed::Tag::new(&mac.finalize().into_bytes())
    }

    fn tag_len(&self) -> usize {
        M::output_size()
    }
}

#[cfg(test)]
mod tests {
    use rustls::crypto::{hash::Hash as _, tls12::Prf, tls13::Hkdf};

    use super::*;
    use crate::testing::bytes;

    /// FIPS 180-4's example "abc".
    #[test]
    fn hashes_are_those_of_the_standard() {
        let short = bytes("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(SHA256.hash(b"abc").as_ref(), short);
        let long = bytes(
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        );
        assert_eq!(SHA384.hash(b"abc").as_ref(), long);
        let mut context = SHA256.start();
        context.update(b"a");
        let mut fork = context.fork();
        fork.update(b"bc");
        assert_eq!(fork.fork_finish().as_ref(), short);
        assert_eq!(fork.finish().as_ref(), short);
        context.update(b"");
        assert_ne!(context.finish().as_ref(), short);
        assert_eq!((SHA256.output_len(), SHA384.output_len()), (32, 48));
        assert_eq!(SHA384.algorithm(), HashAlgorithm::SHA384);
    }

    /// RFC 4231 test case 2.
    #[test]
    fn keyed_hashes_are_those_of_rfc_4231() {
        let tag = |hmac: &dyn keyed::Hmac| {
            hmac.with_key(b"Jefe").sign_concat(b"what do ya ", &[b"want ", b"for "], b"nothing?")
        };
        assert_eq!(
            tag(&HMAC_SHA256).as_ref(),
            bytes("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        );
        assert_eq!(
            tag(&HMAC_SHA384).as_ref(),
            bytes(
                "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"
            )
        );
    }

    /// RFC 5869 appendix A, test cases 1 and 3.
    #[test]
    fn keys_of_tls_1_3_are_derived_as_in_rfc_5869() {
        let expanded = |salt: Option<&[u8]>, info: &[u8]| {
            let mut output = [0; 42];
            HKDF_SHA256.extract_from_secret(salt, &[0x0b; 22]).expand_slice(&[info], &mut output).unwrap();
            output.to_vec()
        };
        assert_eq!(
            expanded(Some(&bytes("000102030405060708090a0b0c")), &bytes("f0f1f2f3f4f5f6f7f8f9")),
            bytes("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
        );
        let unsalted =
            bytes("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
        assert_eq!(expanded(Some(&[]), &[]), unsalted);
        assert_eq!(expanded(None, &[]), unsalted);
        let expander = HKDF_SHA256.extract_from_secret(None, &[]);
        assert!(expander.expand_slice(&[], &mut [0; 255 * 32 + 1]).is_err());
        assert_eq!(HKDF_SHA384.extract_from_zero_ikm(None).hash_len(), 48);
    }

    /// The vector for SHA-256 that the TLS working group's list agreed on in 2009.
    #[test]
    fn keys_of_tls_1_2_are_derived_as_published() {
        let mut output = [0; 100];
        PRF_SHA256.for_secret(
            &mut output,
            &bytes("9bbe436ba940f017b17652849a71db35"),
            b"test label",
            &bytes("a0ba9f936cda311827a6f796ffd5198c"),
        );
        assert_eq!(
            output.to_vec(),
            bytes(
                "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66"
            )
        );
        let mut other = [0; 100];
        PRF_SHA384.for_secret(&mut other, &[], b"test label", &[]);
        assert_ne!(other, output);
    }
}
