// SPDX-License-Identifier: BSD-3-Clause
//! Damaged filesystems give values or errors; in half of them the checksums are made right again.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    fs,
    os::unix::fs::{FileExt, symlink},
    path::Path,
    rc::Rc,
};

use block::{BlockRead, ReadError};
use crc32c::crc32c as crc;
use filesystem::FileSystem;
use oracle::{
    aged,
    campaign::{self, Depth, Plan},
    tools,
};
use xfs::Xfs;

/// Bytes of the smallest group that XFS can have, and hence of these images.
const SIZE: u64 = 16 << 20;
/// More than fits in the root of an extent tree.
const PIECES: u64 = 40;
/// More than fits in one index block: index blocks have at least 4 KiB.
const NAMES: usize = 520;
/// All that mkfs.xfs makes today, except parent pointers: with hard links, they would become attribute trees.
const V5: &str = "-n parent=0";
const LAYERS: &[&str] = &["superblock", "root", "walk", "data"];

/// Every structure within few nodes: hard links give an index of many names, holes an extent tree.
fn fill(root: &Path) {
    // Mostly zeros, so that damage hits other blocks.
    let content = |size: usize| (0..size).map(|at| u8::from(at % 1024 == 0)).collect::<Vec<u8>>();
    for (name, size) in [("small", 3000), ("large", 20_000)] {
        fs::write(root.join(name), content(size)).unwrap();
    }
    let file = fs::File::create(root.join("pieces")).unwrap();
    for piece in 0..PIECES {
        file.write_all_at(&content(4096), piece * 8192).unwrap();
    }
    symlink("short", root.join("short-link")).unwrap();
    symlink("long/".repeat(120), root.join("long-link")).unwrap();
    fs::create_dir_all(root.join("folder/inner")).unwrap();
    fs::write(root.join("folder/inner/file"), "content").unwrap();
    for (folder, names) in [("block", 20), ("leaf", 130), ("node", NAMES)] {
        fs::create_dir(root.join(folder)).unwrap();
        for number in 0..names {
            fs::hard_link(root.join("small"), root.join(folder).join(format!("name {number}"))).unwrap();
        }
    }
}

fn image(name: &str, arguments: &str) -> Vec<u8> {
    let work = tools::work_dir(name);
    let (source, image) = (work.join("source"), work.join("image"));
    fs::create_dir(&source).unwrap();
    fill(&source);
    fs::File::create(&image).unwrap().set_len(SIZE).unwrap();
    let mut all = vec!["-q", "-f", "--unsupported", "-b", "size=1024"];
    all.extend(arguments.split(' ').filter(|word| !word.is_empty()));
    all.extend(["-p", source.to_str().unwrap(), image.to_str().unwrap()]);
    tools::run("mkfs.xfs", &all);
    fs::read(image).unwrap()
}

fn read(device: Rc<dyn BlockRead>, depth: Depth) -> usize {
    let Ok(xfs) = Xfs::open(device) else { return 0 };
    if xfs.read_dir(&xfs.root(), &mut |_, _, _| std::ops::ControlFlow::Continue(())).is_err() {
        return 1;
    }
    let visited = campaign::visit(&xfs, depth);
    match visited {
        _ if visited.failed > 0 => 2,
        _ if visited.unread > 0 => 3,
        _ => 4,
    }
}

fn plan<'a>(name: &'a str, image: &'a [u8], mutants: usize) -> Plan<'a> {
    Plan { name, image, layers: LAYERS, read, repair, mutants, seed: 5 }
}

#[test]
fn version_5_survives_damage() {
    let _ = campaign::run(plan("v5", &image("v5", V5), 700));
}

#[test]
fn version_4_survives_damage() {
    // Without checksums: nothing to correct, all damage reaches the parser.
    let _ = campaign::run(plan("v4", &image("v4", "-m crc=0 -n ftype=1"), 300));
}

#[test]
fn an_aged_image_survives_damage() {
    let _ = campaign::run(plan("aged", &aged::image("small").bytes, 300));
}

#[test]
fn an_image_of_a_power_failure_survives_damage() {
    let _ = campaign::run(plan("failure", &aged::image("small_crash").bytes, 300));
}

/// Where a kind of structure has its UUID and its checksum.
struct Kind {
    magics: &'static [&'static [u8]],
    /// Where the magic number is.
    at: usize,
    uuid: usize,
    crc: usize,
    /// It is as long as a directory block.
    is_directory: bool,
}

const KINDS: [Kind; 4] = [
    Kind { magics: &[b"BMA3"], at: 0, uuid: 40, crc: 64, is_directory: false },
    Kind { magics: &[b"XSLM"], at: 0, uuid: 16, crc: 12, is_directory: false },
    Kind { magics: &[b"XDB3", b"XDD3", b"XDF3"], at: 0, uuid: 24, crc: 4, is_directory: true },
    Kind { magics: &[b"\x3d\xf1", b"\x3d\xff", b"\x3e\xbe"], at: 8, uuid: 32, crc: 12, is_directory: true },
];
/// Structures that only writers need, with the UUID where others have it: group headers, trees of free space and of
/// inodes.
const UNREAD: [&[u8]; 7] = [b"XFSB", b"AB3B", b"AB3C", b"IAB3", b"FIB3", b"RMB3", b"R3FC"];
/// Attribute leaves, with the magic number where directories have it.
const ATTRIBUTES: &[u8] = b"\x3b\xee";
/// Where an inode's UUID and checksum are.
const INODE_UUID: usize = 160;
const INODE_CRC: usize = 100;
const SECTOR: usize = 512;
/// `XLOG_HEADER_MAGIC_NUM`, and the bytes of `struct xlog_rec_header` that its checksum covers.
const RECORD: &[u8] = &0xfeed_babe_u32.to_be_bytes();
const RECORD_HEADER: usize = 328;
/// Bytes of the largest record, and bytes per header of cycle numbers.
const LARGEST_RECORD: usize = 256 * 1024;
const CYCLES_COVER: usize = 32 * 1024;

/// Corrects the checksum of the structure that contains the byte at `at`. It is recognised by its magic number or its
/// UUID, which are seldom both damaged.
fn repair(image: &mut [u8], at: usize) {
    let word = |image: &[u8], at: usize| {
        image.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u32::from_be_bytes(*bytes))
            as usize
    };
    if word(image, 100) >> 16 & 0xf != 5 {
        return; // sb_versionnum
    }
    let seal = |image: &mut [u8], start: usize, length: usize, crc_at: usize| {
        let Some(part) = image.get_mut(start..).and_then(|rest| rest.get_mut(..length)) else { return };
        part[crc_at..crc_at + 4].fill(0);
        let sum = !crc(!0, part);
        part[crc_at..crc_at + 4].copy_from_slice(&sum.to_le_bytes());
    };
    seal(image, 0, SECTOR, 224);
    if at < SECTOR {
        return;
    }
    let uuid = image[32..48].to_vec();
    let has = |start: usize, bytes: &[u8]| image.get(start..).is_some_and(|rest| rest.starts_with(bytes));
    let (block_size, inode_size, directory_log) = (word(image, 4), word(image, 104) >> 16, image[192] & 15);
    let (Some(block), Some(inode)) = (at.checked_div(block_size), at.checked_div(inode_size)) else { return };
    let inode = inode * inode_size;
    if has(inode + INODE_UUID, &uuid) || has(inode, b"IN") {
        return seal(image, inode, inode_size, INODE_CRC);
    }
    // In a directory, `at` may be in a block after the first.
    for before in 0..(1 << directory_log).min(block + 1) {
        let start = (block - before) * block_size;
        if UNREAD.iter().any(|magic| has(start, magic)) || has(start + 8, ATTRIBUTES) {
            return;
        }
        let is = |kind: &&Kind| {
            has(start + kind.uuid, &uuid) || kind.magics.iter().any(|magic| has(start + kind.at, magic))
        };
        if let Some(kind) = KINDS.iter().find(is).filter(|kind| kind.is_directory || before == 0) {
            let length = if kind.is_directory { block_size << directory_log } else { block_size };
            return seal(image, start, length, kind.crc);
        }
    }
    seal_record(image, at);
}

/// In the log, the header of the record that contains `at` is some sectors before it.
fn seal_record(image: &mut [u8], at: usize) {
    let sectors =
        (at.saturating_sub(LARGEST_RECORD) / SECTOR..=at / SECTOR).rev().map(|sector| sector * SECTOR);
    let Some(start) = sectors.into_iter().find(|start| image[*start..].starts_with(RECORD)) else { return };
    let word = |at: usize| u32::from_be_bytes(*image[start + at..].first_chunk().unwrap()) as usize;
    let (version, length, size) = (word(8), word(12), word(320));
    if word(32) == 0 {
        return; // mkfs.xfs writes none.
    }
    let headers = if version == 2 { size.div_ceil(CYCLES_COVER).clamp(1, 8) } else { 1 };
    let data = image.get(start + headers * SECTOR..).and_then(|rest| rest.get(..length));
    let Some(data) = data.filter(|_| length <= LARGEST_RECORD) else { return };
    let mut header = image[start..start + RECORD_HEADER].to_vec();
    header[32..36].fill(0);
    // From each other header, its cycle numbers: a word, and one per sector.
    let others =
        (1..headers).map(|number| &image[start + number * SECTOR..][..4 + 4 * CYCLES_COVER / SECTOR]);
    let sum = others.chain([data]).fold(crc(!0, &header), crc);
    image[start + 32..start + 36].copy_from_slice(&(!sum).to_le_bytes());
}

/// Records the sectors that are read.
struct Recorder(Vec<u8>, RefCell<BTreeSet<usize>>);

impl BlockRead for Recorder {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let start = offset as usize;
        self.1
            .borrow_mut()
            .extend((start / SECTOR..(start + buf.len()).div_ceil(SECTOR)).map(|at| at * SECTOR));
        self.0.read_at(offset, buf)
    }
}

#[test]
fn repair_leaves_a_sound_image_as_it_is() {
    for sound in [image("repair", V5), aged::image("small").bytes, aged::image("small_crash").bytes] {
        assert_repair_changes_nothing(sound);
    }
}

/// Nothing changes in what is read. Elsewhere in an aged image, checksums may change: if a file's content follows a
/// node of an attribute tree, which has the magic number of a directory node and is one block long, `repair` takes both
/// for one directory block; the same happens with what is left of a deleted directory.
fn assert_repair_changes_nothing(sound: Vec<u8>) {
    let recorder = Rc::new(Recorder(sound.clone(), RefCell::default()));
    let word = |at: usize| u32::from_be_bytes(*sound[at..].first_chunk().unwrap()) as usize;
    let (block_size, group_blocks, group_log) = (word(4), word(84), word(124) >> 24);
    let log_start = (word(52) >> group_log) * group_blocks + word(52) % (1 << group_log);
    let log = log_start * block_size..(log_start + word(96)) * block_size;
    assert_eq!(read(recorder.clone(), Depth::Metadata), LAYERS.len());
    let mut image = sound.clone();
    // Records of the log are not read one by one: parts of old ones remain.
    let places: Vec<usize> = recorder.1.borrow().iter().filter(|at| !log.contains(at)).copied().collect();
    places.iter().for_each(|at| repair(&mut image, *at));
    let is_changed = |at: &&usize| sound[**at..][..SECTOR] != image[**at..][..SECTOR];
    let changed: Vec<&usize> = places.iter().filter(is_changed).collect();
    assert!(changed.is_empty(), "{changed:x?}");
}

#[test]
fn repair_leaves_the_records_of_a_log_as_they_are() {
    let sound = aged::image("small_crash").bytes;
    let records = (0..sound.len()).step_by(SECTOR).filter(|at| sound[*at..].starts_with(RECORD));
    let is_right = |at: &usize| {
        let mut image = sound.clone();
        repair(&mut image, at + SECTOR);
        image == sound
    };
    // Except records that the ring has overwritten in part, or whose writing a power failure interrupted.
    let (right, wrong): (Vec<usize>, Vec<usize>) = records.partition(is_right);
    println!("{} records, and {} in part", right.len(), wrong.len());
    assert!(right.len() > wrong.len());
}
