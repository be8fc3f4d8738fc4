// SPDX-License-Identifier: BSD-3-Clause
//! Trees: items by key. Everything that is known of a filesystem is an item of one of them.

use alloc::rc::Rc;
use core::{cell::RefCell, ops::Range};

use filesystem::{Error, Fault, MemoryBudget};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::{
    corrupt,
    log::{Edited, Items, Replayed},
    memory::wide,
    node::{Key, Node, Pointer, Rules, Wanted},
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
    /// Its root, where an error is about what the tree lacks.
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
    /// In a leaf, where it stands.
    Stored(Rc<Node>, Range<usize>),
    /// In memory; what it was made from stands there.
    Changed(Rc<[u8]>, Location),
}

/// All trees of a filesystem: whatever is looked up, is looked up here.
pub struct Trees {
    nodes: Nodes,
    /// The leaf that was used last, and whose: neighbours are looked for together.
    last: RefCell<Option<(Logical, Rc<Node>)>>,
    /// What a log has changed in them.
    replayed: Replayed,
}

/// A tree as it is stored.
pub struct Stored<'a> {
    trees: &'a Trees,
    tree: &'a Tree,
}

/// The leaf that a search came to.
struct Leaf {
    node: Rc<Node>,
    /// The first key of the next leaf.
    next: Option<Key>,
}

impl Trees {
    pub fn new(storage: Storage, rules: Rules, memory: &MemoryBudget) -> Self {
        let nodes = Nodes::new(storage, rules, memory);
        Self { nodes, last: RefCell::default(), replayed: Replayed::default() }
    }

    pub fn storage(&self) -> &Storage {
        self.nodes.storage()
    }

    pub fn storage_mut(&mut self) -> &mut Storage {
        self.nodes.storage_mut()
    }

    pub fn rules(&self) -> &Rules {
        self.nodes.rules()
    }

    pub fn rules_mut(&mut self) -> &mut Rules {
        self.nodes.rules_mut()
    }

    /// The item with this key.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a damaged node, [`Error::Missing`] and [`Error::Io`] where none can be read; so do all
    /// of these.
    pub fn get(&self, tree: &Tree, key: Key) -> Result<Option<Item>, Error> {
        Ok(self.at_or_before(tree, key)?.filter(|item| item.key == key))
    }

    /// The first item whose key is not below this one.
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

    /// The last item whose key is not above this one.
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

    /// A tree without what a log has changed in it.
    pub fn stored<'a>(&'a self, tree: &'a Tree) -> Stored<'a> {
        Stored { trees: self, tree }
    }

    /// Keeps no node in memory of those that were read.
    pub fn forget(&mut self) {
        self.last.take();
        self.nodes.forget();
    }

    /// What a log has changed, from now on.
    pub fn replay(&mut self, replayed: Replayed) {
        self.replayed = replayed;
    }

    pub fn replayed(&self) -> &Replayed {
        &self.replayed
    }

    /// The leaf where the key is, or would be.
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
        // A level less with each step.
        for _ in 0..LEVELS {
            let node = self.nodes.read(&wanted)?;
            // What is beside a node begins where the pointers above it say so: else there would be no end.
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

    /// The leaf that was used last, if the key is between two of its own.
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
        // Entries below the key, that of the key itself not counted.
        let below = leaf.node.up_to(key);
        let is_found = below.checked_sub(1).and_then(|slot| leaf.node.key(slot)) == Some(key);
        // Cannot saturate: at least the key itself is up to the key, where it is found.
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

    /// An item in memory; errors in it are shown at `place`.
    pub fn changed(key: Key, bytes: &[u8], place: impl Into<Location>) -> Self {
        Self { key, content: Content::Changed(bytes.into(), place.into()) }
    }

    /// What stands in it.
    pub fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Stored(node, range) => node.bytes(range.clone()),
            Content::Changed(bytes, _) => bytes,
        }
    }

    /// Where its byte `at` stands, for errors.
    pub fn place(&self, at: usize) -> Location {
        match &self.content {
            // Cannot saturate: both are within a node, or little behind it.
            Content::Stored(node, range) => node.location(range.start.saturating_add(at)),
            Content::Changed(_, place) => *place,
        }
    }

    /// The structure that it begins with, and what follows.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where it is shorter.
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
        scene::{NODE, Scene, tree},
    };

    const ROOT: u64 = 16 * NODE;
    const ONE: u64 = 17 * NODE;
    const TWO: u64 = 18 * NODE;

    /// Two leaves: inodes 10 and 20, and inodes 30 and 40.
    fn two_leaves() -> Scene {
        Scene::new()
            .branch(TreeId::TOP, ROOT, &[(key(10, 0), ONE), (key(30, 0), TWO)])
            .leaf(TreeId::TOP, ONE, &[(key(10, 0), b"ten"), (key(20, 0), b"twenty")])
            .leaf(TreeId::TOP, TWO, &[(key(30, 0), b"thirty"), (key(40, 0), b"forty")])
    }

    #[test]
    fn items_are_found_over_leaves() {
        let (trees, tree) = (two_leaves().trees(), tree(TreeId::TOP, ROOT, 1));
        // In an order in which the leaf that was used last helps, and in which it does not.
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
        let trees = Scene::new().leaf(TreeId::TOP, ROOT, &[]).trees();
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
        // The first leaf reaches into the second: whoever walks on would go round in a circle.
        let scene = two_leaves().leaf(TreeId::TOP, ONE, &[(key(10, 0), b""), (key(30, 0), b"")]);
        assert_eq!(structure(&scene.trees(), &tree, 10), "last btrfs_disk_key");
        // The second begins elsewhere than its pointer says.
        let scene = two_leaves().leaf(TreeId::TOP, TWO, &[(key(31, 0), b"")]);
        assert_eq!(structure(&scene.trees(), &tree, 35), "first btrfs_disk_key");
        // A pointer to the node itself.
        let scene = two_leaves().branch(TreeId::TOP, ROOT, &[(key(10, 0), ROOT)]);
        assert_eq!(structure(&scene.trees(), &tree, 10), "btrfs_header.level");
        // A pointer to where no chunk is.
        let scene = two_leaves().branch(TreeId::TOP, ROOT, &[(key(10, 0), 1 << 40)]);
        assert_eq!(structure(&scene.trees(), &tree, 10), "address without btrfs_chunk");
        // What was read for one tree is not taken for another's.
        let trees = two_leaves().trees();
        assert_eq!(structure(&trees, &tree, 10), "none");
        assert_eq!(structure(&trees, &Tree { id: TreeId::ROOTS, ..tree }, 50), "btrfs_header.owner");
    }
}
