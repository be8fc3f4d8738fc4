// SPDX-License-Identifier: BSD-3-Clause
//! The matrix: a table for each format, a row for each kind of image.

use std::collections::{BTreeMap, BTreeSet};

use oracle::{
    compared::{Compared, Legs, kind},
    opinion::Fault,
    recipe::Recipe,
};

/// The heads of the columns.
pub const HEADS: [&str; 9] = [
    "kind",
    "made by",
    "aged by",
    "power failed",
    "disks",
    "images",
    "names; files; MiB",
    "read alike by",
    "not by",
];
/// Prefix of the title of a format's table.
pub const TITLE: &str = "### ";
/// Prefix of a line after a table.
pub const BULLET: &str = "* ";
const MIB: f64 = 1_048_576.0;
/// Parts of the readers' names, and their short names in a cell.
const READERS: [(&str, &str); 2] = [("GRUB", "GRUB"), ("Sleuth Kit", "sleuthkit")];

/// Images that differ only in their random numbers.
type Images = Vec<Compared>;

/// The tables, from results in any order; if there are several results for an image, the last one counts.
pub fn markdown(lines: Vec<Compared>) -> String {
    let case = |line: &Compared| line.legs_fault.as_ref().map(|legs| legs.fault.clone());
    let last: BTreeMap<_, _> = lines
        .into_iter()
        .map(|line| ((line.format.clone(), line.image.clone(), case(&line)), line))
        .collect();
    let mut formats = BTreeMap::<String, BTreeMap<_, Images>>::new();
    for line in last.into_values() {
        let key = (kind(&line.image).to_string(), case(&line));
        formats.entry(line.format.clone()).or_default().entry(key).or_default().push(line);
    }
    let tables = formats.iter().map(|(format, rows)| table(format, rows.values()));
    tables.collect::<Vec<_>>().join("\n")
}

fn table<'a>(format: &str, rows: impl Iterator<Item = &'a Images> + Clone) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | ")).replace("|  |", "| |");
    let mut text = format!("{TITLE}{format}\n\n{}|{}\n", head(), "---|".repeat(HEADS.len()));
    rows.clone().for_each(|images| text.push_str(&line(&cells(images))));
    text.push('\n');
    let all: Vec<&Compared> = rows.flatten().collect();
    let facts: [(&str, BTreeSet<String>); 4] = [
        ("run on", all.iter().map(|line| line.date.clone()).collect()),
        ("made by", all.iter().map(|line| line.recipe.version.clone()).collect()),
        ("aged and read by Linux", all.iter().map(|line| line.recipe.linux.clone()).collect()),
        (
            "other readers",
            all.iter().flat_map(|line| &line.opinions).map(|opinion| opinion.reader.clone()).collect(),
        ),
    ];
    for (what, values) in facts.iter().filter(|(_, values)| !values.is_empty()) {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        text.push_str(&format!("{BULLET}{what}: {}\n", values.join(", ")));
    }
    text
}

/// The first line of each table.
pub fn head() -> String {
    format!("| {} |\n", HEADS.join(" | "))
}

fn cells(images: &Images) -> Vec<String> {
    let Some(first) = images.first() else { return Vec::new() };
    let sum = |of: fn(&Compared) -> u64| images.iter().map(of).sum::<u64>();
    let (names, files) = (sum(|line| line.names as u64), sum(|line| line.files as u64));
    let (agree, differ) = opinions(images);
    vec![
        format!("`{}`", kind(&first.image)),
        code(&command(&first.recipe)),
        ageing(&first.recipe),
        if first.recipe.crash { "yes" } else { "" }.into(),
        disks(first.legs, images.iter().filter_map(|line| line.legs_fault.as_ref())),
        images.len().to_string(),
        format!("{names}; {files}; {}", mib(sum(|line| line.bytes))),
        agree,
        differ,
    ]
}

fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / MIB)
}

/// Text as code in a cell, where line breaks and bars are not allowed.
fn code(text: &str) -> String {
    let text = text.replace('|', "\\|");
    if text.is_empty() { text } else { format!("`{text}`") }
}

fn command(recipe: &Recipe) -> String {
    match recipe.mkfs.as_slice() {
        [shell, option, script] if shell == "sh" && option == "-c" => script.clone(),
        words => words.join(" "),
    }
}

fn ageing(recipe: &Recipe) -> String {
    let mount = if recipe.mount.is_empty() { String::new() } else { format!(", {}", code(&recipe.mount)) };
    let halfway: Vec<String> = recipe.halfway.iter().map(|command| code(command)).collect();
    let halfway =
        if halfway.is_empty() { String::new() } else { format!("; halfway {}", halfway.join(", ")) };
    format!("{} operations{mount}{halfway}", recipe.operations)
}

fn disks<'a>(count: usize, faults: impl Iterator<Item = &'a Legs>) -> String {
    let faults: Vec<&Legs> = faults.collect();
    let Some(first) = faults.first() else { return count.to_string() };
    let sum = |of: fn(&Legs) -> u64| faults.iter().map(|legs| of(legs)).sum::<u64>();
    let refused = match sum(|legs| legs.refused as u64) {
        0 => String::new(),
        refused => format!(", {refused} refused by name"),
    };
    let (read, rebuilt) = (sum(|legs| legs.read as u64), mib(sum(|legs| legs.rebuilt)));
    format!("{count}, some {}: {read} choices read{refused}, {rebuilt} MiB rebuilt", first.fault)
}

/// The readers that agree, and those that do not, with the reason.
fn opinions(images: &Images) -> (String, String) {
    let mut agree = vec!["Linux".to_string()];
    let mut differ = Vec::new();
    let readers: BTreeSet<&str> =
        images.iter().flat_map(|line| &line.opinions).map(|opinion| short(&opinion.reader)).collect();
    for reader in readers {
        let opinions = images.iter().flat_map(|line| &line.opinions).filter(|o| short(&o.reader) == reader);
        let (mut files, mut agreed, mut reasons) = (0, 0, BTreeSet::new());
        for opinion in opinions {
            (files, agreed) = (files + opinion.files, agreed + opinion.agreed);
            reasons.extend(opinion.faults.iter().map(Fault::text));
        }
        if reasons.is_empty() {
            agree.push(format!("{reader} ({files} files)"));
        } else if agreed > 0 {
            agree.push(format!("{reader} ({agreed} of {files} files)"));
        }
        differ.extend(reasons.into_iter().map(|reason| format!("{reader}: {}", reason.replace('|', "\\|"))));
    }
    (agree.join(", "), differ.join("; "))
}

fn short(reader: &str) -> &str {
    READERS.iter().find(|(part, _)| reader.contains(part)).map_or(reader, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use oracle::opinion::Opinion;

    use super::*;

    fn line(image: &str) -> Compared {
        let words = |words: &str| words.split(' ').map(str::to_string).collect();
        Compared {
            format: "xfs".into(),
            image: image.into(),
            recipe: Recipe {
                mkfs: words("mkfs.xfs -q"),
                version: "mkfs.xfs version 7".into(),
                linux: "7.2".into(),
                mount: "quota".into(),
                operations: 10,
                halfway: vec!["a || b".into()],
                crash: false,
            },
            legs: 1,
            legs_fault: None,
            names: 3,
            files: 2,
            bytes: 1 << 20,
            opinions: vec![Opinion {
                reader: "grub-fstest (GRUB) 2".into(),
                files: 2,
                agreed: 2,
                faults: vec![],
            }],
            date: "2026-01-02".into(),
        }
    }

    #[test]
    fn images_of_a_kind_are_one_row() {
        let mut other = line("a-200");
        other.opinions[0].agreed = 1;
        other.opinions[0].faults.push(Fault::Refused("why".into()));
        let text = markdown(vec![line("a-100"), line("a-200"), other]);
        let row = "| `a` | `mkfs.xfs -q` | 10 operations, `quota`; halfway `a \\|\\| b` | | 1 | 2 | 6; 4; 2.0 \
                   | Linux, GRUB (3 of 4 files) | GRUB: why |\n";
        assert!(text.contains(row), "{text}");
        let facts = "* run on: 2026-01-02\n* made by: mkfs.xfs version 7\n* aged and read by Linux: 7.2\n\
                     * other readers: grub-fstest (GRUB) 2\n";
        assert!(text.starts_with("### xfs\n\n| kind |") && text.ends_with(facts), "{text}");
    }

    #[test]
    fn missing_disks_are_a_row_of_their_own() {
        let mut degraded = line("raid6");
        degraded.legs = 5;
        degraded.opinions.clear();
        degraded.legs_fault = Some(Legs { fault: "missing".into(), read: 15, refused: 16, rebuilt: 1 << 19 });
        degraded.recipe.mkfs = ["sh", "-c", "mkfs.btrfs $0"].map(str::to_string).to_vec();
        let text = markdown(vec![degraded, line("raid6")]);
        assert_eq!(text.matches("| `raid6` |").count(), 2, "{text}");
        let cell = "| 5, some missing: 15 choices read, 16 refused by name, 0.5 MiB rebuilt | 1 | 3; 2; 1.0 | Linux | |";
        assert!(text.contains(cell) && text.contains("| `mkfs.btrfs $0` |"), "{text}");
    }
}
