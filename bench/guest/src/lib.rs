// SPDX-License-Identifier: BSD-3-Clause
//! Output of the UEFI programs of `//bench:loader` for the host, and the bytes that they check.
//!
//! The kernel prints its words to the console as `bench:NAME=VALUE;`, so that whatever a boot loader or a terminal
//! prints around them does no harm:
//!
//! ```
//! let words = bench_guest::words("\x1b[2Jbench:start=17;\r\nbench:entry=23;\r\n");
//! assert_eq!(words.collect::<Vec<_>>(), [("start", "17"), ("entry", "23")]);
//! ```
#![no_std]

/// Path of the server's address on the EFI system partition, for the program that only downloads.
pub const ADDRESS: &str = "\\cloudboot\\server.txt";
/// 64-bit words of a [`block`].
pub const BLOCK: usize = 512;
/// Blocks of the kernel: 12 MiB, as large as a distribution's kernel for x86_64.
pub const BLOCKS: usize = 3072;

/// Block `number` of the kernel's padding: no two are equal, and none is all zeros.
pub const fn block(number: usize) -> [u64; BLOCK] {
    // `as`, since a constant expression has no other conversion; a usize has at most 64 bits.
    [(number as u64 + 1) * 0x0101_0101_0101; BLOCK]
}

/// A checksum of words that depends on their order.
pub fn sum(words: impl Iterator<Item = u64>) -> u64 {
    // The prime of the Fowler-Noll-Vo hash with 64 bits.
    words.fold(0xcbf2_9ce4_8422_2325, |sum, word| (sum ^ word).wrapping_mul(0x100_0000_01b3).rotate_left(23))
}

/// The checksum of bytes as 64-bit words; trailing bytes are ignored.
pub fn sum_of(bytes: &[u8]) -> u64 {
    sum(bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)))
}

/// Names and values on the console.
pub fn words(console: &str) -> impl Iterator<Item = (&str, &str)> {
    console.split("bench:").skip(1).filter_map(|rest| rest.split_once(';')?.0.split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_differ_and_their_order_counts() {
        let sum = |order: [usize; 3]| sum(order.into_iter().flat_map(block));
        assert_eq!(sum([1, 2, 3]), sum([1, 2, 3]));
        assert_ne!(sum([1, 2, 3]), sum([2, 1, 3]));
        assert!(block(0).iter().all(|word| *word != 0));
    }

    #[test]
    fn bytes_are_summed_as_words() {
        assert_eq!(sum_of(&[1, 0, 0, 0, 0, 0, 0, 0, 9]), sum([1].into_iter()));
    }

    #[test]
    fn words_stand_between_other_text() {
        let found = |text| words(text).next();
        assert_eq!(
            found("Loading Linux ...\r\nbench:options=root=/dev/vda1 ro;"),
            Some(("options", "root=/dev/vda1 ro"))
        );
        assert_eq!(found("bench:entry=12"), None, "without its end");
        assert_eq!(found("bench;"), None);
    }
}
