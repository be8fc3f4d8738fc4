// SPDX-License-Identifier: BSD-3-Clause
//! CRC-32 as GPT uses it.

use crc::{CRC_32_ISO_HDLC, Crc, Table};

/// Bit by bit, without a lookup table: the entries of a GPT have only 16 KiB.
static CRC32: Crc<u32, Table<0>> = Crc::<u32, Table<0>>::new(&CRC_32_ISO_HDLC);

/// CRC-32/ISO-HDLC of `bytes`.
pub fn crc32(bytes: &[u8]) -> u32 {
    CRC32.checksum(bytes)
}
