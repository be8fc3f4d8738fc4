// SPDX-License-Identifier: BSD-3-Clause
//! The pages of a checkout: those at its root, and those of the book in `docs`.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folder whose pages are the book.
pub const BOOK: &str = "docs";

/// A page of Markdown.
pub struct Page {
    /// Its path from the root.
    pub name: String,
    pub path: PathBuf,
    pub text: String,
}

/// All pages, in the order of their names.
pub fn pages(root: &Path) -> Result<Vec<Page>, String> {
    let mut pages = Vec::new();
    for folder in ["", BOOK] {
        let folder = root.join(folder);
        for entry in fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))? {
            let path = entry.map_err(|e| format!("{}: {e}", folder.display()))?.path();
            if path.extension().is_some_and(|end| end == "md") {
                let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
                let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
                pages.push(Page { name, path, text });
            }
        }
    }
    pages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(pages)
}

/// Replaces a page's text.
pub fn write(page: &Page, text: &str) -> Result<(), String> {
    fs::write(&page.path, text).map_err(|e| format!("{}: {e}", page.name))
}
