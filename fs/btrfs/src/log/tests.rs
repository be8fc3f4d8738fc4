// SPDX-License-Identifier: BSD-3-Clause
//! Replays over subvolumes in memory: cases that images of real power failures do not show, or not separately.

use core::cell::Cell;
use std::{
    collections::{BTreeMap, HashMap},
    format,
    rc::Rc,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use block::{BlockRead, ReadError};
use proptest::prelude::*;

use super::{
    inode::Inode,
    items::Fate,
    names::{DIR_LOG_INDEX, INODE_EXTREF, NewEntry, index_key, reference_bytes, reference_keys},
    sums::Scale,
    *,
};
use crate::{
    chunk::Chunks,
    devices::{Devices, Leg, Name},
    directory::entry_key,
    storage::Storage,
    units::{DeviceNumber, Uuid},
    unsupported,
};

/// Sectors of files.
const SECTOR: u64 = 4096;
const ROOT: u64 = 256;

/// A device that is not read, and has this much left of its read limit.
struct Limited(Cell<usize>);

impl BlockRead for Limited {
    fn size(&self) -> u64 {
        0
    }

    fn read_at(&self, offset: u64, _: &mut [u8]) -> Result<(), ReadError> {
        Err(ReadError::Limit { offset, limit: 5 })
    }

    fn charge(&self, bytes: usize) -> Result<(), ReadError> {
        let left = self.0.get().checked_sub(bytes).ok_or(ReadError::Limit { offset: 0, limit: 5 })?;
        self.0.set(left);
        Ok(())
    }
}

/// A tree in memory.
#[derive(Default)]
struct Forest(Edits);

impl Forest {
    fn put(&mut self, key: Key, bytes: &[u8]) {
        self.0.put(Item::changed(key, bytes, Logical(key.offset)));
    }

    fn inode(&mut self, number: u64, is_directory: bool, size: u64, links: u32) -> &mut Self {
        let key = Key { objectid: number, kind: kind::INODE_ITEM, offset: 0 };
        let mut inode = Inode::parse(inode::any(key, &[u8::from(!is_directory), 0, 0])).unwrap();
        inode.set_size(size);
        inode.set_links(links);
        // Its generation: without it, it would be logged only to make sure that it exists.
        self.0.put(inode.into_item().with(0, &1u64.to_le_bytes()));
        self
    }

    /// The bytes of an item; empty if there is none.
    fn bytes(&self, key: Key) -> Vec<u8> {
        match self.0.fate(key) {
            Fate::Put(item) => item.bytes().to_vec(),
            Fate::Gone | Fate::Untouched => Vec::new(),
        }
    }

    /// A directory entry: by its name, except in a log, and by its index.
    fn entry(&mut self, directory: u64, index: u64, name: &str, inode: u64, in_log: bool) -> &mut Self {
        let location = Key { objectid: inode, kind: kind::INODE_ITEM, offset: 0 };
        let bytes = NewEntry { location, kind: 1, transaction: 1, name: name.as_bytes() }.to_bytes();
        if !in_log {
            let key = entry_key(directory, name.as_bytes());
            let others = self.bytes(key);
            self.put(key, &[others, bytes.clone()].concat());
        }
        self.put(index_key(directory, index), &bytes);
        self
    }

    /// A reference of an inode to a name, in the old form or the new one.
    fn reference(&mut self, directory: u64, index: u64, name: &str, inode: u64, is_new: bool) -> &mut Self {
        let key = reference_keys(inode, directory, name.as_bytes())[usize::from(is_new)];
        let others = self.bytes(key);
        let bytes = reference_bytes(is_new.then_some(directory), index, name.as_bytes());
        self.put(key, &[others, bytes].concat());
        self
    }

    /// A directory entry and the inode's reference.
    fn link(&mut self, directory: u64, index: u64, name: &str, inode: u64) -> &mut Self {
        self.entry(directory, index, name, inode, false).reference(directory, index, name, inode, false)
    }

    /// The log is complete for the entries of a directory with these indices.
    fn range(&mut self, directory: u64, start: u64, end: u64) -> &mut Self {
        self.put(Key { objectid: directory, kind: DIR_LOG_INDEX, offset: start }, &end.to_le_bytes());
        self
    }

    /// This many sectors of a file, at sector `from` of the extent `number`; a hole for 0.
    fn extent(&mut self, inode: u64, at: u64, number: u64, from: u64, sectors: u64) -> &mut Self {
        let (address, room) = (number << 30, if number == 0 { 0 } else { 1 << 24 });
        let fields = [address, room, from * SECTOR, sectors * SECTOR].map(u64::to_le_bytes).concat();
        let head = [&[0; 8][..], &(1u64 << 24).to_le_bytes(), &[0, 0, 0, 0, 1]].concat();
        let key = Key { objectid: inode, kind: kind::EXTENT_DATA, offset: at * SECTOR };
        self.put(key, &[head, fields].concat());
        self
    }

    fn replayed(&self, base: &Self, sums: &mut Sums) -> Result<Edits, Error> {
        let (base, log) =
            (Edited { base: &Nothing, edits: &base.0 }, Edited { base: &Nothing, edits: &self.0 });
        let budget = Budget::new(1 << 20, 1 << 20);
        let log = Log::read(&log, &budget)?;
        let parameters = Parameters {
            sector_size: SECTOR,
            node_size: 4096,
            sum_size: 4,
            has_no_holes: true,
            generation: Generation(2),
        };
        Replay::new(&log, &base, sums, parameters, &budget).run()
    }

    /// All items of the subvolume `base` after the replay.
    fn over(&self, base: &Self) -> Result<Vec<Item>, Error> {
        let edits = self.replayed(base, &mut Sums::default())?;
        let base = Edited { base: &Nothing, edits: &base.0 };
        let (all, mut items, mut next) =
            (Edited { base: &base, edits: &edits }, Vec::new(), Some(Key::FIRST));
        while let Some(key) = next {
            let Some(item) = all.at_or_after(key)? else { break };
            next = item.key.next();
            items.push(item);
        }
        Ok(items)
    }
}

/// The entries of a directory by index, and by name: name and inode.
fn entries(items: &[Item], directory: u64) -> [BTreeMap<String, u64>; 2] {
    [kind::DIR_INDEX, kind::DIR_ITEM].map(|kind| {
        let items = items.iter().filter(|item| (item.key.objectid, item.key.kind) == (directory, kind));
        let all = items.flat_map(|item| names::all::<crate::raw::DirItem>(item).unwrap());
        let entry = |entry: names::Named<'_, crate::raw::DirItem>| {
            (String::from_utf8_lossy(entry.name).into_owned(), entry.head.location.objectid.get())
        };
        all.map(entry).collect()
    })
}

/// The names of an inode, and its link count.
fn names_of(items: &[Item], inode: u64) -> (Vec<(u64, String)>, u32) {
    let mine = || items.iter().filter(|item| item.key.objectid == inode);
    let references = mine().filter(|item| [kind::INODE_REF, INODE_EXTREF].contains(&item.key.kind));
    let names = references.flat_map(|item| names::references(item).unwrap());
    let mut names: Vec<_> =
        names.map(|found| (found.directory, String::from_utf8_lossy(found.name).into_owned())).collect();
    names.sort();
    let item = mine().find(|item| item.key.kind == kind::INODE_ITEM).unwrap();
    (names, Inode::parse(item.clone()).unwrap().links())
}

/// Holds after every replay of a valid log: each entry exists twice, and its inode refers to it.
#[track_caller]
fn assert_consistent(items: &[Item], directories: &[u64]) {
    for directory in directories {
        let [by_place, by_name] = entries(items, *directory);
        assert_eq!(by_place, by_name, "of {directory}");
        for (name, inode) in by_name {
            let (names, links) = names_of(items, inode);
            assert!(names.contains(&(*directory, name.clone())), "{name} of {inode}");
            assert_eq!(links as usize, names.len(), "links of {inode}");
        }
    }
}

fn listed(items: &[Item], directory: u64) -> Vec<(String, u64)> {
    entries(items, directory)[0].clone().into_iter().collect()
}

fn pairs(pairs: &[(&str, u64)]) -> Vec<(String, u64)> {
    pairs.iter().map(|(name, inode)| (name.to_string(), *inode)).collect()
}

/// The root directory with two files, one of which has a second name.
fn base() -> Forest {
    let mut base = Forest::default();
    base.inode(ROOT, true, 2 * (1 + 1 + 6), 1).reference(ROOT, 0, "..", ROOT, false);
    base.inode(257, false, 0, 2).link(ROOT, 2, "a", 257).link(ROOT, 3, "second", 257);
    base.inode(258, false, 0, 1).link(ROOT, 4, "b", 258);
    base
}

#[test]
fn an_empty_log_changes_nothing() {
    let edits = Forest::default().replayed(&base(), &mut Sums::default()).unwrap();
    assert_eq!(edits.count(), 0);
}

#[test]
fn names_are_gained_and_lost_with_their_inode() {
    let mut log = Forest::default();
    // "second" is gone, "c" is new: the inode says so; the log of the directory covers indices up to 3 only.
    log.inode(257, false, 0, 2).reference(ROOT, 2, "a", 257, false).reference(ROOT, 5, "c", 257, false);
    let items = log.over(&base()).unwrap();
    assert_eq!(listed(&items, ROOT), pairs(&[("a", 257), ("b", 258), ("c", 257)]));
    assert_consistent(&items, &[ROOT]);
    let root = items.iter().find(|item| item.key.objectid == ROOT && item.key.kind == kind::INODE_ITEM);
    assert_eq!(Inode::parse(root.unwrap().clone()).unwrap().size(), 2 * 3);
}

#[test]
fn names_without_room_in_the_old_item_are_gained_and_lost() {
    let mut base = base();
    base.entry(ROOT, 6, "d", 258, false).reference(ROOT, 6, "d", 258, true);
    base.entry(ROOT, 7, "e", 258, false).reference(ROOT, 7, "e", 258, true);
    let mut log = Forest::default();
    log.inode(258, false, 0, 3).reference(ROOT, 4, "b", 258, false);
    log.reference(ROOT, 7, "e", 258, true).reference(ROOT, 8, "f", 258, true);
    // The directory was logged, too: "d" had index 6.
    log.inode(ROOT, true, 0, 1).reference(ROOT, 0, "..", ROOT, false).range(ROOT, 5, u64::MAX);
    log.entry(ROOT, 7, "e", 258, true).entry(ROOT, 8, "f", 258, true);
    let items = log.over(&base).unwrap();
    assert_eq!(
        listed(&items, ROOT),
        pairs(&[("a", 257), ("b", 258), ("e", 258), ("f", 258), ("second", 257)])
    );
    assert_eq!(names_of(&items, 258).1, 3);
    assert_consistent(&items, &[ROOT]);
}

#[test]
fn an_item_that_is_full_gets_names_of_the_new_kind() {
    let mut base = base();
    let long = |number: u64| format!("{number:0200}");
    for number in 10..28 {
        base.link(ROOT, number, &long(number), 258);
    }
    let mut log = Forest::default();
    // Only the directory was logged: the file's own references are added for it.
    log.inode(ROOT, true, 0, 1).reference(ROOT, 0, "..", ROOT, false).range(ROOT, 28, u64::MAX);
    for number in 28..33 {
        log.entry(ROOT, number, &long(number), 258, true);
    }
    let items = log.over(&base).unwrap();
    assert!(items.iter().any(|item| item.key.objectid == 258 && item.key.kind == INODE_EXTREF));
    assert_eq!(names_of(&items, 258).1, 24);
    assert_consistent(&items, &[ROOT]);
}

#[test]
fn whatever_has_a_logged_name_or_place_makes_room() {
    // Another file has the new name of the renamed one: it is unlinked.
    let mut log = Forest::default();
    log.inode(257, false, 0, 2).reference(ROOT, 9, "b", 257, false).reference(ROOT, 3, "second", 257, false);
    let items = log.over(&base()).unwrap();
    assert_eq!(listed(&items, ROOT), pairs(&[("b", 257), ("second", 257)]));
    assert_eq!(names_of(&items, 258), (vec![], 0));
    assert_consistent(&items, &[ROOT]);
}

#[test]
fn names_of_one_hash_do_not_disturb_each_other() {
    let mut seen = HashMap::new();
    let (one, other) = (0..1_000_000_u64)
        .find_map(|number| {
            let name = format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64));
            let hash = entry_key(ROOT, name.as_bytes()).offset;
            seen.insert(hash, name.clone()).map(|other| (other, name))
        })
        .unwrap();
    let mut base = base();
    base.inode(258, false, 0, 2).link(ROOT, 6, &one, 258);
    let mut log = Forest::default();
    log.inode(257, false, 0, 2).reference(ROOT, 7, &other, 257, false).reference(ROOT, 2, "a", 257, false);
    let items = log.over(&base).unwrap();
    assert_eq!(listed(&items, ROOT).len(), 4);
    assert_consistent(&items, &[ROOT]);
    // Then one of them is removed.
    let mut log = Forest::default();
    log.inode(258, false, 0, 1).reference(ROOT, 4, "b", 258, false);
    assert_consistent(&log.over(&base).unwrap(), &[ROOT]);
}

#[test]
fn a_directory_that_goes_takes_all_below_with_it() {
    let mut base = base();
    base.inode(300, true, 0, 1).link(ROOT, 5, "folder", 300);
    base.inode(301, true, 0, 1).link(300, 2, "deep", 301);
    base.inode(302, false, 0, 2).link(301, 2, "file", 302).link(ROOT, 6, "kept", 302);
    let mut log = Forest::default();
    log.inode(ROOT, true, 0, 1).reference(ROOT, 0, "..", ROOT, false).range(ROOT, 5, 5);
    let items = log.over(&base).unwrap();
    assert_eq!(listed(&items, ROOT).len(), 4);
    assert_eq!([300, 301].map(|directory| listed(&items, directory)), [vec![], vec![]]);
    assert_eq!(names_of(&items, 302), (vec![(ROOT, "kept".into())], 1));
    assert_consistent(&items, &[ROOT]);
}

#[test]
fn entries_of_files_that_are_not_there_are_left_out() {
    let mut log = Forest::default();
    log.inode(ROOT, true, 0, 1).reference(ROOT, 0, "..", ROOT, false).range(ROOT, 5, u64::MAX);
    log.entry(ROOT, 5, "lost", 999, true);
    // Likewise, a file is not lost because its directory does not exist.
    log.inode(257, false, 0, 2).reference(888, 2, "a", 257, false);
    let items = log.over(&base()).unwrap();
    assert_eq!(listed(&items, ROOT), pairs(&[("a", 257), ("b", 258), ("second", 257)]));
    assert_consistent(&items, &[ROOT]);
}

#[test]
fn a_file_that_was_deleted_while_it_was_open_is_left_alone() {
    let mut log = Forest::default();
    log.inode(258, false, 77, 0).extent(258, 0, 1, 0, 1);
    log.inode(ROOT, true, 0, 1).reference(ROOT, 0, "..", ROOT, false).range(ROOT, 4, 4);
    let items = log.over(&base()).unwrap();
    assert_eq!(listed(&items, ROOT), pairs(&[("a", 257), ("second", 257)]));
    assert!(!items.iter().any(|item| item.key.kind == kind::EXTENT_DATA));
}

#[test]
fn an_inode_that_is_only_to_exist_keeps_what_it_has() {
    let mut log = Forest::default();
    let key = Key { objectid: 257, kind: kind::INODE_ITEM, offset: 0 };
    let mut base = base();
    base.inode(257, false, 5000, 2);
    for (logged, size) in [(0, 5000), (9000, 9000)] {
        let mut inode = Inode::parse(inode::any(key, &[1, 0, 2])).unwrap();
        inode.set_size(logged);
        log.0.put(inode.into_item());
        let items = log.over(&base).unwrap();
        let found = items.iter().find(|item| item.key == key).unwrap();
        let found = Inode::parse(found.clone()).unwrap();
        assert_eq!((found.size(), found.generation()), (size, 1));
    }
}

/// Where each sector of a file is: extent, and sector in it.
fn layout(items: &[Item], inode: u64) -> BTreeMap<u64, (u64, u64)> {
    let mut sectors = BTreeMap::new();
    let extents =
        items.iter().filter(|item| (item.key.objectid, item.key.kind) == (inode, kind::EXTENT_DATA));
    let mut end = 0;
    for item in extents {
        let field = |at: usize| u64::from_le_bytes(item.bytes()[at..at + 8].try_into().unwrap());
        let (start, from, count) = (item.key.offset / SECTOR, field(37) / SECTOR, field(45) / SECTOR);
        assert!(start >= end && count > 0, "extents overlap, or are empty");
        end = start + count;
        if field(21) != 0 {
            sectors.extend((0..count).map(|index| (start + index, (field(21) >> 30, from + index))));
        }
    }
    sectors
}

proptest! {
    #[test]
    fn logged_extents_take_the_place_of_what_was_there(
        known in prop::collection::vec((0..3u64, 1..9u64, 0..50u64), 0..8),
        logged in prop::collection::vec((0..3u64, 1..9u64, 0..50u64), 0..8),
        size in 0..60u64,
    ) {
        let (mut base, mut log) = (base(), Forest::default());
        base.inode(257, false, 60 * SECTOR, 2);
        log.inode(257, false, size * SECTOR, 2);
        let mut number = 0_u64;
        for (forest, extents) in [(&mut base, &known), (&mut log, &logged)] {
            let mut at = 0;
            for &(gap, sectors, from) in extents {
                at += gap;
                number += 1;
                // Every fifth is a hole.
                let extent = if number.is_multiple_of(5) { 0 } else { number };
                forest.extent(257, at, extent, from, sectors);
                at += sectors;
            }
        }
        let mut expected = layout(&Forest::default().over(&base).unwrap(), 257);
        expected.retain(|sector, _| *sector < size);
        let mut at = 0;
        let mut number = known.len() as u64;
        for &(gap, sectors, from) in &logged {
            at += gap;
            number += 1;
            for index in 0..sectors {
                expected.remove(&(at + index));
                if !number.is_multiple_of(5) {
                    expected.insert(at + index, (number, from + index));
                }
            }
            at += sectors;
        }
        prop_assert_eq!(layout(&log.over(&base).unwrap(), 257), expected);
    }

    #[test]
    fn any_items_are_replayed_or_refused(data in prop::collection::vec(any::<u8>(), 0..2000)) {
        parse_any(&data);
    }

    // Items that a log may contain, so that the replay gets further.
    #[test]
    fn any_sound_items_are_replayed_or_refused(
        items in prop::collection::vec((any::<bool>(), 0..6u8, 0..6u64, 0..4u64, 0..8usize), 0..40),
    ) {
        let (mut base, mut log) = (Forest::default(), Forest::default());
        base.inode(0, true, 0, 1);
        for (is_log, what, inode, directory, number) in items {
            let (name, index) = (["a", "b", "c", "d"][number % 4], number as u64);
            let forest = if is_log { &mut log } else { &mut base };
            match what {
                0 => forest.inode(inode, number % 2 == 0, index * 1000, number as u32 % 3),
                1 => forest.reference(directory, index, name, inode, number > 5),
                2 => forest.entry(directory, index, name, inode, is_log),
                3 => forest.range(directory, index, index + inode),
                4 => forest.extent(inode, index, directory, index, 1 + inode),
                _ => forest.link(directory, index, name, inode),
            };
        }
        let _ = log.over(&base);
    }
}

#[test]
fn what_contradicts_the_subvolume_ends_the_replay() {
    let fault = |log: &Forest, base: &Forest| match log.over(base) {
        Err(Error::Corrupt(corrupt)) => (corrupt.structure, corrupt.code().to_string()),
        other => panic!("{:?}", other.map(|items| items.len())),
    };
    let mut log = Forest::default();
    log.extent(999, 0, 1, 0, 1);
    assert_eq!(fault(&log, &base()), ("btrfs_inode_item", "E-FS-BTRFS-INCONSISTENT".into()));
    // An entry that its inode does not refer to cannot be unlinked.
    let mut known = base();
    known.entry(ROOT, 9, "stray", 258, false);
    let mut log = Forest::default();
    log.inode(ROOT, true, 0, 1).range(ROOT, 9, 9);
    assert_eq!(fault(&log, &known).0, "btrfs_inode_ref");
    // Nor can a name that the inode refers to and the directory does not contain.
    let mut known = base();
    known.reference(ROOT, 9, "stray", 258, false);
    let mut log = Forest::default();
    log.inode(258, false, 0, 1).reference(ROOT, 4, "b", 258, false);
    assert_eq!(fault(&log, &known).0, "btrfs_dir_item");
    // An inline extent cannot be split.
    let mut known = base();
    let key = Key { objectid: 257, kind: kind::EXTENT_DATA, offset: 0 };
    known.put(key, &[&[0; 8][..], &9000u64.to_le_bytes(), &[0; 5], &[7; 100]].concat());
    let mut log = Forest::default();
    log.extent(257, 1, 1, 0, 1);
    assert_eq!(fault(&log, &known).0, "btrfs_file_extent_item");
    // Truncated items.
    for (kind, bytes, structure) in [
        (kind::INODE_ITEM, &[0; 159][..], "btrfs_inode_item"),
        (kind::EXTENT_DATA, &[0; 20], "btrfs_file_extent_item"),
        (kind::INODE_REF, &[1; 11], "btrfs_inode_ref"),
        (INODE_EXTREF, &[1; 17], "btrfs_inode_extref"),
        (kind::DIR_INDEX, &[1; 29], "btrfs_dir_item"),
    ] {
        let mut log = Forest::default();
        log.put(Key { objectid: ROOT, kind, offset: ROOT }, bytes);
        assert_eq!(fault(&log, &base()), (structure, "E-FS-BTRFS-TRUNCATED".into()));
    }
    let mut log = Forest::default();
    log.inode(ROOT, true, 0, 1).put(Key { objectid: ROOT, kind: DIR_LOG_INDEX, offset: 0 }, &[0; 7]);
    assert_eq!(fault(&log, &base()).0, "btrfs_dir_log_item");
    let mut log = Forest::default();
    log.put(Key { objectid: 257, kind: kind::EXTENT_DATA, offset: 0 }, &[3; 53]);
    assert_eq!(fault(&log, &base()), ("btrfs_file_extent_item.type", "E-FS-BTRFS-RANGE".into()));
}

#[test]
fn entries_that_lead_to_subvolumes_are_refused_unless_they_stay() {
    let subvolume = Key { objectid: 300, kind: kind::ROOT_ITEM, offset: u64::MAX };
    let bytes = NewEntry { location: subvolume, kind: 2, transaction: 1, name: b"sub" }.to_bytes();
    let mut base = base();
    base.put(index_key(ROOT, 9), &bytes);
    base.put(entry_key(ROOT, b"sub"), &bytes);
    let mut log = Forest::default();
    log.inode(ROOT, true, 0, 1).range(ROOT, 9, 9);
    let refused = |name: &'static str| Some(unsupported(name));
    assert_eq!(log.over(&base).err(), refused("tree log that removes a subvolume"));
    log.put(index_key(ROOT, 9), &bytes);
    assert_eq!(listed(&log.over(&base).unwrap(), ROOT).len(), 4);
    let mut log = Forest::default();
    log.inode(ROOT, true, 0, 1).put(index_key(ROOT, 10), &bytes);
    assert_eq!(log.over(&self::base()).err(), refused("tree log that adds a subvolume"));
}

#[test]
fn memory_and_time_are_bounded() {
    let mut log = Forest::default();
    for number in 0..100 {
        log.inode(number, false, 0, 1);
    }
    let log = Edited { base: &Nothing, edits: &log.0 };
    assert!(matches!(Log::read(&log, &Budget::new(20_000, 1000)), Err(Error::NoMemory(_))));
    let steps = Log::read(&log, &Budget::new(1 << 20, 50)).err().map(|error| error.to_string());
    assert_eq!(
        steps.as_deref(),
        Some("btrfs: unsupported: tree log that takes more than 4194304 steps to replay")
    );
    assert!(Log::read(&log, &Budget::new(1 << 20, 101)).is_ok());
    let kept = [20_000, 1 << 20, 48 << 20].map(|all| {
        let budget = Budget::new(all, 1000);
        (0..3).for_each(|_| budget.keep(100).unwrap());
        budget.kept()
    });
    assert_eq!(kept, [3 * (100 + 128); 3], "whatever there was");
    // The limit of the disk, shared by all filesystems on it, counts, too.
    let storage = |left: usize| {
        let mut devices = Devices::default();
        let name = Name { number: DeviceNumber(1), uuid: Uuid([1; 16]) };
        let bytes: Option<Rc<dyn BlockRead>> = Some(Rc::new(Limited(Cell::new(left))));
        devices.add(Leg {
            name,
            bytes,
            given: Some(0),
            is_behind: false,
            named_size: Some(0),
            is_seed: false,
        });
        Storage::new(devices, Chunks::default())
    };
    let error = Log::read(&log, &Budget::of(&storage(64 * 50), 1 << 20)).err();
    assert_eq!(error, Some(Error::Io(ReadError::Limit { offset: 0, limit: 5 })));
    assert!(Log::read(&log, &Budget::of(&storage(1 << 20), 1 << 20)).is_ok());
}

#[test]
fn checksums_come_with_their_extents() {
    let mut log = Forest::default();
    let sums: Vec<u8> = (0..10u32).flat_map(u32::to_le_bytes).collect();
    let at = |sector: u64| (1 << 30) + sector * SECTOR;
    let key = |sector| Key { objectid: 10u64.wrapping_neg(), kind: kind::EXTENT_CSUM, offset: at(sector) };
    log.put(key(2), &sums);
    log.put(key(12), &sums[..8]);
    // Sectors 4 to 6 and 5 to 13 of the extent: they overlap, and the checksums of 12 and 13 are in another item.
    log.inode(257, false, 1 << 20, 2).extent(257, 0, 1, 4, 3).extent(257, 10, 1, 5, 9);
    let mut found = Sums::default();
    log.replayed(&base(), &mut found).unwrap();
    let scale = Scale { sector_size: SECTOR, sum_size: 4 };
    let sum = |sector| {
        found.at(Logical(at(sector)), scale).map(|sums| u32::from_le_bytes(*sums.first_chunk().unwrap()))
    };
    let expected = (0..16).map(|sector| match sector {
        4..12 => Some(sector - 2),
        12..14 => Some(sector - 12),
        _ => None,
    });
    assert!((0..16).map(sum).eq(expected), "{:?}", (0..16).map(sum).collect::<Vec<_>>());
}
