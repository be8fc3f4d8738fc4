// SPDX-License-Identifier: BSD-3-Clause
//! Tree logs after power failures, each after a different sequence of operations: what is read is what Linux reads
//! after its own replay or, if the log is damaged, what Linux reads without a log.

use std::{
    collections::HashMap,
    fs::{self, File},
    path::{Path, PathBuf},
    rc::Rc,
};

use btrfs::Btrfs;
use filesystem::{FileSystem, FileType, Timestamp};
use oracle::{
    manifest::{self, Record},
    tools,
};
use uml::Machine;

/// Filesystems in one virtual machine: each has a disk.
const MOST_DISKS: usize = 12;
const MIB: u64 = 128;
/// A directory in memory.
const MEMORY: &str = "/dev/shm";
/// The last line that each script prints.
const DONE: &str = "log: done";
/// Where the superblock is, and its `log_root`; offsets of a node's address, generation, owner, level and content.
const SUPERBLOCK: usize = 64 << 10;
const LOG_ROOT: usize = SUPERBLOCK + 96;
const BYTENR: usize = 48;
const GENERATION: usize = 80;
const OWNER: usize = 88;
const LEVEL: usize = 100;
const CONTENT: usize = 101;
/// `BTRFS_TREE_LOG_OBJECTID`
const LOG: u64 = 6u64.wrapping_neg();

/// The operations on a filesystem.
struct Scenario {
    name: &'static str,
    /// Options of mkfs.btrfs, and of the mount.
    mkfs: &'static str,
    mount: &'static str,
    /// Scripts: before the last transaction, and between it and the power failure.
    before: &'static str,
    after: &'static str,
}

const PLAIN: Scenario = Scenario { name: "", mkfs: "-q", mount: "commit=86400", before: "", after: "" };

/// New files, and writes to old ones.
const WRITES: &[Scenario] = &[
    Scenario {
        name: "write",
        before: "mkdir d; fill d/old 50000",
        after: "fill d/new 70000; sync d/new; put d/old 20000 10000; sync d/old; fill d/lost 5000",
        ..PLAIN
    },
    Scenario {
        name: "append",
        before: "fill f 40960; fill g 100",
        after: "fill t 30000; cat t >> f; sync f; echo more >> g; sync g; echo and more >> g; sync g",
        ..PLAIN
    },
    Scenario {
        name: "truncate",
        before: "for i in 1 2 3 4 5; do fill f$i 200000; done",
        after: "truncate -s 5000 f1; sync f1; truncate -s 500000 f2; sync f2; truncate -s 0 f3; echo x > f3; sync f3
            truncate -s 100 f4; truncate -s 100000 f4; sync f4; truncate -s 8192 f5; put f5 100000 5000; sync f5",
        ..PLAIN
    },
    Scenario {
        name: "punch",
        before: "for i in 1 2 3 4 5 6 7; do fill f$i 100000; done",
        after: "fallocate -p -o 4096 -l 20000 f1; sync f1; fallocate -p -o 5000 -l 100 f2; sync f2
            fallocate -n -l 300000 f3; sync f3; fallocate -z -o 10000 -l 50000 f4; sync f4
            fallocate -o 90000 -l 200000 f5; put f5 150000 4000; sync f5; fallocate -p -l 100000 f6; sync f6
            fallocate -l 400000 f7; put f7 0 65536; sync f7; put f7 65536 4096; sync f7",
        ..PLAIN
    },
    Scenario {
        name: "holes",
        mkfs: "-q -O ^no-holes",
        before: "for i in 1 2 3 4 5; do fill f$i 100000; done",
        after: "fallocate -p -o 4096 -l 20000 f1; sync f1; truncate -s 300000 f2; sync f2; fill t 10
            dd if=t of=f3 bs=1 seek=500000 conv=notrunc; sync f3; truncate -s 5000 f4; truncate -s 80000 f4; sync f4
            fallocate -z -o 10000 -l 50000 f5; sync f5",
        ..PLAIN
    },
    Scenario {
        name: "inline",
        before: "for i in 1 2 3 4; do fill f$i 500; done",
        after: "echo x >> f1; sync f1; truncate -s 2000 f2; sync f2; put f3 5000 100; sync f3; truncate -s 100 f4
            sync f4; echo tiny > n; sync n; : > empty; sync empty",
        ..PLAIN
    },
    Scenario {
        name: "zstd",
        mount: "commit=86400,compress-force=zstd",
        before: "words text 300000 > f; fill r 50000",
        after: "words other 400000 > n; sync n; put f 100000 50000; sync f; words z 2000 > small; sync small
            fallocate -p -o 131072 -l 8192 n; sync n; truncate -s 150000 f; sync f",
        ..PLAIN
    },
    Scenario {
        name: "lzo",
        mkfs: "-q -n 4096",
        mount: "commit=86400,compress=lzo",
        before: "words text 300000 > f",
        after: "words other 400000 > n; sync n; put f 100000 50000; sync f; cp --reflink=always f c; sync c",
    },
    Scenario {
        name: "clones",
        before: "fill a 300000; fill b 200000",
        after: "cp --reflink=always a c; sync c; xfs_io -c 'reflink b 0 102400 65536' a; sync a; fill n 300000; sync n
            xfs_io -f -c 'reflink n 8192 40960 65536' m; sync m; cp --reflink=always n o; sync o",
        ..PLAIN
    },
    Scenario {
        name: "mixed",
        mkfs: "-q -M",
        before: "mkdir d; fill d/old 50000",
        after: "fill d/new 70000; sync d/new; put d/old 20000 10000; sync d/old",
        ..PLAIN
    },
    Scenario {
        name: "in place",
        before: "mkdir d; chattr +C d; fill d/f 100000",
        after: "put d/f 20000 10000; sync d/f; fill d/n 50000; sync d/n",
        ..PLAIN
    },
    Scenario {
        name: "sha256",
        mkfs: "-q --csum sha256",
        before: "fill f 100000",
        after: "put f 20000 10000; sync f; fill n 70000; sync n",
        ..PLAIN
    },
    Scenario {
        name: "mode",
        before: "fill f 100; mkdir d; fill g 100",
        after: "chmod 4755 f; chown 1000:1001 f; touch -d 2001-02-03 f; sync f; chmod 1777 d; sync d
            chmod 600 g; sync g; dd if=f of=s bs=10 oflag=sync",
        ..PLAIN
    },
    Scenario {
        name: "pieces",
        before: "fill f 50000",
        after: "fill n 3000000; sync n; for i in $(seq 0 2 300); do put n $((i * 8192)) 4096; done; sync n; sync -d f",
        ..PLAIN
    },
];

/// Names that are added and removed.
const NAMES: &[Scenario] = &[
    Scenario {
        name: "rename",
        before: "mkdir d e; fill d/a 9000; fill d/b 9001; fill d/c 99",
        after: "mv d/a d/a2; sync d/a2; mv d/b e/b; sync e/b; mv d/c e/c2; sync d",
        ..PLAIN
    },
    Scenario {
        name: "rename new",
        before: "mkdir d",
        after: "echo 1 > d/a; sync d/a; mv d/a d/b; sync d/b; echo 2 > d/a; sync d/a; mkdir d/e; mv d/b d/e/b
            sync d/e/b; rm d/a; sync d",
        ..PLAIN
    },
    Scenario {
        name: "replace",
        before: "mkdir d; fill d/a 9000; fill d/b 7000",
        after: "rm d/a; fill d/a 4000; sync d/a; fill d/tmp 3000; sync d/tmp; mv d/tmp d/b; sync d",
        ..PLAIN
    },
    Scenario {
        name: "replace itself",
        before: "mkdir d; fill d/a 9000; fill d/b 7000",
        after: "fill d/tmp 3000; sync d/tmp; mv d/tmp d/b; sync d/b; mv d/a d/x; fill d/a 10; sync d/a",
        ..PLAIN
    },
    Scenario {
        name: "exchange",
        before: "mkdir d; fill d/x 10; fill d/y 20",
        after: "mv --exchange d/x d/y; sync d/x",
        ..PLAIN
    },
    Scenario {
        name: "links",
        before: "mkdir d e; fill d/a 9000; fill d/b 100; ln d/b d/b1; ln d/b e/b2; fill d/c 100; ln d/c d/c1",
        after: "ln d/a d/a1; ln d/a e/a2; sync d/a; rm d/b1; sync d/b; ln d/c e/c2; rm d/c; sync d/c1",
        ..PLAIN
    },
    Scenario {
        name: "links of others",
        before: "mkdir d; fill d/foo 100; fill d/bar 100",
        after: "ln d/bar d/bar_link; ln d/foo d/foo_link; sync d/bar",
        ..PLAIN
    },
    Scenario {
        name: "links of the new",
        before: "mkdir d",
        after: "echo 1 > d/a; sync d/a; ln d/a d/b; sync d/b; rm d/a; sync d/b; ln d/b d/a; rm d/b; sync d",
        ..PLAIN
    },
    Scenario {
        name: "more links than fit",
        before: "mkdir d; echo x > d/f; for i in $(seq 300); do ln d/f d/$(printf %0100d $i); done",
        after: "for i in $(seq 1 5 250); do rm d/$(printf %0100d $i); done; sync d",
        ..PLAIN
    },
    Scenario {
        name: "more links than fit, of a file",
        before: "mkdir d; echo x > d/f; for i in $(seq 300); do ln d/f d/$(printf %0100d $i); done",
        after: "echo 3 > /proc/sys/vm/drop_caches; echo x >> d/f; chmod 600 d/f; sync d/f",
        ..PLAIN
    },
    Scenario {
        name: "removed",
        before: "mkdir d; for i in 1 2 3 4 5; do echo $i > d/f$i; ln d/f$i d/l$i; done",
        after: "rm d/f1; sync d; rm d/l2; rm d/f3 d/l3; sync d; mv d/f4 d/l5; sync d",
        ..PLAIN
    },
    Scenario {
        name: "removed while open",
        before: "mkdir d; echo 1 > d/a; echo 2 > d/b",
        after: "exec 3<>d/a; rm d/a; echo data >&3; sync /proc/self/fd/3; exec 4<>d/b; ln d/b d/c; rm d/b; echo x >&4
            sync /proc/self/fd/4",
        ..PLAIN
    },
    Scenario {
        name: "without a name at first",
        before: "mkdir d; echo 1 > d/a",
        after: "xfs_io -T -c 'pwrite -q 0 10000' -c fsync -c 'flink d/t1' -c fsync d
            xfs_io -T -c 'pwrite -q 0 5000' -c 'flink d/t2' -c fsync d
            xfs_io -T -c 'pwrite -q 0 100' -c fsync d; sync d",
        ..PLAIN
    },
    Scenario {
        name: "special",
        before: "mkdir d; ln -s a d/old",
        after: "ln -s some/target d/new; rm d/old; ln -s other d/old; mknod d/p p; mknod d/c c 5 1; sync d; mkdir e
            ln -s 1 e/1; sync e",
        ..PLAIN
    },
];

/// Directories and subvolumes.
const FOLDERS: &[Scenario] = &[
    Scenario {
        name: "folder",
        before: "mkdir d; for i in 1 2 3 4 5 6; do fill d/f$i 1000; done",
        after: "fill d/n1 100; fill d/n2 5000; rm d/f1; mv d/f2 d/g2; ln -s target d/sym; mkdir d/sub; fill d/sub/x 10
            sync d",
        ..PLAIN
    },
    Scenario {
        name: "new folders",
        before: "echo x > base",
        after: "mkdir -p a/b/c; echo 1 > a/b/c/f; echo 2 > a/b/g; echo 3 > a/h; sync a/b/c/f
            mkdir -p p/q; echo 4 > p/q/z; sync p",
        ..PLAIN
    },
    Scenario {
        name: "removed folders",
        before: "mkdir -p f1/foo/bar f2; for i in 1 2 3; do fill f1/foo/x$i 100; fill f1/foo/bar/y$i 100; done
            ln f1/foo/x1 f2/kept",
        after: "rm -rf f1/foo; sync f1",
        ..PLAIN
    },
    Scenario {
        name: "renamed folders",
        before: "mkdir -p a/b c; echo 1 > a/b/f; echo 2 > a/g",
        after: "mv a/b c/b2; echo 3 > c/b2/h; sync c/b2/h; mv a a2; echo 4 > a2/i; sync a2/i",
        ..PLAIN
    },
    Scenario {
        name: "crowded",
        before: "mkdir d; for i in $(seq 1500); do : > d/name-$i; done",
        after: "for i in $(seq 1 3 1500); do rm d/name-$i; done; for i in $(seq 3000 3200); do echo $i > d/n-$i; done
            for i in $(seq 2 3 300); do mv d/name-$i d/moved-$i; done; sync d",
        ..PLAIN
    },
    Scenario {
        name: "crowded by nodes of 4 KiB",
        mkfs: "-q -n 4096 --csum xxhash",
        before: "mkdir d; for i in $(seq 300); do echo $i > d/name-$i; done",
        after: "for i in $(seq 1 7 300); do echo more >> d/name-$i; sync d/name-$i; done
            for i in $(seq 2 7 300); do mv d/name-$i d/m-$i; sync d/m-$i; done
            for i in $(seq 3 7 300); do rm d/name-$i; done; sync d",
        ..PLAIN
    },
    Scenario {
        name: "subvolumes",
        before: "btrfs -q subvolume create s1; btrfs -q subvolume create s2; mkdir s1/d; echo a > s1/d/a; echo b > s2/b
            btrfs -q subvolume snapshot s1 snap; btrfs -q subvolume snapshot -r s2 rsnap",
        after: "fill s1/d/n 5000; sync s1/d/n; fill s2/n 50000; sync s2/n; rm s2/b; sync s2; echo c > snap/d/c
            echo more >> snap/d/a; sync snap/d/c; sync snap/d/a; echo top > t; sync t",
        ..PLAIN
    },
];

/// Functions for the scripts.
const FUNCTIONS: &str = r#"
fill() { head -c "$2" /dev/urandom > "$1"; }
put() { head -c "$3" /dev/urandom | dd of="$1" bs=64k seek="$2" oflag=seek_bytes conv=notrunc iflag=fullblock 2>&1; }
words() { yes "$1" | head -c "$2"; }
"#;

/// What Linux reads, with and without the log.
struct Seen {
    with: Vec<Record>,
    without: Vec<Record>,
}

/// Filesystems after a power failure.
struct Failed {
    work: PathBuf,
    /// In memory, if there is such a directory: each fsync in Linux is also one of this machine.
    folder: PathBuf,
    disks: Vec<PathBuf>,
}

impl Drop for Failed {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Failed {
    fn new(name: &str, scenarios: &[Scenario]) -> Self {
        assert!(scenarios.len() <= MOST_DISKS);
        let work = tools::work_dir(name);
        let memory = Path::new(MEMORY);
        let folder =
            if memory.is_dir() { memory } else { &work }.join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let disks: Vec<PathBuf> =
            (0..scenarios.len()).map(|number| folder.join(format!("disk{number}"))).collect();
        for (scenario, disk) in scenarios.iter().zip(&disks) {
            File::create(disk).and_then(|file| file.set_len(MIB << 20)).unwrap();
            let options: Vec<&str> = scenario.mkfs.split(' ').chain([disk.to_str().unwrap()]).collect();
            tools::run("mkfs.btrfs", &options);
        }
        let failed = Self { work, folder, disks };
        let each = |line: &dyn Fn(usize, &Scenario) -> String| -> String {
            scenarios.iter().enumerate().map(|(number, scenario)| line(number, scenario)).collect()
        };
        let mounts = each(&|number, scenario| failed.mount(number, scenario.mount, number));
        let at = |number, script: &str| format!("cd {}\n{script}\n", failed.place(number).display());
        let (before, after) =
            (each(&|n, scenario| at(n, scenario.before)), each(&|n, scenario| at(n, scenario.after)));
        failed.run(&failed.disks, &format!("{mounts}{before}sync\n{after}"));
        failed
    }

    fn place(&self, number: usize) -> PathBuf {
        self.work.join(format!("mnt{number}"))
    }

    fn mount(&self, disk: usize, options: &str, number: usize) -> String {
        let (letter, place) = (char::from(b'a' + disk as u8), self.place(number));
        let place = place.display();
        format!("mkdir -p {place}; mount -t btrfs -o subvolid=5,{options} /dev/ubd{letter} {place}\n")
    }

    /// Runs a script in Linux with these disks; the power fails right after it.
    fn run(&self, disks: &[PathBuf], script: &str) {
        let path = self.work.join("script");
        let mounts = "mount -t proc proc /proc\nmount -t sysfs sys /sys\n";
        let head = format!("#!/bin/sh\n{mounts}export PATH=/usr/sbin:/usr/bin:/sbin:/bin\n");
        let end = format!("&& echo {DONE}\necho o >/proc/sysrq-trigger\nsleep 100\n");
        // `set -e` alone does not suffice: it has no effect on the left of &&.
        fs::write(&path, format!("{head}sh -ec '. \"$0\"' {}.body 2>&1 {end}", path.display())).unwrap();
        fs::write(path.with_extension("body"), format!("{FUNCTIONS}{script}")).unwrap();
        let machine = Machine { memory: 256, disks, work: &self.work };
        let arguments = [path.display().to_string()];
        machine.run(Path::new("/bin/sh"), &arguments, DONE).unwrap_or_else(|error| panic!("{error}"));
    }

    /// What Linux reads from copies of the disks after replaying the logs, or without them.
    fn seen(&self, scenarios: &[Scenario]) -> Vec<Seen> {
        let copies: Vec<PathBuf> = self.disks.iter().map(|disk| disk.with_extension("copy")).collect();
        for (disk, copy) in self.disks.iter().zip(&copies) {
            tools::run("cp", &["--sparse=always", disk.to_str().unwrap(), copy.to_str().unwrap()]);
        }
        let mut script = String::new();
        for number in 0..scenarios.len() {
            for (options, list) in [("ro,rescue=nologreplay", "without"), ("ro", "with")] {
                let list = self.work.join(format!("{list}{number}"));
                let (list, place) = (list.display(), self.place(number));
                script += &self.mount(number, options, number);
                script += &format!("cd {}\n{}", place.display(), listing(&list.to_string()));
                script += &format!("cd /\numount {}\n", place.display());
            }
        }
        self.run(&copies, &script);
        copies.iter().for_each(|copy| fs::remove_file(copy).unwrap());
        let read = |list: &str, number| records(&self.work.join(format!("{list}{number}")));
        (0..scenarios.len()).map(|n| Seen { with: read("with", n), without: read("without", n) }).collect()
    }
}

/// A script that lists a directory into three files.
fn listing(list: &str) -> String {
    let stat = r"stat --printf '%n\0%f\0%u\0%g\0%s\0%h\0%.9Y\0%t\0%T\0'";
    format!(
        "find . -exec {stat} {{}} + > {list}\nfind . -type l -printf '%p\\0%l\\0' > {list}.links\n\
         find . -type f -exec sha256sum -z {{}} + > {list}.sums\n"
    )
}

/// The records that such a script has listed.
fn records(list: &Path) -> Vec<Record> {
    let read = |suffix: &str| fs::read(format!("{}{suffix}", list.display())).unwrap();
    let path =
        |name: &[u8]| name.strip_prefix(b".").map(|name| name.strip_prefix(b"/").unwrap_or(name).to_vec());
    let fields =
        |bytes: &[u8]| -> Vec<Vec<u8>> { bytes.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect() };
    let links = fields(&read(".links"));
    let targets: HashMap<_, _> =
        links.chunks_exact(2).map(|pair| (path(&pair[0]), pair[1].clone())).collect();
    let sum = |line: Vec<u8>| {
        let digit =
            |at: usize| u8::from_str_radix(std::str::from_utf8(&line[at..at + 2]).unwrap(), 16).unwrap();
        Some((path(line.get(66..)?), std::array::from_fn(|byte| digit(2 * byte))))
    };
    let sums: HashMap<_, [u8; 32]> = fields(&read(".sums")).into_iter().filter_map(sum).collect();
    let record = |fields: &[Vec<u8>]| {
        let text = |at: usize| std::str::from_utf8(&fields[at]).unwrap();
        let number = |at: usize, radix| u32::from_str_radix(text(at), radix).unwrap();
        let (mode, name) = (number(1, 16), path(&fields[0]));
        let (seconds, nanoseconds) = text(6).split_once('.').unwrap();
        Record {
            kind: kind(mode >> 12),
            mode: (mode & 0o7777) as u16,
            uid: number(2, 10),
            gid: number(3, 10),
            size: text(4).parse().unwrap(),
            links: number(5, 10).into(),
            modified: Timestamp {
                seconds: seconds.parse().unwrap(),
                nanoseconds: nanoseconds.parse().unwrap(),
            },
            device: (number(7, 16), number(8, 16)),
            target: targets.get(&name).cloned().unwrap_or_default(),
            sha256: sums.get(&name).copied(),
            path: name.unwrap(),
        }
    };
    let mut records: Vec<Record> = fields(&read("")).chunks_exact(9).map(record).collect();
    records.sort_by(|a, b| a.path.cmp(&b.path));
    records
}

fn kind(number: u32) -> FileType {
    match number {
        0o01 => FileType::Fifo,
        0o02 => FileType::CharDevice,
        0o04 => FileType::Directory,
        0o10 => FileType::File,
        0o12 => FileType::Symlink,
        other => panic!("a file of type {other:o}"),
    }
}

/// What is read, and the warnings.
fn read(image: &[u8]) -> (Vec<Record>, Vec<String>, usize) {
    let btrfs = Btrfs::open(vec![Rc::new(image.to_vec())]).unwrap();
    let (warnings, replayed) = (btrfs.warnings().iter().map(ToString::to_string).collect(), btrfs.replayed());
    let top = btrfs.top().unwrap();
    (manifest::of(&btrfs.with_root(top)).unwrap(), warnings, replayed)
}

fn differences(found: &[Record], expected: &[Record]) -> Vec<String> {
    let level = |records: &[Record]| -> Vec<Record> {
        let mut records = records.to_vec();
        for record in records.iter_mut().filter(|record| record.kind == FileType::Directory) {
            // Linux sets it when it replays the removal of an entry.
            record.modified = Timestamp::default();
        }
        records
    };
    manifest::diff(&level(found), &level(expected))
}

/// Changes a byte in each copy of the log root tree's root.
fn damage_log(image: &mut [u8], root: u64) -> usize {
    let field = |node: &[u8], at: usize| u64::from_le_bytes(node[at..at + 8].try_into().unwrap());
    let is_root = |node: &[u8]| field(node, BYTENR) == root && field(node, OWNER) == LOG;
    let mut nodes = image.chunks_exact_mut(4096).filter(|node| is_root(node));
    nodes.by_ref().map(|node| node[CONTENT] ^= 1).count()
}

/// An image whose superblock names the log of a subvolume instead of the log root tree.
fn with_other_log(image: &[u8]) -> Vec<u8> {
    let field = |node: &[u8], at: usize| u64::from_le_bytes(node[at..at + 8].try_into().unwrap());
    let fsid = &image[SUPERBLOCK + 32..][..16];
    let generation = field(image, SUPERBLOCK + 72) + 1;
    let is_leaf = |node: &&[u8]| {
        let is_log = node[32..48] == *fsid && field(node, OWNER) == LOG;
        // All log trees begin with the number of log trees, and there are older ones.
        let is_older = field(node, CONTENT) == LOG;
        is_log && field(node, GENERATION) == generation && node[LEVEL] == 0 && !is_older
    };
    let mut leaves = image.chunks_exact(4096).filter(is_leaf).map(|node| field(node, BYTENR));
    let (other, mut image) = (leaves.next().unwrap(), image.to_vec());
    image[LOG_ROOT..LOG_ROOT + 8].copy_from_slice(&other.to_le_bytes());
    let sum = !crc32c::crc32c(!0, &image[SUPERBLOCK + 32..][..4096 - 32]);
    image[SUPERBLOCK..SUPERBLOCK + 4].copy_from_slice(&sum.to_le_bytes());
    image
}

fn assert_replayed(name: &str, scenarios: &[Scenario]) {
    let failed = Failed::new(name, scenarios);
    for ((scenario, seen), disk) in scenarios.iter().zip(failed.seen(scenarios)).zip(&failed.disks) {
        let (name, mut image) = (scenario.name, fs::read(disk).unwrap());
        let log = u64::from_le_bytes(image[LOG_ROOT..LOG_ROOT + 8].try_into().unwrap());
        assert!(log != 0, "{name}: no log is left");
        assert!(!differences(&seen.with, &seen.without).is_empty(), "{name}: the log changes nothing");

        let (found, warnings, replayed) = read(&image);
        assert_eq!(differences(&found, &seen.with), [""; 0], "{name}");
        assert!(warnings.is_empty() && replayed > 0, "{name}: {warnings:?}");
        println!("{name}: {} names, {replayed} items replayed", found.len());

        if !scenario.mkfs.contains("--csum") {
            let (found, warnings, _) = read(&with_other_log(&image));
            assert_eq!(differences(&found, &seen.without), [""; 0], "{name}, another node for its log");
            assert!(
                warnings.len() == 1 && warnings[0].contains("without btrfs_root_item"),
                "{name}: {warnings:?}"
            );
        }
        assert!(damage_log(&mut image, log) > 0, "{name}");
        let (found, warnings, replayed) = read(&image);
        assert_eq!(differences(&found, &seen.without), [""; 0], "{name}, without its log");
        let is_named = |warning: &String| {
            warning.contains("tree log cannot be replayed") && warning.contains("btrfs_header")
        };
        assert!(
            warnings.len() == 1 && warnings.iter().all(is_named) && replayed == 0,
            "{name}: {warnings:?}"
        );
    }
}

#[test]
fn what_was_written_before_power_failed() {
    let (first, rest) = WRITES.split_at(MOST_DISKS / 2);
    assert_replayed("writes", first);
    assert_replayed("more-writes", rest);
}

#[test]
fn names_that_came_and_went_before_power_failed() {
    let (first, rest) = NAMES.split_at(MOST_DISKS / 2);
    assert_replayed("names", first);
    assert_replayed("more-names", rest);
}

#[test]
fn folders_and_subvolumes_as_they_were_when_power_failed() {
    assert_replayed("folders", FOLDERS);
}
