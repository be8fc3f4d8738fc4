// SPDX-License-Identifier: BSD-3-Clause
//! Scripts that want all the time, memory or stack of the machine get an error instead.

use std::{cell::Cell, rc::Rc, thread, time::Duration};

use entries::{Arch, Error, Found, discover};
use filesystem::{Attr, EachEntry, FileSystem, Identity};
use oracle::{Tree, processor_time};
use part::{Guid, Partition, PartitionKind};
use vfs::{Volume, Volumes};

/// The loader has 128 KiB, of which others need some.
const STACK: usize = 96 * 1024;
/// Time of a processor: far more than a million steps take, even without optimization.
const PATIENCE: Duration = Duration::from_secs(100);
/// `a` has 32 KiB.
const GROW: &str = "a=xxxxxxxxxxxxxxxx\nfor i in 1 2 3 4 5 6 7 8 9 10 11; do a=\"$a$a\"; done\n";

/// `/more.cfg` has all but the script's first line, and so is another script.
fn run(cfg: String) -> Found {
    let more = cfg.split_once('\n').map_or("", |(_, more)| more).to_owned();
    let tree = Tree::new().uuid("u").file("/boot/grub/grub.cfg", cfg).file("/more.cfg", more);
    // Where scripts look for it by that name.
    let (kind, uuid, name) = (PartitionKind::Gpt(Guid::default()), String::new(), String::new());
    let partition = Partition { number: 1, start: 1 << 20, length: 1 << 20, kind, uuid, name };
    let volume = Volume::new("hd0,gpt1", tree).on(0, Some(partition));
    discover(&Volumes::from_volumes(vec![volume]), Arch::X86_64, &|_, _| false)
}

/// The limit that a script meets, in time.
fn limit(cfg: String) -> &'static str {
    let started = processor_time();
    let found = run(cfg);
    let time = processor_time() - started;
    assert!(time < PATIENCE, "{time:?}");
    let limits = found.problems.iter().find_map(|problem| match problem.error {
        Error::Limit { what, .. } => Some(what),
        _ => None,
    });
    limits.unwrap_or_else(|| panic!("no limit: {:?}", found.problems))
}

#[test]
fn every_resource_has_a_limit() {
    let body = |inside: &str| format!("{GROW}while true; do {inside}; done\n");
    let cases = [
        ("bytes of words", format!("{GROW}echo {}\n", "\"$a\" ".repeat(30_000))),
        ("bytes of words", format!("v='{}'\necho {}\n", " ".repeat(32_768), "$v".repeat(30_000))),
        ("words in scripts", format!("{GROW}echo {}\n", "$a".repeat(70_000))),
        ("words in scripts", "a;".repeat(200_000)),
        ("bytes of variables", format!("{GROW}i=\nwhile true; do i=x$i; set v$i=\"$a\"; done\n")),
        ("bytes of scripts", body("eval \"#$a\"")),
        ("bytes of scripts", "# long\nsource /more.cfg\n#".to_owned() + &"x".repeat(100_000)),
        ("steps", body("b=\"$a\"")),
        ("steps", body("[ -e /boot/grub/grub.cfg ]")),
        ("steps", body("search --file /none")),
        ("steps", format!("while true; do test {}; done\n", "-e x ".repeat(10_000))),
        ("steps", "until false; do true; done\n".into()),
        ("open blocks", "function f { if true; then f; fi; }\nf\n".into()),
        ("open blocks", "# short\nsource /more.cfg\n".into()),
        ("levels of blocks", "if true; then ".repeat(1000)),
        ("levels of blocks", "menuentry x { ".repeat(1000)),
        ("menu entries", "while true; do menuentry x { true; }; done\n".into()),
        ("bytes of a menu", body("menuentry \"$a\" { true; }")),
        ("bytes of a menu", format!("{GROW}i=\nwhile true; do i=x$i; password u$i \"$a\"; done\n")),
        ("bytes of a menu", format!("{GROW}{}", "menuentry e { linux /k $a; }\n".repeat(40))),
        ("steps", body("regexp '^(((x*)*)*)*y' \"$a\"")),
        ("steps", body("tr --set b abcdefgh ijklmnop \"$a\"")),
        ("steps", "insmod regexp\nwhile true; do test /boot/*/*; done\n".into()),
        ("steps", "while true; do probe --fs-uuid $root; done\n".into()),
    ];
    for (what, cfg) in cases {
        let start: String = cfg.chars().skip(GROW.len()).take(60).collect();
        assert_eq!(limit(cfg), what, "{start}");
    }
}

#[test]
fn a_variable_of_a_file_that_is_named_often_has_a_limit() {
    let block = format!("# GRUB Environment Block\na={}\n", "x".repeat(60_000));
    let cfg = format!("load_env\nmenuentry e {{ linux /k {}; }}\n", "$a".repeat(30_000));
    let tree = Tree::new().file("/boot/grub/grub.cfg", cfg).file("/boot/grub/grubenv", block);
    let found = discover(&volumes(vec![Volume::new("hd0,gpt1", tree)]), Arch::X86_64, &|_, _| false);
    assert!(
        matches!(found.problems[0].error, Error::Limit { what: "bytes of words", .. }),
        "{:?}",
        found.problems
    );
}

fn volumes(volumes: Vec<Volume>) -> Volumes {
    Volumes::from_volumes(volumes)
}

#[test]
fn scripts_of_one_disk_share_its_steps_and_leave_those_of_others() {
    let started = processor_time();
    let mut evil = Tree::new().uuid("e");
    for i in 0..60 {
        let cfg = format!("# {i}\nwhile true; do search --file /none; done\n");
        evil = evil.file(format!("/EFI/v{i}/grub.cfg"), cfg);
    }
    let evil = |disk| Volume::new(format!("hd{disk},gpt1"), evil.clone()).on(disk, None);
    let honest = Tree::new().uuid("u").file("/boot/grub/grub.cfg", "menuentry a { linux /k; }\n");
    let all = vec![evil(0), evil(1), evil(2), Volume::new("hd3,gpt1", honest).on(3, None)];
    let found = discover(&volumes(all), Arch::X86_64, &|_, _| false);
    let time = processor_time() - started;
    assert!(time < PATIENCE, "{time:?}");
    let titles: Vec<_> = found.entries.iter().map(|entry| entry.title.as_str()).collect();
    assert_eq!(titles, ["a"]);
    let limits = found.problems.iter().filter(|problem| matches!(problem.error, Error::Limit { .. }));
    assert_eq!(limits.count(), 3, "once for each disk: {:?}", found.problems);
}

/// A filesystem whose folder `/d` has no index, and what was read of it: all of it for each name that is not there.
struct Unindexed {
    tree: Tree,
    folder: usize,
    read: Rc<Cell<u64>>,
}

/// Bytes of 40,000 names.
const FOLDER: u64 = 800 * 1024;

impl FileSystem for Unindexed {
    type Node = usize;

    fn identity(&self) -> Identity {
        self.tree.identity()
    }

    fn root(&self) -> usize {
        self.tree.root()
    }

    fn lookup(&self, dir: &usize, name: &[u8]) -> Result<usize, filesystem::Error> {
        self.read.set(self.read.get() + if *dir == self.folder { FOLDER } else { 0 });
        self.tree.lookup(dir, name)
    }

    fn attr(&self, node: &usize) -> Result<Attr, filesystem::Error> {
        let attr = self.tree.attr(node)?;
        let size = if *node == self.folder { FOLDER } else { attr.size };
        Ok(Attr { size, ..attr })
    }

    fn read_dir(&self, dir: &usize, each: &mut EachEntry<'_, usize>) -> Result<(), filesystem::Error> {
        self.read.set(self.read.get() + if *dir == self.folder { FOLDER } else { 0 });
        self.tree.read_dir(dir, each)
    }

    fn read_link(&self, node: &usize) -> Result<Vec<u8>, filesystem::Error> {
        self.tree.read_link(node)
    }

    fn read_at(&self, node: &usize, offset: u64, buf: &mut [u8]) -> Result<usize, filesystem::Error> {
        self.tree.read_at(node, offset, buf)
    }
}

#[test]
fn a_large_folder_without_an_index_is_paid_for() {
    for script in [
        "while true; do [ -f /d/zz ]; done\n",
        "while true; do [ -s /d/../d/zz ]; done\n",
        "while true; do search --file /d/zz; done\n",
        "while true; do load_env --file /d/zz; done\n",
        "while true; do source /d/zz; done\n",
        "insmod regexp\nwhile true; do test /d/z*; done\n",
    ] {
        let tree = Tree::new().uuid("u").dir("/d").file("/boot/grub/grub.cfg", script);
        let folder = tree.lookup(&tree.root(), b"d").unwrap();
        let read = Rc::new(Cell::new(0));
        let volume = Volume::new("hd0,gpt1", Unindexed { tree, folder, read: Rc::clone(&read) });
        let found = discover(&volumes(vec![volume]), Arch::X86_64, &|_, _| false);
        assert!(
            matches!(found.problems[0].error, Error::Limit { what: "steps", .. }),
            "{:?}",
            found.problems
        );
        // A fifth of a second of any disk.
        assert!(read.get() < 64 * 1024 * 1024, "{script}: {}", read.get());
    }
}

#[test]
fn what_stands_before_too_many_entries_is_kept() {
    let entries: String = (0..10_000).map(|i| format!("menuentry e{i} {{ linux /k{i} }}\n")).collect();
    let found = run(format!("set default=7\n{entries}"));
    assert_eq!(found.entries.len(), 1000);
    assert!(found.entries[7].default && found.entries[7].title == "e7");
    let [problem] = found.problems.as_slice() else { panic!("{:?}", found.problems) };
    assert!(matches!(problem.error, Error::Limit { line: 1002, what: "menu entries", .. }), "{problem:?}");
}

#[test]
fn the_deepest_script_fits_on_the_loaders_stack() {
    // Blocks that are parsed, and not run, while as many blocks and calls are open as can be.
    let parsed = "if false; then ".repeat(30) + "true" + &"; fi".repeat(30);
    let both = format!("function g {{\n eval \"$d\"; if true; then g; fi\n}}\nd='{parsed}'\ng\n");
    let run_only = "function f {\n for i in a; do if true; then f; fi; done\n}\nf\n".to_owned();
    for cfg in [both, run_only] {
        // Frames without optimization are several times as large.
        let stack = if cfg!(debug_assertions) { 8 * STACK } else { STACK };
        let found = thread::Builder::new().stack_size(stack).spawn(move || run(cfg)).unwrap().join().unwrap();
        assert!(matches!(found.problems[0].error, Error::Limit { what: "open blocks", .. }));
    }
}

#[test]
fn an_honest_menu_of_two_hundred_kernels_is_no_problem() {
    let entry = "menuentry 'x' --class a --class b { load_video; set root='hd0,gpt1'\n if [ x$f = xy ]; then search --no-floppy --fs-uuid --set=root --hint-efi=hd0,gpt1 u; fi\n linux /k root=UUID=u ro quiet console=ttyS0\n initrd /i\n}\n";
    let found = run(["function load_video { true; }\n", &entry.repeat(200)].concat());
    assert_eq!((found.entries.len(), found.problems.len()), (200, 0));
}

#[test]
fn a_long_set_of_an_expression_is_none() {
    let (set, text) = ("b".repeat(4000), "a".repeat(10_000));
    let found = run(format!("if regexp '[{set}a]{{255}}' {text}; then menuentry x {{ linux /k; }}; fi\n"));
    assert!(found.entries.is_empty() && found.problems.is_empty(), "{:?}", found.problems);
}
