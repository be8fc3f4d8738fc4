// SPDX-License-Identifier: BSD-3-Clause
//! Images that Linux has written and aged read as Linux reads them, also after a power failure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use filesystem::{Error, FileSystem, FileType, Format, Health, MemoryBudget};
use oracle::{
    aged::{self, Aged},
    compared::{self, Compared},
    manifest::{self, Record},
    opinion::{self, Known},
    tools,
};
use xfs::Xfs;

/// Where the superblock has the number of allocation groups.
const SB_AGCOUNT: usize = 88;
/// How many names of one directory are looked up.
const LOOKUPS: usize = 2000;

/// What GRUB 2.14 gets wrong; The Sleuth Kit 4.14 does not read XFS.
const KNOWN: &[Known] = &[
    grub("invalid number of XFS root keys", "reads no tree of extents in some inodes"),
    grub(opinion::STALE, "reads extents that were never written as what stands there"),
];

const fn grub(words: &'static str, why: &'static str) -> Known {
    Known { kind: "", reader: "GRUB", words, why }
}

/// The names in each directory.
fn folders(records: &[Record]) -> BTreeMap<&[u8], Vec<&[u8]>> {
    let mut folders = BTreeMap::<_, Vec<_>>::new();
    for record in records.iter().filter(|record| !record.path.is_empty()) {
        let name = record.path.rsplit(|byte| *byte == b'/').next().unwrap();
        let folder = record.path[..record.path.len() - name.len()].strip_suffix(b"/").unwrap_or_default();
        folders.entry(folder).or_default().push(name);
    }
    folders
}

fn assert_found(aged: &Aged, xfs: &Xfs<&[u8]>) {
    let records: BTreeMap<&[u8], &Record> =
        aged.records.iter().map(|record| (record.path.as_slice(), record)).collect();
    for (folder, names) in folders(&aged.records) {
        let start = folder.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
        let node = start.fold(xfs.root(), |node, name| xfs.lookup(&node, name).unwrap());
        for name in names.iter().step_by(names.len().div_ceil(LOOKUPS)) {
            let path = if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() };
            let what = format!("{}: /{}", aged.name, path.escape_ascii());
            let found = xfs.lookup(&node, name).unwrap_or_else(|error| panic!("{what}: {error}"));
            let (attr, record) = (xfs.attr(&found).unwrap(), records[path.as_slice()]);
            assert_eq!((attr.kind, attr.size), (record.kind, record.size), "{what}");
            // The name without its last byte belongs to another file, or to none.
            let other = &name[..name.len() - 1];
            let is_other = |name: &&[u8]| name.eq_ignore_ascii_case(other);
            if !other.is_empty() && !names.iter().any(is_other) {
                assert_eq!(xfs.lookup(&node, other), Err(Error::NotFound), "{what}");
            }
        }
    }
}

/// Whether the log has changes that were not written back: it does not end with an unmount.
fn is_dirty(aged: &Aged) -> bool {
    aged.name.contains("crash")
}

/// Whether that is a log of version 4, which is not replayed.
fn is_of_version_4(aged: &Aged) -> bool {
    ["crash_v4", "crash_log_v1"].contains(&compared::kind(&aged.name))
}

/// The number of warnings if other filesystems leave no memory for a log: the disk is then read without it.
fn warnings_beside_others(aged: &Aged) -> usize {
    let memory = MemoryBudget::default();
    let _others = memory.claim(Format::Ext4, memory.left_for_log()).unwrap();
    let xfs = Xfs::open_within(aged.bytes.as_slice(), &memory).unwrap();
    assert!(xfs.attr(&xfs.root()).is_ok());
    let warnings: Vec<String> = xfs.warnings().iter().map(ToString::to_string).collect();
    assert!(warnings.iter().all(|warning| warning.contains("its log is not replayed (XFS: no memory for ")));
    warnings.len()
}

#[test]
fn aged_images_read_as_linux_reads_them() {
    let (mut replayed, mut warned) = (0, 0);
    let mut all_opinions = Vec::new();
    for aged in aged::images() {
        let xfs = Xfs::open(aged.bytes.as_slice()).unwrap_or_else(|error| panic!("{}: {error}", aged.name));
        let warnings: Vec<String> = xfs.warnings().iter().map(ToString::to_string).collect();
        if is_of_version_4(&aged) {
            // It may be out of date compared with what Linux reads, or damaged.
            let [warning] = warnings.as_slice() else { panic!("{}: {warnings:?}", aged.name) };
            assert!(warning.contains("dirty log of a version 4 filesystem"), "{}: {warning}", aged.name);
            assert_eq!(xfs.summary().unwrap().health, Health::Degraded, "{}", aged.name);
            warned += 1;
            continue;
        }
        assert!(warnings.is_empty(), "{}: {warnings:?}", aged.name);
        replayed += usize::from(is_dirty(&aged));
        assert_eq!(warnings_beside_others(&aged), usize::from(is_dirty(&aged)), "{}", aged.name);
        let details = xfs.summary().unwrap().details;
        assert_eq!(
            details.iter().any(|(name, _)| *name == "log"),
            is_dirty(&aged),
            "{}: {details:?}",
            aged.name
        );
        let records = manifest::of(&xfs).unwrap_or_else(|error| panic!("{}: {error}", aged.name));
        let lines = manifest::diff(&records, &aged.records);
        let few = lines[..lines.len().min(20)].join("\n");
        assert!(lines.is_empty(), "{}: {} differences\n{few}", aged.name, lines.len());
        assert_found(&aged, &xfs);
        let folders = records.iter().filter(|record| record.kind == FileType::Directory).count();
        println!("{}: {} names in {folders} folders", aged.name, records.len());
        let opinions = opinion::all(&aged, &xfs, None);
        all_opinions.extend(opinions.iter().cloned());
        Compared::new("xfs", &aged, &records).with_opinions(opinions, KNOWN).write();
    }
    println!("{replayed} logs replayed, {warned} not");
    assert!(replayed > 0, "no image has a log to be replayed");
    assert!(opinion::says_something(&all_opinions));
}

/// Log items that Linux writes, with their names in `xfs_logprint`, and those so rare that only the images of
/// `//fs:matrix` have them.
const ITEMS: [&str; 3] = ["BUF", "INODE", "EFI"];
const MORE_ITEMS: [&str; 7] = ["ATTRI", "BUI", "CUI", "DQUOT", "ICR", "RUI", "XMI"];

/// The output of a program of xfsprogs for an image; it may fail at the end of a log that it does not know.
fn printed(program: &str, options: &[&str], aged: &Aged) -> String {
    let image = tools::work_dir("printed").join("image");
    fs::write(&image, &aged.bytes).unwrap();
    let output = tools::output(program, &[options, &[image.to_str().unwrap()]].concat());
    fs::remove_file(&image).unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The number of inode records with blocks that are not theirs: `N:[startino,holemask,…]` with a mask.
fn sparse_chunks(aged: &Aged) -> usize {
    let groups = aged.bytes[SB_AGCOUNT..][..4].iter().fold(0, |count, byte| count << 8 | u32::from(*byte));
    let of_group = |group| {
        ["-c".into(), format!("agi {group}"), "-c".into(), "addr root".into(), "-c".into(), "btdump".into()]
    };
    let options: Vec<String> = (0..groups).flat_map(of_group).collect();
    let options: Vec<&str> = ["-r"].into_iter().chain(options.iter().map(String::as_str)).collect();
    let printed = printed("xfs_db", &options, aged);
    let masks = printed.lines().filter_map(|line| line.split_once(":[")?.1.split(',').nth(1));
    masks.filter(|mask| *mask != "0").count()
}

/// The form in which the blocks of the directory with the most names are mapped.
fn form_of_largest_folder(aged: &Aged) -> String {
    let folders = folders(&aged.records);
    let (folder, _) = folders.iter().max_by_key(|(_, names)| names.len()).unwrap();
    let xfs = Xfs::open(aged.bytes.as_slice()).unwrap();
    let names = folder.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
    let node = names.fold(xfs.root(), |node, name| xfs.lookup(&node, name).unwrap());
    let options = ["-r", "-c", &format!("inode {}", node.0), "-c", "p core.format"];
    printed("xfs_db", &options, aged)
}

#[test]
fn images_have_what_they_were_made_for() {
    let (mut items, mut sparse) = (BTreeSet::new(), BTreeMap::new());
    let mut wanted = BTreeSet::from(ITEMS);
    for aged in aged::images() {
        match compared::kind(&aged.name) {
            "sparse_inodes" => drop(sparse.insert(aged.name.clone(), sparse_chunks(&aged))),
            "many_names" => {
                assert_eq!(form_of_largest_folder(&aged), "core.format = 3 (btree)\n", "{}", aged.name)
            }
            "crash_quota" => wanted.extend(MORE_ITEMS),
            _ => {}
        }
        if is_dirty(&aged) {
            let printed = printed("xfs_logprint", &["-c"], &aged);
            let names = printed.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name);
            items.extend(
                names.filter(|name| wanted.contains(name) || MORE_ITEMS.contains(name)).map(String::from),
            );
        }
    }
    println!("{items:?}, sparse chunks: {sparse:?}");
    let missing: Vec<&&str> = wanted.iter().filter(|item| !items.contains(**item)).collect();
    assert!(missing.is_empty(), "no log has {missing:?}");
    assert!(sparse.is_empty() || sparse.values().any(|chunks| *chunks > 0), "{sparse:?}");
}
