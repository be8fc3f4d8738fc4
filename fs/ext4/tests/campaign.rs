// SPDX-License-Identifier: BSD-3-Clause
//! Damaged filesystems give values or errors; in half of them the checksums are repaired.

use std::{
    fs,
    os::unix::fs::{FileExt, symlink},
    path::Path,
    rc::Rc,
};

use block::BlockRead;
use ext4::Ext4;
use filesystem::FileSystem;
use oracle::{
    aged,
    campaign::{self, Depth, Plan},
    tools,
};

/// More extents than the root of an extent tree (4) and a leaf of 1 KiB (84) hold.
const PIECES: u64 = 100;

/// Every structure within 4 MiB and 60 nodes: long names make an index from few names, holes a deep extent tree.
fn fill(root: &Path) {
    // Mostly zeros, since only other bytes are damaged.
    let content = |size: usize| (0..size).map(|at| u8::from(at % 1024 == 0)).collect::<Vec<u8>>();
    for (name, size) in [("inline", 100), ("small", 3000), ("large", 20_000)] {
        fs::write(root.join(name), content(size)).unwrap();
    }
    let file = fs::File::create(root.join("pieces")).unwrap();
    for piece in 0..PIECES {
        file.write_all_at(&content(4096), piece * 8192).unwrap();
    }
    symlink("short", root.join("short-link")).unwrap();
    symlink("long/".repeat(30), root.join("long-link")).unwrap();
    fs::create_dir_all(root.join("folder/inner")).unwrap();
    fs::write(root.join("folder/inner/file"), "content").unwrap();
    fs::create_dir(root.join("indexed")).unwrap();
    for number in 0..36 {
        let name = format!("{number:0>200}");
        fs::hard_link(root.join("small"), root.join("indexed").join(name)).unwrap();
    }
}

fn debugfs(image: &str, commands: &str) {
    tools::run_with_input("debugfs", &["-w", image], commands.as_bytes());
}

/// An image; with `journal`, its last change is only in the journal, which debugfs opens in this way.
fn image(name: &str, arguments: &str, journal: Option<&str>) -> Vec<u8> {
    let work = tools::work_dir(name);
    let source = work.join("source");
    fs::create_dir(&source).unwrap();
    fill(&source);
    let path = |name: &str| work.join(name).to_str().unwrap().to_string();
    let (image, scratch) = (path("image"), path("scratch"));
    let mut all = vec!["-q", "-F", "-N", "128"];
    all.extend(arguments.split(' '));
    let source = path("source");
    all.extend(["-d", source.as_str(), image.as_str(), "4M"]);
    tools::run("mke2fs", &all);
    assert!(matches!(tools::output("e2fsck", &["-fyD", &image]).status.code(), Some(0 | 1)));
    let before = fs::read(&image).unwrap();
    let Some(open) = journal else { return before };
    fs::copy(&image, &scratch).unwrap();
    debugfs(&scratch, &format!("mkdir folder/new\nwrite {source}/small folder/new/file\nrm large\n"));
    let after = fs::read(&scratch).unwrap();
    let blocks: Vec<usize> = (0..before.len() / 1024)
        .filter(|i| before[i * 1024..][..1024] != after[i * 1024..][..1024])
        .collect();
    let content: Vec<u8> = blocks.iter().flat_map(|i| after[i * 1024..][..1024].to_vec()).collect();
    fs::write(path("blocks"), content).unwrap();
    let numbers: Vec<String> = blocks.iter().map(|block| block.to_string()).collect();
    let write = format!("jw -b {} {}", numbers.join(","), path("blocks"));
    debugfs(&image, &format!("{open}\n{write}\njw -r 4000,4001\njc\n"));
    fs::read(&image).unwrap()
}

/// The defaults of mke2fs and inline data; blocks of 1 KiB, as `repair` expects.
const EXT4: &str = "-t ext4 -b 1024 -O inline_data";
const LAYERS: &[&str] = &["superblock", "root", "walk", "data"];

fn read(device: Rc<dyn BlockRead>, depth: Depth) -> usize {
    let Ok(ext4) = Ext4::open(device) else { return 0 };
    if ext4.read_dir(&ext4.root(), &mut |_, _, _| std::ops::ControlFlow::Continue(())).is_err() {
        return 1;
    }
    let visited = campaign::visit(&ext4, depth);
    match visited {
        _ if visited.failed > 0 => 2,
        _ if visited.unread > 0 => 3,
        _ => 4,
    }
}

fn plan<'a>(name: &'a str, image: &'a [u8], mutants: usize) -> Plan<'a> {
    Plan { name, image, layers: LAYERS, read, repair, mutants, seed: 4 }
}

#[test]
fn ext4_survives_damage() {
    let _ = campaign::run(plan("ext4", &image("ext4", EXT4, None), 1000));
}

#[test]
fn a_dirty_journal_survives_damage() {
    let _ = campaign::run(plan("journal", &image("journal", EXT4, Some("jo -c -v 3")), 300));
}

#[test]
fn an_aged_image_survives_damage() {
    let _ = campaign::run(plan("aged", &aged::image("small").bytes, 700));
}

#[test]
fn an_image_of_a_power_failure_survives_damage() {
    let _ = campaign::run(plan("failure", &aged::image("small_crash").bytes, 300));
}

#[test]
fn ext3_survives_damage() {
    // Without checksums: there is nothing to repair, and all damage reaches the parser.
    let _ = campaign::run(plan("ext3", &image("ext3", "-t ext3 -b 1024", Some("jo")), 300));
}

/// The image as 1 KiB blocks; any offset can be read, and bytes outside of the image are zero.
struct Image<'a>(&'a mut [u8]);

/// `s_feature_ro_compat`: metadata_csum.
const METADATA_CSUM: u32 = 0x400;
/// `EXT4_INDEX_FL`
const INDEX: u32 = 0x1000;
/// `JBD2_FEATURE_INCOMPAT_CSUM_V3`
const CSUM_V3: u32 = 0x10;
const BLOCK: usize = 1024;
const SUPERBLOCK: usize = 1024;

/// Repairs the checksum of the structure that holds the byte at `at`.
fn repair(bytes: &mut [u8], at: usize) {
    let mut image = Image(bytes);
    if image.word(SUPERBLOCK + 0x64) & METADATA_CSUM == 0 {
        return;
    }
    let sum = crc(!0, image.part(SUPERBLOCK, 0x3fc));
    image.put(SUPERBLOCK + 0x3fc, &sum.to_le_bytes());
    let uuid = image.part(SUPERBLOCK + 0x68, 16).to_vec();
    let has_seed = image.word(SUPERBLOCK + 0x60) & 0x2000 != 0;
    let seed = if has_seed { image.word(SUPERBLOCK + 0x270) } else { crc(!0, &uuid) };
    // One group, with a descriptor of 64 bytes after the superblock.
    let descriptor = 2 * BLOCK;
    let head = crc(crc(seed, &[0; 4]), image.part(descriptor, 0x1e));
    let sum = crc(crc(head, &[0; 2]), image.part(descriptor + 0x20, 0x20));
    image.put(descriptor + 0x1e, &sum.to_le_bytes()[..2]);
    let table = image.word(descriptor + 8) as usize * BLOCK;
    for inode in 1..=128 {
        let start = table + (inode - 1) * 256;
        let own = [(inode as u32).to_le_bytes(), image.word(start + 0x64).to_le_bytes()];
        let seed = own.iter().fold(seed, |sum, bytes| crc(sum, bytes));
        if (start..start + 256).contains(&at) {
            image.inode(start, seed);
        }
        if image.word(start + 0x20) & 0x8_0000 != 0 {
            let directory =
                (image.word(start) >> 12 & 0xf == 4).then(|| image.word(start + 0x20) & INDEX != 0);
            image.tree(start + 0x28, seed, directory, at / BLOCK, 5);
        }
        if inode == 8 {
            image.journal(start + 0x28);
        }
    }
}

impl Image<'_> {
    fn part(&self, at: usize, length: usize) -> &[u8] {
        self.0.get(at..).and_then(|rest| rest.get(..length)).unwrap_or_default()
    }

    fn word(&self, at: usize) -> u32 {
        self.part(at, 4).first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    fn half(&self, at: usize) -> usize {
        (self.word(at) & 0xffff) as usize
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.0.get_mut(at..).and_then(|rest| rest.get_mut(..bytes.len())) {
            place.copy_from_slice(bytes);
        }
    }

    fn inode(&mut self, at: usize, seed: u32) {
        if self.part(at, 256).iter().all(|byte| *byte == 0) {
            return; // never used
        }
        // Only inodes with extra fields have the high half.
        let has_high = self.half(at + 0x80) >= 4;
        self.put(at + 0x7c, &[0; 2]);
        if has_high {
            self.put(at + 0x82, &[0; 2]);
        }
        let [a, b, c, d] = crc(seed, self.part(at, 256)).to_le_bytes();
        self.put(at + 0x7c, &[a, b]);
        if has_high {
            self.put(at + 0x82, &[c, d]);
        }
    }

    /// A node of an extent tree, and below it what is in block `wanted`; of a directory, whether it is indexed.
    fn tree(&mut self, node: usize, seed: u32, directory: Option<bool>, wanted: usize, levels: usize) {
        let (entries, depth) = (self.half(node + 2).min(84), self.half(node + 6));
        for entry in (0..entries).map(|index| node + 12 + index * 12) {
            if depth > 0 && levels > 0 {
                let block = self.word(entry + 4) as usize;
                self.tree(block * BLOCK, seed, directory, wanted, levels - 1);
                if block == wanted {
                    let tail = 12 + 12 * self.half(block * BLOCK + 4);
                    let sum = crc(seed, self.part(block * BLOCK, tail));
                    self.put(block * BLOCK + tail, &sum.to_le_bytes());
                }
            } else if let Some(is_indexed) = directory {
                let (start, length) = (self.word(entry + 8) as usize, self.half(entry + 4));
                if (start..start + length).contains(&wanted) {
                    let is_first = self.word(entry) == 0 && wanted == start;
                    self.directory(wanted * BLOCK, seed, is_indexed, is_first);
                }
            }
        }
    }

    /// A block of directory entries, or of an index.
    fn directory(&mut self, at: usize, seed: u32, is_indexed: bool, is_first: bool) {
        let entries = match is_indexed {
            true if is_first => at + 0x20,
            true if self.half(at + 4) == BLOCK => at + 8,
            _ => {
                let tail = at + BLOCK - 12;
                let sum = crc(seed, self.part(at, BLOCK - 12));
                return self.put(tail + 8, &sum.to_le_bytes());
            }
        };
        let (limit, count) = (self.half(entries), self.half(entries + 2));
        let tail = entries + limit * 8;
        let sum = crc(seed, self.part(at, entries - at + count * 8));
        let sum = crc(crc(sum, self.part(tail, 4)), &[0; 4]);
        if tail + 8 <= at + BLOCK {
            self.put(tail + 4, &sum.to_le_bytes());
        }
    }

    /// The blocks of a journal with csum_v3 whose extents are at `map`.
    fn journal(&mut self, map: usize) {
        let extents = (0..self.half(map + 2).min(4)).map(|index| map + 12 + index * 12);
        let run = |at| (self.word(at + 8) as usize, self.half(at + 4).min(4096));
        let blocks: Vec<usize> = extents.map(run).flat_map(|(first, count)| first..first + count).collect();
        let big = |image: &Self, at: usize| image.word(at).swap_bytes();
        let superblock = blocks.first().map(|block| block * BLOCK);
        let Some(superblock) = superblock.filter(|at| big(self, at + 0x28) & CSUM_V3 != 0) else { return };
        // s_start, and the ring from there on.
        let begin = (big(self, superblock + 0x1c) as usize).clamp(1, blocks.len());
        let ring = blocks[begin..].iter().chain(&blocks[1..begin]);
        let mut starts = ring.map(|block| block * BLOCK).collect::<Vec<_>>().into_iter();
        self.seal(superblock, superblock + 0xfc, !0);
        let seed = crc(!0, self.part(superblock + 0x30, 16));
        while let Some(at) = starts.next().filter(|at| big(self, *at) == 0xc03b_3998) {
            let sequence = self.part(at + 8, 4).to_vec();
            let mut tag = at + 12;
            while big(self, at + 4) == 1 && tag + 16 < at + BLOCK {
                let Some(data) = starts.next() else { return };
                let sum = crc(crc(seed, &sequence), self.part(data, BLOCK));
                self.put(tag + 12, &sum.to_be_bytes());
                let flags = big(self, tag + 4);
                // Without the "same UUID" flag, a UUID follows.
                tag += if flags & 2 == 0 { 32 } else { 16 };
                if flags & 8 != 0 {
                    break;
                }
            }
            self.seal(at, if big(self, at + 4) == 2 { at + 16 } else { at + BLOCK - 4 }, seed);
        }
    }

    /// A block of the journal's own, its checksum at `place` counting as zeros.
    fn seal(&mut self, at: usize, place: usize, seed: u32) {
        self.put(place, &[0; 4]);
        let sum = crc(seed, self.part(at, BLOCK));
        self.put(place, &sum.to_be_bytes());
    }
}

/// CRC-32C, the register only.
fn crc(sum: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(sum, |sum, byte| {
        (0..8).fold(
            sum ^ u32::from(*byte),
            |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0x82f6_3b78 } else { sum >> 1 },
        )
    })
}

#[test]
fn repair_leaves_a_sound_image_as_it_is() {
    let made = [None, Some("jo -c -v 3")].map(|journal| image("repair", EXT4, journal));
    // Not the image of a power failure, which is not consistent until its journal is replayed.
    let aged = [aged::image("small").bytes];
    for (number, sound) in made.into_iter().chain(aged).enumerate() {
        // Every inode, and every block at least once.
        let mut image = sound.clone();
        let steps = (0..sound.len() / 4).step_by(256).chain((sound.len() / 4..sound.len()).step_by(BLOCK));
        steps.for_each(|at| repair(&mut image, at));
        let different = (0..sound.len()).find(|at| sound[*at] != image[*at]);
        assert_eq!(different, None, "{number}");
    }
}
