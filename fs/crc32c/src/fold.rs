// SPDX-License-Identifier: BSD-3-Clause
//! Long runs of bytes, of which most are folded into the few hundred behind them before any table is asked.
//!
//! x to the power of 8 · 290 is, modulo the polynomial, the sum of five other powers whose exponents are multiples of 8.
//! So a byte may be taken away when it is added to five bytes behind it, at [`DISTANCES`], and the register does not
//! change in the end. Sums are all that this takes, of 64 bytes at once: they stand closer together than the least
//! distance, and none waits for another. (K. Russell et al., "Chorba: A novel CRC32 implementation", 2024, has the idea
//! for the polynomial of Ethernet; the distances for this one were searched for, and a test checks them.)

/// Bytes from one that is taken away to those that it is added to.
const DISTANCES: [usize; 5] = [154, 177, 183, 258, REACH];
/// The farthest of them.
const REACH: usize = 290;
/// Bytes of a word, and words and bytes that are taken away at once.
const WORD: usize = 8;
const WORDS: usize = 8;
const BLOCK: usize = WORDS * WORD;
/// Fewer blocks than these are not worth it.
const FEWEST: usize = 8;
/// Bytes that were taken away and are remembered: the more, the less often the last of them move to the front.
const MEMORY: usize = 2048;

type Block = [[u8; WORD]; WORDS];

/// Bytes that have the same register as others that were longer.
pub struct Folded {
    bytes: [u8; REACH + BLOCK],
    length: usize,
}

/// What was taken away, as it was then.
struct Past {
    bytes: [u8; MEMORY],
    /// Where the last of it ends.
    end: usize,
}

/// The bytes that, run through an empty register, leave in it what `bytes` leave in `crc`; none where `bytes` are too
/// few for that.
pub fn fold(crc: u32, bytes: &[u8]) -> Option<Folded> {
    let blocks = bytes.len().checked_sub(REACH)?.checked_div(BLOCK).filter(|blocks| *blocks >= FEWEST)?;
    let (taken, rest) = bytes.split_at_checked(blocks.checked_mul(BLOCK)?)?;
    let (words, _) = taken.as_chunks();
    let (blocks, _) = words.as_chunks();
    let mut past = Past { bytes: [0; MEMORY], end: REACH };
    let mut register = u64::from(crc);
    for block in blocks {
        past.take(block, register)?;
        register = 0;
    }
    past.add_to(rest)
}

impl Past {
    /// Takes the next bytes away, which are added to others, and others to them.
    #[inline]
    fn take(&mut self, block: &Block, register: u64) -> Option<()> {
        if self.bytes.len().checked_sub(self.end)? < BLOCK {
            self.bytes.copy_within(self.end.checked_sub(REACH)?..self.end, 0);
            self.end = REACH;
        }
        let (past, free) = self.bytes.split_at_mut_checked(self.end)?;
        let [a, b, c, d, e] = DISTANCES.map(|distance| {
            let (words, _) = past.get(past.len().checked_sub(distance)?..)?.as_chunks();
            words.first_chunk::<WORDS>()
        });
        let (a, b, c, d, e) = (a?.iter(), b?.iter(), c?.iter(), d?.iter(), e?.iter());
        let mut sums = [0u64; WORDS];
        for ((((((sum, new), a), b), c), d), e) in
            sums.iter_mut().zip(block).zip(a).zip(b).zip(c).zip(d).zip(e)
        {
            let [new, a, b, c, d, e] = [new, a, b, c, d, e].map(|word| u64::from_le_bytes(*word));
            *sum = new ^ a ^ b ^ c ^ d ^ e;
        }
        let [first, ..] = &mut sums;
        *first ^= register;
        let (free, _) = free.as_chunks_mut();
        for (word, sum) in free.iter_mut().zip(sums) {
            *word = sum.to_le_bytes();
        }
        self.end = self.end.checked_add(BLOCK)?;
        Some(())
    }

    /// Adds what was taken away to the bytes behind it, of which there are at least as many as it reaches.
    fn add_to(&self, rest: &[u8]) -> Option<Folded> {
        let mut folded = Folded { bytes: [0; REACH + BLOCK], length: rest.len() };
        folded.bytes.get_mut(..rest.len())?.copy_from_slice(rest);
        for distance in DISTANCES {
            let past = self.bytes.get(self.end.checked_sub(distance)?..self.end)?;
            folded.bytes.iter_mut().zip(past).for_each(|(byte, past)| *byte ^= past);
        }
        Some(folded)
    }
}

impl Folded {
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{by_tables, tests::by_bit};

    #[test]
    fn a_byte_and_those_that_it_is_added_to_are_zeros_together() {
        let mut bytes = [0; REACH + 1];
        for at in DISTANCES.into_iter().chain([0]) {
            bytes[at] = 1;
        }
        assert_eq!(by_bit(0, &bytes), 0);
        assert!(
            DISTANCES.is_sorted() && DISTANCES[0] >= BLOCK,
            "no byte of a block is added to another of it"
        );
    }

    #[test]
    fn bytes_of_every_length_leave_what_they_leave_unfolded() {
        let bytes: [u8; 9000] = core::array::from_fn(|at| (at * at * 7 + at * 13 + (at >> 8)) as u8);
        let lengths = (0..1200).chain((1200..9000).step_by(61)).chain([4096, 8192]);
        for length in lengths {
            let part = &bytes[9000 - length..];
            for register in [0, !0, 0x1234_5678] {
                let expected = by_tables(register, part);
                match fold(register, part) {
                    Some(folded) => assert_eq!(by_tables(0, folded.bytes()), expected, "{length}"),
                    None => assert!(length < REACH + FEWEST * BLOCK, "{length}"),
                }
            }
        }
    }
}
