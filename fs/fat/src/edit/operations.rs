// SPDX-License-Identifier: BSD-3-Clause
//! The steps of each change.

use alloc::vec::Vec;

use block::{BlockRead, BlockWrite};
use filesystem::Fault;

use super::{
    Editor, Error,
    change::Change,
    entry::{self, SLOT_BYTES, slots_of},
    path::{FileContent, Target},
    scan::{FoundEntry, Scan},
};
use crate::{
    Node,
    boot::Root,
    corrupt,
    date::DosTime,
    directory::{ATTR_ARCHIVE, ATTR_DIRECTORY, ATTR_READ_ONLY, SLOT, ShortEntry},
    slots::short_entry,
    units::ClusterNumber,
    volume::Content,
    write::name::ShortNames,
};

/// What is created at the end of a path.
pub enum Leaf<'c> {
    File { content: &'c dyn BlockRead, size: u32, like: &'c ShortEntry },
    Folder(DosTime),
}

impl Leaf<'_> {
    /// The time for it and for the new folders above it.
    fn time(&self) -> DosTime {
        match self {
            Self::File { like, .. } => {
                DosTime { date: like.dir_wrt_date.get(), time: like.dir_wrt_time.get() }
            }
            Self::Folder(time) => *time,
        }
    }
}

impl<D: BlockWrite> Change<'_, D> {
    /// Creates a file or folder, and the missing folders above it: all of it is written before one entry in the last
    /// existing folder makes it appear.
    pub fn create(&mut self, target: &Target<'_>, mut scan: Scan, leaf: &Leaf<'_>) -> Result<(), Error> {
        let path = target.path;
        let place = self.place(&target.folder, &mut scan, slots_of(target.first()), path)?;
        let folders = self.new_folders(target, leaf);
        let size = match leaf {
            Leaf::File { size, .. } => u64::from(*size),
            Leaf::Folder(_) => 0,
        };
        let counts = folders.iter().map(|(_, count)| *count);
        // Cannot saturate: a file has fewer clusters than 2^32, and there are at most 32 folders of few.
        let needed = counts.chain([place.clusters(), self.clusters_of(size)]).fold(0u64, u64::saturating_add);
        // Without the one that the place has already taken.
        let counted = needed.saturating_sub(u64::from(place.clusters() > 0));
        let free = self.free.count(self.fat, counted)?;
        if free < counted {
            let free = free.saturating_add(needed.saturating_sub(counted));
            return Err(Error::Full { path: path.into(), needed, free });
        }
        let like = self.write_new(target, &folders, leaf)?;
        let full = || Error::FolderFull { path: path.into() };
        let slots = entry::slots(target.first(), &mut scan.short_names, &like).ok_or_else(full)?;
        self.insert(place, &slots)
    }

    /// The folders to create, outermost first, and the number of clusters of each.
    fn new_folders<'p>(&self, target: &Target<'p>, leaf: &Leaf<'_>) -> Vec<(&'p str, u64)> {
        let names: Vec<&str> = target.missing.iter().copied().chain([target.name]).collect();
        // Cannot saturate: there is at least one name.
        let count = names.len().saturating_sub(usize::from(matches!(leaf, Leaf::File { .. })));
        let folders = names.iter().take(count).enumerate();
        let folders = folders.map(|(index, name)| {
            // Besides `.` and `..`, a folder has an entry for the next folder, or for the file.
            let child = names.get(index.saturating_add(1)).map_or(0, |child| slots_of(child));
            // Cannot saturate: a name has at most 21 slots.
            let slots = u64::try_from(child.saturating_add(2)).unwrap_or(u64::MAX);
            (*name, self.clusters_of(slots.saturating_mul(SLOT_BYTES)))
        });
        folders.collect()
    }

    /// Writes the new folders and the content of the last one, and returns the entry of the first of them.
    fn write_new(
        &mut self,
        target: &Target<'_>,
        folders: &[(&str, u64)],
        leaf: &Leaf<'_>,
    ) -> Result<ShortEntry, Error> {
        let mut chains: Vec<Vec<ClusterNumber>> = Vec::new();
        for (_, count) in folders {
            chains.push((0..*count).map(|_| self.take()).collect::<Result<_, _>>()?);
        }
        let time = leaf.time();
        let mut entry = match leaf {
            Leaf::File { content, size, like } => {
                let mut entry = (*like).clone();
                entry.set_cluster(self.write_content(*content, *size)?);
                entry.dir_file_size.set(*size);
                Some((target.name, entry))
            }
            Leaf::Folder(_) => None,
        };
        for (index, (name, _)) in folders.iter().enumerate().rev() {
            let above = index.checked_sub(1).and_then(|above| first(&chains, above));
            let above = above.unwrap_or_else(|| number_of(&target.folder));
            let own = first(&chains, index).unwrap_or(ClusterNumber::NONE);
            let dot = short_entry(b".          ", ATTR_DIRECTORY, own, 0, time);
            let dots = short_entry(b"..         ", ATTR_DIRECTORY, above, 0, time);
            let mut slots = Vec::from([entry::bytes(&dot), entry::bytes(&dots)]);
            if let Some((name, entry)) = &entry {
                let full = || Error::FolderFull { path: target.path.into() };
                slots.extend(entry::slots(name, &mut ShortNames::default(), entry).ok_or_else(full)?);
            }
            let chain = chains.get(index).map(Vec::as_slice).unwrap_or_default();
            self.write_chain(chain, slots.concat())?;
            entry = Some((name, short_entry(&[b' '; 11], ATTR_DIRECTORY, own, 0, time)));
        }
        let none = || corrupt(Fault::Inconsistent, "path", self.fat.geometry.fat_start, 0u32);
        entry.map(|(_, entry)| entry).ok_or_else(|| none().into())
    }
}

/// The first cluster of a new folder.
fn first(chains: &[Vec<ClusterNumber>], index: usize) -> Option<ClusterNumber> {
    chains.get(index).and_then(|chain| chain.first()).copied()
}

/// The cluster number for a folder in the `..` of another: 0 for the root, also on FAT32.
fn number_of(folder: &Node) -> ClusterNumber {
    match folder.content {
        Content::Directory(Root::Chain(first)) if !folder.is_root() => first,
        _ => ClusterNumber::NONE,
    }
}

impl<D: BlockWrite> Editor<D> {
    /// Writes the new content first, then the entry, then frees the old content.
    pub(super) fn replace(
        &self,
        change: &mut Change<'_, D>,
        found: &FoundEntry,
        path: &str,
        leaf: &Leaf<'_>,
    ) -> Result<(), Error> {
        let Leaf::File { content, size, like } = leaf else { return Ok(()) };
        check_file(found, path)?;
        let old = self.content(change, found)?;
        let needed = change.clusters_of(u64::from(*size));
        let free = change.free.count(&self.fat, needed)?;
        if free < needed {
            return Err(Error::Full { path: path.into(), needed, free });
        }
        let first = change.write_content(*content, *size)?;
        change.switch(found, |entry| {
            entry.set_cluster(first);
            entry.dir_file_size.set(*size);
            entry.dir_attr |= ATTR_ARCHIVE;
            entry.dir_lst_acc_date = like.dir_lst_acc_date;
            entry.dir_wrt_time = like.dir_wrt_time;
            entry.dir_wrt_date = like.dir_wrt_date;
        })?;
        give_back(change, old)
    }

    /// Removes the entry first, then frees the content.
    pub(super) fn remove_entry(&self, path: &str) -> Result<(), Error> {
        let mut change = Change::new(&self.fat, self.sector)?;
        let (_, found) = self.existing(&change, path)?;
        if found.entry.is_directory() {
            if found.entry.attributes & ATTR_READ_ONLY != 0 {
                return Err(Error::ReadOnly { path: path.into() });
            }
            let node = self.fat.node(&found.entry)?;
            if change.scan(&node, "", 0)?.entries > 0 {
                return Err(Error::NotEmpty { path: path.into() });
            }
        } else {
            check_file(&found, path)?;
        }
        let old = self.content(&change, &found)?;
        change.remove_slots(&found)?;
        give_back(&mut change, old)
    }

    pub(super) fn rename_entry(&self, from: &str, to: &str) -> Result<(), Error> {
        let mut change = Change::new(&self.fat, self.sector)?;
        let (folder, found) = self.existing(&change, from)?;
        if found.entry.attributes & ATTR_READ_ONLY != 0 {
            return Err(Error::ReadOnly { path: from.into() });
        }
        let target = self.target(to)?;
        if target.missing.is_empty() {
            let mut scan = change.scan(&target.folder, target.name, 0)?;
            let other = scan.found.as_ref().map(|other| other.entry.location);
            if other.is_some_and(|other| other != found.entry.location) {
                return Err(Error::Exists { path: to.into() });
            }
            if target.folder.is_same(&folder) {
                let like = change.short_entry(&found)?;
                let slots = self.renamed(&target, &mut scan, &found, &like)?;
                if change.rename_in_place(&found, &slots)? {
                    return Ok(());
                }
            }
        }
        if found.entry.is_directory() {
            return Err(Error::FolderStays { path: from.into() });
        }
        self.copy(&change, &found, &target)?;
        self.fat.forget();
        self.remove_entry(from)
    }

    /// The slots of an entry under its new name, which may reuse its old short name.
    fn renamed(
        &self,
        target: &Target<'_>,
        scan: &mut Scan,
        found: &FoundEntry,
        like: &ShortEntry,
    ) -> Result<Vec<[u8; SLOT]>, Error> {
        scan.short_names.give_back(&found.entry.short.bytes);
        let full = || Error::FolderFull { path: target.path.into() };
        entry::slots(target.name, &mut scan.short_names, like).ok_or_else(full)
    }

    /// Copies a file, with its times and attributes.
    fn copy(&self, change: &Change<'_, D>, found: &FoundEntry, target: &Target<'_>) -> Result<(), Error> {
        let like = change.short_entry(found)?;
        let size = found.entry.size;
        let content = FileContent { fat: &self.fat, node: self.fat.node(&found.entry)?, size: size.into() };
        self.content(change, found)?;
        let mut change = Change::new(&self.fat, self.sector)?;
        let scan = change.scan(&target.folder, target.first(), slots_of(target.first()))?;
        if scan.found.is_some() {
            // It is the file itself, in another case: two entries cannot have the same name.
            return Err(Error::Exists { path: target.path.into() });
        }
        change.create(target, scan, &Leaf::File { content: &content, size, like: &like })
    }

    /// The chain of an entry, checked. An empty file has no chain.
    fn content(&self, change: &Change<'_, D>, found: &FoundEntry) -> Result<Option<ClusterNumber>, Error> {
        let entry = &found.entry;
        if entry.cluster == ClusterNumber::NONE && entry.size == 0 && !entry.is_directory() {
            return Ok(None);
        }
        change.check_chain(entry.cluster, entry.location)?;
        Ok(Some(entry.cluster))
    }
}

/// Frees a chain that nothing refers to any more.
fn give_back<D: BlockWrite>(change: &mut Change<'_, D>, old: Option<ClusterNumber>) -> Result<(), Error> {
    let Some(first) = old else { return Ok(()) };
    change.give_back(first)?;
    change.update_info()?;
    Ok(change.batch.commit()?)
}

/// Checks that an entry is a writable file.
fn check_file(found: &FoundEntry, path: &str) -> Result<(), Error> {
    if found.entry.is_directory() {
        return Err(Error::IsAFolder { path: path.into() });
    }
    if found.entry.attributes & ATTR_READ_ONLY != 0 {
        return Err(Error::ReadOnly { path: path.into() });
    }
    Ok(())
}
