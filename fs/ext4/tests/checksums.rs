// SPDX-License-Identifier: BSD-3-Clause
//! On a filesystem with checksums, damaged metadata is always detected.

use std::{cell::RefCell, collections::BTreeSet, fs, os::unix::fs::FileExt, path::Path};

use block::{BlockRead, ReadError};
use ext4::Ext4;
use filesystem::{Error, FileSystem};
use oracle::{
    manifest::{self, Record},
    tools,
};

const BLOCK: usize = 1024;

/// Records which blocks are read.
struct Recorder<'a>(&'a [u8], RefCell<BTreeSet<usize>>);

impl BlockRead for Recorder<'_> {
    fn size(&self) -> u64 {
        self.0.size()
    }
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let first = offset as usize / BLOCK;
        self.1.borrow_mut().extend(first..(offset as usize + buf.len()).div_ceil(BLOCK));
        self.0.read_at(offset, buf)
    }
}

fn everything(device: impl BlockRead) -> Result<Vec<Record>, Error> {
    let ext4 = Ext4::open(device)?;
    let records = manifest::of(&ext4)?;
    // Also through the index of the large folder, which a walk does not use.
    let folder = ext4.lookup(&ext4.root(), b"folder")?;
    for record in &records {
        if let Some(name) = record.path.strip_prefix(b"folder/") {
            ext4.lookup(&folder, name)?;
        }
    }
    Ok(records)
}

fn fill(root: &Path) {
    fs::write(root.join("file"), [1; 5000]).unwrap();
    // More extents than an inode holds.
    let pieces = fs::File::create(root.join("pieces")).unwrap();
    (0..12).for_each(|piece| pieces.write_all_at(&[1; 4096], piece * 8192).unwrap());
    fs::create_dir_all(root.join("folder/inner")).unwrap();
    for number in 0..20 {
        // Three names for each block, and a folder with an index.
        fs::hard_link(root.join("file"), root.join("folder").join(format!("{number:0>200}"))).unwrap();
    }
    std::os::unix::fs::symlink("target/".repeat(20), root.join("link")).unwrap();
}

/// Blocks of files and links, whose content has no checksums.
fn data_blocks(image: &str) -> BTreeSet<usize> {
    let blocks = |name: &str| {
        let output = tools::run("debugfs", &["-R", &format!("ex {name}"), image]);
        let output = String::from_utf8(output).unwrap();
        // Level, entries, logical from, to, physical from, to: leaves only.
        let lines = output.lines().skip(1).map(|line| line.replace(['/', '-'], " "));
        let leaf = |line: String| {
            let words: Vec<usize> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
            (words[0] == words[1]).then(|| words[6]..=words[7])
        };
        lines.filter_map(leaf).flatten().collect::<Vec<_>>()
    };
    ["/file", "/pieces", "/link"].into_iter().flat_map(blocks).collect()
}

#[test]
fn damage_to_one_in_seven_bytes_of_metadata_is_an_error_or_changes_nothing() {
    let work = tools::work_dir("bits");
    let source = work.join("source");
    fs::create_dir(&source).unwrap();
    fill(&source);
    let image = work.join("image");
    let image = image.to_str().unwrap();
    let make = ["-q", "-F", "-t", "ext4", "-b", "1024", "-O", "inline_data,^has_journal", "-N", "64"];
    tools::run("mke2fs", &[&make[..], &["-d", source.to_str().unwrap(), image, "2M"]].concat());
    assert!(matches!(tools::output("e2fsck", &["-fyD", image]).status.code(), Some(0 | 1)));
    let sound = fs::read(image).unwrap();
    let recorder = Recorder(&sound, RefCell::default());
    let expected = everything(&recorder).unwrap();
    let data = data_blocks(image);
    // Blocks of the three, the last of them one alone.
    assert_eq!(data.len(), 5 + 12 * 4 + 1, "{data:?}");
    let metadata: Vec<usize> = recorder.1.into_inner().difference(&data).copied().collect();

    let (mut errors, mut unchanged, mut structures) = (0, 0, BTreeSet::new());
    let used =
        metadata.iter().flat_map(|block| block * BLOCK..(block + 1) * BLOCK).filter(|at| sound[*at] != 0);
    // One bit of every seventh byte in use, to save time. Seven is coprime to the sizes of all structures, so that
    // repeated structures are hit in a different field each time.
    for at in used.step_by(7) {
        let mut damaged = sound.clone();
        damaged[at] ^= 1 << (at % 8);
        match everything(damaged.as_slice()) {
            Ok(records) => {
                assert!(records == expected, "bit {} of byte {at:#x} changes what is read", at % 8);
                unchanged += 1;
            }
            Err(Error::Corrupt(corrupt)) => {
                errors += 1;
                structures.insert(corrupt.structure);
            }
            Err(_) => errors += 1,
        }
    }
    println!("{errors} errors, {unchanged} without effect, in {structures:?}");
    // Bitmaps are only read by chance, with adjacent blocks.
    assert!(errors > unchanged, "{errors} errors, {unchanged} without effect");
    for structure in [
        "ext4_super_block.s_checksum",
        "ext4_group_desc.bg_checksum",
        "ext4_inode.i_checksum",
        "ext4_extent_tail.et_checksum",
        "ext4_dir_entry_tail.det_checksum",
        "dx_tail.dt_checksum",
    ] {
        assert!(structures.contains(structure), "{structure} noticed nothing: {structures:?}");
    }
}

#[test]
fn gdt_csum_covers_group_descriptors() {
    let work = tools::work_dir("descriptors");
    let image = work.join("image");
    let image = image.to_str().unwrap();
    for features in [
        "^metadata_csum,^metadata_csum_seed,uninit_bg",
        "^metadata_csum,^metadata_csum_seed,uninit_bg,^64bit",
    ] {
        tools::run("mke2fs", &["-q", "-F", "-t", "ext4", "-b", "1024", "-O", features, image, "2M"]);
        let sound = fs::read(image).unwrap();
        let root = |bytes: Vec<u8>| Ext4::open(bytes).and_then(|ext4| ext4.attr(&ext4.root()));
        assert!(root(sound.clone()).is_ok());
        let size = if features.ends_with("^64bit") { 32 } else { 64 };
        for at in 0..size {
            let mut damaged = sound.clone();
            damaged[2 * BLOCK + at] ^= 1;
            let error = root(damaged).expect_err("the damage is seen").to_string();
            assert!(error.contains("ext4_group_desc.bg_checksum"), "{at:#x}: {error}");
        }
    }
}
