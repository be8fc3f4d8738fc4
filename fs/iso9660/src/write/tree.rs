// SPDX-License-Identifier: BSD-3-Clause
//! The tree of files as they are added, and as a list in on-disc order.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec,
    vec::Vec,
};

use super::Error;

/// Maximum number of directory levels, including the root (ECMA-119, 6.8.2.1).
const LEVELS: usize = 8;
/// Maximum length in bytes of a Rock Ridge name: fits into a record with the longest identifier and the attributes.
const LONGEST_NAME: usize = 128;
/// Maximum length in bytes of an identifier's name and extension together (7.5.1).
const LONGEST_IDENTIFIER: usize = 30;
/// Maximum length in bytes of an extension; longer ones are truncated.
const LONGEST_EXTENSION: usize = 8;

/// A directory; entries are sorted by name.
#[derive(Debug, Default)]
pub struct Directory<'a> {
    entries: BTreeMap<String, Child<'a>>,
}

#[derive(Debug)]
enum Child<'a> {
    Directory(Directory<'a>),
    File(&'a [u8]),
}

impl<'a> Directory<'a> {
    /// The directory at `path`, created if it is missing.
    pub fn directory(&mut self, path: &str) -> Result<&mut Self, Error> {
        let mut directory = self;
        let components = path.split('/').filter(|name| !name.is_empty());
        for (level, name) in components.enumerate() {
            // Cannot saturate: it is an index.
            if level.saturating_add(1) >= LEVELS {
                return Err(Error::TooDeep { path: path.into() });
            }
            check_name(name)?;
            let child =
                directory.entries.entry(name.into()).or_insert_with(|| Child::Directory(Self::default()));
            directory = match child {
                Child::Directory(directory) => directory,
                Child::File(_) => return Err(Error::NotADirectory { path: path.into() }),
            };
        }
        Ok(directory)
    }

    pub fn file(&mut self, path: &str, bytes: &'a [u8]) -> Result<(), Error> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        check_name(name)?;
        if u32::try_from(bytes.len()).is_err() {
            let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            return Err(Error::TooLarge { path: path.into(), size });
        }
        let directory = self.directory(parent)?;
        if directory.entries.contains_key(name) {
            return Err(Error::Exists { path: path.into() });
        }
        directory.entries.insert(name.into(), Child::File(bytes));
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    if matches!(name, "" | "." | "..") || name.contains('\0') || name.len() > LONGEST_NAME {
        return Err(Error::Name { name: name.into() });
    }
    Ok(())
}

/// A file or directory in a list where number 0 is the root and children come after their parents, as in path tables.
#[derive(Debug)]
pub struct Node<'a> {
    /// Number of the directory that it is in; for the root, its own.
    pub parent: usize,
    /// File identifier; for a file, with extension and version.
    pub identifier: Vec<u8>,
    /// Rock Ridge name, empty for the root.
    pub name: String,
    /// A file's bytes; none for a directory.
    pub file: Option<&'a [u8]>,
    /// First block.
    pub block: u32,
    /// Length in bytes; a directory's is a multiple of 2048.
    pub length: u32,
}

/// All files and directories; blocks, and lengths of directories, are still zero.
pub fn flatten<'a>(root: &Directory<'a>) -> Vec<Node<'a>> {
    let top = Node { parent: 0, identifier: vec![0], name: String::new(), file: None, block: 0, length: 0 };
    let mut nodes = vec![top];
    let mut waiting = vec![(0, root)];
    let mut next = 0;
    while let Some((parent, directory)) = waiting.get(next).copied() {
        // Cannot saturate: it is an index.
        next = next.saturating_add(1);
        for (identifier, name, child) in identified(directory) {
            let (file, length) = match child {
                Child::File(bytes) => (Some(*bytes), u32::try_from(bytes.len()).unwrap_or(u32::MAX)),
                Child::Directory(directory) => {
                    waiting.push((nodes.len(), directory));
                    (None, 0)
                }
            };
            nodes.push(Node { parent, identifier, name: name.into(), file, block: 0, length });
        }
    }
    nodes
}

/// The children with their identifiers, in the order of ECMA-119 (9.3): by name, then by extension.
fn identified<'t, 'a>(directory: &'t Directory<'a>) -> Vec<(Vec<u8>, &'t str, &'t Child<'a>)> {
    let mut taken = BTreeSet::new();
    let mut children: Vec<_> = directory
        .entries
        .iter()
        .map(|(name, child)| {
            let is_file = matches!(child, Child::File(_));
            (unique(name, is_file, &mut taken), name.as_str(), child)
        })
        .collect();
    children.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    let joined = |(name, extension): (String, String), child: &Child<'_>| match child {
        Child::File(_) => format!("{name}.{extension};1").into_bytes(),
        Child::Directory(_) => name.into_bytes(),
    };
    children.into_iter().map(|(key, name, child)| (joined(key, child), name, child)).collect()
}

/// A unique name and extension in the characters of ISO 9660; they are added to `taken`.
fn unique(name: &str, is_file: bool, taken: &mut BTreeSet<(String, String)>) -> (String, String) {
    let split = if is_file { name.rsplit_once('.') } else { None };
    let (base, extension) = split.unwrap_or((name, ""));
    let mut extension = capitals(extension);
    extension.truncate(LONGEST_EXTENSION);
    let mut base = capitals(base);
    if base.is_empty() {
        base.push('_');
    }
    // Saturates at zero if the rest fills it: no space is left then, here and below.
    let room = LONGEST_IDENTIFIER.saturating_sub(extension.len());
    for number in 0u32.. {
        let suffix = if number == 0 { String::new() } else { format!("{number}") };
        let mut candidate = base.clone();
        candidate.truncate(room.saturating_sub(suffix.len()));
        candidate.push_str(&suffix);
        let key = (candidate, extension.clone());
        if taken.insert(key.clone()) {
            return key;
        }
    }
    (base, extension)
}

/// The name in ASCII capital letters, digits and underscores only.
fn capitals(name: &str) -> String {
    let capital = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    name.chars().map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identifiers(paths: &[&str]) -> Vec<String> {
        let mut root = Directory::default();
        paths.iter().for_each(|path| root.file(path, b"").unwrap());
        let nodes = flatten(&root);
        nodes[1..].iter().map(|node| String::from_utf8(node.identifier.clone()).unwrap()).collect()
    }

    #[test]
    fn identifiers_are_capitals_in_order_and_differ() {
        assert_eq!(
            identifiers(&["b.txt", "B.TXT", "a-b.c.d", ".x", "noext", "ab", "dir.d/f"]),
            ["AB.;1", "A_B_C.D;1", "B.TXT;1", "B1.TXT;1", "DIR_D", "NOEXT.;1", "_.X;1", "F.;1"]
        );
        let long = "x".repeat(100);
        let lengths: Vec<usize> =
            identifiers(&[&long, &alloc::format!("{long}y")]).iter().map(String::len).collect();
        // Name and extension, dot, version.
        assert_eq!(lengths, [33, 33]);
    }

    #[test]
    fn clashes_are_refused() {
        let mut root = Directory::default();
        root.file("dir/file", b"").unwrap();
        assert!(matches!(root.file("dir/file", b""), Err(Error::Exists { .. })));
        assert!(matches!(root.directory("dir/file/x"), Err(Error::NotADirectory { .. })));
        assert!(matches!(root.directory("a/../b"), Err(Error::Name { .. })));
        assert!(matches!(root.file(&"x".repeat(129), b""), Err(Error::Name { .. })));
        assert!(root.file("1/2/3/4/5/6/7/file", b"").is_ok());
        assert!(matches!(root.file("1/2/3/4/5/6/7/8/file", b""), Err(Error::TooDeep { .. })));
    }
}
