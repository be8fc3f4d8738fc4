// SPDX-License-Identifier: BSD-3-Clause
//! House rules that no other tool checks, for every file of the checkout.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Maximum number of lines of a Rust file without its tests: what can be read in one sitting.
const LONGEST: usize = 400;
const WIDTH: usize = 120;
/// The only files that may be shell scripts.
const SHELL: [&str; 4] = [".ci/run", "tools/bazel", "tools/toolbox/enter.sh", "tools/toolbox/make.sh"];
/// Folders whose libraries read hostile input.
const LIBRARIES: [&str; 3] = ["fs", "boot", "net"];
/// Words that may come before `fn`.
const QUALIFIERS: [&str; 5] = ["const", "async", "unsafe", "extern", "\"C\""];

/// All files of the checkout, except those of Bazel, cargo and git, and generated ones.
pub fn files(root: &Path) -> Result<Vec<PathBuf>, String> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))? {
            let entry = entry.map_err(|e| format!("{}: {e}", folder.display()))?;
            let (name, path) = (entry.file_name(), entry.path());
            let name = name.to_string_lossy();
            let kind = entry.file_type().map_err(|e| format!("{}: {e}", path.display()))?;
            if name.starts_with("bazel-") || matches!(&*name, ".git" | "target" | "gen") || kind.is_symlink()
            {
                continue;
            }
            if kind.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    Ok(found)
}

/// One line for each violation of a rule.
pub fn check(root: &Path, files: &[PathBuf]) -> Vec<String> {
    let mut faults = Vec::new();
    let shown = fs::read_to_string(root.join("tools/docs/src/parts.rs")).unwrap_or_default();
    for file in files {
        let name = file.strip_prefix(root).unwrap_or(file).to_string_lossy().into_owned();
        let Ok(text) = fs::read_to_string(file) else {
            continue; // not text: nothing to read
        };
        let mut fault = |line: usize, what: &str| faults.push(format!("{name}:{line}: {what}"));
        check_text(&name, &text, &mut fault);
        if name.ends_with(".rs") {
            check_rust(&name, &text, &mut fault);
        } else if name.ends_with(".bazel") || name.ends_with(".bzl") {
            check_starlark(&text, &mut fault);
            if name.ends_with("/BUILD.bazel") {
                check_build(&name, &text, file.with_file_name("Cargo.toml").exists(), &mut fault);
            }
        }
        if text.starts_with("#!") && !SHELL.contains(&&*name) {
            fault(
                1,
                "a script: programs are written in Rust; shell is for .ci/run, tools/bazel and tools/toolbox only",
            );
        }
        if let Some(crate_name) = table_of(&name)
            && !shown.contains(&format!("{crate_name}::codes"))
        {
            fault(1, "its tables of codes are on no page: add them to tools/docs/src/parts.rs");
        }
        if name.ends_with("Cargo.toml") && name != "Cargo.toml" && !file.with_file_name("README.md").exists()
        {
            fault(1, "there is no README.md beside it");
        }
    }
    faults
}

/// The crate of a file with a table of codes.
fn table_of(name: &str) -> Option<&str> {
    name.strip_suffix("/src/codes.rs").and_then(|folder| folder.rsplit('/').next())
}

/// Whether a file contains only tests.
fn is_of_tests(name: &str) -> bool {
    name.starts_with("e2e/")
        || ["/tests/", "/tests.rs", "/corruptions"].iter().any(|part| name.contains(part))
}

fn check_text(name: &str, text: &str, fault: &mut impl FnMut(usize, &str)) {
    // Split, so that this file passes the check itself.
    let unfinished = [concat!("TO", "DO"), concat!("FIX", "ME:"), concat!("XX", "X:")];
    for (i, line) in text.lines().enumerate() {
        if line.ends_with([' ', '\t']) {
            fault(i + 1, "trailing white space");
        }
        if unfinished.iter().any(|word| line.contains(word)) {
            fault(i + 1, "unfinished work belongs in an issue, not in a comment");
        }
    }
    if !text.is_empty() && !text.ends_with('\n') && !name.ends_with(".lock") {
        fault(text.lines().count(), "no newline at the end of the file");
    }
}

fn check_rust(name: &str, text: &str, fault: &mut impl FnMut(usize, &str)) {
    if !text.starts_with("// SPDX-License-Identifier: BSD-3-Clause\n") {
        fault(1, "no SPDX line");
    }
    let tests = ["\n#[cfg(test)]\nmod ", "\n#[cfg(test)]\npub mod "];
    let end = tests.iter().filter_map(|begin| text.find(begin)).min();
    let code = end.map_or(text, |end| &text[..end]);
    // A literal error code, which only a table may contain; tests compare with texts.
    let is_literal = |line: &str| line.contains(concat!("\"E", "-")) && !line.trim_start().starts_with("//");
    if table_of(name).is_none() && !is_of_tests(name) {
        for (i, _) in code.lines().enumerate().filter(|(_, line)| is_literal(line)) {
            fault(i + 1, "an error code outside of a table (src/codes.rs)");
        }
    }
    if is_careful(name) && !is_of_tests(name) {
        check_saturating(code, fault);
    }
    if code.lines().count() > LONGEST && !is_of_tests(name) {
        fault(LONGEST, "the file has more than 400 lines without its tests");
    }
}

/// Whether a file belongs to a library or to the loader.
fn is_careful(name: &str) -> bool {
    LIBRARIES.iter().chain(&["loader"]).any(|folder| name.split('/').next() == Some(folder))
}

/// Saturating arithmetic needs its reason: a comment with that word above it in the same function, or at the function,
/// at its `impl` or at the file.
fn check_saturating(code: &str, fault: &mut impl FnMut(usize, &str)) {
    let is_reason = |line: &str| line.starts_with("//") && line.contains("aturat");
    let of_file = code.lines().any(|line| line.starts_with("//!") && is_reason(line));
    // Whether there is a reason in the comments directly above, at the `impl`, and in the function so far.
    let (mut above, mut of_impl, mut here) = (false, false, false);
    for (i, line) in code.lines().enumerate() {
        let text = line.trim_start();
        if text.starts_with("//") {
            above |= is_reason(text);
            here |= is_reason(text);
            continue;
        }
        let is_item = !line.starts_with([' ', '}', '#']) && !line.is_empty();
        if is_item {
            of_impl = above && !is_function(text);
        }
        if is_item || is_function(text) {
            here = above || of_impl;
        }
        if text.contains("saturating_") && !here && !of_file {
            fault(i + 1, "saturating arithmetic without a comment that says why it cannot, or may, saturate");
        }
        above &= text.starts_with('#');
    }
}

fn is_function(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.find(|word| !word.starts_with("pub") && !QUALIFIERS.contains(word)) == Some("fn")
}

/// A library must be a `rust_crate`, which gives it the house lints.
fn check_build(name: &str, text: &str, has_crate: bool, fault: &mut impl FnMut(usize, &str)) {
    let is_library = LIBRARIES.iter().any(|layer| name.starts_with(&format!("{layer}/")));
    if is_library && has_crate && !text.contains("\nrust_crate(") && !text.contains("\nrust_tool(") {
        fault(1, "a library that is not a rust_crate, and so has no house lints");
    }
}

fn check_starlark(text: &str, fault: &mut impl FnMut(usize, &str)) {
    for (i, line) in text.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        if line.contains('\t') {
            fault(i + 1, "a tab");
        } else if indent % 4 != 0 {
            fault(i + 1, "not indented by a multiple of four spaces");
        }
        if line.chars().count() > WIDTH && !line.contains("://") && !line.trim_start().starts_with("def ") {
            fault(i + 1, "longer than 120 columns");
        }
        let is_string = line.contains("= '") || line.contains("['") || line.contains("('");
        if is_string && !line.contains('"') && !line.trim_start().starts_with('#') {
            fault(i + 1, "single quotes");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starlark(text: &str) -> usize {
        let mut count = 0;
        check_starlark(text, &mut |_, _| count += 1);
        count
    }

    #[test]
    fn starlark_is_spelled_one_way() {
        assert_eq!(starlark("rule(\n    name = \"it's\",\n)\n"), 0);
        assert_eq!(starlark("rule(\n  name = 'x',\n)\n"), 2);
        assert_eq!(starlark("\tx = 1\n"), 1);
    }

    #[test]
    fn a_code_stands_in_a_table() {
        let count = |name: &str, line: &str| {
            let mut count = 0;
            let text = format!("// SPDX-License-Identifier: BSD-3-Clause\n{line}\n");
            check_rust(name, &text, &mut |_, _| count += 1);
            count
        };
        let line = concat!("return \"E", "-X\";");
        assert_eq!(count("boot/x/src/y.rs", line), 1);
        assert_eq!(count("boot/x/src/codes.rs", line) + count("boot/x/tests/y.rs", line), 0);
        assert_eq!(count("fs/x/src/corruptions/y.rs", line), 0);
        assert_eq!(count("boot/x/src/y.rs", &format!("#[cfg(test)]\nmod tests {{\n{line}\n}}")), 0);
        assert_eq!(count("boot/x/src/y.rs", &format!("#[cfg(test)]\npub mod tests {{\n{line}\n}}")), 0);
    }

    #[test]
    fn what_saturates_says_why() {
        let count = |name: &str, code: &str| {
            let mut count = 0;
            let text = format!("// SPDX-License-Identifier: BSD-3-Clause\n{code}\n");
            check_rust(name, &text, &mut |_, _| count += 1);
            count
        };
        let (sum, reason) = ("    a.saturating_add(b)\n", "// Cannot saturate: two bytes.\n");
        let function = |inside: &str| format!("pub const fn f() {{\n{inside}{sum}}}\n");
        let file = "fs/x/src/y.rs";
        assert_eq!(count(file, &function("")), 1);
        assert_eq!(count(file, &function("    // Two bytes.\n")), 1);
        assert_eq!(count(file, &function(&format!("    {reason}    let c = 1;\n"))), 0);
        assert_eq!(count(file, &format!("{reason}#[must_use]\n{}", function(""))), 0);
        assert_eq!(count(file, &format!("{}{}", function(reason), function(""))), 1, "of another function");
        assert_eq!(count(file, &format!("{reason}const A: u8 = 1;\n{}", function(""))), 1, "of another item");
        let methods = "    fn f() {\n{sum}    }\n".replace("{sum}", sum).repeat(2);
        assert_eq!(count(file, &format!("impl A {{\n{methods}}}\n")), 2);
        assert_eq!(count(file, &format!("{reason}impl A {{\n{methods}}}\n")), 0);
        assert_eq!(count(file, &format!("//! Sums saturate.\n{}", function(""))), 0);
        assert_eq!(count("loader/src/y.rs", &function("")), 1);
        assert_eq!(count("cli/src/y.rs", &function("")) + count("fs/x/src/tests.rs", &function("")), 0);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}", function(""));
        assert_eq!(count(file, &tests), 0);
    }

    #[test]
    fn a_library_needs_its_lints() {
        let count = |name: &str, text: &str, has_crate| {
            let mut count = 0;
            check_build(name, text, has_crate, &mut |_, _| count += 1);
            count
        };
        let (ours, other) = ("load(\"x\")\n\nrust_crate(\n)\n", "load(\"x\")\n\nrust_library(\n)\n");
        assert_eq!(count("fs/x/BUILD.bazel", ours, true), 0);
        assert_eq!(count("fs/x/BUILD.bazel", other, true), 1);
        assert_eq!(count("fs/BUILD.bazel", other, false) + count("iso/BUILD.bazel", other, true), 0);
    }
}
