// SPDX-License-Identifier: BSD-3-Clause
//! What Linux has written and aged reads as Linux reads it.

use fat::Fat;
use filesystem::{FileSystem, FileType};
use oracle::{
    aged,
    manifest::{self, Record},
};

/// Names of one folder that are looked up: each is a walk over all of them.
const LOOKUPS: usize = 100;

/// FAT has no sizes and links of folders, and nothing of its root.
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
        let lines = manifest::diff(&levelled(records.clone()), &levelled(aged.records));
        let few = lines[..lines.len().min(20)].join("\n");
        assert!(lines.is_empty(), "{}: {} differences\n{few}", aged.name, lines.len());
        for record in records.iter().step_by(records.len().div_ceil(LOOKUPS)) {
            let names = record.path.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
            let node = names.fold(fat.root(), |node, name| fat.lookup(&node, name).unwrap());
            assert_eq!(fat.attr(&node).unwrap().size, record.size, "/{}", record.path.escape_ascii());
        }
        println!("{}: {} names", aged.name, records.len());
    }
}
