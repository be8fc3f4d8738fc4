// SPDX-License-Identifier: BSD-3-Clause
//! XXH32, the checksum of LZ4 frames, with seed 0.
//!
//! Spec: xxHash fast digest algorithm, version 0.2.0.

const PRIMES: [u32; 5] = [0x9e37_79b1, 0x85eb_ca77, 0xc2b2_ae3d, 0x27d4_eb2f, 0x1656_67b1];

/// The checksum of `data`.
pub fn xxh32(data: &[u8]) -> u32 {
    let [p1, p2, p3, p4, p5] = PRIMES;
    let (stripes, rest) = data.as_chunks::<16>();
    let mut sum = p5;
    if !stripes.is_empty() {
        let mut lanes = [p1.wrapping_add(p2), p2, 0, 0u32.wrapping_sub(p1)];
        for stripe in stripes {
            for (lane, word) in lanes.iter_mut().zip(stripe.as_chunks::<4>().0) {
                *lane = round(*lane, u32::from_le_bytes(*word));
            }
        }
        sum =
            lanes.iter().zip([1, 7, 12, 18]).fold(0, |sum, (l, bits)| sum.wrapping_add(l.rotate_left(bits)));
    }
    // The length modulo 2^32.
    let [a, b, c, d, ..] = data.len().to_le_bytes();
    sum = sum.wrapping_add(u32::from_le_bytes([a, b, c, d]));
    let (words, bytes) = rest.as_chunks::<4>();
    for word in words {
        sum = sum.wrapping_add(u32::from_le_bytes(*word).wrapping_mul(p3)).rotate_left(17).wrapping_mul(p4);
    }
    for byte in bytes {
        sum = sum.wrapping_add(u32::from(*byte).wrapping_mul(p5)).rotate_left(11).wrapping_mul(p1);
    }
    sum = (sum ^ (sum >> 15)).wrapping_mul(p2);
    sum = (sum ^ (sum >> 13)).wrapping_mul(p3);
    sum ^ (sum >> 16)
}

fn round(lane: u32, word: u32) -> u32 {
    let [p1, p2, ..] = PRIMES;
    lane.wrapping_add(word.wrapping_mul(p2)).rotate_left(13).wrapping_mul(p1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of the reference program `xxhsum -H32`; lengths without a stripe, with one, and with a rest of
    /// words and bytes.
    #[test]
    fn xxh32_agrees_with_the_reference() {
        assert_eq!(xxh32(b""), 0x02cc_5d05);
        assert_eq!(xxh32(b"a"), 0x550d_7456);
        assert_eq!(xxh32(b"abc"), 0x32d1_53ff);
        assert_eq!(xxh32(b"Nobody inspects the spammish repetition"), 0xe229_3b2f);
    }
}
