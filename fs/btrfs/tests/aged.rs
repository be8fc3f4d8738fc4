// SPDX-License-Identifier: BSD-3-Clause
//! What Linux has written and aged reads as Linux reads it, from one disk and from several.

mod degraded;

use btrfs::Btrfs;
use degraded::{Disks, From, levelled};
use filesystem::FileSystem;
use oracle::{
    aged::{self, Aged},
    manifest::{self, Record},
};

fn assert_same(what: &str, found: &[Record], expected: &[Record]) {
    let lines = manifest::diff(found, &levelled(found, expected));
    let few = lines[..lines.len().min(20)].join("\n");
    assert!(lines.is_empty(), "{what}: {} differences\n{few}", lines.len());
}

#[test]
fn aged_images_read_as_linux_reads_them() {
    for aged in aged::images() {
        let what = &aged.name;
        let disks = Disks::new(aged.disks().map(<[u8]>::to_vec));
        let btrfs = Btrfs::open(disks.all()).unwrap_or_else(|error| panic!("{what}: {error}"));
        println!("{what}: {:?} {:?}", btrfs.profiles(), btrfs.warnings());
        let subvolumes = aged.btrfs.as_ref().unwrap();
        let list = btrfs.subvolumes().unwrap();
        println!("{} subvolumes", list.len());
        let top = manifest::of(&From(&btrfs, btrfs.top().unwrap()))
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        if what == "crash" {
            continue;
        }
        assert_same(what, &top, &aged.records);
        let records = manifest::of(&btrfs).unwrap_or_else(|error| panic!("{what}: {error}"));
        println!("{what}: {} names, {} in the default subvolume", top.len(), records.len());
        assert_same(what, &records, &subvolumes.default);
    }
}
