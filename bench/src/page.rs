// SPDX-License-Identifier: BSD-3-Clause
//! The page that keeps the last table of each bench: `docs/benchmarks.md`.

use std::{env, fs, path::Path};

use anyhow::{Context, Result};

/// The page in the checkout.
const PAGE: &str = "docs/benchmarks.md";

/// Writes what stands between the marks of `bench` anew, in the checkout that `bazel run` was called in.
///
/// # Errors
/// When it is not run by Bazel, or the page has no such marks.
pub fn update(bench: &str, markdown: &str) -> Result<()> {
    let root =
        env::var_os("BUILD_WORKSPACE_DIRECTORY").context("--update works with tools/bazel run only")?;
    let page = Path::new(&root).join(PAGE);
    let text = fs::read_to_string(&page).with_context(|| page.display().to_string())?;
    let text = replace(&text, bench, markdown)
        .with_context(|| format!("{PAGE} has no <!-- bench {bench}: begin --> with its end"))?;
    fs::write(&page, text).with_context(|| page.display().to_string())?;
    eprintln!("written: {PAGE}");
    Ok(())
}

fn replace(text: &str, bench: &str, markdown: &str) -> Option<String> {
    let begin = format!("<!-- bench {bench}: begin -->\n");
    let end = format!("<!-- bench {bench}: end -->\n");
    let (before, rest) = text.split_once(&begin)?;
    let (_, behind) = rest.split_once(&end)?;
    Some([before, &begin, markdown, &end, behind].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_changes() {
        let page = |inner: &str| format!("a\n<!-- bench fs: begin -->\n{inner}<!-- bench fs: end -->\nb\n");
        assert_eq!(replace(&page("old\n"), "fs", "new\n"), Some(page("new\n")));
        assert_eq!(replace(&page("old\n"), "loader", "new\n"), None);
        assert_eq!(replace("<!-- bench fs: begin -->\nold\n", "fs", "new\n"), None, "without its end");
    }
}
