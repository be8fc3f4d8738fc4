// SPDX-License-Identifier: BSD-3-Clause
//! Entries of the Boot Loader Specification, by themselves and in GRUB's menu as Fedora has it.

use entries::{Arch, Found, Kind, Start, Wait, discover};
use oracle::Tree;
use vfs::{Volume, Volumes};

fn find(volumes: Vec<Tree>) -> Found {
    let name = |i: usize| format!("hd0,gpt{}", i + 1);
    let volumes = volumes.into_iter().enumerate().map(|(i, tree)| Volume::new(name(i), tree)).collect();
    discover(&Volumes::from_volumes(volumes), Arch::X86_64, &|_, _| false)
}

fn ids(found: &Found) -> Vec<String> {
    let mark = |default| if default { "*" } else { "" };
    found.entries.iter().map(|entry| format!("{}{}", mark(entry.default), entry.id)).collect()
}

fn conf(lines: &str) -> String {
    format!("linux /vmlinuz\n{lines}")
}

#[test]
fn the_order_is_systemds() {
    let file = |name: &str| format!("/loader/entries/{name}");
    let esp = Tree::new()
        .uuid("e")
        .file("/vmlinuz", "k")
        .file(file("a-1.conf"), conf("title Old\nversion 6.9\nsort-key debian\nmachine-id 1\n"))
        .file(file("a-2.conf"), conf("title New\nversion 6.10\nsort-key debian\nmachine-id 1\n"))
        .file(file("b.conf"), conf("title Other\nsort-key arch\n"))
        .file(file("c-7.conf"), conf("title No key\n"))
        .file(file("c-10.conf"), conf("title No key, newer\n"))
        .file(file("d+0-3.conf"), conf("title Tried too often\nsort-key aaa\n"))
        .file(file("e.conf"), conf("architecture aa64\n"))
        .file(file("f.conf"), "title Nothing to start\n")
        .file(file("readme.txt"), "");
    let found = find(vec![esp.clone()]);
    assert_eq!(ids(&found), ["*b.conf", "a-2.conf", "a-1.conf", "c-10.conf", "c-7.conf", "d.conf"]);
    assert_eq!(found.problems.len(), 1, "{:?}", found.problems);
    assert_eq!(found.problems[0].error.code(), "E-ENTRY-KERNEL");
    let found = find(vec![esp.file("/loader/loader.conf", "# x\ntimeout 3\ndefault a-*\n")]);
    assert_eq!((ids(&found)[1].as_str(), found.wait), ("*a-2.conf", Some(Wait::Seconds(3))));
}

#[test]
fn an_entry_is_taken_as_it_stands() {
    let text = "title\tX\nlinux vmlinuz\ninitrd /i1\ninitrd\t/i2\noptions root=/dev/a ro\noptions  quiet\n\
                devicetree /d.dtb\n";
    let esp = Tree::new().uuid("e").file("/loader/entries/x+3.conf", text);
    let found = find(vec![esp]);
    let entry = &found.entries[0];
    let path = |file: &entries::File| String::from_utf8(file.path.clone()).unwrap();
    let linux = entry.linux().unwrap();
    assert_eq!(
        (entry.title.as_str(), entry.id.as_str(), path(&linux.kernel)),
        ("X", "x.conf", "/vmlinuz".into())
    );
    assert_eq!(linux.initrd_files().map(path).collect::<Vec<_>>(), ["/i1", "/i2"]);
    assert_eq!(linux.options, "root=/dev/a ro quiet");
    assert_eq!(linux.devicetree.as_ref().map(path), Some("/d.dtb".into()));
    let counting = entry.counting.as_ref().unwrap();
    assert_eq!(
        (path(&counting.file), counting.next.as_str()),
        ("/loader/entries/x+3.conf".into(), "x+2-1.conf")
    );
}

#[test]
fn a_program_is_started_by_its_path() {
    let esp = Tree::new().uuid("e").file("/loader/entries/x.conf", "title X\nefi \\EFI\\x.efi\n");
    match &find(vec![esp]).entries[0].start {
        Start::Program(program) => {
            assert_eq!((program.file.path.as_slice(), &program.options), (b"/EFI/x.efi".as_slice(), &None));
        }
        start => panic!("{start:?}"),
    }
}

/// The essence of what Fedora's grub2-mkconfig writes.
const FEDORA: &str = "set default=\"0\"\nif [ -f ${config_directory}/grubenv ]; then\n  load_env -f ${config_directory}/grubenv\n\
elif [ -s $prefix/grubenv ]; then\n  load_env\nfi\nif [ \"${next_entry}\" ] ; then\n   set default=\"${next_entry}\"\n\
   set next_entry=\n   save_env next_entry\n   set boot_once=true\nelse\n   set default=\"${saved_entry}\"\nfi\n\
set timeout=5\ninsmod part_gpt\nset boot='hd0,gpt1'\nif [ -z \"${kernelopts}\" ]; then\n\
  set kernelopts=\"root=UUID=r ro fallback\"\nfi\ninsmod blscfg\nblscfg\n\
menuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' {\n\tfwsetup\n}\n";

fn fedora(grubenv: &str) -> Tree {
    let entry = |version: &str| {
        format!(
            "title Fedora ({version})\nversion {version}\nlinux /vmlinuz-{version}\n\
             initrd /initramfs-{version}.img $tuned_initrd\noptions $kernelopts $tuned_params\n\
             grub_users $grub_users\ngrub_arg --unrestricted\ngrub_class fedora\n"
        )
    };
    Tree::new()
        .uuid("b")
        .file("/grub2/grub.cfg", FEDORA)
        .file("/grub2/grubenv", format!("# GRUB Environment Block\n{grubenv}##########"))
        .file("/loader/entries/m-6.10.conf", entry("6.10"))
        .file("/loader/entries/m-6.9.conf", entry("6.9"))
}

#[test]
fn blscfg_shows_each_entry_once_with_grubs_variables_and_default() {
    let found = find(vec![fedora("saved_entry=m-6.9\nkernelopts=root=UUID=s ro quiet\n")]);
    assert_eq!(ids(&found), ["m-6.10.conf", "*m-6.9.conf"], "{:?}", found.problems);
    let linux = found.entries[0].linux().unwrap();
    assert_eq!((linux.options.as_str(), linux.initrd.len()), ("root=UUID=s ro quiet", 1));
    assert_eq!((found.wait, found.entries[0].source.kind), (Some(Wait::Seconds(5)), Kind::Bls));
    let found = find(vec![fedora("boot_success=1\n")]);
    assert_eq!(ids(&found), ["*m-6.10.conf", "m-6.9.conf"]);
    assert_eq!(found.entries[0].linux().unwrap().options, "root=UUID=r ro fallback");
    let found = find(vec![fedora("saved_entry=1\n")]);
    assert_eq!(ids(&found), ["m-6.10.conf", "*m-6.9.conf"]);
}

#[test]
fn boot_may_be_a_folder_of_the_root() {
    let root = Tree::new()
        .uuid("r")
        .file("/boot/vmlinuz-1", "k")
        .file("/boot/loader/entries/a.conf", "linux /vmlinuz-1\ninitrd /boot/i\n");
    let found = find(vec![root]);
    let linux = found.entries[0].linux().unwrap();
    assert_eq!(
        (linux.kernel.path.as_slice(), linux.initrd[0].file.path.as_slice()),
        (&b"/boot/vmlinuz-1"[..], &b"/boot/i"[..])
    );
}

#[test]
fn a_folder_of_too_many_entries_says_so() {
    let mut esp = Tree::new().uuid("e");
    for i in 0..1100 {
        esp = esp.file(format!("/loader/entries/{i:05}.conf"), conf(""));
    }
    let found = find(vec![esp]);
    assert_eq!((found.entries.len(), found.entries[0].id.as_str()), (1000, "01099.conf"));
    assert_eq!(found.problems[0].error.code(), "E-ENTRY-LIMIT");
}

#[test]
fn an_entry_may_be_a_link() {
    let esp = Tree::new()
        .uuid("e")
        .file("/saved/a.conf", conf("title Linked\n"))
        .symlink("/loader/entries/a.conf", "../../saved/a.conf")
        .symlink("/loader/entries/b.conf", "b.conf");
    let found = find(vec![esp]);
    assert_eq!((ids(&found)[0].as_str(), found.entries[0].title.as_str()), ("*a.conf", "Linked"));
    assert_eq!(found.problems.len(), 1, "{:?}", found.problems);
    assert_eq!(found.problems[0].error.code(), "E-ENTRY-READ");
}
