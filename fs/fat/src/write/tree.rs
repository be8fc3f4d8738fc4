// SPDX-License-Identifier: BSD-3-Clause
//! The tree of files as they are added, and as a list in on-disk order.

use alloc::{collections::BTreeMap, string::String, vec, vec::Vec};

use super::{
    Error,
    name::{ShortNames, as_short, is_name, join, units},
};
use crate::{
    directory::{LONG_PART, SLOT},
    name::folded,
};

/// Maximum number of components of a path.
const DEEPEST: usize = 32;
/// Maximum number of slots of a directory.
const MOST_SLOTS: usize = 65_536;

/// A directory. Entries are sorted by folded name, so that their on-disk order does not depend on the order of calls.
#[derive(Debug, Default)]
pub struct Directory<'a> {
    entries: BTreeMap<String, (String, Child<'a>)>,
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
        for (depth, name) in components.enumerate() {
            if depth >= DEEPEST {
                return Err(Error::TooDeep { path: path.into() });
            }
            if !is_name(name) {
                return Err(Error::Name { name: name.into() });
            }
            let new = || (name.into(), Child::Directory(Self::default()));
            let (_, child) = directory.entries.entry(folded(name)).or_insert_with(new);
            directory = match child {
                Child::Directory(directory) => directory,
                Child::File(_) => return Err(Error::NotADirectory { path: path.into() }),
            };
        }
        Ok(directory)
    }

    pub fn file(&mut self, path: &str, bytes: &'a [u8]) -> Result<(), Error> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        if !is_name(name) {
            return Err(Error::Name { name: name.into() });
        }
        if u32::try_from(bytes.len()).is_err() {
            let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            return Err(Error::TooLarge { path: path.into(), size });
        }
        let directory = self.directory(parent)?;
        let key = folded(name);
        if directory.entries.contains_key(&key) {
            return Err(Error::Exists { path: path.into() });
        }
        directory.entries.insert(key, (name.into(), Child::File(bytes)));
        Ok(())
    }
}

/// An index into the list that [`flatten`] makes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NodeNumber(pub usize);

impl NodeNumber {
    pub const ROOT: Self = Self(0);
}

/// The nodes with their numbers.
pub fn numbered<'n, 'a>(nodes: &'n [Node<'a>]) -> impl Iterator<Item = (NodeNumber, &'n Node<'a>)> {
    nodes.iter().enumerate().map(|(number, node)| (NodeNumber(number), node))
}

/// A file or directory in a list where number 0 is the root and children come after their parents.
#[derive(Debug)]
pub struct Node<'a> {
    /// The directory that it is in; for the root, the root itself.
    pub parent: NodeNumber,
    pub short: [u8; 11],
    /// UTF-16 units of the long name; empty if the short name is enough.
    pub long: Vec<u16>,
    pub content: Content<'a>,
}

#[derive(Debug)]
pub enum Content<'a> {
    /// Number of 32-byte slots.
    Directory {
        slots: usize,
    },
    File(&'a [u8]),
}

impl Node<'_> {
    /// Number of slots of its entry in its directory.
    fn slots(&self) -> usize {
        // Cannot saturate: a name has at most 255 units.
        self.long.len().div_ceil(LONG_PART).saturating_add(1)
    }

    /// Bytes of the content.
    pub fn length(&self) -> u64 {
        let length = match self.content {
            // Cannot saturate: there are at most MOST_SLOTS.
            Content::Directory { slots } => slots.saturating_mul(SLOT),
            Content::File(bytes) => bytes.len(),
        };
        u64::try_from(length).unwrap_or(u64::MAX)
    }
}

/// All files and directories; the children of a directory are adjacent.
pub fn flatten<'a>(root: &Directory<'a>, has_label: bool) -> Result<Vec<Node<'a>>, Error> {
    let top = Content::Directory { slots: usize::from(has_label) };
    let mut nodes =
        vec![Node { parent: NodeNumber::ROOT, short: [b' '; 11], long: Vec::new(), content: top }];
    let mut waiting = vec![(NodeNumber::ROOT, String::new(), root)];
    let mut next = 0;
    while let Some((number, path, directory)) = waiting.get(next).map(|(n, p, d)| (*n, p.clone(), *d)) {
        // Cannot saturate: it is an index.
        next = next.saturating_add(1);
        // The root may have a label, other directories have `.` and `..`.
        let mut slots = if number == NodeNumber::ROOT { usize::from(has_label) } else { 2 };
        for (node, name, child) in children(directory, number, &path)? {
            // Cannot saturate: each node takes memory; too many are refused below.
            slots = slots.saturating_add(node.slots());
            if let Child::Directory(directory) = child {
                waiting.push((NodeNumber(nodes.len()), join(&path, name), directory));
            }
            nodes.push(node);
        }
        if slots > MOST_SLOTS {
            return Err(Error::TooLarge { path, size: u64::try_from(slots).unwrap_or(u64::MAX) });
        }
        if let Some(node) = nodes.get_mut(number.0) {
            node.content = Content::Directory { slots };
        }
    }
    Ok(nodes)
}

type Named<'t, 'a> = (Node<'a>, &'t str, &'t Child<'a>);

/// The children with their short names. Names that are valid short names get theirs first, so that no alias takes one
/// of them.
fn children<'t, 'a>(
    directory: &'t Directory<'a>,
    parent: NodeNumber,
    path: &str,
) -> Result<Vec<Named<'t, 'a>>, Error> {
    let names = directory.entries.values().map(|(name, _)| name.as_str());
    let mut short_names = ShortNames::of(names);
    let entries = directory.entries.values().map(|(name, child)| {
        let (short, long) = match as_short(name) {
            Some(short) => (Some(short), Vec::new()),
            None => (short_names.alias(name), units(name)),
        };
        let short = short.ok_or_else(|| Error::TooLarge {
            path: path.into(),
            size: u64::try_from(directory.entries.len()).unwrap_or(u64::MAX),
        })?;
        let content = match child {
            Child::Directory(_) => Content::Directory { slots: 0 },
            Child::File(bytes) => Content::File(bytes),
        };
        Ok((Node { parent, short, long, content }, name.as_str(), child))
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_calls_does_not_matter() {
        let mut one = Directory::default();
        one.file("/b/y", b"1").unwrap();
        one.file("a", b"2").unwrap();
        one.directory("b/x").unwrap();
        let mut two = Directory::default();
        two.file("a", b"2").unwrap();
        two.directory("/b/x/").unwrap();
        two.file("B/y", b"1").unwrap();
        let names =
            |root| -> Vec<[u8; 11]> { flatten(root, false).unwrap().iter().map(|n| n.short).collect() };
        assert_eq!(names(&one)[1..], names(&two)[1..]);
        assert_eq!(names(&one).len(), 5);
    }

    #[test]
    fn clashes_are_refused() {
        let mut root = Directory::default();
        root.file("Dir/File", b"").unwrap();
        assert_eq!(root.file("dir/FILE", b""), Err(Error::Exists { path: "dir/FILE".into() }));
        assert!(matches!(root.directory("DIR/file/x"), Err(Error::NotADirectory { .. })));
        assert!(matches!(root.file("dir", b""), Err(Error::Exists { .. })));
        assert!(matches!(root.directory("a/../b"), Err(Error::Name { .. })));
        assert!(matches!(root.file("dir/", b""), Err(Error::Name { .. })));
        assert!(matches!(root.directory(&"d/".repeat(33)), Err(Error::TooDeep { .. })));
    }

    #[test]
    fn slots_count_long_names_and_dots() {
        let mut root = Directory::default();
        // 13 units fill one part, 14 need two.
        root.file("d/exactly13.chr", b"").unwrap();
        root.file("d/fourteen1.char", b"").unwrap();
        root.file("d/A", b"").unwrap();
        let nodes = flatten(&root, true).unwrap();
        let slots: Vec<u64> = nodes.iter().map(|node| node.length() / 32).collect();
        assert_eq!(slots[..2], [1 + 2, 2 + 1 + 2 + 3]);
    }

    #[test]
    fn a_directory_of_more_than_65536_slots_is_refused() {
        let names: Vec<String> = (0..33_000).map(|i| alloc::format!("long name {i}")).collect();
        let mut root = Directory::default();
        for name in &names {
            root.file(name, b"").unwrap();
        }
        assert!(matches!(flatten(&root, false), Err(Error::TooLarge { .. })));
    }
}
