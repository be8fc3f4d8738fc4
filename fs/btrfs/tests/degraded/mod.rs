// SPDX-License-Identifier: BSD-3-Clause
//! Disks that can be left out or lie, and what is compared.

use std::rc::Rc;

use block::BlockRead;
use btrfs::{Btrfs, Node};
use filesystem::{Attr, EachEntry, Error, FileSystem, FileType, Identity, Timestamp};
use oracle::manifest::Record;

/// The disks of a filesystem.
pub struct Disks(Vec<Rc<Vec<u8>>>);

impl Disks {
    /// These images.
    pub fn new(images: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self(images.into_iter().map(Rc::new).collect())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// All of them.
    pub fn all(&self) -> Vec<Rc<dyn BlockRead>> {
        self.without(&[])
    }

    /// All but some.
    pub fn without(&self, missing: &[usize]) -> Vec<Rc<dyn BlockRead>> {
        let disks = self.0.iter().enumerate().filter(|(index, _)| !missing.contains(index));
        disks.map(|(_, disk)| Rc::clone(disk) as Rc<dyn BlockRead>).collect()
    }
}

/// A filesystem seen from another root than the default one.
pub struct From<'a>(pub &'a Btrfs, pub Node);

impl FileSystem for From<'_> {
    type Node = Node;

    fn identity(&self) -> Identity {
        self.0.identity()
    }

    fn root(&self) -> Node {
        self.1
    }

    fn lookup(&self, dir: &Node, name: &[u8]) -> Result<Node, Error> {
        self.0.lookup(dir, name)
    }

    fn attr(&self, node: &Node) -> Result<Attr, Error> {
        self.0.attr(node)
    }

    fn read_dir(&self, dir: &Node, each: &mut EachEntry<'_, Node>) -> Result<(), Error> {
        self.0.read_dir(dir, each)
    }

    fn read_link(&self, node: &Node) -> Result<Vec<u8>, Error> {
        self.0.read_link(node)
    }

    fn read_at(&self, node: &Node, offset: u64, buf: &mut [u8]) -> Result<usize, Error> {
        self.0.read_at(node, offset, buf)
    }
}

/// What both sides can agree on: an empty directory in place of a subvolume has the time of looking at it.
pub fn levelled(found: &[Record], expected: &[Record]) -> Vec<Record> {
    let mut expected = expected.to_vec();
    for record in &mut expected {
        let same = found.binary_search_by(|other| other.path.cmp(&record.path));
        let is_stub =
            |other: &Record| other.kind == FileType::Directory && other.modified == Timestamp::default();
        if same.is_ok_and(|index| is_stub(&found[index])) {
            record.modified = Timestamp::default();
        }
    }
    expected
}
