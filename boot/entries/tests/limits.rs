// SPDX-License-Identifier: BSD-3-Clause
//! Disks that want all the time or memory of the machine: discovery ends within its budget, says what it left out, and
//! a good disk beside them still boots.

use std::{fmt::Write as _, time::Duration};

use entries::{Arch, Found, MOST_BYTES, MOST_ENTRIES, MOST_LOOKUPS, MOST_TEXT, discover};
use oracle::{Tree, processor_time};
use part::{Partition, PartitionKind};
use vfs::{Volume, Volumes};

/// Names of one folder, which are counted when they have been read.
const FOLDER: u64 = 65_536;
/// Time of a processor: far more than a budget takes, even without optimization.
const PATIENCE: Duration = Duration::from_secs(30);

/// A disk that boots.
fn good() -> Tree {
    let cfg = "menuentry 'good' --id good { linux /boot/vmlinuz-1 ro\n initrd /boot/initrd.img-1\n}\n";
    Tree::new().uuid("good").file("/boot/grub/grub.cfg", cfg).file("/boot/vmlinuz-1", "k")
}

/// A place on a disk.
fn partition(number: u32, start: u64, length: u64) -> Option<Partition> {
    let (uuid, name) = (String::new(), String::new());
    Some(Partition { number, start, length, kind: PartitionKind::Mbr(0x83), uuid, name })
}

/// The volumes of one disk, side by side, and the good disk behind them.
fn beside_a_good_disk(trees: Vec<Tree>) -> Found {
    let place = |(i, tree): (u32, Tree)| {
        Volume::new(format!("hd0,gpt{i}"), tree).on(0, partition(i, u64::from(i) << 20, 1 << 20))
    };
    let bad = (1..).zip(trees).map(place);
    let good = Volume::new("hd1,gpt1", good()).on(1, partition(1, 1 << 20, 1 << 20));
    found(bad.chain([good]).collect())
}

fn found(volumes: Vec<Volume>) -> Found {
    let volumes = Volumes::from_volumes(volumes);
    let started = processor_time();
    let found = discover(&volumes, Arch::X86_64, &|_, _| false);
    let time = processor_time() - started;
    assert!(time < PATIENCE, "{time:?}");
    let spent = found.spent;
    assert!(spent.bytes <= MOST_BYTES && spent.text <= MOST_TEXT, "{spent:?}");
    assert!(spent.entries <= MOST_ENTRIES && spent.lookups <= MOST_LOOKUPS + FOLDER, "{spent:?}");
    assert_eq!(found.entries.iter().filter(|entry| entry.default).count(), 1);
    found
}

/// The entry of the good disk is there as if it were alone, and what was left out of the other is said once for each
/// place and limit.
fn assert_is_cut_off(found: &Found, what: &str) {
    let good = found.entries.iter().find(|entry| entry.id == "good").expect("the good disk boots");
    let linux = good.linux().unwrap();
    assert_eq!((linux.kernel.path.as_slice(), linux.options.as_str()), (&b"/boot/vmlinuz-1"[..], "ro"));
    let texts: Vec<String> = found.problems.iter().map(|problem| problem.error.to_string()).collect();
    let of_limit = |(text, problem): &(&String, &entries::Problem)| {
        problem.error.code().to_string().ends_with("-LIMIT") && text.contains(what)
    };
    let said = texts.iter().zip(&found.problems).filter(of_limit).count();
    assert_eq!(said, 1, "{what}: {:?}", texts.iter().take(8).collect::<Vec<_>>());
}

#[test]
fn a_value_that_is_named_often_is_cut_off() {
    let block = format!("# GRUB Environment Block\na={}\n", "x".repeat(65_000));
    let conf = format!("title A\nlinux /k\noptions {}\n", "$a".repeat(32_000));
    let mut tree = Tree::new().uuid("u").file("/boot/grub2/grubenv", block).file("/k", "k");
    for i in 0..100 {
        tree = tree.file(format!("/loader/entries/{i}.conf"), conf.clone());
    }
    assert_is_cut_off(&beside_a_good_disk(vec![tree]), "bytes of entries");
}

#[test]
fn a_command_line_of_all_labels_is_cut_off() {
    let mut text = format!("APPEND {}\n", "x".repeat(1_000_000));
    (0..1000).for_each(|i| writeln!(text, "LABEL l{i}\nLINUX /k").unwrap());
    let tree = Tree::new().uuid("u").file("/syslinux/syslinux.cfg", text);
    let found = beside_a_good_disk(vec![tree]);
    assert_is_cut_off(&found, "bytes of entries");
    assert_eq!(found.entries[0].id, "l0", "what fits is there");
}

#[test]
fn files_that_add_to_the_defaults_are_counted() {
    let mut tree = Tree::new().uuid("u").file("/boot/vmlinuz-1", "k").dir("/etc");
    let text = format!("GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX {}\"\n", "x".repeat(60_000));
    for i in 0..30_000 {
        let small = if i < 400 { text.clone() } else { String::new() };
        tree = tree.file(format!("/etc/default/grub.d/{i:05}.cfg"), small);
    }
    assert_is_cut_off(&beside_a_good_disk(vec![tree]), "files that add to GRUB's defaults");
}

#[test]
fn entries_of_one_name_take_no_longer_than_others() {
    let cfg = "menuentry 'same' --id same { linux /k ro\n}\n".repeat(1000);
    let mut trees = Vec::new();
    for i in 0..4 {
        trees.push(Tree::new().uuid(format!("u{i}")).file("/grub/grub.cfg", format!("# {i}\n{cfg}")));
    }
    let started = processor_time();
    let found = beside_a_good_disk(trees);
    let time = processor_time() - started;
    assert!(time < PATIENCE / 2, "{time:?}");
    let mut ids: Vec<&str> = found.entries.iter().map(|entry| entry.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), found.entries.len(), "no two have the same identifier");
    assert_is_cut_off(&found, "entries");
}

#[test]
fn partitions_over_one_another_are_one_volume() {
    let tree = || {
        let labels: String = (0..1000).map(|i| format!("LABEL l{i}\nLINUX /k\nAPPEND ro\n")).collect();
        Tree::new().uuid("u").file("/syslinux/syslinux.cfg", labels)
    };
    let over =
        |i: u32| Volume::new(format!("hd0,gpt{i}"), tree()).on(0, partition(i, u64::from(i) << 9, 1 << 30));
    let mut volumes: Vec<Volume> = (1..=20).map(over).collect();
    volumes.push(Volume::new("hd1,gpt1", good()).on(1, None));
    assert_eq!(found(volumes).entries.len(), 1001);
    let beside: Vec<Tree> = (0..20).map(|_| tree()).collect();
    assert_is_cut_off(&beside_a_good_disk(beside), "entries");
}

#[test]
fn large_folders_are_counted() {
    let mut tree = Tree::new().uuid("u");
    for i in 0..40_000 {
        tree = tree.file(format!("/boot/vmlinuz-{i}"), "k");
    }
    let found = beside_a_good_disk(vec![tree; 8]);
    assert_is_cut_off(&found, "file names looked up");
    assert!(found.entries.iter().any(|entry| entry.id == "39999"), "the newest is there");
}

#[test]
fn large_files_are_counted() {
    let conf = |i: usize| format!("title A\nlinux /k{i}\n#{}\n", "x".repeat(60_000));
    let mut tree = Tree::new().uuid("u");
    for i in 0..400 {
        tree = tree.file(format!("/loader/entries/{i:04}.conf"), conf(i));
    }
    assert_is_cut_off(&beside_a_good_disk(vec![tree]), "bytes of configuration");
}

#[test]
fn problems_are_counted() {
    let mut tree = Tree::new().uuid("u");
    for i in 0..900 {
        tree = tree.file(format!("/loader/entries/{i:04}.conf"), "title Nothing to start\n");
    }
    let found = beside_a_good_disk(vec![tree]);
    assert_is_cut_off(&found, "problems");
    assert!(found.problems.len() < 600, "{}", found.problems.len());
}

#[test]
fn an_honest_machine_comes_nowhere_near() {
    let disks = |disk: usize| {
        let mut tree = Tree::new().uuid(format!("u{disk}")).dir("/etc");
        for i in 0..20 {
            let conf = format!(
                "title Linux {i}\nversion 6.{i}\nlinux /vmlinuz-6.{i}\ninitrd /initrd-6.{i}\noptions root=/dev/a ro quiet\n"
            );
            tree =
                tree.file(format!("/loader/entries/6.{i}.conf"), conf).file(format!("/vmlinuz-6.{i}"), "k");
        }
        Volume::new(format!("hd{disk},gpt1"), tree).on(disk, None)
    };
    let found = found((0..24).map(disks).collect());
    assert_eq!((found.entries.len(), found.problems.as_slice()), (480, &[][..]));
    let spent = found.spent;
    assert!(spent.bytes < MOST_BYTES / 8 && spent.text < MOST_TEXT / 4, "{spent:?}");
    assert!(spent.lookups < MOST_LOOKUPS / 4 && spent.entries < MOST_ENTRIES / 4, "{spent:?}");
}

#[test]
fn passwords_of_all_labels_are_counted() {
    let mut text = format!("MENU MASTER PASSWD {}\n", "x".repeat(400_000));
    (0..1000).for_each(|i| writeln!(text, "LABEL l{i}\nLINUX /k\nMENU PASSWD y").unwrap());
    let tree = Tree::new().uuid("u").file("/syslinux/syslinux.cfg", text);
    assert_is_cut_off(&beside_a_good_disk(vec![tree]), "bytes of entries");
}

#[test]
fn users_of_all_entries_are_counted() {
    let mut cfg = String::from("set superusers='");
    (0..500).for_each(|i| write!(cfg, "u{i} ").unwrap());
    cfg += "'\n";
    (0..500).for_each(|i| writeln!(cfg, "password u{i} {}", "x".repeat(1000)).unwrap());
    (0..900).for_each(|i| writeln!(cfg, "menuentry m{i} {{ linux /k\n}}").unwrap());
    let tree = Tree::new().uuid("u").file("/boot/grub/grub.cfg", cfg).file("/k", "k");
    assert_is_cut_off(&beside_a_good_disk(vec![tree]), "bytes of entries");
}

#[test]
fn long_lists_of_users_are_paid_for() {
    let mut cfg = format!("set superusers='{}'\n", "z ".repeat(250_000));
    (0..900).for_each(|i| writeln!(cfg, "password u{i} x").unwrap());
    (0..900).for_each(|i| writeln!(cfg, "menuentry m{i} {{ linux /k\n}}").unwrap());
    let tree = Tree::new().uuid("u").file("/boot/grub/grub.cfg", cfg).file("/k", "k");
    assert_is_cut_off(&beside_a_good_disk(vec![tree]), "steps");
}

#[test]
fn a_value_of_spaces_is_paid_for() {
    let block = format!("# GRUB Environment Block\na={}\n", " ".repeat(65_000));
    let conf = format!("title A\nlinux /k\n{}", format!("options {}\n", "$a".repeat(30)).repeat(900));
    let mut tree = Tree::new().uuid("u").file("/boot/grub2/grubenv", block).file("/k", "k");
    for i in 0..100 {
        tree = tree.file(format!("/loader/entries/{i}.conf"), conf.clone());
    }
    assert_is_cut_off(&beside_a_good_disk(vec![tree]), "bytes of configuration");
}

#[test]
fn a_long_pattern_of_a_default_takes_no_time() {
    let loader = format!("default *[{}]z\n", "b".repeat(60_000));
    let mut tree = Tree::new().uuid("u").file("/loader/loader.conf", loader).file("/k", "k");
    for i in 0..1000 {
        tree = tree.file(format!("/loader/entries/{i}{}.conf", "a".repeat(170)), "linux /k\n");
    }
    let found = beside_a_good_disk(vec![tree]);
    assert_eq!(found.entries.len(), 1001);
}

#[test]
fn menus_deep_in_one_another_take_no_time() {
    let mut text = String::new();
    (0..990).for_each(|_| writeln!(text, "MENU BEGIN\nMENU TITLE {}", "x".repeat(1000)).unwrap());
    (0..60).for_each(|i| writeln!(text, "LABEL l{i}\nCONFIG /c").unwrap());
    let tree = Tree::new().uuid("u").file("/syslinux/syslinux.cfg", text).file("/c", "LABEL x\nLINUX /k\n");
    let found = beside_a_good_disk(vec![tree]);
    assert!(found.entries.iter().any(|entry| entry.id == "good"));
}

/// Names `a00`, `a01` and so on.
fn numbered(count: usize, name: impl Fn(usize) -> String) -> Tree {
    (0..count).fold(Tree::new().uuid("u"), |tree, i| tree.file(name(i), "p"))
}

#[test]
fn what_is_cut_off_is_said_once() {
    let wrong = |count: usize| {
        let lines: String = (0..count).map(|i| format!("wrong-{i}\n")).collect();
        Tree::new()
            .uuid("u")
            .file("/boot/grub/grub.cfg", format!("{lines}menuentry m {{ linux /k\n}}\n"))
            .file("/k", "k")
    };
    let vendors = |count| numbered(count, |i| format!("/EFI/a{i:02}/shimx64.efi"));
    let kernels = |count| numbered(count, |i| format!("/boot/vmlinuz-{i}"));
    let signed = |count| numbered(count, |i| format!("/boot/vmlinuz-{}{}", i / 2, ["", ".signed"][i % 2]));
    let of_modules = |count| numbered(count, |i| format!("/usr/lib/modules/{i}/vmlinuz"));
    let cases = [
        ("names in this folder", 64, "/EFI", &vendors as &dyn Fn(usize) -> Tree),
        ("kernels: ", 64, "/boot", &kernels),
        ("names of kernels", 1024, "/boot", &signed),
        ("problems of a script", 32, "/boot/grub/grub.cfg", &wrong),
    ];
    let said = |what: &str, found: &Found| -> Vec<String> {
        let problems = found.problems.iter().map(|problem| (problem, problem.error.to_string()));
        let of_it = problems.filter(|(_, text)| text.contains(what));
        of_it.map(|(problem, text)| format!("{}: {} {text}", problem.object, problem.error.code())).collect()
    };
    for (what, limit, object, tree) in cases {
        assert_eq!(said(what, &beside_a_good_disk(vec![tree(limit)])), [""; 0], "{what}");
        let found = beside_a_good_disk(vec![tree(limit + 1)]);
        let name = what.trim_end_matches(": ");
        let line =
            format!("hd0,gpt1 {object}: E-ENTRY-LIMIT more than {limit} {name}: the others are left out");
        assert_eq!(said(what, &found), [line], "{what}");
        assert_is_cut_off(&found, what);
    }
    // Where nothing else was found at all.
    let alone = |tree: Tree| found(vec![Volume::new("hd0,gpt1", tree).on(0, None)]);
    let cut = alone(of_modules(65));
    assert_eq!(said("kernels: ", &alone(of_modules(64))), [""; 0]);
    assert_eq!(
        said("kernels: ", &cut),
        ["hd0,gpt1 /usr/lib/modules: E-ENTRY-LIMIT more than 64 kernels: the others are left out"]
    );
    assert_eq!(cut.entries.len(), 64);
}
