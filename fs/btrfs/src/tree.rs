// SPDX-License-Identifier: BSD-3-Clause
//! Trees: items by key. Everything in a filesystem is an item of one of them.

use alloc::rc::Rc;
use core::{cell::RefCell, ops::Range};

use filesystem::{Error, Fault, MemoryBudget};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::{
    corrupt,
    log::{Edited, Items, Replayed},
    memory::wide,
    node::{Geometry, Key, Node, Pointer, Wanted},
    nodes::Nodes,
    storage::Storage,
    superblock::LEVELS,
    units::{Generation, Location, Logical, TreeId},
};

/// The root of a tree.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tree {
    pub id: TreeId,
    pub root: Logical,
    pub level: u8,
    pub generation: Generation,
}

impl Tree {
    /// The location of its root, for errors about missing items.
    pub fn location(&self) -> Location {
        Location::in_node(self.root, 0)
    }
}

/// An item of a tree.
#[derive(Clone)]
pub struct Item {
    pub key: Key,
    content: Content,
}

#[derive(Clone)]
enum Content {
    /// In a leaf: its range there.
    Stored(Rc<Node>, Range<usize>),
    /// In memory, with the location of the item that it was made from.
    Changed(Rc<[u8]>, Location),
}

/// All trees of a filesystem. All lookups go through here.
pub struct Trees {
    nodes: Nodes,
    /// The leaf that was used last, and the root of its tree: nearby items are usually looked up together.
    last: RefCell<Option<(Logical, Rc<Node>)>>,
    /// The changes of a replayed log.
    replayed: Replayed,
}

/// A tree as stored, without the changes of a log.
pub struct Stored<'a> {
    trees: &'a Trees,
    tree: &'a Tree,
}

/// The result of a search.
struct Leaf {
    node: Rc<Node>,
    /// The first key of the next leaf.
    next: Option<Key>,
}

impl Trees {
    pub fn new(storage: Storage, geometry: Geometry, memory: &MemoryBudget) -> Self {
        let nodes = Nodes::new(storage, geometry, memory);
        Self { nodes, last: RefCell::default(), replayed: Replayed::default() }
    }

    pub fn storage(&self) -> &Storage {
        self.nodes.storage()
    }

    pub fn storage_mut(&mut self) -> &mut Storage {
        self.nodes.storage_mut()
    }

    pub fn geometry(&self) -> &Geometry {
        self.nodes.geometry()
    }

    pub fn geometry_mut(&mut self) -> &mut Geometry {
        self.nodes.geometry_mut()
    }

    /// The item with this key.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a damaged node, [`Error::Missing`] and [`Error::Io`] if none can be read; so do all
    /// functions here.
    pub fn get(&self, tree: &Tree, key: Key) -> Result<Option<Item>, Error> {
        Ok(self.at_or_before(tree, key)?.filter(|item| item.key == key))
    }

    /// The first item at or after this key.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn at_or_after(&self, tree: &Tree, key: Key) -> Result<Option<Item>, Error> {
        let base = self.stored(tree);
        match self.replayed.edits(tree.id) {
            Some(edits) => Edited { base: &base, edits }.at_or_after(key),
            None => base.at_or_after(key),
        }
    }

    /// The last item at or before this key.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn at_or_before(&self, tree: &Tree, key: Key) -> Result<Option<Item>, Error> {
        let base = self.stored(tree);
        match self.replayed.edits(tree.id) {
            Some(edits) => Edited { base: &base, edits }.at_or_before(key),
            None => base.at_or_before(key),
        }
    }

    /// A tree without the changes of a log.
    pub fn stored<'a>(&'a self, tree: &'a Tree) -> Stored<'a> {
        Stored { trees: self, tree }
    }

    /// Empties the cache of nodes.
    pub fn forget(&mut self) {
        self.last.take();
        self.nodes.forget();
    }

    /// Applies the changes of a log from now on.
    pub fn replay(&mut self, replayed: Replayed) {
        self.replayed = replayed;
    }

    pub fn replayed(&self) -> &Replayed {
        &self.replayed
    }

    /// The leaf that contains the key, or would contain it.
    fn leaf(&self, tree: &Tree, key: Key) -> Result<Leaf, Error> {
        if let Some(node) = self.last(tree, key) {
            return Ok(Leaf { node, next: None });
        }
        let mut wanted = Wanted {
            address: tree.root,
            level: tree.level,
            generation: tree.generation,
            tree: tree.id,
            first: None,
        };
        let mut next = None;
        // Each step descends one level.
        for _ in 0..LEVELS {
            let node = self.nodes.read(&wanted)?;
            // The keys of a node end before the next node begins, according to the pointers above: else a search might
            // not end.
            if let (Some(last), Some(end)) = (node.last_key(), next)
                && last >= end
            {
                return Err(corrupt(
                    Fault::Inconsistent,
                    "last btrfs_disk_key",
                    node.location(0),
                    last.objectid,
                ));
            }
            if node.level() == 0 {
                *self.last.borrow_mut() = Some((tree.root, Rc::clone(&node)));
                return Ok(Leaf { node, next });
            }
            // Saturates for a key before all of the node's, which belongs to its first entry. The others cannot: a
            // node has few entries, and this one is above a leaf.
            let slot = node.up_to(key).saturating_sub(1);
            next = node.key(slot.saturating_add(1)).or(next);
            let Some(Pointer { key, address, generation }) = node.pointer(slot) else { break };
            let level = node.level().saturating_sub(1);
            wanted = Wanted { address, level, generation, tree: tree.id, first: Some(key) };
        }
        Err(corrupt(Fault::Loop, "btrfs_header.level", tree.location(), tree.level))
    }

    /// The leaf that was used last, if the key is within its keys.
    fn last(&self, tree: &Tree, key: Key) -> Option<Rc<Node>> {
        let last = self.last.borrow();
        let (root, node) = last.as_ref()?;
        let is_inside = *root == tree.root && node.key(0)? <= key && key <= node.last_key()?;
        is_inside.then(|| Rc::clone(node))
    }
}

impl Items for Stored<'_> {
    fn at_or_after(&self, key: Key) -> Result<Option<Item>, Error> {
        let mut leaf = self.trees.leaf(self.tree, key)?;
        if leaf.node.last_key().is_none_or(|last| last < key) {
            let Some(next) = leaf.next else { return Ok(None) };
            leaf = self.trees.leaf(self.tree, next)?;
        }
        // Entries up to the key; if the last of them has this very key, it is the result.
        let below = leaf.node.up_to(key);
        let is_found = below.checked_sub(1).and_then(|slot| leaf.node.key(slot)) == Some(key);
        // Cannot saturate: the entry that was found is one of them.
        Ok(Item::of(leaf.node, if is_found { below.saturating_sub(1) } else { below }))
    }

    fn at_or_before(&self, key: Key) -> Result<Option<Item>, Error> {
        let Leaf { node, .. } = self.trees.leaf(self.tree, key)?;
        Ok(node.up_to(key).checked_sub(1).and_then(|slot| Item::of(node, slot)))
    }
}

impl Item {
    fn of(node: Rc<Node>, slot: usize) -> Option<Self> {
        let (key, range) = node.item(slot)?;
        Some(Self { key, content: Content::Stored(node, range) })
    }

    /// An item in memory; errors about it name `place`.
    pub fn changed(key: Key, bytes: &[u8], place: impl Into<Location>) -> Self {
        Self { key, content: Content::Changed(bytes.into(), place.into()) }
    }

    /// Its content.
    pub fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Stored(node, range) => node.bytes(range.clone()),
            Content::Changed(bytes, _) => bytes,
        }
    }

    /// The location of its byte `at`, for errors.
    pub fn place(&self, at: usize) -> Location {
        match &self.content {
            // Cannot saturate: both are within a node, or little past it.
            Content::Stored(node, range) => node.location(range.start.saturating_add(at)),
            Content::Changed(_, place) => *place,
        }
    }

    /// Splits the content into the structure at its start, and the rest.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is shorter than the structure.
    pub fn parse<T>(&self, structure: &'static str) -> Result<(&T, &[u8]), Error>
    where
        T: FromBytes + Immutable + KnownLayout + Unaligned,
    {
        let bytes = self.bytes();
        T::ref_from_prefix(bytes)
            .map_err(|_| corrupt(Fault::Truncated, structure, self.place(0), wide(bytes.len())))
    }
}

#[cfg(test)]
mod tests {
    use filesystem::Corrupt;

    use super::*;
    use crate::{
        node::tests::key,
        test_image::{NODE, TestImage, tree},
    };

    const ROOT: u64 = 16 * NODE;
    const ONE: u64 = 17 * NODE;
    const TWO: u64 = 18 * NODE;

    /// Two leaves: inodes 10 and 20, and inodes 30 and 40.
    fn two_leaves() -> TestImage {
        TestImage::new()
            .branch(TreeId::TOP, ROOT, &[(key(10, 0), ONE), (key(30, 0), TWO)])
            .leaf(TreeId::TOP, ONE, &[(key(10, 0), b"ten"), (key(20, 0), b"twenty")])
            .leaf(TreeId::TOP, TWO, &[(key(30, 0), b"thirty"), (key(40, 0), b"forty")])
    }

    #[test]
    fn items_are_found_over_leaves() {
        let (trees, tree) = (two_leaves().trees(), tree(TreeId::TOP, ROOT, 1));
        // In an order in which the leaf that was used last helps, and in one in which it does not.
        for (wanted, after, before) in [
            (5, Some(10), None),
            (10, Some(10), Some(10)),
            (15, Some(20), Some(10)),
            (25, Some(30), Some(20)),
            (40, Some(40), Some(40)),
            (20, Some(20), Some(20)),
            (41, None, Some(40)),
            (35, Some(40), Some(30)),
        ] {
            let found = trees.at_or_after(&tree, key(wanted, 0)).unwrap().map(|item| item.key.objectid);
            assert_eq!(found, after, "at or after {wanted}");
            let found = trees.at_or_before(&tree, key(wanted, 0)).unwrap().map(|item| item.key.objectid);
            assert_eq!(found, before, "at or before {wanted}");
            assert_eq!(trees.get(&tree, key(wanted, 0)).unwrap().is_some(), after == before, "{wanted}");
        }
        let item = trees.get(&tree, key(20, 0)).unwrap().unwrap();
        assert_eq!(
            (item.bytes(), item.place(2)),
            (&b"twenty"[..], Location::in_node(Logical(ONE), NODE - 9 + 2))
        );
        assert!(item.parse::<[u8; 7]>("seven bytes").is_err());
    }

    #[test]
    fn nodes_are_kept_as_far_as_there_is_memory() {
        let memory = MemoryBudget::default();
        let (trees, tree) = (two_leaves().trees_within(&memory), tree(TreeId::TOP, ROOT, 1));
        let look = || [10, 30, 10].map(|wanted| trees.get(&tree, key(wanted, 0)).unwrap().is_some());
        assert_eq!(look(), [true; 3]);
        let kept = 56 * (1 << 20) - 2 * memory.left_for_cache(0);
        assert_eq!(kept, 3 * NODE as usize);
        let mut others = memory.cache();
        others.set(56 << 20);
        assert_eq!(look(), [true; 3], "what is kept already serves on");
        let trees = two_leaves().trees_within(&memory);
        assert_eq!([40, 20].map(|wanted| trees.get(&tree, key(wanted, 0)).unwrap().is_some()), [true; 2]);
        drop(trees);
        drop(others);
        assert_eq!(memory.left_for_cache(0) * 2 + kept, 56 << 20, "nothing was kept without room");
    }

    #[test]
    fn an_empty_tree_has_nothing() {
        let trees = TestImage::new().leaf(TreeId::TOP, ROOT, &[]).trees();
        let tree = tree(TreeId::TOP, ROOT, 0);
        assert!(trees.at_or_after(&tree, key(0, 0)).unwrap().is_none());
        assert!(trees.at_or_before(&tree, key(9, 0)).unwrap().is_none());
    }

    fn structure(trees: &Trees, tree: &Tree, wanted: u64) -> &'static str {
        match trees.at_or_after(tree, key(wanted, 0)) {
            Err(Error::Corrupt(Corrupt { structure, .. })) => structure,
            Err(error) => panic!("{error}"),
            Ok(_) => "none",
        }
    }

    #[test]
    fn leaves_keep_to_what_is_above_them() {
        let tree = tree(TreeId::TOP, ROOT, 1);
        // The first leaf extends into the second: a walk would go in circles.
        let image = two_leaves().leaf(TreeId::TOP, ONE, &[(key(10, 0), b""), (key(30, 0), b"")]);
        assert_eq!(structure(&image.trees(), &tree, 10), "last btrfs_disk_key");
        // The second begins with another key than its pointer.
        let image = two_leaves().leaf(TreeId::TOP, TWO, &[(key(31, 0), b"")]);
        assert_eq!(structure(&image.trees(), &tree, 35), "first btrfs_disk_key");
        // A pointer to the node itself.
        let image = two_leaves().branch(TreeId::TOP, ROOT, &[(key(10, 0), ROOT)]);
        assert_eq!(structure(&image.trees(), &tree, 10), "btrfs_header.level");
        // A pointer to an address without a chunk.
        let image = two_leaves().branch(TreeId::TOP, ROOT, &[(key(10, 0), 1 << 40)]);
        assert_eq!(structure(&image.trees(), &tree, 10), "address in no btrfs_chunk");
        // A node that was read for one tree is not used for another.
        let trees = two_leaves().trees();
        assert_eq!(structure(&trees, &tree, 10), "none");
        assert_eq!(structure(&trees, &Tree { id: TreeId::ROOTS, ..tree }, 50), "btrfs_header.owner");
    }
}
