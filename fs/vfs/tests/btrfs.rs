// SPDX-License-Identifier: BSD-3-Clause
//! btrfs on several disks: the devices of a filesystem are found, copies do not mix, subvolumes become volumes.

use std::{
    fs::{self, File},
    path::PathBuf,
    rc::Rc,
};

use oracle::tools::{run, work_dir};
use vfs::{Assembler, Disk, Health, NoKeys, Volume, Volumes};

const MIB: u64 = 1 << 20;

/// New disks, as files of a folder.
fn disks(name: &str, count: usize) -> Vec<PathBuf> {
    let work = work_dir(name);
    let disk = |number: usize| {
        let path = work.join(format!("disk{number}"));
        File::create(&path).unwrap().set_len(200 * MIB).unwrap();
        path
    };
    (0..count).map(disk).collect()
}

fn mkfs(options: &[&str], disks: &[PathBuf]) -> Vec<Vec<u8>> {
    let paths = disks.iter().map(|path| path.to_str().unwrap());
    let arguments: Vec<&str> = ["-q", "-f"].into_iter().chain(options.iter().copied()).chain(paths).collect();
    run("mkfs.btrfs", &arguments);
    disks.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn of(disks: Vec<Vec<u8>>) -> Volumes {
    let mut assembler = Assembler::new(&NoKeys);
    for (number, bytes) in disks.into_iter().enumerate() {
        assembler.offer(Disk { device: Rc::new(bytes), name: format!("hd{number}") });
    }
    assembler.finish()
}

fn names(volumes: &Volumes) -> Vec<&str> {
    volumes.all().iter().map(Volume::name).collect()
}

/// Object, code and message of each problem.
fn problems(volumes: &Volumes) -> Vec<(String, String, String)> {
    let problems = volumes.problems().iter();
    problems.map(|p| (p.object.clone(), p.error.code().to_string(), p.error.to_string())).collect()
}

#[test]
fn subvolumes_are_volumes_the_default_one_first() {
    let disks = disks("subvolumes", 1);
    let source = disks[0].with_file_name("source");
    for folder in ["@/etc", "@home/user", "@/snapshots"] {
        fs::create_dir_all(source.join(folder)).unwrap();
    }
    fs::write(source.join("@/etc/hostname"), "host").unwrap();
    let source = source.to_str().unwrap();
    let options =
        ["--rootdir", source, "-u", "default:@", "-u", "@home", "-u", "ro:@/snapshots", "-L", "root"];
    let volumes = of(mkfs(&options, &disks));
    assert_eq!(problems(&volumes), []);
    assert_eq!(names(&volumes), ["hd0:@", "hd0:/", "hd0:@home", "hd0:@/snapshots"]);
    let [root, top, ..] = volumes.all() else { panic!("{:?}", names(&volumes)) };
    assert_eq!((root.subvolume(), top.subvolume()), ("@", "/"));
    assert_eq!(root.read(b"/etc/hostname", 100).unwrap(), b"host");
    assert_eq!(top.read(b"/@/etc/../etc/hostname", 100).unwrap(), b"host");
    assert!(root.open(b"/../@home").is_err(), "nothing leads out of a subvolume");
    assert!(top.open(b"/@home/user").is_ok(), "the one at the top holds all others");
    assert_eq!((root.grub_name().as_deref(), &root.identity().label[..]), (Some("hd0"), &b"root"[..]));
    let details = root.summary().unwrap().details;
    assert!(
        details.contains(&("data", "single".into())) && details.contains(&("metadata", "dup".into())),
        "{details:?}"
    );
}

#[test]
fn legs_find_each_other_and_missing_ones_are_named() {
    let images = mkfs(&["-d", "raid1", "-m", "raid1"], &disks("legs", 2));
    let other = mkfs(&[], &disks("beside", 1)).remove(0);
    let [first, second] = images.try_into().unwrap();
    let volumes = of(vec![second.clone(), other, first.clone()]);
    assert_eq!((problems(&volumes), names(&volumes)), (vec![], vec!["hd0", "hd1"]));
    assert_eq!(volumes.all()[0].home().disks, [0, 2]);
    assert_eq!(volumes.all()[0].summary().unwrap().health, Health::Ok);
    for (disk, number) in [(first, 2), (second, 1)] {
        let volumes = of(vec![disk]);
        let [missing] = &volumes.all()[0].home().missing[..] else { panic!("{:?}", problems(&volumes)) };
        assert!(missing.starts_with(&format!("device {number} (")), "{missing}");
        let said = format!("btrfs: {missing} is missing");
        assert_eq!(problems(&volumes), [("hd0".into(), "E-FS-BTRFS-DEGRADED".into(), said)]);
        assert_eq!(volumes.all()[0].summary().unwrap().health, Health::Degraded);
        assert!(volumes.all()[0].list(b"/").is_ok());
    }
}

#[test]
fn a_set_that_cannot_do_without_a_leg_is_a_problem() {
    let images = mkfs(&["-d", "raid0", "-m", "raid0"], &disks("without", 2));
    let volumes = of(images[..1].to_vec());
    assert_eq!(names(&volumes), [""; 0]);
    let [(object, code, message)] = &problems(&volumes)[..] else { panic!("{:?}", problems(&volumes)) };
    assert_eq!((object.as_str(), code.as_str()), ("hd0", "E-FS-BTRFS-MISSING"));
    assert!(message.starts_with("btrfs: cannot be read without device 2 ("), "{message}");
    let device = &volumes.devices()[0];
    assert_eq!(device.health, Health::Ok, "it is another that is missing");
    assert!(device.missing.len() == 1 && device.missing[0].starts_with("device 2 ("), "{:?}", device.missing);
}

#[test]
fn a_clone_is_reported_and_not_mixed() {
    let images = mkfs(&["-d", "raid1", "-m", "raid1"], &disks("clone", 2));
    let volumes = of([images.clone(), images.clone()].concat());
    assert_eq!(names(&volumes), ["hd0"]);
    assert_eq!(volumes.all()[0].home().disks, [0, 1]);
    let found: Vec<(String, String)> =
        problems(&volumes).into_iter().map(|(object, code, _)| (object, code)).collect();
    let wanted = ["hd2", "hd3"].map(|disk| (disk.to_string(), "E-FS-BTRFS-DEGRADED".to_string()));
    assert_eq!(found, wanted);
}

#[test]
fn an_image_that_is_cut_short_is_said() {
    let mut images = mkfs(&["-d", "single", "-m", "single"], &disks("short", 1));
    let size = images[0].len();
    images[0].truncate(size - 4096);
    let volumes = of(images);
    assert_eq!(volumes.all().len(), 1, "what is there is read");
    let [(_, code, message)] = &problems(&volumes)[..] else { panic!("{:?}", problems(&volumes)) };
    assert_eq!(code, "E-FS-BTRFS-DEGRADED");
    assert!(
        message.ends_with(&format!(
            "ends at byte {} of {size}: the device is truncated, or its partition is too small",
            size - 4096
        )),
        "{message}"
    );
}

#[test]
fn copies_on_one_device_each_are_filesystems_of_their_own() {
    let disks = disks("copies", 1);
    let first = mkfs(&["-L", "first"], &disks).remove(0);
    let mut images = vec![first.clone(), first];
    for label in ["second", "third"] {
        run("btrfs", &["filesystem", "label", disks[0].to_str().unwrap(), label]);
        images.push(fs::read(&disks[0]).unwrap());
    }
    let volumes = of(images);
    let labels: Vec<&[u8]> = volumes.all().iter().map(|volume| &volume.identity().label[..]).collect();
    // The newest first: an older one may be the stale leg of a mirror.
    assert_eq!(labels, [&b"third"[..], b"first", b"second"]);
    assert_eq!(names(&volumes), ["hd3", "hd0", "hd2"]);
    let found: Vec<(String, bool)> = problems(&volumes)
        .into_iter()
        .map(|(object, code, message)| {
            assert_eq!(code, "E-FS-BTRFS-DEGRADED");
            (object, message.contains("another device has the same filesystem"))
        })
        .collect();
    // The newest is what it says it is. Of equal ones the first counts, as before.
    assert_eq!(found, [("hd2".into(), true), ("hd1".into(), false), ("hd0".into(), true)]);
}

#[test]
fn seeds_of_their_own_are_volumes_of_their_own() {
    // Two seed filesystems, of which one has a higher generation than the other.
    let made = ["one", "two"].map(|label| {
        let disks = disks(&format!("seed-{label}"), 1);
        mkfs(&["-L", label], &disks);
        let path = disks[0].to_str().unwrap();
        for again in 0..if label == "two" { 3 } else { 0 } {
            run("btrfs", &["filesystem", "label", path, &format!("two{again}")]);
        }
        run("btrfstune", &["-f", "-S", "1", path]);
        fs::read(&disks[0]).unwrap()
    });
    for disks in [made.to_vec(), made.iter().rev().cloned().collect()] {
        let volumes = of(disks);
        assert_eq!(problems(&volumes), []);
        let mut labels: Vec<&[u8]> =
            volumes.all().iter().map(|volume| &volume.identity().label[..]).collect();
        labels.sort_unstable();
        assert_eq!(labels, [&b"one"[..], b"two2"]);
    }
}

#[test]
fn subvolumes_that_cannot_be_listed_are_said() {
    let disks = disks("unlisted", 1);
    let source = disks[0].with_file_name("source");
    for folder in ["@/etc", "@/x/nested"] {
        fs::create_dir_all(source.join(folder)).unwrap();
    }
    let options = ["--rootdir", source.to_str().unwrap(), "-m", "single", "-u", "@", "-u", "@/x/nested"];
    let mut image = mkfs(&options, &disks).remove(0);
    let path = disks[0].to_str().unwrap();
    // The node of `@`, which contains the path of the other.
    let dump =
        String::from_utf8(run("btrfs", &["inspect-internal", "dump-tree", "-t", "256", path])).unwrap();
    let address = dump.split_once("leaf ").unwrap().1.split(' ').next().unwrap();
    let mapped = String::from_utf8(run("btrfs-map-logical", &["-l", address, path])).unwrap();
    let place: usize = mapped.split_once("physical ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
    image[place + 5000] ^= 1;
    let volumes = of(vec![image]);
    assert_eq!(names(&volumes), ["hd0:/", "hd0:@"], "what can be named is");
    let [(object, code, message)] = &problems(&volumes)[..] else { panic!("{:?}", problems(&volumes)) };
    assert_eq!((object.as_str(), code.as_str()), ("hd0", "E-FS-BTRFS-DEGRADED"));
    assert!(
        message.starts_with("btrfs: not all of its subvolumes were found: btrfs: btrfs_header.csum"),
        "{message}"
    );
}
