// SPDX-License-Identifier: BSD-3-Clause
//! What single commands of GRUB do, options and all.

use entries::{Arch, Found, Start, discover};
use oracle::Tree;
use part::{Guid, Partition, PartitionKind};
use vfs::{Volume, VolumeId, Volumes};

/// The volume of a partition, `hdD,gptN`, or of a whole disk.
fn volume(name: &str, tree: Tree) -> Volume {
    let (disk, number) = name.split_once(",gpt").map_or((name, None), |(disk, number)| (disk, Some(number)));
    let partition = |number: &str| {
        let number: u32 = number.parse().unwrap();
        let (kind, uuid, name) = (PartitionKind::Gpt(Guid::default()), String::new(), String::new());
        Partition { number, start: u64::from(number) << 20, length: 1 << 20, kind, uuid, name }
    };
    let disk = disk.strip_prefix("hd").unwrap().parse().unwrap();
    Volume::new(name, tree).on(disk, number.map(partition))
}

fn find(volumes: Vec<(&str, Tree)>) -> Found {
    let volumes = volumes.into_iter().map(|(name, tree)| volume(name, tree)).collect();
    discover(&Volumes::from_volumes(volumes), Arch::X86_64, &|_, _| false)
}

/// A volume with a script and files to ask for, and another one to be found.
fn machine(cfg: &str) -> Found {
    let root = Tree::new()
        .uuid("1111-aaaa")
        .label("root")
        .file("/boot/grub/grub.cfg", cfg)
        .file("/boot/grub/grubenv", "# GRUB Environment Block\nsaved=s\nother=o\n####")
        .file("/boot/grub/more.cfg", "r=$config_file:$config_directory:$inner\n")
        .file("/boot/vmlinuz-1", "k")
        .file("/boot/vmlinuz-2", "k")
        .file("/boot/initrd-2", "i")
        .file("/empty", "")
        .symlink("/folder", "/boot")
        .symlink("/broken", "/none")
        .file("/k", "k");
    let boot = Tree::new().uuid("BBBB-CCCC").label("boot").file("/only-here", "").file("/k", "k");
    find(vec![("hd0,gpt1", root), ("hd0,gpt2", boot)])
}

/// What the variable `r` holds behind a script.
fn result(script: &str) -> String {
    let found = machine(&format!("{script}\nmenuentry r {{ linux /k \"$r\" }}\n"));
    match found.entries.iter().find(|entry| entry.id == "r").map(|entry| &entry.start) {
        Some(Start::Linux(linux)) => linux.options.trim_matches('"').into(),
        _ => format!("{:?}", found.problems),
    }
}

fn results(cases: &[(&str, &str)]) {
    for (script, expected) in cases {
        assert_eq!(result(script), *expected, "{script}");
    }
}

#[test]
fn search_takes_its_options_wherever_they_stand() {
    let found = "hd0,gpt2";
    results(&[
        ("search --fs-uuid bbbb-cccc --set r --no-floppy", found),
        ("U=BBBB-CCCC; search --fs-uuid \"$U\" --set r --no-floppy", found),
        ("search --set=r --fs-uuid --hint-efi hd0 --hint-bios=hd0,gpt9 BBBB-CCCC", found),
        ("search -n -l -s r boot", found),
        ("search -nls r boot", found),
        ("search -u -h hd7 BBBB-CCCC -s r", found),
        ("search --hint hd7, --file /only-here --set r", found),
        ("search --no-floppy --file --set -- /only-here; r=$root", found),
        ("search --label --set boot; r=$root", found),
        ("search --label boot --set; r=$root", found),
        ("search --hint-future=hd0 --label boot --set=r", found),
        ("r=unset; search --label boot", "unset"),
        ("search.fs_uuid BBBB-CCCC r hd0,gpt9", found),
        ("search.fs_label boot r", found),
        ("search.file /only-here r", found),
        // What GRUB does not do either.
        ("r=none; search --set r BBBB-CCCC", "none"),
        ("search --set=r --file only-here; r=$r$?", "1"),
        ("search --set=r --file /boot; r=$r$?", "1"),
        ("search --set=r --cryptodisk-only --label boot; r=$r$?", "1"),
        ("search --label; r=$?", "1"),
        ("search --help; r=$?", "0"),
    ]);
}

#[test]
fn probe_tells_what_is_known_of_a_device() {
    results(&[
        ("probe --set r --fs-uuid $root", "1111-aaaa"),
        ("probe -u ($root) -s r", "1111-aaaa"),
        ("probe --set=r --label (hd0,gpt2)", "boot"),
        ("probe --set=r --fs hd0,gpt2", "tree"),
        ("probe --set=r --driver hd0", "efidisk"),
        ("probe --set=r --partmap hd0", "none"),
        ("probe --set=r --fs hd0; r=$r$?", "1"),
        ("probe --set=r --fs hd9,gpt1; r=$r$?", "1"),
        ("probe --set r; r=$r$?", "1"),
        ("probe --none $root; r=$?", "1"),
    ]);
}

#[test]
fn regexp_and_tr_compute_texts() {
    results(&[
        ("regexp --set r '^([a-z]+)[0-9]' abc123", "abc"),
        ("regexp --set=0:r '[0-9]+' abc123", "123"),
        ("regexp -s 1:a -s 2:r '(a*)(b+)' aabb; r=$a-$r", "aa-bb"),
        ("r=x; regexp --set 2:r '(a)|(b)' a; r=[$r]", "[]"),
        ("if regexp '^xx' y; then r=yes; else r=no; fi", "no"),
        ("if regexp 'a+' caat; then r=yes; else r=no; fi", "yes"),
        ("regexp --set r '(' x; r=$r$?", "1"),
        ("regexp --set r a; r=$r$?", "1"),
        ("tr --set r a-c A_C x-a-c-b", "x_A_C_b"),
        ("r=AbC; tr -s r -D", "abc"),
        ("r=AbC; tr --set=r --upcase", "ABC"),
        ("tr --set r abc xyz aabbcc", "xxyyzz"),
        ("tr --set r ab x aabb; r=$r$?", "1"),
        ("r=9; increment r", "10"),
        ("r=1; decrement r; decrement r", "-1"),
        ("increment none; r=$?", "1"),
    ]);
}

#[test]
fn wildcards_mean_something_once_their_module_is_there() {
    results(&[
        ("for f in /boot/vmlinuz-*; do r=\"$r<$f>\"; done", "</boot/vmlinuz-*>"),
        ("insmod regexp; for f in /boot/vmlinuz-*; do r=\"$r $f\"; done", " /boot/vmlinuz-1 /boot/vmlinuz-2"),
        (
            "regexp a a; for f in (hd0,gpt1)/b*t/*-2; do r=\"$r $f\"; done",
            " (hd0,gpt1)/boot/initrd-2 (hd0,gpt1)/boot/vmlinuz-2",
        ),
        ("insmod regexp; for f in (*)/only-h?re; do r=\"$r $f\"; done", " (hd0,gpt2)/only-here"),
        (
            "insmod regexp; for f in '/boot/*' \"/boot/*\" /boot/\\*; do r=\"$r $f\"; done",
            " /boot/* /boot/* /boot/*",
        ),
        (
            "insmod regexp; p=/boot/vm*1; for f in $p \"$p\"; do r=\"$r $f\"; done",
            " /boot/vmlinuz-1 /boot/vm*1",
        ),
        ("insmod regexp; for f in /none/* x*; do r=\"$r $f\"; done", " /none/* x*"),
        ("insmod regexp; for d in *; do r=\"$r$d\"; done", "(hd0)"),
    ]);
}

#[test]
fn the_language_has_grubs_edges() {
    results(&[
        ("function f { shift 5; r=\"$? $#\"; }\nf a b", "1 2"),
        ("function f { shift 2; r=\"$? $1 $#\"; }\nf a b c", "0 c 1"),
        ("function f { shift x; r=\"$? $1\"; }\nf a", "1 a"),
        ("shift 5; r=$?", "0"),
        ("setparams a b; r=\"$? $1\"", "1 "),
        ("for i in 1 2; do break x; r=$r$i; done", "12"),
        ("for i in 1 2; do break 0; r=$r$i; done", "12"),
        ("v=x; r=$\"a $ b $v ${v}y $1\"", "a $ b x xy "),
        ("if [ -s /boot ]; then r=yes; else r=no; fi", "no"),
        ("if [ -s /boot/vmlinuz-1 -a ! -s /empty ]; then r=yes; fi", "yes"),
        ("if [ -d /folder ]; then r=yes; else r=no; fi", "no"),
        ("if [ -f /folder -a -e /broken -a ! -e /none ]; then r=yes; fi", "yes"),
        ("if [ -f /folder/vmlinuz-1 -a -d / -a -d (hd0,gpt2) ]; then r=yes; fi", "yes"),
        ("cmp /k /empty; r=$?", "1"),
        ("load_env --file /boot/grub/grubenv other; r=$saved$other", "o"),
        ("load_env -s -f (hd0,gpt1)/boot/grub/grubenv; r=$saved$other", "so"),
        ("load_env --none; r=$?", "1"),
        ("save_env; r=$?", "1"),
        ("r=$cmdpath", "(hd0,gpt1)/EFI/BOOT"),
    ]);
}

#[test]
fn a_script_knows_where_it_stands() {
    let here = "(hd0,gpt1)/boot/grub/more.cfg:(hd0,gpt1)/boot/grub:";
    results(&[
        ("r=$config_file:$config_directory", "(hd0,gpt1)/boot/grub/grub.cfg:(hd0,gpt1)/boot/grub"),
        ("inner=x; source ${config_directory}/more.cfg", &format!("{here}x")),
        ("source /boot/grub/more.cfg; r=$config_file", "(hd0,gpt1)/boot/grub/grub.cfg"),
        ("source more.cfg; r=none", "none"),
        ("source; r=$?", "1"),
    ]);
    // Behind the script nothing does.
    let found = machine("menuentry r { linux /k [$config_file] }\n");
    assert_eq!(found.entries[0].linux().unwrap().options, "[]");
}

#[test]
fn the_stub_of_an_image_based_system_finds_its_menu() {
    // In the shape that bootupd gives it.
    let stub = "if [ -f ${config_directory}/bootuuid.cfg ]; then\n  source ${config_directory}/bootuuid.cfg\nfi\n\
                if [ -n \"${BOOT_UUID}\" ]; then\n  search --fs-uuid \"${BOOT_UUID}\" --set prefix --no-floppy\nelse\n\
                \x20 search --label boot --set prefix --no-floppy\nfi\n\
                if [ -d ($prefix)/grub2 ]; then\n  set prefix=($prefix)/grub2\n  configfile $prefix/grub.cfg\n\
                else\n  set prefix=($prefix)/boot/grub2\n  configfile $prefix/grub.cfg\nfi\nboot\n";
    let menu = "set timeout=1\nif [ -f ${config_directory}/console.cfg ]; then source ${config_directory}/console.cfg; fi\n\
                search --label boot --set boot --no-floppy\nset root=$boot\n\
                menuentry m { linux /k $console prefix=$prefix; }\n";
    for uuid in ["set BOOT_UUID=\"cccc\"\n", ""] {
        let esp =
            Tree::new().uuid("E").file("/EFI/fedora/grub.cfg", stub).file("/EFI/fedora/bootuuid.cfg", uuid);
        let boot = Tree::new()
            .uuid("cccc")
            .label("boot")
            .file("/grub2/grub.cfg", menu)
            .file("/grub2/console.cfg", "set console=console=ttyS0\n")
            .file("/k", "k");
        let found = find(vec![("hd0,gpt2", esp), ("hd0,gpt3", boot)]);
        let kernels: Vec<_> = found.entries.iter().filter_map(|entry| entry.linux()).collect();
        assert_eq!(kernels.len(), 1, "{:?}", found.problems);
        assert_eq!(kernels[0].options, "console=ttyS0 prefix=(hd0,gpt3)/grub2");
        assert_eq!(kernels[0].kernel.volume, VolumeId(1));
    }
}

#[test]
fn a_space_in_hexadecimal_digits_reaches_the_kernel() {
    let found = machine(
        "menuentry a { linux /k inst.stage2=hd:LABEL=CentOS\\x207\\x20x86_64 'a\\x20b' \"c\\x20d\" e\\xg; }\n",
    );
    assert_eq!(
        found.entries[0].linux().unwrap().options,
        "inst.stage2=hd:LABEL=CentOS\\x207\\x20x86_64 a\\x20b c\\x20d exg"
    );
}

#[test]
fn what_is_started_is_what_was_loaded_last() {
    let found = machine(
        "menuentry a { linux /k a; chainloader /EFI/x/y.efi one \"two three\"; }\n\
         menuentry b { chainloader /EFI/x/y.efi; linux /k b; initrd /i; boot; exit; }\n\
         menuentry c { chainloader --force /EFI/Microsoft/Boot/bootmgfw.efi; }\n",
    );
    let starts: Vec<&Start> = found.entries.iter().map(|entry| &entry.start).collect();
    let Start::Program(program) = starts[0] else { panic!("{:?}", starts[0]) };
    assert_eq!(
        (program.file.path.as_slice(), program.options.as_deref()),
        (&b"/EFI/x/y.efi"[..], Some("one two three"))
    );
    let Start::Linux(linux) = starts[1] else { panic!("{:?}", starts[1]) };
    assert_eq!((linux.options.as_str(), linux.initrd.len()), ("b", 1));
    assert_eq!(found.entries[2].os(), Some("windows"));
}

#[test]
fn a_script_knows_where_its_program_stands() {
    let script = "menuentry \"$cmdpath\" { linux /k; }\n";
    let tree = Tree::new().file("/EFI/fedora/grub.cfg", script).file("/k", "k");
    let titles: Vec<_> =
        find(vec![("hd0,gpt1", tree)]).entries.into_iter().map(|entry| entry.title).collect();
    assert_eq!(titles, ["(hd0,gpt1)/EFI/fedora"]);
}

#[test]
fn a_file_may_be_put_into_an_archive() {
    let found = machine(
        "menuentry a { linux /k; initrd newc:/etc/x:/i /j newc:/j; }\n\
         menuentry b { linux /k; initrd newc:etc/x:/i /i newc::/i newc:a:b:/i; }\n\
         menuentry c { linux /k; initrd newc:///etc/x:/i /i; }\n",
    );
    let initrds: Vec<Vec<_>> = found
        .entries
        .iter()
        .map(|entry| {
            let linux = entry.linux().unwrap();
            linux.initrd.iter().map(|initrd| (initrd.name.as_deref(), initrd.file.path.as_slice())).collect()
        })
        .collect();
    let (wrapped, plain) = ((Some("etc/x"), &b"/i"[..]), (None, &b"/i"[..]));
    // As of any file that is not there, none is loaded.
    assert_eq!(initrds, [vec![], vec![], vec![wrapped, plain]]);
}

#[test]
fn what_cannot_be_loaded_is_no_entry() {
    for (body, reason) in [
        ("linux (hd0,gpt1)", "no file (hd0,gpt1)"),
        ("linux (hd9,gpt1)/k", "no file (hd9,gpt1)/k"),
        ("linux vmlinuz", "no file vmlinuz"),
        ("linux /", "no file /"),
        ("initrd /i", "it has no linux command"),
        ("chainloader /bootmgr", "chainloader /bootmgr"),
    ] {
        let found =
            machine(&format!("default=good\nmenuentry bad {{ {body}; }}\nmenuentry good {{ linux /k; }}\n"));
        let titles: Vec<_> = found.entries.iter().map(|entry| entry.title.as_str()).collect();
        assert_eq!(titles, ["good"], "{body}");
        let problems: Vec<_> = found.problems.iter().map(|problem| problem.error.to_string()).collect();
        assert_eq!(problems, [format!("the entry starts no kernel: {reason}")], "{body}");
    }
}

#[test]
fn an_entry_may_have_its_body_as_text() {
    let found =
        machine("menuentry --source='linux /k one; initrd /i' --id=x T\nmenuentry --none U { linux /k; }\n");
    let entries: Vec<_> =
        found.entries.iter().map(|entry| (entry.title.as_str(), entry.id.as_str())).collect();
    // An option that is not known is an argument, the first of which is the title.
    assert_eq!(entries, [("T", "x"), ("--none", "none")]);
    assert_eq!(found.entries[0].linux().unwrap().options, "one");
    assert!(
        machine("menuentry --class { linux /k; }\n").entries.iter().all(|entry| entry.title != "--class")
    );
}
