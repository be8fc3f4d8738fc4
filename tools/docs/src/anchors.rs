// SPDX-License-Identifier: BSD-3-Clause
//! Places in pages that a link can name: every code has one, so that `error-codes.html#E-FS-EXT4-CSUM` leads to it.

use code::{PLACEHOLDER, Row};

/// What stands for a format in the names of families.
pub const FORMAT: &str = "FORMAT";

/// A name in the form of code, with an anchor of the same name before it.
pub fn anchored(name: &str) -> String {
    format!("<a id=\"{name}\"></a>`{name}`")
}

/// The codes that a format has in these families, each with its anchor.
pub fn codes_of(format: &Row, families: &[&[Row]]) -> String {
    let families = families.iter().copied().flatten().filter(|row| row.name.contains(PLACEHOLDER));
    let codes = families.map(|family| anchored(&family.name.replace(PLACEHOLDER, format.name)));
    codes.collect::<Vec<_>>().join(" ")
}

/// The names of the anchors of a line.
pub fn names(line: &str) -> impl Iterator<Item = &str> {
    line.split("<a id=\"").skip(1).filter_map(|rest| rest.split_once('"')).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_has_a_code_of_each_family() {
        let row = |name| Row { name, means: "", advice: "" };
        let families: [&[Row]; 2] = [&[row("E-FS-*-CSUM"), row("E-IO")], &[row("E-FS-*-LOOP")]];
        let codes = codes_of(&row("EXT4"), &families);
        assert_eq!(names(&codes).collect::<Vec<_>>(), ["E-FS-EXT4-CSUM", "E-FS-EXT4-LOOP"]);
        assert!(codes.starts_with("<a id=\"E-FS-EXT4-CSUM\"></a>`E-FS-EXT4-CSUM` "), "{codes}");
    }
}
