// SPDX-License-Identifier: BSD-3-Clause
//! CRC-32C, the checksum of ext4, XFS and btrfs.
//!
//! ```
//! assert_eq!(!crc32c::crc32c(!0, b"123456789"), 0xe306_9283);
//! ```
//!
//! Polynomial 0x1EDC6F41, reflected (RFC 3720, appendix B.4), eight bytes at a time by tables: firmware promises no
//! instruction for it.
#![no_std]

/// Runs `bytes` through the register `crc`. A fresh one is `!0`; formats that invert it at the end store `!crc`.
pub fn crc32c(crc: u32, bytes: &[u8]) -> u32 {
    let (groups, rest) = bytes.as_chunks::<8>();
    let crc = groups.iter().fold(crc, |crc, &[a, b, c, d, e, f, g, h]| {
        let [w, x, y, z] = crc.to_le_bytes();
        let low = entry(7, a ^ w) ^ entry(6, b ^ x) ^ entry(5, c ^ y) ^ entry(4, d ^ z);
        low ^ entry(3, e) ^ entry(2, f) ^ entry(1, g) ^ entry(0, h)
    });
    rest.iter().fold(crc, |crc, byte| {
        let [low, ..] = crc.to_le_bytes();
        crc >> 8 ^ entry(0, low ^ byte)
    })
}

/// Eight tables: each byte of a group of eight has its own.
static TABLES: [[u32; 256]; 8] = tables();

#[expect(clippy::indexing_slicing, clippy::as_conversions, reason = "evaluated by the compiler")]
#[expect(clippy::arithmetic_side_effects, reason = "evaluated by the compiler")]
const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let previous = tables[table - 1][byte];
            tables[table][byte] = previous >> 8 ^ tables[0][(previous & 0xff) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

fn entry(table: usize, byte: u8) -> u32 {
    TABLES.get(table).and_then(|table| table.get(usize::from(byte))).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_crc_32_iscsi() {
        assert_eq!(!crc32c(!0, b"123456789"), 0xe306_9283);
    }

    #[test]
    fn parts_give_what_the_whole_gives() {
        let bytes = b"the tables take eight bytes at a time, the rest goes byte by byte";
        for at in 0..bytes.len() {
            let (head, rest) = bytes.split_at(at);
            assert_eq!(crc32c(crc32c(!0, head), rest), crc32c(!0, bytes));
        }
    }
}
