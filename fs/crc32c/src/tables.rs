// SPDX-License-Identifier: BSD-3-Clause
//! The checksum by tables, for firmware: there the processor may have no instruction for it.
//!
//! Words of eight bytes are distributed over several lanes with a register each, so that no look-up waits for the
//! previous one (M. Adler's "braid" in zlib's `crc32.c`): three times as fast as a single register with eight bytes at
//! a time.

/// Number of lanes.
const LANES: usize = 4;
/// Bytes of a word.
const WORD: usize = 8;

/// Updates the register `crc` with `bytes`.
pub fn crc32c(crc: u32, bytes: &[u8]) -> u32 {
    let (groups, rest) = bytes.as_chunks::<{ LANES * WORD }>();
    let Some((last, groups)) = groups.split_last() else { return by_byte(crc, bytes) };
    let mut lanes = [crc, 0, 0, 0];
    for group in groups {
        let (words, _) = group.as_chunks::<WORD>();
        for (lane, word) in lanes.iter_mut().zip(words) {
            *lane = past_group(u64::from_le_bytes(*word) ^ u64::from(*lane));
        }
    }
    // Each lane is now before its own word of the last group: here the lanes are merged into one register.
    let (words, _) = last.as_chunks::<WORD>();
    let crc = lanes.iter().zip(words).fold(0, |crc, (lane, word)| by_byte(crc ^ lane, word));
    by_byte(crc, rest)
}

fn by_byte(crc: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(crc, |crc, byte| {
        let [low, ..] = crc.to_le_bytes();
        crc >> 8 ^ entry(&BYTE, low ^ byte)
    })
}

/// The value of a word in the register one group later, after the words of the other lanes.
#[inline]
fn past_group(word: u64) -> u32 {
    let [a, b, c, d, e, f, g, h] = word.to_le_bytes();
    let [t, u, v, w, x, y, z, last] = &GROUP;
    let low = entry(t, a) ^ entry(u, b) ^ entry(v, c) ^ entry(w, d);
    low ^ entry(x, e) ^ entry(y, f) ^ entry(z, g) ^ entry(last, h)
}

#[inline]
fn entry(table: &[u32; 256], byte: u8) -> u32 {
    table.get(usize::from(byte)).copied().unwrap_or(0)
}

/// The value of each byte in the register after that byte.
static BYTE: [u32; 256] = after(0);
/// The same for each byte of a word, at the lane's next word.
static GROUP: [[u32; 256]; WORD] =
    [after(31), after(30), after(29), after(28), after(27), after(26), after(25), after(24)];

/// The value of each byte in the register after that byte and `zeros` more bytes.
#[expect(clippy::indexing_slicing, clippy::as_conversions, reason = "evaluated by the compiler")]
#[expect(clippy::arithmetic_side_effects, reason = "evaluated by the compiler")]
const fn after(zeros: usize) -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 * (zeros + 1) {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}
