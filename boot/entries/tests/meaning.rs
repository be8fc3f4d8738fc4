// SPDX-License-Identifier: BSD-3-Clause
//! What configurations mean beyond their entries: defaults, times, locks, passwords, and what is found by two ways.

use std::{cell::RefCell, ops::ControlFlow};

use entries::{Access, Arch, File, Found, Password, Scope, Start, User, Wait, discover};
use filesystem::{Attr, EachEntry, Error, FileSystem, Identity};
use oracle::Tree;
use part::{Partition, PartitionKind};
use vfs::{Volume, VolumeId, Volumes};

fn find(tree: Tree) -> Found {
    discover(&Volumes::from_volumes(vec![Volume::new("hd0,gpt1", tree)]), Arch::X86_64, &|_, _| false)
}

/// Each entry: `*` for the default, its title, and what it starts.
fn shown(found: &Found) -> Vec<String> {
    let path = |file: &File| String::from_utf8_lossy(&file.path).into_owned();
    let show = |entry: &entries::Entry| {
        let start = match &entry.start {
            Start::Linux(linux) => {
                let initrd: Vec<String> = linux.initrd_files().map(path).collect();
                format!("{} {} {}", path(&linux.kernel), initrd.join(","), linux.options)
            }
            Start::Program(program) => path(&program.file),
            Start::Url(url) => url.url.clone(),
            Start::Elsewhere(elsewhere) => format!("leaves with {}", elsewhere.command),
        };
        format!("{}{}: {}", if entry.default { "*" } else { "" }, entry.title, start.trim_end())
    };
    found.entries.iter().map(show).collect()
}

fn syslinux(text: &str) -> Found {
    find(Tree::new().uuid("u").file("/isolinux/isolinux.cfg", text))
}

fn bls(loader: &str, files: &[(&str, &str)]) -> Tree {
    let tree = Tree::new().uuid("u").file("/loader/loader.conf", loader).file("/k", "k");
    files.iter().fold(tree, |tree, (name, text)| tree.file(format!("/loader/entries/{name}"), *text))
}

#[test]
fn a_default_that_boots_the_local_disk_starts_no_installer() {
    let install = "label install\nkernel /k\nappend auto\n";
    let local = "label local\nlocalboot 0x80\n";
    for text in [
        format!("default local\n{install}{local}"),
        format!("ui menu.c32\n{install}{local}menu default\n"),
        format!("default vesamenu.c32\nontimeout local\n{install}menu default\n{local}"),
    ] {
        assert_eq!(
            shown(&syslinux(&text)),
            ["install: /k  auto", "*local: leaves with localboot 0x80"],
            "{text}"
        );
    }
    let disk = |disk: usize, text: &str| {
        let tree = Tree::new().uuid("u").file("/isolinux/isolinux.cfg", text);
        Volume::new(format!("hd{disk}"), tree).on(disk, None)
    };
    let leaving = format!("default local\n{install}{local}");
    let volumes = Volumes::from_volumes(vec![disk(0, install), disk(1, &leaving)]);
    let found = discover(&volumes, Arch::X86_64, &|_, _| false);
    assert_eq!(found.elsewhere, [VolumeId(1)], "also where another menu decides");
    assert!(found.entries[0].default && found.entries[0].source.volume == VolumeId(0));
    let chain = format!("default hd\n{install}label hd\nkernel chain.c32\nappend hd0\n");
    assert_eq!(shown(&syslinux(&chain))[1], "*hd: leaves with kernel chain.c32");
    let other = format!("default mem\n{install}label mem\nkernel memtest.bin\n");
    assert_eq!(shown(&syslinux(&other))[1], "*mem: leaves with kernel memtest.bin");
    let line = format!("default line\n{install}label line\nmenu label of the menu\n");
    assert_eq!(shown(&syslinux(&line))[1], "*of the menu: leaves with label line");
}

#[test]
fn a_default_may_be_a_file_with_options() {
    let install = "label install\nkernel /k\nappend auto\n";
    let found = |lines: &str| {
        let text = format!("{lines}{install}");
        let tree = Tree::new().uuid("u").file("/isolinux/isolinux.cfg", text).file("/isolinux/vmlinuz", "k");
        find(tree.file("/k", "k"))
    };
    let leaves = "install: /k  auto";
    let cases = [
        ("default chain.c32 hd0\n", ["*chain.c32 hd0: leaves with default chain.c32 hd0", leaves]),
        (
            "default vesamenu.c32\ntimeout 200\nontimeout chain.c32 hd0\n",
            ["*chain.c32 hd0: leaves with ontimeout chain.c32 hd0", leaves],
        ),
        // SYSLINUX asks where the file is not there, or may not be named.
        ("default gone\n", ["*gone: leaves with default gone", leaves]),
        ("default gone\nprompt 1\n", ["*gone: leaves with default gone", leaves]),
        ("allowimplicit 0\ndefault vmlinuz\n", ["*vmlinuz: leaves with default vmlinuz", leaves]),
        (
            "append quiet\ndefault vmlinuz ro initrd=i\n",
            ["*vmlinuz ro initrd=i: /isolinux/vmlinuz /isolinux/i ro quiet", leaves],
        ),
        ("default install ro\n", ["*install ro: /k  auto ro", leaves]),
        ("ui menu.c32\nontimeout install ro\n", ["*install ro: /k  auto ro", leaves]),
    ];
    for (lines, entries) in cases {
        let found = found(lines);
        assert_eq!(shown(&found), entries, "{lines}");
        let is_left = entries[0].contains("leaves");
        assert_eq!(found.elsewhere, if is_left { vec![VolumeId(0)] } else { vec![] }, "{lines}");
    }
    // A program that shows the labels takes a default for the name of one, and knows what else to start.
    for lines in ["ui menu.c32\ndefault gone\n", "ui menu.c32\ndefault install ro\n", ""] {
        assert_eq!(shown(&found(lines)), ["*install: /k  auto"], "{lines}");
    }
}

#[test]
fn a_configuration_without_labels_starts_its_default() {
    let text = "default vmlinuz\nappend root=/dev/sda1 initrd=initrd.img\n";
    let tree = Tree::new().uuid("u").file("/extlinux/extlinux.conf", text).file("/extlinux/vmlinuz", "k");
    assert_eq!(shown(&find(tree)), ["*vmlinuz: /extlinux/vmlinuz /extlinux/initrd.img root=/dev/sda1"]);
}

#[test]
fn the_command_line_begins_behind_the_kernel() {
    for key in ["kernel", "linux"] {
        let text = format!("label a\n{key} /k root=/dev/sda1\tinitrd=/i\nappend quiet\ninitrd /later\n");
        assert_eq!(shown(&syslinux(&text)), ["*a: /k /i root=/dev/sda1 quiet"], "{key}");
    }
}

#[test]
fn what_is_no_linux_is_no_entry() {
    for name in ["x.bss", "x.bs", "x.bin", "x.img", "x.0", "x.c32", "X.COM"] {
        let found = syslinux(&format!("label a\nkernel /k\nlabel b\nkernel {name}\n"));
        assert_eq!(shown(&found), ["*a: /k"], "{name}");
    }
    assert_eq!(shown(&syslinux("label a\nlinux /k.img\nlabel b\nboot /x\n")), ["*a: /k.img"]);
}

#[test]
fn lines_of_a_label_mean_what_syslinux_takes_them_for() {
    let help = "label a\nkernel /k\ntext help\nkernel /wrong\nlabel no\nendtext\nappend x\n";
    assert_eq!(shown(&syslinux(help)), ["*a: /k  x"]);
    let both = "label a\nkernel /k\ninitrd /by-line\nappend initrd=/by-append x initrd=/later\n";
    assert_eq!(shown(&syslinux(both)), ["*a: /k /by-append x"]);
    let last = "label a\nkernel /k\ninitrd /1\ninitrd /2, /3\n";
    assert_eq!(shown(&syslinux(last)), ["*a: /k /2,/3"]);
}

#[test]
fn titles_show_the_way_through_menus() {
    let text = "label a\nkernel /k\nmenu begin adv\nmenu label ^Advanced\nlabel b\nmenu label ^Install\nkernel /k\n\
                menu begin\nmenu title Deep\nlabel c\nkernel /k\nmenu end\nmenu end\nlabel d\nkernel /k\n\
                menu include more.cfg More\nlabel f\nconfig /other.cfg\n";
    let tree = Tree::new()
        .uuid("u")
        .file("/isolinux/isolinux.cfg", text)
        .file("/isolinux/more.cfg", "label e\nkernel k\n")
        .file("/other.cfg", "label g\nkernel /k\n");
    let titles: Vec<String> = find(tree).entries.into_iter().map(|entry| entry.title).collect();
    assert_eq!(titles, ["a", "Advanced / Install", "Advanced / Deep / c", "d", "More / e", "f / g"]);
}

#[test]
fn a_configuration_that_leads_to_itself_ends() {
    let found = syslinux("label a\nkernel /k\nlabel b\nconfig /isolinux/isolinux.cfg\n");
    assert_eq!((found.entries.len(), found.problems.len()), (5, 1), "{:?}", found.problems);
    assert_eq!(found.problems[0].error.code(), "E-ENTRY-LIMIT");
}

#[test]
fn a_menu_waits_as_it_would_in_syslinux() {
    let labels = "label a\nkernel /k\nlabel b\nkernel /k\n";
    let cases = [
        ("", None),
        ("timeout 0\n", None),
        ("timeout 25\n", Some(Wait::Seconds(3))),
        ("timeout -1\n", Some(Wait::Seconds(0))),
        ("ui vesamenu.c32\n", Some(Wait::Forever)),
        ("default menu.c32\ntimeout 0\n", Some(Wait::Forever)),
        ("default menu.c32\ntotaltimeout 900\n", Some(Wait::Seconds(90))),
        ("ui menu.c32\ntimeout 50\ntotaltimeout 900\n", Some(Wait::Seconds(5))),
        ("prompt 1\n", Some(Wait::Forever)),
        ("prompt 0\n", None),
        ("prompt 1\ntimeout 100\n", Some(Wait::Seconds(10))),
    ];
    for (lines, wait) in cases {
        assert_eq!(syslinux(&format!("{lines}{labels}")).wait, wait, "{lines}");
    }
    assert_eq!(syslinux("prompt 1\nlabel a\nkernel /k\n").wait, None, "there is no choice");
}

#[test]
fn locks_and_passwords_are_heeded() {
    let text = "allowoptions 0\nmenu master passwd secret\nlabel a\nkernel /k\nlabel b\nmenu passwd $4$x$y\nkernel /k\n\
                menu begin s\nmenu passwd plain\nlabel c\nkernel /k\nmenu end\n";
    let found = syslinux(text);
    let file = "hd0,gpt1 /isolinux/isolinux.cfg";
    assert_eq!(found.locks, [format!("{file}: ALLOWOPTIONS 0"), format!("{file}: MENU MASTER PASSWD")]);
    let passwords = |at: usize| match &found.entries[at].access {
        Access::Anyone => Vec::new(),
        Access::Users(users) => {
            assert!(users.iter().all(|user| user.name.is_empty()));
            users.iter().map(|user| user.password.clone()).collect()
        }
    };
    let plain = |text: &str| Password::Plain(text.into());
    assert_eq!(passwords(0), []);
    assert_eq!(passwords(1), [Password::Unknown, plain("secret")]);
    assert_eq!(passwords(2), [plain("plain"), plain("secret")]);
    let found = find(bls("editor no\n", &[("a.conf", "linux /k\n")]));
    assert_eq!(found.locks, ["hd0,gpt1 /loader/loader.conf: editor no"]);
}

#[test]
fn dollars_are_grubs_only_where_grub_shows_the_entry() {
    let conf = "title \"A b\"\nlinux \"/k\"\noptions systemd.set_credential=p:$y$j9T$x\n";
    let entry = bls("", &[("a.conf", conf)]);
    assert_eq!(shown(&find(entry.clone())), ["*A b: /k  systemd.set_credential=p:$y$j9T$x"]);
    let block = entry.file("/boot/grub2/grubenv", "# GRUB Environment Block\ny=1\n");
    assert_eq!(shown(&find(block)), ["*A b: /k  systemd.set_credential=p:1"]);
}

#[test]
fn a_folder_that_two_paths_lead_to_is_shown_once() {
    let files = [("a.conf", "title A\nlinux /k\n"), ("b.conf", "title B\nlinux /k\n")];
    for target in [".", "/"] {
        let found = find(bls("default b*\n", &files).symlink("/boot", target));
        assert_eq!(shown(&found), ["*B: /k", "A: /k"], "{target}");
    }
    let twice = bls("", &files).file("/boot/loader/entries/a.conf", "title A\nlinux /other\n");
    assert_eq!(find(twice).entries.len(), 3, "two entries that only have a name in common");
}

#[test]
fn too_many_initial_ram_disks_are_an_error_of_their_entry() {
    let many = |count: usize| format!("linux /k\n{}", "initrd /i\n".repeat(count));
    let found = find(bls("", &[("a.conf", &many(200)), ("b.conf", &many(300))]));
    assert_eq!((found.entries.len(), found.entries[0].linux().unwrap().initrd.len()), (1, 200));
    let [problem] = found.problems.as_slice() else { panic!("{:?}", found.problems) };
    assert_eq!(
        (problem.object.as_str(), problem.error.code().to_string().as_str()),
        ("hd0,gpt1 /loader/entries/b.conf", "E-ENTRY-LIMIT")
    );
}

#[test]
fn loader_conf_chooses_as_systemd_boot_does() {
    let files = [("debian-6.1.conf", "linux /k\n"), ("debian-x.conf", "linux /k\n")];
    let default = |loader: &str| {
        let found = find(bls(loader, &files));
        (found.entries.iter().find(|entry| entry.default).unwrap().id.clone(), found.wait, found.starts_last)
    };
    assert_eq!(default("default debian-[a-z]*\n"), ("debian-x.conf".into(), None, false));
    assert_eq!(default("timeout menu-force\n"), ("debian-6.1.conf".into(), Some(Wait::Forever), false));
    assert_eq!(
        default("default @saved\ntimeout 2\n"),
        ("debian-6.1.conf".into(), Some(Wait::Seconds(2)), true)
    );
}

#[test]
fn loader_conf_chooses_what_systemd_boot_finds_by_itself() {
    let files = [("debian.conf", "linux /k\n")];
    let found = |loader: &str| {
        let windows = "/EFI/Microsoft/Boot/bootmgfw.efi";
        let programs = bls(loader, &files).file(windows, "p").file("/shellx64.efi", "p");
        let other = Volume::new("hd0", Tree::new().uuid("o").file(windows, "p")).on(0, None);
        let ours = Volume::new("hd1", programs).on(1, None);
        discover(&Volumes::from_volumes(vec![other, ours]), Arch::X86_64, &|_, _| false)
    };
    let cases = [
        // The number is that of a second entry of this name: the first is on the other disk.
        ("default auto-windows\n", "auto-windows-2"),
        ("default AUTO-WIN*\n", "auto-windows-2"),
        ("default auto-efi-shell\n", "auto-efi-shell"),
        ("default auto-efi-default\n", "debian.conf"),
        ("default *\n", "debian.conf"),
        ("default @saved\n", "debian.conf"),
        ("", "debian.conf"),
    ];
    for (loader, id) in cases {
        let found = found(loader);
        let defaults: Vec<&str> =
            found.entries.iter().filter(|entry| entry.default).map(|entry| entry.id.as_str()).collect();
        assert_eq!(defaults, [id], "{loader}");
    }
}

#[test]
fn a_default_that_starts_this_program_starts_no_installer() {
    let own = "menuentry own { chainloader /EFI/own/own.efi }\n";
    let install = "menuentry Install { linux /k auto }\n";
    let is_own = |_: &Volume, path: &str| path == "/EFI/own/own.efi";
    let found = |tree: Tree| {
        let tree = tree.uuid("u").file("/EFI/own/own.efi", "p").file("/k", "k");
        discover(&Volumes::from_volumes(vec![Volume::new("hd0,gpt1", tree)]), Arch::X86_64, &is_own)
    };
    let of_grub = |cfg: String| found(Tree::new().file("/boot/grub/grub.cfg", cfg));
    let leaves = "*own: leaves with chainloader /EFI/own/own.efi";
    let first = of_grub(format!("default=0\n{own}{install}{own}"));
    assert_eq!(
        (shown(&first), first.elsewhere),
        (vec![leaves.into(), "Install: /k  auto".into()], vec![VolumeId(0)])
    );
    let last = of_grub(format!("default=1\n{install}{own}"));
    assert_eq!(
        (shown(&last), last.elsewhere),
        (vec!["Install: /k  auto".into(), leaves.into()], vec![VolumeId(0)])
    );
    // Entries in front of it that start this program, too, are left out.
    let twice = of_grub(format!("default=1\n{own}{own}{install}"));
    assert_eq!(shown(&twice), [leaves, "Install: /k  auto"]);
    let other = of_grub(format!("default=1\n{own}{install}"));
    assert_eq!((shown(&other), other.elsewhere), (vec!["*Install: /k  auto".into()], vec![]));
    // There is no other entry that could take its place.
    let alone = of_grub(format!("default=0\n{own}"));
    assert_eq!((alone.entries, alone.elsewhere), (vec![], vec![]));
    let files = [("a.conf", "title A\nefi /EFI/own/own.efi\n"), ("b.conf", "title B\nlinux /k\n")];
    let of_bls = |loader: &str| shown(&found(bls(loader, &files)));
    // systemd-boot starts the first of its entries where the default is not there.
    assert_eq!(of_bls("default a*\n"), ["*B: /k"]);
}

#[test]
fn a_signed_copy_does_not_hide_the_kernel() {
    let tree = Tree::new().uuid("u").file("/boot/vmlinuz-1.efi.signed", "k").file("/boot/initrd.img-1", "i");
    assert_eq!(
        shown(&find(tree.clone())),
        ["*Linux 1: /boot/vmlinuz-1.efi.signed /boot/initrd.img-1 root=UUID=u ro"]
    );
    let tree = tree.file("/boot/vmlinuz-1", "k").file("/boot/vmlinuz-1.signed", "k");
    assert_eq!(shown(&find(tree)), ["*Linux 1: /boot/vmlinuz-1 /boot/initrd.img-1 root=UUID=u ro"]);
}

/// A tree some of whose nodes cannot be read.
struct Damaged {
    tree: Tree,
    names: &'static [&'static [u8]],
    /// A block of each folder is damaged: nothing is known of a name that the others lack.
    has_damaged_folders: bool,
    bad: RefCell<Vec<<Tree as FileSystem>::Node>>,
}

impl FileSystem for Damaged {
    type Node = <Tree as FileSystem>::Node;

    fn identity(&self) -> Identity {
        self.tree.identity()
    }

    fn root(&self) -> Self::Node {
        self.tree.root()
    }

    fn lookup(&self, dir: &Self::Node, name: &[u8]) -> Result<Self::Node, Error> {
        match self.tree.lookup(dir, name) {
            Err(Error::NotFound) if self.has_damaged_folders => Err(Error::TooManyLinks),
            outcome => outcome,
        }
    }

    fn attr(&self, node: &Self::Node) -> Result<Attr, Error> {
        if self.bad.borrow().contains(node) { Err(Error::TooManyLinks) } else { self.tree.attr(node) }
    }

    fn read_dir(&self, dir: &Self::Node, each: &mut EachEntry<'_, Self::Node>) -> Result<(), Error> {
        self.tree.read_dir(dir, &mut |name, node, kind| -> ControlFlow<()> {
            if self.names.contains(&name) {
                self.bad.borrow_mut().push(node);
            }
            each(name, node, kind)
        })
    }

    fn read_link(&self, node: &Self::Node) -> Result<Vec<u8>, Error> {
        self.tree.read_link(node)
    }

    fn read_at(&self, node: &Self::Node, offset: u64, buf: &mut [u8]) -> Result<usize, Error> {
        self.tree.read_at(node, offset, buf)
    }
}

#[test]
fn what_is_damaged_hides_nothing_else() {
    let tree = Tree::new()
        .uuid("u")
        .file("/boot/config-6.1", "c")
        .file("/boot/vmlinuz-6.1", "k")
        .file("/boot/initrd.img-6.1", "i")
        .file("/boot/vmlinuz-6.2", "k")
        .dir("/EFI/bad")
        .file("/EFI/good/shimx64.efi", "p");
    let names: &[&[u8]] = &[b"config-6.1", b"vmlinuz-6.2", b"initrd.img-6.1", b"bad"];
    let damaged = Damaged { tree, names, has_damaged_folders: false, bad: RefCell::default() };
    let volumes = Volumes::from_volumes(vec![Volume::new("hd0,gpt1", damaged)]);
    let found = discover(&volumes, Arch::X86_64, &|_, _| false);
    assert_eq!(
        shown(&found),
        [
            // What is there and damaged is not left out: the kernel would start without it.
            "*Linux 6.1: /boot/vmlinuz-6.1 /boot/initrd.img-6.1 root=UUID=u ro",
            "good (EFI program): /EFI/good/shimx64.efi"
        ]
    );
    let objects: Vec<&str> = found.problems.iter().map(|problem| problem.object.as_str()).collect();
    // What nobody asks for, the configuration of a kernel, is no problem.
    assert_eq!(objects, ["hd0,gpt1 /EFI/bad/grub.cfg", "hd0,gpt1 /boot/vmlinuz-6.2"]);
}

#[test]
fn a_damaged_folder_has_no_files_that_it_does_not_show() {
    let tree = Tree::new()
        .uuid("u")
        .file("/boot/vmlinuz-6.1", "k")
        .file("/boot/initramfs-6.1.img", "i")
        .file("/EFI/good/grubx64.efi", "p");
    let damaged = Damaged { tree, names: &[], has_damaged_folders: true, bad: RefCell::default() };
    let volumes = Volumes::from_volumes(vec![Volume::new("hd0,gpt1", damaged)]);
    assert_eq!(
        shown(&discover(&volumes, Arch::X86_64, &|_, _| false)),
        [
            "*Linux 6.1: /boot/vmlinuz-6.1 /boot/initramfs-6.1.img root=UUID=u ro",
            "good (EFI program): /EFI/good/grubx64.efi"
        ]
    );
}

fn volume(name: &str, tree: Tree, start: u64) -> Volume {
    let (uuid, label) = (String::new(), String::new());
    let kind = PartitionKind::Mbr(0x83);
    let partition = Partition { number: 1, start, length: 1 << 20, kind, uuid, name: label };
    Volume::new(name, tree).on(0, (start > 0).then_some(partition))
}

#[test]
fn shim_that_starts_this_loader_is_left_out() {
    let programs =
        ["/EFI/BOOT/BOOTX64.EFI", "/EFI/BOOT/grubx64.efi", "/EFI/a/shimx64.efi", "/EFI/a/grubx64.efi"];
    let of = |own: &'static str| {
        let tree = programs.iter().fold(Tree::new(), |tree, path| tree.file(path, "p"));
        let volumes = Volumes::from_volumes(vec![Volume::new("hd0,gpt1", tree)]);
        shown(&discover(&volumes, Arch::X86_64, &|_, path| path == own))
    };
    let default = "EFI default loader: /EFI/BOOT/BOOTX64.EFI";
    let vendor = "*a (EFI program): /EFI/a/shimx64.efi";
    assert_eq!(of("none"), [vendor, default]);
    assert_eq!(of("/EFI/BOOT/grubx64.efi"), [vendor]);
    assert_eq!(of("/EFI/a/grubx64.efi"), [format!("*{default}")]);
}

#[test]
fn one_filesystem_is_read_once() {
    let disc = || Tree::new().uuid("disc").file("/boot/grub/grub.cfg", "menuentry a { linux /k\n}\n");
    // As xorriso's -partition_offset makes it: the disc, and the disc again in its partition.
    let found = |volumes| discover(&Volumes::from_volumes(volumes), Arch::X86_64, &|_, _| false);
    let twice = found(vec![volume("hd0", disc(), 0), volume("hd0,msdos1", disc(), 32_768)]);
    assert_eq!(shown(&twice), ["*a: /k"]);
    let copies = found(vec![volume("hd0,msdos1", disc(), 1 << 20), volume("hd0,msdos2", disc(), 1 << 30)]);
    assert_eq!(copies.entries.len(), 2, "two that stand side by side are two");
}

#[test]
fn a_scope_reads_the_wanted_volumes_only() {
    let tree =
        |id: &str| Tree::new().uuid(id.to_string()).file("/loader/entries/a.conf", "title A\nlinux /k\n");
    let volumes = Volumes::from_volumes(vec![
        volume("hd0,gpt1", tree("a"), 1 << 20),
        volume("hd0,gpt2", tree("b"), 1 << 30),
    ]);
    let is_wanted = |volume: &Volume| volume.has_uuid("b");
    let all = Scope::new(Arch::X86_64, &|_, _| false);
    let found = Scope { is_wanted: &is_wanted, ..all }.discover(&volumes);
    assert_eq!((found.entries.len(), found.entries[0].source.volume), (1, VolumeId(1)));
    let whole = all.discover(&volumes).spent;
    assert!(
        found.spent.bytes < whole.bytes && found.spent.lookups < whole.lookups,
        "{:?} {whole:?}",
        found.spent
    );
}

#[test]
fn the_first_menu_with_entries_decides_about_default_and_time() {
    let tree = Tree::new()
        .uuid("u")
        .file("/k", "k")
        .file("/loader/entries/a.conf", "title A\nlinux /k\n")
        .file("/loader/loader.conf", "timeout 7\n")
        .file("/isolinux/isolinux.cfg", "timeout 30\ndefault b\nlabel b\nkernel /k\n");
    let found = find(tree);
    assert_eq!((shown(&found), found.wait), (vec!["*A: /k".into(), "b: /k".into()], Some(Wait::Seconds(7))));
}

#[test]
fn a_script_says_what_its_entries_lack_and_who_may_start_them() {
    let cfg = "set superusers=root\npassword root secret\nset blsdir=/own\nset early_initrd='ucode.img'\n\
               set default_kernelopts='ro quiet'\nset timeout=4\nblscfg\n";
    let conf = |lines: &str| format!("linux /v/k\ninitrd /v/i\n{lines}");
    let tree = Tree::new()
        .uuid("u")
        .file("/v/k", "k")
        .file("/grub2/grub.cfg", cfg)
        .file("/own/a.conf", conf("title A\n"))
        .file("/own/b.conf", conf("title B\noptions x\ngrub_users alice\n"))
        .file("/loader/entries/other.conf", conf("title Not shown\n"));
    let found = find(tree);
    assert_eq!(shown(&found), ["*B: /v/k /v/ucode.img,/v/i x", "A: /v/k /v/ucode.img,/v/i ro quiet"]);
    assert!(matches!(found.entries[0].access, Access::Users(_)), "{:?}", found.entries[0].access);
    assert_eq!((&found.entries[1].access, found.wait), (&Access::Anyone, Some(Wait::Seconds(4))));
}

#[test]
fn a_menus_own_default_beside_blscfg_is_the_default() {
    let tree = |default: &str| {
        let cfg =
            format!("set default={default}\nset timeout=9\nblscfg\nmenuentry C --id c {{ linux /k\n}}\n");
        bls("timeout 3\n", &[("a.conf", "title A\nlinux /k\n"), ("b.conf", "title B\nlinux /k\n")])
            .file("/grub2/grub.cfg", cfg)
    };
    for (default, title) in [("c", "C"), ("2", "C"), ("1", "A"), ("b", "B"), ("", "B")] {
        let found = find(tree(default));
        let chosen: Vec<&str> =
            found.entries.iter().filter(|entry| entry.default).map(|entry| entry.title.as_str()).collect();
        assert_eq!((chosen, found.wait), (vec![title], Some(Wait::Seconds(9))), "{default}");
    }
}

#[test]
fn the_program_that_asks_is_never_an_entry() {
    let tree =
        bls("default own*\n", &[("a.conf", "title A\nlinux /k\n"), ("own.conf", "efi /EFI/own.efi\n")])
            .file("/EFI/own.efi", "p");
    let volumes = Volumes::from_volumes(vec![Volume::new("hd0,gpt1", tree)]);
    let found = discover(&volumes, Arch::X86_64, &|_, path| path == "/EFI/own.efi");
    assert_eq!(shown(&found), ["*A: /k"]);
}

#[test]
fn a_default_behind_another_configuration_keeps_its_place_and_its_password() {
    let install = "label install\nkernel /k\nappend auto\n";
    let gone = format!("default local\nlabel local\nconfig /gone.cfg\n{install}");
    assert_eq!(shown(&syslinux(&gone)), ["*local: leaves with config /gone.cfg", "install: /k  auto"]);
    let text = "label admin\nmenu passwd secret\nconfig /admin.cfg\n";
    let inner = "label erase\nkernel /k\nlabel own\nmenu passwd other\nkernel /k\n";
    let found = find(Tree::new().uuid("u").file("/isolinux/isolinux.cfg", text).file("/admin.cfg", inner));
    let word = |word: &str| {
        let password = Password::Plain(word.as_bytes().to_vec());
        Access::Users(vec![User { name: String::new(), password }])
    };
    let access: Vec<_> = found.entries.into_iter().map(|entry| entry.access).collect();
    assert_eq!(access, [word("secret"), word("other")]);
}
