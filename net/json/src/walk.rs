// SPDX-License-Identifier: BSD-3-Clause
//! Steps through a well-formed document.
//!
//! The syntax has been checked: names and separators alternate, brackets match, strings end. So a step need not
//! know the grammar. Each step goes forward or to the end, whatever the input.

use core::slice::Iter;

/// Where the next name, value or closing bracket begins: separators and blanks are skipped.
pub(crate) fn next(document: &str, offset: usize) -> usize {
    let rest = document.as_bytes().get(offset..).unwrap_or_default();
    let gap = rest.iter().take_while(|byte| is_gap(**byte)).count();
    // Cannot saturate: the gap is in the document, behind the offset; an offset past its end has none.
    offset.saturating_add(gap)
}

/// The byte at an offset; 0 at the end, a byte that no well-formed document has.
pub(crate) fn peek(document: &str, offset: usize) -> u8 {
    document.as_bytes().get(offset).copied().unwrap_or(0)
}

/// Where the value, or the name, that begins at an offset ends.
pub(crate) fn end(document: &str, offset: usize) -> usize {
    let mut bytes = document.as_bytes().get(offset..).unwrap_or_default().iter();
    pass(&mut bytes);
    // Cannot saturate: `bytes` is an end of the document.
    document.len().saturating_sub(bytes.len())
}

/// Skips one value, without recursion.
fn pass(bytes: &mut Iter<'_, u8>) {
    let mut depth = 0_usize;
    while let Some(&byte) = bytes.as_slice().first() {
        let is_closing = matches!(byte, b']' | b'}');
        // What ends a number or a word is not part of it.
        if depth == 0 && (is_closing || is_gap(byte)) {
            return;
        }
        bytes.next();
        match byte {
            b'"' => pass_text(bytes),
            // Cannot saturate: there are no more brackets than bytes. A closing bracket outside of all ends the value
            // above.
            b'[' | b'{' => depth = depth.saturating_add(1),
            _ if is_closing => depth = depth.saturating_sub(1),
            // Of a number or a word, or between members.
            _ => continue,
        }
        if depth == 0 {
            return;
        }
    }
}

/// Skips to the end of a string, whose opening quotation mark has been skipped.
fn pass_text(bytes: &mut Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

fn is_gap(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_finds_the_end_of_every_kind_of_value() {
        for value in [
            "0",
            "-1.5e+3",
            "null",
            r#""""#,
            r#""a\"]}\\""#,
            "[]",
            "[1,[2],{}]",
            r#"{"a":{"b":[1,"}"]},"c":2}"#,
            "[ 1 , 2 ]",
        ] {
            for behind in ["", ",1", "]", "}", " \n", ":1"] {
                let document = std::format!("[{value}{behind}");
                assert_eq!(end(&document, 1), value.len() + 1, "{document}");
            }
        }
    }

    #[test]
    fn steps_end_whatever_the_text() {
        for text in ["", "\"", "\"\\", "[[[", "]", "a", ",,", "{\"a\":"] {
            let offset = end(text, next(text, 0));
            assert!(offset <= text.len() && end(text, 100) == text.len(), "{text}");
        }
    }
}
