// SPDX-License-Identifier: BSD-3-Clause
//! CRC-32C, CRC-32 and CRC-16 as ext4 and its journal use them: a running register, not inverted at the end.

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

/// Runs `bytes` through the CRC-32C register `crc`. A fresh one is `!0`.
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

/// Runs `bytes` through the CRC-16 register `crc` (polynomial 0x8005, reflected).
pub fn crc16(crc: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(crc, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xa001 } else { crc >> 1 })
    })
}

/// Runs `bytes` through the CRC-32 register `crc`, highest bit first (`crc32_be` of Linux): only for journals
/// older than csum_v2, so without tables.
pub fn crc32_be(crc: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(crc, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            if crc & 0x8000_0000 == 0 { crc << 1 } else { crc << 1 ^ 0x04c1_1db7 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        // The check values of CRC-32/ISCSI (inverted at its end), CRC-32/MPEG-2 and CRC-16/ARC.
        assert_eq!(!crc32c(!0, b"123456789"), 0xe306_9283);
        assert_eq!(crc32_be(!0, b"123456789"), 0x0376_e6e7);
        assert_eq!(crc16(0, b"123456789"), 0xbb3d);
        assert_eq!(crc32c(crc32c(!0, b"12345"), b"6789"), crc32c(!0, b"123456789"));
    }
}
