// SPDX-License-Identifier: BSD-3-Clause
//! A breakdown of one value of a report.

use std::fmt::Write as _;

use serde::Serialize;

/// A whole and its parts.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Breakdown {
    /// The whole.
    pub whole: String,
    /// The parts, in the order of the report.
    pub parts: Vec<Part>,
}

/// One of them.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

impl Breakdown {
    /// As text for a terminal.
    pub fn text(&self) -> String {
        let names = self.parts.iter().map(|part| &part.name).chain([&self.whole]);
        let width = names.map(|name| name.chars().count()).max().unwrap_or(0);
        let sizes: Vec<String> = self.parts.iter().map(|part| part.bytes.to_string()).collect();
        let digits = sizes.iter().map(String::len).chain([HEAD.len()]).max().unwrap_or(0);
        let mut text = format!("{:width$}  {HEAD:>digits$}\n", self.whole);
        for (part, size) in self.parts.iter().zip(sizes) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{:width$}  {size:>digits$}", part.name);
        }
        text
    }

    /// As Markdown for a page.
    pub fn markdown(&self) -> String {
        let head = format!("| {} | {HEAD} |\n|---|---:|\n", self.whole);
        head + &self
            .parts
            .iter()
            .map(|part| format!("| {} | {} |\n", part.name, part.bytes))
            .collect::<String>()
    }
}

/// Heading of the sizes.
const HEAD: &str = "bytes";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_stand_below_each_other() {
        let part = |name: &str, bytes| Part { name: name.into(), bytes };
        let parts =
            Breakdown { whole: "all of it".into(), parts: vec![part("core", 1_234_567), part("vfs", 9)] };
        assert_eq!(parts.text(), "all of it    bytes\ncore       1234567\nvfs              9\n");
        assert_eq!(parts.markdown(), "| all of it | bytes |\n|---|---:|\n| core | 1234567 |\n| vfs | 9 |\n");
    }
}
