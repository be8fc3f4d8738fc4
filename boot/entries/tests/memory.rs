// SPDX-License-Identifier: BSD-3-Clause
//! How much memory the worst disk costs. It is the only test of its program: memory is counted for all of a process.

use std::{fmt::Write as _, fs};

use entries::{Arch, discover};
use oracle::Tree;
use vfs::{Volume, Volumes};

/// What discovery may take.
const MOST: u64 = 64 * 1024 * 1024;

/// A value of /proc/self/status, in bytes.
fn status(key: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().unwrap() * 1024
}

/// Everything that grows: bytes that are no text become three each, labels repeat a long command line, values name
/// variables, scripts keep variables, folders are long.
fn worst(i: usize) -> Tree {
    let mut labels = format!("APPEND {}\n", "x".repeat(3000));
    (0..1000).for_each(|i| writeln!(labels, "LABEL l{i}\nLINUX /k\nMENU LABEL {}", "t".repeat(900)).unwrap());
    let mut labels = labels.into_bytes();
    labels.truncate(1024 * 1024 - 1);
    let script =
        format!("a={}\nblscfg\n{}", "x".repeat(600_000), "menuentry 'x' { linux /k $a\n}\n".repeat(900));
    let block = format!("# GRUB Environment Block\na={}\n", "y".repeat(65_000));
    let mut tree = Tree::new()
        .uuid(format!("u{i}"))
        .file("/boot/grub/grub.cfg", format!("#{i}\n{script}"))
        .file("/grub2/grubenv", block)
        .file("/syslinux/syslinux.cfg", labels)
        .file("/isolinux/isolinux.cfg", vec![0xff; 1024 * 1024]);
    for i in 0..300 {
        let conf =
            format!("title A{i}\nlinux /k\noptions {}\nfoo {}\n", "$a".repeat(1000), "z".repeat(40_000));
        tree = tree.file(format!("/loader/entries/{i}.conf"), conf);
        tree = tree.file(format!("/boot/vmlinuz-{i}-{}", "v".repeat(200)), "k");
    }
    tree
}

#[test]
fn the_worst_disk_costs_no_more_than_its_budget() {
    let trees: Vec<Tree> = (0..24).map(worst).collect();
    let volume = |(i, tree): (usize, Tree)| Volume::new(format!("hd0,gpt{i}"), tree).on(0, None);
    let volumes = Volumes::from_volumes(trees.into_iter().enumerate().map(volume).collect());
    // The most that it had until now does not count.
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status("VmRSS:");
    let found = discover(&volumes, Arch::X86_64, &|_, _| false);
    let grown = status("VmHWM:").saturating_sub(before);
    assert!(grown < MOST, "{grown} bytes, {:?}", found.spent);
    assert!(found.spent.text > entries::MOST_TEXT / 2, "{:?}", found.spent);
}
