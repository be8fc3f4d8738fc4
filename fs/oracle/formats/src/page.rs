// SPDX-License-Identifier: BSD-3-Clause
//! The page with the matrix between two marks.

use crate::matrix::{BULLET, HEADS, TITLE, head};

const BEGIN: &str = "<!-- formats: begin -->\n";
const END: &str = "<!-- formats: end -->\n";
/// Kinds that are not compared, as the page says: XFS version 4, whose log is not replayed.
const NOT_COMPARED: [(&str, &str); 2] = [("xfs", "crash_v4"), ("xfs", "crash_log_v1")];

/// The page with a new matrix.
///
/// # Errors
/// If it has no marks, or more than one pair.
pub fn replace(page: &str, matrix: &str) -> Result<String, String> {
    let (before, _, behind) = parts(page)?;
    Ok([before, BEGIN, matrix, END, behind].concat())
}

fn parts(page: &str) -> Result<(&str, &str, &str), String> {
    let split = |text, mark: &str| match str::split_once(text, mark) {
        Some((before, behind)) if !behind.contains(mark) => Ok((before, behind)),
        _ => Err(format!("the page must have exactly one line {}", mark.trim())),
    };
    let (before, rest) = split(page, BEGIN)?;
    let (matrix, behind) = split(rest, END)?;
    Ok((before, matrix, behind))
}

/// Checks the page's matrix, which [`crate::matrix`] writes, and returns its number of rows.
///
/// # Errors
/// Names the first line that [`crate::matrix`] would not write, or whose format or kind is unknown; otherwise a kind
/// without a row.
pub fn check(page: &str, kinds: &[(&str, &str)]) -> Result<usize, String> {
    let (_, matrix, _) = parts(page)?;
    let rule = format!("|{}", "---|".repeat(HEADS.len()));
    let (mut format, mut rows) = ("", Vec::new());
    for line in matrix.lines() {
        if let Some(title) = line.strip_prefix(TITLE) {
            format = title;
            if !kinds.iter().any(|(name, _)| *name == format) {
                return Err(format!("there are no aged images of the format {format}"));
            }
        } else if line.starts_with("| `") {
            let kind = line.split('`').nth(1).unwrap_or_default();
            if !kinds.contains(&(format, kind)) {
                return Err(format!("there is no kind {kind} in fs/{format}/aged.bzl"));
            }
            if line.replace("\\|", "").matches('|').count() != HEADS.len() + 1 || !line.ends_with('|') {
                return Err(format!("not {} cells: {line}", HEADS.len()));
            }
            rows.push((format, kind));
        } else if !(line.is_empty() || line.starts_with(BULLET) || line == rule || line == head().trim_end())
        {
            return Err(format!("a line that was not written by tools/bazel run //docs:formats: {line}"));
        }
    }
    let mut compared = kinds.iter().filter(|kind| !NOT_COMPARED.contains(kind));
    match compared.find(|kind| !rows.contains(kind)) {
        Some((format, kind)) => {
            Err(format!("no row for {kind} of {format}: `tools/bazel test //fs:matrix` makes it"))
        }
        None => Ok(rows.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [(&str, &str); 2] = [("xfs", "crash"), ("ext4", "plain")];

    fn page(format: &str, row: &str) -> String {
        let rule = "---|".repeat(HEADS.len());
        format!("text\n{BEGIN}{TITLE}{format}\n\n{}|{rule}\n{row}\n\n{BULLET}run\n{END}text\n", head())
    }

    fn row(kind: &str) -> String {
        format!("| `{kind}` | `a \\| b` |{}", " |".repeat(HEADS.len() - 2))
    }

    #[test]
    fn only_what_stands_between_the_marks_changes() {
        let text = |matrix: &str| format!("a\n{BEGIN}{matrix}{END}b\n");
        assert_eq!(replace(&text("old\n"), "new\n"), Ok(text("new\n")));
        assert!(replace("a\n", "new\n").is_err() && replace(&text(BEGIN), "new\n").is_err());
    }

    #[test]
    fn rows_have_all_cells_and_a_kind_that_is_there() {
        let (kinds, others) = (&KINDS[..1], [KINDS[0], NOT_COMPARED[0]]);
        assert_eq!(check(&page("xfs", &row("crash")), kinds), Ok(1));
        assert_eq!(check(&page("xfs", &row("crash")), &others), Ok(1));
        assert!(check(&page("xfs", &row("crash")), &KINDS).is_err(), "one of ext4 is missing");
        for (format, row) in [
            ("xfs", row("plain")),
            ("zfs", row("crash")),
            ("xfs", row("crash") + " |"),
            ("xfs", row("crash").replace("\\|", "|")),
            ("xfs", String::new()),
            ("xfs", "by hand".into()),
        ] {
            assert!(check(&page(format, &row), kinds).is_err(), "{format}: {row}");
        }
    }
}
