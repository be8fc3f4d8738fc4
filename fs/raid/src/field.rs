// SPDX-License-Identifier: BSD-3-Clause
//! GF(2⁸) modulo x⁸ + x⁴ + x³ + x² + 1, whose generator is 2.

/// `a` times `b`.
pub const fn multiply(a: u8, b: u8) -> u8 {
    let (mut a, mut b, mut product) = (a, b, 0);
    while b != 0 {
        if b & 1 == 1 {
            product ^= a;
        }
        a = if a & 0x80 == 0 { a << 1 } else { a << 1 ^ REDUCTION };
        b >>= 1;
    }
    product
}

/// `base` to the power `exponent`.
pub fn power(base: u8, exponent: usize) -> u8 {
    let (mut square, mut exponent, mut result) = (base, exponent, 1);
    while exponent != 0 {
        if exponent & 1 == 1 {
            result = multiply(result, square);
        }
        square = multiply(square, square);
        exponent >>= 1;
    }
    result
}

/// The factor that gives 1 with `a`; 0 for 0.
pub fn inverse(a: u8) -> u8 {
    // The multiplicative group has 255 elements.
    power(a, 254)
}

/// Each of the eight bytes of `word` times 2.
#[inline]
pub fn double(word: u64) -> u64 {
    let carries = word & 0x8080_8080_8080_8080;
    // 0xff in each byte with a carry: 0x100 - 0x01; no byte borrows from another.
    let mask = (carries << 1).wrapping_sub(carries >> 7);
    (word << 1 & 0xfefe_fefe_fefe_fefe) ^ (mask & 0x1d1d_1d1d_1d1d_1d1d)
}

/// The products of `factor` with all bytes.
pub fn table(factor: u8) -> [u8; 256] {
    let mut table = [0; 256];
    let (mut filled, mut product) = (1, factor);
    while filled < table.len() {
        // The numbers from `filled` to twice that are the lower ones plus `filled`.
        let (lower, upper) = table.split_at_mut(filled);
        upper.iter_mut().zip(lower).for_each(|(upper, lower)| *upper = *lower ^ product);
        (filled, product) = (filled << 1, multiply(product, 2));
    }
    table
}

/// x⁸, modulo the polynomial.
const REDUCTION: u8 = 0x1d;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_generates_all_but_zero() {
        let mut seen = [false; 256];
        let mut element = 1;
        for exponent in 0..255 {
            assert_eq!(power(2, exponent), element);
            assert!(!core::mem::replace(&mut seen[usize::from(element)], true), "2^{exponent} twice");
            element = multiply(element, 2);
        }
        assert_eq!((element, seen[0]), (1, false));
    }

    #[test]
    fn the_powers_that_the_literature_prints() {
        // raid6_gfexp of Linux and vdev_raidz_pow2 of OpenZFS at these places.
        let known = [(0, 1), (7, 0x80), (8, 0x1d), (9, 0x3a), (15, 0x26), (16, 0x4c), (254, 0x8e)];
        assert_eq!(known.map(|(exponent, _)| power(2, exponent)), known.map(|(_, value)| value));
    }

    #[test]
    fn every_element_has_its_inverse() {
        for a in 1..=u8::MAX {
            assert_eq!(multiply(a, inverse(a)), 1);
        }
        assert_eq!(inverse(0), 0);
    }

    #[test]
    fn tables_hold_all_products() {
        for factor in 0..=u8::MAX {
            let table = table(factor);
            assert!((0..=u8::MAX).all(|byte| table[usize::from(byte)] == multiply(factor, byte)), "{factor}");
        }
    }

    #[test]
    fn words_double_as_bytes_do() {
        for byte in 0..=u8::MAX {
            let word = u64::from_ne_bytes([byte, !byte, 0, 0xff, byte, byte ^ 0x80, 1, byte]);
            assert_eq!(double(word).to_ne_bytes(), word.to_ne_bytes().map(|byte| multiply(2, byte)));
        }
    }
}
