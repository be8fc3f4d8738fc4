// SPDX-License-Identifier: BSD-3-Clause
//! Adds the lines of a crate to the root's Cargo.toml.

use crate::name::Name;

/// The manifest with the crate added as a member and as a dependency, each sorted by name.
///
/// # Errors
/// If the crate, or one with the same name, already exists, or a list in the manifest is not found.
pub fn with(manifest: &str, name: &Name<'_>) -> Result<String, String> {
    let own = name.own;
    let is_taken = |line: &str| line.split_once(['=', '.']).is_some_and(|(key, _)| key.trim() == own);
    if manifest.lines().any(is_taken) {
        return Err(format!("{}: Cargo.toml already has a crate {own}", name.path()));
    }
    let member = format!("    \"{}\",", name.path());
    let dependency = format!("{own} = {{ path = \"{}\" }}", name.path());
    let manifest = insert(manifest, "members = [", |line| line == "]", &member)?;
    insert(&manifest, "# our own", |line| line.is_empty() || line.starts_with('#'), &dependency)
}

/// Inserts a line in sorted order between the line `start` and the first line for which `is_end` holds.
fn insert(text: &str, start: &str, is_end: impl Fn(&str) -> bool, new: &str) -> Result<String, String> {
    let lines: Vec<&str> = text.lines().collect();
    let first =
        lines.iter().position(|line| *line == start).ok_or(format!("Cargo.toml has no line {start}"))?;
    let list = lines.iter().skip(first + 1).take_while(|line| !is_end(line));
    let place = first + 1 + list.filter(|line| **line < new).count();
    let (before, behind) = lines.split_at(place);
    Ok([before, &[new], behind].concat().join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[workspace]\nmembers = [\n    \"boot/a\",\n    \"fs/c\",\n    \"iso\",\n]\n\n\
                            [workspace.dependencies]\n# our own\na = { path = \"boot/a\" }\nc = { path = \"fs/c\" }\n\
                            # others\nlog = { version = \"1\" }\nanyhow = \"1\"\n";

    #[test]
    fn lines_are_put_in_their_places() {
        let with = with(MANIFEST, &Name::parse("fs/b").unwrap()).unwrap();
        assert!(with.contains("    \"boot/a\",\n    \"fs/b\",\n    \"fs/c\",\n"), "{with}");
        assert!(with.contains("a = { path = \"boot/a\" }\nb = { path = \"fs/b\" }\nc = {"), "{with}");
        let with = super::with(MANIFEST, &Name::parse("net/z").unwrap()).unwrap();
        assert!(with.contains("    \"iso\",\n    \"net/z\",\n]\n"), "{with}");
        assert!(with.contains("c = { path = \"fs/c\" }\nz = { path = \"net/z\" }\n# others\n"), "{with}");
    }

    #[test]
    fn a_name_that_is_taken_is_refused() {
        for taken in ["fs/c", "net/c", "net/log", "boot/anyhow"] {
            assert!(with(MANIFEST, &Name::parse(taken).unwrap()).is_err(), "{taken}");
        }
        assert!(with("[workspace]\n", &Name::parse("fs/b").unwrap()).is_err(), "no lists");
    }
}
