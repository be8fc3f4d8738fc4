// SPDX-License-Identifier: BSD-3-Clause
//! The crates that the programs are made of, and what they use of each other: from the `Cargo.toml` files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// The folders of the programs: all that they use is drawn, and nothing else.
const PROGRAMS: [&str; 2] = ["loader", "cli"];

/// Crates by their folders, and the folders of those that each uses outside of its tests.
pub type Uses = BTreeMap<String, BTreeSet<String>>;

/// The crates of a checkout, without what others imply.
///
/// # Errors
/// A file that cannot be read.
pub fn read(root: &Path) -> Result<Uses, String> {
    let manifest = |folder: &str| {
        let path = root.join(folder).join("Cargo.toml");
        fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))
    };
    let workspace = manifest("")?;
    let folders = folders(&workspace);
    let mut uses = Uses::new();
    let mut open: Vec<String> = PROGRAMS.map(String::from).to_vec();
    while let Some(folder) = open.pop() {
        if uses.contains_key(&folder) {
            continue;
        }
        let text = manifest(&folder)?;
        let used: BTreeSet<String> = dependencies(&text)
            .filter_map(|name| folders.get(name))
            .map(|folder| folder.to_string())
            .collect();
        open.extend(used.iter().cloned());
        uses.insert(folder, used);
    }
    Ok(reduced(&uses))
}

/// Our crates' folders by their names, from the workspace's `Cargo.toml`.
fn folders(workspace: &str) -> BTreeMap<&str, &str> {
    let lines = section_lines(workspace).filter(|(section, _)| *section == "workspace.dependencies");
    let own = lines.filter_map(|(_, line)| {
        let (name, value) = line.split_once(" = { path = \"")?;
        Some((name, value.split('"').next()?))
    });
    own.collect()
}

/// The names of a crate's dependencies, but for those of tests and build scripts.
fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let is_ours = |section: &str| section == "dependencies" || section.ends_with(".dependencies");
    let lines = section_lines(manifest).filter(move |(section, _)| is_ours(section));
    lines.filter_map(|(_, line)| line.split(['.', ' ', '=']).next())
}

/// Each line with the name of its section.
fn section_lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut section = "";
    text.lines().filter_map(move |line| {
        let Some(name) = line.strip_prefix('[') else { return Some((section, line)) };
        section = name.trim_end_matches(']');
        None
    })
}

/// Without each use that follows from others.
fn reduced(uses: &Uses) -> Uses {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        uses.keys().map(|from| (from.as_str(), reached(uses, from))).collect();
    let is_implied = |used: &BTreeSet<String>, to: &String| {
        used.iter().any(|other| reached.get(other.as_str()).is_some_and(|all| all.contains(to.as_str())))
    };
    let left = |used: &BTreeSet<String>| used.iter().filter(|to| !is_implied(used, to)).cloned().collect();
    uses.iter().map(|(from, used)| (from.clone(), left(used))).collect()
}

fn reached<'a>(uses: &'a Uses, from: &str) -> BTreeSet<&'a str> {
    let mut all = BTreeSet::new();
    let mut open: Vec<&String> = uses.get(from).into_iter().flatten().collect();
    while let Some(folder) = open.pop() {
        if all.insert(folder.as_str()) {
            open.extend(uses.get(folder).into_iter().flatten());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkout::tests::Checkout;

    const WORKSPACE: &str = "[workspace.dependencies]\na = { path = \"fs/a\" }\nb = { path = \"fs/b\" }\n\
                             cli = { path = \"cli\", package = \"x\" }\nt = { path = \"t\" }\nserde = \"1\"\n";

    #[test]
    fn what_is_implied_and_what_only_tests_use_is_left_out() {
        let on_linux = "[target.'cfg(target_os = \"linux\")'.dependencies]\na = { workspace = true }\n\
                        b.workspace = true\nserde.workspace = true\n";
        let files = [
            ("Cargo.toml", WORKSPACE),
            ("cli/Cargo.toml", on_linux),
            ("loader/Cargo.toml", "[dependencies]\nb.workspace = true\n"),
            (
                "fs/a/Cargo.toml",
                "[dependencies]\nb.workspace = true\n\n[dev-dependencies]\nt.workspace = true\n",
            ),
            ("fs/b/Cargo.toml", "[package]\nname = \"b\"\n"),
        ];
        let uses = read(&Checkout::new("crates", &files).0).unwrap();
        let of = |folder: &str| uses[folder].iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!((of("cli"), of("loader"), of("fs/a")), (vec!["fs/a"], vec!["fs/b"], vec!["fs/b"]));
        assert_eq!(uses.len(), 4);
    }
}
