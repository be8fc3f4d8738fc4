// SPDX-License-Identifier: BSD-3-Clause
//! Images that Linux has written and aged read as Linux reads them: from one disk and from several, with disks missing,
//! and with corrupt disks. If too many are missing for a profile, the error names them.

use std::{collections::BTreeSet, mem, rc::Rc};

use block::BlockRead;
use btrfs::{Btrfs, Member, Subvolume};
use filesystem::{Error, FileSystem, FileType, Health, Timestamp};
use oracle::{
    aged::{self, Aged},
    compared::{Compared, Legs},
    manifest::{self, Record},
    opinion::{self, Known},
    random::Random,
};

/// Bytes of a sector of a corrupt disk, of which one in `ONE_IN` is overwritten.
const SECTOR: usize = 512;
const ONE_IN: usize = 100;
/// The image that grew from a seed, which is its first disk.
const GROWN: &str = "sprout";
/// Where superblocks are, which identify a disk: up to 68 KiB, and 4 KiB at 64 MiB.
const LABELS: [std::ops::Range<usize>; 2] = [0..68 << 10, 64 << 20..(64 << 20) + 4096];

/// What GRUB 2.14 gets wrong; The Sleuth Kit 4.14 does not read btrfs.
const KNOWN: &[Known] = &[
    grub("unsupported extent type 0x2", "reads no preallocated extents"),
    grub("extent not found", "reads no file that begins with a hole"),
    grub(opinion::SHORT, "reads a file that ends with a hole without it"),
];

const fn grub(words: &'static str, why: &'static str) -> Known {
    Known { kind: "", reader: "GRUB", words, why }
}

/// The disks of a filesystem.
struct Disks(Vec<Rc<Vec<u8>>>);

impl Disks {
    /// Those of an image; a removed one has no superblock any more.
    fn of(aged: &Aged) -> Self {
        let disks = aged.disks().map(|disk| Rc::new(disk.to_vec()));
        Self(disks.filter(|disk| btrfs::probe(&**disk).unwrap()).collect())
    }

    /// The number of disks.
    fn count(&self) -> usize {
        self.0.len()
    }

    /// All disks.
    fn all(&self) -> Vec<Rc<dyn BlockRead>> {
        self.without(&[])
    }

    /// All disks but these.
    fn without(&self, missing: &[usize]) -> Vec<Rc<dyn BlockRead>> {
        let disks = self.0.iter().enumerate().filter(|(index, _)| !missing.contains(index));
        disks.map(|(_, disk)| Rc::clone(disk) as Rc<dyn BlockRead>).collect()
    }
}

impl Disks {
    /// The bytes of one disk.
    fn bytes(&self, index: usize) -> &[u8] {
        &self.0[index]
    }

    /// The disk as the filesystem identifies it.
    fn number(&self, index: usize) -> u64 {
        btrfs::member(&*self.0[index]).unwrap().number
    }

    /// The numbers of the disks that a message names by number and UUID.
    fn named_in(&self, message: &str) -> BTreeSet<u64> {
        let members = self.0.iter().map(|disk| btrfs::member(disk).unwrap());
        let is_named =
            |member: &Member| message.contains(&format!("device {} ({})", member.number, member.uuid));
        members.filter(is_named).map(|member| member.number).collect()
    }
}

/// Removes what differs between both sides: an empty directory in place of a subvolume has the time of its lookup.
fn levelled(found: &[Record], expected: &[Record]) -> Vec<Record> {
    let mut expected = expected.to_vec();
    for record in &mut expected {
        let same = found.binary_search_by(|other| other.path.cmp(&record.path));
        let is_stub =
            |other: &Record| other.kind == FileType::Directory && other.modified == Timestamp::default();
        if same.is_ok_and(|index| is_stub(&found[index])) {
            record.modified = Timestamp::default();
        }
    }
    expected
}

/// Removes what cannot be compared: Linux replayed the log at another time of day.
fn level(btrfs: &Btrfs, records: &[Record]) -> Vec<Record> {
    match btrfs.replayed() {
        0 => records.to_vec(),
        _ => without_times(records),
    }
}

/// Linux changes the time of a directory when it replays the removal of entries.
fn without_times(records: &[Record]) -> Vec<Record> {
    let mut records = records.to_vec();
    for record in records.iter_mut().filter(|record| record.kind == FileType::Directory) {
        record.modified = Timestamp::default();
    }
    records
}

#[test]
fn aged_images_read_as_linux_reads_them() {
    let mut replayed = 0;
    let mut all_opinions = Vec::new();
    for mut aged in aged::images() {
        let what = &aged.name.clone();
        let disks = Disks::of(&aged);
        let all = open(disks.all()).unwrap_or_else(|error| panic!("{what}: {error}"));
        let top = manifest::of(&all).unwrap_or_else(|error| panic!("{what}: {error}"));
        let level = |records: &[Record]| level(&all, records);
        assert_same(what, &level(&top), &level(&aged.records));
        let default = Btrfs::open(disks.all()).unwrap();
        let records = manifest::of(&default).unwrap_or_else(|error| panic!("{what}: {error}"));
        let expected = aged.btrfs.as_ref().expect("an image of btrfs");
        assert_same(&format!("{what}, default subvolume"), &level(&records), &level(&expected.default));
        assert_eq!(default.warnings(), [], "{what}");
        replayed += usize::from(default.replayed() > 0);
        assert_eq!(default.missing(), [], "{what}");
        let mut found: Vec<aged::Subvolume> =
            default.subvolumes().unwrap().into_iter().skip(1).map(|found| listed(found, &default)).collect();
        found.sort_by(|a, b| a.path.cmp(&b.path));
        assert_eq!(found, expected.list, "{what}");
        println!("{what}: {} names, {} subvolumes, {:?}", top.len(), found.len(), default.profiles());
        // Of several disks, GRUB reads only the first. A seed's own filesystem ends with its state then.
        if let (GROWN, [grown]) = (what.as_str(), aged.more.as_mut_slice()) {
            mem::swap(&mut aged.bytes, grown);
        }
        let opinions = opinion::all(&aged, &all, None);
        all_opinions.extend(opinions.iter().cloned());
        Compared::new("btrfs", &aged, &top).with_opinions(opinions, KNOWN).write();
    }
    assert!(replayed > 0, "no image has a log to be replayed");
    assert!(opinion::says_something(&all_opinions));
}

/// A subvolume as listed.
fn listed(found: Subvolume, btrfs: &Btrfs) -> aged::Subvolume {
    let Subvolume { id, path, is_read_only, node, .. } = found;
    aged::Subvolume { id, path, is_read_only, is_default: node == btrfs.default_subvolume() }
}

/// The images on several disks.
fn sets() -> Vec<(Aged, Disks)> {
    let sets = aged::images().filter(|aged| !aged.more.is_empty());
    let sets: Vec<_> = sets.map(|aged| (Disks::of(&aged), aged)).collect();
    assert!(!sets.is_empty(), "no image has several disks");
    sets.into_iter().map(|(disks, aged)| (aged, disks)).collect()
}

/// All ways to leave out some, but not all, of this many disks.
fn subsets(count: usize) -> impl Iterator<Item = Vec<usize>> {
    (1..(1usize << count) - 1).map(move |mask| (0..count).filter(|disk| mask >> disk & 1 == 1).collect())
}

/// The filesystem on some disks, with the top-level subvolume as its root.
fn open(disks: Vec<Rc<dyn BlockRead>>) -> Result<Btrfs, Error> {
    let btrfs = Btrfs::open(disks)?;
    let top = btrfs.top()?;
    Ok(btrfs.with_root(top))
}

fn assert_same(what: &str, found: &[Record], expected: &[Record]) {
    let lines = manifest::diff(found, &levelled(found, expected));
    let few = lines[..lines.len().min(20)].join("\n");
    assert!(lines.is_empty(), "{what}: {} differences\n{few}", lines.len());
}

/// How many missing disks the weakest profile of the set tolerates.
fn tolerance(btrfs: &Btrfs) -> usize {
    let profiles = btrfs.profiles();
    let names = [profiles.data, profiles.metadata, profiles.system].concat();
    let each = names.iter().map(|name| match *name {
        "raid1" | "raid10" | "raid5" => 1,
        "raid1c3" | "raid6" => 2,
        "raid1c4" => 3,
        _ => 0,
    });
    each.min().unwrap_or(0)
}

#[test]
fn what_a_profile_can_do_without_reads_as_before() {
    for (aged, disks) in sets() {
        let all = open(disks.all()).unwrap();
        let (stands, whole) = (tolerance(&all), all.identity().uuid);
        let (mut degraded, mut refused, mut rebuilt) = (0, 0, 0);
        for missing in subsets(disks.count()) {
            let what = format!("{} without {missing:?}", aged.name);
            let numbers: BTreeSet<u64> = missing.iter().map(|disk| disks.number(*disk)).collect();
            let outcome = open(disks.without(&missing)).and_then(|btrfs| Ok((manifest::of(&btrfs)?, btrfs)));
            match outcome {
                // The seed's disk alone is a filesystem of its own.
                Ok((_, btrfs)) if aged.name == GROWN => assert_ne!(btrfs.identity().uuid, whole, "{what}"),
                Ok((records, btrfs)) => {
                    // After a power failure, each subset replays the log.
                    assert_same(&what, &level(&btrfs, &records), &level(&btrfs, &aged.records));
                    assert_eq!(btrfs.replayed(), all.replayed(), "{what}");
                    let named: BTreeSet<u64> = btrfs.missing().iter().map(|missing| missing.number).collect();
                    assert_eq!(named, numbers, "{what}");
                    assert_eq!(btrfs.summary().unwrap().health, Health::Degraded, "{what}");
                    for missing in btrfs.missing() {
                        let warning = format!("btrfs: {missing} is missing");
                        assert!(
                            btrfs.warnings().iter().any(|w| w.to_string() == warning),
                            "{what}: {warning}"
                        );
                    }
                    (degraded, rebuilt) = (degraded + 1, rebuilt + btrfs.rebuilt());
                }
                Err(Error::Missing(error)) => {
                    assert!(missing.len() > stands, "{what}: {error}");
                    let named = disks.named_in(&error.members);
                    assert!(!named.is_empty() && named.is_subset(&numbers), "{what}: {error}");
                    refused += 1;
                }
                Err(error) => panic!("{what}: {error}"),
            }
        }
        println!("{}: {degraded} subsets read, {rebuilt} bytes rebuilt; {refused} refused", aged.name);
        assert!(stands == 0 || (degraded > 0 && rebuilt > 0), "{}", aged.name);
        let all_but_one = disks.count() - 1;
        assert!(refused > 0 || stands >= all_but_one, "{}", aged.name);
        if degraded > 0 {
            let legs = Legs { fault: "missing".into(), read: degraded, refused, rebuilt };
            Compared::new("btrfs", &aged, &aged.records).with_legs_fault(legs).write();
        }
    }
}

/// A copy of a disk with one in a hundred of its sectors overwritten.
fn lying(disk: &[u8], seed: u64) -> Vec<u8> {
    let mut copy = disk.to_vec();
    for start in (0..copy.len()).step_by(SECTOR) {
        let mut random = Random::new(seed, start);
        let is_label = LABELS.iter().any(|label| label.contains(&start));
        if !is_label && random.below(ONE_IN) == 0 {
            copy[start..start + SECTOR].iter_mut().for_each(|byte| *byte = random.next() as u8);
        }
    }
    copy
}

/// All disks, some of them corrupt.
fn with_liars(disks: &Disks, liars: &[usize]) -> Vec<Rc<dyn BlockRead>> {
    let disk = |(index, disk): (usize, Rc<dyn BlockRead>)| match liars.contains(&index) {
        true => Rc::new(lying(disks.bytes(index), index as u64)) as Rc<dyn BlockRead>,
        false => disk,
    };
    disks.all().into_iter().enumerate().map(disk).collect()
}

#[test]
fn a_leg_that_lies_is_found_out_by_checksums() {
    for (aged, disks) in sets() {
        let stands = tolerance(&open(disks.all()).unwrap());
        let (mut read, mut rebuilt) = (0, 0);
        // As many at once as may be missing.
        for liars in &subsets(disks.count()).filter(|liars| liars.len() <= stands).collect::<Vec<_>>() {
            let what = format!("{}, {liars:?} lie", aged.name);
            let btrfs = open(with_liars(&disks, liars)).unwrap_or_else(|error| panic!("{what}: {error}"));
            let mut records = manifest::of(&btrfs).unwrap_or_else(|error| panic!("{what}: {error}"));
            let unchecked = without_checksums(&btrfs, &mut records, &aged.records);
            assert_same(&what, &level(&btrfs, &records), &level(&btrfs, &aged.records));
            println!("{what}: {} bytes rebuilt, {unchecked} files without checksums differ", btrfs.rebuilt());
            (read, rebuilt) = (read + 1, rebuilt + btrfs.rebuilt());
        }
        assert!(stands == 0 || rebuilt > 0, "{}", aged.name);
        if read > 0 {
            let legs = Legs { fault: "lying".into(), read, refused: 0, rebuilt };
            Compared::new("btrfs", &aged, &aged.records).with_legs_fault(legs).write();
        }
    }
}

/// Corrects the digests of files without checksums that changed; returns their number.
fn without_checksums(btrfs: &Btrfs, found: &mut [Record], expected: &[Record]) -> usize {
    let mut count = 0;
    for record in found.iter_mut() {
        let right = expected.binary_search_by(|other| other.path.cmp(&record.path)).map(|at| &expected[at]);
        let Ok(right) = right.map(|right| right.sha256) else { continue };
        if record.sha256 != right {
            let names = record.path.split(|byte| *byte == b'/');
            let node = names.fold(btrfs.root(), |node, name| btrfs.lookup(&node, name).unwrap());
            if !btrfs.has_checksums(&node).unwrap() {
                (record.sha256, count) = (right, count + 1);
            }
        }
    }
    count
}
