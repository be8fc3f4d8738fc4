// SPDX-License-Identifier: BSD-3-Clause
//! Images written by QEMU read as QEMU reads them.

use std::{fs, path::PathBuf, rc::Rc};

use block::{BlockRead, ReadError};
use oracle::tools::{self, run, work_dir};
use qcow2::{Compression, Qcow2};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
/// Not a multiple of any cluster.
const SIZE: usize = 5 * MIB + 3 * 512;

/// Pseudo-random numbers, the same ones each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // Knuth's constants for a linear congruential generator; the low bits have a short period.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 24
    }

    fn below(&mut self, limit: usize) -> usize {
        self.next() as usize % limit.max(1)
    }
}

/// The content of a disk: zeros, text, and incompressible data, in pieces of many sizes.
fn content(size: usize) -> Vec<u8> {
    let mut random = Random(size as u64);
    let mut bytes = Vec::with_capacity(size);
    while bytes.len() < size {
        let length = 1 << random.below(19);
        match random.below(4) {
            0 | 1 => bytes.resize(bytes.len() + length, 0),
            2 => bytes.extend(b"All work and no play. ".iter().cycle().take(length)),
            _ => bytes.extend((0..length).map(|_| random.next() as u8)),
        }
    }
    bytes.truncate(size);
    bytes
}

/// The files of one test.
struct Work(PathBuf);

impl Work {
    fn new(name: &str) -> Self {
        Self(work_dir(name))
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_string()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Runs a program with words that name files as `{name}`.
    fn run(&self, program: &str, words: &str) -> Vec<u8> {
        let expand = |word: &str| word.replace('{', &format!("{}/", self.0.display())).replace('}', "");
        let words: Vec<String> = words.split(' ').map(expand).collect();
        run(program, &words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The disk in an image, as QEMU reads it.
    fn disk(&self, image: &str) -> Vec<u8> {
        self.run("qemu-img", &format!("convert -f qcow2 -O raw {{{image}}} {{{image}.raw}}"));
        self.read(&format!("{image}.raw"))
    }

    fn io(&self, image: &str, commands: &[&str]) {
        let path = self.path(image);
        let mut words = vec!["-f", "qcow2"];
        commands.iter().for_each(|command| words.extend(["-c", command]));
        words.push(&path);
        run("qemu-io", &words);
    }

    fn open(&self, image: &str) -> Qcow2<Vec<u8>> {
        Qcow2::open(self.read(image)).unwrap()
    }

    /// Opens an image and compares its disk with what QEMU reads.
    fn check(&self, image: &str) -> Qcow2<Vec<u8>> {
        let disk = self.open(image);
        assert_same(&disk, &self.disk(image), image);
        disk
    }
}

/// Compares a disk: in one read, in pieces one after the other, and in pieces anywhere.
fn assert_same(disk: &Qcow2<impl BlockRead>, wanted: &[u8], what: &str) {
    assert_eq!(disk.size(), wanted.len() as u64, "{what}");
    let mut random = Random(7);
    let mut pieces = vec![(0, wanted.len())];
    let mut at = 0;
    while at < wanted.len() {
        let length = (1 << random.below(18)).min(wanted.len() - at);
        pieces.push((at, length));
        at += length;
    }
    for _ in 0..500 {
        let (start, most) = (random.below(wanted.len()), 1 << random.below(18));
        pieces.push((start, random.below(most).min(wanted.len() - start)));
    }
    for (start, length) in pieces {
        let mut buf = vec![0xa5; length];
        disk.read_at(start as u64, &mut buf).unwrap_or_else(|error| panic!("{what}: {error}"));
        let wrong = buf.iter().zip(&wanted[start..]).position(|(ours, theirs)| ours != theirs);
        assert_eq!(wrong.map(|at| start + at), None, "{what}: {length} bytes at {start}");
    }
}

#[test]
fn what_convert_makes() {
    let work = Work::new("convert");
    let raw = content(SIZE);
    work.write("raw", &raw);
    for options in [
        "-o compat=0.10",
        "-o compat=0.10,cluster_size=4k -c",
        "-o compat=1.1",
        "-o lazy_refcounts=on,refcount_bits=1",
        "-o cluster_size=512",
        "-o cluster_size=512 -c",
        "-o cluster_size=2M",
        "-o cluster_size=2M -c",
        "-o preallocation=metadata",
        "-o preallocation=falloc,extended_l2=on",
        "-o preallocation=full",
        "-c",
        "-c -o compression_type=zstd",
        "-c -o compression_type=zstd,cluster_size=512",
        "-c -o compression_type=zstd,cluster_size=2M",
        "-o extended_l2=on",
        "-o extended_l2=on,cluster_size=16k",
        "-o extended_l2=on,cluster_size=2M",
        "-c -o extended_l2=on,compression_type=zstd",
        "-c -o extended_l2=on,cluster_size=16k",
        "-S 0",
    ] {
        work.run("qemu-img", &format!("convert -O qcow2 {options} {{raw}} {{image}}"));
        let disk = work.check("image");
        assert!(work.disk("image") == raw, "{options}: QEMU reads what was converted");
        let header = disk.header();
        assert_eq!(header.version, if options.contains("compat=0.10") { 2 } else { 3 }, "{options}");
        assert_eq!(header.has_extended_l2, options.contains("extended_l2"), "{options}");
        let is_zstd = options.contains("zstd");
        assert_eq!(header.compression == Compression::Zstd, is_zstd, "{options}");
        assert_eq!((header.snapshots, header.backing_file.as_ref()), (0, None), "{options}");
    }
}

#[test]
fn what_a_guest_writes() {
    let work = Work::new("writes");
    for options in
        ["compat=0.10", "compat=1.1", "extended_l2=on", "cluster_size=512", "compression_type=zstd"]
    {
        work.run("qemu-img", &format!("create -q -f qcow2 -o {options} {{image}} 12M"));
        work.check("image");
        let commands = [
            "write -P 1 4k 4k",
            "write -P 2 100k 300k",
            "write -z 128k 64k",
            "write -z 204k 3k",
            "write -c -P 3 1M 64k",
            "write -c -P 4 1088k 64k",
            "write -P 5 1060k 512",
            "write -P 6 2M 1M",
            "discard 2304k 256k",
            "write -z 2688k 2k",
            "write -P 7 12287k 1k",
        ];
        // In version 2, only holes read as zeros.
        let old = commands.iter().filter(|command| !command.contains("-z")).copied().collect::<Vec<_>>();
        work.io("image", if options == "compat=0.10" { &old } else { &commands });
        let disk = work.check("image");
        let mut buf = [0; 512];
        disk.read_at(1060 << 10, &mut buf).unwrap();
        assert_eq!(buf, [5; 512], "{options}");
    }
}

#[test]
fn an_image_that_was_not_closed() {
    let work = Work::new("dirty");
    work.run("qemu-img", "create -q -f qcow2 -o lazy_refcounts=on {image} 4M");
    let image = work.path("image");
    let crashed = tools::output("qemu-io", &["-f", "qcow2", "-c", "write -P 9 1M 1M", "-c", "abort", &image]);
    assert!(!crashed.status.success());
    let bytes = work.read("image");
    assert_eq!(bytes[79] & 1, 1, "the image is dirty");
    let mut buf = vec![0; MIB];
    work.open("image").read_at(MIB as u64, &mut buf).unwrap();
    assert_eq!(buf, [9; MIB]);
}

#[test]
fn internal_snapshots_are_counted_and_ignored() {
    let work = Work::new("snapshots");
    work.write("raw", &content(SIZE));
    work.run("qemu-img", "convert -O qcow2 {raw} {image}");
    work.run("qemu-img", "snapshot -c one {image}");
    work.io("image", &["write -P 8 1M 70k"]);
    work.run("qemu-img", "snapshot -c two {image}");
    work.io("image", &["write -P 9 1M 30k", "write -z 3M 64k"]);
    let disk = work.check("image");
    assert_eq!(disk.header().snapshots, 2);
    work.run("qemu-img", "snapshot -a one {image}");
    work.check("image");
}

#[test]
fn sizes_change() {
    let work = Work::new("resize");
    work.run("qemu-img", "create -q -f qcow2 -o cluster_size=512 {image} 1M");
    work.io("image", &["write -P 1 0 1M"]);
    // The table must grow, and moves.
    work.run("qemu-img", "resize -q {image} 9M");
    work.io("image", &["write -P 2 8M 1M"]);
    assert_eq!(work.check("image").size(), 9 << 20);
    work.run("qemu-img", "resize -q --shrink {image} 700416");
    assert_eq!(work.check("image").size(), 700_416);
    // An L1 table of the maximum of 32 MiB: nothing of it is read before it is needed.
    work.run("qemu-img", "create -q -f qcow2 {image} 2047T");
    let image = work.read("image");
    let disk = Qcow2::open(image).unwrap();
    let mut buf = vec![1; 4 * MIB];
    disk.read_at((2047 << 40) - 4 * MIB as u64, &mut buf).unwrap();
    assert!(buf.iter().all(|byte| *byte == 0));
}

#[test]
fn backing_files_are_those_that_the_caller_gives() {
    let work = Work::new("backing");
    // The disk of each is larger than that below, so that zeros follow.
    let base = content(3 * MIB + 512);
    work.write("base", &base);
    for options in ["compat=0.10", "compat=1.1", "extended_l2=on", "extended_l2=on,cluster_size=16k"] {
        let create = "create -q -f qcow2 -F";
        work.run("qemu-img", &format!("{create} raw -b base -o {options} {{middle}} 5M"));
        work.io("middle", &["write -P 1 1M 100k", "write -P 2 3071k 2k", "write -P 3 4M 1k"]);
        work.run("qemu-img", &format!("{create} qcow2 -b middle -o {options} {{top}} 6M"));
        work.io("top", &["write -P 4 1040k 3k", "write -P 5 5M 512", "write -c -P 6 2M 64k"]);
        if !options.contains("0.10") {
            work.io("top", &["write -z 1M 8k", "write -z 64k 64k"]);
        }
        for image in ["top", "middle"] {
            let error = Qcow2::open(work.read(image)).unwrap_err();
            let feature = match &error {
                ReadError::Unsupported(unsupported) => unsupported.feature.to_string(),
                _ => panic!("{error}"),
            };
            let name = if image == "top" { "middle" } else { "base" };
            assert_eq!(feature, format!("backing file \"{name}\" not given"));
        }
        let over = |image: &str, below: Rc<dyn BlockRead>| {
            Qcow2::open_with_backing(work.read(image), below).unwrap()
        };
        let middle = over("middle", Rc::new(base.clone()));
        assert_same(&middle, &work.disk("middle"), options);
        let top = over("top", Rc::new(middle));
        assert_eq!(top.header().backing_file.as_deref(), Some(&b"middle"[..]));
        assert_eq!(top.header().backing_format.as_deref(), Some(&b"qcow2"[..]));
        assert_same(&top, &work.disk("top"), options);
    }
}

#[test]
fn what_is_refused_has_its_name() {
    let work = Work::new("refused");
    let refused = |options: &str| {
        work.run("qemu-img", &format!("create -q -f qcow2 {options} {{image}} 1M"));
        let error = Qcow2::open(work.read("image")).unwrap_err();
        assert_eq!(error.code(), "E-FS-QCOW2-UNSUPPORTED");
        error.to_string()
    };
    let secret = "--object secret,id=key,data=secret -o encrypt.format=luks,encrypt.key-secret=key,\
                  encrypt.iter-time=10";
    assert_eq!(refused(secret), "qcow2: unsupported: LUKS encryption");
    assert_eq!(refused("-o data_file={data}"), "qcow2: unsupported: external data file");
    // An image with a new feature, and QEMU's own words for it.
    work.run("qemu-img", "create -q -f qcow2 {image} 1M");
    let mut image = work.read("image");
    image[72] = 0x80;
    let error = Qcow2::open(image).unwrap_err();
    assert_eq!(error.to_string(), "qcow2: unsupported: incompatible feature 63");
}
