// SPDX-License-Identifier: BSD-3-Clause
//! What grub.cfg means. The answers of `small_scripts_do_what_grub_does` are those of GRUB 2.14.

use entries::{Arch, Elsewhere, Entry, Error, Found, Kind, Start, Wait, discover};
use oracle::Tree;
use part::{Guid, Partition, PartitionKind};
use vfs::{Volume, VolumeId, Volumes};

const ROOT: &str = "11111111-2222-3333-4444-555555555555";

fn tree(cfg: &str) -> Tree {
    Tree::new().uuid(ROOT).label("root").file("/boot/grub/grub.cfg", cfg).file("/k", "kernel").dir("/EFI")
}

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

fn one(tree: Tree) -> Found {
    find(vec![("hd0,gpt1", tree)])
}

fn titles(found: &Found) -> Vec<&str> {
    found.entries.iter().map(|entry| entry.title.as_str()).collect()
}

fn default(found: &Found) -> &Entry {
    let mut defaults = found.entries.iter().filter(|entry| entry.default);
    let first = defaults.next().expect("one entry is the default");
    assert!(defaults.next().is_none(), "one only");
    first
}

fn path(file: &entries::File) -> String {
    String::from_utf8(file.path.clone()).unwrap()
}

fn elsewhere(command: &str) -> Start {
    Start::Elsewhere(Elsewhere { command: command.into() })
}

/// A menu in the shape that update-grub gives it: the header, the simple entry, the submenu with every kernel.
fn debian(default: &str) -> String {
    let entry = |title: &str, id: &str, version: &str, options: &str| {
        format!(
            "menuentry '{title}' --class debian --class os $menuentry_id_option '{id}' {{\n\
             \tload_video\n\tinsmod gzio\n\
             \tif [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi\n\
             \tset root='hd9,gpt9'\n\
             \tif [ x$feature_platform_search_hint = xy ]; then\n\
             \t  search --no-floppy --fs-uuid --set=root --hint-efi=hd0,gpt1  {ROOT}\n\
             \telse\n\t  search --no-floppy --fs-uuid --set=root {ROOT}\n\tfi\n\
             \techo\t'Loading Linux {version} ...'\n\
             \tlinux\t/boot/vmlinuz-{version} root=UUID={ROOT} ro {options}\n\
             \tinitrd\t/boot/initrd.img-{version}\n}}\n"
        )
    };
    let header = format!(
        "if [ -s $prefix/grubenv ]; then\n  set have_grubenv=true\n  load_env\nfi\n\
         if [ \"${{next_entry}}\" ] ; then\n   set default=\"${{next_entry}}\"\n   set next_entry=\n\
         \x20  save_env next_entry\n   set boot_once=true\nelse\n   set default=\"{default}\"\nfi\n\
         if [ x\"${{feature_menuentry_id}}\" = xy ]; then\n  menuentry_id_option=\"--id\"\nelse\n\
         \x20 menuentry_id_option=\"\"\nfi\nexport menuentry_id_option\n\
         function load_video {{\n  if [ x$feature_all_video_module = xy ]; then\n    insmod all_video\n  else\n\
         \x20   insmod efi_gop\n  fi\n}}\n\
         if loadfont unicode ; then\n  set gfxmode=auto\nfi\nterminal_output gfxterm\n\
         if [ x$feature_timeout_style = xy ] ; then\n  set timeout_style=menu\n  set timeout=5\n\
         else\n  set timeout=7\nfi\n"
    );
    let submenu = format!(
        "submenu 'Advanced options' $menuentry_id_option 'advanced' {{\n{}{}}}\n",
        entry("Linux 6.12.9", "new", "6.12.9", "quiet"),
        entry("Linux 6.12.8", "old", "6.12.8", "quiet")
    );
    let firmware = "if [ \"$grub_platform\" = \"efi\" ]; then\n\tfwsetup --is-supported\n\
                    \tif [ \"$?\" = 0 ]; then\n\t\tmenuentry 'UEFI' { fwsetup; }\n\tfi\nfi\n";
    let custom =
        "if [ -f  ${config_directory}/custom.cfg ]; then\n  source ${config_directory}/custom.cfg\nfi\n";
    [&header, &entry("Debian", "simple", "6.12.9", "quiet"), &submenu, firmware, custom].concat()
}

fn grubenv(lines: &str) -> String {
    let text = format!("# GRUB Environment Block\n{lines}");
    let fill = "#".repeat(1024 - text.len());
    text + &fill
}

#[test]
fn a_menu_as_update_grub_writes_it() {
    let found = one(tree(&debian("0")));
    assert_eq!(found.problems, []);
    assert_eq!(
        titles(&found),
        ["Debian", "Advanced options / Linux 6.12.9", "Advanced options / Linux 6.12.8"]
    );
    let entry = default(&found);
    assert_eq!((entry.id.as_str(), entry.source.kind), ("simple", Kind::Grub));
    assert_eq!(
        (path(&entry.linux().unwrap().kernel), path(&entry.linux().unwrap().initrd[0].file)),
        ("/boot/vmlinuz-6.12.9".into(), "/boot/initrd.img-6.12.9".into())
    );
    assert_eq!(entry.linux().unwrap().options, format!("root=UUID={ROOT} ro quiet"));
    assert_eq!(found.wait, Some(Wait::Seconds(5)));
}

#[test]
fn the_default_is_a_number_an_id_a_title_or_a_path_of_them() {
    // `1>1` … GRUB's forms; what does not exist is the first entry, and so is a number with something behind.
    let cases = [
        ("0", "simple"),
        ("1>1", "old"),
        ("advanced>old", "old"),
        ("Advanced options>Linux 6.12.8", "old"),
        ("advanced", "new"),
        ("1", "new"),
        ("nothing", "simple"),
        ("7", "simple"),
        ("1>nothing", "new"),
        ("6.12", "simple"),
    ];
    for (text, id) in cases {
        assert_eq!(default(&one(tree(&debian(text)))).id, id, "default={text}");
    }
}

#[test]
fn saved_and_next_entry_come_from_grubenv() {
    let saved =
        tree(&debian("${saved_entry}")).file("/boot/grub/grubenv", grubenv("saved_entry=advanced>old\n"));
    let found = one(saved);
    assert_eq!((default(&found).id.as_str(), found.problems.len()), ("old", 0));
    let env = grubenv("saved_entry=advanced>old\nnext_entry=advanced>new\n");
    let found = one(tree(&debian("${saved_entry}")).file("/boot/grub/grubenv", env));
    assert_eq!(default(&found).id, "new", "next_entry comes first");
    assert_eq!(found.problems.iter().map(|p| p.error.code()).collect::<Vec<_>>(), ["E-GRUB-NEXT-ENTRY"]);
}

#[test]
fn search_finds_volumes_by_uuid_label_and_file() {
    for search in [
        "search --no-floppy --fs-uuid --set=root BBBB-CCCC",
        "search --no-floppy --set root --fs-uuid bbbb-cccc",
        "search -l -s root boot",
        "search --no-floppy --set root --file /only-here",
        "search.fs_uuid BBBB-CCCC root hd0,gpt9",
        "search.fs_label boot root",
        "search.file /only-here root",
        "set root=(hd0,gpt2)",
        "set root=hd0,2",
    ] {
        let cfg = format!("menuentry a {{\n{search}\nlinux /vmlinuz\n}}\n");
        let boot = Tree::new().uuid("BBBB-CCCC").label("boot").file("/only-here", "").file("/vmlinuz", "");
        let found = find(vec![("hd0,gpt1", tree(&cfg)), ("hd0,gpt2", boot)]);
        assert_eq!(found.entries[0].linux().unwrap().kernel.volume, VolumeId(1), "{search}");
    }
}

#[test]
fn a_separate_boot_volume_is_its_own_root() {
    let boot = Tree::new()
        .uuid("b")
        .file("/grub/grub.cfg", "menuentry a { linux /vmlinuz ro }")
        .file("/vmlinuz", "");
    let found = find(vec![("hd0,gpt1", boot), ("hd0,gpt2", Tree::new().uuid("r").dir("/etc"))]);
    assert_eq!(
        (path(&found.entries[0].linux().unwrap().kernel), found.entries.len()),
        ("/vmlinuz".into(), 1)
    );
}

#[test]
fn a_stub_on_the_esp_yields_no_entry_twice() {
    let stub = format!(
        "search.fs_uuid {ROOT} root hd0,gpt1\nset prefix=($root)'/boot/grub'\nconfigfile $prefix/grub.cfg\n"
    );
    let esp = || Tree::new().uuid("AAAA-0000").file("/EFI/debian/grub.cfg", stub.as_str());
    let found = find(vec![("hd0,gpt1", esp()), ("hd0,gpt2", tree(&debian("1>1")))]);
    assert_eq!((found.entries.len(), found.problems.len()), (3, 0));
    assert_eq!(default(&found).id, "old");
    // Where GRUB's files stand somewhere else, only the stub knows.
    let away = Tree::new().uuid(ROOT).file("/@/boot/grub/grub.cfg", "menuentry a { linux /k }\n");
    let esp = Tree::new().uuid("A").file("/EFI/x/grub.cfg", stub.replace("'/boot", "'/@/boot"));
    assert_eq!(titles(&find(vec![("hd0,gpt1", esp), ("hd0,gpt2", away)])), ["a"]);
    let whole = Tree::new().file("/EFI/redhat/grub.cfg", "menuentry b { linux /k }\n");
    assert_eq!(titles(&one(whole)), ["b"]);
}

#[test]
fn entries_see_the_variables_of_their_menu() {
    let other = "r=inner\nmenuentry b { linux /k $r }\nset default=1\nmenuentry c { linux /k }\n";
    let found = one(tree("menuentry a { configfile /o.cfg }\n").file("/o.cfg", other));
    assert_eq!(
        (found.entries[0].linux().unwrap().options.as_str(), default(&found).title.as_str()),
        ("inner", "a / c")
    );
    let found = one(tree("r=outer\nconfigfile /o.cfg\n").file("/o.cfg", other));
    assert_eq!(found.entries[0].linux().unwrap().options, "inner");
    let found = one(tree(
        "top=1; export e=1\nx=1; export x\nsubmenu s { r=sub\n menuentry b { linux /k $r [$top] [$x] }\n}\n",
    ));
    assert_eq!(found.entries[0].linux().unwrap().options, "sub [] [1]");
    let found = one(tree("menuentry b { linux /k $late }\nlate=yes\n"));
    assert_eq!(found.entries[0].linux().unwrap().options, "yes", "an entry runs when the script has ended");
    let itself = "menuentry a { linux /k }\nmenuentry back { configfile /boot/grub/grub.cfg }\n";
    let found = one(tree(itself));
    assert_eq!((titles(&found), found.problems.len()), (vec!["a"], 0));
}

/// What the variable `r` holds behind a script.
fn result(script: &str) -> String {
    let cfg = format!("{script}\nmenuentry r {{ linux /k \"$r\" }}\n");
    let found = one(tree(&cfg).file("/probe.cfg", "x"));
    found
        .entries
        .first()
        .map_or_else(|| format!("{:?}", found.problems), |entry| entry.linux().unwrap().options.clone())
}

#[test]
fn small_scripts_do_what_grub_does() {
    // The right side is what GRUB 2.14 printed for the left side.
    let cases = [
        ("if nosuchcommand; then r=yes; else r=no; fi", "yes"),
        ("if [ $e = bar ]; then r=yes; else r=no; fi", "yes"),
        ("if ! false; then r=yes; else r=no; fi", "yes"),
        ("if ! [ -e /nope ]; then r=yes; fi", "yes"),
        ("! true; r=$?", "1"),
        ("v=' a b '; for i in x$v\"y\"; do r=\"$r<$i>\"; done", "\"<xa><by>\""),
        ("v=' a b '; for i in $v\"y\"; do r=\"$r<$i>\"; done", "\"<a><by>\""),
        ("set root=(hd0,gpt1); r=$root", "hd0,gpt1"),
        ("break; r=on", "on"),
        ("return; r=on", "on"),
        ("set a=1 b=2; r=$a$b", "1"),
        ("set a; r=$?", "1"),
        ("source /nosuch; r=$?", "0"),
        ("configfile /nosuch; r=$?", "0"),
        ("search --no-floppy --set r --file /probe.cfg", "hd0,gpt1"),
        ("r=none; search --no-floppy --file --set=r /EFI", "none"),
        ("r=a\nif true; then | ; fi\nr=after", "after"),
        ("r=1\nr=2; | ; r=3", "1"),
        ("r=b\nmenuentry x {\n a } b\n r=c\n}", "c"),
        ("if true; then\n |\n r=inner\nfi", "inner"),
        ("export r", ""),
        ("if false; then true; fi; r=$?", "0"),
        ("while false; do true; done; r=$?", "1"),
        ("for i in 1 2 3; do if [ $i = 2 ]; then continue; fi; r=$r$i; done", "13"),
        ("while true; do while true; do break 2; done; r=no; done", ""),
        ("function h { return 3; r=no; }\nh; r=$?", "3"),
        ("function f { break; r=$r.; }\nfor i in 1 2; do f; done", ".."),
        ("eval \"r=one\nr=two\"", "two"),
        ("r=a\\\nb", "ab"),
        ("function g { r=\"$1 $10 $#\"; }\ng a b c d e f g h i j", "a j 10"),
        ("until [ \"$r\" = xxx ]; do r=x$r; done", "xxx"),
    ];
    for (script, expected) in cases {
        assert_eq!(result(script).trim_matches('"'), expected.trim_matches('"'), "{script}");
    }
}

#[test]
fn exit_ends_the_script() {
    let found = one(tree("menuentry a { linux /k }\nexit\nmenuentry b { linux /k }\n"));
    assert_eq!(titles(&found), ["a"]);
    let found = one(tree("menuentry a { linux /k; exit; }\nmenuentry b { linux /k }\n"));
    assert_eq!(titles(&found), ["a", "b"]);
    assert_eq!(found.entries[0].start, elsewhere("exit"), "nothing is booted");
}

#[test]
fn braces_need_no_space() {
    assert_eq!(titles(&one(tree("menuentry x{ linux /k;}\n"))), ["x"]);
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let found =
        one(tree("true\n| x\nxyz\nmenuentry a { multiboot /x }\nset default=1\nmenuentry b { linux /k }\n"));
    let problems: Vec<String> = found.problems.iter().map(|p| format!("{}: {}", p.object, p.error)).collect();
    assert_eq!(
        problems,
        [
            "/boot/grub/grub.cfg \"a\": the entry starts no kernel: multiboot (line 4)",
            "hd0,gpt1 /boot/grub/grub.cfg: line 2: | & < > are not part of GRUB's language",
            "hd0,gpt1 /boot/grub/grub.cfg: line 3: the command xyz is unknown",
        ]
    );
    assert!(matches!(found.problems[1].error, Error::Syntax { line: 2, .. }));
    assert_eq!(titles(&found), ["b"]);
}

#[test]
fn a_program_is_chained_by_its_path() {
    let found = one(tree("menuentry w --class windows { chainloader /EFI/Microsoft/Boot/bootmgfw.efi }\n"));
    assert_eq!(found.entries[0].file().unwrap().path, b"/EFI/Microsoft/Boot/bootmgfw.efi");
    assert_eq!(found.entries[0].os(), Some("windows"));
}
