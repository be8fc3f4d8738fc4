// SPDX-License-Identifier: BSD-3-Clause
//! Hashes of names for the directory index: fs/ext4/hash.c.

use crate::superblock::Superblock;

/// Initial state if the superblock has no seed: the constants of MD4.
const INITIAL: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
/// Largest hash, which marks the end of a directory (`EXT4_HTREE_EOF_32BIT`); no name has it.
const END: u32 = 0x7fff_ffff << 1;

/// The hash of a name; `version` is that of the directory's index root. The lowest bit is zero.
///
/// `None` for versions other than legacy, half MD4 and TEA.
pub fn of(version: u8, superblock: &Superblock, name: &[u8]) -> Option<u32> {
    // The superblock chooses between signed and unsigned; 3 to 5 are the unsigned versions, which Linux does not store.
    let (version, is_signed) = match version {
        0..=2 => (version, !superblock.hashes_unsigned),
        // Cannot saturate: at least 3.
        3..=5 => (version.saturating_sub(3), false),
        _ => return None,
    };
    let seed = if superblock.hash_seed == [0; 4] { INITIAL } else { superblock.hash_seed };
    let hash = match version {
        0 => legacy(name, is_signed),
        1 => {
            let [_, hash, ..] = chunks::<8>(name, is_signed).fold(seed, half_md4);
            hash
        }
        _ => {
            let [hash, ..] = chunks::<4>(name, is_signed).fold(seed, tea);
            hash
        }
    } & !1;
    Some(if hash == END { END.wrapping_sub(2) } else { hash })
}

/// A byte of a name as a word, sign-extended or not.
fn word(byte: u8, is_signed: bool) -> u32 {
    let fill = if is_signed && byte >= 0x80 { !0xff } else { 0 };
    fill | u32::from(byte)
}

fn legacy(name: &[u8], is_signed: bool) -> u32 {
    let start = (0x12a3_fe2d_u32, 0x37ab_e8f9_u32);
    let (hash, _) = name.iter().fold(start, |(last, before), byte| {
        let mixed = before.wrapping_add(last ^ word(*byte, is_signed).wrapping_mul(7_152_373));
        let next = if mixed & 0x8000_0000 == 0 { mixed } else { mixed.wrapping_sub(0x7fff_ffff) };
        (next, last)
    });
    hash << 1
}

/// The name as chunks of `WORDS` words; the last one is padded with the length of the rest of the name.
fn chunks<const WORDS: usize>(name: &[u8], is_signed: bool) -> impl Iterator<Item = [u32; WORDS]> + '_ {
    // Cannot saturate: a product of two constants.
    let size = WORDS.saturating_mul(4);
    let starts = (0..name.len()).step_by(size);
    starts.map(move |start| {
        let rest = name.get(start..).unwrap_or_default();
        // Names have at most 255 bytes.
        let length = u8::try_from(rest.len()).unwrap_or(u8::MAX);
        let fill = u32::from_ne_bytes([length; 4]);
        let mut chunk = [fill; WORDS];
        for (target, bytes) in chunk.iter_mut().zip(rest.chunks(4)) {
            let shift = |value: u32, byte: &u8| (value << 8).wrapping_add(word(*byte, is_signed));
            *target = bytes.iter().fold(fill, shift);
        }
        chunk
    })
}

/// One chunk of half MD4: half the words of MD4, three rounds of eight steps.
fn half_md4(buf: [u32; 4], x: [u32; 8]) -> [u32; 4] {
    fn rounds(
        buf: [u32; 4],
        x: [u32; 8],
        shifts: [u32; 4],
        add: u32,
        mix: fn(u32, u32, u32) -> u32,
    ) -> [u32; 4] {
        let steps = x.into_iter().zip(shifts.into_iter().cycle());
        steps.fold(buf, |[a, b, c, d], (word, shift)| {
            let sum = a.wrapping_add(mix(b, c, d)).wrapping_add(word).wrapping_add(add);
            [d, sum.rotate_left(shift), b, c]
        })
    }
    let [x0, x1, x2, x3, x4, x5, x6, x7] = x;
    let one = rounds(buf, x, [3, 7, 11, 19], 0, |x, y, z| z ^ (x & (y ^ z)));
    let second = [x1, x3, x5, x7, x0, x2, x4, x6];
    let two = rounds(one, second, [3, 5, 9, 13], 0x5a82_7999, |x, y, z| (x & y).wrapping_add((x ^ y) & z));
    let third = [x3, x7, x2, x6, x1, x5, x0, x4];
    let [a, b, c, d] = rounds(two, third, [3, 9, 11, 15], 0x6ed9_eba1, |x, y, z| x ^ y ^ z);
    let [e, f, g, h] = buf;
    [e.wrapping_add(a), f.wrapping_add(b), g.wrapping_add(c), h.wrapping_add(d)]
}

/// One chunk of the Tiny Encryption Algorithm, with the name as the key.
fn tea(buf: [u32; 4], [a, b, c, d]: [u32; 4]) -> [u32; 4] {
    const DELTA: u32 = 0x9e37_79b9;
    let [first, second, third, fourth] = buf;
    let half = |value: u32, sum: u32, low: u32, high: u32| {
        (value << 4).wrapping_add(low) ^ value.wrapping_add(sum) ^ (value >> 5).wrapping_add(high)
    };
    let (x, y) = (1..=16).fold((first, second), |(x, y), round: u32| {
        let sum = DELTA.wrapping_mul(round);
        let x = x.wrapping_add(half(y, sum, a, b));
        (x, y.wrapping_add(half(x, sum, c, d)))
    });
    [first.wrapping_add(x), second.wrapping_add(y), third, fourth]
}
