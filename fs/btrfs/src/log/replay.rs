// SPDX-License-Identifier: BSD-3-Clause
//! The replay of one subvolume's log: its stages, the first of which applies inodes.

use alloc::{collections::BTreeSet, format, vec::Vec};
use core::cell::Cell;

use filesystem::{Error, Fault, Format, NoMemory};

use super::{
    inode::Inode,
    items::{Edited, Edits, Fate, Items, Removed},
    names::{self, DIR_LOG_INDEX, INODE_EXTREF},
    sums::{Scale, Sums},
};
use crate::{
    corrupt, kind,
    memory::{narrow, reserve, wide},
    node::Key,
    storage::Storage,
    tree::Item,
    units::{Generation, Location, Logical},
    unsupported,
};

/// The most bytes of memory that logs and their changes may take.
const MOST_BYTES: u64 = 32 << 20;
/// The most steps: a step is a lookup, or 256 bytes of an item that are searched. A logged name takes about ten steps;
/// this many take some seconds.
const MOST_STEPS: u64 = 4 << 20;
const STEP: usize = 256;
/// Memory of an item in a map besides its bytes.
const ENTRY: u64 = 128;

/// The properties of the filesystem that a replay needs.
#[derive(Clone, Copy)]
pub struct Parameters {
    pub sector_size: u64,
    pub node_size: usize,
    /// Bytes of a data checksum.
    pub sum_size: usize,
    /// `BTRFS_FEATURE_INCOMPAT_NO_HOLES`: holes have no items.
    pub has_no_holes: bool,
    /// The unfinished transaction.
    pub generation: Generation,
}

impl Parameters {
    /// The sizes of sectors and their checksums.
    pub fn scale(&self) -> Scale {
        Scale { sector_size: self.sector_size, sum_size: self.sum_size }
    }
}

/// The limits of all replays of a filesystem together.
pub struct Budget<'a> {
    /// The limit on bytes of memory, and how many of them are left.
    all: u64,
    bytes: Cell<u64>,
    /// The lowest value that the bytes left ever had: up to there, they are paid for.
    paid: Cell<u64>,
    steps: Cell<u64>,
    /// Where steps are charged, too: a disk may contain many filesystems.
    storage: Option<&'a Storage>,
}

impl<'a> Budget<'a> {
    pub fn new(bytes: u64, steps: u64) -> Self {
        Self {
            all: bytes,
            bytes: Cell::new(bytes),
            paid: Cell::new(bytes),
            steps: Cell::new(steps),
            storage: None,
        }
    }

    /// At most `most` bytes, which is what other filesystems leave; charged to these devices.
    pub fn of(storage: &'a Storage, most: usize) -> Self {
        Self { storage: Some(storage), ..Self::new(MOST_BYTES.min(wide(most)), MOST_STEPS) }
    }

    /// Reserves memory for an item.
    ///
    /// # Errors
    /// [`Error::NoMemory`] above the limit.
    pub fn keep(&self, bytes: usize) -> Result<(), Error> {
        // What saturates is more than is left, and refused.
        let bytes = wide(bytes).saturating_add(ENTRY);
        let too_much =
            || Error::NoMemory(NoMemory { format: Format::Btrfs, structure: "tree log", bytes: self.all });
        let left = self.bytes.get().checked_sub(bytes).ok_or_else(too_much)?;
        self.bytes.set(left);
        // Saturates if the bytes were paid for already, and released in between.
        let more = self.paid.get().saturating_sub(left);
        self.paid.set(self.paid.get().min(left));
        self.storage.map_or(Ok(()), |storage| storage.keep(narrow(more)))
    }

    /// Bytes that are reserved and not released.
    pub fn kept(&self) -> usize {
        // Cannot saturate: what is left never exceeds the limit, since only what was reserved is released, here and in
        // `release`.
        narrow(self.all.saturating_sub(self.bytes.get()))
    }

    /// Releases the memory of an item.
    fn release(&self, bytes: usize) {
        // Cannot saturate: `keep` reserved them.
        self.bytes.set(self.bytes.get().saturating_add(wide(bytes)).saturating_add(ENTRY));
    }

    /// Counts the steps of looking up an item and searching it.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for more steps than any real log takes.
    pub fn look_at(&self, item: Option<&Item>) -> Result<(), Error> {
        let length = item.map_or(0, |item| item.bytes().len());
        // Cannot saturate: `length` is that of a slice in memory.
        let steps = wide(length.checked_div(STEP).unwrap_or(0)).saturating_add(1);
        let too_many = || unsupported(format!("tree log that takes more than {MOST_STEPS} steps to replay"));
        self.steps.set(self.steps.get().checked_sub(steps).ok_or_else(too_many)?);
        self.storage.map_or(Ok(()), |storage| storage.charge(narrow(steps)))
    }
}

/// The items of a log that readers need, ordered by key.
#[derive(Default)]
pub struct Log {
    items: Vec<Item>,
}

impl Log {
    /// Reads all needed items of `tree`.
    ///
    /// # Errors
    /// Those of reading nodes, and of the budget.
    pub fn read(tree: &impl Items, budget: &Budget<'_>) -> Result<Self, Error> {
        let (mut items, mut next) = (Vec::new(), Some(Key::FIRST));
        while let Some(key) = next {
            let Some(item) = tree.at_or_after(key)? else { break };
            budget.look_at(Some(&item))?;
            next = item.key.next();
            if NEEDED.contains(&item.key.kind) {
                budget.keep(item.bytes().len())?;
                reserve(&mut items, 1, "tree log")?;
                items.push(item.detached());
            }
        }
        Ok(Self { items })
    }

    /// The items from `key` on.
    pub fn from(&self, key: Key) -> &[Item] {
        let start = self.items.partition_point(|item| item.key < key);
        self.items.get(start..).unwrap_or_default()
    }

    /// The last item before `key`.
    pub fn before(&self, key: Key) -> Option<&Item> {
        let count = self.items.partition_point(|item| item.key < key);
        self.items.get(count.checked_sub(1)?)
    }

    pub fn find(&self, key: Key) -> Option<&Item> {
        self.from(key).first().filter(|item| item.key == key)
    }
}

/// The item types that readers need: no extended attributes, and each directory entry, which old logs have twice, once.
pub const NEEDED: [u8; 7] = [
    kind::INODE_ITEM,
    kind::INODE_REF,
    INODE_EXTREF,
    kind::DIR_INDEX,
    DIR_LOG_INDEX,
    kind::EXTENT_DATA,
    kind::EXTENT_CSUM,
];

/// The replay of a log over its subvolume `base`.
pub struct Replay<'a, B> {
    pub log: &'a Log,
    pub parameters: Parameters,
    pub sums: &'a mut Sums,
    base: &'a B,
    edits: Edits,
    /// Inodes whose links are counted at the end.
    recounted: BTreeSet<u64>,
    pub budget: &'a Budget<'a>,
    /// Location of the log item being replayed.
    place: Location,
}

impl<'a, B: Items> Replay<'a, B> {
    pub fn new(
        log: &'a Log,
        base: &'a B,
        sums: &'a mut Sums,
        parameters: Parameters,
        budget: &'a Budget<'a>,
    ) -> Self {
        let (edits, recounted) = (Edits::default(), BTreeSet::new());
        Self { log, parameters, sums, base, edits, recounted, budget, place: Logical(0).into() }
    }

    /// Runs all stages, those of `btrfs_recover_log_trees`; returns the changes to the subvolume.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a damaged item, and if log and subvolume contradict each other; those of reading nodes.
    pub fn run(mut self) -> Result<Edits, Error> {
        self.stage(&[kind::INODE_ITEM], Self::inode_item)?;
        self.stage(&[kind::DIR_INDEX], Self::logged_entry)?;
        self.stage(&[kind::INODE_REF, INODE_EXTREF, kind::EXTENT_DATA], |replay, item| {
            if item.key.kind == kind::EXTENT_DATA {
                replay.extent(item)
            } else {
                replay.logged_reference(item)
            }
        })?;
        while let Some(inode) = self.recounted.pop_last() {
            self.recount(inode)?;
        }
        Ok(self.edits)
    }

    /// Replays all items of these types, except those of inodes without links: the directory that they were deleted
    /// from was logged, too.
    fn stage(
        &mut self,
        kinds: &[u8],
        replay: fn(&mut Self, &Item) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut is_deleted = false;
        for item in &self.log.items {
            if item.key.kind == kind::INODE_ITEM {
                is_deleted = Inode::parse(item.clone())?.links() == 0;
            }
            if !is_deleted && kinds.contains(&item.key.kind) {
                self.place = item.place(0);
                replay(self, item)?;
            }
        }
        Ok(())
    }

    /// Applies an inode. Before that, deletes the entries that a directory lost; after that, the extents past a file's
    /// end.
    fn inode_item(&mut self, item: &Item) -> Result<(), Error> {
        let (number, logged) = (item.key.objectid, Inode::parse(item.clone())?);
        if logged.is_directory() {
            self.delete_entries(number, false)?;
        }
        self.overwrite(&logged)?;
        if logged.is_file() {
            let size = self.known_inode(number)?.size();
            self.drop_extents(number, self.to_sectors(size), u64::MAX)?;
        }
        self.count_later(number)
    }

    /// Applies the fields of an inode. If it was logged only so that its name refers to something, a known inode stays
    /// as it is, except for a new size. The size of a directory follows from its entries.
    fn overwrite(&mut self, logged: &Inode) -> Result<(), Error> {
        let mut inode = logged.clone();
        match self.inode(logged.number())? {
            Some(known) if logged.generation() == 0 => {
                if !(logged.is_file() && known.is_file() && logged.size() != 0) {
                    return Ok(());
                }
                inode = known;
                inode.set_size(logged.size());
            }
            Some(known) if logged.is_directory() && known.is_directory() => inode.set_size(known.size()),
            _ if logged.is_directory() => inode.set_size(0),
            _ => {}
        }
        self.put(inode.into_item())
    }

    /// Rounds up to a multiple of the sector size.
    pub fn to_sectors(&self, bytes: u64) -> u64 {
        bytes.checked_next_multiple_of(self.parameters.sector_size).unwrap_or(u64::MAX)
    }

    /// The item with exactly this key.
    pub fn find(&self, key: Key) -> Result<Option<Item>, Error> {
        let item = match self.edits.fate(key) {
            Fate::Put(item) => Some(item.clone()),
            Fate::Gone => None,
            Fate::Untouched => self.base.at_or_after(key)?.filter(|item| item.key == key),
        };
        self.budget.look_at(item.as_ref())?;
        Ok(item)
    }

    pub fn at_or_after(&self, key: Key) -> Result<Option<Item>, Error> {
        let item = Edited { base: self.base, edits: &self.edits }.at_or_after(key)?;
        self.budget.look_at(item.as_ref())?;
        Ok(item)
    }

    pub fn at_or_before(&self, key: Key) -> Result<Option<Item>, Error> {
        let item = Edited { base: self.base, edits: &self.edits }.at_or_before(key)?;
        self.budget.look_at(item.as_ref())?;
        Ok(item)
    }

    /// The logged item with exactly this key.
    pub fn find_logged(&self, key: Key) -> Result<Option<&'a Item>, Error> {
        let item = self.log.find(key);
        self.budget.look_at(item)?;
        Ok(item)
    }

    /// Whether the log item with `key` has a reference to this name in this directory.
    pub fn has_logged_reference(&self, key: Key, directory: u64, name: &[u8]) -> Result<bool, Error> {
        let Some(item) = self.find_logged(key)? else { return Ok(false) };
        let references = names::references(item)?;
        Ok(references.iter().any(|reference| reference.directory == directory && reference.name == name))
    }

    pub fn put(&mut self, item: Item) -> Result<(), Error> {
        self.budget.keep(item.bytes().len())?;
        let replaced = self.edits.put(item);
        replaced.iter().for_each(|item| self.budget.release(item.bytes().len()));
        Ok(())
    }

    /// Puts an item with bytes from the log.
    pub fn put_new(&mut self, key: Key, bytes: Vec<u8>) -> Result<(), Error> {
        self.put(Item::changed(key, &bytes, self.place))
    }

    pub fn remove(&mut self, key: Key) -> Result<(), Error> {
        self.budget.look_at(None)?;
        let Removed { edited, is_news } = self.edits.remove(key, self.base)?;
        edited.iter().for_each(|item| self.budget.release(item.bytes().len()));
        if is_news { self.budget.keep(0) } else { Ok(()) }
    }

    pub fn inode(&self, number: u64) -> Result<Option<Inode>, Error> {
        let key = Key { objectid: number, kind: kind::INODE_ITEM, offset: 0 };
        self.find(key)?.map(Inode::parse).transpose()
    }

    /// An inode that has to exist.
    pub fn known_inode(&self, number: u64) -> Result<Inode, Error> {
        self.inode(number)?.ok_or_else(|| self.contradiction("btrfs_inode_item", number))
    }

    /// Counts the inode's links at the end.
    pub fn count_later(&mut self, number: u64) -> Result<(), Error> {
        self.known_inode(number)?;
        self.budget.keep(0)?;
        self.recounted.insert(number);
        Ok(())
    }

    /// Sets the link count of an inode. If it has no links left, no name leads to it; the entries of such a directory
    /// are deleted, too.
    fn recount(&mut self, number: u64) -> Result<(), Error> {
        let mut inode = self.known_inode(number)?;
        let links = self.count_references(number)?;
        let is_directory = inode.is_directory();
        if links != inode.links() {
            inode.set_links(links);
            self.put(inode.into_item())?;
        }
        if links == 0 && is_directory { self.delete_entries(number, true) } else { Ok(()) }
    }

    /// The error if log and subvolume contradict each other: the replay ends, as in Linux.
    pub fn contradiction(&self, structure: &'static str, found: u64) -> Error {
        corrupt(Fault::Inconsistent, structure, self.place, found)
    }
}
