// SPDX-License-Identifier: BSD-3-Clause
//! Volumes made by mkfs.fat and mtools are read; volumes made by us pass fsck.fat and mtools.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use block::{BlockRead, ReadError, check_bounds};
use fat::{
    Fat, Kind,
    write::{Builder, Options, Size},
};
use filesystem::{FileSystem, FileType, Timestamp};
use oracle::{
    manifest::{self, Record},
    tools::{output, run, work_dir},
};

const MIB: u64 = 1024 * 1024;
/// 2026-01-02 03:04:05 UTC: odd, so that FAT's two seconds show.
const TIME: u64 = 1_767_323_045;

/// An image too large to hold in memory.
struct Image(File);

impl BlockRead for Image {
    fn size(&self) -> u64 {
        self.0.metadata().unwrap().len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.size())?;
        let failed = |error: std::io::Error| ReadError::reading(offset, error.to_string());
        self.0.read_exact_at(buf, offset).map_err(failed)
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Bytes that differ by offset.
fn pattern(length: usize, seed: usize) -> Vec<u8> {
    (0..length).map(|i| (i.wrapping_mul(31) ^ (i >> 8) ^ seed) as u8).collect()
}

/// Names of every kind, content of every interesting length. No characters beyond 16 bits, which mtools lacks.
fn sample() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = [
        ("EMPTY", 0),
        ("README.TXT", 1),
        ("case/lower.txt", 511),
        ("case/Mixed.Txt", 512),
        ("case/UPPER.low", 513),
        ("case/.hidden", 4096),
        ("case/two.dots.tar.gz", 4097),
        ("A long name with spaces & ümläut.conf", 65_536),
        ("日本語 кириллица.txt", 100),
        ("EFI/BOOT/BOOTX64.EFI", 300_000),
        ("EFI/BOOT/BOOTRISCV64.EFI", 70_001),
    ]
    .into_iter()
    .map(|(name, length)| (name.to_string(), pattern(length, name.len())))
    .collect();
    // Longer than 255 bytes of UTF-8, as long as FAT allows: 255 units of UTF-16.
    files.push((format!("deep/a/b/c/d/{}", "x".repeat(250)), pattern(10, 1)));
    // Three slots each: a directory of several clusters, even of 32 KiB.
    files.extend((0..400).map(|i| (format!("many/one of the many files {i:03}"), pattern(i, i))));
    files
}

/// The sample as a folder of this machine.
fn folder(dir: &Path) -> PathBuf {
    let root = dir.join("folder");
    for (path, bytes) in sample() {
        let file = root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, bytes).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(TIME);
        File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
    }
    root
}

/// Records as FAT can hold them: no owners and modes, times of files in steps of two seconds.
fn levelled(mut records: Vec<Record>) -> Vec<Record> {
    for record in &mut records {
        (record.mode, record.uid, record.gid, record.links) = (0, 0, 0, 1);
        record.modified.seconds &= !1;
        if record.kind == FileType::Directory {
            (record.size, record.modified) = (0, Timestamp::default());
        }
    }
    records
}

fn assert_same(fat: &impl FileSystem, folder: &Path) {
    let ours = levelled(manifest::of(fat).unwrap());
    let theirs = levelled(manifest::of_directory(folder).unwrap());
    let differences = manifest::diff(&ours, &theirs);
    assert!(differences.is_empty(), "we, they:\n{}", differences.join("\n"));
    assert!(ours.len() > 400);
}

/// The value that blkid prints.
fn blkid(image: &Path, tag: &str) -> String {
    let value = run("blkid", &["-p", "-s", tag, "-o", "value", text(image)]);
    String::from_utf8(value).unwrap().trim_end().to_string()
}

fn made_by_mkfs(dir: &Path, size: u64, args: &[&str]) -> PathBuf {
    let image = dir.join("image");
    File::create(&image).unwrap().set_len(size).unwrap();
    run("mkfs.fat", &[&["-i", "0e1f0001", "-n", "CLOUD-BOOT"], args, &[text(&image)]].concat());
    image
}

fn mcopy_in(image: &Path, folder: &Path) {
    let mut args = vec!["-i".to_string(), text(image).into(), "-s".into(), "-m".into(), "-Q".into()];
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| text(&entry.unwrap().path()).to_string()).collect();
    names.sort();
    args.extend(names);
    args.push("::".into());
    run("mcopy", &args.iter().map(String::as_str).collect::<Vec<_>>());
}

/// Type, bytes of a sector, sectors of a cluster and size, across what is in use: the least and the largest
/// clusters, CD and 4Kn sectors, FAT32 with fewer clusters than its definition asks for.
#[test]
fn volumes_of_mkfs_and_mcopy_are_read() {
    let dir = work_dir("mkfs");
    let folder = folder(&dir);
    for (bits, sector, cluster, size, kind) in [
        ("12", "512", "4", 4 * MIB, Kind::Fat12),
        ("12", "2048", "2", 8 * MIB, Kind::Fat12),
        ("16", "512", "1", 8 * MIB, Kind::Fat16),
        ("16", "512", "64", 256 * MIB, Kind::Fat16),
        ("16", "1024", "2", 24 * MIB, Kind::Fat16),
        ("32", "512", "1", 48 * MIB, Kind::Fat32),
        ("32", "512", "8", 512 * MIB, Kind::Fat32),
        ("32", "4096", "1", 48 * MIB, Kind::Fat32),
    ] {
        let image = made_by_mkfs(&dir, size, &["-F", bits, "-S", sector, "-s", cluster]);
        mcopy_in(&image, &folder);
        let device = Image(File::open(&image).unwrap());
        assert_eq!(fat::probe(&device), Ok(true));
        let fat = Fat::open(device).unwrap();
        assert_eq!(fat.kind(), kind, "{bits} {sector} {cluster}");
        let identity = fat.identity();
        assert_eq!(identity.format, blkid(&image, "TYPE"));
        assert_eq!(identity.uuid, blkid(&image, "UUID"));
        assert_eq!(String::from_utf8(identity.label).unwrap(), blkid(&image, "LABEL"));
        assert_same(&fat, &folder);
    }
}

#[test]
fn a_volume_without_a_label_has_none() {
    let dir = work_dir("no-label");
    let image = dir.join("image");
    File::create(&image).unwrap().set_len(MIB).unwrap();
    run("mkfs.fat", &["-i", "00000001", text(&image)]);
    let identity = Fat::open(fs::read(&image).unwrap()).unwrap().identity();
    assert_eq!((identity.label.as_slice(), identity.uuid.as_str()), (b"".as_slice(), "0000-0001"));
    assert_eq!(blkid(&image, "LABEL"), "");
    assert_eq!(blkid(&image, "UUID"), identity.uuid);
}

/// Every second file is removed, so that the large one has to take the gaps.
#[test]
fn fragmented_files_are_read_from_any_place() {
    let dir = work_dir("fragments");
    let small = dir.join("small");
    fs::write(&small, pattern(3000, 9)).unwrap();
    let large = dir.join("large");
    let bytes = pattern(700_000, 3);
    fs::write(&large, &bytes).unwrap();
    for bits in ["12", "16", "32"] {
        let size = if bits == "12" { MIB } else { 3 * MIB };
        let image = made_by_mkfs(&dir, size, &["-F", bits, "-s", "1"]);
        let image = text(&image);
        // 600 KiB of three and a half kilobytes each fill more than half of the small volume.
        let names: Vec<String> = (0..200).map(|i| format!("::small{i}")).collect();
        for name in &names {
            run("mcopy", &["-i", image, text(&small), name]);
        }
        for name in names.iter().step_by(2) {
            run("mdel", &["-i", image, name]);
        }
        run("mcopy", &["-i", image, text(&large), "::large"]);

        let fat = Fat::open(fs::read(image).unwrap()).unwrap();
        let node = fat.lookup(&fat.root(), b"LARGE").unwrap();
        let mut buf = vec![0; bytes.len()];
        assert_eq!(fat.read_at(&node, 0, &mut buf), Ok(bytes.len()));
        assert!(buf == bytes, "{bits}");
        // Forwards, backwards, across cluster boundaries, to the end and past it.
        for (offset, length) in
            [(0, 1), (511, 2), (350_000, 5000), (100, 600), (699_999, 10), (700_000, 1), (1 << 40, 1)]
        {
            let mut buf = vec![0; length];
            let count = fat.read_at(&node, offset, &mut buf).unwrap();
            let start = bytes.len().min(offset as usize);
            let wanted = &bytes[start..bytes.len().min(start + length)];
            assert!(&buf[..count] == wanted, "{bits} {offset}");
        }
    }
}

fn sample_volume(kind: Kind, size: Size) -> Vec<u8> {
    let files = sample();
    let mut builder = Builder::new();
    for (path, bytes) in &files {
        builder.file(path, bytes).unwrap();
    }
    let time = Timestamp { seconds: TIME as i64, nanoseconds: 0 };
    let options =
        Options { volume_id: 0xcafe_0001, label: "CLOUD-BOOT".into(), time, kind: Some(kind), size };
    let image = builder.build(&options).unwrap();
    assert!(image == builder.build(&options).unwrap(), "the same bytes every time");
    image
}

/// Checks a volume of ours with fsck.fat, mtools, blkid and our own reader.
#[test]
fn volumes_of_ours_pass_the_tools() {
    let dir = work_dir("ours");
    let folder = folder(&dir);
    let path = dir.join("image");
    for (kind, size) in [
        (Kind::Fat12, Size::Fit { free: 0 }),
        (Kind::Fat12, Size::Exact(6 * MIB + 512)),
        (Kind::Fat16, Size::Fit { free: MIB }),
        (Kind::Fat16, Size::Exact(64 * MIB)),
        (Kind::Fat32, Size::Fit { free: 0 }),
        (Kind::Fat32, Size::Exact(80 * MIB)),
    ] {
        let image = sample_volume(kind, size);
        match size {
            Size::Exact(bytes) => assert_eq!(image.len() as u64, bytes),
            Size::Fit { free } => assert!(image.len() as u64 > free),
        }
        fs::write(&path, &image).unwrap();
        let image_path = text(&path);

        let checked = output("fsck.fat", &["-n", "-v", image_path]);
        let said = String::from_utf8_lossy(&checked.stdout).into_owned();
        let is_quiet = !["differ", "wrong", "Wrong", "bad", "Bad", "Reclaimed", "dirty"]
            .iter()
            .any(|word| said.contains(word));
        assert!(checked.status.success() && is_quiet, "{kind:?} {size:?}: {said}");

        let back = dir.join("back");
        let _ = fs::remove_dir_all(&back);
        fs::create_dir(&back).unwrap();
        run("mcopy", &["-i", image_path, "-s", "-m", "-Q", "::*", text(&back)]);
        let theirs = levelled(manifest::of_directory(&back).unwrap());
        let wanted = levelled(manifest::of_directory(&folder).unwrap());
        assert_eq!(manifest::diff(&theirs, &wanted), [""; 0], "{kind:?} {size:?}");
        run("mdir", &["-i", image_path, "-/", "-s", "::"]);

        assert_eq!(blkid(&path, "LABEL"), "CLOUD-BOOT");
        assert_eq!(blkid(&path, "UUID"), "CAFE-0001");
        let bits = format!("{kind:?}").to_uppercase();
        assert_eq!(blkid(&path, "VERSION"), bits);

        let fat = Fat::open(image).unwrap();
        assert_eq!(fat.kind(), kind);
        assert_eq!(fat.identity().label, b"CLOUD-BOOT");
        assert_same(&fat, &folder);
    }
}

/// GRUB has a reader of its own.
#[test]
fn grub_reads_a_volume_of_ours() {
    let dir = work_dir("grub");
    let path = dir.join("image");
    fs::write(&path, sample_volume(Kind::Fat12, Size::default())).unwrap();
    let wanted = sample().into_iter().find(|(name, _)| name.ends_with("BOOTRISCV64.EFI")).unwrap().1;
    let read = run("grub-fstest", &[text(&path), "cat", "(loop0)/efi/boot/BOOTRISCV64.EFI"]);
    assert!(read == wanted);
}

#[test]
fn an_empty_volume_is_as_small_as_it_gets_and_sound() {
    let dir = work_dir("empty");
    let path = dir.join("image");
    let image = Builder::new().build(&Options::default()).unwrap();
    // Boot sector and padding to a cluster, two FATs of a sector, 512 slots, one cluster of 2 KiB.
    assert_eq!(image.len(), 512 * (4 + 32 + 4));
    fs::write(&path, &image).unwrap();
    run("fsck.fat", &["-n", text(&path)]);
    let fat = Fat::open(image).unwrap();
    assert_eq!(manifest::of(&fat).unwrap().len(), 1);
    assert_eq!(fat.identity().label, b"");
}

#[test]
fn sizes_that_no_volume_has_are_refused() {
    let bytes = pattern(MIB as usize, 0);
    let mut builder = Builder::new();
    builder.file("FILE", &bytes).unwrap();
    let build = |kind, size| builder.build(&Options { kind, size, ..Options::default() });
    assert!(build(None, Size::Exact(MIB)).is_err(), "no room for the file");
    assert!(build(Some(Kind::Fat12), Size::Exact(512 * MIB)).is_err(), "too many clusters");
    assert!(build(Some(Kind::Fat32), Size::Exact(16 * MIB)).is_err(), "too few clusters");
    assert!(build(None, Size::Fit { free: u64::MAX }).is_err());
    assert_eq!(build(None, Size::Exact(40 * MIB)).map(|image| image.len()), Ok(40 * MIB as usize));
}

#[test]
fn a_name_that_no_path_can_hold_does_not_hide_its_folder() {
    let dir = work_dir("unusable");
    let image = made_by_mkfs(&dir, 4 * MIB, &["-F", "12"]);
    for name in ["BEFORE", "DAMAGED", "BEHIND"] {
        fs::write(dir.join(name), name).unwrap();
        run("mcopy", &["-i", text(&image), text(&dir.join(name)), "::"]);
    }
    let mut bytes = fs::read(&image).unwrap();
    let at = bytes.windows(11).position(|name| name == b"DAMAGED    ").unwrap();
    bytes[at + 2] = b'/';
    let fat = Fat::open(bytes).unwrap();
    let mut names = Vec::new();
    let all = fat.read_dir(&fat.root(), &mut |name, _, kind| {
        names.push((name.to_vec(), kind));
        std::ops::ControlFlow::Continue(())
    });
    let file = Some(FileType::File);
    assert_eq!(names, [(b"BEFORE".to_vec(), file), (b"BEHIND".to_vec(), file)]);
    assert!(all.is_err_and(|error| error.code() == "E-FS-FAT-RANGE"));
    assert!(fat.lookup(&fat.root(), b"behind").is_ok());
}
