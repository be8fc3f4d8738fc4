// SPDX-License-Identifier: BSD-3-Clause
//! Names and references, which directories and inodes have to agree on: `add_inode_ref` of Linux and what it calls.

use alloc::vec::Vec;

use filesystem::Error;

use super::{
    items::Items,
    names::{self, INODE_EXTREF, NewEntry, Reference, index_key, reference_bytes, reference_keys, without},
    replay::Replay,
};
use crate::{
    directory::entry_key,
    kind,
    memory::wide,
    node::{HEADER, Key},
    raw,
    tree::Item,
    unsupported,
};

/// A name of an inode in a directory.
#[derive(Clone, Copy)]
pub struct Link<'a> {
    pub directory: u64,
    pub inode: u64,
    pub name: &'a [u8],
}

impl<B: Items> Replay<'_, B> {
    /// Adds all names in a logged item to the subvolume, and removes those that the subvolume's item has and the logged
    /// one lacks.
    pub fn logged_reference(&mut self, item: &Item) -> Result<(), Error> {
        let (references, inode) = (names::references(item)?, item.key.objectid);
        let Some(first) = references.first() else { return Ok(()) };
        // The directory was not logged: the file has another name, or none.
        if self.inode(first.directory)?.is_none() {
            return Ok(());
        }
        self.known_inode(inode)?;
        for &Reference { directory, index, name, .. } in &references {
            let link = Link { directory, inode, name };
            if self.inode(directory)?.is_none() || self.is_linked(link, index)? {
                continue;
            }
            // The root directory is its own parent.
            if directory == inode && self.find(reference_keys(inode, directory, name)[0])?.is_some() {
                return Ok(());
            }
            self.make_room(link, index)?;
            if !self.link(link, index, false)? {
                return Err(self.contradiction("btrfs_inode_ref", inode));
            }
        }
        self.drop_references_not_in(item, &references)?;
        self.put(item.clone())
    }

    /// Whether the directory has both entries of the name, by hash and at this index.
    fn is_linked(&self, link: Link<'_>, index: u64) -> Result<bool, Error> {
        for key in [index_key(link.directory, index), entry_key(link.directory, link.name)] {
            let entry = self.entry(key, link.name)?;
            if entry.is_none_or(|(location, _)| location.objectid != link.inode) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What the name in the item with `key` refers to, and its type.
    pub fn entry(&self, key: Key, name: &[u8]) -> Result<Option<(Key, u8)>, Error> {
        let Some(item) = self.find(key)? else { return Ok(None) };
        let entries = names::all::<raw::DirItem>(&item)?;
        let found = entries.iter().find(|entry| entry.name == name);
        Ok(found.map(|entry| (Key::from(&entry.head.location), entry.head.kind)))
    }

    /// Unlinks what conflicts with a name: other names of the inode in the directory that were not logged, and the
    /// entries at this index or with this name.
    fn make_room(&mut self, link: Link<'_>, index: u64) -> Result<(), Error> {
        let Link { directory, inode, name } = link;
        let [old, new] = reference_keys(inode, directory, name);
        for key in [old, new] {
            let Some(item) = self.find(key)? else { continue };
            let references = names::references(&item)?;
            let is_in = |reference: &Reference<'_>| reference.directory == directory;
            if key == new && !references.iter().any(|reference| is_in(reference) && reference.name == name) {
                continue;
            }
            for reference in references.iter().filter(|reference| is_in(reference)) {
                if !self.has_logged_reference(key, directory, reference.name)? {
                    self.unlink(Link { name: reference.name, ..link })?;
                }
            }
        }
        for key in [index_key(directory, index), entry_key(directory, name)] {
            if let Some((location, _)) = self.entry(key, name)? {
                self.drop_entry(directory, location, name)?;
            }
        }
        Ok(())
    }

    /// Unlinks an entry that the log contradicts; the links of its inode are counted later.
    pub fn drop_entry(&mut self, directory: u64, location: Key, name: &[u8]) -> Result<(), Error> {
        if location.kind != kind::INODE_ITEM {
            // Linux commits a whole transaction instead of logging this.
            return Err(unsupported("tree log that removes a subvolume"));
        }
        self.count_later(location.objectid)?;
        self.unlink(Link { directory, inode: location.objectid, name })
    }

    fn drop_references_not_in(&mut self, logged: &Item, kept: &[Reference<'_>]) -> Result<(), Error> {
        let Some(item) = self.find(logged.key)? else { return Ok(()) };
        let mut kept: Vec<(u64, &[u8])> = kept.iter().map(|kept| (kept.directory, kept.name)).collect();
        kept.sort_unstable();
        for old in names::references(&item)? {
            if kept.binary_search(&(old.directory, old.name)).is_err() {
                let mut inode = self.known_inode(logged.key.objectid)?;
                self.known_inode(old.directory)?;
                self.unlink(Link { directory: old.directory, inode: inode.number(), name: old.name })?;
                // Saturates if more names are dropped than the log's link count, which is the final one, has. All links
                // are counted anew at the end.
                inode.set_links(inode.links().saturating_sub(1));
                self.put(inode.into_item())?;
            }
        }
        Ok(())
    }

    /// Removes a name from its directory and from its inode.
    pub fn unlink(&mut self, link: Link<'_>) -> Result<(), Error> {
        let Link { directory, inode, name } = link;
        if !self.remove_entry(entry_key(directory, name), name)? {
            return Err(self.contradiction("btrfs_dir_item", directory));
        }
        let Some(index) = self.remove_reference(link)? else {
            return Err(self.contradiction("btrfs_inode_ref", inode));
        };
        self.remove(index_key(directory, index))?;
        let mut folder = self.known_inode(directory)?;
        // Saturates if a directory's size was wrong. The size is only displayed: lookups do not use it.
        folder.set_size(folder.size().saturating_sub(twice(name)));
        self.put(folder.into_item())
    }

    fn remove_entry(&mut self, key: Key, name: &[u8]) -> Result<bool, Error> {
        let Some(item) = self.find(key)? else { return Ok(false) };
        let entries = names::all::<raw::DirItem>(&item)?;
        let Some(entry) = entries.iter().find(|entry| entry.name == name) else { return Ok(false) };
        self.put_rest(&item, without(item.bytes(), &entry.range))?;
        Ok(true)
    }

    /// Removes an inode's reference to a name; returns the name's index in its directory.
    fn remove_reference(&mut self, link: Link<'_>) -> Result<Option<u64>, Error> {
        for key in reference_keys(link.inode, link.directory, link.name) {
            let Some(item) = self.find(key)? else { continue };
            let references = names::references(&item)?;
            let is_it = |found: &&Reference<'_>| found.directory == link.directory && found.name == link.name;
            if let Some(reference) = references.iter().find(is_it) {
                self.put_rest(&item, without(item.bytes(), &reference.range))?;
                return Ok(Some(reference.index));
            }
        }
        Ok(None)
    }

    fn put_rest(&mut self, item: &Item, rest: Vec<u8>) -> Result<(), Error> {
        if rest.is_empty() { self.remove(item.key) } else { self.put_new(item.key, rest) }
    }

    /// Adds a name to its directory and, with `with_reference`, to its inode; `false` if either has it already.
    pub fn link(&mut self, link: Link<'_>, index: u64, with_reference: bool) -> Result<bool, Error> {
        let Link { directory, inode, name } = link;
        let kind = self.known_inode(inode)?.entry_kind();
        let mut folder = self.known_inode(directory)?;
        let (by_name, by_index) = (entry_key(directory, name), index_key(directory, index));
        if self.entry(by_name, name)?.is_some() || with_reference && !self.add_reference(link, index)? {
            return Ok(false);
        }
        if self.find(by_index)?.is_some() {
            return Err(self.contradiction("btrfs_dir_item", directory));
        }
        let location = Key { objectid: inode, kind: kind::INODE_ITEM, offset: 0 };
        let bytes = NewEntry { location, kind, transaction: self.parameters.generation.0, name }.to_bytes();
        let others = self.find(by_name)?.map_or_else(Vec::new, |item| item.bytes().to_vec());
        self.put_new(by_name, [others.as_slice(), &bytes].concat())?;
        self.put_new(by_index, bytes)?;
        // Saturates if a directory's size was wrong. The size is only displayed: lookups do not use it.
        folder.set_size(folder.size().saturating_add(twice(name)));
        self.put(folder.into_item())?;
        Ok(true)
    }

    fn add_reference(&mut self, link: Link<'_>, index: u64) -> Result<bool, Error> {
        let keys = reference_keys(link.inode, link.directory, link.name);
        for (key, directory) in keys.into_iter().zip([None, Some(link.directory)]) {
            let item = self.find(key)?;
            let references = item.as_ref().map_or(Ok(Vec::new()), names::references)?;
            if references.iter().any(|found| found.directory == link.directory && found.name == link.name) {
                return Ok(false);
            }
            let others = item.as_ref().map_or(&[][..], |item| item.bytes());
            let bytes = [others, &reference_bytes(directory, index, link.name)].concat();
            if self.fits(&bytes) {
                self.put_new(key, bytes)?;
                return Ok(true);
            }
        }
        Err(self.contradiction("btrfs_inode_extref", link.inode))
    }

    /// Whether an item with these bytes fits in a leaf.
    fn fits(&self, bytes: &[u8]) -> bool {
        // Cannot saturate: a sum of two constants.
        let rest = self.parameters.node_size.checked_sub(HEADER.saturating_add(size_of::<raw::ItemHead>()));
        rest.is_some_and(|rest| bytes.len() <= rest)
    }

    /// How many names an inode has.
    pub fn count_references(&self, inode: u64) -> Result<u32, Error> {
        let mut count: u32 = 0;
        let mut next = Some(Key { objectid: inode, kind: kind::INODE_REF, offset: 0 });
        while let Some(key) = next {
            let Some(item) = self.at_or_after(key)? else { break };
            if item.key.objectid != inode || item.key.kind > INODE_EXTREF {
                break;
            }
            let names = names::references(&item)?.len();
            // Cannot saturate: the budget is used up before 2³² of them.
            count = count.saturating_add(u32::try_from(names).unwrap_or(u32::MAX));
            next = item.key.next();
        }
        Ok(count)
    }
}

/// What a name adds to the size of its directory, which counts it twice.
fn twice(name: &[u8]) -> u64 {
    // Cannot saturate: a slice in memory is shorter than 2⁶³ bytes.
    wide(name.len()).saturating_mul(2)
}
