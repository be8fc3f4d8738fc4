// SPDX-License-Identifier: BSD-3-Clause
//! The image is what xorriso, sgdisk, mtools and GRUB say that it is; and what it cannot be made of is said.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Output,
};

use oracle::{
    manifest::{self, Record},
    tools::{output, run, work_dir},
};

/// 2026-01-02 03:04:05 UTC: odd, so that FAT's two seconds show.
const EPOCH: &str = "1767323045";
/// Name, machine in the PE header, file name, length: nothing divides 2048.
const PROGRAMS: [(&str, u16, &str, usize); 4] = [
    ("x86_64", 0x8664, "BOOTX64.EFI", 400_001),
    ("aarch64", 0xaa64, "BOOTAA64.EFI", 350_003),
    ("riscv64", 0x5064, "BOOTRISCV64.EFI", 65_537),
    ("loongarch64", 0x6264, "BOOTLOONGARCH64.EFI", 2049),
];

/// The program: from Bazel by `ISO`, else as Cargo built it.
fn iso() -> String {
    let path = env::var("ISO").ok().or(option_env!("CARGO_BIN_EXE_iso").map(String::from));
    let path = fs::canonicalize(path.expect("ISO names the program")).unwrap();
    path.into_os_string().into_string().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A PE header and bytes that differ from place to place.
fn program(machine: u16, length: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..length).map(|i| (i.wrapping_mul(31) ^ (i >> 8)) as u8).collect();
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c..0x40].copy_from_slice(&0x40u32.to_le_bytes());
    bytes[0x40..0x44].copy_from_slice(b"PE\0\0");
    bytes[0x44..0x46].copy_from_slice(&machine.to_le_bytes());
    bytes
}

/// Arguments with all four programs, written to `dir`.
fn arguments(dir: &Path) -> Vec<String> {
    let mut args = vec!["--epoch".to_string(), EPOCH.into()];
    for (arch, machine, _, length) in PROGRAMS {
        let path = dir.join(format!("loader-{arch}.efi"));
        fs::write(&path, program(machine, length)).unwrap();
        args.extend(["--efi".into(), format!("{arch}={}", text(&path))]);
    }
    args
}

/// The image and the EFI system partition of all four programs.
fn made(dir: &Path) -> (PathBuf, PathBuf) {
    let (image, esp) = (dir.join("boot.iso"), dir.join("boot.esp"));
    let mut args = arguments(dir);
    args.extend(["--out", text(&image), "--esp", text(&esp)].map(String::from));
    run(&iso(), &args.iter().map(String::as_str).collect::<Vec<_>>());
    (image, esp)
}

/// What both filesystems are to hold, and nothing else.
fn assert_holds_the_programs(folder: &Path) {
    let is_file = |record: &Record| record.sha256.is_some();
    let files = manifest::of_directory(folder).unwrap().into_iter().filter(is_file);
    let names: Vec<String> = files.map(|record| String::from_utf8(record.path).unwrap()).collect();
    let mut wanted: Vec<String> = PROGRAMS.iter().map(|(_, _, file, _)| format!("EFI/BOOT/{file}")).collect();
    wanted.push("README.TXT".into());
    wanted.sort();
    assert_eq!(names, wanted);
    for (_, machine, file, length) in PROGRAMS {
        let path = folder.join("EFI/BOOT").join(file);
        assert!(fs::read(&path).unwrap() == program(machine, length), "{file}");
    }
}

#[test]
fn as_a_disc_it_is_what_xorriso_reads() {
    let dir = work_dir("disc");
    let (image, _) = made(&dir);
    let report = run(
        "xorriso",
        &[
            ["-abort_on", "WARNING", "-indev", text(&image), "-report_el_torito", "plain"].as_slice(),
            &["-report_system_area", "plain"],
        ]
        .concat(),
    );
    let report = String::from_utf8(report).unwrap();
    let line = |start: &str| {
        let line = report.lines().find(|line| line.starts_with(start));
        line.unwrap_or_else(|| panic!("no `{start}` in:\n{report}")).to_string()
    };
    let boot = line("El Torito boot img :   1  UEFI  y   none");
    assert!(line("System area summary:").contains("GPT"), "{report}");
    assert!(line("GPT type GUID      :   1").ends_with("28732ac11ff8d211ba4b00a0c93ec93b"), "{report}");
    // The boot image, in blocks of 2048, is the partition, in blocks of 512.
    let block: u64 = boot.split_whitespace().last().unwrap().parse().unwrap();
    let partition = line("GPT start and size :   1");
    let start: u64 = partition.split_whitespace().nth(6).unwrap().parse().unwrap();
    assert_eq!(start, block * 4);

    let back = dir.join("back");
    run("xorriso", &["-osirrox", "on", "-indev", text(&image), "-extract", "/", text(&back)]);
    assert_holds_the_programs(&back);
    let label = run("blkid", &["-p", "-s", "LABEL", "-o", "value", text(&image)]);
    assert_eq!(label, b"CLOUD_BOOT\n");
}

#[test]
fn as_a_disk_it_has_a_sound_table_with_one_system_partition() {
    let dir = work_dir("disk");
    let (image, esp) = made(&dir);
    let checked = String::from_utf8(run("sgdisk", &["-v", text(&image)])).unwrap();
    assert!(checked.contains("No problems found"), "{checked}");
    let info = String::from_utf8(run("sgdisk", &["-i", "1", text(&image)])).unwrap();
    assert!(info.contains("C12A7328-F81F-11D2-BA4B-00A0C93EC93B"), "{info}");
    let sector = |field: &str| -> usize {
        let line = info.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(2).unwrap().parse().unwrap()
    };
    let bytes = fs::read(&image).unwrap();
    let partition = &bytes[sector("First sector:") * 512..(sector("Last sector:") + 1) * 512];
    let alone = fs::read(&esp).unwrap();
    assert!(partition.starts_with(&alone), "the partition is the file of --esp");
    assert!(partition.len() - alone.len() < 2048);
    // What stands behind the last usable block is the backup alone: the end is where sgdisk looks for it.
    assert_eq!(bytes.len() % 2048, 0);
}

#[test]
fn the_system_partition_is_what_mtools_and_fsck_read() {
    let dir = work_dir("esp");
    let (image, esp) = made(&dir);
    run("fsck.fat", &["-n", text(&esp)]);
    let info = String::from_utf8(run("sgdisk", &["-i", "1", text(&image)])).unwrap();
    let first = info.lines().find(|line| line.starts_with("First sector:")).unwrap();
    let first: u64 = first.split_whitespace().nth(2).unwrap().parse().unwrap();
    let inside = format!("{}@@{}", text(&image), first * 512);
    let back = dir.join("back");
    fs::create_dir(&back).unwrap();
    run("mcopy", &["-i", &inside, "-s", "-m", "-Q", "::*", text(&back)]);
    assert_holds_the_programs(&back);
    run("mdir", &["-i", &inside, "-/", "-s", "::"]);
    // Little more than the files: a quarter of a MiB to write to, and the volume's own structures.
    let files: usize = PROGRAMS.iter().map(|(_, _, _, length)| length).sum();
    let size = fs::metadata(&esp).unwrap().len() as usize;
    assert!((files + 256 * 1024..files + 320 * 1024).contains(&size), "{size}");
}

#[test]
fn grub_finds_the_loader_on_disc_and_partition() {
    let dir = work_dir("grub");
    let (image, _) = made(&dir);
    for place in ["(loop0)", "(loop0,gpt1)"] {
        let path = format!("{place}/EFI/BOOT/BOOTX64.EFI");
        let read = run("grub-fstest", &[text(&image), "cat", &path]);
        assert!(read == program(0x8664, 400_001), "{place}");
    }
}

#[test]
fn the_same_programs_give_the_same_bytes_and_others_other_identifiers() {
    let (one, other) = (work_dir("one"), work_dir("other"));
    let (first, second) = (fs::read(made(&one).0).unwrap(), fs::read(made(&other).0).unwrap());
    assert!(first == second, "another folder and another time of day");
    let guids = |image: &Path| run("sgdisk", &["-p", "-i", "1", text(image)]);
    let mut args = arguments(&one);
    let changed = one.join("changed.iso");
    args[1] = "1767323047".into();
    args.extend(["--out", text(&changed)].map(String::from));
    run(&iso(), &args.iter().map(String::as_str).collect::<Vec<_>>());
    let unique = |text: Vec<u8>| -> Vec<String> {
        let text = String::from_utf8(text).unwrap();
        text.lines()
            .filter(|line| line.contains("GUID") && !line.contains("code"))
            .map(String::from)
            .collect()
    };
    let (before, after) = (unique(guids(&one.join("boot.iso"))), unique(guids(&changed)));
    assert_eq!((before.len(), after.len()), (2, 2));
    assert!(before.iter().all(|line| !after.contains(line)), "{before:?} {after:?}");
}

fn refused(args: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = output(&iso(), args);
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn what_cannot_be_is_said() {
    let dir = work_dir("refused");
    let args = arguments(&dir);
    let (x86, arm) = (args[3].as_str(), args[5].as_str());
    let wrong = arm.replace("aarch64=", "x86_64=");
    let missing = format!("x86_64={}", text(&dir.join("no such file")));
    let out = dir.join("out.iso");
    let end = ["--epoch", EPOCH, "--out", text(&out)];
    for (first, code, said) in [
        (["--efi", x86, "--efi", x86].as_slice(), 1, "--efi x86_64: given twice"),
        (&["--efi", &wrong], 1, "a program for aarch64, not for x86_64"),
        (&["--efi", &missing], 1, "no such file: No such file or directory"),
        (&["--efi", "sparc=x"], 2, "sparc: expected x86_64, aarch64, riscv64 or loongarch64"),
        (&["--efi", "x"], 2, "expected ARCH=PATH"),
        (&[], 2, "--efi <ARCH=PATH>"),
        (&["--efi", x86, "--label", "lower"], 1, "`lower` is not a valid volume label"),
        (&["--efi", x86, "--label", "A-B"], 1, "`A-B` is not a valid volume identifier"),
    ] {
        let (status, stderr) = refused(&[first, &end].concat());
        assert_eq!(status, Some(code), "{stderr}");
        assert!(stderr.contains(said), "{said}: {stderr}");
        assert!(!out.exists(), "nothing is written: {said}");
    }
    let (status, stderr) = refused(&["--efi", x86, "--epoch", EPOCH]);
    assert!(status == Some(2) && stderr.contains("--out <FILE>"), "{stderr}");
    let help = String::from_utf8(run(&iso(), &["--help"])).unwrap();
    assert!(help.contains("Examples:"), "{help}");
}
