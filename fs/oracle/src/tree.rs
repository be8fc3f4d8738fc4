// SPDX-License-Identifier: BSD-3-Clause
//! A filesystem in memory.

use std::{collections::BTreeMap, fs, ops::ControlFlow, os::unix, path::Path, rc::Rc};

use filesystem::{
    Attr, Claim, Degraded, EachEntry, Error, FileSystem, FileType, Format, Health, Identity, Summary,
    Timestamp,
};

/// Index of the root among the nodes.
const ROOT: usize = 0;

/// A filesystem in memory, built by naming its content.
///
/// Missing folders are created; a node that is named again replaces the previous one. Everything belongs to root, with
/// the usual modes of root's files and a time stamp of zero.
///
/// ```
/// let tree = oracle::Tree::new().file("/boot/vmlinuz-6.12", "kernel").symlink("/vmlinuz", "boot/vmlinuz-6.12");
/// ```
#[derive(Clone, Debug)]
pub struct Tree {
    identity: Identity,
    state: Option<&'static str>,
    /// Shared by clones.
    kept: Option<Rc<Claim>>,
    nodes: Vec<Node>,
}

#[derive(Clone, Debug)]
enum Node {
    /// Names, and the indices of their nodes.
    Directory(BTreeMap<Vec<u8>, usize>),
    File(Vec<u8>),
    Symlink(Vec<u8>),
    Special(FileType, (u32, u32)),
}

impl Tree {
    /// An empty root folder, format `tree`, without label and UUID.
    pub fn new() -> Self {
        let identity = Identity { format: "tree", ..Identity::default() };
        Self { identity, state: None, kept: None, nodes: vec![Node::Directory(BTreeMap::new())] }
    }

    /// Sets the label.
    #[must_use]
    pub fn label(mut self, label: impl Into<Vec<u8>>) -> Self {
        self.identity.label = label.into();
        self
    }

    /// Sets the UUID.
    #[must_use]
    pub fn uuid(mut self, uuid: impl Into<String>) -> Self {
        self.identity.uuid = uuid.into();
        self
    }

    /// Adds a warning.
    #[must_use]
    pub fn degraded(mut self, state: &'static str) -> Self {
        self.state = Some(state);
        self
    }

    /// Keeps a claim of memory, as a replayed log would.
    #[must_use]
    pub fn keeping(mut self, claim: Claim) -> Self {
        self.kept = Some(Rc::new(claim));
        self
    }

    /// Adds a regular file.
    ///
    /// # Panics
    /// If the path is empty or goes through something that is not a folder; this applies to all methods that add a
    /// node.
    #[must_use]
    pub fn file(self, path: impl AsRef<[u8]>, bytes: impl Into<Vec<u8>>) -> Self {
        self.with(path.as_ref(), Node::File(bytes.into()))
    }

    /// Adds an empty folder, or keeps the existing one.
    #[must_use]
    pub fn dir(mut self, path: impl AsRef<[u8]>) -> Self {
        self.directory(&components(path.as_ref()));
        self
    }

    /// Adds a symbolic link; the target is stored as it is.
    #[must_use]
    pub fn symlink(self, path: impl AsRef<[u8]>, target: impl Into<Vec<u8>>) -> Self {
        self.with(path.as_ref(), Node::Symlink(target.into()))
    }

    /// Adds a device node, fifo or socket; `device` is its major and minor number.
    #[must_use]
    pub fn device(self, path: impl AsRef<[u8]>, kind: FileType, device: (u32, u32)) -> Self {
        self.with(path.as_ref(), Node::Special(kind, device))
    }

    /// Writes its folders, files and links to a folder of this machine, which is created, as a source for mkfs.
    ///
    /// # Panics
    /// For device nodes, for names that are not UTF-8, and if something cannot be written.
    pub fn write_to(&self, folder: &Path) {
        self.write_node(ROOT, folder);
    }

    fn write_node(&self, index: usize, path: &Path) {
        let written = match &self.nodes[index] {
            Node::Directory(entries) => fs::create_dir(path).map(|()| {
                for (name, index) in entries {
                    self.write_node(*index, &path.join(text(name)));
                }
            }),
            Node::File(bytes) => fs::write(path, bytes),
            Node::Symlink(target) => unix::fs::symlink(text(target), path),
            Node::Special(kind, _) => panic!("{}: {kind:?}", path.display()),
        };
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    fn with(mut self, path: &[u8], node: Node) -> Self {
        let path = components(path);
        let (name, folders) = path.split_last().expect("a node other than the root has a name");
        let parent = self.directory(folders);
        let index = self.nodes.len();
        self.nodes.push(node);
        self.entries(parent).insert(name.to_vec(), index);
        self
    }

    /// The folder with this path, created if it is missing.
    fn directory(&mut self, path: &[&[u8]]) -> usize {
        let mut here = ROOT;
        for name in path {
            let fresh = self.nodes.len();
            here = *self.entries(here).entry(name.to_vec()).or_insert(fresh);
            if here == fresh {
                self.nodes.push(Node::Directory(BTreeMap::new()));
            }
        }
        here
    }

    fn entries(&mut self, index: usize) -> &mut BTreeMap<Vec<u8>, usize> {
        match &mut self.nodes[index] {
            Node::Directory(entries) => entries,
            other => panic!("{other:?} is not a folder"),
        }
    }

    /// The entries of a folder in the order of creation, as on a disk.
    fn in_disk_order(&self, dir: usize) -> Result<Vec<(&[u8], usize)>, Error> {
        let Node::Directory(entries) = &self.nodes[dir] else {
            return Err(Error::WrongType { expected: "directory" });
        };
        let mut list: Vec<_> = entries.iter().map(|(name, index)| (name.as_slice(), *index)).collect();
        list.sort_by_key(|(_, index)| *index);
        Ok(list)
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

fn text(name: &[u8]) -> &str {
    str::from_utf8(name).expect("names of tests are text")
}

fn components(path: &[u8]) -> Vec<&[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).collect()
}

impl FileSystem for Tree {
    type Node = usize;

    fn identity(&self) -> Identity {
        self.identity.clone()
    }

    fn summary(&self) -> Result<Summary, Error> {
        let health = self.state.map_or(Health::Ok, |_| Health::Degraded);
        Ok(Summary { health, ..Summary::default() })
    }

    fn warnings(&self) -> Vec<Error> {
        let warning = |state: &'static str| Degraded { format: Format::File, state: state.into() };
        self.state.map(warning).map(Error::from).into_iter().collect()
    }

    fn root(&self) -> usize {
        ROOT
    }

    fn lookup(&self, dir: &usize, name: &[u8]) -> Result<usize, Error> {
        match &self.nodes[*dir] {
            Node::Directory(entries) => entries.get(name).copied().ok_or(Error::NotFound),
            _ => Err(Error::WrongType { expected: "directory" }),
        }
    }

    fn attr(&self, node: &usize) -> Result<Attr, Error> {
        let (kind, mode, size, links, device) = match &self.nodes[*node] {
            Node::Directory(entries) => {
                let folders = entries.values().filter(|i| matches!(self.nodes[**i], Node::Directory(_)));
                (FileType::Directory, 0o755, 0, 2 + folders.count() as u64, (0, 0))
            }
            Node::File(bytes) => (FileType::File, 0o644, bytes.len() as u64, 1, (0, 0)),
            Node::Symlink(target) => (FileType::Symlink, 0o777, target.len() as u64, 1, (0, 0)),
            Node::Special(kind, device) => (*kind, 0o600, 0, 1, *device),
        };
        Ok(Attr { kind, mode, uid: 0, gid: 0, size, links, modified: Timestamp::default(), device })
    }

    fn read_dir(&self, dir: &usize, each: &mut EachEntry<'_, usize>) -> Result<(), Error> {
        for (name, node) in self.in_disk_order(*dir)? {
            let kind = self.attr(&node)?.kind;
            if let ControlFlow::Break(()) = each(name, node, Some(kind)) {
                break;
            }
        }
        Ok(())
    }

    fn read_link(&self, node: &usize) -> Result<Vec<u8>, Error> {
        match &self.nodes[*node] {
            Node::Symlink(target) => Ok(target.clone()),
            _ => Err(Error::WrongType { expected: "symbolic link" }),
        }
    }

    fn read_at(&self, node: &usize, offset: u64, buf: &mut [u8]) -> Result<usize, Error> {
        let Node::File(bytes) = &self.nodes[*node] else {
            return Err(Error::WrongType { expected: "regular file" });
        };
        let rest = usize::try_from(offset).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
        let length = rest.len().min(buf.len());
        buf[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest;

    #[test]
    fn folders_on_the_way_are_made_and_shared() {
        let tree = Tree::new().file("/a/b/x", "1").dir("a/c").file("/a/b/y", "22");
        let a = tree.lookup(&tree.root(), b"a").unwrap();
        assert_eq!(tree.attr(&a).unwrap().links, 4, "itself, its entry, two folders in it");
        let b = tree.lookup(&a, b"b").unwrap();
        let y = tree.lookup(&b, b"y").unwrap();
        assert_eq!(tree.attr(&y).unwrap().size, 2);
        assert_eq!(tree.lookup(&b, b"z"), Err(Error::NotFound));
        assert_eq!(tree.lookup(&y, b"z"), Err(Error::WrongType { expected: "directory" }));
    }

    #[test]
    fn a_written_tree_is_the_same() {
        let folder = crate::tools::work_dir("tree").join("written");
        let tree = Tree::new().file("/a/x", "1").dir("/empty").symlink("/a/l", "../none").file("/y", "");
        tree.write_to(&folder);
        let shape = |records: Vec<manifest::Record>| {
            let shape = |r: manifest::Record| (r.path, r.kind, r.target, r.sha256);
            records.into_iter().map(shape).collect::<Vec<_>>()
        };
        assert_eq!(shape(manifest::of_directory(&folder).unwrap()), shape(manifest::of(&tree).unwrap()));
    }

    #[test]
    fn reads_end_where_the_file_ends() {
        let tree = Tree::new().file("x", "abc");
        let x = tree.lookup(&tree.root(), b"x").unwrap();
        let mut buf = [0; 8];
        assert_eq!(tree.read_at(&x, 1, &mut buf), Ok(2));
        assert_eq!(&buf[..2], b"bc");
        assert_eq!(tree.read_at(&x, 3, &mut buf), Ok(0));
        assert_eq!(tree.read_at(&x, u64::MAX, &mut buf), Ok(0));
    }

    #[test]
    fn entries_come_as_they_were_made() {
        let tree = Tree::new().file("b", "").file("a", "").symlink("c", "a");
        let mut names = Vec::new();
        let all = &mut |name: &[u8], _, _| {
            names.push(name.to_vec());
            ControlFlow::Continue(())
        };
        tree.read_dir(&tree.root(), all).unwrap();
        assert_eq!(names, [b"b", b"a", b"c"]);
    }
}
