// SPDX-License-Identifier: BSD-3-Clause
//! The README's table of what works: made from the names of the tests that show it.

use std::{fs, path::Path};

const BEGIN: &str = "<!-- matrix: begin -->\n";
const END: &str = "<!-- matrix: end -->";

/// Compares the table in `readme` with the one that the arguments make: architectures separated by commas,
/// `NAME=WHAT` for each row, and the names of all tests that exist.
pub fn check(readme: &Path, arches: &str, rest: &[&str]) -> Result<(), String> {
    let text = fs::read_to_string(readme).map_err(|e| format!("{}: {e}", readme.display()))?;
    let wanted = table(arches, rest);
    let found = text.split(BEGIN).nth(1).and_then(|behind| behind.split(END).next());
    match found.ok_or("the README has no marks for its matrix")? {
        found if found == wanted => Ok(()),
        _ => Err(format!("the README's matrix is not that of the tests, which is:\n{BEGIN}{wanted}{END}")),
    }
}

fn table(arches: &str, rest: &[&str]) -> String {
    let arches: Vec<&str> = arches.split(',').collect();
    let mut table = format!("| boot path | {} |\n|---|{}\n", arches.join(" | "), "---|".repeat(arches.len()));
    for (name, what) in rest.iter().filter_map(|word| word.split_once('=')) {
        let cells = arches.iter().map(|arch| {
            let test = format!("{name}_{arch}");
            if rest.contains(&test.as_str()) { format!("`//e2e:{test}`") } else { "no".into() }
        });
        table += &format!("| {what} | {} |\n", cells.collect::<Vec<_>>().join(" | "));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_a_test_that_exists() {
        let table = table("a,b", &["x=by x", "x_a", "y_b"]);
        assert_eq!(table, "| boot path | a | b |\n|---|---|---|\n| by x | `//e2e:x_a` | no |\n");
    }
}
