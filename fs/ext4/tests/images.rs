// SPDX-License-Identifier: BSD-3-Clause
//! Filesystems made by mke2fs, e2fsck and debugfs read as what was put into them, and as other readers read them.

use std::{
    ffi::OsStr,
    fs::{self, File, FileTimes, Permissions},
    ops::ControlFlow,
    os::{
        fd::AsRawFd,
        unix::{
            ffi::OsStrExt,
            fs::{FileExt, PermissionsExt, symlink},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use block::{BlockRead, Cache};
use ext4::Ext4;
use filesystem::{Error, FileSystem, FileType, Timestamp};
use oracle::{
    manifest::{self, Record},
    tools,
};

/// Number of names of the large folder: with blocks of 1 KiB, they need an index with two levels.
const SOME_NAMES: usize = 300;
const MANY_NAMES: usize = 2200;
/// Pieces of the file with holes: more than a leaf and the root of an extent tree hold with blocks of 1 KiB
/// (84 times 4), so that the tree is two levels deep.
const PIECES: u64 = 400;

/// Bytes with a long period, which hardly compress.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Fills a folder with everything that can be made without being root.
fn fill(root: &Path, names: usize) {
    // Sizes around the ends of i_block, of an inode and of a block, where the storage of data changes.
    for size in [0, 1, 59, 60, 61, 100, 155, 160, 161, 700, 900, 1023, 1024, 1025, 4095, 4096, 4097, 65537] {
        fs::write(root.join(format!("size-{size}")), noise(size, size as u64)).unwrap();
    }
    // More than the 12 + 256 blocks of 1 KiB before the second level of a block map.
    fs::write(root.join("large"), noise(900_000, 9)).unwrap();
    let pieces = File::create(root.join("pieces")).unwrap();
    for piece in 0..PIECES {
        pieces.write_all_at(&noise(4096, piece + 77), piece * 8192).unwrap();
    }
    for length in [1, 58, 59, 60, 61, 500, 1000] {
        let target = "../folder/".repeat(100);
        symlink(&target[..length], root.join(format!("link-{length}"))).unwrap();
    }
    // Through the open folder, because the address of a socket has only 108 bytes for the path.
    let folder = File::open(root).unwrap();
    drop(UnixListener::bind(format!("/proc/self/fd/{}/socket", folder.as_raw_fd())).unwrap());
    tools::run("mkfifo", &[root.join("fifo").to_str().unwrap()]);
    fs::create_dir_all(root.join("a/b/c/d/e")).unwrap();
    fs::write(root.join("a/b/c/d/e/deep"), "deep").unwrap();
    // More than fit into the part of an inline directory in i_block, and not too many for an inode.
    fs::create_dir(root.join("several")).unwrap();
    for name in ["one", "two", "three", "four", "five"] {
        fs::write(root.join("several").join(name), name).unwrap();
    }
    fs::create_dir(root.join("many")).unwrap();
    for number in 0..names {
        // Signed and unsigned hashes differ for bytes above 127.
        let mut name = format!("{number}-{}", "n".repeat(number % 90)).into_bytes();
        name.extend([b'\xc3', b'\xa0' + (number % 31) as u8]);
        let path = root.join("many").join(OsStr::from_bytes(&name));
        fs::hard_link(root.join("size-60"), path).unwrap();
    }
    fs::set_permissions(root.join("size-1"), Permissions::from_mode(0o6751)).unwrap();
    fs::set_permissions(root.join("a"), Permissions::from_mode(0o1777)).unwrap();
    // 2001-09-09, before any test ran.
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let file = File::open(root.join("size-1")).unwrap();
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
}

/// A 32 MiB image made with these arguments from a folder, with indexed directories.
fn make(work: &Path, source: &Path, arguments: &str) -> PathBuf {
    let image = work.join("image");
    let mut all = vec!["-q", "-F", "-L", "a label", "-U", "01234567-89ab-cdef-0123-456789abcdef"];
    all.extend(arguments.split(' ').filter(|word| !word.is_empty()));
    let _ = fs::remove_file(&image);
    all.extend(["-d", source.to_str().unwrap(), image.to_str().unwrap(), "32M"]);
    tools::run("mke2fs", &all);
    check(&image, &["-fyD"]);
    image
}

/// Runs e2fsck, which may change the image, and must succeed.
fn check(image: &Path, arguments: &[&str]) {
    let output = tools::output("e2fsck", &[arguments, &[image.to_str().unwrap()]].concat());
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 1)), "e2fsck: {code:?}\n{}", String::from_utf8_lossy(&output.stdout));
}

/// Runs debugfs commands, which change the image.
fn change(image: &Path, commands: &str) {
    let output = tools::run_with_input("debugfs", &["-w", image.to_str().unwrap()], commands.as_bytes());
    let output = String::from_utf8_lossy(&output);
    assert!(!output.contains("rror"), "{output}");
}

fn debugfs(image: &Path, command: &str) -> String {
    let output = tools::run("debugfs", &["-R", command, image.to_str().unwrap()]);
    String::from_utf8_lossy(&output).into_owned()
}

/// Removes legitimate differences from records of different systems.
fn level(mut records: Vec<Record>) -> Vec<Record> {
    records.retain(|record| record.path != b"lost+found");
    for record in &mut records {
        if record.kind == FileType::Directory {
            // Every filesystem counts these in its own way.
            (record.size, record.links) = (0, 0);
            record.modified = Timestamp::default();
        }
        if record.kind == FileType::Symlink {
            // Some have a mode.
            record.mode = 0o777;
        }
        if record.path.is_empty() {
            // Of the work folder and of the volume.
            (record.mode, record.uid, record.gid) = (0, 0, 0);
        }
        // mke2fs copies whole seconds.
        record.modified.nanoseconds = 0;
    }
    records
}

fn assert_same(what: &str, left: Vec<Record>, right: Vec<Record>) {
    let lines = manifest::diff(&level(left), &level(right));
    assert!(
        lines.is_empty(),
        "{what}: {} differences\n{}",
        lines.len(),
        lines[..lines.len().min(20)].join("\n")
    );
}

/// Checks that every name of every folder is found as the same node, and that other names are not found.
fn assert_found<D: BlockRead>(what: &str, ext4: &Ext4<D>, records: &[Record]) {
    for record in records {
        let mut node = ext4.root();
        for name in record.path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            node = ext4.lookup(&node, name).unwrap_or_else(|error| {
                panic!("{what}: {}: {error}", record.path.escape_ascii());
            });
        }
        assert_eq!(ext4.attr(&node).unwrap().size, record.size);
        if record.kind == FileType::Directory {
            for absent in ["absent", "n", "."] {
                assert_eq!(ext4.lookup(&node, absent.as_bytes()), Err(Error::NotFound), "{what}: {absent}");
            }
        } else {
            assert_eq!(ext4.lookup(&node, b"x"), Err(Error::WrongType { expected: "directory" }));
        }
    }
}

/// Compares with the ext4-view crate, which resolves each path from the root.
fn assert_as_view(what: &str, image: &[u8], records: &[Record]) {
    let view = ext4_view::Ext4::load(Box::new(image.to_vec())).unwrap();
    for record in records {
        let path = [b"/", record.path.as_slice()].concat();
        let path = ext4_view::Path::new(&path);
        let metadata = view.symlink_metadata(path).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(
            (metadata.len(), metadata.mode() & 0o7777, metadata.uid(), metadata.gid()),
            (record.size, record.mode, record.uid, record.gid),
            "{what}: {path:?}"
        );
        match record.kind {
            FileType::File => {
                let bytes = view.read(path).unwrap();
                let sum = manifest::of(&oracle::Tree::new().file("x", bytes)).unwrap()[1].sha256;
                assert_eq!(sum, record.sha256, "{what}: {path:?}");
            }
            FileType::Symlink => {
                assert_eq!(view.read_link(path).unwrap().as_ref(), record.target.as_slice())
            }
            _ => {}
        }
    }
}

/// Kinds that ext4-view can read, too.
const VIEWED: [(&str, &str); 10] = [
    ("as Debian makes it", "-t ext4 -b 4096"),
    ("small blocks", "-t ext4 -b 1024"),
    ("without 64bit", "-t ext4 -b 2048 -O ^64bit"),
    ("ext2", "-t ext2 -b 1024"),
    ("ext3", "-t ext3 -b 4096"),
    ("gdt_csum", "-t ext4 -b 1024 -O ^metadata_csum,^metadata_csum_seed,uninit_bg"),
    ("no checksums", "-t ext4 -b 1024 -O ^metadata_csum,^metadata_csum_seed"),
    ("seed from the UUID", "-t ext4 -O ^metadata_csum_seed"),
    ("copies everywhere", "-t ext4 -b 1024 -g 1024 -O ^flex_bg,^sparse_super,^resize_inode"),
    ("large blocks", "-t ext4 -b 16384 -O ^has_journal -N 256"),
];

/// Kinds that only debugfs can read, too.
const OTHERS: [(&str, &str); 16] = [
    ("small inodes", "-t ext4 -I 128"),
    ("meta_bg", "-t ext4 -b 1024 -g 1024 -O meta_bg,^resize_inode"),
    ("meta_bg of ext2", "-t ext2 -b 1024 -g 1024 -O meta_bg,^resize_inode"),
    ("sparse_super2", "-t ext4 -b 1024 -g 1024 -O sparse_super2,meta_bg,^resize_inode"),
    ("bigalloc", "-t ext4 -b 4096 -O bigalloc -C 16384"),
    ("bigalloc with small blocks", "-t ext4 -b 1024 -O bigalloc,meta_bg,^resize_inode -C 8192"),
    ("inline_data", "-t ext4 -b 4096 -O inline_data"),
    ("inline_data in large inodes", "-t ext4 -b 4096 -O inline_data -I 1024"),
    ("largest blocks", "-t ext4 -b 65536 -O ^has_journal -N 256"),
    ("large_dir, ea_inode", "-t ext4 -b 1024 -O large_dir,ea_inode,^dir_nlink"),
    ("quota, project, verity, mmp", "-t ext4 -O quota,project,verity,mmp,stable_inodes,fast_commit"),
    ("encrypt and casefold, unused", "-t ext4 -O encrypt,casefold"),
    ("without an index", "-t ext4 -b 1024 -O ^dir_index,^huge_file"),
    ("without file types", "-t ext2 -b 1024 -O ^filetype"),
    ("checksums without file types", "-t ext4 -b 1024 -O ^filetype"),
    ("no features", "-t ext2 -b 1024 -I 128 -O none"),
];

#[test]
fn every_kind_reads_as_its_source_and_as_others_read_it() {
    let work = tools::work_dir("kinds");
    let source = work.join("source");
    fs::create_dir(&source).unwrap();
    fill(&source, SOME_NAMES);
    let expected = manifest::of_directory(&source).unwrap();
    let views = VIEWED.iter().map(|kind| (kind, true));
    for (&(what, arguments), is_viewed) in views.chain(OTHERS.iter().map(|kind| (kind, false))) {
        let image = make(&work, &source, arguments);
        let bytes = fs::read(&image).unwrap();
        let ext4 = Ext4::open(bytes.as_slice()).unwrap_or_else(|error| panic!("{what}: {error}"));
        let records = manifest::of(&ext4).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_same(what, records.clone(), expected.clone());
        assert_found(what, &ext4, &records);
        if is_viewed {
            assert_as_view(what, &bytes, &records);
        } else {
            assert_as_dumped(what, &image, &work.join("dump"), &records);
        }
    }
}

/// Compares with what `debugfs rdump` writes into a folder.
fn assert_as_dumped(what: &str, image: &Path, dump: &Path, records: &[Record]) {
    let _ = fs::remove_dir_all(dump);
    fs::create_dir(dump).unwrap();
    debugfs(image, &format!("rdump / {}", dump.display()));
    for record in records.iter().filter(|record| record.kind == FileType::File) {
        // It writes inline data as a whole block, with zeros after the end of the file.
        let path = dump.join(OsStr::from_bytes(&record.path));
        let (bytes, size) = (fs::read(&path).unwrap(), record.size as usize);
        if bytes.len() > size && bytes[size..].iter().all(|byte| *byte == 0) {
            fs::write(path, &bytes[..size]).unwrap();
        }
    }
    let dumped = manifest::of_directory(dump).unwrap();
    // It only writes files, folders and links, and their owner depends on the user who runs it.
    let common = |records: &[Record]| {
        let kept = [FileType::File, FileType::Directory, FileType::Symlink];
        let mut records: Vec<Record> = records.iter().filter(|r| kept.contains(&r.kind)).cloned().collect();
        for record in &mut records {
            (record.uid, record.gid, record.links, record.modified) = (0, 0, 0, Timestamp::default());
            record.mode &= 0o777; // The others are only root's to set.
        }
        records
    };
    assert_same(what, common(records), common(&dumped));
}

#[test]
fn revision_0_has_inodes_of_128_bytes() {
    let work = tools::work_dir("revision");
    let source = work.join("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("file"), "content").unwrap();
    let image = make(&work, &source, "-t ext2 -b 1024 -I 128 -O none");
    change(&image, "ssv rev_level 0\nssv inode_size 0\n");
    check(&image, &["-fn"]);
    let ext4 = Ext4::open(fs::read(&image).unwrap()).unwrap();
    assert_same("revision 0", manifest::of(&ext4).unwrap(), manifest::of_directory(&source).unwrap());
}

#[test]
fn identity_is_what_blkid_says() {
    let work = tools::work_dir("identity");
    let source = work.join("source");
    fs::create_dir(&source).unwrap();
    for arguments in ["-t ext2", "-t ext3", "-t ext4", "-t ext4 -O ^has_journal", "-t ext3 -O extent"] {
        let image = make(&work, &source, arguments);
        let bytes = fs::read(&image).unwrap();
        assert_eq!(ext4::probe(bytes.as_slice()), Ok(true));
        let identity = Ext4::open(bytes).unwrap().identity();
        for (tag, ours) in [
            ("TYPE", identity.format.as_bytes()),
            ("LABEL", &identity.label),
            ("UUID", identity.uuid.as_bytes()),
        ] {
            let blkid = tools::run("blkid", &["-p", "-o", "value", "-s", tag, image.to_str().unwrap()]);
            assert_eq!(blkid.trim_ascii(), ours, "{arguments}: {tag}");
        }
    }
}

#[test]
fn attributes_are_those_that_debugfs_sets() {
    let work = tools::work_dir("attributes");
    let source = work.join("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("file"), "x").unwrap();
    fs::write(source.join("old"), "x").unwrap();
    let image = make(&work, &source, "-t ext4");
    // The old device number has eight bits each, the new one more; the years are beyond 32 bits of seconds.
    let commands = "mknod terminal c 5 1\nmknod disk b 259 60000\nmknod pipe p\n\
        sif file uid 70000\nsif file gid 80001\nsif file mtime 24000101000000\nsif file mtime_extra 0x1dcd6502\n\
        sif old mtime @-2\nsif old mtime_extra 0\n";
    change(&image, commands);
    let ext4 = Ext4::open(fs::read(&image).unwrap()).unwrap();
    let attr = |name: &str| ext4.attr(&ext4.lookup(&ext4.root(), name.as_bytes()).unwrap()).unwrap();
    let (terminal, disk) = (attr("terminal"), attr("disk"));
    assert_eq!((terminal.kind, terminal.device), (FileType::CharDevice, (5, 1)));
    assert_eq!((disk.kind, disk.device), (FileType::BlockDevice, (259, 60_000)));
    assert_eq!(attr("pipe").kind, FileType::Fifo);
    let file = attr("file");
    assert_eq!((file.uid, file.gid), (70_000, 80_001));
    let stat = debugfs(&image, "stat file");
    let (_, rest) = stat.split_once("mtime: 0x").unwrap();
    let (seconds, rest) = rest.split_once(':').unwrap();
    let (extra, _) = rest.split_once(' ').unwrap();
    let low = u32::from_str_radix(seconds, 16).unwrap().cast_signed();
    let extra = u32::from_str_radix(extra, 16).unwrap();
    let expected =
        Timestamp { seconds: i64::from(low) + (i64::from(extra & 3) << 32), nanoseconds: extra >> 2 };
    assert_eq!(file.modified, expected, "{stat}");
    assert_eq!(expected.nanoseconds, 0x1dcd_6502 >> 2);
    assert_eq!(attr("old").modified, Timestamp { seconds: -2, nanoseconds: 0 });
}

/// A device that counts its reads.
struct Counting(Vec<u8>, std::cell::Cell<usize>);

impl BlockRead for Counting {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), block::ReadError> {
        self.1.set(self.1.get() + 1);
        self.0.read_at(offset, buf)
    }
}

#[test]
fn names_are_found_by_the_index_whatever_its_hash() {
    let work = tools::work_dir("hashes");
    let source = work.join("source");
    fs::create_dir(&source).unwrap();
    fill(&source, MANY_NAMES);
    // Flags of the superblock: signed and unsigned.
    let versions = ["legacy", "half_md4", "tea"].map(|hash| [(hash, 1), (hash, 2)]);
    for (hash, flags) in versions.into_iter().flatten() {
        let image = make(&work, &source, "-t ext4 -b 1024");
        tools::run("tune2fs", &["-E", &format!("hash_alg={hash}"), image.to_str().unwrap()]);
        change(&image, &format!("ssv flags {flags}\n"));
        check(&image, &["-fyD"]);
        let what = format!("{hash}, flags {flags}");
        let tree = debugfs(&image, "htree_dump /many");
        assert!(tree.contains("Indirect levels: 1"), "{what}: two levels\n{tree}");
        let device = Counting(fs::read(&image).unwrap(), Default::default());
        let ext4 = Ext4::open(&device).unwrap();
        let records = manifest::of(&ext4).unwrap();
        assert_found(&what, &ext4, &records);
        // A folder of some 150 KiB: a scan of it takes about ten reads of the cache's 16 KiB.
        let fresh = Ext4::open(Cache::new(&device, 64)).unwrap();
        let many = fresh.lookup(&fresh.root(), b"many").unwrap();
        let before = device.1.get();
        let last = records.iter().rfind(|record| record.path.starts_with(b"many/")).unwrap();
        fresh.lookup(&many, &last.path[5..]).unwrap();
        assert!(device.1.get() - before <= 5, "{what}: {} reads", device.1.get() - before);
    }
}

#[test]
fn maps_are_as_deep_as_they_get() {
    let work = tools::work_dir("deep");
    let source = work.join("source");
    fs::create_dir(&source).unwrap();
    fill(&source, SOME_NAMES);
    // Past 12 + 256 + 65536 blocks of 1 KiB: the third level of a block map.
    let far = 70 * 1024 * 1024;
    let file = File::create(source.join("far")).unwrap();
    file.write_all_at(b"far away", far).unwrap();
    file.set_len(far + 5000).unwrap();
    for (arguments, depth) in [("-t ext2 -b 1024", "TIND"), ("-t ext4 -b 1024", "(ETB1)")] {
        let image = make(&work, &source, arguments);
        let (of_far, of_pieces) = (debugfs(&image, "stat far"), debugfs(&image, "stat pieces"));
        assert!(of_far.contains(depth) || of_pieces.contains(depth), "{of_far}\n{of_pieces}");
        let ext4 = Ext4::open(fs::read(&image).unwrap()).unwrap();
        let node = ext4.lookup(&ext4.root(), b"far").unwrap();
        let mut buf = [1; 4096];
        assert_eq!(ext4.read_at(&node, far - 100, &mut buf), Ok(4096));
        assert_eq!(buf[..100], [0; 100]);
        assert_eq!(&buf[100..108], b"far away");
        assert_eq!(buf[108..], [0; 4096 - 108], "the hole at the end");
        assert_eq!(ext4.read_at(&node, far / 2, &mut buf), Ok(4096));
        assert_eq!(buf, [0; 4096]);
        assert_eq!(ext4.read_at(&node, far + 4990, &mut buf), Ok(10));
        assert_eq!(ext4.read_at(&node, far + 5000, &mut buf), Ok(0));
        assert_eq!(ext4.read_at(&node, u64::MAX, &mut buf), Ok(0));
    }
}

#[test]
fn a_contiguous_file_costs_one_read_a_chunk() {
    let work = tools::work_dir("reads");
    let source = work.join("source");
    fs::create_dir(&source).unwrap();
    let content = noise(8 * 1024 * 1024, 5);
    fs::write(source.join("kernel"), &content).unwrap();
    // Without a journal, which would be in the middle of the only group's free blocks.
    let device =
        Counting(fs::read(make(&work, &source, "-t ext4 -O ^has_journal")).unwrap(), Default::default());
    let ext4 = Ext4::open(Cache::new(&device, 64)).unwrap();
    let node = ext4.lookup(&ext4.root(), b"kernel").unwrap();
    let (mut read, before) = (vec![0; content.len()], device.1.get());
    for (index, chunk) in read.chunks_mut(1024 * 1024).enumerate() {
        assert_eq!(ext4.read_at(&node, index as u64 * 1024 * 1024, chunk), Ok(chunk.len()));
    }
    assert!(read == content);
    // The descriptor and the table of its inode may still have to be read.
    let cost = device.1.get() - before;
    assert!((8..=10).contains(&cost), "{cost} reads for 8 chunks");
}

#[test]
fn unwritten_extents_read_as_zeros() {
    let work = tools::work_dir("unwritten");
    let source = work.join("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("file"), vec![0xaa; 100_000]).unwrap();
    let image = make(&work, &source, "-t ext4 -b 1024");
    // Blocks 10 to 19 are freed, and reallocated without being written.
    change(&image, "punch /file 10 19\nfallocate /file 10 19\n");
    assert!(debugfs(&image, "ex /file").contains("Uninit"));
    let ext4 = Ext4::open(fs::read(&image).unwrap()).unwrap();
    let node = ext4.lookup(&ext4.root(), b"file").unwrap();
    let mut read = vec![1; 100_000];
    assert_eq!(ext4.read_at(&node, 0, &mut read), Ok(100_000));
    let mut expected = vec![0xaa; 100_000];
    expected[10 * 1024..20 * 1024].fill(0);
    assert!(read == expected);
}

#[test]
fn a_hole_of_a_file_with_inline_data_reads_as_zeros() {
    let work = tools::work_dir("inline-hole");
    let source = work.join("source");
    fs::create_dir(&source).unwrap();
    for size in [1, 60, 61, 1000, 1 << 20] {
        File::create(source.join(format!("hole-{size}"))).unwrap().set_len(size).unwrap();
    }
    let image = make(&work, &source, "-t ext4 -O inline_data");
    // Inline data, and no extents.
    assert!(debugfs(&image, "stat hole-1048576").contains("Flags: 0x10000000"));
    let ext4 = Ext4::open(fs::read(&image).unwrap()).unwrap();
    assert_same("holes", manifest::of(&ext4).unwrap(), manifest::of_directory(&source).unwrap());
}

#[test]
fn a_damaged_block_hides_no_names_of_the_others() {
    const BLOCK: usize = 1024;
    let work = tools::work_dir("damaged-block");
    let source = work.join("source");
    fs::create_dir_all(source.join("d")).unwrap();
    let names: Vec<String> = (0..400).map(|number| format!("{number:0>60}")).collect();
    names.iter().for_each(|name| fs::write(source.join("d").join(name), "").unwrap());
    let image = make(&work, &source, "-t ext4 -b 1024 -O ^dir_index,^has_journal -N 1000");
    let blocks = debugfs(&image, "blocks /d");
    let blocks: Vec<usize> = blocks.split_whitespace().map(|number| number.parse().unwrap()).collect();
    assert!(blocks.len() > 20, "{blocks:?}");
    let sound = fs::read(&image).unwrap();
    let listed = |damaged: &[usize]| {
        let mut bytes = sound.clone();
        damaged.iter().for_each(|block| bytes[block * BLOCK + 20] ^= 1);
        let ext4 = Ext4::open(bytes).unwrap();
        let dir = ext4.lookup(&ext4.root(), b"d").unwrap();
        let mut found = 0;
        let outcome = ext4.read_dir(&dir, &mut |_, _, _| {
            found += 1;
            ControlFlow::Continue(())
        });
        (found, outcome.is_err(), ext4.lookup(&dir, names[0].as_bytes()).is_ok())
    };
    assert_eq!(listed(&[]), (400, false, true));
    // Its first block has `.` and `..`, and the first or last names.
    let (found, is_said, _) = listed(&blocks[3..5]);
    assert!(is_said && (350..400).contains(&found), "{found}");
    // A corrupt folder may claim any number of blocks: not all damaged ones are skipped.
    let (found, is_said, _) = listed(&blocks[1..18]);
    assert!(is_said && found < 50, "{found}");
}

#[test]
fn what_cannot_be_read_is_refused_by_name() {
    let work = tools::work_dir("refused");
    let source = work.join("source");
    fs::create_dir(&source).unwrap();
    fs::create_dir(source.join("folder")).unwrap();
    fs::write(source.join("file"), "x").unwrap();
    symlink("target", source.join("link")).unwrap();
    let image = make(&work, &source, "-t ext4 -O encrypt");
    change(&image, "sif file flags 0x80800\nsif folder flags 0x80800\nsif link flags 0x800\n");
    let ext4 = Ext4::open(fs::read(&image).unwrap()).unwrap();
    let node = |name: &str| ext4.lookup(&ext4.root(), name.as_bytes()).unwrap();
    let refused = |result: Result<(), Error>| {
        assert!(result.unwrap_err().to_string().ends_with("unsupported: encrypt"))
    };
    refused(ext4.read_at(&node("file"), 0, &mut [0; 4]).map(drop));
    refused(ext4.read_link(&node("link")).map(drop));
    refused(ext4.lookup(&node("folder"), b"x").map(drop));
    refused(ext4.read_dir(&node("folder"), &mut |_, _, _| std::ops::ControlFlow::Continue(())));
    for (feature, name) in
        [("FEATURE_I20", "FEATURE_I20"), ("dirdata", "dirdata"), ("compression", "compression")]
    {
        let image = make(&work, &source, "-t ext4");
        change(&image, &format!("feature {feature}\n"));
        let error = Ext4::open(fs::read(&image).unwrap()).err().unwrap();
        assert_eq!(error.code(), "E-FS-EXT4-UNSUPPORTED");
        assert!(error.to_string().ends_with(name), "{error}");
    }
}
