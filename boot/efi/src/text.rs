// SPDX-License-Identifier: BSD-3-Clause
//! Texts of variables: UTF-16, little-endian, NUL at the end.

use alloc::{string::String, vec::Vec};

/// A text with its NUL.
pub fn encode(text: &str) -> Vec<u8> {
    list([text].into_iter())
}

/// Texts one after the other, each with its NUL.
pub fn list<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<u8> {
    texts.flat_map(|text| text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes)).collect()
}

/// The text up to the first NUL; invalid UTF-16 becomes U+FFFD.
pub fn decode(bytes: &[u8]) -> String {
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
    char::decode_utf16(units.take_while(|unit| *unit != 0))
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_end_with_nul() {
        assert_eq!(encode("aü"), [0x61, 0, 0xfc, 0, 0, 0]);
        assert_eq!(list(["a", "b"].into_iter()), [0x61, 0, 0, 0, 0x62, 0, 0, 0]);
        assert_eq!(decode(&[0x61, 0, 0xfc, 0, 0, 0, 0x62, 0]), "aü");
        assert_eq!(decode(&[0x61, 0, 0, 0xd8, 0x62]), "a\u{fffd}", "half a pair, half a unit");
    }
}
