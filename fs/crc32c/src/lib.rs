// SPDX-License-Identifier: BSD-3-Clause
//! CRC-32C, the checksum of ext4, XFS and btrfs.
//!
//! ```
//! assert_eq!(!crc32c::crc32c(!0, b"123456789"), 0xe306_9283);
//! ```
//!
//! Polynomial 0x1EDC6F41, reflected (RFC 3720, appendix B.4). On Linux the crate `crc-fast` computes it with the
//! processor's own instructions, several bytes a cycle; elsewhere it is computed with tables (`tables.rs`).
#![no_std]

#[cfg(any(test, not(target_os = "linux")))]
mod tables;

/// Updates the register `crc` with `bytes`. It starts as `!0`; formats that invert the result store `!crc`.
#[cfg(target_os = "linux")]
pub fn crc32c(crc: u32, bytes: &[u8]) -> u32 {
    let mut digest = crc_fast::Digest::new_with_init_state(crc_fast::CrcAlgorithm::Crc32Iscsi, crc.into());
    digest.update(bytes);
    // `finalize` inverts the result, which only some formats do. The upper half of a 32-bit checksum is zero.
    let [a, b, c, d, ..] = digest.finalize().to_le_bytes();
    !u32::from_le_bytes([a, b, c, d])
}

#[cfg(not(target_os = "linux"))]
pub use tables::crc32c;

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    /// Bit by bit, as the polynomial says.
    fn by_bit(crc: u32, bytes: &[u8]) -> u32 {
        bytes.iter().fold(crc, |crc, byte| {
            let shift = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
            (0..8).fold(crc ^ u32::from(*byte), shift)
        })
    }

    fn bytes() -> [u8; 300] {
        core::array::from_fn(|at| (at * at * 7 + at * 13 + 5) as u8)
    }

    /// The two ways to compute it.
    const WAYS: [fn(u32, &[u8]) -> u32; 2] = [crc32c, tables::crc32c];

    #[test]
    fn the_check_value_of_crc_32_iscsi() {
        for way in WAYS {
            assert_eq!(!way(!0, b"123456789"), 0xe306_9283);
        }
    }

    #[test]
    fn every_length_and_place_is_as_the_polynomial_says() {
        let bytes = bytes();
        for length in 0..=200 {
            for start in [0, 1, 7, 63, 100] {
                let part = &bytes[start..][..length];
                for register in [0, !0, 0x1234_5678] {
                    for way in WAYS {
                        assert_eq!(way(register, part), by_bit(register, part), "{start}, {length}");
                    }
                }
            }
        }
    }

    #[test]
    fn blocks_of_any_size_are_as_the_polynomial_says() {
        let blocks: std::vec::Vec<u8> = (0..70_000_u32).map(|at| (at * 7 + at / 251) as u8).collect();
        for length in [511, 1024, 4096, 9000, 16384, 65536] {
            for start in [0, 1, 13] {
                let part = &blocks[start..][..length];
                for way in WAYS {
                    assert_eq!(way(!0, part), by_bit(!0, part), "{start}, {length}");
                }
            }
        }
    }

    #[test]
    fn parts_give_what_the_whole_gives() {
        let bytes = bytes();
        for at in 0..bytes.len() {
            let (head, rest) = bytes.split_at(at);
            for way in WAYS {
                assert_eq!(way(way(!0, head), rest), way(!0, &bytes));
            }
        }
    }
}
