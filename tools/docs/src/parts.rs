// SPDX-License-Identifier: BSD-3-Clause
//! The parts of pages that are made from tables.

use code::{PLACEHOLDER, Row};
use config::{KEYS, Locked, ROWS, Value};

use crate::checkout::Page;

/// A part: its name in the marks around it, and its text.
type Part = (&'static str, String);

/// Every page's text with all its parts as the tables have them.
///
/// # Errors
/// A part without its marks on exactly one page; two rows of the same name.
pub fn fill_all(pages: &[Page]) -> Result<Vec<String>, String> {
    let parts = parts()?;
    let count = |name: &str| pages.iter().map(|page| page.text.matches(&begin(name)).count()).sum::<usize>();
    if let Some((name, _)) = parts.iter().find(|(name, _)| count(name) != 1) {
        return Err(format!("{} stands on {} pages, and should on one", begin(name).trim(), count(name)));
    }
    pages.iter().map(|page| fill(&page.text, &parts).map_err(|why| format!("{}: {why}", page.name))).collect()
}

fn begin(name: &str) -> String {
    format!("<!-- {name}: begin -->\n")
}

fn fill(text: &str, parts: &[Part]) -> Result<String, String> {
    let mut text = text.to_string();
    for (name, part) in parts {
        let (begin, end) = (begin(name), format!("<!-- {name}: end -->\n"));
        let Some((before, rest)) = text.split_once(&begin) else { continue };
        let (_, behind) = rest.split_once(&end).ok_or(format!("no {end}"))?;
        text = [before, &begin, part, &end, behind].concat();
    }
    Ok(text)
}

/// Every part that the tables make.
fn parts() -> Result<Vec<Part>, String> {
    use damage::codes as damaged;
    let sections: [(&str, &[&[Row]]); 10] = [
        ("configure", &[config::codes::CODES]),
        ("discover", &[block::codes::CODES, damaged::CODES, entries::codes::CODES, flow::codes::DISCOVER]),
        ("choose", &[flow::codes::CHOOSE]),
        ("obtain", &[filesystem::codes::FILES, flow::codes::OBTAIN, flow::codes::CACHE, code::codes::CODES]),
        ("verify", &[damaged::IMAGES, image::codes::CODES, flow::codes::VERIFY]),
        ("trust", &[flow::codes::TRUST, cosign::codes::CODES, sigstore::codes::CODES]),
        ("start", &[flow::codes::START]),
        ("loader", &[flow::codes::LOADER]),
        (
            "network",
            &[
                ip::codes::CODES,
                uplink::codes::CODES,
                tls::codes::CODES,
                dial::codes::CODES,
                http::codes::CODES,
                oci::codes::CODES,
                artifact::codes::CODES,
                metadata::codes::CODES,
            ],
        ),
        ("command", &[cli::codes::CODES, fat::codes::EDIT]),
    ];
    let mut names: Vec<&str> =
        sections.iter().flat_map(|(_, tables)| tables.concat()).map(|row| row.name).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("{} is in two tables", pair[0]));
    }
    let mut parts: Vec<Part> =
        sections.iter().map(|(name, tables)| (*name, rows("code", "means", &tables.concat()))).collect();
    parts.push(("formats of disks", rows("FORMAT", "is", damaged::FORMATS)));
    parts.push(("formats of images", rows("FORMAT", "is", damaged::IMAGE_FORMATS)));
    parts.push(("keys", keys(true)));
    parts.push(("keys without effect", keys(false)));
    parts.push(("short keys", short_keys()));
    parts.push(("media types", media_types()));
    parts.push(("members", members()));
    Ok(parts)
}

/// A table of rows; without the last column where no row has anything there.
fn rows(name: &str, means: &str, rows: &[Row]) -> String {
    let has_advice = rows.iter().any(|row| !row.advice.is_empty());
    let heads = [name, means, "what to do"];
    let columns = if has_advice { 3 } else { 2 };
    let cells = rows.iter().map(|row| {
        [format!("`{}`", row.name.replace(PLACEHOLDER, "FORMAT")), row.means.into(), row.advice.into()]
    });
    table(&heads[..columns], cells.map(|cells| cells[..columns].to_vec()))
}

fn keys(acts: bool) -> String {
    let cells = ROWS.iter().filter(|row| row.key.acts == acts).map(|row| {
        let hidden = if row.key.is_secret { "; never shown" } else { "" };
        let means = format!("{}{hidden}", row.means);
        vec![
            format!("`{}`", row.key.name),
            values(row.key.value),
            row.default.into(),
            means,
            locked(row.key.locked),
        ]
    });
    table(&["key", "values", "default", "meaning", "when locked"], cells)
}

fn locked(locked: Locked) -> String {
    match locked {
        Locked::Taken => "yes",
        Locked::WithSignatureKey => "with a signature key",
        Locked::Refused => "no",
        Locked::BuiltIn => "no, nor otherwise: only built in",
    }
    .into()
}

/// The members of a metadata document, and the keys that they set.
fn members() -> String {
    let cells = metadata::members().map(|(path, name)| {
        let key = KEYS.iter().find(|key| Some(key.name) == name);
        let sets = key.map_or("nothing yet".into(), |key| format!("`{}`", key.name));
        vec![format!("`{path}`"), sets, key.and_then(|key| key.metadata).map_or("no".into(), locked)]
    });
    table(&["member", "sets", "when locked"], cells)
}

fn short_keys() -> String {
    let acting = ROWS.iter().filter(|row| row.key.acts);
    table(&["key", "meaning"], acting.map(|row| vec![format!("`{}`", row.key.name), row.means.into()]))
}

fn media_types() -> String {
    let kinds = artifact::types::KINDS;
    table(
        &["kind", "media type"],
        kinds.iter().map(|kind| [kind.name, kind.media_type].map(|text| format!("`{text}`")).to_vec()),
    )
}

fn values(value: Value) -> String {
    match value {
        Value::Word(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn table(heads: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| {
        assert!(!cells.iter().any(|cell| cell.contains(['|', '\n'])), "a cell of {cells:?} ends the column");
        format!("| {} |\n", cells.join(" | ")).replace("|  |", "| |")
    };
    let heads: Vec<String> = heads.iter().map(|head| head.to_string()).collect();
    let rule = format!("|{}\n", "---|".repeat(heads.len()));
    let body: String = rows.map(|cells| line(&cells)).collect();
    [line(&heads), rule, body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Page {
        Page { name: "x.md".into(), path: "x.md".into(), text: text.into() }
    }

    #[test]
    fn what_stands_between_the_marks_is_replaced() {
        let parts = [("a", "new\n".to_string())];
        let text = |inner: &str| format!("x\n<!-- a: begin -->\n{inner}<!-- a: end -->\ny\n");
        assert_eq!(fill(&text("old\nold\n"), &parts), Ok(text("new\n")));
        assert_eq!(fill(&text("new\n"), &parts), Ok(text("new\n")));
        assert!(fill("<!-- a: begin -->\nx\n", &parts).is_err(), "without its end");
    }

    #[test]
    fn every_part_is_on_one_page() {
        let all: String = parts()
            .unwrap()
            .iter()
            .map(|(name, _)| begin(name) + &begin(name).replace("begin", "end"))
            .collect();
        assert_eq!(fill_all(&[page(&all)]).map(|texts| texts.len()), Ok(1));
        assert!(fill_all(&[page("")]).is_err(), "none has a mark");
        assert!(fill_all(&[page(&all), page(&all)]).is_err(), "two have");
    }

    #[test]
    fn a_column_without_content_is_left_out() {
        let row = |advice| Row { name: "A", means: "b", advice };
        assert_eq!(rows("x", "y", &[row("")]), "| x | y |\n|---|---|\n| `A` | b |\n");
        assert!(rows("x", "y", &[row("c")]).ends_with("| `A` | b | c |\n"));
    }
}
