// SPDX-License-Identifier: BSD-3-Clause
//! Filesystems that mkfs.btrfs has filled read as the folder that they were filled from, whatever its options; damage
//! is repaired from copies, or named in the error.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::{self, File},
    os::unix::{
        ffi::OsStrExt,
        fs::{FileExt, PermissionsExt, symlink},
    },
    path::Path,
    rc::Rc,
};

use block::BlockRead;
use btrfs::Btrfs;
use filesystem::{Error, FileSystem, FileType, Health};
use oracle::{
    manifest::{self, Record},
    opinion::{self, Fault},
    tools::{run, work_dir},
};

const MIB: usize = 1 << 20;
/// Where the superblock and its first copy are.
const SUPERBLOCKS: [usize; 2] = [64 << 10, 64 << 20];
/// `incompat_flags` in it.
const INCOMPAT: usize = 188;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Bytes that differ everywhere and do not compress.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut random = oracle::random::Random::new(seed, length);
    (0..length).map(|_| random.next() as u8).collect()
}

/// Bytes that compress.
fn prose(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| b"the quick brown fox jumps over the lazy dog\n"[at % 44] ^ (at >> 14) as u8)
        .collect()
}

/// A folder with everything that changes how a file is stored.
fn fill(root: &Path) {
    let write = |name: &str, bytes: &[u8]| {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    for length in [0, 1, 100, 2000, 2048, 3000, 4095, 4096, 4097, 65_536, 131_072, 131_073, 1_000_000] {
        write(&format!("noise/{length}"), &noise(length, 1));
        write(&format!("prose/{length}"), &prose(length));
    }
    write("mixed", &[prose(300_000), noise(300_000, 2), vec![0; 300_000], prose(100_001)].concat());
    // In units of the largest sector, otherwise mkfs fails.
    let sparse = File::create(root.join("sparse")).unwrap();
    for piece in 0..40 {
        sparse.write_all_at(&noise(65_536, piece), piece * 131_072).unwrap();
    }
    sparse.set_len(6_000_000).unwrap();
    File::create(root.join("hole")).unwrap().set_len(1 << 20).unwrap();
    for number in 0..1500 {
        write(&format!("many/{number}-{}", "x".repeat(number % 200)), number.to_string().as_bytes());
    }
    write("名前/ümläut 😀", b"UTF-8");
    symlink("noise/100", root.join("link")).unwrap();
    symlink("long/".repeat(400), root.join("long link")).unwrap();
    fs::hard_link(root.join("mixed"), root.join("another name")).unwrap();
    fs::set_permissions(root.join("mixed"), fs::Permissions::from_mode(0o4751)).unwrap();
}

/// An image of the folder, made with these options.
fn image(work: &Path, options: &[&str]) -> Vec<u8> {
    let (source, image) = (work.join("source"), work.join("image"));
    if !source.exists() {
        fs::create_dir(&source).unwrap();
        fill(&source);
    }
    let _ = fs::remove_file(&image);
    File::create(&image).unwrap().set_len(200 * MIB as u64).unwrap();
    let all = [&["-q", "-f", "--rootdir", text(&source)], options, &[text(&image)]].concat();
    run("mkfs.btrfs", &all);
    fs::read(&image).unwrap()
}

fn open(image: Vec<u8>) -> Result<Btrfs, Error> {
    Btrfs::open(vec![Rc::new(image)])
}

/// The folder's records. On btrfs, directories have other sizes and one link; the root has the time of mkfs, which
/// copies whole seconds only.
fn expected(work: &Path) -> Vec<Record> {
    levelled(manifest::of_directory(work.join("source")).unwrap())
}

fn levelled(mut records: Vec<Record>) -> Vec<Record> {
    for record in &mut records {
        record.modified.nanoseconds = 0;
        if record.kind == FileType::Directory {
            (record.size, record.links) = (0, 0);
        }
        if record.path.is_empty() {
            record.modified = Default::default();
        }
    }
    records
}

fn assert_same(what: &str, btrfs: &Btrfs, expected: &[Record]) {
    let found = levelled(manifest::of(btrfs).unwrap_or_else(|error| panic!("{what}: {error}")));
    assert_no_difference(what, &found, expected);
}

fn assert_no_difference(what: &str, found: &[Record], expected: &[Record]) {
    let lines = manifest::diff(found, expected);
    let few = lines[..lines.len().min(20)].join("\n");
    assert!(lines.is_empty(), "{what}: {} differences\n{few}", lines.len());
}

#[test]
fn every_option_of_mkfs_is_read() {
    let work = work_dir("options");
    let mut expected_records = None;
    for options in [
        "",
        "--csum xxhash --nodesize 4k",
        "--csum sha256 --nodesize 64k --compress zlib:9",
        "--csum blake2 --nodesize 32k --compress lzo",
        "--compress zstd:15",
        "--mixed --nodesize 4k -d dup -m dup",
        "-d dup -m single --compress lzo --nodesize 8k",
        "-O ^no-holes,^free-space-tree,^block-group-tree,^extref,^skinny-metadata",
        "-O quota,raid1c34,raid56",
        "-O squota,block-group-tree --compress zstd",
        "--sectorsize 16k --compress lzo",
        "--sectorsize 64k --nodesize 64k --compress zlib",
        "-s 8k -n 16k --compress zstd",
        "--shrink",
        "--inode-flags nodatasum:mixed --inode-flags nodatacow:sparse",
    ] {
        let arguments: Vec<&str> = options.split_whitespace().collect();
        let image = image(&work, &arguments);
        let size = image.len() as u64;
        let btrfs = open(image).unwrap_or_else(|error| panic!("{options}: {error}"));
        let expected = expected_records.get_or_insert_with(|| self::expected(&work));
        assert_same(options, &btrfs, expected);
        assert_eq!((btrfs.warnings(), btrfs.rebuilt()), (vec![], 0), "{options}");
        let summary = btrfs.summary().unwrap();
        assert_eq!((summary.health, summary.features), (Health::Ok, features(&work)), "{options}");
        assert!(summary.free.is_some_and(|free| free < size), "{options}: {:?}", summary.free);
        if arguments.iter().any(|argument| ["-s", "--sectorsize"].contains(argument)) {
            assert_grub_agrees(&work, options, expected);
        }
    }
}

/// Sectors larger than pages, which Linux may not mount.
fn assert_grub_agrees(work: &Path, options: &str, records: &[Record]) {
    let is_one_of_many = |record: &&Record| record.path.starts_with(b"many/");
    let records: Vec<Record> = records.iter().filter(|record| !is_one_of_many(record)).cloned().collect();
    let content =
        |record: &Record| fs::read(work.join("source").join(OsStr::from_bytes(&record.path))).unwrap();
    let asked = opinion::grub(&[work.join("image")], &records, content);
    // It reads no hole at the end of `sparse`, which is requested twice, as the largest file, and no file that is only
    // a hole. It expects LZO segments of 4 KiB sectors.
    let reads_compressed = !options.contains("lzo");
    let is_known = |fault: &Fault| match fault {
        Fault::Differs(text) => text.starts_with("/sparse: ") && text.ends_with(opinion::SHORT),
        Fault::Refused(text) => !reads_compressed || text == "extent not found",
    };
    assert!(asked.faults.iter().all(is_known), "{options}: {asked:?}");
    let most_wrong = if reads_compressed { 3 } else { 15 };
    assert!(asked.files >= 25 && asked.agreed + most_wrong >= asked.files, "{options}: {asked:?}");
}

/// The names of features as btrfs's own tool prints them.
fn features(work: &Path) -> Vec<String> {
    let text = run("btrfs", &["inspect-internal", "dump-super", text(&work.join("image"))]);
    let text = String::from_utf8(text).unwrap();
    let words = |key: &str| {
        let rest = text.split_once(key).unwrap().1.split_once('(').unwrap().1;
        rest.split_once(')').unwrap().0.to_lowercase().replace('_', "-")
    };
    let compat_ro = text.lines().find(|line| line.starts_with("compat_ro_flags")).unwrap();
    let is_empty = compat_ro.split_whitespace().nth(1) == Some("0x0");
    let both = [words("incompat_flags"), if is_empty { String::new() } else { words("compat_ro_flags") }];
    let names = both.iter().flat_map(|words| words.split('|')).map(|name| name.trim().to_string());
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn subvolumes_have_paths_and_one_is_the_default() {
    let work = work_dir("subvolumes");
    let options = ["-u", "default:noise", "-u", "ro:many", "-u", "rw:名前", "-L", "a label"];
    let btrfs = open(image(&work, &options)).unwrap();
    let found = btrfs.subvolumes().unwrap();
    let list: BTreeSet<(&[u8], bool)> =
        found.iter().map(|subvolume| (subvolume.path.as_slice(), subvolume.is_read_only)).collect();
    let expected_list = [("", false), ("many", true), ("noise", false), ("名前", false)];
    assert_eq!(list, expected_list.map(|(path, is_read_only)| (path.as_bytes(), is_read_only)).into());
    assert_eq!(btrfs.identity().label, b"a label");
    assert!(found.iter().all(|subvolume| !subvolume.is_snapshot));
    let file = btrfs.lookup(&btrfs.root(), b"100").unwrap();
    assert_eq!(btrfs.attr(&file).unwrap().size, 100, "the default subvolume is the root");
    let top = btrfs.top().unwrap();
    let btrfs = btrfs.with_root(top);
    let mut records = levelled(manifest::of(&btrfs).unwrap());
    // Their roots have the time of mkfs.
    let mut expected = expected(&work);
    for record in records.iter_mut().chain(&mut expected) {
        if record.kind == FileType::Directory {
            record.modified = Default::default();
        }
    }
    assert_no_difference("all subvolumes", &records, &expected);
}

#[test]
fn a_broken_superblock_is_read_from_its_copy() {
    let work = work_dir("superblock");
    let sound = image(&work, &["-U", "11111111-2222-3333-4444-555555555555"]);
    assert_eq!(open(sound.clone()).unwrap().identity().uuid, "11111111-2222-3333-4444-555555555555");
    let mut image = sound.clone();
    image[SUPERBLOCKS[0] + 0x200] ^= 1;
    let btrfs = open(image.clone()).unwrap();
    let [warning] = &btrfs.warnings()[..] else { panic!("{:?}", btrfs.warnings()) };
    assert_eq!(warning.code(), "E-FS-BTRFS-DEGRADED");
    let said = warning.to_string();
    assert!(
        said.starts_with("btrfs: device 1 (") && said.contains("btrfs_super_block.csum at byte 65536"),
        "{said}"
    );
    assert!(said.ends_with("; the copy at byte 67108864 is used"), "{said}");
    assert_eq!(btrfs.summary().unwrap().health, Health::Degraded);
    assert_same("copy of the superblock", &btrfs, &expected(&work));
    image[SUPERBLOCKS[1] + 0x200] ^= 1;
    let Err(Error::Corrupt(error)) = open(image) else { panic!("both are damaged") };
    assert_eq!((error.offset, error.code().to_string()), (65_536, "E-FS-BTRFS-CSUM".to_string()));
    // Without its magic number, it counts as overwritten by another filesystem.
    let mut image = sound;
    image[SUPERBLOCKS[0] + 64..][..8].fill(0);
    assert!(!btrfs::probe(&image).unwrap());
}

/// Changes bytes of both superblocks of a filesystem with crc32c, and corrects their checksums.
fn change_superblock(image: &mut [u8], at: usize, change: impl Fn(&mut [u8])) {
    for start in SUPERBLOCKS {
        change(&mut image[start + at..start + 4096]);
        let sum = !crc32c::crc32c(!0, &image[start + 32..start + 4096]);
        image[start..start + 4].copy_from_slice(&sum.to_le_bytes());
    }
}

#[test]
fn errors_that_were_detected_are_a_warning() {
    let work = work_dir("errors");
    let mut image = image(&work, &[]);
    // BTRFS_SUPER_FLAG_ERROR
    change_superblock(&mut image, 56, |bytes| bytes[0] |= 1 << 2);
    let btrfs = open(image).unwrap();
    let said: Vec<String> = btrfs.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].ends_with("errors were detected while it was mounted: run btrfs check"), "{said:?}");
    assert_eq!(btrfs.summary().unwrap().health, Health::Degraded);
}

#[test]
fn what_is_not_read_is_refused_by_name() {
    let work = work_dir("refused");
    let sound = image(&work, &[]);
    for (bit, name) in
        [(13, "extent-tree-v2"), (14, "raid-stripe-tree"), (17, "remap-tree"), (30, "FEATURE_I30")]
    {
        let mut image = sound.clone();
        change_superblock(&mut image, INCOMPAT, |bytes| bytes[bit / 8] |= 1 << (bit % 8));
        let error = open(image).err().unwrap();
        assert_eq!(error.to_string(), format!("btrfs: unsupported: {name}"));
        assert_eq!(error.code(), "E-FS-BTRFS-UNSUPPORTED");
    }
    let mut image = sound.clone();
    change_superblock(&mut image, 144, |bytes| bytes[..4].copy_from_slice(&2048u32.to_le_bytes()));
    let Err(Error::Corrupt(error)) = open(image) else { panic!("sectors of 2 KiB") };
    assert_eq!((error.structure, error.found), ("btrfs_super_block.sectorsize", 2048));
    // A log that was not replayed.
    let mut image = sound;
    change_superblock(&mut image, 96, |bytes| bytes[0] = 1);
    let warnings = open(image).unwrap().warnings();
    assert!(warnings.len() == 1 && warnings[0].to_string().contains("tree log"), "{warnings:?}");
}

#[test]
fn an_identity_that_was_changed_is_the_one_that_counts() {
    let work = work_dir("identity");
    image(&work, &[]);
    let path = work.join("image");
    for (option, are_same) in [("-u", true), ("-m", false)] {
        run("btrfstune", &["-f", option, text(&path)]);
        let image = fs::read(&path).unwrap();
        let member = btrfs::member(&image).unwrap();
        assert_eq!(member.fsid == member.metadata_uuid, are_same, "{option}");
        let btrfs = open(image).unwrap();
        assert_eq!(btrfs.identity().uuid, member.fsid.to_string());
        assert_same(option, &btrfs, &expected(&work));
    }
}

/// Where the root of the file tree is, in each copy.
fn copies_of(image: &Path, tree: &str) -> Vec<usize> {
    let dump = run("btrfs", &["inspect-internal", "dump-tree", "-t", tree, text(image)]);
    let dump = String::from_utf8_lossy(&dump);
    let line = dump.lines().find(|line| line.starts_with("node ") || line.starts_with("leaf ")).unwrap();
    let address = line.split(' ').nth(1).unwrap();
    let places = run("btrfs-map-logical", &["-l", address, text(image)]);
    let places = String::from_utf8(places).unwrap();
    let words = places.lines().filter(|line| line.starts_with("mirror"));
    words.map(|line| line.split(' ').nth(5).unwrap().parse().unwrap()).collect()
}

#[test]
fn damaged_metadata_is_read_from_its_other_copy() {
    let work = work_dir("metadata");
    let sound = image(&work, &["-m", "dup"]);
    let copies = copies_of(&work.join("image"), "5");
    assert_eq!(copies.len(), 2);
    for damaged in [&copies[..1], &copies[1..]] {
        let mut image = sound.clone();
        damaged.iter().for_each(|place| image[place + 300] ^= 1);
        let btrfs = open(image).unwrap();
        assert_same("one copy", &btrfs, &expected(&work));
        assert_eq!(btrfs.rebuilt() > 0, damaged[0] == copies[0], "only the first one is asked before");
    }
    let mut image = sound;
    copies.iter().for_each(|place| image[place + 300] ^= 1);
    let btrfs = open(image).unwrap();
    let Err(Error::Corrupt(error)) = btrfs.lookup(&btrfs.root(), b"mixed") else { panic!("both copies") };
    assert_eq!((error.structure, error.code().to_string()), ("btrfs_header.csum", "E-FS-BTRFS-CSUM".into()));
}

#[test]
fn damaged_data_without_another_copy_is_named() {
    let work = work_dir("data");
    for (options, is_found) in [(&[][..], true), (&["--inode-flags", "nodatasum:noise/1000000"], false)] {
        let mut image = image(&work, options);
        let wanted = noise(1_000_000, 1);
        let middle = &wanted[500_000..500_064];
        let place = image.windows(64).position(|window| window == middle).unwrap();
        image[place] ^= 1;
        let btrfs = open(image).unwrap();
        let folder = btrfs.lookup(&btrfs.root(), b"noise").unwrap();
        let file = btrfs.lookup(&folder, b"1000000").unwrap();
        assert_eq!(btrfs.has_checksums(&file).unwrap(), is_found);
        let mut buf = vec![0; wanted.len()];
        match btrfs.read_at(&file, 0, &mut buf) {
            Err(Error::Corrupt(error)) if is_found => {
                let found = (error.structure, error.code().to_string());
                assert_eq!(found, ("data of btrfs_csum_item", "E-FS-BTRFS-CSUM".into()));
            }
            Ok(length) => assert!(!is_found && length == wanted.len() && buf != wanted),
            Err(error) => panic!("{error}"),
        }
        // The data beside it is read.
        assert_eq!(btrfs.read_at(&file, 100_000, &mut buf[..1000]), Ok(1000));
        assert_eq!(buf[..1000], wanted[100_000..101_000]);
    }
}

#[test]
fn two_devices_of_one_number_are_refused() {
    let work = work_dir("twice");
    let first: Rc<dyn BlockRead> = Rc::new(image(&work, &[]));
    let other: Rc<dyn BlockRead> = Rc::new(image(&work, &[]));
    let error = Btrfs::open(vec![Rc::clone(&first), Rc::clone(&first)]).err().unwrap();
    assert!(error.to_string().contains("duplicate btrfs_dev_item.devid"), "{error}");
    let error = Btrfs::open(vec![first, other]).err().unwrap();
    assert!(error.to_string().contains("btrfs_super_block.fsid"), "{error}");
    assert!(Btrfs::open(vec![]).is_err());
}

#[test]
fn another_reader_reads_the_same() {
    let work = work_dir("another");
    let image = image(&work, &["-d", "single", "-m", "dup"]);
    let size = image.len() as u64;
    let mut other = lambutter::Btrfs::open(&image[..], size).unwrap();
    let btrfs = open(image.clone()).unwrap();
    let mut count = 0;
    for record in manifest::of(&btrfs).unwrap().iter().filter(|record| record.kind == FileType::File) {
        let path = [b"/", record.path.as_slice()].concat();
        let bytes = other.read_file(lambutter::Path::new(&path).unwrap()).unwrap();
        let node = record
            .path
            .split(|b| *b == b'/')
            .fold(btrfs.root(), |node, name| btrfs.lookup(&node, name).unwrap());
        let mut ours = vec![0; record.size as usize];
        assert_eq!(btrfs.read_at(&node, 0, &mut ours).unwrap(), ours.len());
        assert!(ours == bytes, "{}", record.path.escape_ascii());
        count += 1;
    }
    assert!(count > 1500, "{count}");
}
