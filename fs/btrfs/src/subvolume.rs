// SPDX-License-Identifier: BSD-3-Clause
//! Subvolumes and snapshots: trees with files, each at a path within another.

use alloc::vec::Vec;

use block::ReadError;
use filesystem::{Error, Fault};
use zerocopy::FromBytes;

use crate::{
    Node, corrupt, directory, kind,
    memory::{self, wide},
    node::Key,
    raw,
    superblock::LEVELS,
    tree::{Item, Tree, Trees},
    units::{Generation, InodeNumber, Logical, TreeId, Uuid},
};

/// `BTRFS_ROOT_SUBVOL_RDONLY`
const READ_ONLY: u64 = 1;
/// The most subvolumes that are listed.
const MOST: usize = 65_536;
/// The most bytes of all paths, and names that are looked up for them: 10 000 snapshots take a tenth of that.
const MOST_BYTES: usize = 4 << 20;
const MOST_NAMES: usize = 1 << 19;
/// The most unreadable subvolumes before the listing ends: each may cost a disk access.
const MOST_FAULTS: usize = 256;
/// The most names in one path, and its bytes: `PATH_MAX` of Linux.
const DEEPEST: usize = 256;
const LONGEST: usize = 4096;

/// A subvolume.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Subvolume {
    /// Its number (`subvolid=`): 5 for the top-level subvolume, others begin at 256.
    pub id: u64,
    /// Its path from the top level, without a leading slash (`subvol=`); empty for the top-level subvolume.
    pub path: Vec<u8>,
    /// It is read-only.
    pub is_read_only: bool,
    /// It began as a copy of another.
    pub is_snapshot: bool,
    /// The transaction that last changed it.
    pub generation: u64,
    /// Its root directory.
    pub node: Node,
}

/// The root item of a tree.
pub struct Root {
    pub tree: Tree,
    pub directory: InodeNumber,
    flags: u64,
    /// Directory entries that refer to it: 0 if it is being deleted.
    references: u32,
    is_snapshot: bool,
}

/// The directory entry of a subvolume.
pub struct SubvolumePlace<'a> {
    pub parent: TreeId,
    pub directory: InodeNumber,
    pub name: &'a [u8],
}

/// The root of a tree; `None` if there is no such tree.
///
/// # Errors
/// Those of trees; so do all functions here.
pub fn root(trees: &Trees, roots: &Tree, id: TreeId) -> Result<Option<Root>, Error> {
    let last = Key { objectid: id.0, kind: kind::ROOT_ITEM, offset: u64::MAX };
    let item = trees.at_or_before(roots, last)?.filter(|item| item.key.is_beside(last));
    item.map(|item| Root::of(&item, id)).transpose()
}

/// The root of a tree that has to exist.
///
/// # Errors
/// [`Error::Corrupt`] if it does not exist.
pub fn expect_root(trees: &Trees, roots: &Tree, id: TreeId) -> Result<Root, Error> {
    root(trees, roots, id)?
        .ok_or_else(|| corrupt(Fault::Inconsistent, "tree without btrfs_root_item", roots.location(), id.0))
}

/// The root directory of the subvolume at a place; `None` if its own reference names another place, or it is deleted.
///
/// # Errors
/// As [`root`].
pub fn root_directory_at(
    trees: &Trees,
    roots: &Tree,
    child: TreeId,
    place: &SubvolumePlace<'_>,
) -> Result<Option<InodeNumber>, Error> {
    let key = Key { objectid: place.parent.0, kind: kind::ROOT_REF, offset: child.0 };
    let Some(item) = trees.get(roots, key)? else { return Ok(None) };
    let (directory, name) = reference(&item)?;
    if (directory, name) != (place.directory, place.name) {
        return Ok(None);
    }
    let root = root(trees, roots, child)?.filter(|root| root.references > 0 && child.is_subvolume());
    Ok(root.map(|root| root.directory))
}

/// The default subvolume.
///
/// # Errors
/// As [`root`].
pub fn default(trees: &Trees, roots: &Tree, root_dir: u64) -> Result<TreeId, Error> {
    let found = directory::default(trees, roots, InodeNumber(root_dir))?;
    Ok(found.filter(|id| id.is_subvolume()).unwrap_or(TreeId::TOP))
}

/// Subvolumes that have a path, by number, as far as they could be read.
#[derive(Default)]
pub struct Listing {
    pub found: Vec<Subvolume>,
    /// Why there may be more.
    pub rest: Option<Error>,
}

impl Listing {
    /// Lists all subvolumes; a damaged one does not hide others.
    pub fn read(trees: &Trees, roots: &Tree) -> Self {
        let (mut listing, mut paths) = (Self::default(), Paths { trees, roots, names: 0, bytes: 0 });
        let (mut next, mut faults) = (Some(TreeId::TOP.0), 0usize);
        // Terminates: numbers only grow.
        while let Some(objectid) = next {
            let key = Key { objectid, kind: kind::ROOT_ITEM, offset: 0 };
            let outcome = match trees.at_or_after(roots, key) {
                Ok(Some(item)) => {
                    next = item.key.objectid.checked_add(1);
                    listing.add(&mut paths, TreeId(item.key.objectid))
                }
                Ok(None) => break,
                Err(error) => {
                    next = None;
                    Err(error)
                }
            };
            if let Err(error) = outcome {
                // Cannot saturate: no more than `MOST_FAULTS`.
                faults = faults.saturating_add(1);
                let is_limit = matches!(
                    error,
                    Error::TooLarge { .. } | Error::NoMemory(_) | Error::Io(ReadError::Limit { .. })
                );
                listing.rest.get_or_insert(error);
                if is_limit || faults >= MOST_FAULTS {
                    break;
                }
            }
        }
        listing
    }

    /// Adds the subvolume with this number, if a path leads to it.
    fn add(&mut self, paths: &mut Paths<'_>, id: TreeId) -> Result<(), Error> {
        if !id.is_subvolume() {
            return Ok(());
        }
        let Some(root) = root(paths.trees, paths.roots, id)?.filter(Root::is_in_use) else { return Ok(()) };
        let Some(path) = paths.of(id)? else { return Ok(()) };
        if self.found.len() >= MOST {
            return Err(too_many(MOST));
        }
        memory::reserve(&mut self.found, 1, "subvolume")?;
        self.found.push(root.subvolume(path));
        Ok(())
    }
}

/// Finds paths of subvolumes, with a common limit: they may all be deep in the same directory.
struct Paths<'a> {
    trees: &'a Trees,
    roots: &'a Tree,
    /// Names that were looked up, and bytes of the paths that were found.
    names: usize,
    bytes: usize,
}

impl Paths<'_> {
    /// The path of a subvolume from the top level; `None` if it has none.
    ///
    /// # Errors
    /// Those of trees; [`Error::TooLarge`] if all paths together exceed the limit.
    fn of(&mut self, id: TreeId) -> Result<Option<Vec<u8>>, Error> {
        let mut names: Vec<Vec<u8>> = Vec::new();
        let mut id = id;
        while id != TreeId::TOP {
            let first = Key { objectid: id.0, kind: kind::ROOT_BACKREF, offset: 0 };
            let Some(item) =
                self.trees.at_or_after(self.roots, first)?.filter(|item| item.key.is_beside(first))
            else {
                return Ok(None);
            };
            let parent = TreeId(item.key.offset);
            let Some(root) = root(self.trees, self.roots, parent)?.filter(|_| parent.is_subvolume()) else {
                return Ok(None);
            };
            let (mut number, name) = reference(&item)?;
            self.add(&mut names, name)?;
            while number != root.directory {
                let first = Key { objectid: number.0, kind: kind::INODE_REF, offset: 0 };
                let item = self.trees.at_or_after(&root.tree, first)?;
                let Some(item) = item.filter(|item| item.key.is_beside(first)) else { return Ok(None) };
                let (raw, rest) = item.parse::<raw::InodeRef>("btrfs_inode_ref")?;
                self.add(&mut names, name_of(&item, rest, raw.name_len.get(), "btrfs_inode_ref.name_len")?)?;
                number = InodeNumber(item.key.offset);
                if names.len() > DEEPEST || length(&names) > LONGEST {
                    return Ok(None);
                }
            }
            id = parent;
            if names.len() > DEEPEST {
                return Ok(None);
            }
        }
        // What saturates is more than `MOST_BYTES`, and refused.
        self.bytes = self.bytes.saturating_add(length(&names));
        if self.bytes > MOST_BYTES {
            return Err(too_many(MOST_BYTES));
        }
        // Kept twice: in the list, and by callers that look up roots by number.
        self.trees.storage().keep(length(&names).saturating_mul(2))?;
        names.reverse();
        Ok(Some(names.join(&b'/')))
    }

    fn add(&mut self, names: &mut Vec<Vec<u8>>, name: &[u8]) -> Result<(), Error> {
        self.trees.storage().charge(1)?;
        // Cannot saturate: at most one above `MOST_NAMES`.
        self.names = self.names.saturating_add(1);
        if self.names > MOST_NAMES {
            return Err(too_many(MOST_NAMES));
        }
        names.push(name.to_vec());
        Ok(())
    }
}

/// Bytes of names, with a slash for each.
fn length(names: &[Vec<u8>]) -> usize {
    // Cannot saturate: names that are in memory.
    names.iter().map(|name| name.len().saturating_add(1)).fold(0, usize::saturating_add)
}

fn too_many(limit: usize) -> Error {
    // Cannot saturate: one of the limits above.
    Error::TooLarge { size: wide(limit).saturating_add(1), limit: wide(limit) }
}

/// Directory and name of a reference to a subvolume.
fn reference(item: &Item) -> Result<(InodeNumber, &[u8]), Error> {
    let (raw, rest) = item.parse::<raw::RootRef>("btrfs_root_ref")?;
    let name = name_of(item, rest, raw.name_len.get(), "btrfs_root_ref.name_len")?;
    Ok((InodeNumber(raw.dirid.get()), name))
}

fn name_of<'a>(item: &Item, rest: &'a [u8], length: u16, structure: &'static str) -> Result<&'a [u8], Error> {
    rest.get(..length.into()).ok_or_else(|| corrupt(Fault::Truncated, structure, item.place(0), length))
}

impl Root {
    /// Parses the root item of a tree.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for an item that is too short, or an invalid level.
    pub fn of(item: &Item, id: TreeId) -> Result<Self, Error> {
        let (raw, rest) = item.parse::<raw::RootItem>("btrfs_root_item")?;
        if raw.level >= LEVELS {
            let at = item.place(core::mem::offset_of!(raw::RootItem, level));
            return Err(corrupt(Fault::Range, "btrfs_root_item.level", at, raw.level));
        }
        let generation = Generation(raw.generation.get());
        // A kernel that does not know the later fields does not update them.
        let more = raw::RootItemMore::ref_from_prefix(rest).ok().map(|(more, _)| more);
        let more = more.filter(|more| more.generation_v2.get() == generation.0);
        Ok(Self {
            tree: Tree { id, root: Logical(raw.bytenr.get()), level: raw.level, generation },
            directory: InodeNumber(raw.root_dirid.get()),
            flags: raw.flags.get(),
            references: raw.refs.get(),
            is_snapshot: more.is_some_and(|more| Uuid(more.parent_uuid) != Uuid::default()),
        })
    }

    fn subvolume(&self, path: Vec<u8>) -> Subvolume {
        let Tree { id, generation, .. } = self.tree;
        Subvolume {
            id: id.0,
            path,
            is_read_only: self.flags & READ_ONLY != 0,
            is_snapshot: self.is_snapshot,
            generation: generation.0,
            node: self.node(),
        }
    }

    /// Whether it exists and is not deleted.
    pub fn is_in_use(&self) -> bool {
        self.references > 0 || self.tree.id == TreeId::TOP
    }

    /// Its root directory.
    pub fn node(&self) -> Node {
        Node { subvolume: self.tree.id, inode: self.directory, is_stub: false }
    }
}

#[cfg(test)]
mod tests;
