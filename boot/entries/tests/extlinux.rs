// SPDX-License-Identifier: BSD-3-Clause
//! Labels as u-boot-update, Alpine and live media write them, and other EFI programs.

use entries::{Arch, Found, Kind, Wait, discover};
use oracle::Tree;
use vfs::{Volume, Volumes};

fn find(tree: Tree) -> Found {
    discover(&Volumes::from_volumes(vec![Volume::new("hd0,gpt1", tree)]), Arch::X86_64, &|_, path| {
        path == "/EFI/BOOT/BOOTX64.EFI"
    })
}

fn shown(found: &Found) -> Vec<String> {
    let path = |file: &entries::File| String::from_utf8(file.path.clone()).unwrap();
    let show = |entry: &entries::Entry| {
        let linux = entry.linux().unwrap();
        let initrd: Vec<String> = linux.initrd_files().map(path).collect();
        let mark = if entry.default { "*" } else { "" };
        format!(
            "{mark}{} [{}] {} {} {}",
            entry.id,
            entry.title,
            path(&linux.kernel),
            initrd.join(","),
            linux.options
        )
    };
    found.entries.iter().map(show).collect()
}

#[test]
fn debians_form() {
    let text = "## /boot/extlinux/extlinux.conf\ndefault l0\nmenu title U-Boot menu\nprompt 0\ntimeout 50\n\n\nlabel l0\n\
        \tmenu label Debian GNU/Linux 13 (trixie) 6.12\n\tlinux /boot/vmlinuz-6.12\n\tinitrd /boot/initrd.img-6.12\n\
        \tfdtdir /usr/lib/linux-image-6.12/\n\t\n\tappend root=UUID=u ro quiet\n\nlabel l0r\n\
        \tmenu label Debian (rescue)\n\tlinux /boot/vmlinuz-6.12\n\tappend root=UUID=u ro single\n";
    let found = find(Tree::new().uuid("u").file("/boot/extlinux/extlinux.conf", text));
    assert_eq!(
        shown(&found),
        [
            "*l0 [Debian GNU/Linux 13 (trixie) 6.12] /boot/vmlinuz-6.12 /boot/initrd.img-6.12 root=UUID=u ro quiet",
            "l0r [Debian (rescue)] /boot/vmlinuz-6.12  root=UUID=u ro single",
        ]
    );
    assert_eq!((found.wait, found.entries[0].source.kind), (Some(Wait::Seconds(5)), Kind::Extlinux));
}

#[test]
fn alpines_form() {
    let text = "DEFAULT menu.c32\nPROMPT 0\nMENU TITLE Alpine/Linux Boot Menu\nTIMEOUT 10\nLABEL virt\n\
        \x20 MENU DEFAULT\n  MENU LABEL ^Linux virt\n  LINUX vmlinuz-virt\n  INITRD initramfs-virt\n\
        \x20 FDTDIR dtbs-virt\n  APPEND root=UUID=u modules=ext4\nMENU SEPARATOR\nLABEL chess\n  KERNEL chess.c32\n";
    let found = find(Tree::new().uuid("u").file("/boot/extlinux.conf", text));
    assert_eq!(
        shown(&found),
        ["*virt [Linux virt] /boot/vmlinuz-virt /boot/initramfs-virt root=UUID=u modules=ext4"]
    );
}

#[test]
fn initrds_in_the_command_line_and_included_files() {
    let tree = Tree::new().uuid("u").file("/isolinux/isolinux.cfg", "include more.cfg\n").file(
        "/isolinux/more.cfg",
        "append quiet\nlabel a\nkernel /live/k\nappend initrd=/live/a,/live/b boot=live\n\
               label b\nkernel k\nlabel c\nkernel k\nappend -\n",
    );
    let found = find(tree);
    let lines = shown(&found);
    assert_eq!(
        lines[..3],
        ["*a [a] /live/k /live/a,/live/b boot=live", "b [b] /isolinux/k  quiet", "c [c] /isolinux/k  "]
    );
}

#[test]
fn a_file_that_includes_itself_ends() {
    let text = "include a.cfg\ninclude a.cfg\nlabel a\nkernel k\n";
    let found =
        find(Tree::new().uuid("u").file("/syslinux/syslinux.cfg", text).file("/syslinux/a.cfg", text));
    assert_eq!(found.problems[0].error.code(), "E-ENTRY-LIMIT");
}

#[test]
fn programs_come_last_and_never_ourselves() {
    let tree = Tree::new()
        .uuid("u")
        .file("/EFI/Microsoft/Boot/bootmgfw.efi", "MZ")
        .file("/EFI/BOOT/BOOTX64.EFI", "MZ")
        .file("/EFI/freebsd/loader.efi", "MZ")
        .file("/EFI/debian/shimx64.efi", "MZ")
        .file("/EFI/debian/grubx64.efi", "MZ")
        .file("/shellx64.efi", "MZ");
    let found = find(tree.clone());
    let list: Vec<(&str, Option<&str>)> =
        found.entries.iter().map(|entry| (entry.id.as_str(), entry.os())).collect();
    assert_eq!(
        list,
        [
            ("auto-windows", Some("windows")),
            ("efi-debian", None),
            ("efi-freebsd", Some("freebsd")),
            ("auto-efi-shell", None),
        ]
    );
    let found = find(tree.file("/boot/vmlinuz-1", "k"));
    assert_eq!((found.entries[0].id.as_str(), found.entries[0].default), ("1", true));
}
