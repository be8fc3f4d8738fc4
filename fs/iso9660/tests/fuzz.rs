// SPDX-License-Identifier: BSD-3-Clause
//! Any bytes are a volume or an error; any files that can be written are read back.

use std::collections::BTreeMap;

use filesystem::FileSystem;
use iso9660::{
    Iso9660,
    fuzz::fuzz,
    write::{Builder, Options},
};
use oracle::manifest;
use proptest::prelude::*;

/// A small image with two directories and a boot entry.
fn image() -> Vec<u8> {
    let bytes = vec![7; 5000];
    let mut builder = Builder::new();
    builder.file("EFI/BOOT/BOOTX64.EFI", &bytes).unwrap();
    builder.file("a rather long name.txt", &bytes[..3000]).unwrap();
    builder.boot_image(&bytes);
    builder.plan(&Options::default()).unwrap().to_bytes(&[], &[]).unwrap()
}

proptest! {
    // After a system area, so that there is something to find.
    #[test]
    fn any_bytes(data in prop::collection::vec(any::<u8>(), 0..4096)) {
        fuzz(&data);
        fuzz(&[vec![0; 32768], data].concat());
    }

    // A few changes from the first descriptor on: the system area has no meaning.
    #[test]
    fn a_changed_image(
        changes in prop::collection::vec((32768..32768 + 12 * 2048usize, any::<u8>()), 1..8),
        length in prop::option::of(32768..32768 + 20 * 2048usize),
    ) {
        let mut image = image();
        for (place, byte) in changes {
            let place = place % image.len();
            image[place] = byte;
        }
        image.truncate(length.unwrap_or(image.len()));
        fuzz(&image);
    }

    #[test]
    fn what_is_written_is_read(
        files in prop::collection::vec(("[a-zA-Z0-9ä .;_-]{1,20}", "[^/\0]{1,30}", 0..9000usize), 0..60),
    ) {
        let bytes: Vec<u8> = (0..9000u32).map(|i| (i % 251) as u8).collect();
        let mut builder = Builder::new();
        let mut expected = BTreeMap::new();
        for (directory, name, length) in &files {
            let path = format!("{directory}/{name}");
            // `.`, `..` and names that were there before are refused.
            if builder.file(&path, &bytes[..*length]).is_ok() {
                expected.insert(path.into_bytes(), *length as u64);
            }
        }
        let image = builder.plan(&Options::default()).unwrap().to_bytes(&[], &[]).unwrap();
        let iso = Iso9660::open(image).unwrap();
        let found: BTreeMap<Vec<u8>, u64> = manifest::of(&iso)
            .unwrap()
            .into_iter()
            .filter(|record| record.sha256.is_some())
            .map(|record| (record.path, record.size))
            .collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn the_unchanged_image_is_sound() {
    fuzz(&image());
    let iso = Iso9660::open(image()).unwrap();
    assert_eq!(manifest::of(&iso).unwrap().len(), 5);
    assert_eq!(iso.boot_entries().unwrap().len(), 1);
    assert_eq!(iso.identity().format, "iso9660");
}
