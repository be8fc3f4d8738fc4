// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot label`: what e2fsprogs and blkid say of the volume afterwards, and that nothing else has changed.

use std::{
    env,
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use oracle::tools::{run, work_dir};

const MIB: usize = 1 << 20;
const START: usize = 3 * MIB;
const SIZE: usize = 24 * MIB;

fn program() -> Command {
    let path = env::var_os("CLOUD_BOOT").expect("CLOUD_BOOT names the program");
    let mut command = Command::new(std::path::absolute(path).unwrap());
    command.stdin(Stdio::null());
    command
}

fn call(args: &[impl AsRef<OsStr>]) -> Output {
    program().arg("label").args(args).output().unwrap()
}

/// What it prints when it succeeds.
fn text(args: &[impl AsRef<OsStr>]) -> String {
    let output = call(args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{:?} {errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// The one line that it says when it fails.
fn failed(args: &[impl AsRef<OsStr>]) -> String {
    let output = call(args);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), errors.lines().count()), (Some(1), 1), "{errors}");
    errors.trim_end().into()
}

fn said(program: &str, args: &[&str]) -> String {
    String::from_utf8(run(program, args)).unwrap().trim_end().into()
}

fn path(dir: &Path, name: &str) -> String {
    dir.join(name).to_str().unwrap().into()
}

/// An ext4 filesystem with these options of mke2fs.
fn ext4(dir: &Path, options: &str) -> String {
    let image = path(dir, "ext4");
    fs::File::create(&image).unwrap().set_len(SIZE as u64).unwrap();
    let options: Vec<&str> = options.split(' ').collect();
    run("mke2fs", &[&["-q", "-F", "-t", "ext4", "-L", "before"], &options[..], &[&image]].concat());
    image
}

/// A GPT with a FAT as partition 15 and the ext4 as partition 1.
fn disk(dir: &Path, options: &str) -> String {
    let (disk, fat) = (path(dir, "disk.raw"), path(dir, "fat"));
    for (image, size) in [(&disk, 28 * MIB), (&fat, 2 * MIB)] {
        fs::File::create(image).unwrap().set_len(size as u64).unwrap();
    }
    run("sgdisk", &["-o", "-n15:2048:6143", "-n1:6144:55295", &disk]);
    run("mkfs.vfat", &["-n", "EFI", &fat]);
    let mut bytes = fs::read(&disk).unwrap();
    for (start, part) in [(MIB, fat), (START, ext4(dir, options))] {
        let part = fs::read(part).unwrap();
        bytes[start..start + part.len()].copy_from_slice(&part);
    }
    fs::write(&disk, bytes).unwrap();
    disk
}

#[test]
fn the_label_is_the_one_that_e2fsprogs_and_blkid_see() {
    let kinds = [
        ("-b 1024", 1024, true),
        ("-b 4096 -g 2048", 4096, true),
        ("-b 1024 -O ^metadata_csum", 1024, false),
        ("-b 4096 -O ^metadata_csum -g 2048", 4096, false),
    ];
    for (i, (options, block, has_sums)) in kinds.into_iter().enumerate() {
        let dir = work_dir(&format!("label-{i}"));
        let disk = disk(&dir, options);
        let before = fs::read(&disk).unwrap();
        let volume = ["--volume", "disk.raw#1"];
        assert_eq!(text(&[&[disk.as_str()], &volume[..]].concat()), "before\n");
        assert_eq!(text(&[&[disk.as_str(), "cloudimg-rootfs"], &volume[..]].concat()), "");
        assert_eq!(text(&[&[disk.as_str()], &volume[..]].concat()), "cloudimg-rootfs\n");
        let after = fs::read(&disk).unwrap();
        let place = format!("{disk}?offset={START}");
        assert_eq!(said("e2label", &[&place]), "cloudimg-rootfs");
        let offset = START.to_string();
        assert_eq!(
            said("blkid", &["-p", "-s", "LABEL", "-o", "value", "-O", &offset, &disk]),
            "cloudimg-rootfs"
        );
        run("e2fsck", &["-fn", &place]);
        // The label and its checksum, of the superblock and of the copies, which stand at starts of blocks.
        let mut copies = 0;
        for at in (0..before.len()).filter(|at| before[*at] != after[*at]) {
            let within = at - START;
            let start = if within < 2048 { 1024 } else { within / block * block };
            let field = within - start;
            assert!(
                (0x78..0x88).contains(&field) || (has_sums && (0x3fc..0x400).contains(&field)),
                "{options} {at:#x}"
            );
            assert_eq!(
                before[START + start + 0x38..][..2],
                [0x53, 0xef],
                "{options}: no superblock at {start:#x}"
            );
            copies += usize::from(field == 0x78);
        }
        assert!(copies > 1, "{options}: {copies}");
    }
}

#[test]
fn what_is_not_written_to_is_said_with_the_way_out() {
    let dir = work_dir("refused");
    let (disk, other) = (disk(&dir, "-b 1024"), path(&dir, "ext4"));
    for (name, format, options) in [
        ("a.qcow2", "qcow2", ["-c", "-O", "qcow2"].as_slice()),
        ("plain.qcow2", "qcow2", &["-O", "qcow2"]),
        ("a.vhd", "vhd", &["-O", "vpc", "-o", "subformat=dynamic,force_size=on"]),
    ] {
        let image = path(&dir, name);
        run("qemu-img", &[&["convert", "-f", "raw"], options, &[&other, &image]].concat());
        let before = fs::read(&image).unwrap();
        assert_eq!(text(&[&image]), "before\n");
        assert_eq!(
            failed(&[&image, "new"]),
            format!(
                "cloud-boot: E-CLI-LABEL {name}: in a {format} image, which is read-only; convert it to a raw \
                 image first: qemu-img convert -O raw"
            )
        );
        assert!(fs::read(&image).unwrap() == before, "{name}");
    }
    assert_eq!(
        failed(&[&disk, "new", "--volume", "LABEL=EFI"]),
        "cloud-boot: E-CLI-LABEL disk.raw#15: a vfat filesystem; only ext2, ext3 and ext4 labels can be set"
    );
    assert!(failed(&[&disk, "new"]).starts_with("cloud-boot: E-CLI-VOLUME volume: more than one matches: "));
    let before = fs::read(&other).unwrap();
    assert_eq!(
        failed(&[&other, "more than sixteen"]),
        "cloud-boot: E-CLI-LABEL ext4: a label has at most 16 bytes, this one has 17; use a shorter label"
    );
    assert!(fs::read(&other).unwrap() == before);
    run("debugfs", &["-w", "-R", "feature needs_recovery", &other]);
    let before = fs::read(&other).unwrap();
    assert_eq!(
        failed(&[&other, "new"]),
        "cloud-boot: E-CLI-LABEL ext4: its journal must be replayed first; run e2fsck on the unmounted filesystem \
         to replay it"
    );
    assert!(fs::read(&other).unwrap() == before);
}

#[test]
fn a_filesystem_that_is_mounted_or_damaged_is_left_as_it_is() {
    let dir = work_dir("state");
    let image = ext4(&dir, "-b 1024 -O ^has_journal");
    for (state, said) in [
        ("0", "it is mounted, or was not unmounted cleanly; unmount it, or repair it with e2fsck"),
        ("2", "it is marked as having errors; run e2fsck on the unmounted filesystem to repair it"),
        ("3", "it is marked as having errors; run e2fsck on the unmounted filesystem to repair it"),
    ] {
        run("debugfs", &["-w", "-R", &format!("ssv state {state}"), &image]);
        let before = fs::read(&image).unwrap();
        assert_eq!(failed(&[&image, "new"]), format!("cloud-boot: E-CLI-LABEL ext4: {said}"), "{state}");
        assert!(fs::read(&image).unwrap() == before, "{state}");
        assert_eq!(text(&[&image]), "before\n");
    }
}

#[test]
fn images_and_labels_have_any_name() {
    let dir: PathBuf = work_dir("names");
    let image = ext4(&dir, "-b 1024");
    for name in [b"with space: and:colon".as_slice(), b"latin-\xe9", b"--json"] {
        fs::copy(&image, dir.join(OsStr::from_bytes(name))).unwrap();
        for (label, shown) in
            [(b"--a b:c\x1b".as_slice(), "--a b:c\\x1b\n"), (b"\xe9", "\\xe9\n"), (b"", "\n")]
        {
            let call = |args: &[&[u8]]| {
                let args = args.iter().map(|arg| OsStr::from_bytes(arg));
                let output = program().current_dir(&dir).args(["label", "--"]).args(args).output().unwrap();
                assert!(output.status.success() && output.stderr.is_empty(), "{name:?} {label:?}");
                String::from_utf8(output.stdout).unwrap()
            };
            assert_eq!(call(&[name, label]), "");
            assert_eq!(call(&[name]), shown);
        }
    }
    let mut child =
        program().args(["label", &image]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
}

#[test]
fn json_has_the_volume_and_its_label() {
    let dir = work_dir("json");
    let disk = disk(&dir, "-b 1024");
    let json = |args: &[&str]| -> serde_json::Value {
        let said = text(&[&[disk.as_str(), "--json", "--volume", "disk.raw#1"], args].concat());
        serde_json::from_str(&said).unwrap()
    };
    let of = |label: Option<&str>| serde_json::json!({ "volume": "disk.raw#1", "label": label });
    assert_eq!(json(&[]), of(Some("before")));
    // What was set is said as what is then read.
    for label in ["new \u{9b}", ""] {
        let expected = of(Some(label).filter(|label| !label.is_empty()));
        assert_eq!(json(&[label]), expected);
        assert_eq!(json(&[]), expected);
    }
    assert_eq!(said("e2label", &[&format!("{disk}?offset={START}")]), "");
}
