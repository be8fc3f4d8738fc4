// SPDX-License-Identifier: BSD-3-Clause
//! Random bytes from the sources of a machine without an operating system.
//!
//! ```
//! let mut pool = entropy::Pool::default();
//! pool.add(b"sixteen bytes of a source that is", 256);
//! let mut generator = pool.generator().unwrap();
//! let mut key = [0; 32];
//! generator.fill(&mut key);
//! assert_ne!(key, [0; 32]);
//! ```
#![no_std]

#[cfg(test)]
extern crate std;

mod jitter;

use chacha20::{
    ChaCha20Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

pub use jitter::Jitter;

/// The least bits of entropy: what an attacker has to guess.
pub const LEAST: u32 = 128;

/// An entropy pool. All sources are hashed together, so that one that an attacker knows, or even chooses, takes
/// nothing away from the others.
#[derive(Clone, Default)]
pub struct Pool {
    hash: Sha256,
    bits: u32,
}

impl Pool {
    /// Adds the bytes of a source, which have at most this many bits of entropy.
    pub fn add(&mut self, bytes: &[u8], bits: u32) {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        // With its length, so that no two lists of sources make the same text.
        self.hash.update(length.to_le_bytes());
        self.hash.update(bytes);
        // May saturate: more than 2³² bits are as good as 2³².
        self.bits = self.bits.saturating_add(bits);
    }

    /// Bits of entropy collected.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// The generator seeded with the pool; `None` if it has fewer than [`LEAST`] bits.
    pub fn generator(self) -> Option<Generator> {
        let seed: Zeroizing<[u8; 32]> = Zeroizing::new(self.hash.finalize().into());
        (self.bits >= LEAST).then(|| Generator(ChaCha20Rng::from_seed(*seed)))
    }
}

/// A cryptographically secure generator of random bytes: ChaCha20 (RFC 8439) with a secret key.
pub struct Generator(ChaCha20Rng);

impl Generator {
    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(sources: &[&[u8]]) -> [u8; 16] {
        let mut pool = Pool::default();
        sources.iter().for_each(|source| pool.add(source, LEAST));
        let mut bytes = [0; 16];
        pool.generator().unwrap().fill(&mut bytes);
        bytes
    }

    #[test]
    fn too_few_bits_make_no_generator() {
        let mut pool = Pool::default();
        assert!(pool.clone().generator().is_none());
        pool.add(b"a", LEAST - 1);
        assert!(pool.clone().generator().is_none());
        pool.add(b"b", 1);
        assert!(pool.generator().is_some());
    }

    #[test]
    fn every_source_counts_and_so_does_its_place() {
        let all = [
            first(&[b"a"]),
            first(&[b"b"]),
            first(&[b"a", b"b"]),
            first(&[b"b", b"a"]),
            first(&[b"ab"]),
            first(&[b"ab", b""]),
        ];
        for (i, one) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|other| other != one), "{i}");
        }
        assert_eq!(first(&[b"a"]), first(&[b"a"]));
    }

    #[test]
    fn a_generator_goes_on() {
        let mut pool = Pool::default();
        pool.add(b"seed", LEAST);
        let mut generator = pool.generator().unwrap();
        let (mut first, mut second) = ([0; 100], [0; 100]);
        generator.fill(&mut first);
        generator.fill(&mut second);
        assert_ne!(first, second);
    }
}
