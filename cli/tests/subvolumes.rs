// SPDX-License-Identifier: BSD-3-Clause
//! Subvolumes and snapshots on the command line, and what `inspect` says of filesystems with several devices, on images
//! that mkfs.btrfs and mke2fs made.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use oracle::{
    aged,
    manifest::Record,
    tools::{run, run_with_input, work_dir},
};
use serde_json::Value;

const MIB: u64 = 1 << 20;

fn call(dir: &Path, args: &[&str]) -> Output {
    let path = env::var_os("CLOUD_BOOT").expect("CLOUD_BOOT names the program");
    let mut command = Command::new(std::path::absolute(path).unwrap());
    command.args(args).current_dir(dir).stdin(Stdio::null()).output().unwrap()
}

fn text(dir: &Path, args: &[&str]) -> String {
    let output = call(dir, args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{args:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(dir: &Path, args: &[&str]) -> String {
    let output = call(dir, args);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), b"".as_slice()), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A folder with `disk.raw`: a btrfs with these subvolumes, as mkfs.btrfs takes them; each has a file that says which
/// it is.
fn disk(name: &str, subvolumes: &[&str]) -> PathBuf {
    let dir = work_dir(name);
    disk_with(&dir, subvolumes, &[]);
    dir
}

/// The same in that folder, with more files.
fn disk_with(dir: &Path, subvolumes: &[&str], files: &[&Path]) {
    let tree = dir.join("tree");
    let mut arguments = vec!["-q", "-f", "-M", "--rootdir", tree.to_str().unwrap()];
    fs::create_dir_all(&tree).unwrap();
    fs::write(tree.join("name"), "/").unwrap();
    for subvolume in subvolumes {
        let path = subvolume.rsplit(':').next().unwrap();
        fs::create_dir_all(tree.join(path)).unwrap();
        fs::write(tree.join(path).join("name"), path).unwrap();
        arguments.extend(["-u", subvolume]);
    }
    for file in files {
        fs::create_dir_all(tree.join(file).parent().unwrap()).unwrap();
        fs::write(tree.join(file), "").unwrap();
    }
    let image = dir.join("disk.raw");
    fs::File::create(&image).unwrap().set_len(32 * MIB).unwrap();
    arguments.push(image.to_str().unwrap());
    run("mkfs.btrfs", &arguments);
}

#[test]
fn a_subvolume_is_named_by_path_number_or_snapper() {
    let dir = disk("named", &["default:@", "@home", "@/.snapshots/5/snapshot", "@/.snapshots/6/snapshot"]);
    let name = |options: &[&str]| text(&dir, &[&["fs", "cat", "disk.raw:/name"], options].concat());
    for (options, expected) in [
        (["--subvol", "@"], "@"),
        (["--subvol", "/@home"], "@home"),
        (["--subvol", "subvol=@home"], "@home"),
        (["--subvol", "/"], "/"),
        (["--subvol", "5"], "/"),
        (["--subvol", "subvolid=5"], "/"),
        (["--subvol", "@/.snapshots/5/snapshot"], "@/.snapshots/5/snapshot"),
        (["--snapshot", "5"], "@/.snapshots/5/snapshot"),
        (["--snapshot", "@/.snapshots/6/snapshot"], "@/.snapshots/6/snapshot"),
    ] {
        assert_eq!(name(&options), expected, "{options:?}");
    }
    assert_eq!(name(&["--volume", "disk.raw", "--subvol", "@home"]), "@home", "a volume goes with it");
    let commands: [&[&str]; 4] = [
        &["fs", "ls", "disk.raw", "--path", "/name"],
        &["fs", "stat", "disk.raw:/name"],
        &["fs", "tree", "disk.raw"],
        &["fs", "manifest", "disk.raw:/name"],
    ];
    for command in commands {
        let of = |subvolume| text(&dir, &[command, &["--subvol", subvolume]].concat());
        assert_ne!(of("@"), of("@home"), "{command:?}");
    }
    text(&dir, &["fs", "cp", "disk.raw:/name", "copy", "--snapshot", "6"]);
    assert_eq!(fs::read_to_string(dir.join("copy")).unwrap(), "@/.snapshots/6/snapshot");
}

#[test]
fn where_none_is_named_the_default_one_is_meant_or_the_one_with_a_system() {
    let name =
        |dir: &Path, options: &[&str]| text(dir, &[&["fs", "cat", "disk.raw:/name"], options].concat());
    let dir = disk("default", &["@", "default:@home", "@/.snapshots/5/snapshot"]);
    assert_eq!(name(&dir, &[]), "@home");
    assert_eq!(name(&dir, &["--volume", "disk.raw"]), "@home");
    // A file that only an operating system has is all that tells; snapshots have one as well.
    for path in ["@", "@/.snapshots/5/snapshot"] {
        let dir = work_dir("system");
        let release = Path::new(path).join("etc/os-release");
        let subvolumes = ["default:@home", "@", "@/.snapshots/5/snapshot"];
        disk_with(&dir, &subvolumes, &[&release, Path::new("@/.snapshots/5/snapshot/etc/os-release")]);
        assert_eq!(name(&dir, &[]), path);
        assert_eq!(name(&dir, &["--volume", "disk.raw"]), path);
    }
}

#[test]
fn a_name_that_fits_nothing_is_answered_with_those_that_are_there() {
    let dir =
        disk("unknown", &["default:@", "@home", "@/.snapshots/5/snapshot", "@home/.snapshots/5/snapshot"]);
    let say = |options: &[&str]| refused(&dir, &[&["fs", "cat", "disk.raw:/name"], options].concat());
    let advice = "use --subvol or --snapshot with a path that btrfs subvolume list or this message shows\n";
    for (options, cause) in [
        (
            ["--subvol", "@none"],
            "@none: no such subvolume; available: @, /, @home, @/.snapshots/5/snapshot, \
             @home/.snapshots/5/snapshot",
        ),
        (
            ["--snapshot", "7"],
            "7: no such snapshot; available: @/.snapshots/5/snapshot, @home/.snapshots/5/snapshot",
        ),
        (
            ["--snapshot", "5"],
            "5: more than one matches: disk.raw:@/.snapshots/5/snapshot, disk.raw:@home/.snapshots/5/snapshot",
        ),
    ] {
        let said = say(&options);
        // mkfs numbers subvolumes in no order.
        let sorted = |line: &str| {
            let mut words: Vec<String> = line.split([' ', ',', ';']).map(String::from).collect();
            words.sort();
            words
        };
        assert_eq!(sorted(&said), sorted(&format!("cloud-boot: E-CLI-SUBVOL {cause}; {advice}")), "{said}");
    }
    let plain = disk("plain", &["@"]);
    let said = refused(&plain, &["fs", "cat", "disk.raw:/name", "--snapshot", "5"]);
    assert!(
        said.starts_with("cloud-boot: E-CLI-SUBVOL 5: no snapshots of snapper; available: /, @; "),
        "{said}"
    );
    let both = call(&dir, &["fs", "ls", "disk.raw", "--subvol", "@", "--snapshot", "5"]);
    assert_eq!(both.status.code(), Some(2), "one of them is enough");
}

#[test]
fn a_path_of_another_subvolume_is_answered_with_that_one() {
    let dir = disk("other", &["default:@", "@home", "@/.snapshots/5/snapshot"]);
    fs::create_dir(dir.join("tree/@home/user")).unwrap();
    disk_with(&dir, &["default:@", "@home", "@/.snapshots/5/snapshot"], &[]);
    let not_found = |path: &str, rest: &str| {
        format!(
            "cloud-boot: E-FS-NOTFOUND disk.raw:@:{path}: not found in this subvolume{rest}; use --subvol to read another\n"
        )
    };
    let in_home = not_found("/user", ", but in: @home");
    let commands: [&[&str]; 6] = [
        &["fs", "ls", "disk.raw:/user"],
        &["fs", "tree", "disk.raw:/user"],
        &["fs", "stat", "disk.raw:/user"],
        &["fs", "cat", "disk.raw:/user"],
        &["fs", "manifest", "disk.raw:/user"],
        &["fs", "cp", "disk.raw:/user", "copy"],
    ];
    for command in commands {
        assert_eq!(refused(&dir, command), in_home, "{command:?}");
    }
    // A path from the top, as the mounted top has it.
    assert_eq!(refused(&dir, &["fs", "ls", "disk.raw:/@home/user"]), not_found("/@home/user", ", but in: /"));
    let said = refused(&dir, &["fs", "ls", "disk.raw:/none"]);
    assert!(said.starts_with(&not_found("/none", "; others: /, ")[..80]), "{said}");
    assert!(said.contains("@home") && said.contains("@/.snapshots/5/snapshot"), "{said}");
    // In one that was asked for, the others are named, too.
    let said = refused(&dir, &["fs", "cat", "disk.raw:/user/x", "--subvol", "@home"]);
    assert!(said.starts_with(
        "cloud-boot: E-FS-NOTFOUND disk.raw:@home:/user/x: not found in this subvolume; others: "
    ));
}

#[test]
fn one_of_very_many_is_found() {
    let many: Vec<String> = (0..100).map(|number| format!("s{number}")).collect();
    let all: Vec<&str> = many.iter().map(String::as_str).chain(["deep/one"]).collect();
    let dir = disk("many", &all);
    assert_eq!(text(&dir, &["fs", "cat", "disk.raw:/name", "--subvol", "deep/one"]), "deep/one");
    let said = refused(&dir, &["fs", "cat", "disk.raw:/name", "--subvol", "none"]);
    assert!(said.contains(", and others; "), "{said}");
}

#[test]
fn a_filesystem_without_subvolumes_says_so() {
    let dir = work_dir("ext4");
    fs::File::create(dir.join("disk.raw")).unwrap().set_len(8 * MIB).unwrap();
    run("mke2fs", &["-q", "-F", "-t", "ext4", "-L", "root", dir.join("disk.raw").to_str().unwrap()]);
    for option in ["--subvol", "--snapshot"] {
        let missing = refused(&dir, &["fs", "ls", "disk.raw:/none"]);
        assert!(!missing.contains("subvol"), "{missing}");
        let said = refused(&dir, &["fs", "ls", "disk.raw:/", option, "/"]);
        let expected = "cloud-boot: E-CLI-SUBVOL /: no subvolumes on disk.raw (ext4 \"root\"); only btrfs has subvolumes: \
                        leave out --subvol and --snapshot\n";
        assert_eq!(said, expected);
    }
    let said = refused(&dir, &["fs", "ls", "disk.raw:/", "--volume", "none", "--subvol", "@"]);
    assert!(said.starts_with("cloud-boot: E-CLI-VOLUME none: no such volume; "), "{said}");
}

#[test]
fn inspect_shows_generation_profiles_and_what_is_missing() {
    let dir = work_dir("legs");
    let legs = ["a.raw", "b.raw"].map(|name| dir.join(name));
    legs.iter().for_each(|leg| fs::File::create(leg).unwrap().set_len(128 * MIB).unwrap());
    let [first, second] = legs.each_ref().map(|leg| leg.to_str().unwrap());
    run(
        "mkfs.btrfs",
        &["-q", "-f", "-d", "raid1", "-m", "raid1c3", first, second, &{
            let third = dir.join("c.raw");
            fs::File::create(&third).unwrap().set_len(128 * MIB).unwrap();
            third.display().to_string()
        }],
    );
    let whole: Value =
        serde_json::from_str(&text(&dir, &["inspect", "--json", "a.raw", "b.raw", "c.raw"])).unwrap();
    let volume = &whole["volumes"][0];
    assert_eq!((&volume["health"], &volume["missing"]), (&"ok".into(), &Value::Array(Vec::new())));
    assert_eq!(volume["details"]["data"], "raid1");
    assert_eq!(volume["details"]["metadata"], "raid1c3");
    let generation = volume["details"]["generation"].as_str().unwrap();
    let dump = String::from_utf8(run("btrfs", &["inspect-internal", "dump-super", first])).unwrap();
    let is_it = |line: &str| line.strip_prefix("generation").map(str::trim) == Some(generation);
    assert!(dump.lines().any(is_it), "{generation}: {dump}");

    let said = text(&dir, &["inspect", "a.raw", "c.raw"]);
    assert!(said.contains("  degraded\n"), "{said}");
    assert!(said.contains(&format!("generation {generation}; metadata raid1c3; system raid1c3\n")), "{said}");
    assert!(
        said.lines().any(|line| line.starts_with("    device 2 (") && line.ends_with(" is missing")),
        "{said}"
    );
    let some: Value = serde_json::from_str(&text(&dir, &["inspect", "--json", "a.raw", "c.raw"])).unwrap();
    let volume = &some["volumes"][0];
    assert_eq!(volume["health"], "degraded");
    assert_eq!(volume["size"], whole["volumes"][0]["size"], "that of the filesystem, whatever is there");
    assert!(volume["missing"][0].as_str().unwrap().starts_with("device 2 ("), "{volume}");
}

/// The disks of an array that Linux has written, as files of the folder, and what Linux reads from it.
fn array(dir: &Path) -> (Vec<String>, Vec<Record>) {
    let aged = aged::image("raid5");
    let file = |(number, bytes): (usize, &[u8])| {
        let name = format!("{number}.raw");
        fs::write(dir.join(&name), bytes).unwrap();
        name
    };
    let names = aged.disks().enumerate().map(file).collect();
    (names, aged.btrfs.expect("an image of btrfs").default)
}

/// Sums of all files.
fn sums(manifest: &str) -> Vec<String> {
    let lines = manifest.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut sums: Vec<String> = lines.filter_map(|line| Some(line["sha256"].as_str()?.to_string())).collect();
    sums.sort();
    sums
}

#[test]
fn commands_read_an_array_in_any_order_and_without_a_leg() {
    let dir = work_dir("array");
    let (disks, records) = array(&dir);
    let hex = |sum: [u8; 32]| sum.map(|byte| format!("{byte:02x}")).concat();
    let mut expected: Vec<String> = records.iter().filter_map(|record| record.sha256.map(hex)).collect();
    expected.sort();
    let at_root = records.iter().filter(|record| !record.path.is_empty() && !record.path.contains(&b'/'));
    let (at_root, files) = (at_root.count(), records.iter().filter(|record| record.sha256.is_some()));
    let has_letters = |record: &&Record| record.path.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'/');
    let file = files.filter(has_letters).max_by_key(|record| record.size).unwrap();
    let (path, sum) = (format!("/{}", str::from_utf8(&file.path).unwrap()), file.sha256.map(hex).unwrap());
    let sum_of = |bytes: &[u8]| {
        let said = String::from_utf8(run_with_input("sha256sum", &[], bytes)).unwrap();
        said.split(' ').next().unwrap().to_string()
    };
    // Each order of all, and each pair: raid5 stands one that is missing.
    for legs in [&[0, 1, 2][..], &[2, 0, 1], &[1, 0], &[2, 1], &[0, 2]] {
        let names: Vec<&str> = legs.iter().map(|leg| disks[*leg].as_str()).collect();
        let said = |command: &str, more: &[&str]| {
            let output = call(&dir, &[&["fs", command], &names[..], more].concat());
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{command} {legs:?}: {errors}");
            // Who reads a file is told what is missing, and else nothing.
            let missing = errors.lines().filter(|line| {
                line.starts_with("cloud-boot: warning: E-FS-BTRFS-DEGRADED ") && line.ends_with(" is missing")
            });
            assert_eq!(missing.count(), 3 - legs.len(), "{command} {legs:?}: {errors}");
            assert_eq!(errors.lines().count(), 3 - legs.len(), "{command} {legs:?}: {errors}");
            output.stdout
        };
        let manifest = String::from_utf8(said("manifest", &["--path", "/"])).unwrap();
        assert!(sums(&manifest) == expected, "{legs:?}");
        assert_eq!(said("ls", &["--path", "/"]).split(|b| *b == b'\n').count() - 1, at_root, "{legs:?}");
        assert_eq!(sum_of(&said("cat", &["--path", &path])), sum, "{legs:?}");
        let copy = format!("copy-{}", names.concat());
        said("cp", &[&copy, "--path", &path]);
        assert_eq!(sum_of(&fs::read(dir.join(copy)).unwrap()), sum, "{legs:?}");
    }
    let one = refused(&dir, &["fs", "ls", &disks[1], "--path", "/"]);
    assert!(
        one.contains("E-FS-BTRFS-MISSING") && one.contains("btrfs: cannot be read without device "),
        "{one}"
    );
}

#[test]
fn a_device_that_lies_is_said_when_all_is_read() {
    let dir = work_dir("lies");
    let (disks, _) = array(&dir);
    let manifest = || {
        let output = call(
            &dir,
            &[&["fs", "manifest", "--path", "/"], &disks.iter().map(String::as_str).collect::<Vec<_>>()[..]]
                .concat(),
        );
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(manifest(), (true, String::new()));
    // One sector in a hundred, behind the superblock.
    let mut lying = fs::read(dir.join(&disks[1])).unwrap();
    let sectors = lying.chunks_mut(4096).enumerate().filter(|(i, _)| *i > 256 && i % 100 == 0);
    sectors.for_each(|(_, sector)| sector.fill(0xa5));
    fs::write(dir.join(&disks[1]), lying).unwrap();
    let (is_whole, said) = manifest();
    assert!(is_whole && said.lines().count() == 1, "{said}");
    // The volume's id has its subvolume.
    assert!(said.starts_with("cloud-boot: warning: E-FS-BTRFS-DEGRADED 0.raw"), "{said}");
    let (_, bytes) = said.split_once(": btrfs: ").unwrap_or_else(|| panic!("{said}"));
    let (bytes, rest) =
        bytes.split_once(" bytes were read from another copy or rebuilt from parity: ").unwrap();
    assert!(bytes.parse::<u64>().unwrap() > 0, "{said}");
    assert_eq!(rest, "one of 0.raw, 1.raw, 2.raw has wrong data\n");
}

#[test]
fn what_is_on_disks_that_are_missing_is_not_looked_for_elsewhere() {
    let dir = work_dir("elsewhere");
    // A disk with a volume that can be read, and one of two without which the other cannot.
    let files = ["esp.raw", "one.raw", "two.raw"].map(|name| dir.join(name));
    files.iter().for_each(|file| fs::File::create(file).unwrap().set_len(256 * MIB).unwrap());
    let [esp, one, two] = files.each_ref().map(|file| file.to_str().unwrap());
    run("mkfs.vfat", &["-n", "ESP", esp]);
    run("mkfs.btrfs", &["-q", "-f", "-L", "root", "-d", "raid0", "-m", "raid0", one, two]);
    let missing = "; E-FS-BTRFS-MISSING one.raw: btrfs: cannot be read without device 2 (";
    for (choice, start) in [
        (["--subvol", "@"], "cloud-boot: E-CLI-SUBVOL @: no subvolumes on esp.raw "),
        (["--volume", "LABEL=root"], "cloud-boot: E-CLI-VOLUME LABEL=root: no such volume; "),
    ] {
        let said = refused(&dir, &[&["fs", "ls", "esp.raw", "one.raw", "--path", "/"], &choice[..]].concat());
        assert!(said.starts_with(start) && said.contains(missing), "{said}");
    }
    let report: Value =
        serde_json::from_str(&text(&dir, &["inspect", "--json", "esp.raw", "one.raw"])).unwrap();
    let device = &report["devices"][1];
    assert_eq!(device["health"], "ok", "it is another that is missing");
    assert!(device["missing"][0].as_str().unwrap().starts_with("device 2 ("), "{device}");
    // Several images have no paths of their own.
    let said = call(&dir, &["fs", "ls", "esp.raw:/x", "one.raw"]);
    assert_eq!(said.status.code(), Some(2));
}

#[test]
fn a_root_that_cannot_be_read_is_a_problem_of_its_volume() {
    let dir = work_dir("root");
    let file = dir.join("x.raw");
    fs::File::create(&file).unwrap().set_len(300 * MIB).unwrap();
    run("mkfs.xfs", &["-q", "-f", file.to_str().unwrap()]);
    let mut image = fs::read(&file).unwrap();
    // The inode that sb_rootino names: of 512 bytes, in blocks of 4 KiB.
    let root = u64::from_be_bytes(image[56..64].try_into().unwrap()) as usize * 512;
    assert_eq!(&image[root..root + 2], b"IN");
    image[root] ^= 1;
    fs::write(&file, image).unwrap();
    let report: Value = serde_json::from_str(&text(&dir, &["inspect", "--json", "x.raw"])).unwrap();
    assert_eq!(report["volumes"][0]["health"], "failed");
    assert_eq!(
        (&report["problems"][0]["code"], &report["problems"][0]["object"]),
        (&"E-FS-XFS-MAGIC".into(), &"x.raw:/".into())
    );
}

#[test]
fn inspect_says_what_holds_for_a_filesystem_once() {
    let said = text(&disk("once", &["default:@", "@home"]), &["inspect", "disk.raw"]);
    assert_eq!(said.matches("generation ").count(), 1, "{said}");
    let below = said.lines().skip_while(|line| !line.starts_with("  disk.raw:@ ")).nth(1).unwrap_or_default();
    assert!(below.contains("generation "), "{said}");
    let subvolumes: Vec<_> = said.lines().filter_map(|line| line.split_once("  subvolume ")).collect();
    let numbers: Vec<&str> = subvolumes.iter().map(|(_, number)| *number).collect();
    // mkfs.btrfs chooses which of the two is 256.
    let default = numbers[0].strip_suffix(" (default)").unwrap();
    assert!(
        [[default, "5", "256"], [default, "5", "257"]].contains(&[default, numbers[1], numbers[2]]),
        "{said}"
    );
    assert_ne!(default, numbers[2], "{said}");
}
