// SPDX-License-Identifier: BSD-3-Clause
//! Links between pages.

use std::{fs, path::Path};

use crate::checkout::{BOOK, Page};

/// One line for each link of a page that leads nowhere; in the book, also for those that leave it.
pub fn broken(root: &Path, page: &Page) -> Vec<String> {
    let folder = page.path.parent().unwrap_or(root);
    let fault = |link: &str| {
        let (file, heading) = link.split_once('#').unwrap_or((link, ""));
        let path = if file.is_empty() { page.path.clone() } else { folder.join(file) };
        if page.name.starts_with(BOOK) && file.contains('/') {
            return Some("leaves the book");
        }
        if !path.exists() {
            return Some("leads to no file");
        }
        let has_heading =
            || fs::read_to_string(&path).is_ok_and(|text| headings(&text).any(|h| h == heading));
        (!heading.is_empty() && !has_heading()).then_some("leads to no heading")
    };
    let faults = links(&page.text).into_iter().filter_map(|link| Some((link, fault(link)?)));
    faults.map(|(link, what)| format!("{}: the link {link} {what}", page.name)).collect()
}

/// The lines outside of fenced blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_fenced = false;
    text.lines().filter(move |line| {
        let is_fence = line.starts_with("```");
        is_fenced ^= is_fence;
        !is_fenced && !is_fence
    })
}

/// Targets within the tree.
fn links(text: &str) -> Vec<&str> {
    let targets = prose(text).flat_map(|line| line.split("](").skip(1));
    let targets = targets.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    targets.filter(|target| !target.contains("://")).collect()
}

/// Headings as links name them.
fn headings(text: &str) -> impl Iterator<Item = String> {
    prose(text).filter(|line| line.starts_with('#')).map(|line| {
        let words = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        words.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stand_outside_of_fenced_blocks() {
        let text = "see [a](b.md) and [c](https://d)\n```\n[e](f.md)\n```\n[g](h.md#i), `x`\n";
        assert_eq!(links(text), ["b.md", "h.md#i"]);
    }

    #[test]
    fn a_link_leads_to_a_file_and_a_heading() {
        let root = std::env::temp_dir().join(format!("docs-links-{}", std::process::id()));
        fs::create_dir_all(root.join("docs")).unwrap();
        fs::write(root.join("docs/b.md"), "# B\n\n## Two words, `code`\n").unwrap();
        fs::write(root.join("LICENSE"), "").unwrap();
        let of = |name: &str, text: &str| {
            let page = Page { name: name.into(), path: root.join(name), text: text.into() };
            broken(&root, &page).len()
        };
        assert_eq!(of("README.md", "[1](docs/b.md) [2](docs/b.md#two-words-code) [3](LICENSE)"), 0);
        assert_eq!(of("README.md", "[1](b.md) [2](docs/b.md#two) [3](docs/)"), 2);
        assert_eq!(of("docs/a.md", "[1](b.md) [2](../LICENSE)"), 1);
        fs::remove_dir_all(root).unwrap();
    }
}
