// SPDX-License-Identifier: BSD-3-Clause
//! Any bytes are a volume or an error; any files that can be written are read back.

use std::collections::BTreeMap;

use block::Memory;
use fat::{
    Fat, Kind,
    edit::{Editor, Error},
    fuzz::{fuzz, fuzz_edit},
    write::{Builder, Options, Size},
};
use filesystem::{FileSystem, Timestamp};
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

/// Short and long, in one folder and in others, some of which begin alike.
const PATHS: [&str; 6] = [
    "SHORT.TXT",
    "a long name.txt",
    "a long name too.txt",
    "folder/x",
    "folder/deep/a file of it",
    "other/~1.x",
];

/// A name of what FAT allows, unique without regard to case by its number.
fn name() -> impl Strategy<Value = String> {
    "[A-Za-z0-9äÖж☃😀 +.,;=_~-]{0,30}[A-Z0-9é]"
        .prop_filter("no name on FAT begins with a space", |name| !name.starts_with(' '))
}

proptest! {
    #[test]
    fn any_bytes(data in prop::collection::vec(any::<u8>(), 0..4096)) {
        fuzz(&data);
        fuzz_edit(&data);
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
        fuzz_edit(&image);
    }

    // A model of names and sizes says what each change does.
    #[test]
    fn what_is_changed_is_read(changes in prop::collection::vec((0..3u8, 0..6usize, 0..6usize, 0..9000usize), 1..30)) {
        let options = Options { size: Size::Fit { free: 20_000 }, ..Options::default() };
        let mut editor = Editor::open(Memory::new(Builder::new().build(&options).unwrap())).unwrap();
        let bytes: Vec<u8> = (0..9000u32).map(|i| (i % 251) as u8).collect();
        let mut model: BTreeMap<&str, usize> = BTreeMap::new();
        for (kind, one, other, length) in changes {
            let (path, to) = (PATHS[one], PATHS[other]);
            let result = match kind {
                0 => editor.write(path, &&bytes[..length], Timestamp::default()),
                1 => editor.rename(path, to),
                _ => editor.remove(path),
            };
            match (kind, result) {
                (0, Ok(())) => drop(model.insert(path, length)),
                (1, Ok(())) => {
                    let length = model.remove(path).unwrap();
                    prop_assert!(model.insert(to, length).is_none());
                }
                (_, Ok(())) => prop_assert!(model.remove(path).is_some()),
                (_, Err(Error::Full { needed, free, .. })) => prop_assert!(needed > free),
                (1, Err(Error::Exists { .. })) => prop_assert!(model.contains_key(to)),
                (1 | 2, Err(Error::Volume(filesystem::Error::NotFound))) => {
                    prop_assert!(!model.contains_key(path))
                }
                (_, Err(error)) => prop_assert!(false, "{error}"),
            }
            let records = manifest::of(editor.fat()).unwrap();
            let files = records.iter().filter(|record| record.sha256.is_some());
            let found: BTreeMap<&str, usize> =
                files.map(|record| (str::from_utf8(&record.path).unwrap(), record.size as usize)).collect();
            prop_assert_eq!(&found, &model);
        }
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
