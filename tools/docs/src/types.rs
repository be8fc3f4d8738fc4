// SPDX-License-Identifier: BSD-3-Clause
//! Types and functions of the workspace that pages name, `CRATE::NAME`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::checkout::Page;

/// Folders that have no crates of the workspace.
const OTHERS: [&str; 3] = ["target", "third_party", "gen"];
/// What makes a name, in the source.
const MAKERS: [&str; 8] = ["struct", "enum", "trait", "type", "fn", "const", "static", "mod"];
/// Folders within folders.
const DEEPEST: usize = 4;

/// The sources of the crates of the workspace, by the crate's name.
pub struct Crates(BTreeMap<String, String>);

impl Crates {
    /// Reads all of them.
    pub fn read(root: &Path) -> Self {
        let mut crates = BTreeMap::new();
        let mut folders = vec![(root.to_path_buf(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            if let Some(name) = name(&folder) {
                crates.insert(name, source(&folder.join("src")));
            }
            let within = subfolders(&folder).into_iter().filter(|folder| !is_other(folder));
            folders.extend(within.filter(|_| depth < DEEPEST).map(|folder| (folder, depth + 1)));
        }
        Self(crates)
    }

    /// One line for each name of a page that its crate does not have.
    pub fn missing(&self, page: &Page) -> Vec<String> {
        let words = page.prose().flat_map(|line| line.split('`').skip(1).step_by(2));
        let missing = words.filter(|word| self.has(word) == Some(false));
        missing.map(|word| format!("{}: there is no {word}", page.name)).collect()
    }

    /// Whether there is such a name; None for what is not a name in a crate of the workspace.
    fn has(&self, word: &str) -> Option<bool> {
        let (of, name) = word.split_once("::")?;
        let name = name.split("::").next().unwrap_or_default();
        let source = self.0.get(of)?;
        let is_plain =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let made = |maker: &str| {
            let makes = format!("{maker} {name}");
            let is_end = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            source.match_indices(&makes).any(|(at, _)| is_end(&source[at + makes.len()..]))
        };
        is_plain.then(|| MAKERS.iter().any(|maker| made(maker)))
    }
}

/// The name of the crate in a folder, as code has it.
fn name(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
    let line = text.lines().find(|line| line.starts_with("name = "))?;
    Some(line.split('"').nth(1)?.replace('-', "_"))
}

/// All sources below a folder.
fn source(folder: &Path) -> String {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let text = |path: PathBuf| match path.extension().is_some_and(|end| end == "rs") {
        true => fs::read_to_string(path).unwrap_or_default(),
        false if path.is_dir() => source(&path),
        false => String::new(),
    };
    files.map(text).collect()
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// Git's, cargo's, Bazel's and what is generated.
fn is_other(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || name.starts_with("bazel-") || OTHERS.contains(&&*name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkout::tests::Checkout;

    #[test]
    fn a_name_of_the_workspace_is_there() {
        let files = [
            ("fs/vfs/Cargo.toml", "[package]\nname = \"vfs\"\n"),
            ("fs/vfs/src/lib.rs", "pub mod a;\n"),
            ("fs/vfs/src/a/mod.rs", "pub struct Volume {\n}\npub fn walk<F>() {}\n"),
            ("cli/Cargo.toml", "[package]\nname = \"cloud-boot\"\n"),
        ];
        let checkout = Checkout::new("types", &files);
        let crates = Crates::read(&checkout.0);
        let of = |text: &str| crates.missing(&checkout.page("docs/a.md", text)).len();
        assert_eq!(
            of("`vfs::Volume`, `vfs::walk`, `vfs::Volume::name`, `std::vec::Vec`, `vfs`, `cloud_boot`"),
            0
        );
        assert_eq!(of("`vfs::Vol`, `vfs::Volumes`, `cloud_boot::Machine`"), 3);
        assert_eq!(of("```\n`vfs::Vol`\n```\n"), 0, "what is quoted");
    }
}
