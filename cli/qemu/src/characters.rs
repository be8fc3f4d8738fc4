// SPDX-License-Identifier: BSD-3-Clause
//! Decodes the bytes of a serial console to characters without 8-bit controls.
//!
//! A terminal may act on U+0080 to U+009F (C1 of ECMA-48, 5.3: U+009B starts a control sequence), and one without
//! UTF-8 on each byte 0x80 to 0x9f that is not part of a character. The bytes themselves are part of many characters.

use std::mem;

/// Takes bytes, yields characters. Memory: one incomplete character.
#[derive(Debug, Default)]
pub struct Characters {
    /// The start of an incomplete character.
    unfinished: Vec<u8>,
}

impl Characters {
    /// Takes bytes in pieces of any size; C1 controls and invalid UTF-8 become U+FFFD.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        let bytes = [&mem::take(&mut self.unfinished), bytes].concat();
        let mut text = String::with_capacity(bytes.len());
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.extend(chunk.valid().chars().map(harmless));
            let invalid = chunk.invalid();
            if chunks.peek().is_none() && is_unfinished(invalid) {
                self.unfinished = invalid.to_vec();
            } else if !invalid.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        text
    }
}

fn harmless(c: char) -> char {
    if matches!(c, '\u{80}'..='\u{9f}') { char::REPLACEMENT_CHARACTER } else { c }
}

/// Whether more bytes can make a character of them.
fn is_unfinished(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_c1(c: char) -> bool {
        ('\u{80}'..='\u{9f}').contains(&c)
    }

    /// What `bytes` become, in pieces of `size`.
    fn characters(bytes: &[u8], size: usize) -> String {
        let mut characters = Characters::default();
        bytes.chunks(size).map(|piece| characters.push(piece)).collect()
    }

    #[test]
    fn no_c1_control_gets_through_in_pieces_of_any_size() {
        let cases: [(&[u8], &str); 8] = [
            (b"a\x9b31mb\x1b[0m\r\n", "a\u{fffd}31mb\x1b[0m\r\n"),
            (b"\xc2\x9b31m\xc2\x80\xc2\x9f\xc2\xa0", "\u{fffd}31m\u{fffd}\u{fffd}\u{a0}"),
            // Characters that hold bytes 0x80 to 0x9f: they stay.
            ("Ü \u{4db} €, 部 🎛".as_bytes(), "Ü \u{4db} €, 部 🎛"),
            // A start without its rest, and a rest without its start.
            (b"\xe2\x82A\x82\x9bB", "\u{fffd}A\u{fffd}\u{fffd}B"),
            // Too long for what they say, a half of a pair, and beyond the last character.
            (b"\xc0\x9b", "\u{fffd}\u{fffd}"),
            (b"\xed\xa0\x9b", "\u{fffd}\u{fffd}\u{fffd}"),
            (b"\xf4\x90\x9bx", "\u{fffd}\u{fffd}\u{fffd}x"),
            (b"end\xf0\x9f", "end"),
        ];
        for (bytes, expected) in cases {
            for size in 1..=bytes.len() {
                assert_eq!(characters(bytes, size), expected, "{bytes:x?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn no_byte_and_no_pair_of_bytes_gets_through() {
        let bytes: Vec<u8> = (0..=u8::MAX).flat_map(|a| (0..=u8::MAX).flat_map(move |b| [a, b])).collect();
        for pair in bytes.chunks(2) {
            let text = characters(pair, 1);
            assert!(!text.chars().any(is_c1), "{pair:x?}");
        }
        let text = characters(&bytes, 1000);
        assert!(!text.chars().any(is_c1));
    }
}
