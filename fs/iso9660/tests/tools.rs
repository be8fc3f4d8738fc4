// SPDX-License-Identifier: BSD-3-Clause
//! Images made by xorriso and makefs are read; images made by us are read by xorriso and GRUB.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use filesystem::{Error, FileSystem, FileType, Timestamp};
use iso9660::{
    Iso9660,
    write::{Builder, Options, SYSTEM_AREA},
};
use oracle::{
    manifest::{self, Record},
    opinion,
    tools::{run, work_dir},
};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Bytes that differ by offset.
fn pattern(length: usize, seed: usize) -> Vec<u8> {
    (0..length).map(|i| (i.wrapping_mul(31) ^ (i >> 8) ^ seed) as u8).collect()
}

fn write(root: &Path, path: &str, bytes: &[u8]) {
    let file = root.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, bytes).unwrap();
}

/// Names that need Rock Ridge in one record and in several, links, modes, and more entries than a sector holds.
fn folder(dir: &Path) -> PathBuf {
    let root = dir.join("folder");
    for (path, length) in [
        ("empty", 0),
        ("README.TXT", 1),
        ("boot/grub/grub.cfg", 2047),
        ("boot/vmlinuz-6.12.0-amd64", 2048),
        ("boot/initrd.img-6.12.0-amd64", 300_001),
        ("EFI/BOOT/BOOTX64.EFI", 2049),
        ("ünïcödé 日本語", 10),
    ] {
        write(&root, path, &pattern(length, path.len()));
    }
    write(&root, &format!("long/{}", "n".repeat(255)), b"as long as Unix has them");
    (0..300).for_each(|i| write(&root, &format!("many/a name of medium length {i:03}.txt"), &pattern(i, i)));
    fs::set_permissions(root.join("boot/grub/grub.cfg"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::set_permissions(root.join("empty"), fs::Permissions::from_mode(0o4755)).unwrap();
    let long_target = format!("/{}", "component/".repeat(40).trim_end_matches('/'));
    for (name, target) in
        [("link", "boot/vmlinuz-6.12.0-amd64"), ("up", "../../x/./y"), ("root", "/"), ("far", &long_target)]
    {
        symlink(target, root.join(name)).unwrap();
    }
    root
}

/// Removes what an image need not preserve: sizes and link counts of directories, fractions of seconds.
fn levelled(mut records: Vec<Record>) -> Vec<Record> {
    for record in &mut records {
        record.modified.nanoseconds = 0;
        if record.kind == FileType::Directory {
            (record.size, record.links) = (0, 0);
        }
    }
    records
}

fn assert_same(iso: &impl FileSystem, folder: &Path) {
    let ours = levelled(manifest::of(iso).unwrap());
    let theirs = levelled(manifest::of_directory(folder).unwrap());
    assert_eq!(manifest::diff(&ours, &theirs), [""; 0]);
}

/// The value that blkid prints.
fn blkid(image: &Path, tag: &str) -> String {
    let value = run("blkid", &["-p", "-s", tag, "-o", "value", text(image)]);
    String::from_utf8(value).unwrap().trim_end().to_string()
}

fn assert_identity(iso: &impl FileSystem, image: &Path) {
    let identity = iso.identity();
    assert_eq!(identity.format, blkid(image, "TYPE"));
    assert_eq!(identity.uuid, blkid(image, "UUID"));
    assert_eq!(String::from_utf8(identity.label).unwrap(), blkid(image, "LABEL"));
}

fn xorriso(dir: &Path, folder: &Path, args: &[&str]) -> PathBuf {
    let image = dir.join("image.iso");
    let _ = fs::remove_file(&image);
    let fixed = ["-as", "mkisofs", "-quiet", "-o", text(&image)];
    run("xorriso", &[&fixed, args, &[text(folder)]].concat());
    image
}

fn open(image: &Path) -> Iso9660<Vec<u8>> {
    let bytes = fs::read(image).unwrap();
    assert_eq!(iso9660::probe(&bytes), Ok(true));
    Iso9660::open(bytes).unwrap()
}

#[test]
fn rock_ridge_of_xorriso_is_read() {
    let dir = work_dir("xorriso");
    let folder = folder(&dir);
    // With Joliet beside it, with times in the long form, and a label that Joliet has no room for.
    for args in [
        ["-R", "-V", "CLOUD_BOOT"].as_slice(),
        &["-R", "-J", "-joliet-long", "-V", "Debian 13.1.0 amd64 netinst"],
        &["-R", "-V", "A", "--modification-date=2026010203040506"],
    ] {
        let image = xorriso(&dir, &folder, args);
        let iso = open(&image);
        assert_same(&iso, &folder);
        assert_identity(&iso, &image);
    }
}

#[test]
fn directories_that_were_moved_are_seen_where_they_belong() {
    let dir = work_dir("moved");
    let folder = dir.join("folder");
    write(&folder, "1/2/3/4/5/6/7/8/9/10/file", b"deep");
    write(&folder, "1/2/3/4/5/6/7/8/other", b"less deep");
    let image = dir.join("image.iso");
    let source = text(&folder);
    run(
        "xorriso",
        &[
            "-compliance",
            "deep_paths_off",
            "-outdev",
            text(&image),
            "-rr_reloc_dir",
            "rr_moved",
            "-map",
            source,
            "/",
        ],
    );
    let iso = open(&image);
    let ours = levelled(manifest::of(&iso).unwrap());
    let theirs = levelled(manifest::of_directory(&folder).unwrap());
    // The directory that they were moved to is marked like them, and is not shown either.
    assert_eq!(manifest::diff(&ours, &theirs), [""; 0]);
    assert!(
        fs::read(&image).unwrap().windows(4).any(|bytes| bytes == b"CL\x0c\x01"),
        "the image has moved directories"
    );
}

#[test]
fn joliet_is_read_where_there_is_no_rock_ridge() {
    let dir = work_dir("joliet");
    let folder = dir.join("folder");
    write(&folder, "Mixed Case & ümläut.txt", b"1");
    write(&folder, "Folder/日本語", &pattern(5000, 2));
    let image = xorriso(&dir, &folder, &["--norock", "-J", "-V", "Joliet label"]);
    let iso = open(&image);
    assert_identity(&iso, &image);
    let contents = |records: Vec<Record>| -> Vec<(Vec<u8>, Option<[u8; 32]>)> {
        records.into_iter().map(|record| (record.path, record.sha256)).collect()
    };
    let records = manifest::of(&iso).unwrap();
    // The Sleuth Kit 4.14 does not read Rock Ridge names.
    let asked = opinion::sleuthkit("iso9660", &image, &records);
    assert!(asked.faults.is_empty() && asked.agreed >= 2, "{asked:?}");
    assert_eq!(contents(records), contents(manifest::of_directory(&folder).unwrap()));
    let found = iso.lookup(&iso.root(), b"mixed case & \xc3\xbcml\xc3\xa4ut.TXT").unwrap();
    assert_eq!(iso.attr(&found).unwrap().size, 1);
}

#[test]
fn plain_names_are_in_lower_case() {
    let dir = work_dir("plain");
    let folder = dir.join("folder");
    write(&folder, "Readme.txt", b"1");
    write(&folder, "folder/noext", b"2");
    let image = xorriso(&dir, &folder, &["--norock", "-iso-level", "1", "-V", "PLAIN"]);
    let iso = open(&image);
    assert_identity(&iso, &image);
    let paths: Vec<String> = manifest::of(&iso)
        .unwrap()
        .into_iter()
        .map(|record| String::from_utf8(record.path).unwrap())
        .collect();
    assert_eq!(paths, ["", "folder", "folder/noext", "readme.txt"]);
    assert!(iso.lookup(&iso.root(), b"README.TXT").is_ok());
}

#[test]
fn images_of_makefs_are_read() {
    let dir = work_dir("makefs");
    let folder = folder(&dir);
    let image = dir.join("image.iso");
    run("makefs", &["-t", "cd9660", "-o", "rockridge,label=MAKEFS", text(&image), text(&folder)]);
    let iso = open(&image);
    assert_same(&iso, &folder);
    assert_identity(&iso, &image);
}

#[test]
fn compressed_files_are_refused_by_name() {
    let dir = work_dir("zisofs");
    let folder = dir.join("folder");
    write(&folder, "zeros", &vec![0; 200_000]);
    let image = dir.join("image.iso");
    let filter = ["-set_filter_r", "--zisofs", "/", "--"];
    run("xorriso", &[&["-outdev", text(&image), "-map", text(&folder), "/"], filter.as_slice()].concat());
    let iso = open(&image);
    let file = iso.lookup(&iso.root(), b"zeros").unwrap();
    let refused = iso.read_at(&file, 0, &mut [0; 10]);
    assert!(
        matches!(refused, Err(Error::Unsupported(unsupported)) if unsupported.feature.contains("zisofs"))
    );
}

/// 2026-01-02 03:04:05 UTC.
const TIME: i64 = 1_767_323_045;
const BOOT_IMAGE: usize = 10_000;
const TAIL: u64 = 5000;

fn ours(files: &[(String, Vec<u8>)], boot_image: &[u8]) -> Vec<u8> {
    let mut builder = Builder::new();
    for (path, bytes) in files {
        builder.file(path, bytes).unwrap();
    }
    builder.directory("an empty directory").unwrap();
    builder.boot_image(boot_image);
    let time = Timestamp { seconds: TIME, nanoseconds: 0 };
    let plan = builder.plan(&Options { volume_id: "CLOUD_BOOT".into(), time, tail: TAIL }).unwrap();
    let place = plan.boot_image().unwrap();
    assert_eq!((place.end - place.start, plan.size() - place.end), (5 * 2048, 3 * 2048));
    let bytes = plan.to_bytes(b"system area", b"tail").unwrap();
    assert!(bytes == plan.to_bytes(b"system area", b"tail").unwrap(), "the same bytes every time");
    assert_eq!(bytes.len() as u64, plan.size());
    assert!(bytes.starts_with(b"system area") && bytes.ends_with(b"\0tail"));
    assert!(bytes[place.start as usize..].starts_with(boot_image));
    bytes
}

fn our_files() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = [
        ("EFI/BOOT/BOOTX64.EFI", 70_000),
        ("EFI/BOOT/BOOTRISCV64.EFI", 2048),
        ("README.TXT", 0),
        ("lower case ünïcödé.conf", 2049),
        ("1/2/3/4/5/6/7/as deep as it goes", 3),
    ]
    .into_iter()
    .map(|(path, length)| (path.to_string(), pattern(length, path.len())))
    .collect();
    files.push((format!("long/{}", "x".repeat(128)), pattern(5, 5)));
    // Several sectors of records.
    files.extend((0..100).map(|i| (format!("many/file number {i}"), pattern(i, i))));
    files
}

/// xorriso extracts what we put in, and shows the same boot entry, label and times.
#[test]
fn images_of_ours_are_read_by_xorriso_and_grub() {
    let dir = work_dir("ours");
    let files = our_files();
    let boot_image = pattern(BOOT_IMAGE, 1);
    let bytes = ours(&files, &boot_image);
    let image = dir.join("image.iso");
    fs::write(&image, &bytes).unwrap();

    let back = dir.join("back");
    run(
        "xorriso",
        &["-abort_on", "WARNING", "-osirrox", "on", "-indev", text(&image), "-extract", "/", text(&back)],
    );
    for (path, bytes) in &files {
        assert!(fs::read(back.join(path)).unwrap() == *bytes, "{path}");
    }
    let iso = Iso9660::open(bytes.clone()).unwrap();
    let records = levelled(manifest::of(&iso).unwrap());
    let mut theirs = levelled(manifest::of_directory(&back).unwrap());
    // The extracted files belong to the user who runs this test.
    theirs.iter_mut().for_each(|record| (record.uid, record.gid) = (0, 0));
    assert_eq!(manifest::diff(&records, &theirs), [""; 0]);
    assert!(records.iter().all(|record| record.modified.seconds == TIME));

    let report = run("xorriso", &["-indev", text(&image), "-report_el_torito", "plain"]);
    let report = String::from_utf8(report).unwrap();
    let line =
        report.lines().find(|line| line.starts_with("El Torito boot img :   1")).expect("a boot image");
    // Platform, bootable, emulation, load segment, type, sectors of 512 bytes, block.
    let fields: Vec<&str> = line.split_whitespace().skip(6).collect();
    let block = iso.boot_entries().unwrap()[0].start / 2048;
    assert_eq!(fields, ["UEFI", "y", "none", "0x0000", "0x00", "20", &block.to_string()]);

    assert_identity(&iso, &image);
    assert_eq!(iso.identity().label, b"CLOUD_BOOT");
    assert_eq!(iso.identity().uuid, "2026-01-02-03-04-05-00");

    let read = run("grub-fstest", &[text(&image), "cat", "(loop0)/EFI/BOOT/BOOTRISCV64.EFI"]);
    assert!(read == files[1].1);
}

#[test]
fn what_does_not_fit_is_refused() {
    let plan = Builder::new().plan(&Options::default()).unwrap();
    assert!(plan.to_bytes(&vec![0; SYSTEM_AREA as usize], &[]).is_ok());
    assert!(plan.to_bytes(&vec![0; SYSTEM_AREA as usize + 1], &[]).is_err());
    assert!(plan.to_bytes(&[], &[0]).is_err());
    let lower = Options { volume_id: "lower".into(), ..Options::default() };
    assert!(Builder::new().plan(&lower).is_err());
    let huge = Options { tail: u64::MAX, ..Options::default() };
    assert!(Builder::new().plan(&huge).is_err());
}

#[test]
fn a_damaged_link_does_not_hide_its_folder() {
    let dir = work_dir("damaged");
    let folder = dir.join("folder");
    write(&folder, "a", b"before");
    write(&folder, "z", b"behind");
    std::os::unix::fs::symlink("target-of-the-link", folder.join("m")).unwrap();
    let image = dir.join("image.iso");
    run("xorrisofs", &["-quiet", "-R", "-o", text(&image), text(&folder)]);
    let mut bytes = fs::read(&image).unwrap();
    let at = bytes.windows(18).position(|bytes| bytes == b"target-of-the-link").unwrap();
    // The length of the component in its `SL` is too large.
    bytes[at - 1] = 0xff;
    let iso = Iso9660::open(bytes).unwrap();
    let mut names = Vec::new();
    let all = iso.read_dir(&iso.root(), &mut |name, _, kind| {
        names.push((name.to_vec(), kind));
        std::ops::ControlFlow::Continue(())
    });
    assert_eq!(names, [(b"a".to_vec(), Some(FileType::File)), (b"z".to_vec(), Some(FileType::File))]);
    assert!(matches!(all, Err(Error::Corrupt(_))), "{all:?}");
    assert!(iso.lookup(&iso.root(), b"z").is_ok());
}
