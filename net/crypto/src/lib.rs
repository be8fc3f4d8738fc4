// SPDX-License-Identifier: BSD-3-Clause
//! The cryptography of TLS: a provider for rustls 0.23 based on RustCrypto's crates, without C, without an operating
//! system and without its own source of random numbers.
//!
//! A program has one [`Provider`], in a `static`; its source of random numbers is a [`Random`].
//!
//! | | offered, best first |
//! |---|---|
//! | TLS 1.3 | ChaCha20-Poly1305, AES-128-GCM, AES-256-GCM |
//! | TLS 1.2 | ECDHE with ECDSA or RSA, and the same three ciphers |
//! | key exchange | X25519, P-256, P-384 |
//! | signatures, verified only | ECDSA on P-256 and P-384, Ed25519, RSA PSS and PKCS#1 v1.5 of 2048 to 8192 bits |
//!
//! ChaCha20-Poly1305 comes first because AES without the processor's AES instructions, as on UEFI targets,
//! takes three times as long.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod aead;
mod exchange;
mod hash;
mod suites;
#[cfg(test)]
mod testing;
mod tls12;
mod tls13;
mod verify;

use alloc::{sync::Arc, vec};
use core::fmt;

use p256::NistP256;
use p384::NistP384;
use rustls::{
    Error, NamedGroup,
    crypto::{CryptoProvider, GetRandomFailed, KeyProvider, SecureRandom},
    pki_types::PrivateKeyDer,
    sign::SigningKey,
};

use exchange::{Ecdh, X25519};
pub use verify::{ALGORITHMS, verify_ed25519ph, verify_sha256};

/// A cryptographically secure source of random bytes.
pub trait Random: Sync {
    /// Fills the buffer.
    ///
    /// # Errors
    /// [`NoRandomness`] when there is not enough entropy; then no connection is made.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandomness>;
}

/// The source has no random bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NoRandomness;

/// The cryptography for rustls.
pub struct Provider {
    random: Source,
    x25519: X25519,
    p256: Ecdh<NistP256>,
    p384: Ecdh<NistP384>,
}

impl Provider {
    /// A provider that gets its random numbers from this source.
    pub const fn new(random: &'static dyn Random) -> Self {
        let random = Source(random);
        Self {
            random,
            x25519: X25519::new(random),
            p256: Ecdh::new(NamedGroup::secp256r1, random),
            p384: Ecdh::new(NamedGroup::secp384r1, random),
        }
    }

    /// The same as rustls's own type.
    pub fn for_rustls(&'static self) -> CryptoProvider {
        CryptoProvider {
            cipher_suites: suites::ALL.to_vec(),
            kx_groups: vec![&self.x25519, &self.p256, &self.p384],
            signature_verification_algorithms: ALGORITHMS,
            secure_random: &self.random,
            key_provider: &NoKeys,
        }
    }
}

/// The caller's source, in the forms that rustls and the key exchange need.
#[derive(Clone, Copy)]
pub(crate) struct Source(&'static dyn Random);

impl SecureRandom for Source {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), GetRandomFailed> {
        self.0.fill(buffer).map_err(|NoRandomness| GetRandomFailed)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

/// Client certificates are not supported.
#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(&self, _: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        Err(Error::General("client certificates are not supported".into()))
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use rustls::{CipherSuite, SupportedCipherSuite};

    use super::*;

    struct Sevens;

    impl Random for Sevens {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandomness> {
            buffer.fill(7);
            Ok(())
        }
    }

    static PROVIDER: Provider = Provider::new(&Sevens);

    #[test]
    fn chacha_is_offered_first_in_both_versions() {
        let suites: Vec<_> = PROVIDER.for_rustls().cipher_suites;
        let is_13 = |suite: &&SupportedCipherSuite| suite.tls13().is_some();
        let first = suites.iter().find(is_13).unwrap().suite();
        assert_eq!(first, CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
        let first = suites.iter().find(|suite| !is_13(suite)).unwrap().suite();
        assert_eq!(first, CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256);
        assert_eq!(suites.len(), 9);
    }

    #[test]
    fn groups_are_offered_fastest_first() {
        let groups = PROVIDER.for_rustls().kx_groups;
        let names: Vec<_> = groups.iter().map(|group| group.name()).collect();
        assert_eq!(names, [NamedGroup::X25519, NamedGroup::secp256r1, NamedGroup::secp384r1]);
    }

    #[test]
    fn randomness_is_the_callers_and_keys_are_nobodys() {
        let provider = PROVIDER.for_rustls();
        let mut bytes = [0; 3];
        provider.secure_random.fill(&mut bytes).unwrap();
        assert_eq!(bytes, [7; 3]);
        let key = PrivateKeyDer::Pkcs8(Vec::new().into());
        assert!(provider.key_provider.load_private_key(key).is_err());
    }
}
