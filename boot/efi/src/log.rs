// SPDX-License-Identifier: BSD-3-Clause
//! `CloudBootLog`: the log of a boot, as the booted system finds it.
//!
//! A volatile variable of the vendor [`VENDOR`] with a JSON text in UTF-8:
//!
//! ```json
//! {"version":"0.0.1","arch":"x86_64","selected":"debian.conf","dropped":0,"lines":[[60,"discover 2 disks"]]}
//! ```
//!
//! `selected` is null where nothing was started. A line has its time, milliseconds since the loader started.
//! `dropped` counts the oldest lines, which are left out where the text would be longer than [`LONGEST`].

use alloc::{format, string::String, vec::Vec};

/// The vendor GUID of this variable, and of `CloudBootCmdline` and `CloudBootTarget`, which hold settings.
pub const VENDOR: &str = "c10ddb07-83c5-4d3e-9b76-1f4c0e7a3b8e";
/// Name of the variable.
pub const NAME: &str = "CloudBootLog";
/// Most bytes of the text.
pub const LONGEST: usize = 8 * 1024;

/// The text for these lines, oldest first.
pub fn write(version: &str, arch: &str, selected: Option<&str>, lines: &[(u64, &str)]) -> String {
    let selected = selected.map_or(String::from("null"), quoted);
    let head = format!("{{\"version\":{},\"arch\":{},\"selected\":{selected}", quoted(version), quoted(arch));
    // The number of dropped lines has at most twenty digits. Saturates for a head that is too long: it leaves no room.
    let mut room = LONGEST.saturating_sub(head.len()).saturating_sub(64);
    let mut kept: Vec<String> = Vec::new();
    for (time, line) in lines.iter().rev() {
        let item = format!("[{time},{}]", quoted(line));
        // Cannot saturate: it is in memory.
        let Some(left) = room.checked_sub(item.len().saturating_add(1)) else { break };
        room = left;
        kept.push(item);
    }
    kept.reverse();
    // Cannot saturate: only some are kept.
    let dropped = lines.len().saturating_sub(kept.len());
    format!("{head},\"dropped\":{dropped},\"lines\":[{}]}}", kept.join(","))
}

/// A JSON string (RFC 8259, section 7).
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_ascii_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    #[test]
    fn the_log_is_json() {
        assert_eq!(
            write("0.0.1", "x86_64", Some("a\"b"), &[(60, "x\\\n"), (70, "ü")]),
            r#"{"version":"0.0.1","arch":"x86_64","selected":"a\"b","dropped":0,"lines":[[60,"x\\\u000a"],[70,"ü"]]}"#
        );
    }

    #[test]
    fn the_oldest_lines_give_way() {
        let long = "y".repeat(1000);
        let lines = vec![(1, long.as_str()); 20];
        let text = write("1", "x", None, &lines);
        assert!(text.len() <= LONGEST && text.len() > LONGEST - 1200, "{}", text.len());
        assert!(text.contains(r#""selected":null,"dropped":12,"#), "{text}");
    }
}
