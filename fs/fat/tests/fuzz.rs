// SPDX-License-Identifier: BSD-3-Clause
//! Any bytes are a volume or an error; any files that can be written are read back.

use std::collections::BTreeMap;

use fat::{
    Fat, Kind,
    fuzz::fuzz,
    write::{Builder, Options, Size},
};
use filesystem::FileSystem;
use oracle::manifest;
use proptest::prelude::*;

/// A small volume with long names, a directory and files of several clusters.
fn volume(kind: Kind) -> Vec<u8> {
    let bytes = vec![7; 9000];
    let mut builder = Builder::new();
    builder.file("EFI/BOOT/BOOTX64.EFI", &bytes).unwrap();
    builder.file("a rather long name.txt", &bytes[..5000]).unwrap();
    builder.file("EMPTY", b"").unwrap();
    builder.build(&Options { kind: Some(kind), label: "LABEL".into(), ..Options::default() }).unwrap()
}

/// A name of what FAT allows, unique without regard to case by its number.
fn name() -> impl Strategy<Value = String> {
    "[A-Za-z0-9äÖж☃😀 +.,;=_~-]{0,30}[A-Z0-9é]"
        .prop_filter("no name on FAT begins with a space", |name| !name.starts_with(' '))
}

proptest! {
    #[test]
    fn any_bytes(data in prop::collection::vec(any::<u8>(), 0..4096)) {
        fuzz(&data);
    }

    // Few changes in the first 40 KiB: boot sector, FATs and directories stand there.
    #[test]
    fn a_changed_volume(
        changes in prop::collection::vec((0..40 * 1024usize, any::<u8>()), 1..8),
        length in prop::option::of(0..60 * 1024usize),
    ) {
        let mut image = volume(Kind::Fat12);
        for (place, byte) in changes {
            let place = place % image.len();
            image[place] = byte;
        }
        image.truncate(length.unwrap_or(image.len()));
        fuzz(&image);
    }

    #[test]
    fn what_is_written_is_read(
        files in prop::collection::vec((name(), name(), 0..20_000usize), 0..40),
        free in 0..100_000u64,
    ) {
        let bytes: Vec<u8> = (0..20_000u32).map(|i| (i % 251) as u8).collect();
        let mut builder = Builder::new();
        let mut expected = BTreeMap::new();
        for (directory, name, length) in &files {
            let path = format!("{directory}/{name}");
            // A name that differs only in case from one before, or is the other's directory, is refused.
            if builder.file(&path, &bytes[..*length]).is_ok() {
                expected.insert(path.to_lowercase().into_bytes(), *length as u64);
            }
        }
        let options = Options { size: Size::Fit { free }, ..Options::default() };
        let fat = Fat::open(builder.build(&options).unwrap()).unwrap();
        let lower = |path: &[u8]| String::from_utf8_lossy(path).to_lowercase().into_bytes();
        let found: BTreeMap<Vec<u8>, u64> = manifest::of(&fat)
            .unwrap()
            .iter()
            .filter(|record| record.sha256.is_some())
            .map(|record| (lower(&record.path), record.size))
            .collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn the_unchanged_volumes_are_sound() {
    for kind in [Kind::Fat12, Kind::Fat16, Kind::Fat32] {
        let fat = Fat::open(volume(kind)).unwrap();
        assert_eq!((fat.kind(), manifest::of(&fat).unwrap().len()), (kind, 6));
        assert_eq!(fat.identity().label, b"LABEL");
    }
    fuzz(&volume(Kind::Fat12));
}
