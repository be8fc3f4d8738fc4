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
        writeln!(self.out, "{}", line.to_string().trim_end()).map_err(|error| Stop::of_output(&error))
    }

    /// Prints a value as one line of JSON.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), Stop> {
        let json = serde_json::to_string(value).map_err(|error| Stop::of_output(&io::Error::other(error)))?;
        writeln!(self.out, "{json}").map_err(|error| Stop::of_output(&error))
    }

    /// Prints bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.out.write_all(bytes).map_err(|error| Stop::of_output(&error))
    }

    /// Returns when everything is written.
    pub fn finish(&mut self) -> Result<(), Stop> {
        self.out.flush().map_err(|error| Stop::of_output(&error))
    }
}

/// Tells on standard error what is not asked for and good to know, in one line.
pub fn note(what: &str) {
    // Nobody is there to be told.
    let _ = writeln!(io::stderr(), "cloud-boot: {}", text(what.as_bytes()));
}

/// Tells of a failure, in one line.
pub fn complain(failure: &Failure) {
    let Failure { code, object, cause, names, advice } = failure;
    let names: Vec<String> = names.iter().map(|name| text(name)).collect();
    let (object, cause) = (text(object), text(cause.as_bytes()) + &names.join(", "));
    let advice = if advice.is_empty() { String::new() } else { format!("; {advice}") };
    // Nobody is there to be told.
    let _ = writeln!(io::stderr(), "cloud-boot: {code} {object}: {cause}{advice}");
}

/// A name or text as it can be shown on any terminal: what is no UTF-8, control characters, and those that change
/// the direction of text are escaped.
pub fn text(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => shown.push_str("\\\\"),
                '\n' | '\r' | '\t' => shown.extend(c.escape_default()),
                '\0'..='\x1f' | '\x7f' => shown.push_str(&format!("\\x{:02x}", u32::from(c))),
                c if c.is_control() || is_hidden(c) => shown.extend(c.escape_unicode()),
                c => shown.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| shown.push_str(&format!("\\x{byte:02x}")));
    }
    shown
}

/// Characters that are not seen and change how others are: marks of direction, separators of lines.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
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
        let cases: [(&[u8], &str); 6] = [
            (b"plain name", "plain name"),
            ("Ä€".as_bytes(), "Ä€"),
            (b"\x1b[31mred\n", "\\x1b[31mred\\n"),
            (b"a\xff\\b", "a\\xff\\\\b"),
            ("\u{9b}x".as_bytes(), "\\u{9b}x"),
            ("a\u{202e}b".as_bytes(), "a\\u{202e}b"),
        ];
        for (bytes, shown) in cases {
            assert_eq!(text(bytes), shown);
        }
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
