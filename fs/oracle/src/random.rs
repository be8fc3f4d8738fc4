// SPDX-License-Identifier: BSD-3-Clause
//! Pseudo-random numbers, the same for the same seed.

/// SplitMix64: small, and good enough to choose bytes.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Sequence `number` of this seed.
    pub fn new(seed: u64, number: usize) -> Self {
        let mut mixed = Self(seed);
        Self(mixed.next() ^ (number as u64).wrapping_mul(0xd134_2543_de82_ef95))
    }

    /// Any number.
    #[expect(clippy::should_implement_trait, reason = "it never ends, and nobody iterates over it")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Any of these; `list` is not empty.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}
