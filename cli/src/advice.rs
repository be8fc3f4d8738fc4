// SPDX-License-Identifier: BSD-3-Clause
//! What to do about a code, from the tables that the codes come from.

use code::{Code, PLACEHOLDER, Row};

/// Every table whose codes the command may show.
const TABLES: [&[Row]; 18] = [
    crate::codes::CODES,
    block::codes::CODES,
    damage::codes::CODES,
    damage::codes::IMAGES,
    filesystem::codes::FILES,
    entries::codes::CODES,
    image::codes::CODES,
    config::codes::CODES,
    code::codes::CODES,
    flow::codes::DISCOVER,
    flow::codes::CHOOSE,
    flow::codes::OBTAIN,
    dial::codes::CODES,
    http::codes::CODES,
    oci::codes::CODES,
    sigstore::codes::CODES,
    cosign::codes::CODES,
    metadata::codes::CODES,
];

/// The formats of families of codes.
const FORMATS: [&[Row]; 2] = [damage::codes::FORMATS, damage::codes::IMAGE_FORMATS];

/// Ending of an advice text that is completed by the name of the format's tool.
const TOOL: &str = "the format's own tool";

/// The advice for a code; empty if no table has the code.
pub fn of(code: Code) -> String {
    let code = code.to_string();
    for row in TABLES.into_iter().flatten() {
        let Some((before, behind)) = row.name.split_once(PLACEHOLDER) else {
            if row.name == code {
                return plain(row.advice);
            }
            continue;
        };
        let format = code.strip_prefix(before).and_then(|rest| rest.strip_suffix(behind));
        let format =
            FORMATS.into_iter().flatten().find(|word| format.is_some_and(|format| format == word.name));
        if let Some(format) = format {
            let is_named = row.advice.ends_with(TOOL) && !format.advice.is_empty();
            let tool = if !is_named { String::new() } else { format!(" ({})", format.advice) };
            return plain(&format!("{}{tool}", row.advice));
        }
    }
    String::new()
}

/// Removes Markdown: `` `code` `` and `[text](link)`.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("](") {
        plain.push_str(before);
        rest = behind.split_once(')').map_or("", |(_, behind)| behind);
    }
    plain.push_str(rest);
    plain.replace(['`', '['], "")
}

#[cfg(test)]
mod tests {
    use filesystem::{Corrupt, Error, Fault, Format, Origin, Unsupported};

    use super::*;

    #[test]
    fn a_family_names_the_tool_of_its_format() {
        let error = Error::Corrupt(Corrupt {
            format: Format::Ext4,
            fault: Fault::Magic,
            structure: "x",
            origin: Origin::Start,
            offset: 0,
            found: 0,
        });
        assert_eq!(of(error.code()), "repair it with the format's own tool (e2fsck)");
        let error = Error::Unsupported(Unsupported { format: Format::Ext4, feature: "casefold".into() });
        let advice =
            "make the filesystem or image again without that feature, or move the files to another one";
        assert_eq!(of(error.code()), advice, "there is nothing to repair");
    }

    #[test]
    fn a_size_has_a_way_out() {
        let advice = "replace it with a smaller one; if its size is implausible, check the filesystem";
        assert_eq!(of(Error::TooLarge { size: 2, limit: 1 }.code()), advice);
    }

    #[test]
    fn marks_of_pages_are_left_out() {
        assert_eq!(plain("run `a`; [b.md](c/b.md) has more"), "run a; b.md has more");
    }

    #[test]
    fn every_code_of_ours_has_advice() {
        for row in crate::codes::CODES {
            assert!(!row.advice.is_empty(), "{}", row.name);
        }
        assert!(of(crate::codes::VOLUME).starts_with("use --volume with one"));
    }
}
