// SPDX-License-Identifier: BSD-3-Clause
//! What makes a page a page: fences in pairs, tables with as many cells as their heads, a place in the book.

use crate::checkout::{BOOK, Page};

/// The book's table of contents.
const SUMMARY: &str = "docs/SUMMARY.md";

/// One line for each fence without its end, and for each row that is not of its table.
pub fn faults(page: &Page) -> Vec<String> {
    let fences = page.text.lines().filter(|line| line.trim_start().starts_with("```")).count();
    let mut faults = Vec::new();
    if fences % 2 != 0 {
        faults.push(format!("{}: a fenced block has no end", page.name));
    }
    let mut table: Vec<&str> = Vec::new();
    for line in page.prose().chain([""]) {
        if line.starts_with('|') {
            table.push(line);
        } else {
            faults.extend(table_fault(&table).map(|what| format!("{}: {what}", page.name)));
            table.clear();
        }
    }
    faults
}

fn table_fault(table: &[&str]) -> Option<String> {
    let (head, rows) = table.split_first()?;
    let columns = cells(head);
    let Some((rule, rows)) = rows.split_first() else { return Some(format!("a table of one line: {head}")) };
    if !rule.bytes().all(|byte| matches!(byte, b'|' | b'-' | b':' | b' ')) || cells(rule) != columns {
        return Some(format!("no rule of {columns} columns under {head}"));
    }
    let odd = rows.iter().find(|row| cells(row) != columns || !row.trim_end().ends_with('|'))?;
    Some(format!("not {columns} cells: {odd}"))
}

/// Bars that are not escaped, but for the first.
fn cells(row: &str) -> usize {
    row.replace("\\|", "").matches('|').count().saturating_sub(1)
}

/// One line for each page of the book that does not stand in its table of contents exactly once.
pub fn left_out(pages: &[Page]) -> Vec<String> {
    let Some(summary) = pages.iter().find(|page| page.name == SUMMARY) else {
        return vec![format!("{SUMMARY} is not there")];
    };
    let of_book = pages.iter().filter(|page| page.is_of_book() && page.name != SUMMARY);
    let count = |page: &Page| {
        let file = page.name.trim_start_matches(BOOK);
        summary.text.matches(&format!("]({file})")).count()
    };
    let faults = of_book.map(|page| (&page.name, count(page))).filter(|(_, count)| *count != 1);
    faults
        .map(|(name, count)| format!("{name}: stands {count} times in {SUMMARY}, and should once"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(name: &str, text: &str) -> Page {
        Page { name: name.into(), path: name.into(), text: text.into() }
    }

    #[test]
    fn a_table_has_equal_rows() {
        let of = |text: &str| faults(&page("x.md", text)).len();
        assert_eq!(of("| a | b |\n|---|---|\n| 1 | `x \\| y` |\n\ntext\n"), 0);
        assert_eq!(of("| a | b |\n|---|---|\n| 1 |\n"), 1);
        assert_eq!(of("| a | b |\n|---|\n| 1 | 2 |\n"), 1);
        assert_eq!(of("| a | b |\n| 1 | 2 |\n"), 1);
        assert_eq!(of("```\n| a |\n```\n"), 0, "what is quoted is no table");
        assert_eq!(of("```\ntext\n"), 1, "a fence without its end");
    }

    #[test]
    fn every_page_of_the_book_is_in_its_contents() {
        let pages =
            [page(SUMMARY, "- [A](a.md)\n- [B](b.md)\n"), page("docs/a.md", ""), page("fs/README.md", "")];
        assert_eq!(left_out(&pages), Vec::<String>::new());
        let more = [page(SUMMARY, "[A](a.md) [A](a.md)"), page("docs/a.md", ""), page("docs/b.md", "")];
        assert_eq!(left_out(&more).len(), 2);
        assert_eq!(left_out(&[page("docs/a.md", "")]).len(), 1, "no contents");
    }
}
