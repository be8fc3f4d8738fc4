// SPDX-License-Identifier: BSD-3-Clause
//! CRC-32 and CRC-16 of ext4 and its journal (besides CRC-32C): a running register, not inverted at the end.

/// Updates the CRC-16 register `crc` with `bytes` (polynomial 0x8005, reflected).
pub fn crc16(crc: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(crc, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xa001 } else { crc >> 1 })
    })
}

/// Updates the CRC-32 register `crc` with `bytes`, highest bit first (`crc32_be` of Linux). Only journals older than
/// csum_v2 need it, so it has no tables.
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
        // The check values of CRC-32/MPEG-2 and CRC-16/ARC.
        assert_eq!(crc32_be(!0, b"123456789"), 0x0376_e6e7);
        assert_eq!(crc16(0, b"123456789"), 0xbb3d);
    }
}
