// SPDX-License-Identifier: BSD-3-Clause
//! The jitter of a counter: the same work takes a slightly different time on each run.

use crate::Pool;

/// The most samples; and the least, however many bits other sources claim, because one of them may lie.
const MOST: u32 = 16 * 1024;
const LEAST: u32 = 1024;
/// Samples for one credited bit: most of the variation is not secret.
const SAMPLES_PER_BIT: u32 = 16;

/// Collects timing samples, and credits their entropy.
///
/// A sample counts only if its first, second and third differences are not zero: a counter that stands still, or that
/// advances regularly, is worth nothing (the stuck test of the jitter generator of Linux, crypto/jitterentropy.c).
#[derive(Debug, Default)]
pub struct Jitter {
    last: u64,
    delta: u64,
    second: u64,
    taken: u32,
    good: u32,
}

impl Jitter {
    /// Takes the counter's current value. Returns whether more samples are needed.
    pub fn sample(&mut self, counter: u64, pool: &mut Pool) -> bool {
        let delta = counter.wrapping_sub(self.last);
        let second = delta.wrapping_sub(self.delta);
        let third = second.wrapping_sub(self.second);
        // The first samples have no predecessors to differ from.
        let is_good = self.taken > 2 && delta != 0 && second != 0 && third != 0;
        (self.last, self.delta, self.second) = (counter, delta, second);
        // Cannot saturate: never more than MOST.
        self.taken = self.taken.saturating_add(1);
        let is_credited = is_good && {
            // Cannot saturate: never more than `taken`.
            self.good = self.good.saturating_add(1);
            self.good.is_multiple_of(SAMPLES_PER_BIT)
        };
        pool.add(&counter.to_le_bytes(), u32::from(is_credited));
        self.taken < LEAST || (self.taken < MOST && pool.bits() < crate::LEAST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bits of a counter, and how many samples were taken.
    fn bits(counter: impl Fn(u64) -> u64) -> (u32, u64) {
        let (mut pool, mut jitter) = (Pool::default(), Jitter::default());
        let taken = (0..).find(|i| !jitter.sample(counter(*i), &mut pool)).unwrap();
        (pool.bits(), taken + 1)
    }

    #[test]
    fn a_counter_without_jitter_is_worth_nothing() {
        assert_eq!(bits(|_| 7), (0, u64::from(MOST)));
        assert_eq!(bits(|i| i), (0, u64::from(MOST)));
        assert_eq!(bits(|i| i * i), (0, u64::from(MOST)));
    }

    #[test]
    fn some_samples_are_taken_beside_any_source() {
        let (mut pool, mut jitter) = (Pool::default(), Jitter::default());
        pool.add(b"a constant, said to be random", 1000);
        let taken = (1..).find(|i| !jitter.sample(i * i, &mut pool)).unwrap();
        assert_eq!(taken, u64::from(LEAST));
    }

    #[test]
    fn one_that_jitters_is() {
        let jittering = |i: u64| i * 1000 + i.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 97;
        let (bits, taken) = bits(jittering);
        assert_eq!(bits, crate::LEAST);
        assert!((2048..4096).contains(&taken), "{taken}");
    }
}
