// SPDX-License-Identifier: BSD-3-Clause
//! Directories: entries that the log deletes, and entries that it adds.

use filesystem::{Error, Fault, FileType};
use zerocopy::{FromBytes, little_endian::U64};

use super::{
    items::Items,
    names::{self, DIR_LOG_INDEX, index_key, reference_keys},
    references::Link,
    replay::Replay,
};
use crate::{
    corrupt, directory::entry_key, file_types, kind, memory::wide, node::Key, raw, tree::Item, unsupported,
};

impl<B: Items> Replay<'_, B> {
    /// Unlinks the entries of a directory that the log lacks, in the ranges for which the log is complete; with `all`,
    /// unlinks all entries.
    pub fn delete_entries(&mut self, directory: u64, all: bool) -> Result<(), Error> {
        if self.inode(directory)?.is_none() {
            return Ok(()); // new
        }
        if all {
            return self.delete_range(directory, 0, u64::MAX, true);
        }
        let log = self.log;
        let first = Key { objectid: directory, kind: DIR_LOG_INDEX, offset: 0 };
        for range in log.from(first).iter().take_while(|range| range.key.is_beside(first)) {
            let Ok((end, _)) = U64::ref_from_prefix(range.bytes()) else {
                let found = wide(range.bytes().len());
                return Err(corrupt(Fault::Truncated, "btrfs_dir_log_item", range.place(0), found));
            };
            self.delete_range(directory, range.key.offset, end.get(), false)?;
        }
        Ok(())
    }

    fn delete_range(&mut self, directory: u64, start: u64, end: u64, all: bool) -> Result<(), Error> {
        let mut next = Some(index_key(directory, start));
        while let Some(key) = next {
            let Some(item) = self.at_or_after(key)? else { break };
            if !item.key.is_beside(key) || item.key.offset > end {
                break;
            }
            next = item.key.next();
            let entries = names::all::<raw::DirItem>(&item)?;
            let Some(entry) = entries.first() else { continue };
            if all || !self.is_logged(item.key, entry.name)? {
                self.drop_entry(directory, Key::from(&entry.head.location), entry.name)?;
            }
        }
        Ok(())
    }

    /// Whether the log has this name at the same index.
    fn is_logged(&self, key: Key, name: &[u8]) -> Result<bool, Error> {
        let Some(item) = self.find_logged(key)? else { return Ok(false) };
        Ok(names::all::<raw::DirItem>(item)?.iter().any(|entry| entry.name == name))
    }

    /// Adds an entry to the subvolume if the inode that it refers to exists: a logged directory does not bring its
    /// files along. If the log also has the file's own reference to the name, that is replayed later.
    pub fn logged_entry(&mut self, item: &Item) -> Result<(), Error> {
        let (directory, index) = (item.key.objectid, item.key.offset);
        self.known_inode(directory)?;
        let entries = names::all::<raw::DirItem>(item)?;
        let Some(entry) = entries.first() else { return Ok(()) };
        let (name, wanted) = (entry.name, (Key::from(&entry.head.location), entry.head.kind));
        let (location, kind) = wanted;
        let is_there = self.find(location)?.is_some();
        let mut matches = 0;
        for key in [entry_key(directory, name), index_key(directory, index)] {
            match self.entry(key, name)? {
                // Cannot saturate: two keys are looked at.
                Some(found) if found == wanted => matches = u8::saturating_add(matches, 1),
                Some((found, _)) if is_there => self.drop_entry(directory, found, name)?,
                _ => {}
            }
        }
        if matches == 2 || self.is_reference_logged(directory, location.objectid, name)? {
            return Ok(());
        }
        if location.kind != kind::INODE_ITEM {
            // Linux commits a whole transaction instead of logging this.
            return Err(unsupported("tree log that adds a subvolume"));
        }
        let link = Link { directory, inode: location.objectid, name };
        if is_there
            && self.link(link, index, true)?
            && file_types::of_entry(kind) != Some(FileType::Directory)
        {
            self.count_later(location.objectid)?;
        }
        Ok(())
    }

    fn is_reference_logged(&self, directory: u64, inode: u64, name: &[u8]) -> Result<bool, Error> {
        for key in reference_keys(inode, directory, name) {
            if self.has_logged_reference(key, directory, name)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
