// SPDX-License-Identifier: BSD-3-Clause
//! The README's table of what works, made from the names of the tests that prove it.

use std::{fs, path::Path};

const BEGIN: &str = "<!-- matrix: begin -->\n";
const END: &str = "<!-- matrix: end -->";

/// Prefix of the name of a test that only the full suite runs.
const FULL: &str = "full:";

/// Compares the table in `readme` with the one made from the arguments: architectures separated by commas,
/// `NAME=WHAT` for each row, and the names of all existing tests, with the prefix [`FULL`] where it applies.
pub fn check(readme: &Path, arches: &str, rest: &[&str]) -> Result<(), String> {
    let text = fs::read_to_string(readme).map_err(|e| format!("{}: {e}", readme.display()))?;
    let wanted = table(arches, rest);
    let found = text.split(BEGIN).nth(1).and_then(|behind| behind.split(END).next());
    match found.ok_or("the README has no `matrix: begin` and `matrix: end` marks")? {
        found if found == wanted => Ok(()),
        _ => {
            Err(format!("the README's matrix does not match the tests; it should be:\n{BEGIN}{wanted}{END}"))
        }
    }
}

fn table(arches: &str, rest: &[&str]) -> String {
    let arches: Vec<&str> = arches.split(',').collect();
    let mut table = format!("| boot path | {} |\n|---|{}\n", arches.join(" | "), "---|".repeat(arches.len()));
    for (name, what) in rest.iter().filter_map(|word| word.split_once('=')) {
        let cells = arches.iter().map(|arch| {
            let test = format!("{name}_{arch}");
            let is_there = |name: &str| rest.contains(&name);
            match (is_there(&test), is_there(&format!("{FULL}{test}"))) {
                (true, _) => format!("`//e2e:{test}`"),
                (_, true) => format!("`//e2e:{test}` (full)"),
                _ => "no".into(),
            }
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
        let table = table("a,b,c", &["x=by x", "x_a", "y_b", "full:x_c"]);
        let row = "| by x | `//e2e:x_a` | no | `//e2e:x_c` (full) |\n";
        assert_eq!(table, format!("| boot path | a | b | c |\n|---|---|---|---|\n{row}"));
    }
}
