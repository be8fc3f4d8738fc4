// SPDX-License-Identifier: BSD-3-Clause
//! Changes of filesystems in use, made by Linux itself: they grow from seeds, disks miss writes, devices are removed
//! and replaced, profiles are converted.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    rc::Rc,
    sync::Mutex,
};

use block::BlockRead;
use btrfs::Btrfs;
use filesystem::{Error, FileSystem, FileType, Health};
use oracle::{
    manifest::{self, Record},
    random::Random,
    tools,
};
use uml::Machine;

/// The last line that the script prints.
const DONE: &str = "events: done";

/// One Linux at a time: each takes a processor.
static ONE: Mutex<()> = Mutex::new(());

/// Disks, and the folder that files are copied from.
struct Events {
    work: PathBuf,
    disks: Vec<PathBuf>,
}

impl Events {
    /// New disks of these sizes in MiB.
    fn new(name: &str, sizes: &[u64]) -> Self {
        let work = tools::work_dir(name);
        let disk = |(number, size): (usize, &u64)| {
            let path = work.join(format!("disk{number}"));
            File::create(&path).unwrap().set_len(size << 20).unwrap();
            path
        };
        let disks = sizes.iter().enumerate().map(disk).collect();
        let events = Self { work, disks };
        events.fill("old", 1);
        events.fill("new", 2);
        events
    }

    /// A directory with files of every size.
    fn fill(&self, name: &str, seed: u64) {
        let folder = self.work.join(name);
        fs::create_dir(&folder).unwrap();
        let mut random = Random::new(seed, 0);
        for length in [0, 1, 500, 4096, 10_000, 70_000, 300_000, 1_500_000] {
            let bytes: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
            fs::write(folder.join(length.to_string()), bytes).unwrap();
        }
        for number in 0..300 {
            fs::write(folder.join(format!("file {number}")), number.to_string()).unwrap();
        }
    }

    /// Runs a script in Linux with these disks: `$A`, `$B` and so on; `$W` is the work folder, `/mnt` for mounting.
    fn run(&self, disks: &[usize], script: &str) {
        let _one = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let path = self.work.join("script");
        let names: String = "ABCDEFGH"
            .chars()
            .zip("abcdefgh".chars())
            .map(|(upper, lower)| format!("{upper}=/dev/ubd{lower}\n"))
            .collect();
        let head = "#!/bin/sh\nexport PATH=/usr/sbin:/usr/bin:/sbin:/bin\nmount -t proc proc /proc\nmount -t sysfs sys /sys\n";
        // Not in a list with `&&`: a shell that tests whether a command succeeds goes on after failures in it.
        let end = format!(
            "({names}W={}\nset -ex\n{script}\n)\n[ $? = 0 ] && echo {DONE}\necho o >/proc/sysrq-trigger\nsleep 100\n",
            self.work.display()
        );
        fs::write(&path, format!("{head}{end}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let disks: Vec<PathBuf> = disks.iter().map(|disk| self.disks[*disk].clone()).collect();
        let machine = Machine { memory: 256, disks: &disks, work: &self.work };
        machine.run(&path, &[], DONE).unwrap_or_else(|said| panic!("{said}"));
    }

    fn bytes(&self, index: usize) -> Rc<dyn BlockRead> {
        Rc::new(fs::read(&self.disks[index]).unwrap())
    }

    fn open(&self, disks: &[usize]) -> Result<Btrfs, Error> {
        Btrfs::open(disks.iter().map(|disk| self.bytes(*disk)).collect())
    }

    /// Checks that these directories exist as they were copied.
    fn assert_holds(&self, what: &str, btrfs: &Btrfs, folders: &[&str]) {
        let found = manifest::of(btrfs).unwrap_or_else(|error| panic!("{what}: {error}"));
        let mut expected = Vec::new();
        for folder in folders {
            for mut record in manifest::of_directory(self.work.join(folder)).unwrap() {
                let slash = if record.path.is_empty() { "" } else { "/" };
                record.path = [folder.as_bytes(), slash.as_bytes(), &record.path].concat();
                expected.push(record);
            }
        }
        expected.sort_by(|a, b| a.path.cmp(&b.path));
        let names: BTreeSet<&[u8]> =
            found.iter().filter_map(|record| record.path.split(|b| *b == b'/').next()).collect();
        let wanted: BTreeSet<&[u8]> =
            folders.iter().map(|folder| folder.as_bytes()).chain([&b""[..]]).collect();
        assert_eq!(names, wanted, "{what}");
        let found: Vec<Record> = found.into_iter().filter(|record| !record.path.is_empty()).collect();
        let lines = manifest::diff(&levelled(found), &levelled(expected));
        assert!(
            lines.is_empty(),
            "{what}: {} differences\n{}",
            lines.len(),
            lines[..lines.len().min(10)].join("\n")
        );
    }
}

fn levelled(mut records: Vec<Record>) -> Vec<Record> {
    for record in records.iter_mut().filter(|record| record.kind == FileType::Directory) {
        (record.size, record.links) = (0, 0);
    }
    records
}

fn warnings(btrfs: &Btrfs) -> Vec<String> {
    btrfs.warnings().iter().map(ToString::to_string).collect()
}

fn number(device: &dyn BlockRead) -> u64 {
    btrfs::member(device).unwrap().number
}

#[test]
fn a_filesystem_grows_from_a_seed() {
    let events = Events::new("seed", &[256, 256, 256]);
    events.run(
        &[0, 1, 2],
        "mkfs.btrfs -q $A; mount $A /mnt; cp -a $W/old /mnt; umount /mnt; btrfstune -f -S 1 $A
         mount $A /mnt; btrfs -q device add $B /mnt; mount -o remount,rw /mnt; cp -a $W/new /mnt; umount /mnt
         mkfs.btrfs -q $C; mount $C /mnt; cp -a $W/new /mnt; umount /mnt; btrfstune -f -S 1 $C",
    );
    for order in [[0, 1, 2], [2, 1, 0]] {
        let grown = events.open(&order).unwrap();
        events.assert_holds("grown", &grown, &["new", "old"]);
        assert_eq!((grown.missing(), warnings(&grown)), (vec![], vec![]));
        let mut used = grown.used();
        used.sort_unstable();
        let own: Vec<usize> = (0..3).filter(|index| order[*index] != 2).collect();
        assert_eq!(used, own, "the other seed has nothing to do with it");
        assert_eq!(grown.identity().uuid, btrfs::member(&*events.bytes(1)).unwrap().fsid.to_string());
    }
    events.assert_holds("seed", &events.open(&[0]).unwrap(), &["old"]);
    let seed = btrfs::member(&*events.bytes(0)).unwrap();
    assert!(seed.is_seed);
    let missing = format!("device {} ({})", seed.number, seed.uuid);
    match events.open(&[1]) {
        Ok(grown) => {
            assert_eq!(warnings(&grown), [format!("btrfs: {missing} is missing")]);
            let error = manifest::of(&grown).unwrap_err();
            assert_eq!(error.to_string(), format!("btrfs: cannot be read without {missing}"));
        }
        Err(error) => assert_eq!(error.to_string(), format!("btrfs: cannot be read without {missing}")),
    }
}

#[test]
fn a_leg_that_missed_writes_counts_less() {
    for (profile, count) in [("raid1", 2), ("raid5", 3), ("raid6", 4)] {
        let events = Events::new(&format!("behind-{profile}"), &vec![256; count + 1]);
        let disks: Vec<usize> = (0..count).collect();
        let all: Vec<String> = "ABCD".chars().take(count).map(|letter| format!("${letter}")).collect();
        // `inplace` has no checksums: only the generation of its copies tells them apart.
        let script = format!(
            "mkfs.btrfs -q -d {profile} -m {profile} {}; mount $A /mnt; cp -a $W/old /mnt; mkdir /mnt/inplace
             chattr +C /mnt/inplace; cp $W/old/300000 $W/old/1500000 /mnt/inplace; umount /mnt
             cp --sparse=always $B $W/disk{count}
             mount $A /mnt; rm -r /mnt/old; cp -a $W/new /mnt; for f in 300000 1500000
             do dd if=$W/new/$f of=/mnt/inplace/$f bs=64k conv=notrunc; done; umount /mnt",
            all.join(" "),
        );
        events.run(&disks, &script);
        // What the directory without checksums must contain.
        fs::create_dir(events.work.join("inplace")).unwrap();
        for name in ["300000", "1500000"] {
            fs::copy(events.work.join("new").join(name), events.work.join("inplace").join(name)).unwrap();
        }
        let check = |btrfs: &Btrfs, what: &str| {
            let found = manifest::of(btrfs).unwrap_or_else(|error| panic!("{profile}, {what}: {error}"));
            for (folder, count) in [("new", 308), ("inplace", 2)] {
                let files: Vec<&Record> = found
                    .iter()
                    .filter(|record| {
                        record.kind == FileType::File && record.path.starts_with(folder.as_bytes())
                    })
                    .collect();
                assert_eq!(files.len(), count, "{profile}, {what}");
                for record in files {
                    let path = events.work.join(std::str::from_utf8(&record.path).unwrap());
                    let wanted = manifest::of_directory(path.parent().unwrap()).unwrap();
                    let name = path.file_name().unwrap().to_str().unwrap().as_bytes();
                    let wanted = wanted.iter().find(|wanted| wanted.path == name).unwrap();
                    assert_eq!(record.sha256, wanted.sha256, "{profile}, {what}: {}", path.display());
                }
            }
            assert!(!found.iter().any(|record| record.path == b"old"), "{profile}, {what}");
        };
        check(&events.open(&disks).unwrap(), "sound");
        let behind: Vec<usize> = disks.iter().map(|disk| if *disk == 1 { count } else { *disk }).collect();
        let btrfs = events.open(&behind).unwrap();
        check(&btrfs, "one behind");
        let [warning] = &warnings(&btrfs)[..] else { panic!("{:?}", warnings(&btrfs)) };
        assert!(
            warning.contains("device 2 (") && warning.contains("has an older state (generation "),
            "{warning}"
        );
        assert_eq!(btrfs.summary().unwrap().health, Health::Degraded);
        assert!(btrfs.rebuilt() > 0, "{profile}");
        if profile == "raid1" {
            // Alone, it is read in its old state.
            let old = manifest::of(&events.open(&[count]).unwrap()).unwrap();
            assert!(old.iter().any(|record| record.path == b"old/300000"));
        }
    }
}

#[test]
fn devices_are_removed_and_replaced() {
    let events = Events::new("removed", &[600; 5]);
    events.run(
        &[0, 1, 2],
        "mkfs.btrfs -q -d raid1 -m raid1 $A $B $C; mount $A /mnt; cp -a $W/old /mnt; umount /mnt",
    );
    // Without the third disk, which is removed, and with two new ones; the second of these replaces another disk.
    events.run(
        &[0, 1, 3, 4],
        "mount -o degraded,device=$B $A /mnt; btrfs -q device add $C /mnt; btrfs -q device remove missing /mnt
         cp -a $W/new /mnt; umount /mnt; mount $A /mnt; btrfs replace start -B -f 2 $D /mnt; umount /mnt",
    );
    let numbers: Vec<u64> = [0, 3, 4].iter().map(|disk| number(&*events.bytes(*disk))).collect();
    assert_eq!(numbers, [1, 4, 2], "numbers have gaps, and a new device may have an old one");
    let btrfs = events.open(&[4, 0, 3]).unwrap();
    events.assert_holds("without the removed", &btrfs, &["new", "old"]);
    assert_eq!((warnings(&btrfs), btrfs.missing()), (vec![], vec![]));
    let btrfs = events.open(&[0, 2, 3, 4]).unwrap();
    events.assert_holds("with the removed", &btrfs, &["new", "old"]);
    let said = warnings(&btrfs);
    assert!(
        said.iter().any(|warning| warning.contains("device 3 (")
            && warning.ends_with("is ignored: it is no longer part of the filesystem")),
        "{said:?}"
    );
    // The replaced disk has lost its superblock.
    assert!(!btrfs::probe(&*events.bytes(1)).unwrap());
    for missing in [0, 3, 4] {
        let others: Vec<usize> = [0, 3, 4].into_iter().filter(|disk| *disk != missing).collect();
        let btrfs = events.open(&others).unwrap();
        events.assert_holds("one is missing", &btrfs, &["new", "old"]);
        assert_eq!(btrfs.missing()[0].number, number(&*events.bytes(missing)));
    }
}

#[test]
fn profiles_are_converted_and_disks_are_uneven() {
    let events = Events::new("converted", &[400, 500, 700, 600]);
    events.run(
        &[0, 1, 2, 3],
        "mkfs.btrfs -q -d raid0 -m raid1c3 $A $B $C $D; mount $A /mnt; cp -a $W/old /mnt
         for i in 1 2 3 4 5 6 7 8; do cat $W/old/1500000 $W/new/1500000; done >/mnt/fill0
         for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do cp /mnt/fill0 /mnt/fill$i; done; rm /mnt/fill*
         btrfs -q balance start -f -dconvert=raid5,limit=1 -mconvert=raid1c4,limit=1 /mnt; cp -a $W/new /mnt; umount /mnt",
    );
    let btrfs = events.open(&[3, 2, 1, 0]).unwrap();
    events.assert_holds("converted", &btrfs, &["new", "old"]);
    println!("{:?}", btrfs.profiles());
    assert!(btrfs.profiles().data.contains(&"raid5"), "{:?}", btrfs.profiles());
    assert!(btrfs.summary().unwrap().free.is_some());
}

#[test]
fn checksums_of_every_kind_find_the_leg_that_lies() {
    for (sum, profile) in [("xxhash", "raid1c3"), ("sha256", "raid5"), ("blake2", "raid10")] {
        let events = Events::new(&format!("sums-{sum}"), &[200; 4]);
        let script = format!(
            "mkfs.btrfs -q --csum {sum} -d {profile} -m raid1c4 $A $B $C $D; mount -o compress=zstd $A /mnt
             cp -a $W/old $W/new /mnt; umount /mnt"
        );
        events.run(&[0, 1, 2, 3], &script);
        let mut rebuilt = 0;
        for liar in 0..4 {
            let mut disks: Vec<Rc<dyn BlockRead>> = (0..4).map(|disk| events.bytes(disk)).collect();
            let mut bytes = fs::read(&events.disks[liar]).unwrap();
            // Everything but the superblocks.
            bytes[1 << 20..64 << 20].iter_mut().for_each(|byte| *byte ^= 0x55);
            disks[liar] = Rc::new(bytes);
            let btrfs = Btrfs::open(disks).unwrap();
            events.assert_holds(&format!("{sum}, {liar} lies"), &btrfs, &["new", "old"]);
            rebuilt += btrfs.rebuilt();
        }
        // Not every copy is the first to be read.
        assert!(rebuilt > 0, "{sum}: none of them was asked");
    }
}
