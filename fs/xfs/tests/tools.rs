// SPDX-License-Identifier: BSD-3-Clause
//! Filesystems made by mkfs.xfs read as what was put into them, and as GRUB and another reader read them.

use std::{
    ffi::OsStr,
    fs::{self, File, FileTimes, Permissions},
    os::unix::{
        ffi::OsStrExt,
        fs::{FileExt, PermissionsExt, symlink},
    },
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use block::{BlockRead, Cache, ReadError};
use crc32c::crc32c;
use filesystem::{Attr, Error, FileSystem, FileType, Health, Timestamp};
use oracle::{
    FileDevice,
    manifest::{self, Record},
    tools,
};
use xfs::Xfs;

/// Offset of `di_flags` in an inode, and `XFS_DIFLAG_REALTIME`.
const DI_FLAGS: usize = 90;
const REALTIME: u8 = 1;
/// Names in the large directory: one index block with blocks of 4 KiB, an index tree with those of 1 KiB.
const SOME_NAMES: usize = 300;
/// With blocks of 4 KiB, more than fits in one index block (504), and directories in more pieces than fit in an inode.
const MANY_NAMES: usize = 2200;
/// Pieces of the file with holes: with blocks of 1 KiB, more than fit in the tree's root (20) and a leaf (59).
const PIECES: u64 = 1400;

/// Bytes that repeat late and compress badly.
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

/// Fills a folder with all that a filesystem can contain without root rights; in `tree`, what GRUB can compare.
fn fill(root: &Path, names: usize) {
    // Around the ends of inodes of 256, 512 and 1024 bytes; targets no longer than what fits in a block of 1 KiB of
    // version 5: mkfs.xfs drops the rest.
    for length in [1, 59, 155, 156, 157, 335, 336, 337, 455, 456, 457, 847, 848, 849, 967, 968] {
        let target = "../folder/".repeat(100);
        symlink(&target[..length], root.join(format!("link-{length}"))).unwrap();
    }
    for number in 0..20 {
        let target = if number < 19 { format!("chain-{}", number + 1) } else { "tree/size-1".into() };
        symlink(target, root.join(format!("chain-{number}"))).unwrap();
    }
    tools::run("mkfifo", &[root.join("fifo").to_str().unwrap()]);
    let tree = root.join("tree");
    fs::create_dir_all(tree.join("a/b/c/d/e")).unwrap();
    fs::write(tree.join("a/b/c/d/e/deep"), "deep").unwrap();
    fs::create_dir(tree.join("empty")).unwrap();
    fill_with_files(&tree);
    // Inside the inode, in one block, and in several.
    for (folder, count) in [("few", 5), ("several", 20), ("many", names)] {
        fill_with_names(&tree.join(folder), count);
    }
    fs::write(tree.join("n".repeat(255)), "the longest name").unwrap();
    fs::write(tree.join("日本語 кириллица.txt"), "other letters").unwrap();
    fs::set_permissions(tree.join("size-1"), Permissions::from_mode(0o6751)).unwrap();
    fs::set_permissions(tree.join("a"), Permissions::from_mode(0o1777)).unwrap();
    // 2001-09-09, before any test ran.
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
    File::open(tree.join("size-1")).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
}

fn fill_with_files(folder: &Path) {
    for size in [0, 1, 511, 512, 513, 1023, 1024, 1025, 4095, 4096, 4097, 65535, 65536, 65537, 900_000] {
        fs::write(folder.join(format!("size-{size}")), noise(size, size as u64)).unwrap();
    }
    let pieces = File::create(folder.join("pieces")).unwrap();
    for piece in 0..PIECES {
        pieces.write_all_at(&noise(4096, piece + 77), piece * 8192).unwrap();
    }
    // Only a hole.
    File::create(folder.join("hole")).unwrap().set_len(5_000_000).unwrap();
}

fn fill_with_names(folder: &Path, count: usize) {
    fs::create_dir(folder).unwrap();
    for number in 0..count {
        let mut name = format!("{number}-{}", "n".repeat(number % 90)).into_bytes();
        name.extend([b'\xc3', b'\xa0' + (number % 31) as u8]);
        let path = folder.join(OsStr::from_bytes(&name));
        match number % 3 {
            // Alternates with blocks of the directory, so that these are not contiguous.
            0 => fs::write(path, noise(number, number as u64)).unwrap(),
            1 => fs::hard_link(folder.join("../size-512"), path).unwrap(),
            _ => symlink("../size-1", path).unwrap(),
        }
    }
}

/// An image made with these arguments from a folder. It has 2 GiB, mostly a hole, unless the arguments say otherwise:
/// mkfs.xfs requires at least 300 MiB, and more for the logs of large blocks.
fn make(work: &Path, source: &Path, arguments: &str) -> PathBuf {
    let image = work.join("image");
    let _ = fs::remove_file(&image);
    File::create(&image).unwrap().set_len(2 << 30).unwrap();
    let mut all = vec!["-q", "-f"];
    all.extend(arguments.split(' ').filter(|word| !word.is_empty()));
    all.extend(["-p", source.to_str().unwrap(), image.to_str().unwrap()]);
    tools::run("mkfs.xfs", &all);
    image
}

/// Runs commands of xfs_db.
fn db(image: &Path, commands: &[&str]) -> String {
    let mut all = vec!["-x"];
    commands.iter().for_each(|command| all.extend(["-c", command]));
    all.push(image.to_str().unwrap());
    String::from_utf8(tools::run("xfs_db", &all)).unwrap()
}

/// Changes bytes of an inode, and corrects its checksum.
fn patch_inode(image: &Path, node: xfs::InodeNumber, at: usize, bytes: &[u8]) {
    let file = File::options().read(true).write(true).open(image).unwrap();
    let said = db(image, &[&format!("inode {}", node.0), "stack"]);
    let (_, rest) = said.split_once("byte offset ").unwrap_or_else(|| panic!("{said}"));
    let (offset, rest) = rest.split_once(", length ").unwrap();
    let length = rest.split_whitespace().next().unwrap();
    let mut inode = vec![0; length.parse().unwrap()];
    let offset = offset.parse().unwrap();
    file.read_exact_at(&mut inode, offset).unwrap();
    inode[at..at + bytes.len()].copy_from_slice(bytes);
    if inode[4] == 3 {
        inode[100..104].fill(0);
        let sum = !crc32c(!0, &inode);
        inode[100..104].copy_from_slice(&sum.to_le_bytes());
    }
    file.write_all_at(&inode, offset).unwrap();
}

/// Makes records from different systems comparable.
fn level(mut records: Vec<Record>) -> Vec<Record> {
    for record in &mut records {
        if record.kind == FileType::Directory {
            // Every filesystem counts its own way.
            (record.size, record.links) = (0, 0);
        }
        if record.path.is_empty() {
            // Those of the work folder and of the volume differ.
            (record.mode, record.uid, record.gid) = (0, 0, 0);
            record.modified = Timestamp::default();
        }
    }
    records
}

fn assert_same(what: &str, left: Vec<Record>, right: Vec<Record>) {
    let lines = manifest::diff(&level(left), &level(right));
    let few = lines[..lines.len().min(20)].join("\n");
    assert!(lines.is_empty(), "{what}: {} differences\n{few}", lines.len());
}

/// Looks up every name in every directory: it gives the same node, and absent names give none.
fn assert_found(what: &str, xfs: &Xfs<impl BlockRead>, records: &[Record]) {
    for record in records {
        let mut node = xfs.root();
        for name in record.path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            node = xfs
                .lookup(&node, name)
                .unwrap_or_else(|error| panic!("{what}: {}: {error}", record.path.escape_ascii()));
        }
        assert_eq!(xfs.attr(&node).unwrap().size, record.size);
        if record.kind == FileType::Directory {
            for absent in ["absent", "N", "."] {
                assert_eq!(xfs.lookup(&node, absent.as_bytes()), Err(Error::NotFound), "{what}: {absent}");
            }
        } else {
            assert_eq!(xfs.lookup(&node, b"x"), Err(Error::WrongType { expected: "directory" }));
        }
    }
}

/// Arguments of mkfs.xfs.
const KINDS: &[(&str, &str)] = &[
    ("of today", ""),
    (
        "of RHEL 7",
        "-m finobt=0,rmapbt=0,reflink=0,inobtcount=0,bigtime=0 -i sparse=0,nrext64=0,exchange=0 -n parent=0",
    ),
    ("of RHEL 9", "-m rmapbt=0,bigtime=1,inobtcount=1 -i nrext64=0,exchange=0 -n parent=0"),
    ("small blocks", "-b size=1024"),
    ("blocks of 2 KiB", "-b size=2048 -i size=1024"),
    ("blocks of 8 KiB", "-b size=8192"),
    ("blocks of 16 KiB, sectors of 4", "-b size=16384 -s size=4096"),
    ("blocks and sectors of 32 KiB", "-b size=32768 -s size=32768"),
    ("largest blocks", "-b size=65536"),
    ("large inodes", "-i size=2048"),
    ("large directory blocks", "-b size=1024 -n size=8192"),
    ("largest directory blocks", "-n size=65536"),
    ("metadata directories", "-m metadir=1"),
    ("quotas", "-m uquota,gquota,pquota"),
    ("many groups", "-d agcount=29"),
    ("a stripe", "-d su=64k,sw=4 -l su=64k"),
    ("names in any case", "-n version=ci"),
    ("version 4", "-m crc=0"),
    ("version 4 with types", "-m crc=0 -n ftype=1"),
    ("version 4 with the smallest blocks", "-m crc=0 -b size=512"),
    ("version 4 with larger directory blocks", "-m crc=0 -b size=512 -n size=4096"),
    ("version 4 with large blocks", "-m crc=0 -b size=16384 -n ftype=0"),
    ("version 4 with names in any case", "-m crc=0 -n version=ci"),
    ("version 4 of old", "-m crc=0 -l version=1,lazy-count=0 -i projid32bit=0,attr=1,size=256"),
];

/// What GRUB 2.14 does not read, and its message: extent trees in inodes of unusual size, and case-insensitive names,
/// which it compares differently.
const NOT_BY_GRUB: &[(&str, &str)] = &[
    ("blocks of 2 KiB", "invalid number of XFS root keys"),
    ("version 4 with the smallest blocks", "invalid number of XFS root keys"),
    ("version 4 with larger directory blocks", "invalid number of XFS root keys"),
    ("version 4 with names in any case", "unknown filesystem"),
];

#[test]
fn every_kind_reads_as_its_source_and_as_others_read_it() {
    let work = tools::work_dir("kinds");
    let source = work.join("source");
    fs::create_dir(&source).unwrap();
    fill(&source, SOME_NAMES);
    let expected = manifest::of_directory(&source).unwrap();
    for (what, arguments) in KINDS {
        let image = make(&work, &source, arguments);
        let xfs = Xfs::open(Cache::new(FileDevice::open(&image), 64));
        let xfs = xfs.unwrap_or_else(|error| panic!("{what}: {error}"));
        let records = manifest::of(&xfs).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_same(what, records.clone(), expected.clone());
        assert_found(what, &xfs, &records);
        assert_eq!(xfs.summary().unwrap().health, Health::Ok, "{what}");
        assert_as_grub(what, &image, &source);
        if !arguments.contains("version=ci") {
            assert_as_lamxfs(what, &image, &records);
        }
    }
}

/// GRUB finds the same bytes under each name.
fn assert_as_grub(what: &str, image: &Path, source: &Path) {
    let (image, tree) = (image.to_str().unwrap(), source.join("tree"));
    let output = tools::output("grub-fstest", &[image, "cmp", "(loop0)/tree", tree.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr);
    match NOT_BY_GRUB.iter().find(|(kind, _)| *kind == what) {
        None => assert!(output.status.success() && said.is_empty(), "{what}: {said}"),
        Some((_, why)) => assert!(said.contains(why), "{what}: {said}"),
    }
}

/// The device in the form that the other reader needs.
struct Lam(FileDevice);

impl lamxfs::BlockRead for Lam {
    type Error = ReadError;

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.0.read_at(offset, buf)
    }
}

/// Compares with the lamxfs crate, which resolves each path anew.
fn assert_as_lamxfs(what: &str, image: &Path, records: &[Record]) {
    let device = FileDevice::open(image);
    let size = device.size();
    let mut lam = lamxfs::Xfs::open(Lam(device), size).unwrap_or_else(|error| panic!("{what}: {error:?}"));
    let kinds = [FileType::File, FileType::Directory];
    for record in records.iter().filter(|record| kinds.contains(&record.kind)) {
        let path = lamxfs::Path::new(&record.path);
        let what = format!("{what}: {}", record.path.escape_ascii());
        let inode = lam.resolve(path).unwrap_or_else(|error| panic!("{what}: {error:?}"));
        let metadata = lam.metadata(&inode).unwrap_or_else(|error| panic!("{what}: {error:?}"));
        let mode = metadata.mode() & 0o7777;
        assert_eq!((metadata.size(), mode), (record.size, record.mode.into()), "{what}");
        if record.kind == FileType::File {
            let bytes = lam.read_file(path).unwrap_or_else(|error| panic!("{what}: {error:?}"));
            let sum = manifest::of(&oracle::Tree::new().file("x", bytes)).unwrap()[1].sha256;
            assert_eq!(sum, record.sha256, "{what}");
        }
    }
}

fn open(image: &Path) -> Xfs<FileDevice> {
    Xfs::open(FileDevice::open(image)).unwrap()
}

fn find<D: BlockRead>(xfs: &Xfs<D>, path: &str) -> xfs::InodeNumber {
    path.split('/').fold(xfs.root(), |node, name| xfs.lookup(&node, name.as_bytes()).unwrap())
}

/// A field of an inode, as xfs_db prints it.
fn field(image: &Path, path: &str, field: &str) -> String {
    let said = db(image, &[&format!("path {path}"), &format!("print {field}")]);
    said.trim().split_once(" = ").unwrap_or_else(|| panic!("{said}")).1.to_string()
}

#[test]
fn directories_and_maps_are_as_deep_as_they_get() {
    let work = tools::work_dir("deep");
    let source = work.join("source");
    fs::create_dir(&source).unwrap();
    fill(&source, MANY_NAMES);
    let expected = manifest::of_directory(&source).unwrap();
    for (arguments, fork, level) in
        [("", "u3", "1"), ("-b size=1024", "u3", "2"), ("-m crc=0 -b size=512", "u", "2")]
    {
        let image = make(&work, &source, arguments);
        for path in ["/tree/pieces", "/tree/many"] {
            assert_eq!(field(&image, path, "core.format"), "3 (btree)", "{arguments}: {path}");
        }
        // Levels below the root.
        assert_eq!(field(&image, "/tree/pieces", &format!("{fork}.bmbt.level")), level, "{arguments}");
        let device = FileDevice::open(&image);
        let xfs = Xfs::open(&device).unwrap();
        let records = manifest::of(&xfs).unwrap();
        assert_same(arguments, records.clone(), expected.clone());
        assert_found(arguments, &Xfs::open(Cache::new(&device, 64)).unwrap(), &records);
        // Of at least 55 blocks of names (4 KiB) one is read, and those on the way: the inode, a tree, the index.
        let many = find(&xfs, "tree/many");
        let last = records.iter().rfind(|record| record.path.starts_with(b"tree/many/")).unwrap();
        let before = device.reads();
        xfs.lookup(&many, &last.path[10..]).unwrap();
        let reads = device.reads() - before;
        assert!(reads <= 12, "{arguments}: {reads} reads");
    }
}

#[test]
fn identity_is_what_blkid_says_and_a_new_uuid_reads() {
    let work = tools::work_dir("identity");
    let source = work.join("source");
    fs::create_dir_all(source.join("folder")).unwrap();
    symlink("x".repeat(700), source.join("link")).unwrap();
    fill_with_names(&source.join("folder/names"), 0);
    (0..99).for_each(|n| fs::write(source.join(format!("folder/names/{n:0>60}")), "x").unwrap());
    for (arguments, uuid) in [
        ("-L twelve-bytes", ""),
        ("-m crc=0", ""),
        // Then the UUID in metadata differs from that in the superblock.
        ("-L x", "11111111-2222-3333-4444-555555555555"),
    ] {
        let image = make(&work, &source, arguments);
        let path = image.to_str().unwrap();
        if !uuid.is_empty() {
            tools::run("xfs_admin", &["-U", uuid, path]);
        }
        let device = FileDevice::open(&image);
        assert_eq!(xfs::probe(&device), Ok(true));
        let xfs = Xfs::open(device).unwrap();
        let identity = xfs.identity();
        for (tag, ours) in [
            ("TYPE", identity.format.as_bytes()),
            ("LABEL", &identity.label),
            ("UUID", identity.uuid.as_bytes()),
        ] {
            let blkid = tools::output("blkid", &["-p", "-o", "value", "-s", tag, path]).stdout;
            assert_eq!(blkid.trim_ascii(), ours, "{arguments}: {tag}");
        }
        assert!(uuid.is_empty() || identity.uuid == uuid && db(&image, &["version"]).contains("META_UUID"));
        assert_same(arguments, manifest::of(&xfs).unwrap(), manifest::of_directory(&source).unwrap());
    }
}

#[test]
fn summaries_are_what_xfs_db_says() {
    let work = tools::work_dir("summary");
    let source = work.join("source");
    fs::create_dir(&source).unwrap();
    for (arguments, features) in [
        (
            "-m metadir=1",
            "crc ftype sparse bigtime nrext64 exchange parent metadir finobt rmapbt reflink inobtcount",
        ),
        (
            "-n version=ci",
            "crc ascii-ci ftype sparse bigtime nrext64 exchange parent finobt rmapbt reflink inobtcount",
        ),
        ("-m crc=0 -n ftype=1", "ftype"),
        ("-m crc=0 -n ftype=0", ""),
    ] {
        let image = make(&work, &source, arguments);
        let summary = open(&image).summary().unwrap();
        let said = db(&image, &["sb 0", "print fdblocks blocksize"]);
        let numbers: Vec<u64> =
            said.lines().map(|line| line.split(" = ").nth(1).unwrap().parse().unwrap()).collect();
        assert_eq!(summary.free, Some(numbers.iter().product()), "{arguments}");
        assert_eq!(summary.features.join(" "), features, "{arguments}");
    }
}

#[test]
fn attributes_are_those_of_a_protofile() {
    let work = tools::work_dir("attributes");
    let proto = work.join("proto");
    // Type, set-id bits, permissions, owner, group, and major and minor number.
    let lines = [
        "/x",
        "0 0",
        "d--755 0 0",
        "terminal c--620 0 5 5 1",
        "disk b--660 70000 80001 259 60000",
        "pipe p--600 0 0",
        "set-id -ug711 7 8 /dev/null",
        "$\n",
    ];
    fs::write(&proto, lines.join("\n")).unwrap();
    for arguments in ["", "-m crc=0", "-m bigtime=0"] {
        let image = make(&work, &proto, arguments);
        let xfs = open(&image);
        let attr = |name: &str| xfs.attr(&find(&xfs, name)).unwrap();
        let (terminal, disk, pipe, set_id) = (attr("terminal"), attr("disk"), attr("pipe"), attr("set-id"));
        let what = |attr: &Attr| (attr.kind, attr.device, attr.uid, attr.gid, attr.mode);
        assert_eq!(what(&terminal), (FileType::CharDevice, (5, 1), 0, 5, 0o620), "{arguments}");
        assert_eq!(what(&disk), (FileType::BlockDevice, (259, 60_000), 70_000, 80_001, 0o660), "{arguments}");
        assert_eq!(what(&pipe), (FileType::Fifo, (0, 0), 0, 0, 0o600), "{arguments}");
        assert_eq!(what(&set_id), (FileType::File, (0, 0), 7, 8, 0o6711), "{arguments}");
        assert_eq!(xfs.read_link(&find(&xfs, "pipe")), Err(Error::WrongType { expected: "symbolic link" }));
    }
}

#[test]
fn times_reach_from_1901_to_2486() {
    let work = tools::work_dir("times");
    let source = work.join("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("file"), "x").unwrap();
    for (arguments, seconds, nanoseconds) in [
        ("", 16_299_260_424i64, 999_999_999),
        ("", -2_147_483_648, 1),
        ("-m bigtime=0", 2_147_483_647, 999_999_999),
        ("-m bigtime=0", -2, 7),
        ("-m crc=0", -2_147_483_648, 0),
    ] {
        let image = make(&work, &source, arguments);
        // As xfs_db prints it: seconds since 1970, or nanoseconds since 1901.
        let since_1901 = (seconds + (1 << 31)).unsigned_abs();
        let raw = match arguments {
            "" => since_1901 * 1_000_000_000 + u64::from(nanoseconds),
            _ => (seconds as u64) << 32 | u64::from(nanoseconds),
        };
        let node = {
            let xfs = open(&image);
            find(&xfs, "file")
        };
        patch_inode(&image, node, 40, &raw.to_be_bytes());
        let modified = open(&image).attr(&node).unwrap().modified;
        assert_eq!(modified, Timestamp { seconds, nanoseconds }, "{arguments}");
        let said = field(&image, "/file", "core.mtime.nsec");
        assert_eq!(said, nanoseconds.to_string(), "{arguments}");
    }
}

#[test]
fn files_on_a_realtime_device_are_refused_and_the_rest_is_read() {
    let work = tools::work_dir("realtime");
    let (source, realtime) = (work.join("source"), work.join("realtime"));
    fs::create_dir_all(source.join("folder")).unwrap();
    fs::write(source.join("folder/file"), "content").unwrap();
    fs::write(source.join("empty"), "").unwrap();
    symlink("folder/file", source.join("link")).unwrap();
    File::create(&realtime).unwrap().set_len(1 << 30).unwrap();
    let on_device = format!("-r rtdev={}", realtime.display());
    for arguments in [on_device.clone(), format!("-m metadir=1 {on_device}")] {
        let image = make(&work, &source, &arguments);
        let expected = manifest::of_directory(&source).unwrap();
        assert_same(&arguments, manifest::of(&open(&image)).unwrap(), expected);
        // mkfs.xfs puts no files there.
        let nodes = ["folder/file", "empty"].map(|path| find(&open(&image), path));
        nodes.iter().for_each(|node| patch_inode(&image, *node, DI_FLAGS, &[0, REALTIME]));
        let (xfs, [file, empty]) = (open(&image), nodes);
        assert_eq!(xfs.attr(&file).unwrap().size, 7, "{arguments}");
        let error = xfs.read_at(&file, 0, &mut [0; 7]).unwrap_err();
        assert_eq!(error.to_string(), "XFS: unsupported: file on a realtime device", "{arguments}");
        assert_eq!(xfs.read_at(&empty, 0, &mut [0; 7]), Ok(0));
        assert_eq!(xfs.read_link(&find(&xfs, "link")).unwrap(), b"folder/file");
    }
    let nothing = work.join("nothing");
    fs::create_dir(&nothing).unwrap();
    let xfs = open(&make(&work, &nothing, "-r zoned=1"));
    assert_eq!(manifest::of(&xfs).unwrap().len(), 1);
    assert!(xfs.summary().unwrap().features.contains(&"zoned".into()));
}

#[test]
fn what_cannot_be_read_is_refused_by_name() {
    let work = tools::work_dir("refused");
    let source = work.join("source");
    fs::create_dir(&source).unwrap();
    for (arguments, field, value, expected) in [
        ("", "features_incompat", "0x80eb", "XFS: unsupported: sb_features_incompat bit 15"),
        ("", "versionnum", "0xb6b5", "XFS: unsupported: sb_versionnum bit 9"),
        ("", "features2", "0x19a", "XFS: unsupported: sb_features2 bit 4"),
        ("", "inprogress", "1", "XFS: unsupported: unfinished mkfs.xfs (sb_inprogress)"),
        ("-m crc=0", "versionnum", "0x9484", "XFS: unsupported: directories of version 1"),
        ("-m crc=0", "versionnum", "0xb483", "XFS: unsupported: version 3"),
        ("", "blocklog", "13", "XFS: xfs_dsb.sb_blocksize at byte 4: out of range (found 0x1000)"),
        ("", "dblocks", "600000", "XFS: xfs_dsb.sb_dblocks at byte 8: out of range (found 0x927c0)"),
        ("", "rootino", "5", "XFS: inode number at byte 0: out of range (found 0x5)"),
    ] {
        let image = make(&work, &source, arguments);
        db(&image, &["sb 0", &format!("write -d {field} {value}")]);
        let read = Xfs::open(FileDevice::open(&image)).and_then(|xfs| xfs.attr(&xfs.root()));
        assert_eq!(read.unwrap_err().to_string(), expected, "{field}");
    }
    // Features that only writers need, and the mark that xfs_repair sets.
    let image = make(&work, &source, "");
    db(&image, &["sb 0", "write -d features_ro_compat 0x8000000f", "write -d features_compat 0x80000000"]);
    assert_eq!(open(&image).summary().unwrap().features.last().unwrap(), "ro_compat bit 31");
    db(&image, &["sb 0", "write -d features_incompat 0xfb"]);
    let xfs = open(&image);
    assert_eq!(manifest::of(&xfs).unwrap().len(), 1);
    assert_eq!(xfs.summary().unwrap().health, Health::Degraded);
    let warnings: Vec<String> =
        xfs.warnings().iter().map(|warning| format!("{} {warning}", warning.code())).collect();
    assert_eq!(
        warnings,
        ["E-FS-XFS-DEGRADED XFS: marked as needing repair, and Linux refuses to mount it: run xfs_repair"]
    );
}

#[test]
fn a_log_on_another_device_is_a_warning() {
    let work = tools::work_dir("log");
    let (source, log) = (work.join("source"), work.join("log"));
    fs::create_dir(&source).unwrap();
    fs::write(source.join("file"), "content").unwrap();
    File::create(&log).unwrap().set_len(64 << 20).unwrap();
    for version in ["", "-m crc=0 "] {
        let image = make(&work, &source, &format!("{version}-l logdev={},size=64m", log.display()));
        let xfs = open(&image);
        assert_same("external log", manifest::of(&xfs).unwrap(), manifest::of_directory(&source).unwrap());
        let warnings: Vec<String> = xfs.warnings().iter().map(ToString::to_string).collect();
        let expected =
            "XFS: its log is not replayed (a log on another device): files may be out of date or damaged";
        assert_eq!(warnings, [expected]);
        assert_eq!(xfs.summary().unwrap().health, Health::Degraded);
    }
}

#[test]
fn a_device_that_is_cut_off_is_refused() {
    let work = tools::work_dir("short");
    let source = work.join("source");
    fs::create_dir(&source).unwrap();
    let image = make(&work, &source, "-d size=400m");
    File::options().write(true).open(&image).unwrap().set_len((400 << 20) - 1).unwrap();
    let error = Xfs::open(FileDevice::open(&image)).err().unwrap().to_string();
    assert_eq!(error, "XFS: xfs_dsb.sb_dblocks at byte 8: out of range (found 0x19000)");
}
