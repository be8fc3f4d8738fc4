// SPDX-License-Identifier: BSD-3-Clause
//! The replay of one subvolume's log: its stages, and the inodes, which are the first.

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

/// Bytes that logs and what they change may take in memory.
const MOST_BYTES: u64 = 32 << 20;
/// Steps: items that are looked for, and 256 bytes of them that are looked through. A logged name takes about ten.
/// That is some seconds of work.
const MOST_STEPS: u64 = 4 << 20;
const STEP: usize = 256;
/// What an item takes in a map besides its bytes.
const ENTRY: u64 = 128;

/// What a replay needs to know of its filesystem.
#[derive(Clone, Copy)]
pub struct Rules {
    pub sector_size: u64,
    pub node_size: usize,
    /// Bytes of a checksum of data.
    pub sum_size: usize,
    /// `BTRFS_FEATURE_INCOMPAT_NO_HOLES`: holes have no items.
    pub has_no_holes: bool,
    /// The transaction that was not finished.
    pub generation: Generation,
}

impl Rules {
    /// How checksums stand for data.
    pub fn scale(&self) -> Scale {
        Scale { sector_size: self.sector_size, sum_size: self.sum_size }
    }
}

/// What all replays of a filesystem may still take.
pub struct Budget<'a> {
    /// Bytes of memory, and how many of them are left.
    all: u64,
    bytes: Cell<u64>,
    /// The least that was left of them.
    paid: Cell<u64>,
    steps: Cell<u64>,
    /// Where steps are paid for, too: a disk may hold many filesystems.
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

    /// What is left of `most` bytes for all filesystems, paid for at these devices.
    pub fn of(storage: &'a Storage, most: usize) -> Self {
        Self { storage: Some(storage), ..Self::new(MOST_BYTES.min(wide(most)), MOST_STEPS) }
    }

    /// Takes memory for an item.
    ///
    /// # Errors
    /// [`Error::NoMemory`] when that is more than a replay may have.
    pub fn keep(&self, bytes: usize) -> Result<(), Error> {
        // What saturates is more than is left, and refused.
        let bytes = wide(bytes).saturating_add(ENTRY);
        let too_much =
            || Error::NoMemory(NoMemory { format: Format::Btrfs, structure: "tree log", bytes: self.all });
        let left = self.bytes.get().checked_sub(bytes).ok_or_else(too_much)?;
        self.bytes.set(left);
        // What was given back in between was paid for.
        let more = self.paid.get().saturating_sub(left);
        self.paid.set(self.paid.get().min(left));
        self.storage.map_or(Ok(()), |storage| storage.keep(narrow(more)))
    }

    /// Bytes that were taken and not given back.
    pub fn kept(&self) -> usize {
        // Cannot saturate: what is left is never more than all: nothing is given back that was not taken, here and in
        // `release`.
        narrow(self.all.saturating_sub(self.bytes.get()))
    }

    /// Gives back the memory of an item.
    fn release(&self, bytes: usize) {
        // Cannot saturate: they were taken with `keep`.
        self.bytes.set(self.bytes.get().saturating_add(wide(bytes)).saturating_add(ENTRY));
    }

    /// Takes the steps of looking for an item and through it.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when there are more than any real log has.
    pub fn look_at(&self, item: Option<&Item>) -> Result<(), Error> {
        let length = item.map_or(0, |item| item.bytes().len());
        // Cannot saturate: `length` is that of a slice in memory.
        let steps = wide(length.checked_div(STEP).unwrap_or(0)).saturating_add(1);
        let too_many = || unsupported(format!("tree log of more than {MOST_STEPS} steps"));
        self.steps.set(self.steps.get().checked_sub(steps).ok_or_else(too_many)?);
        self.storage.map_or(Ok(()), |storage| storage.charge(narrow(steps)))
    }
}

/// The items of a log that matter for reading, in the order of their keys.
#[derive(Default)]
pub struct Log {
    items: Vec<Item>,
}

impl Log {
    /// All of `tree` that is needed.
    ///
    /// # Errors
    /// Where a node cannot be read, or it is too much.
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

    /// The last item in front of `key`.
    pub fn before(&self, key: Key) -> Option<&Item> {
        let count = self.items.partition_point(|item| item.key < key);
        self.items.get(count.checked_sub(1)?)
    }

    pub fn find(&self, key: Key) -> Option<&Item> {
        self.from(key).first().filter(|item| item.key == key)
    }
}

/// Extended attributes are not read, and old logs have each entry of a directory twice.
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
    pub rules: Rules,
    pub sums: &'a mut Sums,
    base: &'a B,
    edits: Edits,
    /// Inodes whose names are counted at the end.
    recounted: BTreeSet<u64>,
    pub budget: &'a Budget<'a>,
    /// Where the item of the log stands that is replayed.
    place: Location,
}

impl<'a, B: Items> Replay<'a, B> {
    pub fn new(log: &'a Log, base: &'a B, sums: &'a mut Sums, rules: Rules, budget: &'a Budget<'a>) -> Self {
        let (edits, recounted) = (Edits::default(), BTreeSet::new());
        Self { log, rules, sums, base, edits, recounted, budget, place: Logical(0).into() }
    }

    /// What differs in the subvolume after all stages: those of `btrfs_recover_log_trees`.
    ///
    /// # Errors
    /// Where a node cannot be read, an item is damaged, or log and subvolume contradict each other.
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

    /// Replays all items of these kinds but those of inodes without a name: the folder that they were deleted from has
    /// been logged, too.
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

    /// An inode comes into the subvolume. What its directory lost goes first; what it lost at its own end does, too.
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

    /// Of a file that was logged only so that its name leads somewhere, what is known stays, but for a new size. The
    /// size of a directory follows from its entries.
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

    /// The next multiple of a sector's size.
    pub fn to_sectors(&self, bytes: u64) -> u64 {
        bytes.checked_next_multiple_of(self.rules.sector_size).unwrap_or(u64::MAX)
    }

    /// The item with this very key.
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

    /// The logged item with this very key.
    pub fn find_logged(&self, key: Key) -> Result<Option<&'a Item>, Error> {
        let item = self.log.find(key);
        self.budget.look_at(item)?;
        Ok(item)
    }

    /// Whether the log says that an inode has this name in this directory, as far as an item with `key` does.
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

    /// Puts an item that the log has changed.
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

    /// An inode that must be there.
    pub fn known_inode(&self, number: u64) -> Result<Inode, Error> {
        self.inode(number)?.ok_or_else(|| self.contradiction("btrfs_inode_item", number))
    }

    /// Counts the inode's names at the end.
    pub fn count_later(&mut self, number: u64) -> Result<(), Error> {
        self.known_inode(number)?;
        self.budget.keep(0)?;
        self.recounted.insert(number);
        Ok(())
    }

    /// Sets the number of an inode's links. Without any, it goes when it is no longer open, and what is in it goes with
    /// it.
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

    /// Log and subvolume do not fit together: the replay ends, as Linux's does.
    pub fn contradiction(&self, structure: &'static str, found: u64) -> Error {
        corrupt(Fault::Inconsistent, structure, self.place, found)
    }
}
