// SPDX-License-Identifier: BSD-3-Clause
//! Random numbers for a stack.

use ip::Entropy;
use sha2::{Digest as _, Sha256};

use crate::Machine;

/// Hashes of a secret from the machine and a counter. (A stack owns its source and outlives every borrow, so
/// it cannot use the machine's directly.)
pub(crate) struct Hashes {
    key: [u8; 32],
    counter: u64,
}

impl Hashes {
    pub fn new(machine: &dyn Machine) -> Self {
        let mut key = [0; 32];
        machine.fill(&mut key);
        Self { key, counter: 0 }
    }
}

impl Entropy for Hashes {
    fn fill(&mut self, bytes: &mut [u8]) {
        for piece in bytes.chunks_mut(32) {
            // 2^64 hashes take longer than any machine runs.
            self.counter = self.counter.wrapping_add(1);
            let hash =
                Sha256::new().chain_update(self.key).chain_update(self.counter.to_be_bytes()).finalize();
            piece.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Fake;

    #[test]
    fn bytes_differ_and_the_key_decides() {
        let fake = Fake::default();
        let mut sources = [Hashes::new(&fake), Hashes::new(&fake)];
        let drawn = sources.each_mut().map(|source| {
            let mut bytes = [[0; 40]; 2];
            bytes.iter_mut().for_each(|bytes| source.fill(bytes));
            bytes
        });
        let [[a, b], [c, d]] = drawn;
        assert!(a != b && a != c && b != d);
        assert_ne!(a[..8], a[32..]);
    }
}
