// SPDX-License-Identifier: BSD-3-Clause
//! Images written and aged by Linux read as Linux reads them.

use fat::Fat;
use filesystem::{FileSystem, FileType};
use oracle::{
    aged,
    compared::Compared,
    manifest::{self, Record},
    opinion,
};

/// Maximum number of names to look up in one folder: each lookup walks over all of them.
const LOOKUPS: usize = 100;

/// Units of UTF-16 in an entry of a long name, and how many entries The Sleuth Kit 4.14 reads of the longest names: of
/// more, it loses the last one, and the whole name where that ends within a character.
const UNITS: usize = 13;
const MOST_ENTRIES: usize = 15;

/// A name as The Sleuth Kit shows it, if it can.
fn cut(name: &[u8]) -> Option<Vec<u8>> {
    let units: Vec<u16> = std::str::from_utf8(name).unwrap().encode_utf16().collect();
    let entries = units.len().div_ceil(UNITS);
    if entries <= MOST_ENTRIES {
        return Some(name.to_vec());
    }
    String::from_utf16(&units[..(entries - 1) * UNITS]).ok().map(String::into_bytes)
}

/// The records that The Sleuth Kit shows, with its paths.
fn with_cut_names(records: &[Record]) -> Vec<Record> {
    let path = |path: &[u8]| {
        Some(path.split(|byte| *byte == b'/').map(cut).collect::<Option<Vec<_>>>()?.join(&b'/'))
    };
    let record = |record: &Record| Some(Record { path: path(&record.path)?, ..record.clone() });
    records.iter().filter_map(record).collect()
}

/// FAT has no sizes and link counts of folders, and no attributes of the root.
fn levelled(mut records: Vec<Record>) -> Vec<Record> {
    for record in &mut records {
        if record.kind == FileType::Directory {
            (record.size, record.links) = (0, 0);
        }
        if record.path.is_empty() {
            record.modified = Default::default();
        }
    }
    records
}

#[test]
fn aged_images_read_as_linux_reads_them() {
    for aged in aged::images() {
        let fat = Fat::open(aged.bytes.as_slice()).unwrap_or_else(|error| panic!("{}: {error}", aged.name));
        let records = manifest::of(&fat).unwrap_or_else(|error| panic!("{}: {error}", aged.name));
        let lines = manifest::diff(&levelled(records.clone()), &levelled(aged.records.clone()));
        let few = lines[..lines.len().min(20)].join("\n");
        assert!(lines.is_empty(), "{}: {} differences\n{few}", aged.name, lines.len());
        for record in records.iter().step_by(records.len().div_ceil(LOOKUPS)) {
            let names = record.path.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
            let node = names.fold(fat.root(), |node, name| fat.lookup(&node, name).unwrap());
            assert_eq!(fat.attr(&node).unwrap().size, record.size, "/{}", record.path.escape_ascii());
        }
        println!("{}: {} names", aged.name, records.len());
        // The type is given explicitly: The Sleuth Kit does not recognise a FAT32 with few clusters.
        let kind = if aged.name.contains("12") {
            "fat12"
        } else if aged.name.contains("16") {
            "fat16"
        } else {
            "fat32"
        };
        let opinions = opinion::all(&aged, &fat, Some((kind, &with_cut_names(&records))));
        assert!(opinions.iter().all(|opinion| opinion.files > 0 && opinion.agreed == opinion.files));
        Compared::new("fat", &aged, &records).with_opinions(opinions, &[]).write();
    }
}
