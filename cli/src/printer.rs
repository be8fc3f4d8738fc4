// SPDX-License-Identifier: BSD-3-Clause
//! Everything that is printed: text and JSON to standard output, one line to standard error.

use std::{
    fmt,
    io::{self, BufWriter, Stdout, Write},
};

use serde::Serialize;

use crate::failure::{Failure, Stop};

/// Standard output.
pub struct Printer {
    out: BufWriter<Stdout>,
}

impl Printer {
    /// A printer to standard output.
    pub fn new() -> Self {
        Self { out: BufWriter::new(io::stdout()) }
    }

    /// Prints a line of text, in which names are [`text`].
    pub fn line(&mut self, line: fmt::Arguments<'_>) -> Result<(), Stop> {
        writeln!(self.out, "{line}").map_err(|error| Stop::of_output(&error))
    }

    /// Prints a value as one line of JSON, which is safe to show on any terminal.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), Stop> {
        let json = json(value).map_err(|error| Stop::of_output(&io::Error::other(error)))?;
        writeln!(self.out, "{json}").map_err(|error| Stop::of_output(&error))
    }

    /// Prints bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.out.write_all(bytes).map_err(|error| Stop::of_output(&error))
    }

    /// Flushes the output.
    pub fn finish(&mut self) -> Result<(), Stop> {
        self.out.flush().map_err(|error| Stop::of_output(&error))
    }
}

/// Prints a note or warning to standard error, in one line.
pub fn note(what: &str) {
    // Standard error is closed: nowhere to report it.
    let _ = writeln!(io::stderr(), "cloud-boot: {}", text(what.as_bytes()));
}

/// Prints a failure to standard error, in one line.
pub fn complain(failure: &Failure) {
    let Failure { code, object, cause, names, advice } = failure;
    let names: Vec<String> = names.iter().map(|name| text(name)).collect();
    let (object, cause) = (text(object), text(cause.as_bytes()) + &names.join(", "));
    let advice = if advice.is_empty() { String::new() } else { format!("; {advice}") };
    // Standard error is closed: nowhere to report it.
    let _ = writeln!(io::stderr(), "cloud-boot: {code} {object}: {cause}{advice}");
}

/// A name or text that is safe to show on any terminal: invalid UTF-8, control characters, and characters that change
/// the direction of text are escaped.
pub fn text(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => shown.push_str("\\\\"),
                '\n' | '\r' | '\t' => shown.extend(c.escape_default()),
                '\0'..='\x1f' | '\x7f' => shown.push_str(&format!("\\x{:02x}", u32::from(c))),
                c if is_hidden(c) => shown.extend(c.escape_unicode()),
                c => shown.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| shown.push_str(&format!("\\x{byte:02x}")));
    }
    shown
}

/// A padded field name and its value; without the trailing spaces if the value is empty.
pub fn field(name: fmt::Arguments<'_>, value: &str) -> String {
    if value.is_empty() { name.to_string().trim_end().into() } else { format!("{name}{value}") }
}

/// A value as JSON: characters that [`text`] escapes are written as JSON escapes, which mean the same.
fn json(value: &impl Serialize) -> serde_json::Result<String> {
    let (json, mut shown) = (serde_json::to_string(value)?, String::new());
    // In JSON, they occur in strings only.
    for c in json.chars() {
        if is_hidden(c) {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| shown.push_str(&format!("\\u{unit:04x}")));
        } else {
            shown.push(c);
        }
    }
    Ok(shown)
}

/// Invisible characters that change how others are shown: control characters, direction marks, line separators.
fn is_hidden(c: char) -> bool {
    let is_mark = matches!(
        c,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    );
    c.is_control() || is_mark
}

/// `1.0 KiB`, `512 B`: a size for people.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let unit = (0..UNITS.len()).rev().find(|unit| bytes >> (10 * unit) > 0).unwrap_or(0);
    if unit == 0 {
        return format!("{bytes} B");
    }
    let tenths = (u128::from(bytes) * 10) >> (10 * unit);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_see_no_control_characters() {
        let cases: [(&[u8], &str); 7] = [
            (b"plain name", "plain name"),
            ("Ä€".as_bytes(), "Ä€"),
            (b"\x1b[31mred\n", "\\x1b[31mred\\n"),
            (b"a\xff\\b", "a\\xff\\\\b"),
            ("\u{9b}x".as_bytes(), "\\u{9b}x"),
            ("a\u{202e}b".as_bytes(), "a\\u{202e}b"),
            ("a\u{61c}b".as_bytes(), "a\\u{61c}b"),
        ];
        for (bytes, shown) in cases {
            assert_eq!(text(bytes), shown);
        }
    }

    #[test]
    fn a_value_keeps_its_spaces_and_an_empty_one_needs_none() {
        assert_eq!(field(format_args!("{:<9} ", "path"), "/a "), "path      /a ");
        assert_eq!(field(format_args!("  {:<9} ", "path"), ""), "  path");
    }

    #[test]
    fn json_means_the_same_and_has_nothing_that_a_terminal_acts_on() {
        let marks = ('\u{200b}'..='\u{200f}').chain('\u{2028}'..='\u{202e}').chain('\u{2060}'..='\u{2069}');
        let all: String =
            ('\0'..='\u{9f}').chain(marks).chain(['\u{61c}', '\u{feff}', 'Ä', '€', '😀']).collect();
        let value = serde_json::json!({ &all: [&all, 1.5, null, true] });
        let shown = json(&value).unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        assert_eq!(shown.chars().filter(|c| !c.is_ascii()).collect::<String>(), "Ä€😀Ä€😀");
        assert!(!shown.bytes().any(|byte| byte < b' ' || byte == 0x7f), "{shown}");
        assert_eq!(json(&"\u{9b}31m\x7f\u{202e}").unwrap(), r#""\u009b31m\u007f\u202e""#);
    }

    #[test]
    fn sizes_are_short() {
        let cases = [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (44_145_050, "42.1 MiB")];
        for (bytes, shown) in cases {
            assert_eq!(size(bytes), shown);
        }
        assert_eq!(size(u64::MAX), "15.9 EiB");
    }
}
