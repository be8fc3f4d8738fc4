// SPDX-License-Identifier: BSD-3-Clause
//! Images written and aged by Linux read as Linux reads them, even after a power failure.

use std::collections::BTreeMap;

use ext4::Ext4;
use filesystem::{Error, FileSystem, FileType};
use oracle::{
    aged::{self, Aged},
    compared::Compared,
    manifest::{self, Record},
    opinion::{self, Known},
};

/// Maximum number of names to look up in one folder: more would take minutes in a folder without an index.
const LOOKUPS: usize = 600;
/// Offset of `s_feature_incompat`, and its bit for a journal that must be replayed.
const INCOMPAT: usize = 1024 + 0x60;
const NEEDS_RECOVERY: u8 = 4;

/// Known errors of GRUB 2.14 and The Sleuth Kit 4.14.
const KNOWN: &[Known] = &[
    grub("", "something wrong with extent", "reads no file that begins with a hole"),
    // It ignores the highest bit of the length, which marks an unwritten extent.
    grub("", opinion::STALE, "reads as data what was never written"),
    grub("bigalloc", "unknown filesystem", "reads no bigalloc"),
    grub("inline_data", "unknown filesystem", "reads no inline_data"),
    grub("no_checksums", "unknown filesystem", "reads no ea_inode"),
    grub("small", "unknown filesystem", "reads no inline_data"),
    sleuthkit("", "Invalid address in run (too large)", "reads no file that is longer than the volume"),
    sleuthkit("bigalloc", "fragments that are a different size", "reads no bigalloc"),
    sleuthkit("", "only there", "takes nodes of an index of several levels for names"),
];

const fn grub(kind: &'static str, words: &'static str, why: &'static str) -> Known {
    Known { kind, reader: "GRUB", words, why }
}

const fn sleuthkit(kind: &'static str, words: &'static str, why: &'static str) -> Known {
    Known { kind, reader: "Sleuth Kit", words, why }
}

/// The names in each folder.
fn folders(records: &[Record]) -> BTreeMap<&[u8], Vec<&[u8]>> {
    let mut folders = BTreeMap::<_, Vec<_>>::new();
    for record in records.iter().filter(|record| !record.path.is_empty()) {
        let name = record.path.rsplit(|byte| *byte == b'/').next().unwrap();
        let folder = record.path[..record.path.len() - name.len()].strip_suffix(b"/").unwrap_or_default();
        folders.entry(folder).or_default().push(name);
    }
    folders
}

fn assert_found(aged: &Aged, ext4: &Ext4<&[u8]>) {
    let records: BTreeMap<&[u8], &Record> =
        aged.records.iter().map(|record| (record.path.as_slice(), record)).collect();
    for (folder, names) in folders(&aged.records) {
        let start = folder.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
        let node = start.fold(ext4.root(), |node, name| ext4.lookup(&node, name).unwrap());
        for name in names.iter().step_by(names.len().div_ceil(LOOKUPS)) {
            let path = if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() };
            let what = format!("{}: /{}", aged.name, path.escape_ascii());
            let found = ext4.lookup(&node, name).unwrap_or_else(|error| panic!("{what}: {error}"));
            let (attr, record) = (ext4.attr(&found).unwrap(), records[path.as_slice()]);
            assert_eq!((attr.kind, attr.size), (record.kind, record.size), "{what}");
            // The name with a byte more or less belongs to another node, or to none.
            let other = &name[..name.len() - 1];
            if !other.is_empty() && !names.contains(&other) {
                assert_eq!(ext4.lookup(&node, other), Err(Error::NotFound), "{what}");
            }
        }
    }
}

#[test]
fn aged_images_read_as_linux_reads_them() {
    let mut replayed = 0;
    let mut all_opinions = Vec::new();
    for aged in aged::images() {
        replayed += usize::from(aged.bytes[INCOMPAT] & NEEDS_RECOVERY != 0);
        let ext4 = Ext4::open(aged.bytes.as_slice()).unwrap_or_else(|error| panic!("{}: {error}", aged.name));
        let records = manifest::of(&ext4).unwrap_or_else(|error| panic!("{}: {error}", aged.name));
        let lines = manifest::diff(&records, &aged.records);
        let few = lines[..lines.len().min(20)].join("\n");
        assert!(lines.is_empty(), "{}: {} differences\n{few}", aged.name, lines.len());
        assert_found(&aged, &ext4);
        let folders = records.iter().filter(|record| record.kind == FileType::Directory).count();
        println!("{}: {} names in {folders} folders", aged.name, records.len());
        let opinions = opinion::all(&aged, &ext4, Some(("ext", &records)));
        all_opinions.extend(opinions.iter().cloned());
        Compared::new("ext4", &aged, &records).with_opinions(opinions, KNOWN).write();
    }
    assert!(replayed > 0, "no image has a journal to be replayed");
    assert!(opinion::says_something(&all_opinions));
}
