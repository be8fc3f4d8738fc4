// SPDX-License-Identifier: BSD-3-Clause
//! Setting a label gives the same bytes as `tune2fs -L`.

use std::fs;

use block::Memory;
use ext4::{
    Ext4,
    label::{self, LabelError},
};
use filesystem::FileSystem;
use oracle::tools::{command, run, work_dir};

/// Options of mke2fs, and KiB of the filesystem: several groups each.
const KINDS: [(&str, &str, u32); 9] = [
    ("1k", "-t ext4 -b 1024", 60_000),
    ("4k", "-t ext4 -b 4096", 140_000),
    ("no-csum", "-t ext4 -b 1024 -O ^metadata_csum", 60_000),
    ("seed", "-t ext4 -b 1024 -O metadata_csum_seed", 60_000),
    ("two", "-t ext4 -b 1024 -O sparse_super2", 60_000),
    ("one", "-t ext4 -b 1024 -O sparse_super2 -E num_backup_sb=1", 60_000),
    ("all", "-t ext2 -b 1024 -O ^sparse_super,^resize_inode", 60_000),
    ("meta-bg", "-t ext4 -b 1024 -O meta_bg,^resize_inode", 60_000),
    ("bigalloc", "-t ext4 -b 1024 -O bigalloc -C 16384", 140_000),
];

/// Runs a program with a fixed time, so that `s_wtime` does not differ.
fn e2fs(program: &str, args: &[&str]) {
    let output = command(program).args(args).env("E2FSPROGS_FAKE_TIME", "1760000000").output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn image(name: &str, options: &str, kib: u32) -> String {
    let path = work_dir(name).join("image").to_str().unwrap().to_string();
    let options: Vec<&str> = options.split(' ').collect();
    e2fs("mke2fs", &[&["-q", "-F", "-L", "old label"], &options[..], &[&path, &format!("{kib}k")]].concat());
    path
}

fn set(image: &str, label: &[u8]) -> Result<Vec<u8>, LabelError> {
    let device = Memory::new(fs::read(image).unwrap());
    label::set(&device, label)?;
    Ok(device.into_inner())
}

#[test]
fn a_label_is_set_as_tune2fs_sets_it() {
    for (name, options, kib) in KINDS {
        let image = image(name, options, kib);
        let before = fs::read(&image).unwrap();
        for label in ["sixteen bytes ok", "short", "ü", ""] {
            let ours = set(&image, label.as_bytes()).unwrap();
            e2fs("tune2fs", &["-L", label, &image]);
            assert!(ours == fs::read(&image).unwrap(), "{name} {label}");
            assert_eq!(Ext4::open(ours.as_slice()).unwrap().identity().label, label.as_bytes(), "{name}");
        }
        let after = set(&image, b"old label").unwrap();
        assert!(after == before, "{name}: nothing but the label and its checksum");
        fs::write(&image, after).unwrap();
        run("e2fsck", &["-fn", &image]);
    }
}

#[test]
fn a_copy_that_is_none_is_left_alone() {
    let image = image("copy", "-t ext4 -b 1024", 60_000);
    let sound = fs::read(&image).unwrap();
    let copy = 8193 * 1024;
    // Its magic number, its UUID, a field under its checksum.
    for at in [0x38, 0x68, 0x4] {
        let mut bytes = sound.clone();
        bytes[copy + at] ^= 1;
        fs::write(&image, &bytes).unwrap();
        let after = set(&image, b"new").unwrap();
        assert!(after[copy..copy + 1024] == bytes[copy..copy + 1024], "byte {at:#x}");
        assert_eq!(&after[1024 + 0x78..][..4], b"new\0");
        assert_eq!(&after[24577 * 1024 + 0x78..][..4], b"new\0", "the copy after it");
    }
    let mut bytes = sound;
    bytes[1024 + 0x4] ^= 1;
    fs::write(&image, &bytes).unwrap();
    assert!(matches!(set(&image, b"new"), Err(LabelError::Disk(filesystem::Error::Corrupt(_)))));
}

#[test]
fn a_journal_that_was_not_replayed_and_a_long_label_are_refused() {
    let image = image("refused", "-t ext4 -b 1024", 60_000);
    assert_eq!(set(&image, b"seventeen bytes .").unwrap_err(), LabelError::Long { length: 17 });
    run("debugfs", &["-w", "-R", "feature needs_recovery", &image]);
    assert_eq!(set(&image, b"new").unwrap_err(), LabelError::Journal);
}

/// A kernel that mounts an ext2 clears the bit for a clean unmount; if it finds errors, it sets another bit.
#[test]
fn a_filesystem_that_is_not_clean_is_refused() {
    for (name, options) in [("state-ext2", "-t ext2 -b 1024"), ("state-ext4", "-t ext4 -b 1024")] {
        let image = image(name, options, 60_000);
        for (state, expected) in [
            (0, LabelError::Mounted),
            (2, LabelError::Errors),
            (3, LabelError::Errors),
            (4, LabelError::Mounted),
        ] {
            run("debugfs", &["-w", "-R", &format!("ssv state {state}"), &image]);
            assert_eq!(set(&image, b"new").unwrap_err(), expected, "{name} {state}");
        }
        // Orphaned inodes, which are cleared later, are not damage.
        for state in [1, 5] {
            run("debugfs", &["-w", "-R", &format!("ssv state {state}"), &image]);
            assert!(set(&image, b"new").is_ok(), "{name} {state}");
        }
    }
}
