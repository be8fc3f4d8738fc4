// SPDX-License-Identifier: BSD-3-Clause
//! What a menu of GRUB boots unattended, how long it waits, and who may choose.

use entries::{Access, Arch, Elsewhere, Entry, Found, Password, Start, Wait, discover};
use oracle::Tree;
use part::{Guid, Partition, PartitionKind};
use vfs::{Volume, Volumes};

/// The volume of a partition, `hdD,gptN` or `hdD,msdosN`.
fn volume(name: &str, tree: Tree) -> Volume {
    let (disk, slot) = name.strip_prefix("hd").unwrap().split_once(',').unwrap();
    let number: u32 = slot.trim_start_matches(char::is_alphabetic).parse().unwrap();
    let kind =
        if slot.starts_with("gpt") { PartitionKind::Gpt(Guid::default()) } else { PartitionKind::Mbr(0x83) };
    let (start, uuid, label) = (u64::from(number) << 20, String::new(), String::new());
    let partition = Partition { number, start, length: 1 << 20, kind, uuid, name: label };
    Volume::new(name, tree).on(disk.parse().unwrap(), Some(partition))
}

fn find(volumes: Vec<(&str, Tree)>) -> Found {
    let volumes = volumes.into_iter().map(|(name, tree)| volume(name, tree)).collect();
    discover(&Volumes::from_volumes(volumes), Arch::X86_64, &|_, _| false)
}

fn menu(cfg: &str) -> Found {
    find(vec![("hd0,gpt1", Tree::new().uuid("u").file("/boot/grub/grub.cfg", cfg).file("/k", "k"))])
}

/// Titles, with a star for the default.
fn titles(found: &Found) -> Vec<String> {
    let star = |entry: &Entry| if entry.default { "*" } else { "" };
    found.entries.iter().map(|entry| format!("{}{}", star(entry), entry.title)).collect()
}

fn command(entry: &Entry) -> Option<&str> {
    match &entry.start {
        Start::Elsewhere(Elsewhere { command }) => Some(command),
        _ => None,
    }
}

fn users(entry: &Entry) -> Option<Vec<&str>> {
    match &entry.access {
        Access::Anyone => None,
        Access::Users(users) => Some(users.iter().map(|user| user.name.as_str()).collect()),
    }
}

/// In the shape of openSUSE's install medium: the local disk by another program, or by the firmware.
const MEDIUM: &str = "set timeout=60\nset default='Boot from Hard Disk'\n\
    menuentry 'Boot from Hard Disk' --class opensuse {\n\
    \x20 if search --no-floppy --file /efi/boot/fallback.efi --set ; then\n\
    \x20   for os in opensuse sles ; do\n\
    \x20     if [ -f /efi/$os/grub.efi ] ; then\n        chainloader /efi/$os/grub.efi\n        boot\n      fi\n\
    \x20   done\n  fi\n  exit\n}\n\
    menuentry 'Installation' { linux /boot/x86_64/loader/linux splash=silent; initrd /boot/x86_64/loader/initrd; }\n";

#[test]
fn a_default_that_means_the_local_disk_starts_no_installer() {
    let medium = |cfg: &str| Tree::new().uuid("m").file("/boot/grub2/grub.cfg", cfg);
    let found = find(vec![("hd0,msdos2", medium(MEDIUM))]);
    assert_eq!(titles(&found), ["*Boot from Hard Disk", "Installation"]);
    assert_eq!(command(&found.entries[0]), Some("exit"));
    // Where the disk has such a program, that is what it boots.
    let esp = Tree::new().uuid("e").file("/efi/boot/fallback.efi", "x").file("/efi/sles/grub.efi", "x");
    let found = find(vec![("hd0,msdos2", medium(MEDIUM)), ("hd1,gpt1", esp)]);
    assert!(
        matches!(&found.entries[0].start, Start::Program(program) if program.file.path == b"/efi/sles/grub.efi")
    );
    let kiwi = "default=0\nmenuentry Disk { chainloader (hd1)+1; }\nmenuentry Install { linux /k; }\n";
    for (sectors, body) in [("(hd1)+1", "(hd1)+1"), ("+1", "--force +1"), ("(hd0,1)0+1", "(hd0,1)0+1")] {
        let found = menu(&kiwi.replace("(hd1)+1", body));
        assert_eq!(titles(&found), ["*Disk", "Install"], "{body}");
        assert_eq!(command(&found.entries[0]), Some(format!("chainloader {sectors}").as_str()));
    }
}

#[test]
fn what_cannot_be_started_keeps_its_place_as_the_default() {
    let others = "menuentry Install { linux /k; }\n";
    for (body, reason) in [
        ("fwsetup", "fwsetup"),
        ("reboot", "reboot"),
        ("halt", "halt"),
        ("multiboot2 /xen", "multiboot2 (line 1)"),
        ("linux (hd9,1)/k", "no file (hd9,1)/k"),
    ] {
        let found = menu(&format!("menuentry First {{ {body}; }}\n{others}"));
        assert_eq!(titles(&found), ["*First", "Install"], "{body}");
        assert_eq!(command(&found.entries[0]), Some(reason));
        // The owner of the menu may say what is booted in its place.
        let found = menu(&format!("menuentry First {{ {body}; }}\n{others}fallback='none Install'\n"));
        assert_eq!(titles(&found), ["First", "*Install"], "{body}");
        let found = menu(&format!("menuentry First {{ {body}; }}\n{others}fallback=none\n"));
        assert_eq!(titles(&found), ["*First", "Install"], "{body}: nothing is called so");
        // It is no entry where it is not the default.
        let found = menu(&format!("default=1\nmenuentry First {{ {body}; }}\n{others}"));
        assert_eq!(titles(&found), ["*Install"], "{body}");
        let submenu =
            format!("default='s>First'\nsubmenu s {{ menuentry First {{ {body}; }}\n{others}}}\n{others}");
        assert_eq!(titles(&menu(&submenu)), ["*s / First", "s / Install", "Install"], "{body}");
    }
}

#[test]
fn entries_of_submenus_show_their_path() {
    // In the shape of Debian's installer.
    let gnome =
        "menuentry '... Install' { linux /k gnome; }\nmenuentry '... Expert install' { linux /k gnome-e; }\n";
    let found = menu(&format!(
        "menuentry Install {{ linux /k; }}\nsubmenu 'Advanced options' {{\nmenuentry '... Expert install' {{ linux /k e; }}\n\
         submenu 'Alternative desktops' {{\nsubmenu GNOME {{\n{gnome}}}\nsubmenu KDE {{\n{gnome}}}\n}}\n}}\n"
    ));
    assert_eq!(
        titles(&found),
        [
            "*Install",
            "Advanced options / ... Expert install",
            "Advanced options / Alternative desktops / GNOME / ... Install",
            "Advanced options / Alternative desktops / GNOME / ... Expert install",
            "Advanced options / Alternative desktops / KDE / ... Install",
            "Advanced options / Alternative desktops / KDE / ... Expert install",
        ]
    );
    let ids: std::collections::BTreeSet<&str> = found.entries.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids.len(), found.entries.len());
    assert_eq!(found.wait, Some(Wait::Forever), "the installer waits for a person");
}

#[test]
fn a_menu_waits_as_long_as_grub_does() {
    let two = "menuentry a { linux /k; }\nmenuentry b { linux /k; }\n";
    let cases = [
        ("", Some(Wait::Forever)),
        ("timeout=-1", Some(Wait::Forever)),
        ("timeout=x", Some(Wait::Forever)),
        ("timeout=", Some(Wait::Forever)),
        ("timeout=-1; timeout_style=hidden", Some(Wait::Forever)),
        ("timeout=0", Some(Wait::Seconds(0))),
        ("timeout=010s", Some(Wait::Seconds(8))),
        ("timeout=5; timeout_style=menu", Some(Wait::Seconds(5))),
        ("timeout=5; timeout_style=hidden", Some(Wait::Hidden)),
        ("timeout=5; timeout_style=countdown", Some(Wait::Hidden)),
        ("timeout=5; timeout_style=other", Some(Wait::Seconds(5))),
    ];
    for (settings, expected) in cases {
        assert_eq!(menu(&format!("{settings}\n{two}")).wait, expected, "{settings}");
    }
    let one = "menuentry a { linux /k; }\n";
    assert_eq!(menu(one).wait, None, "there is no choice");
    assert_eq!(menu(&format!("timeout=3\n{one}")).wait, Some(Wait::Seconds(3)));
    // The menu that is shown is that of the last file.
    let stub = |inner: &str| {
        let tree =
            Tree::new().uuid("u").file("/k", "k").file("/boot/grub/more.cfg", format!("{inner}\n{two}"));
        let cfg = "timeout=0\ndefault=b\nconfigfile /boot/grub/more.cfg\n";
        find(vec![("hd0,gpt1", tree.file("/boot/grub/grub.cfg", cfg))])
    };
    assert_eq!((stub("").wait, stub("timeout=4").wait), (Some(Wait::Forever), Some(Wait::Seconds(4))));
    assert_eq!(titles(&stub("")), ["*a", "b"]);
}

#[test]
fn superusers_lock_a_menu() {
    let hash = "grub.pbkdf2.sha512.10000.00ff.aa55";
    let cfg = format!(
        "set superusers=\"root\"\nexport superusers\npassword_pbkdf2 root {hash}\npassword guest 'a b'\n\
         password_pbkdf2 bad {hash}x\npassword half\n\
         menuentry open --unrestricted {{ linux /k; }}\nmenuentry closed {{ linux /k; }}\n\
         menuentry shared --users guest {{ linux /k; }}\nmenuentry both --unrestricted --users=guest,bad {{ linux /k; }}\n\
         menuentry none --users '' {{ linux /k; }}\n\
         submenu s --users guest {{\nmenuentry a --unrestricted {{ linux /k; }}\nmenuentry b {{ linux /k; }}\n}}\n\
         submenu t --unrestricted {{\nmenuentry c {{ linux /k; }}\nmenuentry d --unrestricted {{ linux /k; }}\n}}\n"
    );
    let found = menu(&cfg);
    let (root, guest) = (Some(vec!["root"]), Some(vec!["guest", "root"]));
    let expected = [
        ("*open", None),
        ("closed", root.clone()),
        ("shared", guest.clone()),
        ("both", guest.clone()),
        ("none", root.clone()),
        ("s / a", guest),
        ("s / b", root.clone()),
        ("t / c", root),
        ("t / d", None),
    ];
    for ((title, entry), (expected, who)) in titles(&found).iter().zip(&found.entries).zip(&expected) {
        assert_eq!((title.as_str(), users(entry)), (*expected, who.clone()));
    }
    assert_eq!(found.entries.len(), expected.len());
    assert_eq!(found.locks, ["hd0,gpt1 /boot/grub/grub.cfg: superusers"]);
    let Access::Users(known) = &found.entries[2].access else { panic!() };
    assert_eq!(known[0].password, Password::Plain(b"a b".to_vec()));
    assert_eq!(
        known[1].password,
        Password::Pbkdf2 { iterations: 10_000, salt: vec![0, 255], hash: vec![0xaa, 0x55] }
    );
    // Without the variable nobody is asked, and passwords alone lock nothing.
    let found = menu("password root x\nmenuentry a { linux /k; }\n");
    assert_eq!((users(&found.entries[0]), found.locks.len()), (None, 0));
    // A variable that names nobody shuts everybody out.
    let found =
        menu("superusers=\nmenuentry a { linux /k; }\nif authenticate; then menuentry b { linux /k; }\nfi\n");
    assert_eq!((titles(&found).len(), users(&found.entries[0]), found.locks.len()), (1, Some(vec![]), 1));
}

/// A menu with entries of the Boot Loader Specification in the middle of its own.
fn mixed(settings: &str, front: &str) -> Found {
    let cfg = format!(
        "{settings}\n{front}blscfg\nmenuentry C --id c {{ linux /k c; }}\nmenuentry D {{ fwsetup; }}\n"
    );
    let entry = |version: &str| format!("title F {version}\nversion {version}\nlinux /k\noptions o\n");
    let tree = Tree::new()
        .uuid("u")
        .file("/grub2/grub.cfg", cfg)
        .file("/loader/entries/m-2.conf", entry("2"))
        .file("/loader/entries/m-1.conf", entry("1"))
        .file("/k", "k");
    find(vec![("hd0,gpt1", tree)])
}

fn star(found: &Found) -> &str {
    found.entries.iter().find(|entry| entry.default).map_or("", |entry| &entry.title)
}

#[test]
fn a_default_beside_entries_of_type_1_is_what_it_names() {
    let front = "menuentry A --id a { linux /k a; }\n";
    let cases = [
        ("default=c", front, "C"),
        ("default=c", "", "C"),
        ("default=a", front, "A"),
        ("default=m-1", front, "F 1"),
        ("default=0", front, "A"),
        ("default=0", "", "F 2"),
        ("default=1", front, "F 2"),
        ("default=2", front, "F 1"),
        ("default=2", "", "C"),
        ("default=3", front, "C"),
        ("", front, "A"),
        ("", "", "F 2"),
        ("default=none", front, "A"),
        ("default=none", "", "F 2"),
    ];
    for (settings, front, expected) in cases {
        let found = mixed(settings, front);
        assert_eq!(star(&found), expected, "{settings} {front} {:?}", found.problems);
        assert_eq!(found.entries.iter().filter(|entry| entry.default).count(), 1);
    }
}

#[test]
fn a_menu_has_settings_for_entries_of_type_1() {
    let cfg = "set superusers=root\npassword root x\npassword kiosk y\nset default_kernelopts='root=UUID=d ro $more'\n\
               set more=quiet\nset early_initrd='ucode.img more.img'\nset blsdir=/entries/here/\nset grub_users=kiosk\nblscfg\n";
    let entry = |lines: &str| format!("title T\nversion 1\nlinux /boot/k\n{lines}");
    let tree = Tree::new()
        .uuid("u")
        .file("/grub2/grub.cfg", cfg)
        .file("/entries/here/a.conf", entry("initrd /i/rd\noptions own\n"))
        .file("/entries/here/b.conf", entry("options $none\ngrub_users $none\n"))
        .file("/entries/here/c.conf", entry("grub_users $grub_users\n"));
    let found = find(vec![("hd0,gpt1", tree)]);
    let of =
        |id: &str| found.entries.iter().find(|entry| entry.id == id).unwrap_or_else(|| panic!("{found:?}"));
    let kernel = |id: &str| {
        let linux = of(id).linux().unwrap();
        let initrd = linux.initrd_files().map(|file| String::from_utf8(file.path.clone()).unwrap());
        (linux.options.clone(), initrd.collect::<Vec<_>>().join(" "))
    };
    assert_eq!(kernel("a.conf"), ("own".into(), "/i/ucode.img /i/more.img /i/rd".into()));
    let usual = ("root=UUID=d ro quiet".into(), "/boot/ucode.img /boot/more.img".into());
    assert_eq!((kernel("b.conf"), kernel("c.conf")), (usual.clone(), usual));
    assert_eq!((users(of("a.conf")), users(of("b.conf"))), (None, None));
    assert_eq!(users(of("c.conf")), Some(vec!["kiosk", "root"]));
    assert_eq!(found.locks, ["hd0,gpt1 /grub2/grub.cfg: superusers"]);
}

#[test]
fn a_default_that_opens_the_menu_of_another_disk_starts_no_installer() {
    let system = "menuentry Debian { linux /k; }\n";
    let medium = "default=1\nmenuentry Install { linux /i; }\n\
        menuentry Disk { search --set=other --fs-uuid s; configfile ($other)/boot/grub/grub.cfg; }\n";
    let disk = |disk: usize, uuid: &str, cfg: &str| {
        let tree = Tree::new().uuid(uuid).file("/boot/grub/grub.cfg", cfg).file("/k", "k");
        Volume::new(format!("hd{disk}"), tree).on(disk, None)
    };
    let discovered = |volumes| discover(&Volumes::from_volumes(volumes), Arch::X86_64, &|_, _| false);
    // The system's own menu was found first.
    let found = discovered(vec![disk(0, "s", system), disk(1, "m", medium)]);
    assert_eq!(titles(&found), ["*Debian", "Install", "Disk"]);
    assert_eq!((command(&found.entries[2]), found.elsewhere.len()), (Some("configfile"), 1));
    // Found by the medium, it is a menu below.
    let found = discovered(vec![disk(0, "m", medium), disk(1, "s", system)]);
    assert_eq!(titles(&found), ["Install", "*Disk / Debian"]);
    // On one disk it is a menu like any other.
    let found = discovered(vec![disk(0, "s", system), disk(0, "m", medium)]);
    assert_eq!((titles(&found), found.elsewhere.len()), (vec!["*Debian".into(), "Install".into()], 0));
}

#[test]
fn one_entry_of_type_1_is_no_choice_to_wait_for() {
    let wait = |cfg: &str| {
        let tree = Tree::new().uuid("u").file("/grub2/grub.cfg", cfg).file("/k", "k");
        let tree = tree.file("/loader/entries/a.conf", "linux /k\n").file("/EFI/x/grubx64.efi", "x");
        let found = find(vec![("hd0,gpt1", tree)]);
        assert!(found.entries.len() > 1, "with other programs");
        found.wait
    };
    assert_eq!(wait("blscfg\n"), None);
    assert_eq!(wait("timeout=3\nblscfg\n"), Some(Wait::Seconds(3)));
    assert_eq!(wait("blscfg\nmenuentry B { linux /k; }\n"), Some(Wait::Forever));
}
