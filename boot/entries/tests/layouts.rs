// SPDX-License-Identifier: BSD-3-Clause
//! Where distributions put kernels and initial RAM disks, found by their names alone, with /boot in the root filesystem
//! and on a volume of its own. Names are those that the distributions' packages and tools give.

use entries::{Arch, Found, Kind, Wait, discover};
use oracle::Tree;
use vfs::{Volume, Volumes};

fn find(trees: Vec<Tree>) -> Found {
    let name = |i: usize| format!("hd0,gpt{}", i + 1);
    let volumes = trees.into_iter().enumerate().map(|(i, tree)| Volume::new(name(i), tree)).collect();
    discover(&Volumes::from_volumes(volumes), Arch::X86_64, &|_, _| false)
}

fn shown(found: &Found) -> Vec<String> {
    let path = |file: &entries::File| String::from_utf8(file.path.clone()).unwrap();
    let show = |entry: &entries::Entry| {
        let linux = entry.linux().unwrap();
        let initrds: Vec<String> = linux.initrd_files().map(path).collect();
        format!("{} {}", path(&linux.kernel), initrds.join(","))
    };
    found.entries.iter().map(show).collect()
}

/// Files of a /boot, and what is found there: kernel and initrd of each entry, the default first.
struct Layout {
    name: &'static str,
    files: &'static [&'static str],
    links: &'static [(&'static str, &'static str)],
    entries: &'static [&'static str],
}

const LAYOUTS: [Layout; 8] = [
    Layout {
        name: "Debian",
        files: &[
            "vmlinuz-6.12.107+deb13-amd64",
            "initrd.img-6.12.107+deb13-amd64",
            "config-6.12.107+deb13-amd64",
            "System.map-6.12.107+deb13-amd64",
            "vmlinuz-6.12.9+deb13-amd64",
            "initrd.img-6.12.9+deb13-amd64",
            "initrd.img-6.12.9+deb13-amd64.dpkg-bak",
            "vmlinuz-6.12.9+deb13-amd64.dpkg-new",
        ],
        links: &[],
        entries: &[
            "vmlinuz-6.12.107+deb13-amd64 initrd.img-6.12.107+deb13-amd64",
            "vmlinuz-6.12.9+deb13-amd64 initrd.img-6.12.9+deb13-amd64",
        ],
    },
    Layout {
        name: "Ubuntu",
        files: &["vmlinuz-7.0.0-14-generic", "initrd.img-7.0.0-14-generic", "vmlinuz-6.17.0-8-generic"],
        links: &[
            ("vmlinuz", "vmlinuz-7.0.0-14-generic"),
            ("initrd.img", "initrd.img-7.0.0-14-generic"),
            ("vmlinuz.old", "vmlinuz-6.17.0-8-generic"),
            ("initrd.img.old", "initrd.img-6.17.0-8-generic"),
        ],
        entries: &["vmlinuz-7.0.0-14-generic initrd.img-7.0.0-14-generic", "vmlinuz-6.17.0-8-generic "],
    },
    Layout {
        name: "Alpine",
        files: &["vmlinuz-virt", "initramfs-virt", "config-6.18.2-0-virt", "System.map-6.18.2-0-virt"],
        links: &[("boot", ".")],
        entries: &["vmlinuz-virt initramfs-virt"],
    },
    Layout {
        name: "Alpine, two flavours",
        files: &["vmlinuz-lts", "initramfs-lts", "vmlinuz-virt", "initramfs-virt"],
        links: &[("boot", ".")],
        entries: &["vmlinuz-virt initramfs-virt", "vmlinuz-lts initramfs-lts"],
    },
    Layout {
        name: "Fedora and RHEL",
        files: &[
            "vmlinuz-7.0.12-301.fc44.x86_64",
            "initramfs-7.0.12-301.fc44.x86_64.img",
            "initramfs-7.0.12-301.fc44.x86_64kdump.img",
            ".vmlinuz-7.0.12-301.fc44.x86_64.hmac",
            "vmlinuz-0-rescue-fedcba9876543210fedcba9876543210",
            "initramfs-0-rescue-fedcba9876543210fedcba9876543210.img",
        ],
        links: &[],
        entries: &["vmlinuz-7.0.12-301.fc44.x86_64 initramfs-7.0.12-301.fc44.x86_64.img"],
    },
    Layout {
        name: "openSUSE",
        files: &["vmlinuz-7.1.4-1-default", "initrd-7.1.4-1-default", "sysctl.conf-7.1.4-1-default"],
        links: &[("vmlinuz", "vmlinuz-7.1.4-1-default"), ("initrd", "initrd-7.1.4-1-default")],
        entries: &["vmlinuz-7.1.4-1-default initrd-7.1.4-1-default"],
    },
    Layout {
        name: "Arch",
        files: &["vmlinuz-linux", "initramfs-linux.img", "initramfs-linux-fallback.img", "amd-ucode.img"],
        links: &[],
        entries: &["vmlinuz-linux initramfs-linux.img"],
    },
    Layout {
        name: "Arch, two kernels",
        files: &["vmlinuz-linux", "initramfs-linux.img", "vmlinuz-linux-lts", "initramfs-linux-lts.img"],
        links: &[],
        // update-grub has the same order.
        entries: &["vmlinuz-linux-lts initramfs-linux-lts.img", "vmlinuz-linux initramfs-linux.img"],
    },
];

fn tree(layout: &Layout, folder: &str) -> Tree {
    let mut tree = Tree::new().uuid("B");
    for file in layout.files {
        tree = tree.file(format!("{folder}/{file}"), "x");
    }
    for (name, target) in layout.links {
        tree = tree.symlink(format!("{folder}/{name}"), *target);
    }
    tree
}

/// `folder` in front of the names of kernel and initrd.
fn expected(layout: &Layout, folder: &str) -> Vec<String> {
    let place = |name: &str| if name.is_empty() { String::new() } else { format!("{folder}/{name}") };
    let entry = |entry: &&str| {
        let (kernel, initrd) = entry.split_once(' ').unwrap();
        format!("{} {}", place(kernel), place(initrd))
    };
    layout.entries.iter().map(entry).collect()
}

#[test]
fn kernels_are_found_by_their_names() {
    for layout in &LAYOUTS {
        let found = find(vec![tree(layout, "/boot").file("/etc/fstab", "UUID=B / ext4 d 0 1\n")]);
        assert_eq!(shown(&found), expected(layout, "/boot"), "{}", layout.name);
        assert!(found.entries[0].default && found.entries[0].source.kind == Kind::Glob, "{}", layout.name);
        assert_eq!(found.entries[0].linux().unwrap().options, "root=UUID=B ro", "{}", layout.name);
    }
}

#[test]
fn a_boot_of_its_own_is_the_same() {
    for layout in &LAYOUTS {
        let root =
            || Tree::new().uuid("R").file("/etc/fstab", "UUID=R / ext4 d 0 1\nUUID=B /boot ext4 d 0 2\n");
        for trees in [vec![tree(layout, ""), root()], vec![root(), tree(layout, "")]] {
            let found = find(trees);
            let folder = if layout.links.contains(&("boot", ".")) { "/boot" } else { "" };
            assert_eq!(shown(&found), expected(layout, folder), "{}", layout.name);
            assert_eq!(found.entries[0].linux().unwrap().options, "root=UUID=R ro", "{}", layout.name);
        }
    }
}

#[test]
fn kernels_among_their_modules() {
    let tree = Tree::new()
        .uuid("R")
        .file("/usr/lib/modules/7.1.4-1-default/vmlinuz", "k")
        .symlink("/boot/vmlinuz-7.1.4-1-default", "../usr/lib/modules/7.1.4-1-default/vmlinuz")
        .symlink("/boot/vmlinuz", "vmlinuz-7.1.4-1-default")
        .file("/boot/initrd-7.1.4-1-default", "i");
    assert_eq!(shown(&find(vec![tree])), ["/boot/vmlinuz-7.1.4-1-default /boot/initrd-7.1.4-1-default"]);
    let fedora = Tree::new()
        .uuid("R")
        .file("/usr/lib/modules/7.0.12-301.fc44.x86_64/vmlinuz", "k")
        .file("/boot/initramfs-7.0.12-301.fc44.x86_64.img", "i");
    let path = "/usr/lib/modules/7.0.12-301.fc44.x86_64/vmlinuz /boot/initramfs-7.0.12-301.fc44.x86_64.img";
    assert_eq!(shown(&find(vec![fedora])), [path]);
}

/// The file of Alpine's `setup-disk` (update-extlinux), from its documentation.
#[test]
fn alpines_configuration() {
    let text = "# Generated by update-extlinux 6.04_pre1-r15\nDEFAULT menu.c32\nPROMPT 0\nMENU TITLE Alpine/Linux Boot Menu\n\
        MENU HIDDEN\nMENU AUTOBOOT Alpine will be booted automatically in # seconds.\nTIMEOUT 10\nLABEL virt\n\
        \x20 MENU DEFAULT\n  MENU LABEL Linux virt\n  LINUX vmlinuz-virt\n  INITRD initramfs-virt\n\
        \x20 APPEND root=UUID=R modules=sd-mod,usb-storage,ext4 quiet rootfstype=ext4\n\nMENU SEPARATOR\n";
    for folder in ["/boot", ""] {
        let files = ["vmlinuz-virt", "initramfs-virt"].map(|name| format!("{folder}/{name}"));
        let mut tree = Tree::new().uuid("R").file(format!("{folder}/extlinux.conf"), text);
        for file in &files {
            tree = tree.file(file, "x");
        }
        let found = find(vec![tree]);
        assert_eq!(shown(&found), [files.join(" ")], "{:?}", found.problems);
        let entry = &found.entries[0];
        assert_eq!(
            (entry.source.kind, entry.title.as_str(), entry.default),
            (Kind::Extlinux, "Linux virt", true)
        );
        let options = "root=UUID=R modules=sd-mod,usb-storage,ext4 quiet rootfstype=ext4";
        assert_eq!((entry.linux().unwrap().options.as_str(), found.wait), (options, Some(Wait::Seconds(1))));
    }
}
