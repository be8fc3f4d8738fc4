// SPDX-License-Identifier: BSD-3-Clause
//! Kernels found by name, and the command line that the system's files give them.

use entries::{Arch, Found, Kind, discover};
use oracle::Tree;
use vfs::{Volume, VolumeId, Volumes};

fn find(volumes: Vec<Tree>) -> Found {
    let name = |i: usize| format!("hd0,gpt{}", i + 1);
    let volumes = volumes.into_iter().enumerate().map(|(i, tree)| Volume::new(name(i), tree)).collect();
    discover(&Volumes::from_volumes(volumes), Arch::Riscv64, &|_, _| false)
}

fn shown(found: &Found) -> Vec<String> {
    let path = |file: &entries::File| String::from_utf8(file.path.clone()).unwrap();
    let show = |entry: &entries::Entry| {
        let initrd: Vec<String> = entry.linux().unwrap().initrd_files().map(path).collect();
        format!(
            "{}{} {}",
            if entry.default { "*" } else { "" },
            path(&entry.linux().unwrap().kernel),
            initrd.join(",")
        )
    };
    found.entries.iter().map(show).collect()
}

#[test]
fn the_newest_comes_first_with_its_own_initrd() {
    let debian = Tree::new()
        .uuid("u")
        .file("/boot/vmlinuz-6.12.9-amd64", "k")
        .file("/boot/vmlinuz-6.12.10-amd64", "k")
        .file("/boot/vmlinuz-6.12.99-amd64.dpkg-new", "k")
        .file("/boot/vmlinuz-6.12.99.old", "k")
        .file("/boot/initrd.img-6.12.9-amd64", "i")
        .file("/boot/initrd.img-6.12.10-amd64", "i");
    assert_eq!(
        shown(&find(vec![debian])),
        [
            "*/boot/vmlinuz-6.12.10-amd64 /boot/initrd.img-6.12.10-amd64",
            "/boot/vmlinuz-6.12.9-amd64 /boot/initrd.img-6.12.9-amd64",
        ]
    );
    let fedora = Tree::new()
        .uuid("u")
        .file("/vmlinuz-7.1.0-300.fc44.x86_64", "k")
        .file("/initramfs-7.1.0-300.fc44.x86_64.img", "i")
        .file("/vmlinuz-0-rescue-0123", "k");
    assert_eq!(
        shown(&find(vec![fedora])),
        ["*/vmlinuz-7.1.0-300.fc44.x86_64 /initramfs-7.1.0-300.fc44.x86_64.img"]
    );
    let riscv =
        Tree::new().uuid("u").file("/boot/vmlinux-7.2-riscv64", "k").file("/boot/initrd-7.2-riscv64", "i");
    assert_eq!(shown(&find(vec![riscv])), ["*/boot/vmlinux-7.2-riscv64 /boot/initrd-7.2-riscv64"]);
}

#[test]
fn kernels_among_their_modules_are_the_last_resort() {
    let modules = || {
        Tree::new()
            .uuid("u")
            .file("/usr/lib/modules/7.2/vmlinuz", "k")
            .file("/usr/lib/modules/7.2/initrd", "i")
            .dir("/usr/lib/modules/7.3")
    };
    assert_eq!(shown(&find(vec![modules()])), ["*/usr/lib/modules/7.2/vmlinuz /usr/lib/modules/7.2/initrd"]);
    let boot = Tree::new().uuid("b").file("/vmlinuz-7.2", "k");
    assert_eq!(shown(&find(vec![boot, modules()])), ["*/vmlinuz-7.2 "]);
}

#[test]
fn configuration_comes_before_names() {
    let cfg = "menuentry a { linux /boot/vmlinuz-1 }\n";
    let tree = Tree::new().uuid("u").file("/boot/vmlinuz-2", "k").file("/boot/vmlinuz-1", "k");
    let found = find(vec![tree.clone().file("/boot/grub/grub.cfg", cfg)]);
    assert_eq!((shown(&found), found.entries[0].source.kind), (vec!["*/boot/vmlinuz-1 ".into()], Kind::Grub));
    let found = find(vec![tree.file("/boot/grub/grub.cfg", "while true; do true; done\n")]);
    assert_eq!(found.entries[0].source.kind, Kind::Glob, "a script that never ends has no entry");
}

#[test]
fn options_come_from_the_system() {
    let kernel = || Tree::new().uuid("U-1").file("/boot/vmlinuz-1", "k");
    let options = |trees| find(trees).entries[0].linux().unwrap().options.clone();
    assert_eq!(options(vec![kernel()]), "root=UUID=U-1 ro");
    assert_eq!(
        options(vec![kernel().file("/etc/kernel/cmdline", "root=LABEL=x  quiet\n")]),
        "root=LABEL=x quiet"
    );
    let grub = kernel()
        .file("/etc/fstab", "# x\nPARTUUID=p / ext4 defaults 0 1\n")
        .file("/etc/default/grub", "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\nGRUB_CMDLINE_LINUX=\"a=1\"\n")
        .file(
            "/etc/default/grub.d/50.cfg",
            "GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT console=ttyS0\"\n",
        );
    assert_eq!(options(vec![grub]), "root=PARTUUID=p ro a=1 quiet console=ttyS0");
    let boot = Tree::new().uuid("B").file("/vmlinuz-1", "k");
    let root = Tree::new().uuid("R").file("/etc/fstab", "UUID=R / ext4 d 0 1\nUUID=B /boot ext4 d 0 2\n");
    let found = find(vec![boot, root]);
    assert_eq!(
        (found.entries[0].linux().unwrap().options.as_str(), found.entries[0].linux().unwrap().kernel.volume),
        ("root=UUID=R ro", VolumeId(0))
    );
}

#[test]
fn an_entry_without_a_word_gets_those_of_the_system() {
    let options = |trees| find(trees).entries[0].linux().unwrap().options.clone();
    let grub = |words: &str| {
        let cfg = format!("menuentry a {{ linux /boot/vmlinuz-1 {words} }}\n");
        Tree::new().uuid("U-1").file("/boot/vmlinuz-1", "k").file("/boot/grub/grub.cfg", cfg)
    };
    let system = |words: &str| grub(words).file("/etc/kernel/cmdline", "root=LABEL=x console=ttyS0\n");
    assert_eq!(options(vec![system("")]), "root=LABEL=x console=ttyS0");
    assert_eq!(options(vec![system("boot=live")]), "boot=live", "it has words of its own");
    assert_eq!(options(vec![grub("")]), "", "a volume without a system");
    let extlinux = "label a\nlinux /boot/vmlinuz-1\n";
    let extlinux =
        Tree::new().uuid("U-2").file("/boot/vmlinuz-1", "k").file("/boot/extlinux/extlinux.conf", extlinux);
    assert_eq!(options(vec![extlinux.file("/etc/fstab", "PARTUUID=p / ext4 d 0 1\n")]), "root=PARTUUID=p ro");
    let esp = Tree::new().uuid("E").file("/linux", "k").file("/loader/entries/a.conf", "linux /linux\n");
    let root = |fstab: &str| Tree::new().uuid("R").file("/etc/fstab", fstab);
    assert_eq!(options(vec![esp.clone(), root("UUID=R / ext4 d 0 1\n")]), "", "nobody mounts it");
    assert_eq!(options(vec![esp, root("UUID=R / ext4 d 0 1\nUUID=E /efi vfat d 0 2\n")]), "root=UUID=R ro");
}
