// SPDX-License-Identifier: BSD-3-Clause
//! The pages of a checkout: every file of Markdown, those in `docs` as the book.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folder whose pages are the book.
pub const BOOK: &str = "docs/";

/// A page of Markdown.
pub struct Page {
    /// Its path from the root.
    pub name: String,
    pub path: PathBuf,
    pub text: String,
}

impl Page {
    pub fn is_of_book(&self) -> bool {
        self.name.starts_with(BOOK)
    }

    /// The lines outside of fenced blocks.
    pub fn prose(&self) -> impl Iterator<Item = &str> {
        prose(&self.text)
    }
}

/// All pages, in the order of their names.
pub fn pages(root: &Path) -> Result<Vec<Page>, String> {
    let (mut pages, mut folders) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))? {
            let entry = entry.map_err(|e| format!("{}: {e}", folder.display()))?;
            let (name, path) = (entry.file_name(), entry.path());
            let kind = entry.file_type().map_err(|e| format!("{}: {e}", path.display()))?;
            if kind.is_symlink() || matches!(&*name.to_string_lossy(), ".git" | "target" | "gen") {
                continue; // Bazel's, cargo's, git's and what is generated
            }
            if kind.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
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

/// The lines outside of fenced blocks.
pub fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_fenced = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_fenced ^= is_fence;
        !is_fenced && !is_fence
    })
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A checkout in a folder of its own, for one test.
    pub struct Checkout(pub PathBuf);

    impl Checkout {
        pub fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let base = std::env::var_os("TEST_TMPDIR").map_or_else(std::env::temp_dir, Into::into);
            let root = base.join(format!("docs-{name}-{}", std::process::id()));
            for (file, text) in files {
                let path = root.join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self(root)
        }

        pub fn page(&self, name: &str, text: &str) -> Page {
            Page { name: name.into(), path: self.0.join(name), text: text.into() }
        }
    }

    impl Drop for Checkout {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn pages_are_in_every_folder_but_those_of_tools() {
        let files = [("README.md", ""), ("fs/a/README.md", ""), ("target/x.md", ""), ("docs/a.md", "x")];
        let checkout = Checkout::new("pages", &files);
        let names: Vec<String> = pages(&checkout.0).unwrap().into_iter().map(|page| page.name).collect();
        assert_eq!(names, ["README.md", "docs/a.md", "fs/a/README.md"]);
    }
}
