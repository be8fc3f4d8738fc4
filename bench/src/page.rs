// SPDX-License-Identifier: BSD-3-Clause
//! The page that keeps the last table of each bench: `docs/benchmarks.md`.

use std::{env, fs, path::Path};

use anyhow::{Context, Result};

use crate::{bars, report::Report};

/// The page in the checkout.
const PAGE: &str = "docs/benchmarks.md";

/// Rewrites the part between the marks of `bench`, and its bar chart, in the checkout where `bazel run` was called.
///
/// # Errors
/// When it is not run by Bazel, or the page has no such marks.
pub fn update(report: &Report) -> Result<()> {
    let root =
        env::var_os("BUILD_WORKSPACE_DIRECTORY").context("--update works only with tools/bazel run")?;
    let (root, bench) = (Path::new(&root), report.bench);
    let page = root.join(PAGE);
    let text = fs::read_to_string(&page).with_context(|| page.display().to_string())?;
    let mut part = report.markdown();
    if let Some(svg) = bars::svg(&report.rows) {
        let name = format!("benchmarks-{bench}.svg");
        part = format!("![How many times as fast we are: the ratios of the table below]({name})\n\n{part}");
        write(&page.with_file_name(name), &svg)?;
    }
    let text = replace(&text, bench, &part)
        .with_context(|| format!("{PAGE} has no <!-- bench {bench}: begin --> and end marks"))?;
    write(&page, &text)
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| path.display().to_string())?;
    eprintln!("written: {}", path.display());
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
