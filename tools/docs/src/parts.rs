// SPDX-License-Identifier: BSD-3-Clause
//! The parts of pages that are made from tables.

use code::{PLACEHOLDER, Row};
use config::{KEYS, Locked, ROWS, Value};

use crate::{
    anchors::{FORMAT, anchored, codes_of},
    checkout::Page,
};

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
        sections.iter().map(|(name, tables)| (*name, rows(&tables.concat()))).collect();
    let images: &[&[Row]] = &[damaged::IMAGES, image::codes::CODES];
    parts.push(("formats of disks", formats(damaged::FORMATS, &[damaged::CODES])));
    parts.push(("formats of images", formats(damaged::IMAGE_FORMATS, images)));
    parts.push(("keys", keys(true)));
    parts.push(("keys without effect", keys(false)));
    parts.push(("short keys", short_keys()));
    parts.push(("media types", media_types()));
    parts.push(("members", members()));
    Ok(parts)
}

/// A table of codes. (`FORMAT` stands for a format in the names of families.)
fn rows(rows: &[Row]) -> String {
    let cells = rows.iter().map(|row| {
        let name = row.name.replace(PLACEHOLDER, FORMAT);
        [anchored(&name), row.means.into(), row.advice.into()]
    });
    columns(["code", "means", "what to do"], cells)
}

/// A table of formats, with the codes that these families have for them.
fn formats(rows: &[Row], families: &[&[Row]]) -> String {
    let cells = rows
        .iter()
        .map(|row| [format!("`{}`", row.name), row.means.into(), row.advice.into(), codes_of(row, families)]);
    columns([FORMAT, "is", "what to do", "codes"], cells)
}

/// A table without the columns that are empty.
fn columns<const N: usize>(heads: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = rows.collect();
    let is_used: [bool; N] = std::array::from_fn(|column| rows.iter().any(|row| !row[column].is_empty()));
    let used = |(column, _): &(usize, String)| is_used[*column];
    let cells = |row: [String; N]| row.into_iter().enumerate().filter(used).map(|(_, cell)| cell).collect();
    let heads: Vec<&str> =
        heads.into_iter().zip(is_used).filter(|(_, is)| *is).map(|(head, _)| head).collect();
    table(&heads, rows.into_iter().map(cells))
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
        assert_eq!(rows(&[row("")]), "| code | means |\n|---|---|\n| <a id=\"A\"></a>`A` | b |\n");
        assert!(rows(&[row("c")]).ends_with("`A` | b | c |\n"));
        let family = [Row { name: "E-*-X", means: "", advice: "" }];
        let of_format = "| FORMAT | is | codes |\n|---|---|---|\n| `A` | b | <a id=\"E-A-X\"></a>`E-A-X` |\n";
        assert_eq!(formats(&[row("")], &[&family]), of_format);
    }
}
