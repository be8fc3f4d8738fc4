// SPDX-License-Identifier: BSD-3-Clause
//! `inspect` names what an image holds, readable or not, one image of each format: by blkid's name in JSON, by its own
//! name for people. Real tools make the images, by hand are those that Debian has no maker for, or one that wants a pool
//! or a kernel (fs/magic/tests/blkid.rs has those of the makers, and all variants).

use std::{
    env,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use oracle::{
    headers,
    tools::{output, run, work_dir},
};
use serde_json::Value;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Name for people, size in MiB, and the command: IMAGE and TREE are a file of zeros and a folder.
const TOOLS: &[(&str, u64, &str)] = &[
    ("Btrfs", 128, "mkfs.btrfs -q IMAGE"),
    ("XFS", 320, "mkfs.xfs -q IMAGE"),
    ("ext4", 8, "mke2fs -q -F -t ext4 IMAGE"),
    ("FAT", 16, "mkfs.vfat IMAGE"),
    ("ISO 9660", 0, "xorrisofs -quiet -o IMAGE TREE"),
    (
        "LUKS1 container",
        16,
        "cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 IMAGE TREE/file",
    ),
    (
        "LUKS2 container",
        32,
        "cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 IMAGE TREE/file",
    ),
    ("swap", 2, "mkswap -q IMAGE"),
    ("JFS", 32, "jfs_mkfs -q IMAGE"),
    ("UDF", 16, "mkfs.udf IMAGE"),
    ("UFS1", 0, "makefs -t ffs -B le -o version=1 -s 16m IMAGE TREE"),
    ("UFS2", 0, "makefs -t ffs -B le -o version=2 -s 16m IMAGE TREE"),
    ("NTFS", 16, "mkntfs -q -F -Q IMAGE"),
    ("SquashFS", 0, "mksquashfs TREE IMAGE -quiet -no-progress"),
    ("exFAT", 16, "mkfs.exfat -q IMAGE"),
    ("F2FS", 64, "mkfs.f2fs -q IMAGE"),
    ("APFS", 64, "mkapfs IMAGE"),
    ("EROFS", 0, "mkfs.erofs --quiet IMAGE TREE"),
];

/// Bytes at an offset.
type Part = (u64, &'static [u8]);

/// Headers that have what blkid asks for, at offsets of an image of 64 MiB.
const BY_HAND: &[(&str, &[Part])] = &[
    ("Linux md member", &[(64 * MIB - 64 * KIB, b"\xfc\x4e\x2b\xa9")]),
    ("VMFS volume member", &[(MIB, b"\x0d\xd0\x01\xc0")]),
    ("VMFS", &[(2 * MIB, b"\x5e\xf1\xab\x2f")]),
    ("ReFS", &[(3, b"ReFS")]),
    ("HFS+", &[(1024, b"H+\0\x04"), (1064, b"\0\0\x10\0")]),
    (
        "ReiserFS",
        &[(64 * KIB + 0x34, b"ReIsEr2Fs"), (64 * KIB + 12, b"\x12\0\0\0"), (64 * KIB + 44, b"\0\x10")],
    ),
];

/// The same for formats whose headers have numbers or checksums.
fn computed() -> [(&'static str, u64, Vec<u8>); 5] {
    // A cache has no transaction of its own.
    let cache = headers::zfs(1, &[("state", 4), ("guid", 7)]);
    [
        ("ZFS member", 16 * KIB, cache),
        ("LVM physical volume", 512, headers::lvm(1)),
        ("NILFS2", KIB, headers::nilfs2(64 * MIB)),
        ("bcachefs", 4 * KIB, headers::bcachefs(4 * KIB, headers::BCACHEFS)),
        ("BitLocker volume", 0, headers::BITLOCKER.to_vec()),
    ]
}

fn inspect(arguments: &[&str]) -> String {
    let path = env::var_os("CLOUD_BOOT").expect("CLOUD_BOOT names the program");
    let mut command = Command::new(std::path::absolute(path).unwrap());
    let output = command.arg("inspect").args(arguments).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The image of a tool.
fn made(dir: &Path, number: usize, size: u64, line: &str) -> PathBuf {
    let (path, tree) = (dir.join(format!("tool-{number}")), dir.join("tree"));
    if size > 0 {
        File::create(&path).unwrap().set_len(size * MIB).unwrap();
    }
    let word =
        |word: &str| word.replace("IMAGE", path.to_str().unwrap()).replace("TREE", tree.to_str().unwrap());
    let words: Vec<String> = line.split(' ').map(word).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    run(words[0], &words[1..]);
    path
}

/// What JSON and text say of an image, against blkid and the name for people.
fn check(title: &str, path: &Path) {
    let path = path.to_str().unwrap();
    let blkid =
        String::from_utf8(output("blkid", &["-p", "-o", "value", "-s", "TYPE", path]).stdout).unwrap();
    let report: Value = serde_json::from_str(&inspect(&["--json", path])).unwrap();
    assert_eq!(report["devices"][0]["content"].as_str(), Some(blkid.trim_end()), "{title}");
    let text = inspect(&[path]);
    // What is read has its name from its volume; swap and the like have nothing to be read.
    let is_read = ["Btrfs", "XFS", "ext4", "FAT", "ISO 9660"].contains(&title);
    let name = if is_read { blkid.trim_end() } else { title };
    let unread = format!("  {name}, which this version does not read");
    let line = text.lines().find(|line| line.contains("  disk  ")).unwrap_or_else(|| panic!("{text}"));
    assert!(line.ends_with(&format!("  {name}")) || !is_read && line.ends_with(&unread), "{title}: {text}");
}

#[test]
fn one_image_of_each_format() {
    let dir = work_dir("named");
    fs::create_dir(dir.join("tree")).unwrap();
    fs::write(dir.join("tree/file"), vec![7; 8192]).unwrap();
    for (number, (title, size, line)) in TOOLS.iter().enumerate() {
        check(title, &made(&dir, number, *size, line));
    }
    let write = |name: String, parts: &[(u64, &[u8])]| {
        let path = dir.join(name);
        let file = File::create(&path).unwrap();
        file.set_len(64 * MIB).unwrap();
        parts.iter().for_each(|(offset, bytes)| file.write_all_at(bytes, *offset).unwrap());
        path
    };
    for (number, (title, parts)) in BY_HAND.iter().enumerate() {
        check(title, &write(format!("hand-{number}"), parts));
    }
    for (number, (title, offset, bytes)) in computed().iter().enumerate() {
        check(title, &write(format!("computed-{number}"), &[(*offset, bytes)]));
    }
    let path = dir.join("empty");
    File::create(&path).unwrap().set_len(MIB).unwrap();
    let report: Value = serde_json::from_str(&inspect(&["--json", path.to_str().unwrap()])).unwrap();
    assert_eq!(report["devices"][0]["content"], "empty");
}
