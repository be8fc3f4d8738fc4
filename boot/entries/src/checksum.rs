// SPDX-License-Identifier: BSD-3-Clause
//! A checksum to recognise equal texts. It does not resist deliberate collisions: whoever makes one only hides an entry
//! of their own.
//!
//! Source: FNV-1a, 64 bits (RFC 9923).

/// Of these parts, each of which ends with a zero.
pub fn checksum<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> u64 {
    let bytes = parts.into_iter().flat_map(|part| part.iter().chain(&[0]));
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.fold(0xcbf2_9ce4_8422_2325, step)
}
