// SPDX-License-Identifier: BSD-3-Clause
//! Bazel's targets that pages name.
//!
//! What a package has is read from its BUILD.bazel: the words in quotes, and what the macros of the house make of
//! them. The tests of `//e2e`, which loops make, are given by name.

use std::{collections::BTreeSet, fs, path::Path};

use crate::checkout::Page;

/// The package whose targets are given by name.
const E2E: &str = "e2e";
const ARCHES: [&str; 4] = ["x86_64", "aarch64", "riscv64", "loongarch64"];
/// What macros append to names (`//tools/rust:defs.bzl`, `//platforms:matrix.bzl`).
const PARTS: [&str; 5] = ["test", "doc", "format_test", "clippy_test", "symbols"];

/// One line for each target of a page that does not exist; `e2e` are those of `//e2e`.
pub fn missing(root: &Path, page: &Page, e2e: &BTreeSet<String>) -> Vec<String> {
    let mut faults = Vec::new();
    for line in page.text.lines() {
        let is_command = line.contains("tools/bazel ");
        for label in labels(line) {
            if !exists(root, &label, is_command, e2e) {
                faults.push(format!("{}: there is no target {label}", page.name));
            }
        }
    }
    faults
}

/// The labels of a line, with `ARCH` as one of the architectures; those with other words in capitals are examples.
fn labels(line: &str) -> Vec<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':');
    let mut labels = Vec::new();
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once("//") {
        let end = behind.find(|c| !is_part(c)).unwrap_or(behind.len());
        let (word, tail) = behind.split_at(end);
        // Of a URL, of another repository, of a path; a label stands alone.
        let is_alone = before.chars().next_back().is_none_or(|c| c.is_whitespace() || "`'\"(=[-".contains(c));
        let is_below = word.ends_with("...");
        let word = if is_below { word } else { word.trim_end_matches(['.', ':']) };
        let word = word.replace("ARCH", ARCHES[0]);
        // Other words in capitals stand for something; files may have such names.
        let is_example = !word.contains(".md") && word.bytes().any(|byte| byte.is_ascii_uppercase());
        if is_alone && !word.is_empty() && !is_example {
            labels.push(format!("//{word}"));
        }
        rest = tail;
    }
    labels
}

fn exists(root: &Path, label: &str, is_command: bool, e2e: &BTreeSet<String>) -> bool {
    let label = label.trim_start_matches("//");
    if let Some(folder) = label.strip_suffix("...") {
        return root.join(folder).is_dir();
    }
    let (package, name) = label.split_once(':').unwrap_or((label, ""));
    let Ok(build) = fs::read_to_string(root.join(package).join("BUILD.bazel")) else { return false };
    match name {
        "all" => true,
        // In a sentence, the package is meant.
        "" => !is_command || has(root, package, package.rsplit('/').next().unwrap_or(package), &build, e2e),
        _ => has(root, package, name, &build, e2e),
    }
}

/// Whether a package has a target.
fn has(root: &Path, package: &str, name: &str, build: &str, e2e: &BTreeSet<String>) -> bool {
    let folder = root.join(package);
    if package == E2E {
        return e2e.contains(name) || folder.join(name).is_file();
    }
    let code = build.lines().filter(|line| !line.trim_start().starts_with('#'));
    let mut names = code.flat_map(|line| line.split('"').skip(1).step_by(2));
    let made = |base: &str| {
        let Some(part) = name.strip_prefix(base) else { return false };
        let part = part.strip_prefix('_').unwrap_or(if base.ends_with('_') { part } else { "" });
        let of_file = part.strip_suffix("_test").or(part.strip_suffix("campaign").map(|_| "campaign"));
        let is_of_file = of_file.is_some_and(|file| folder.join(format!("tests/{file}.rs")).exists());
        name == base || PARTS.contains(&part) || ARCHES.contains(&part) || is_of_file
    };
    names.any(made) || folder.join(name).is_file()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkout::tests::Checkout;

    #[test]
    fn labels_stand_alone() {
        let line =
            "`//fs/ext4:ext4_doc`, //e2e:all. https://x.org/a oci://a @crates//:b tools/bazel test //fs/...";
        assert_eq!(labels(line), ["//fs/ext4:ext4_doc", "//e2e:all", "//fs/..."]);
        assert_eq!(
            labels("//loader:loader_ARCH //fs/NAME //e2e:NAME_x //..."),
            ["//loader:loader_x86_64", "//..."]
        );
    }

    #[test]
    fn a_target_is_one_that_a_macro_makes() {
        let build = "rust_crate(\n    name = \"a\",\n)\nmini(\n    name = \"mini_\" + arch,\n)\n";
        let files = [
            ("fs/a/BUILD.bazel", build),
            ("fs/a/tests/tools.rs", ""),
            ("fs/a/page.md", ""),
            ("e2e/BUILD.bazel", "loop"),
        ];
        let checkout = Checkout::new("targets", &files);
        let e2e = BTreeSet::from(["boots".to_string()]);
        let of = |text: &str| missing(&checkout.0, &checkout.page("README.md", text), &e2e);
        let all =
            "//fs/a //fs/a:a_doc //fs/a:a_tools_test //fs/a:mini_riscv64 //fs/a:page.md //e2e:boots //fs/...";
        assert_eq!(of(all), Vec::<String>::new());
        assert_eq!(of("//fs/b //fs/a:b //fs/a:a_other_test //fs/a:mini_m68k //e2e:fails //no/...").len(), 6);
        assert_eq!(of("tools/bazel build //e2e").len(), 1, "a package has a target of its name, or none");
        assert_eq!(of("what is in //e2e"), Vec::<String>::new());
    }
}
