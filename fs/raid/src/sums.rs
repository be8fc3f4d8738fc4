// SPDX-License-Identifier: BSD-3-Clause
//! The three sums of one block of a stripe, by Horner's scheme without tables, and the lost columns that are solved
//! from them with tables; eight bytes per step.

use crate::Parity;
use crate::field::double;

/// Bytes of a block: three blocks stay in the first-level cache while all columns pass.
pub const BLOCK: usize = 1024;

/// 64-bit words of a block.
const WORDS: usize = BLOCK / 8;

/// The sums for P, Q and R of one block; only the wanted ones are computed.
pub struct Sums {
    /// Native-endian words.
    words: [[u64; WORDS]; 3],
    /// The lost column that was solved last.
    solved: [u64; WORDS],
    /// The sum of all solved columns.
    all_solved: [u64; WORDS],
    wanted: [bool; 3],
    /// How many words are used.
    used: usize,
}

impl Sums {
    /// Empty sums for a block of `length` bytes, at most [`BLOCK`].
    pub fn new(wanted: [bool; 3], length: usize) -> Self {
        let none = [0; WORDS];
        Self { words: [none; 3], solved: none, all_solved: none, wanted, used: length.div_ceil(8).min(WORDS) }
    }

    /// Multiplies each sum by its generator and adds the column's block, padded with zeros.
    pub fn next_column(&mut self, block: &[u8]) {
        let [p, q, r] = &mut self.words;
        let [is_p, is_q, is_r] = self.wanted;
        if is_p {
            step(p.get_mut(..self.used).unwrap_or_default(), block, |word| word);
        }
        if is_q {
            step(q.get_mut(..self.used).unwrap_or_default(), block, double);
        }
        if is_r {
            step(r.get_mut(..self.used).unwrap_or_default(), block, |word| double(double(word)));
        }
    }

    /// Adds `block` to one sum, if it is wanted.
    pub fn add(&mut self, row: usize, block: &[u8]) {
        if let (Some(sum), Some(true)) = (self.words.get_mut(row), self.wanted.get(row)) {
            step(sum.get_mut(..self.used).unwrap_or_default(), block, |word| word);
        }
    }

    /// The words of one sum.
    fn row(&self, row: usize) -> &[u64] {
        self.words.get(row).and_then(|sum| sum.get(..self.used)).unwrap_or_default()
    }

    /// Writes one sum, up to the length of `out`.
    pub fn write_row(&self, row: usize, out: &mut [u8]) {
        write(out, self.row(row).iter().copied());
    }

    /// Solves for a lost column: the sum of the parities `rows`, each times its factor, whose products are in `tables`.
    pub fn solve(&mut self, rows: [Option<Parity>; 3], [first, second, third]: &[[u8; 256]; 3]) {
        let [one, two, three] = rows.map(|row| row.map_or(&[][..], |parity| self.row(parity.row())));
        let mut solved = [0; WORDS];
        if three.is_empty() && two.is_empty() {
            solved.iter_mut().zip(one).for_each(|(word, one)| *word = combine([*one], [first]));
        } else if three.is_empty() {
            let words = solved.iter_mut().zip(one).zip(two);
            words.for_each(|((word, one), two)| *word = combine([*one, *two], [first, second]));
        } else {
            let words = solved.iter_mut().zip(one).zip(two).zip(three);
            let tables = [first, second, third];
            words.for_each(|(((word, one), two), three)| *word = combine([*one, *two, *three], tables));
        }
        self.all_solved.iter_mut().zip(solved).for_each(|(all, word)| *all ^= word);
        self.solved = solved;
    }

    /// Writes the lost column that was solved last, up to the length of `out`.
    pub fn write_solved(&self, out: &mut [u8]) {
        write(out, self.solved.iter().copied());
    }

    /// Writes P's sum minus all solved columns, up to the length of `out`.
    pub fn write_rest(&self, out: &mut [u8]) {
        write(out, self.row(Parity::P.row()).iter().zip(self.all_solved).map(|(sum, solved)| sum ^ solved));
    }

    /// Whether one sum is zero.
    pub fn is_zero(&self, row: usize) -> bool {
        self.row(row).iter().all(|&word| word == 0)
    }
}

/// Writes `words`, up to the length of `out`.
#[inline]
fn write(out: &mut [u8], mut words: impl Iterator<Item = u64>) {
    let (whole, tail) = out.as_chunks_mut();
    // `words` is second: as the first one, `zip` would consume the word for the tail.
    whole.iter_mut().zip(&mut words).for_each(|(out, word)| *out = word.to_ne_bytes());
    let rest = words.next().unwrap_or(0).to_ne_bytes();
    tail.iter_mut().zip(rest).for_each(|(out, byte)| *out = byte);
}

/// The sum of `words`, each times its factor, whose products are in `tables`.
#[inline]
fn combine<const N: usize>(words: [u64; N], tables: [&[u8; 256]; N]) -> u64 {
    let mut sum = [0; 8];
    for (word, table) in words.into_iter().zip(tables) {
        for (sum, byte) in sum.iter_mut().zip(word.to_ne_bytes()) {
            *sum ^= table.get(usize::from(byte)).copied().unwrap_or(0);
        }
    }
    u64::from_ne_bytes(sum)
}

/// Multiplies `sums` and adds `block` to the first of them.
#[inline]
fn step(sums: &mut [u64], block: &[u8], multiply: impl Fn(u64) -> u64) {
    let (words, tail) = block.as_chunks::<8>();
    let (whole, rest) = sums.split_at_mut(words.len().min(sums.len()));
    for (sum, word) in whole.iter_mut().zip(words) {
        *sum = multiply(*sum) ^ u64::from_ne_bytes(*word);
    }
    rest.iter_mut().for_each(|sum| *sum = multiply(*sum));
    if let Some(sum) = rest.first_mut() {
        let mut word = [0; 8];
        word.iter_mut().zip(tail).for_each(|(word, byte)| *word = *byte);
        *sum ^= u64::from_ne_bytes(word);
    }
}
