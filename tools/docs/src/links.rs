// SPDX-License-Identifier: BSD-3-Clause
//! Links of pages, and the files that they name.

use std::{collections::BTreeMap, fs, path::Path};

use crate::{
    anchors,
    checkout::{Page, prose},
};

/// One line for each link of a page that leads nowhere; in the book, also for those that leave it.
pub fn broken(root: &Path, page: &Page) -> Vec<String> {
    let faults = links(&page.text).into_iter().filter_map(|link| Some((link, fault(root, page, link)?)));
    faults.map(|(link, what)| format!("{}: the link {link} {what}", page.name)).collect()
}

fn fault(root: &Path, page: &Page, link: &str) -> Option<&'static str> {
    if link.contains("://") {
        return (!link.starts_with("https://")).then_some("is not https");
    }
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let folder = page.path.parent().unwrap_or(root);
    let path = if file.is_empty() { page.path.clone() } else { folder.join(file) };
    if page.is_of_book() && file.contains('/') {
        return Some("leaves the book");
    }
    if !path.exists() {
        return Some("leads to no file");
    }
    let is_there = |text: &str| {
        headings(text).iter().any(|name| name == heading)
            || prose(text).flat_map(anchors::names).any(|name| name == heading)
    };
    let has_heading = || fs::read_to_string(&path).is_ok_and(|text| is_there(&text));
    (!heading.is_empty() && !has_heading()).then_some("leads to no heading")
}

/// The targets of links.
fn links(text: &str) -> Vec<&str> {
    let targets = prose(text).flat_map(|line| line.split("](").skip(1));
    targets.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target).collect()
}

/// Headings as links name them; the second one of a name is `NAME-1`.
fn headings(text: &str) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let headings = prose(text).filter(|line| line.starts_with('#')).map(|line| {
        let words = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        let name: String = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect();
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        if *count == 1 { name } else { format!("{name}-{}", *count - 1) }
    });
    headings.collect()
}

/// One line for each file or folder of the checkout that a page names in backquotes and that is not there.
pub fn missing(root: &Path, page: &Page) -> Vec<String> {
    let folder = page.path.parent().unwrap_or(root);
    let is_missing = |word: &&str| {
        let first = word.split('/').next().unwrap_or_default();
        is_path(word) && root.join(first).is_dir() && !root.join(word).exists() && !folder.join(word).exists()
    };
    let words = page.prose().flat_map(|line| line.split('`').skip(1).step_by(2));
    words.filter(is_missing).map(|word| format!("{}: there is no {word}", page.name)).collect()
}

/// A path with its folder, none that Bazel makes, and without a part that stands for others (`NAME`, `*`).
fn is_path(word: &str) -> bool {
    let is_meant = |part: &str| part == "README.md" || !part.bytes().any(|byte| byte.is_ascii_uppercase());
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-');
    word.contains('/')
        && !word.starts_with('/')
        && !word.starts_with("bazel-")
        && word.bytes().all(is_plain)
        && word.split('/').all(is_meant)
        && !word.contains("...")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkout::tests::Checkout;

    #[test]
    fn links_stand_outside_of_fenced_blocks() {
        let text = "see [a](b.md) and [c](https://d)\n```\n[e](f.md)\n```\n[g](h.md#i), `x`\n";
        assert_eq!(links(text), ["b.md", "https://d", "h.md#i"]);
    }

    #[test]
    fn a_link_leads_to_a_file_and_a_heading() {
        let text = "# B\n\n## Two words, `code`\n## Again\n## Again\n| <a id=\"E-A\"></a>`E-A` |\n";
        let checkout = Checkout::new("links", &[("docs/b.md", text), ("LICENSE", "")]);
        let of = |name: &str, text: &str| broken(&checkout.0, &checkout.page(name, text)).len();
        assert_eq!(of("README.md", "[1](docs/b.md) [2](docs/b.md#two-words-code) [3](LICENSE)"), 0);
        assert_eq!(of("README.md", "[1](docs/b.md#again-1) [2](docs/b.md#again-2)"), 1);
        assert_eq!(of("README.md", "[1](docs/b.md#E-A) [2](docs/b.md#E-B)"), 1, "an anchor");
        assert_eq!(of("README.md", "[1](b.md) [2](docs/b.md#two) [3](docs/)"), 2);
        assert_eq!(of("README.md", "[1](https://x.org) [2](http://x.org)"), 1);
        assert_eq!(of("docs/a.md", "[1](b.md) [2](../LICENSE)"), 1);
    }

    #[test]
    fn a_file_that_is_named_is_there() {
        let checkout =
            Checkout::new("named", &[("fs/a/src/lib.rs", ""), ("fs/README.md", ""), ("bazel-bin/b", "")]);
        let of = |text: &str| missing(&checkout.0, &checkout.page("fs/a/README.md", text)).len();
        assert_eq!(of("`fs/a/src/lib.rs`, `fs/README.md`, `fs/a`, `src/lib.rs`, `fs/NAME`, `fs/*`"), 0);
        assert_eq!(of("`fs/b`, `fs/a/src/code.rs`"), 2);
        assert_eq!(of("`/fs/b`, `a/b`, `fs b`, `bazel-bin/a`"), 0, "paths of other places");
    }
}
