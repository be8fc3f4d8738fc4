// SPDX-License-Identifier: BSD-3-Clause
//! Power may fail at any point of a change, and every file is whole.
//!
//! The writes of each change are recorded. A possible state of the disk is everything written up to a flush, and any
//! part of what was written until the next one: all subsets of its sectors if they are few, as between two flushes of
//! metadata, otherwise all prefixes and some subsets. Our reader reads each state, once with each FAT; fsck.fat repairs
//! a part of them without asking; Linux reads the final ones.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use block::{BlockRead, BlockWrite, ReadError, check_bounds};
use fat::{Fat, edit::Editor};
use filesystem::{FileSystem, FileType, Timestamp};
use oracle::{
    aged, manifest,
    random::Random,
    tools::{output, run, work_dir},
};
use uml::Machine;

/// Printed by Linux when it has read everything.
const DONE: &str = "power: done";
const SECTOR: usize = 512;
/// Sectors of metadata between two flushes.
const MOST_SECTORS: usize = 8;
/// Number of subsets for a larger group of sectors: content, to which no structure refers yet.
const SUBSETS: usize = 12;
/// One of this many states is checked with fsck.fat.
const CHECKED: usize = 40;
const TIME: Timestamp = Timestamp { seconds: 1_767_323_044, nanoseconds: 0 };

/// An operation on a device.
#[derive(Clone, Debug)]
enum Event {
    Write(u64, Vec<u8>),
    Flush,
}

/// A disk in memory that records the operations on it.
#[derive(Debug)]
struct Recorder {
    bytes: RefCell<Vec<u8>>,
    events: RefCell<Vec<Event>>,
}

impl Recorder {
    fn new(bytes: Vec<u8>) -> Self {
        Self { bytes: RefCell::new(bytes), events: RefCell::default() }
    }
}

impl BlockRead for Recorder {
    fn size(&self) -> u64 {
        self.bytes.borrow().len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.bytes.borrow().as_slice().read_at(offset, buf)
    }
}

impl BlockWrite for Recorder {
    fn write_at(&self, offset: u64, buf: &[u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.size())?;
        assert!(offset.is_multiple_of(SECTOR as u64) && buf.len().is_multiple_of(SECTOR), "whole sectors");
        self.bytes.borrow_mut()[offset as usize..][..buf.len()].copy_from_slice(buf);
        self.events.borrow_mut().push(Event::Write(offset, buf.to_vec()));
        Ok(())
    }

    fn flush(&self) -> Result<(), ReadError> {
        self.events.borrow_mut().push(Event::Flush);
        Ok(())
    }
}

/// A file's or a folder's path, and the bytes of a file.
type Files = BTreeMap<String, Option<Vec<u8>>>;

/// All files of a volume, which are read as a whole.
fn files(image: &[u8]) -> Result<Files, String> {
    let fat = Fat::open(image).map_err(|error| error.to_string())?;
    let mut files = Files::new();
    let mut waiting = vec![(String::new(), fat.root())];
    while let Some((path, node)) = waiting.pop() {
        let mut children = Vec::new();
        fat.read_dir(&node, &mut |name, child, kind| {
            children.push((format!("{path}/{}", String::from_utf8_lossy(name)), child, kind));
            std::ops::ControlFlow::Continue(())
        })
        .map_err(|error| format!("{path}: {error}"))?;
        for (path, child, kind) in children {
            let bytes = if kind == Some(FileType::Directory) {
                waiting.push((path.clone(), child));
                None
            } else {
                let size = fat.attr(&child).unwrap().size as usize;
                let mut bytes = vec![0; size];
                let read = fat.read_at(&child, 0, &mut bytes).map_err(|error| format!("{path}: {error}"))?;
                assert_eq!(read, size);
                Some(bytes)
            };
            if files.insert(path.clone(), bytes).is_some() {
                return Err(format!("{path} twice"));
            }
        }
    }
    Ok(files)
}

/// Locations of the structures of a volume, from its boot sector.
struct Layout {
    fats: Vec<(usize, usize)>,
}

impl Layout {
    fn of(image: &[u8]) -> Self {
        let half = |at: usize| u16::from_le_bytes([image[at], image[at + 1]]) as usize;
        let sector = half(11);
        let length = match half(22) {
            0 => u32::from_le_bytes(image[36..40].try_into().unwrap()) as usize,
            sectors => sectors,
        };
        let fats = (0..image[16] as usize).map(|number| (half(14) + number * length) * sector);
        Self { fats: fats.map(|start| (start, length * sector)).collect() }
    }

    /// The volume as seen by a reader of the last FAT.
    fn with_last_fat(&self, image: &[u8]) -> Vec<u8> {
        let mut image = image.to_vec();
        let ((first, length), (last, _)) = (self.fats[0], *self.fats.last().unwrap());
        image.copy_within(last..last + length, first);
        image
    }
}

/// The allowed states: the files before or after a change or, for a change in two steps, in between.
struct Expected<'a> {
    name: &'a str,
    states: Vec<Files>,
}

impl Expected<'_> {
    fn check(&self, image: &[u8], layout: &Layout, what: &str) {
        for image in [image, &layout.with_last_fat(image)] {
            let mut found = files(image).unwrap_or_else(|error| panic!("{} {what}: {error}", self.name));
            // Files that fsck.fat makes from lost clusters.
            found.retain(|path, _| !(path.starts_with("/FSCK") && path.ends_with(".REC")));
            if !self.states.contains(&found) {
                let names: Vec<&String> = found.keys().collect();
                panic!("{} {what}: neither before nor after: {names:?}", self.name);
            }
        }
    }
}

/// Allowed messages of fsck.fat, all about things that it repairs without asking.
fn is_harmless(line: &str) -> bool {
    let line = line.trim();
    [
        "fsck.fat ",
        "FATs differ but appear to be intact",
        "Using first FAT",
        "Reclaimed ",
        "Free cluster summary wrong",
        "Auto-correcting",
        "Orphaned long file name part",
        "Auto-deleting",
        "Cluster ", // "out of range": half of a FAT12 entry, of a lost cluster
        "*** Filesystem was changed ***",
        "Writing changes",
        "There is 1 free cluster",
        "1: Use first FAT",
    ]
    .iter()
    .any(|start| line.starts_with(start))
        || line.is_empty()
        || line.contains(" files, ")
}

/// Copies of states for fsck.fat.
struct Checker {
    path: PathBuf,
    checked: usize,
}

impl Checker {
    fn new(name: &str) -> Self {
        Self { path: work_dir(name).join("image"), checked: 0 }
    }

    /// Repairs a state as an unattended machine does, and reads it again.
    fn check(&mut self, image: &[u8], expected: &Expected<'_>, what: &str) {
        self.checked += 1;
        let path = self.path.to_str().unwrap();
        fs::write(path, image).unwrap();
        let repaired = output("fsck.fat", &["-a", path]);
        let said = String::from_utf8_lossy(&repaired.stdout).into_owned();
        let odd: Vec<&str> = said.lines().filter(|line| !is_harmless(line)).collect();
        assert!(odd.is_empty(), "{} {what}: {odd:?} in\n{said}", expected.name);
        assert!(matches!(repaired.status.code(), Some(0 | 1)), "{} {what}: {said}", expected.name);
        let again = output("fsck.fat", &["-n", path]);
        let said = String::from_utf8_lossy(&again.stdout).into_owned();
        assert!(again.status.success(), "{} {what}: {said}", expected.name);
        let image = fs::read(path).unwrap();
        expected.check(&image, &Layout::of(&image), &format!("{what}, repaired"));
    }
}

/// Sectors that are written between two flushes.
type Group = Vec<(usize, Vec<u8>)>;

fn groups(events: &[Event]) -> Vec<Group> {
    let groups = events.split(|event| matches!(event, Event::Flush));
    let sectors = |event: &Event| match event {
        Event::Write(offset, bytes) => {
            let sectors = bytes.chunks(SECTOR).enumerate();
            sectors.map(|(index, sector)| (*offset as usize + index * SECTOR, sector.to_vec())).collect()
        }
        Event::Flush => Vec::new(),
    };
    let groups: Vec<Group> = groups.map(|group| group.iter().flat_map(sectors).collect()).collect();
    assert!(groups.last().unwrap().is_empty(), "everything is flushed");
    groups
}

/// Subsets of this many sectors: all of them if they are few.
fn subsets(count: usize, random: &mut Random) -> Vec<Vec<usize>> {
    if count <= MOST_SECTORS {
        return (0..1usize << count)
            .map(|bits| (0..count).filter(|index| bits >> index & 1 == 1).collect())
            .collect();
    }
    let prefixes = (0..=count).map(|length| (0..length).collect());
    let mut any = || (0..count).filter(|_| random.below(2) == 1).collect();
    let subsets: Vec<Vec<usize>> = (0..SUBSETS).map(|_| any()).collect();
    prefixes.chain(subsets).collect()
}

/// Counters of a test.
#[derive(Debug)]
struct Counted {
    name: String,
    changes: usize,
    states: usize,
    checked: usize,
}

impl Counted {
    fn new(name: &str) -> Self {
        Self { name: name.into(), changes: 0, states: 0, checked: 0 }
    }
}

/// Checks every state that a power failure during a change can leave. Returns the volume after the change.
fn change(
    name: &str,
    image: &[u8],
    counted: &mut Counted,
    act: impl FnOnce(&mut Editor<Recorder>),
    between: impl FnOnce(&Files, &Files) -> Vec<Files>,
) -> Vec<u8> {
    let mut editor = Editor::open(Recorder::new(image.to_vec())).unwrap();
    act(&mut editor);
    let device = editor.into_device();
    let (events, after) = (device.events.into_inner(), device.bytes.into_inner());
    let layout = Layout::of(image);
    let (old, new) = (files(image).unwrap(), files(&after).unwrap());
    assert_ne!(old, new, "{name}");
    let mut states = between(&old, &new);
    states.extend([old, new]);
    let expected = Expected { name, states };
    let mut checker = Checker::new(&format!("power-{}", counted.name));
    let mut random = Random::new(7, counted.changes);
    let mut disk = image.to_vec();
    let mut seen = BTreeSet::new();
    for (number, group) in groups(&events).iter().enumerate() {
        let distinct: BTreeSet<usize> = group.iter().map(|(at, _)| *at).collect();
        assert_eq!(distinct.len(), group.len(), "{name}: a sector twice between two flushes");
        assert!(is_content(group, &layout, image) || group.len() <= MOST_SECTORS, "{name}: group {number}");
        for subset in subsets(group.len(), &mut random) {
            let mut state = disk.clone();
            for (at, sector) in subset.iter().map(|index| &group[*index]) {
                state[*at..][..SECTOR].copy_from_slice(sector);
            }
            let what = format!("group {number} of {} sectors, {subset:?}", group.len());
            expected.check(&state, &layout, &what);
            counted.states += 1;
            // The content of lost clusters does not matter to fsck.fat.
            let is_checked = group.len() <= MOST_SECTORS && seen.insert((number, subset.len()));
            if is_checked || random.below(CHECKED) == 0 {
                checker.check(&state, &expected, &what);
            }
        }
        for (at, sector) in group {
            disk[*at..][..SECTOR].copy_from_slice(sector);
        }
    }
    assert!(disk == after);
    checker.check(&after, &expected, "at the end");
    counted.changes += 1;
    counted.checked += checker.checked;
    after
}

/// Whether a group has no metadata: no FAT, and nothing before the first cluster.
fn is_content(group: &Group, layout: &Layout, image: &[u8]) -> bool {
    let (last, length) = *layout.fats.last().unwrap();
    let root_slots = u16::from_le_bytes([image[17], image[18]]) as usize;
    let data = last + length + root_slots * 32;
    group.iter().all(|(at, _)| *at >= data)
}

fn pattern(length: usize, seed: usize) -> Vec<u8> {
    (0..length).map(|i| (i.wrapping_mul(31) ^ (i >> 8) ^ seed) as u8).collect()
}

fn none(_: &Files, _: &Files) -> Vec<Files> {
    Vec::new()
}

/// In between, the files of before and of after both exist.
fn both(old: &Files, new: &Files) -> Vec<Files> {
    vec![old.iter().chain(new).map(|(path, bytes)| (path.clone(), bytes.clone())).collect()]
}

/// Changes of every kind, with content of up to 64 KiB.
fn changes(mut image: Vec<u8>, counted: &mut Counted) -> Vec<u8> {
    let long = format!("{} of a name.txt", "x".repeat(214));
    let writes = [
        ("/SHORT.TXT", 0, 1),
        ("/a long name of a file.conf", 1, 2),
        ("/loader/entries/an entry.conf", 5000, 3),
        ("/SHORT.TXT", 65_536, 4),
        ("/loader/entries/an entry.conf", 20_000, 5),
        ("/a long name of a file.conf", 0, 6),
        (&format!("/loader/{long}"), 513, 7),
    ];
    for (path, length, seed) in writes {
        let bytes = pattern(length, seed);
        let act = |editor: &mut Editor<Recorder>| editor.write(path, &bytes, TIME).unwrap();
        image = change(&format!("write {path} {length}"), &image, counted, act, none);
        assert_eq!(files(&image).unwrap()[path], Some(bytes));
    }
    for (from, to, between) in [
        ("/loader/entries/an entry.conf", "/loader/entries/another entry.conf", both as fn(&_, &_) -> _),
        ("/SHORT.TXT", "/loader/Made/of a short one.txt", both),
        ("/loader/entries", "/loader/Entries", none),
    ] {
        let act = |editor: &mut Editor<Recorder>| editor.rename(from, to).unwrap();
        image = change(&format!("rename {from} {to}"), &image, counted, act, between);
    }
    for path in [
        format!("/loader/{long}"),
        "/loader/made/of a short one.txt".into(),
        "/LOADER/MADE".into(),
        "/loader/entries/another entry.conf".into(),
    ] {
        let act = |editor: &mut Editor<Recorder>| editor.remove(&path).unwrap();
        image = change(&format!("remove {path}"), &image, counted, act, none);
    }
    let act =
        |editor: &mut Editor<Recorder>| editor.create_folder("/new folders/b/c d e f g h i", TIME).unwrap();
    change("create folders", &image, counted, act, none)
}

/// A folder that grows by a cluster, and by two.
fn growth(mut image: Vec<u8>, counted: &mut Counted) -> Vec<u8> {
    for number in 0..12 {
        let path = format!("/grows/file number {number} {}", "of many ".repeat(number * 2));
        let path = path.trim_end();
        let bytes = pattern(number * 100, number);
        let act = |editor: &mut Editor<Recorder>| editor.write(path, &bytes, TIME).unwrap();
        image = change(&format!("write {path}"), &image, counted, act, none);
    }
    image
}

/// Small, since every state is read; mkfs.fat can make a FAT32 of any size.
fn made_by_mkfs(bits: &str, size: usize) -> Vec<u8> {
    let image = work_dir(&format!("mkfs{bits}")).join("image");
    fs::write(&image, vec![0; size]).unwrap();
    let image = image.to_str().unwrap();
    run("mkfs.fat", &["-F", bits, "-i", "0e1f0001", "-s", "1", image]);
    fs::read(image).unwrap()
}

/// Changes of a volume, and a final check by Linux.
fn all(name: &str, image: Vec<u8>) {
    let mut counted = Counted::new(name);
    let image = changes(image, &mut counted);
    let end = growth(image, &mut counted);
    println!("{counted:?}");
    assert!(counted.states > 500 && counted.checked > 100);
    linux_reads(&work_dir(&format!("linux-{name}")), &end);
}

#[test]
fn fat12() {
    all("fat12", made_by_mkfs("12", 640 << 10));
}

#[test]
fn fat16() {
    all("fat16", made_by_mkfs("16", 2500 << 10));
}

#[test]
fn fat32() {
    all("fat32", made_by_mkfs("32", 640 << 10));
}

#[test]
fn aged_fat12() {
    all("aged12", aged::image("small12").bytes);
}

#[test]
fn aged_fat16() {
    all("aged16", aged::image("small16").bytes);
}

#[test]
fn aged_fat32() {
    all("aged32", aged::image("small32").bytes);
}

/// The FAT entries of clusters 341 and 682 cross a sector boundary. A folder that ends with one of them grows.
#[test]
fn an_entry_of_two_sectors_is_changed_in_two_steps() {
    let mut counted = Counted::new("cut");
    for (cluster, bits) in [(341usize, 0x8), (682, 0xf8)] {
        let mut editor = Editor::open(Recorder::new(made_by_mkfs("12", 640 << 10))).unwrap();
        // Clusters are allocated in order, from number 2 on: the folder gets the one after those of the filler.
        editor.write("/FILLER", &vec![1; (cluster - 2) * SECTOR], TIME).unwrap();
        for number in 0..4 {
            editor.write(&format!("/folder/a name of three slots {number}"), &b"".as_slice(), TIME).unwrap();
        }
        let image = editor.into_device().bytes.into_inner();
        let act = |editor: &mut Editor<Recorder>| {
            editor.write("/folder/a name of three slots 5", &b"bytes".as_slice(), TIME).unwrap();
        };
        let image = change(&format!("grow {cluster}"), &image, &mut counted, act, none);
        let place = Layout::of(&image).fats[0].0 + cluster * 3 / 2;
        assert_eq!(place % SECTOR, SECTOR - 1);
        let pair = u16::from_le_bytes([image[place], image[place + 1]]);
        let next = if cluster % 2 == 0 { pair & 0xfff } else { pair >> 4 };
        assert!(next < 0xff0 && next & bits == bits, "{next:#x}");
    }
}

/// Linux in User-mode Linux mounts a volume and reads what we read.
fn linux_reads(work: &Path, image: &[u8]) {
    let (disk, script, list) = (work.join("disk"), work.join("script"), work.join("list"));
    fs::write(&disk, image).unwrap();
    let text = format!(
        "#!/bin/sh
        export PATH=/usr/sbin:/usr/bin:/sbin:/bin
        for module in nls/nls_cp437 nls/nls_iso8859-1 nls/nls_ascii nls/nls_utf8 fat/fat fat/vfat; do
            busybox insmod /usr/lib/uml/modules/$(uname -r)/kernel/fs/$module.ko
        done
        mount -t vfat -o ro,utf8=1,tz=UTC /dev/ubda /mnt && cd /mnt && find . -type f -exec sha256sum {{}} + \
            | sort -k2 >{} && echo {DONE}
        exec busybox poweroff -f
        ",
        list.display(),
    );
    fs::write(&script, text).unwrap();
    let arguments = [script.display().to_string()];
    let machine = Machine { memory: 128, disks: &[disk], work };
    machine.run(Path::new("/bin/sh"), &arguments, DONE).unwrap_or_else(|said| panic!("{said}"));
    let records = manifest::of(&Fat::open(image).unwrap()).unwrap();
    let line = |record: &manifest::Record| {
        let hash = record.sha256?.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Some(format!("{hash}  ./{}", String::from_utf8_lossy(&record.path)))
    };
    let ours: BTreeSet<String> = records.iter().filter_map(line).collect();
    let theirs: BTreeSet<String> = fs::read_to_string(&list).unwrap().lines().map(str::to_string).collect();
    assert!(
        ours.len() > 10 && ours == theirs,
        "{:?}",
        ours.symmetric_difference(&theirs).collect::<Vec<_>>()
    );
}
