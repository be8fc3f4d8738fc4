// SPDX-License-Identifier: BSD-3-Clause
//! `os-release`: name and version of a system.
//!
//! Spec: os-release(5).

use alloc::string::String;

/// The value of a name, without its quotes.
pub fn value(text: &str, name: &str) -> Option<String> {
    let assigned =
        text.lines().rev().find_map(|line| line.trim_ascii().strip_prefix(name)?.strip_prefix('='))?;
    let mut value = String::new();
    let quote = assigned.chars().next().filter(|c| matches!(c, '"' | '\''));
    let mut rest = assigned.chars().skip(usize::from(quote.is_some()));
    while let Some(c) = rest.next() {
        match c {
            _ if Some(c) == quote => break,
            '\\' if quote != Some('\'') => value.extend(rest.next()),
            c => value.push(c),
        }
    }
    Some(value).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_escapes_are_the_shells() {
        let text = "ID=debian\nNAME=\"a \\\"b\\\" c\"\nX='a\\b'\nEMPTY=\nID_LIKE=x\n";
        let cases = [
            ("ID", Some("debian")),
            ("NAME", Some("a \"b\" c")),
            ("X", Some("a\\b")),
            ("EMPTY", None),
            ("I", None),
        ];
        for (name, wanted) in cases {
            assert_eq!(value(text, name).as_deref(), wanted, "{name}");
        }
    }
}
