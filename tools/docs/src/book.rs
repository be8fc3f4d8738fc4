// SPDX-License-Identifier: BSD-3-Clause
//! The book as mdBook has made it.

use std::{fs, path::Path};

/// Pages whose links are those of others: all in one, and the one for addresses that do not exist.
const COPIES: [&str; 2] = ["404.html", "print.html"];

/// The number of pages.
///
/// # Errors
/// A link or file that is not in the book, or comes from elsewhere and not by https; no page at all.
pub fn check(folder: &Path) -> Result<String, String> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let (mut count, mut faults) = (0, Vec::new());
    for entry in entries {
        let path = entry.map_err(|e| format!("{}: {e}", folder.display()))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.ends_with(".html") || COPIES.contains(&&*name) {
            continue;
        }
        let text = fs::read_to_string(&path).map_err(|e| format!("{name}: {e}"))?;
        count += 1;
        let broken = targets(&text).into_iter().filter(|target| !is_there(folder, &text, target));
        faults.extend(broken.map(|target| format!("{name}: {target} leads nowhere")));
    }
    match (count, faults.is_empty()) {
        (0, _) => Err(format!("{} has no pages", folder.display())),
        (_, true) => Ok(format!("{count} pages")),
        _ => Err(faults.join("\n")),
    }
}

/// What a page links to and loads.
fn targets(text: &str) -> Vec<&str> {
    let of = |attribute| text.split(attribute).skip(1).filter_map(|rest| rest.split('"').next());
    of(" href=\"").chain(of(" src=\"")).collect()
}

fn is_there(folder: &Path, text: &str, target: &str) -> bool {
    if target.contains("://") {
        return target.starts_with("https://");
    }
    let (file, id) = target.split_once('#').unwrap_or((target, ""));
    let has_id = |text: &str| id.is_empty() || text.contains(&format!(" id=\"{id}\""));
    match file {
        "" => has_id(text),
        _ if id.is_empty() => folder.join(file).is_file(),
        _ => fs::read_to_string(folder.join(file)).is_ok_and(|text| has_id(&text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkout::tests::Checkout;

    #[test]
    fn every_link_of_the_book_leads_somewhere() {
        let a = "<a href=\"b.html#x\"></a><script src=\"s.js\"></script><a href=\"https://x.org\"></a>";
        let good = Checkout::new("book", &[("a.html", a), ("b.html", "<h2 id=\"x\"></h2>"), ("s.js", "")]);
        assert_eq!(check(&good.0), Ok("2 pages".into()));
        let bad = Checkout::new("bad", &[("a.html", a), ("b.html", "<h2 id=\"y\"></h2>")]);
        assert_eq!(check(&bad.0).unwrap_err().lines().count(), 2, "an anchor and a file");
        assert!(check(&Checkout::new("none", &[("s.js", "")]).0).is_err(), "no page");
    }
}
