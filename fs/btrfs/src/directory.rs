// SPDX-License-Identifier: BSD-3-Clause
//! Directories: entries by name, and in the order of their creation.

use core::ops::ControlFlow;

use crc32c::crc32c;
use filesystem::{EachEntry, Error, Fault};

use crate::{
    Node, corrupt, file_types, kind,
    memory::wide,
    named,
    node::Key,
    raw, subvolume,
    tree::{Item, Tree, Trees},
    units::{InodeNumber, Location, Logical, TreeId},
    unsupported,
};

/// `BTRFS_FT_ENCRYPTED`: the name is encrypted.
const ENCRYPTED: u8 = 0x80;
/// `BTRFS_NAME_LEN`
const LONGEST: usize = 255;

/// An entry of a directory as it is stored.
struct Entry<'a> {
    name: &'a [u8],
    /// What it refers to: an inode of the same subvolume, or another subvolume.
    location: Key,
    kind: u8,
    at: Location,
}

/// A directory of a subvolume.
pub struct Directory<'a> {
    pub trees: &'a Trees,
    /// The root tree.
    pub roots: &'a Tree,
    pub tree: &'a Tree,
    pub number: InodeNumber,
}

impl<'a> Directory<'a> {
    /// The entry of this name.
    ///
    /// # Errors
    /// [`Error::NotFound`], and those of trees.
    pub fn lookup(&self, name: &[u8]) -> Result<Node, Error> {
        let key = entry_key(self.number.0, name);
        let Some(item) = self.trees.get(self.tree, key)? else { return Err(Error::NotFound) };
        let mut found = None;
        // Names with the same hash share an item.
        let _ = each_in(&item, &mut |entry| {
            if entry.name != name {
                return Ok(ControlFlow::Continue(()));
            }
            found = Some(self.node(&entry)?);
            Ok(ControlFlow::Break(()))
        })?;
        found.ok_or(Error::NotFound)
    }

    /// Calls `each` with every entry, in the order in which they were made.
    ///
    /// # Errors
    /// Those of trees.
    pub fn each(&self, each: &mut EachEntry<'_, Node>) -> Result<(), Error> {
        let mut next = Some(Key { objectid: self.number.0, kind: kind::DIR_INDEX, offset: 0 });
        // Terminates: keys only grow.
        while let Some(key) = next {
            let Some(item) = self.trees.at_or_after(self.tree, key)?.filter(|item| item.key.is_beside(key))
            else {
                break;
            };
            // An index item has one entry: Linux, too, looks at no other.
            let (entry, _) = Entry::parse(item.bytes(), item.place(0))?;
            if each(entry.name, self.node(&entry)?, file_types::of_entry(entry.kind)).is_break() {
                break;
            }
            next = item.key.next().filter(|next| next.is_beside(key));
        }
        Ok(())
    }

    /// The node that an entry refers to.
    fn node(&self, entry: &Entry<'_>) -> Result<Node, Error> {
        let (subvolume, number) = (self.tree.id, InodeNumber(entry.location.objectid));
        match entry.location.kind {
            kind::INODE_ITEM => Ok(Node { subvolume, inode: number, is_stub: false }),
            kind::ROOT_ITEM => {
                let child = TreeId(entry.location.objectid);
                let place =
                    subvolume::SubvolumePlace { parent: subvolume, directory: self.number, name: entry.name };
                match subvolume::root_directory_at(self.trees, self.roots, child, &place)? {
                    Some(root) => Ok(Node { subvolume: child, inode: root, is_stub: false }),
                    // In a snapshot, an empty directory replaces each subvolume that its original contains.
                    None => Ok(Node { subvolume, inode: self.number, is_stub: true }),
                }
            }
            other => Err(corrupt(Fault::Range, "btrfs_dir_item.location", entry.at, other)),
        }
    }
}

/// The tree that the entry `default` of a directory in the root tree refers to.
///
/// # Errors
/// Those of trees.
pub fn default(trees: &Trees, roots: &Tree, directory: InodeNumber) -> Result<Option<TreeId>, Error> {
    let key = entry_key(directory.0, b"default");
    let Some(item) = trees.get(roots, key)? else { return Ok(None) };
    let mut found = None;
    let _ = each_in(&item, &mut |entry| {
        if entry.name == b"default" && entry.location.kind == kind::ROOT_ITEM {
            found = Some(TreeId(entry.location.objectid));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// The key of a name's entry in a directory: by its hash, `btrfs_name_hash`.
pub fn entry_key(directory: u64, name: &[u8]) -> Key {
    Key { objectid: directory, kind: kind::DIR_ITEM, offset: crc32c(!1, name).into() }
}

/// Called with each entry.
type Each<'a> = dyn FnMut(Entry<'_>) -> Result<ControlFlow<()>, Error> + 'a;

/// Calls `each` with the entries of an item.
fn each_in(item: &Item, each: &mut Each<'_>) -> Result<ControlFlow<()>, Error> {
    let all = item.bytes();
    let mut rest = all;
    while !rest.is_empty() {
        // Cannot saturate: `rest` is a suffix of `all`.
        let at = item.place(all.len().saturating_sub(rest.len()));
        let (entry, behind) = Entry::parse(rest, at)?;
        if each(entry)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        rest = behind;
    }
    Ok(ControlFlow::Continue(()))
}

impl<'a> Entry<'a> {
    /// Parses the entry at the start of `bytes`, which are stored at `at`; returns what follows it, too.
    fn parse(bytes: &'a [u8], at: Location) -> Result<(Self, &'a [u8]), Error> {
        let (raw, name, behind) = named::split::<raw::DirItem>(bytes, at)?;
        if raw.kind & ENCRYPTED != 0 {
            return Err(unsupported("encrypted names"));
        }
        let is_name = (1..=LONGEST).contains(&name.len()) && !name.contains(&0) && !name.contains(&b'/');
        if !is_name || name == b"." || name == b".." {
            return Err(corrupt(Fault::Range, "name of btrfs_dir_item", at, wide(name.len())));
        }
        Ok((Self { name, location: Key::from(&raw.location), kind: raw.kind, at }, behind))
    }
}

/// Parses any bytes as entries, for the fuzz entry point.
pub fn parse_any(mut bytes: &[u8]) {
    while let Ok((_, behind)) = Entry::parse(bytes, Logical(0).into()) {
        bytes = behind;
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use filesystem::FileType;

    use super::*;

    fn entry(name: &[u8], kind: u8, data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(257u64.to_le_bytes());
        bytes.push(kind::INODE_ITEM);
        bytes.extend([0; 16]);
        bytes.extend((data.len() as u16).to_le_bytes());
        bytes.extend((name.len() as u16).to_le_bytes());
        bytes.push(kind);
        [&bytes, name, data].concat()
    }

    #[test]
    fn names_have_the_hashes_of_the_kernel() {
        // Keys of DIR_ITEM, as `btrfs inspect-internal dump-tree` prints them.
        assert_eq!(entry_key(6, b"default").offset, 2_378_154_706);
    }

    #[test]
    fn entries_of_one_hash_stand_behind_one_another() {
        let bytes = [entry(b"one", 1, b""), entry(b"two", 2, b"data")].concat();
        let (one, rest) = Entry::parse(&bytes, Logical(0).into()).unwrap();
        assert_eq!(
            (one.name, one.location.objectid, file_types::of_entry(one.kind)),
            (&b"one"[..], 257, Some(FileType::File))
        );
        let (two, rest) = Entry::parse(rest, Logical(0).into()).unwrap();
        assert_eq!(
            (two.name, file_types::of_entry(two.kind), rest.len()),
            (&b"two"[..], Some(FileType::Directory), 0)
        );
        assert!(Entry::parse(&bytes[..40][..32], Logical(0).into()).is_err(), "cut off in its name");
        assert!(Entry::parse(&bytes[33..bytes.len() - 1], Logical(0).into()).is_err(), "cut off in its data");
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in [&b""[..], b".", b"..", b"a/b", b"a\0", &[b'x'; 256]] {
            let bytes = entry(name, 1, b"");
            assert!(Entry::parse(&bytes, Logical(0).into()).is_err(), "{}", name.escape_ascii());
        }
        let error = Entry::parse(&entry(b"x", 0x81, b""), Logical(0).into()).err().unwrap();
        assert_eq!(error, unsupported("encrypted names"));
    }
}
