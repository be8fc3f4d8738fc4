// SPDX-License-Identifier: BSD-3-Clause
//! Images written by QEMU read as QEMU reads them.

use std::fs;

use block::BlockRead;
use oracle::tools::{run, work_dir};
use vhd::{Kind, Vhd, probe};

const MIB: usize = 1024 * 1024;

/// Pseudo-random numbers, the same ones each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        // Knuth's constants for a linear congruential generator; the low bits have a short period.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 24) as usize % limit.max(1)
    }
}

/// Compares a disk: in one read, and in pieces anywhere.
fn assert_same(disk: &Vhd<impl BlockRead>, wanted: &[u8], what: &str) {
    assert_eq!(disk.size(), wanted.len() as u64, "{what}");
    let mut random = Random(7);
    let mut pieces = vec![(0, wanted.len())];
    for _ in 0..1000 {
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

/// Compares what our code and QEMU read from an image.
fn check(image: &str, kind: Kind) {
    let raw = format!("{image}.raw");
    run("qemu-img", &["convert", "-f", "vpc", "-O", "raw", image, &raw]);
    let bytes = fs::read(image).unwrap();
    assert_eq!(probe(&bytes), Ok(true));
    let disk = Vhd::open(bytes).unwrap();
    assert_eq!((disk.kind(), disk.warning()), (kind, None));
    assert_same(&disk, &fs::read(raw).unwrap(), image);
}

#[test]
fn what_convert_makes() {
    let work = work_dir("convert");
    let path = |name: &str| work.join(name).to_str().unwrap().to_string();
    // Blocks of 2 MiB: some unallocated, the last one partial.
    let mut random = Random(1);
    let content = (0..9 * MIB + 512).map(|at| match at / MIB {
        2..5 => 0,
        _ => random.below(256) as u8,
    });
    fs::write(path("raw"), content.collect::<Vec<u8>>()).unwrap();
    for (options, kind) in [
        ("subformat=fixed", Kind::Fixed),
        ("subformat=fixed,force_size=on", Kind::Fixed),
        ("subformat=dynamic", Kind::Dynamic),
        ("subformat=dynamic,force_size=on", Kind::Dynamic),
    ] {
        let image = path(&options.replace(',', "-"));
        run("qemu-img", &["convert", "-f", "raw", "-O", "vpc", "-o", options, &path("raw"), &image]);
        check(&image, kind);
    }
}

#[test]
fn what_a_guest_writes() {
    let work = work_dir("writes");
    let image = work.join("image").to_str().unwrap().to_string();
    for (options, kind) in [("subformat=fixed", Kind::Fixed), ("subformat=dynamic", Kind::Dynamic)] {
        run("qemu-img", &["create", "-q", "-f", "vpc", "-o", options, &image, "21M"]);
        check(&image, kind);
        let commands = ["write -P 1 0 512", "write -P 2 11M 3M", "write -P 3 5M 70k", "write -P 4 20M 512"];
        let mut words = vec!["-f", "vpc"];
        commands.iter().for_each(|command| words.extend(["-c", command]));
        words.push(&image);
        run("qemu-io", &words);
        check(&image, kind);
    }
}
