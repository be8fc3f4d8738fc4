// SPDX-License-Identifier: BSD-3-Clause
//! Disks that want all the memory and time of whoever looks for entries, all at once (budget L6). The logs of XFS and
//! btrfs are the largest that are still replayed, or larger; the files of others make entries, text and names without
//! end. `inspect` ends within the budget, says what it left out, and shows the entry of the good disk beside them.

use std::{
    env,
    fmt::Write as _,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crc32c::crc32c;
use image::CRC32;
use oracle::tools::{run, work_dir};
use serde_json::Value;

const KIB: usize = 1 << 10;
const MIB: u64 = 1 << 20;
/// The budget of memory in KiB.
const MOST_KIB: usize = 64 << 10;
/// Seconds of a processor: the budget for an optimised program that is not checked; more for others.
const MOST_SECONDS: u32 = if cfg!(debug_assertions) { 60 } else { 10 };
const SECTOR: usize = 512;

/// Runs `inspect --json` under the kernel's limits of time and of private memory that can be written to (heap, stacks of
/// threads, the program's own data). Yields its report; none where it failed.
fn inspect(images: &[PathBuf], kib: usize) -> Option<Value> {
    let path = env::var_os("CLOUD_BOOT").expect("CLOUD_BOOT names the program");
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -t {MOST_SECONDS} && ulimit -d {kib} && exec \"$@\""), "sh"]);
    command.arg(std::path::absolute(path).unwrap()).args(["inspect", "--json"]).args(images);
    let output = command.stdin(Stdio::null()).output().unwrap();
    println!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
}

/// A new file of holes.
fn holes(path: &Path, size: u64) -> &str {
    File::create(path).unwrap().set_len(size).unwrap();
    path.to_str().unwrap()
}

fn be(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap().to_be_bytes()
}

fn le(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap().to_le_bytes()
}

/// Headers of a record of XFS's log with 256 KiB, one for each 32.
const HEADERS: usize = 8;
/// Transaction of all operations.
const TRANSACTION: usize = 7;

/// An XFS whose log changes so many blocks of directories of 8 KiB, each of its own.
///
/// Source: fs/xfs/libxfs/xfs_log_format.h.
fn xfs(path: &Path, blocks: u64) {
    /// Blocks in a record.
    const EACH: usize = 30;
    run("mkfs.xfs", &["-q", "-f", "-l", "size=128m", holes(path, 640 * MIB)]);
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut superblock = [0; SECTOR];
    file.read_exact_at(&mut superblock, 0).unwrap();
    let number = |at: usize| u64::from_be_bytes(superblock[at..at + 8].try_into().unwrap());
    let uuid = &superblock[32..48];
    // A block's number is its group's and its own in that.
    let (start, group, bits) = (number(48), number(80) & 0xffff_ffff, superblock[124]);
    let log = ((start >> bits) * group + (start & ((1 << bits) - 1))) * 4096;
    let mut at = 0;
    let sectors: Vec<u64> = (0..blocks).map(|block| 64 * MIB / 512 + block * 16).collect();
    for sectors in sectors.chunks(EACH) {
        let header = [&b"NART"[..], &le(40), &le(TRANSACTION), &le(sectors.len())].concat();
        let mut operations = vec![(1, Vec::new()), (0, header)];
        operations
            .extend(sectors.iter().flat_map(|sector| directory(uuid, *sector)).map(|region| (0, region)));
        operations.push((2, Vec::new()));
        let record = record(uuid, at, &operations);
        file.write_all_at(&record, log + (at * SECTOR) as u64).unwrap();
        at += record.len() / SECTOR;
    }
    assert!(at < 128 << 11, "the log is full");
}

/// The item of a block of a directory that is changed whole: format structure and content.
fn directory(uuid: &[u8], sector: u64) -> [Vec<u8>; 2] {
    let head = [0x123c, 2, 11 << 11, 16u16].map(u16::to_le_bytes).concat();
    let format = [&head[..], &sector.to_le_bytes(), &le(2), &[0xff; 8]].concat();
    let mut content = vec![3; 8 * KIB];
    content[..4].copy_from_slice(b"XDD3");
    content[16..24].fill(0);
    content[24..40].copy_from_slice(uuid);
    [format, content]
}

/// A record at a block of the log, of operations with flags and data.
fn record(uuid: &[u8], at: usize, operations: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let bytes = |(flags, data): &(u8, Vec<u8>)| {
        [&be(TRANSACTION)[..], &be(data.len()), &[0x69, *flags, 0, 0], data].concat()
    };
    let mut data: Vec<u8> = operations.iter().flat_map(bytes).collect();
    let length = data.len();
    data.resize(length.next_multiple_of(SECTOR), 0);
    let mut record = vec![0; HEADERS * SECTOR];
    let words = [0xfeed_babe, 1, 2, length, 1, at, 1, 0, 0, at, operations.len()];
    record[..44].copy_from_slice(&words.map(be).concat());
    record[300..304].copy_from_slice(&be(1));
    record[304..320].copy_from_slice(uuid);
    record[320..324].copy_from_slice(&be(HEADERS * 32 * KIB));
    // The first word of each sector makes room for the cycle.
    for (sector, block) in data.chunks_mut(SECTOR).enumerate() {
        let place = match sector / 64 {
            0 => 44 + sector * 4,
            more => more * SECTOR + 4 + sector % 64 * 4,
        };
        record[place..place + 4].copy_from_slice(&block[..4]);
        block[..4].copy_from_slice(&be(1));
    }
    (1..HEADERS).for_each(|more| record[more * SECTOR..][..4].copy_from_slice(&be(1)));
    let more = 1..length.div_ceil(32 * KIB);
    let sum = more.fold(crc32c(!0, &record[..328]), |sum, more| crc32c(sum, &record[more * SECTOR..][..260]));
    let sum = !crc32c(sum, &data[..length]);
    record[32..36].copy_from_slice(&sum.to_le_bytes());
    record.extend(data);
    record
}

/// A GPT of 1000 partitions, each over the same FAT16 of 16 384 clusters.
///
/// Source: UEFI 2.11, sections 5.3.2 and 5.3.3.
fn partitions(path: &Path) {
    const COUNT: usize = 1000;
    let fat = path.with_extension("fat");
    run("mkfs.vfat", &["-F", "16", "-s", "1", holes(&fat, 9 * MIB)]);
    let fat = fs::read(fat).unwrap();
    let size = 12 * MIB;
    run("sgdisk", &["-o", "-S", "1000", holes(path, size)]);
    let file = File::options().read(true).write(true).open(path).unwrap();
    let (first, last) = (2048, 2048 + fat.len() / SECTOR - 1);
    file.write_all_at(&fat, (first * SECTOR) as u64).unwrap();
    let places = [first, last].map(|place| (place as u64).to_le_bytes()).concat();
    let entry = |number: usize| [&[0xa2; 16][..], &be(number).repeat(4), &places, &[0; 80]].concat();
    let entries: Vec<u8> = (1..=COUNT).flat_map(entry).collect();
    let mut header = [0; 92];
    file.read_exact_at(&mut header, SECTOR as u64).unwrap();
    let number = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap());
    assert_eq!((number(80), number(84)), (COUNT as u32, 128));
    file.write_all_at(&entries, u64::from(number(72)) * SECTOR as u64).unwrap();
    header[88..].copy_from_slice(&CRC32.checksum(&entries).to_le_bytes());
    header[16..20].fill(0);
    let sum = CRC32.checksum(&header);
    header[16..20].copy_from_slice(&sum.to_le_bytes());
    file.write_all_at(&header, SECTOR as u64).unwrap();
}

const NODE: usize = 16 * KIB;
/// Bytes in front of what is in a node.
const HEADER: usize = 101;
/// `BTRFS_TREE_LOG_OBJECTID`
const LOG: u64 = 6u64.wrapping_neg();

/// A btrfs with room for nodes of a log.
struct Btrfs {
    file: File,
    superblock: Vec<u8>,
    /// The generation of what is in the log.
    generation: [u8; 8],
    /// Address and place of the chunk of metadata, and bytes of it in front of the nodes that were written.
    address: u64,
    place: u64,
    free: u64,
}

impl Btrfs {
    fn new(path: &Path) -> Self {
        let image = holes(path, 2048 * MIB);
        run("mkfs.btrfs", &["-q", "-f", "-m", "single", "-d", "single", image]);
        let file = File::options().read(true).write(true).open(path).unwrap();
        let mut superblock = vec![0; 4096];
        file.read_exact_at(&mut superblock, 64 << 10).unwrap();
        let generation = u64::from_le_bytes(superblock[72..80].try_into().unwrap()) + 1;
        let dump = run("btrfs", &["inspect-internal", "dump-tree", "-t", "chunk", image]);
        let dump = String::from_utf8(dump).unwrap();
        // It is nearly empty: nodes go to its end.
        let (before, behind) = dump.split_once(" type METADATA").unwrap();
        let last = |name: &str| before.rsplit_once(name).unwrap().1.split([')', ' ']).next().unwrap();
        let place = behind.split_once(" offset ").unwrap().1.split_whitespace().next().unwrap();
        let (address, place) = (last("CHUNK_ITEM ").parse().unwrap(), place.parse().unwrap());
        let free = last("length ").parse().unwrap();
        Self { file, superblock, generation: generation.to_le_bytes(), address, place, free }
    }

    /// Writes a node; yields its address.
    fn node(&mut self, level: u8, entries: usize, body: &[u8]) -> u64 {
        self.free -= NODE as u64;
        let address = self.address + self.free;
        let mut node = vec![0; NODE];
        node[32..48].copy_from_slice(&self.superblock[32..48]);
        node[48..56].copy_from_slice(&address.to_le_bytes());
        // BTRFS_MIXED_BACKREF_REV
        node[63] = 1;
        node[80..88].copy_from_slice(&self.generation);
        node[88..96].copy_from_slice(&LOG.to_le_bytes());
        node[96..100].copy_from_slice(&le(entries));
        node[100] = level;
        node[HEADER..HEADER + body.len()].copy_from_slice(body);
        let sum = !crc32c(!0, &node[32..]);
        node[..4].copy_from_slice(&sum.to_le_bytes());
        self.file.write_all_at(&node, self.place + self.free).unwrap();
        address
    }

    /// Writes a leaf of items with the same content.
    fn leaf(&mut self, keys: &[Vec<u8>], content: &[u8]) -> u64 {
        let mut body = vec![0; NODE - HEADER];
        let mut end = body.len();
        for (slot, key) in keys.iter().enumerate() {
            end -= content.len();
            let head = [key.as_slice(), &le(end), &le(content.len())].concat();
            body[slot * 25..][..25].copy_from_slice(&head);
            body[end..][..content.len()].copy_from_slice(content);
        }
        self.node(0, keys.len(), &body)
    }

    /// Writes a tree above nodes, which come with their first keys; yields level and address of its root.
    fn tree(&mut self, mut nodes: Vec<(Vec<u8>, u64)>) -> (u8, u64) {
        let mut level = 0;
        while nodes.len() > 1 {
            level += 1;
            let mut parents = Vec::new();
            for children in nodes.chunks((NODE - HEADER) / 33) {
                let pointer = |(key, address): &(Vec<u8>, u64)| {
                    [key.as_slice(), &address.to_le_bytes(), &self.generation].concat()
                };
                let body: Vec<u8> = children.iter().flat_map(pointer).collect();
                parents.push((children[0].0.clone(), self.node(level, children.len(), &body)));
            }
            nodes = parents;
        }
        (level, nodes[0].1)
    }

    /// Makes this the tree of logs.
    fn set_log(&mut self, address: u64) {
        for place in [64 << 10, 64 * MIB] {
            self.file.read_exact_at(&mut self.superblock, place).unwrap();
            self.superblock[96..104].copy_from_slice(&address.to_le_bytes());
            let sum = !crc32c(!0, &self.superblock[32..]);
            self.superblock[..4].copy_from_slice(&sum.to_le_bytes());
            self.file.write_all_at(&self.superblock, place).unwrap();
        }
    }
}

fn key(objectid: u64, kind: u8, offset: u64) -> Vec<u8> {
    [&objectid.to_le_bytes()[..], &[kind], &offset.to_le_bytes()].concat()
}

/// A btrfs whose log has so many new files.
///
/// Source: include/uapi/linux/btrfs_tree.h.
fn btrfs(path: &Path, files: u64) {
    let mut btrfs = Btrfs::new(path);
    let mut inode = vec![0; 160];
    inode[40..44].copy_from_slice(&le(1));
    inode[52..56].copy_from_slice(&le(0o100_644));
    let keys: Vec<Vec<u8>> = (1000..1000 + files).map(|number| key(number, 1, 0)).collect();
    let leaves = keys.chunks((NODE - HEADER) / (25 + inode.len()));
    let leaves = leaves.map(|keys| (keys[0].clone(), btrfs.leaf(keys, &inode))).collect();
    let (level, root) = btrfs.tree(leaves);
    // `struct btrfs_root_item`: the log of the subvolume at the top.
    let mut item = vec![0; 439];
    item[160..168].copy_from_slice(&btrfs.generation);
    item[176..184].copy_from_slice(&root.to_le_bytes());
    item[216..220].copy_from_slice(&le(1));
    item[238] = level;
    let logs = btrfs.leaf(&[key(LOG, 132, 5)], &item);
    btrfs.set_log(logs);
}

/// The files of a system whose configurations have no end.
fn endless(root: &Path) {
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let mut labels = format!("APPEND {}\n", "x".repeat(3000));
    (0..900).for_each(|i| writeln!(labels, "LABEL l{i}\nLINUX /k\nMENU LABEL {}", "t".repeat(900)).unwrap());
    write("syslinux/syslinux.cfg", &labels);
    let entries = "menuentry x { linux /k $a\n}\n".repeat(900);
    write("boot/grub/grub.cfg", &format!("a={}\nblscfg\n{entries}", "x".repeat(600_000)));
    write("EFI/x/grub.cfg", "while true; do [ -f /d/zz ]; done\n");
    write("grub2/grubenv", &format!("# GRUB Environment Block\na={}\n", "y".repeat(65_000)));
    for i in 0..300 {
        let entry = format!("title A{i}\nlinux /k\noptions {}\n", "$a".repeat(1000));
        write(&format!("loader/entries/{i}.conf"), &entry);
        write(&format!("boot/vmlinuz-{i}-{}", "v".repeat(200)), "k");
    }
    (0..6000).for_each(|i| write(&format!("d/{i:0>100}"), ""));
}

/// An image of ext4 with a folder's files.
fn ext4(path: &Path, size: u64, tree: &Path) {
    let options = ["-q", "-F", "-t", "ext4", "-O", "^dir_index", "-N", "8000", "-d", tree.to_str().unwrap()];
    run("mke2fs", &[&options[..], &[holes(path, size)]].concat());
}

/// Bytes of a sector of ISO 9660.
const BLOCK: usize = 2048;
/// The entry of SUSP that says where a system use area goes on, and its signature, length and version.
const CONTINUES: usize = 28;
const CE: [u8; 4] = [b'C', b'E', 28, 1];
/// As many areas as Linux follows.
const AREAS: usize = 32;
/// What the sector of the shared areas begins with before they are there.
const SHARED: &[u8] = b"the shared areas";

/// Where a system use area goes on: in both byte orders.
fn continued(block: usize, offset: usize) -> Vec<u8> {
    let both = [block, offset, CONTINUES].map(|number| [le(number), be(number)].concat());
    [&CE[..], &both.concat()].concat()
}

/// An ISO 9660 with Rock Ridge, a script that looks for a name without end, and a folder of 3000 names, whose records all
/// go on in the same 32 areas.
///
/// Source: System Use Sharing Protocol 1.12, clause 5.1.
fn iso(path: &Path, tree: &Path) {
    for folder in ["EFI/x", "d"] {
        fs::create_dir_all(tree.join(folder)).unwrap();
    }
    fs::write(tree.join("EFI/x/grub.cfg"), "while true; do [ -f /d/zz ]; done\n").unwrap();
    fs::write(tree.join("shared"), [SHARED, &[0; BLOCK - SHARED.len()]].concat()).unwrap();
    // So long that a part of each does not fit into its record.
    (0..3000).for_each(|i| fs::write(tree.join(format!("d/{i:0>220}")), "").unwrap());
    let [out, tree] = [path, tree].map(|path| path.to_str().unwrap());
    run("xorriso", &["-as", "mkisofs", "-quiet", "-R", "-o", out, tree]);
    let mut image = fs::read(path).unwrap();
    let number = |at: usize| u32::from_le_bytes(image[at..at + 4].try_into().unwrap()) as usize;
    // The root's record in the primary volume descriptor: its own records tell that there is Rock Ridge.
    let root =
        number(16 * BLOCK + 158) * BLOCK..(number(16 * BLOCK + 158) * BLOCK + number(16 * BLOCK + 166));
    let shared = image.chunks(BLOCK).position(|block| block.starts_with(SHARED)).unwrap();
    let records: Vec<usize> = (16 * BLOCK..shared * BLOCK)
        .filter(|at| image[*at..].starts_with(&CE) && !root.contains(at))
        .collect();
    assert!(records.len() >= 3000, "{} records go on", records.len());
    let areas: Vec<u8> = (1..AREAS).flat_map(|area| continued(shared, area * CONTINUES)).collect();
    image[shared * BLOCK..][..BLOCK].fill(0);
    image[shared * BLOCK..][..areas.len()].copy_from_slice(&areas);
    for at in records {
        image[at..at + CONTINUES].copy_from_slice(&continued(shared, 0));
    }
    fs::write(path, image).unwrap();
}

#[test]
fn all_at_once_stay_within_the_budget() {
    let dir = work_dir("attack");
    let path = |name: &str| dir.join(name);
    let (good, tree) = (path("good"), path("good-tree"));
    fs::create_dir_all(tree.join("boot/grub")).unwrap();
    let script = "menuentry good --id good { linux /boot/vmlinuz-1 ro\n}\n";
    fs::write(tree.join("boot/grub/grub.cfg"), script).unwrap();
    fs::write(tree.join("boot/vmlinuz-1"), "k").unwrap();
    ext4(&good, 8 * MIB, &tree);
    endless(&path("tree"));
    ext4(&path("one"), 48 * MIB, &path("tree"));
    let endless = ["one", "two", "three", "four"];
    for copy in &endless[1..] {
        run("cp", &["--sparse=always", path("one").to_str().unwrap(), path(copy).to_str().unwrap()]);
    }
    // Together nearly what all filesystems may keep of their logs; and what is more than that alone.
    xfs(&path("xfs"), 1800);
    btrfs(&path("btrfs"), 38_000);
    xfs(&path("large"), 9000);
    let logs = ["xfs", "btrfs", "large"].map(path);
    iso(&path("iso"), &path("iso-tree"));
    let all = [&logs[..], &endless.map(path), &[path("iso"), good]].concat();

    let report = inspect(&all, MOST_KIB).expect("it ends within the budget");
    let default: Vec<&Value> =
        report["entries"].as_array().unwrap().iter().filter(|entry| entry["default"] == true).collect();
    assert_eq!(default.len(), 1);
    assert!(report["entries"].as_array().unwrap().iter().any(|entry| entry["id"] == "good"), "{report}");
    let codes = |object: &str| -> Vec<&str> {
        let problems = report["problems"].as_array().unwrap().iter();
        let of =
            problems.filter(|problem| problem["object"].as_str().unwrap().split(' ').next() == Some(object));
        of.map(|problem| problem["code"].as_str().unwrap()).collect()
    };
    assert_eq!((codes("xfs"), codes("btrfs")), (vec![], vec![]), "both logs are replayed");
    assert_eq!(codes("large"), ["E-FS-XFS-DEGRADED"]);
    for disk in endless {
        assert!(codes(disk).contains(&"E-ENTRY-LIMIT") && codes(disk).contains(&"E-GRUB-LIMIT"), "{disk}");
    }
    assert_eq!(codes("iso"), ["E-GRUB-LIMIT"]);
    // The limit is in force: what the logs alone need is more than half of it.
    assert_ne!(inspect(&logs, MOST_KIB / 2), inspect(&logs, MOST_KIB));
}

#[test]
fn volumes_without_number_stay_within_the_memory() {
    let dir = work_dir("volumes");
    let path = |name: &str| dir.join(name);
    partitions(&path("one"));
    for copy in ["two", "three"] {
        run("cp", &["--sparse=always", path("one").to_str().unwrap(), path(copy).to_str().unwrap()]);
    }
    let report = inspect(&["one", "two", "three"].map(path), MOST_KIB).expect("it ends within the budget");
    let volumes = report["volumes"].as_array().unwrap();
    assert_eq!(volumes.len(), 3000);
    assert!(volumes.iter().all(|volume| volume["free"].as_u64().is_some_and(|free| free > 0)));
}
