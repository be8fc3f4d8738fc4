// SPDX-License-Identifier: BSD-3-Clause
//! The three sums of one block of a stripe, by Horner's scheme without any table, and what is solved from them by
//! tables; eight bytes in each step.

use crate::Parity;
use crate::field::double;

/// The bytes of a block: three of them stay in the first cache while all columns pass.
pub const BLOCK: usize = 1024;

/// The words of a block.
const WORDS: usize = BLOCK / 8;

/// The sums for P, Q and R of one block, of which only those that are wanted are computed.
pub struct Sums {
    /// Native-endian words.
    words: [[u64; WORDS]; 3],
    /// The last lost column that was solved.
    solved: [u64; WORDS],
    /// All that were solved.
    all_solved: [u64; WORDS],
    wanted: [bool; 3],
    /// How many words are used.
    used: usize,
}

impl Sums {
    /// Sums of nothing, of `length` bytes, at most [`BLOCK`].
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

    /// Writes one sum, as far as `out` goes.
    pub fn write_row(&self, row: usize, out: &mut [u8]) {
        write(out, self.row(row).iter().copied());
    }

    /// Solves for a lost column: of the parities `rows`, each times its factor, whose products `tables` hold.
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

    /// Writes the lost column that was solved last, as far as `out` goes.
    pub fn write_solved(&self, out: &mut [u8]) {
        write(out, self.solved.iter().copied());
    }

    /// Writes what all solved columns leave of P's sum, as far as `out` goes.
    pub fn write_rest(&self, out: &mut [u8]) {
        write(out, self.row(Parity::P.row()).iter().zip(self.all_solved).map(|(sum, solved)| sum ^ solved));
    }

    /// Whether one sum is zero.
    pub fn is_zero(&self, row: usize) -> bool {
        self.row(row).iter().all(|&word| word == 0)
    }
}

/// Writes `words` as far as `out` goes.
#[inline]
fn write(out: &mut [u8], mut words: impl Iterator<Item = u64>) {
    let (whole, tail) = out.as_chunks_mut();
    // `words` comes second: `zip` would swallow the one for the tail.
    whole.iter_mut().zip(&mut words).for_each(|(out, word)| *out = word.to_ne_bytes());
    let rest = words.next().unwrap_or(0).to_ne_bytes();
    tail.iter_mut().zip(rest).for_each(|(out, byte)| *out = byte);
}

/// The sum of `words`, each times its factor, whose products `tables` hold.
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

/// Multiplies `sums` and adds `block` to their beginning.
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
