// SPDX-License-Identifier: BSD-3-Clause
//! Systems in subvolumes of btrfs, in the shapes that distributions give them.

use std::fmt::Write as _;

use entries::{Arch, Entry, File, Found, Kind, MOST_LOOKUPS, Scope, discover};
use filesystem::FileSystem;
use oracle::Tree;
use part::{Guid, Partition, PartitionKind};
use proptest::prelude::*;
use vfs::{Volume, Volumes};

/// UUID of the filesystem that systems stand on.
const ROOT: &str = "11111111-2222-4333-8444-555555555555";

/// The volumes of partition `number`: one for each of these roots, the default first.
fn roots(number: u32, tree: Tree, roots: &[&str]) -> Vec<Volume> {
    let names =
        |root: &str| root.split('/').filter(|name| !name.is_empty()).map(String::from).collect::<Vec<_>>();
    let node = |root: &str| {
        names(root).iter().fold(tree.root(), |dir, name| tree.lookup(&dir, name.as_bytes()).expect(root))
    };
    let nodes = roots.iter().map(|root| ((*root).to_string(), node(root))).collect();
    let on = |volume: Volume| volume.on(0, Some(partition(number)));
    Volume::of_roots(&format!("hd0,gpt{number}"), tree.clone(), nodes).into_iter().map(on).collect()
}

fn partition(number: u32) -> Partition {
    let (kind, uuid, name) = (PartitionKind::Gpt(Guid::default()), String::new(), String::new());
    Partition { number, start: u64::from(number) << 30, length: 1 << 30, kind, uuid, name }
}

/// A partition with one root.
fn plain(number: u32, tree: Tree) -> Vec<Volume> {
    vec![Volume::new(format!("hd0,gpt{number}"), tree).on(0, Some(partition(number)))]
}

struct Machine {
    volumes: Volumes,
    found: Found,
}

fn machine(partitions: Vec<Vec<Volume>>) -> Machine {
    let volumes = Volumes::from_volumes(partitions.into_iter().flatten().collect());
    let found = discover(&volumes, Arch::X86_64, &|_, _| false);
    Machine { volumes, found }
}

impl Machine {
    fn file(&self, file: &File) -> String {
        let name = self.volumes.get(file.volume).unwrap().name();
        format!("{name} {}", String::from_utf8_lossy(&file.path))
    }

    fn shown(&self, entry: &Entry) -> String {
        let linux = entry.linux().unwrap_or_else(|| panic!("{entry:?}"));
        let mark = if entry.default { "*" } else { "" };
        let initrd: String = linux.initrd_files().map(|file| format!(" + {}", self.file(file))).collect();
        format!("{mark}{}: {}{initrd} [{}]", entry.title, self.file(&linux.kernel), linux.options)
    }

    /// Titles, files and options, and that nothing was wrong.
    fn entries(&self) -> Vec<String> {
        assert_eq!(self.found.problems, []);
        self.found.entries.iter().map(|entry| self.shown(entry)).collect()
    }
}

/// What update-grub writes, as far as it matters here, with `path` in front of each file.
fn update_grub(path: &str, version: &str, options: &str) -> String {
    format!(
        "if [ -s $prefix/grubenv ]; then\n  set have_grubenv=true\n  load_env\nfi\n\
         if [ \"${{next_entry}}\" ] ; then\n  set default=\"${{next_entry}}\"\nelse\n  set default=\"${{saved_entry}}\"\nfi\n\
         set timeout=5\n\
         menuentry 'System' --class gnu-linux $menuentry_id_option 'gnulinux-simple-{ROOT}' {{\n\
         \tinsmod btrfs\n\tset root='hd0,gpt2'\n\
         \tsearch --no-floppy --fs-uuid --set=root --hint-efi=hd0,gpt2 {ROOT}\n\
         \tlinux\t{path}/boot/vmlinuz-{version} root=UUID={ROOT} {options}\n\
         \tinitrd\t{path}/boot/initrd.img-{version}\n}}\n\
         submenu 'Advanced' --id 'advanced' {{\n\
         \tmenuentry 'System, with Linux {version}' --id 'gnulinux-{version}' {{\n\
         \t\tsearch --no-floppy --fs-uuid --set=root {ROOT}\n\
         \t\tlinux\t{path}/boot/vmlinuz-{version} root=UUID={ROOT} {options} debug\n\
         \t\tinitrd\t{path}/boot/initrd.img-{version}\n\t}}\n}}\n"
    )
}

/// The stub on the EFI system partition, as grub-install writes it.
fn stub(path: &str) -> Vec<Volume> {
    let text = format!(
        "search.fs_uuid {ROOT} root hd0,gpt2 \nset prefix=($root)'{path}/boot/grub'\nconfigfile $prefix/grub.cfg\n"
    );
    plain(1, Tree::new().uuid("E5E5-0001").file("/EFI/ubuntu/grub.cfg", text))
}

/// A system below a path of the top, with these versions of its kernel.
fn system(tree: Tree, path: &str, versions: &[&str]) -> Tree {
    let mut tree = tree.file(format!("{path}/etc/os-release"), "PRETTY_NAME=\"System\"\n");
    for version in versions {
        tree = tree.file(format!("{path}/boot/vmlinuz-{version}"), "kernel");
        tree = tree.file(format!("{path}/boot/initrd.img-{version}"), "initrd");
    }
    tree
}

/// Ubuntu: the top is the default, the system is in `@`. GRUB sees the top.
fn ubuntu() -> Tree {
    let options = "ro rootflags=subvol=@ quiet splash";
    let cfg = update_grub("/@", "6.8.0-51-generic", options);
    system(Tree::new().uuid(ROOT), "/@", &["6.8.0-51-generic"])
        .file("/@/boot/grub/grub.cfg", cfg)
        .dir("/@home")
}

#[test]
fn ubuntus_system_is_in_a_subvolume_that_grub_sees_from_the_top() {
    let kernel = "hd0,gpt2:@ /boot/vmlinuz-6.8.0-51-generic + hd0,gpt2:@ /boot/initrd.img-6.8.0-51-generic";
    let options = format!("root=UUID={ROOT} ro rootflags=subvol=@ quiet splash");
    let expected = [
        format!("*System: {kernel} [{options}]"),
        format!("Advanced / System, with Linux 6.8.0-51-generic: {kernel} [{options} debug]"),
    ];
    let all = ["/", "@", "@home"];
    // With and without the stub that leads to it, and where the default was set to the system's own subvolume.
    assert_eq!(machine(vec![stub("/@"), roots(2, ubuntu(), &all)]).entries(), expected);
    assert_eq!(machine(vec![roots(2, ubuntu(), &all)]).entries(), expected);
    assert_eq!(machine(vec![roots(2, ubuntu(), &["@", "/", "@home"])]).entries(), expected);
    // A driver that knows no roots has the top, and the stub knows where the system is.
    let flat = machine(vec![stub("/@"), plain(2, ubuntu())]);
    assert_eq!(flat.entries()[0], expected[0].replace("gpt2:@ ", "gpt2 /@"));
}

#[test]
fn the_environment_beside_a_script_is_found_from_the_top() {
    let tree = ubuntu().file(
        "/@/boot/grub/grubenv",
        format!(
            "# GRUB Environment Block\nsaved_entry=advanced>gnulinux-6.8.0-51-generic\n{}",
            "#".repeat(900)
        ),
    );
    let machine = machine(vec![roots(2, tree, &["/", "@", "@home"])]);
    assert!(machine.entries()[1].starts_with("*Advanced"), "{:?}", machine.entries());
    let source = &machine.found.entries[0].source;
    assert_eq!(
        (machine.volumes.get(source.volume).unwrap().name(), source.path.as_str()),
        ("hd0,gpt2:@", "/boot/grub/grub.cfg")
    );
}

#[test]
fn a_path_from_the_top_is_not_one_of_the_default() {
    // As in GRUB, `/boot` of the top, where it has one, and not of `@`.
    let cfg = update_grub("", "1", "ro");
    let tree = ubuntu().file("/@/boot/grub/grub.cfg", cfg).file("/boot/vmlinuz-1", "another");
    let machine = machine(vec![roots(2, tree, &["@", "/", "@home"])]);
    assert!(
        machine.entries()[0].starts_with("*System: hd0,gpt2:/ /boot/vmlinuz-1"),
        "{:?}",
        machine.entries()
    );
}

#[test]
fn archs_and_debians_subvolumes_are_found() {
    let arch = "set timeout=5\nmenuentry 'Arch Linux' --id arch {\n\
        \tsearch --no-floppy --fs-uuid --set=root 11111111-2222-4333-8444-555555555555\n\
        \tlinux /@/boot/vmlinuz-linux root=UUID=11111111-2222-4333-8444-555555555555 rw rootflags=subvol=@ loglevel=3\n\
        \tinitrd /@/boot/amd-ucode.img /@/boot/initramfs-linux.img\n}\n";
    let tree = Tree::new().uuid(ROOT).file("/@/boot/grub/grub.cfg", arch).file("/@/boot/vmlinuz-linux", "k");
    let machine_of = |tree, all: &[&str]| machine(vec![roots(2, tree, all)]).entries();
    let initrds = "hd0,gpt2:@ /boot/amd-ucode.img + hd0,gpt2:@ /boot/initramfs-linux.img";
    let options = format!("root=UUID={ROOT} rw rootflags=subvol=@ loglevel=3");
    assert_eq!(
        machine_of(tree, &["/", "@"]),
        [format!("*Arch Linux: hd0,gpt2:@ /boot/vmlinuz-linux + {initrds} [{options}]")]
    );
    let cfg = update_grub("/@rootfs", "6.12.9-amd64", "ro rootflags=subvol=@rootfs quiet");
    let tree = system(Tree::new().uuid(ROOT), "/@rootfs", &["6.12.9-amd64"])
        .file("/@rootfs/boot/grub/grub.cfg", cfg);
    let found = machine_of(tree, &["/", "@rootfs"]);
    assert!(found[0].starts_with("*System: hd0,gpt2:@rootfs /boot/vmlinuz-6.12.9-amd64"), "{found:?}");
}

/// openSUSE's grub.cfg: paths start at the default subvolume, `extra_cmdline` is for snapshots.
fn opensuse_cfg(version: &str) -> String {
    format!(
        "set btrfs_relative_path=\"y\"\nexport btrfs_relative_path\n\
         if [ -f ${{config_directory}}/grubenv ]; then\n  load_env -f ${{config_directory}}/grubenv\n\
         elif [ -s $prefix/grubenv ]; then\n  load_env\nfi\nset default=\"${{saved_entry}}\"\nset timeout=8\n\
         if [ -n \"$extra_cmdline\" ]; then\n  submenu \"Bootable snapshot #$snapshot_num\" {{\n\
         \x20   menuentry \"If OK, run 'snapper rollback' and reboot.\" {{ true; }}\n  }}\nfi\n\
         menuentry 'openSUSE' --id 'gnulinux-simple-{ROOT}' {{\n\
         \tsearch --no-floppy --fs-uuid --set=root {ROOT}\n\
         \tlinux\t/boot/vmlinuz-{version}-default root=UUID={ROOT}  ${{extra_cmdline}} splash=silent\n\
         \tinitrd\t/boot/initrd-{version}-default\n}}\n\
         btrfs-mount-subvol ($root) /.snapshots @/.snapshots\n\
         if [ -f \"/.snapshots/grub-snapshot.cfg\" ]; then\n  source \"/.snapshots/grub-snapshot.cfg\"\nfi\n"
    )
}

/// The entry that snapper's plugin writes for a snapshot.
fn snapshot_cfg(number: u32) -> String {
    format!(
        "if [ -f \"/.snapshots/{number}/snapshot/boot/grub2/grub.cfg\" ]; then\n  snapshot_found=true\n\
         \x20 saved_subvol=$btrfs_subvol\n\
         \x20 menuentry  \" openSUSE (7.0.{number},2026-10-31T16:14,post,zypp(zypper))\" \"/.snapshots/{number}/snapshot\" \"/@/.snapshots/{number}/snapshot\" {{\n\
         \x20   btrfs_subvol=\"$3\"\n    extra_cmdline=\"rootflags=subvol=$3\"\n    export extra_cmdline\n\
         \x20   snapshot_num={number}\n    export snapshot_num\n    configfile \"$2/boot/grub2/grub.cfg\"\n\
         \x20   btrfs_subvol=$saved_subvol\n  }}\nfi\n"
    )
}

/// openSUSE with these snapshots; the default is the first.
fn opensuse(snapshots: &[u32], cfg: impl Fn(u32) -> String) -> (Tree, Vec<String>) {
    let mut tree = Tree::new().uuid(ROOT).dir("/@/boot/grub2/x86_64-efi").dir("/@/home").file("/@/var/x", "");
    let mut menu = String::from(
        "if [ -z \"$extra_cmdline\" ]; then\n  submenu  \"Start bootloader from a read-only snapshot\" {\n",
    );
    let mut all = Vec::new();
    for number in snapshots {
        let path = format!("/@/.snapshots/{number}/snapshot");
        all.push(path.trim_start_matches('/').to_string());
        tree = tree
            .file(format!("{path}/boot/grub2/grub.cfg"), cfg(*number))
            .file(format!("{path}/boot/vmlinuz-7.0.{number}-default"), "k")
            .file(format!("{path}/boot/initrd-7.0.{number}-default"), "i")
            .file(format!("{path}/etc/fstab"), format!("UUID={ROOT} / btrfs defaults 0 0\n"))
            .dir(format!("{path}/.snapshots"))
            .dir(format!("{path}/boot/grub2/x86_64-efi"));
        if *number > 1 {
            tree = tree.file(format!("/@/.snapshots/{number}/grub-snapshot.cfg"), snapshot_cfg(*number));
            write!(menu, "    if [ -f \"/.snapshots/{number}/grub-snapshot.cfg\" ]; then\n      source \"/.snapshots/{number}/grub-snapshot.cfg\"\n    fi\n").unwrap();
        }
    }
    menu += "    if [ x$snapshot_found != xtrue ]; then\n      submenu \"Not Found\" { true; }\n    fi\n  }\nfi\n";
    let tree = tree.file("/@/.snapshots/grub-snapshot.cfg", menu);
    all.extend(["/", "@", "@/.snapshots", "@/boot/grub2/x86_64-efi", "@/home"].map(String::from));
    (tree, all)
}

fn opensuse_esp() -> Vec<Volume> {
    let text = format!(
        "set btrfs_relative_path=\"yes\"\nsearch --fs-uuid --set=root {ROOT}\n\
         set prefix=(${{root}})/boot/grub2\nsource \"${{prefix}}/grub.cfg\"\n"
    );
    plain(1, Tree::new().uuid("E5E5-0001").file("/EFI/opensuse/grub.cfg", text))
}

fn of(tree: Tree, all: &[String]) -> Vec<Volume> {
    roots(2, tree, &all.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn opensuse_starts_from_its_default_subvolume_and_from_snapshots() {
    let (tree, all) = opensuse(&[1, 2], |number| opensuse_cfg(&format!("7.0.{number}")));
    let kernel = |number: u32| {
        let root = format!("hd0,gpt2:@/.snapshots/{number}/snapshot");
        format!("{root} /boot/vmlinuz-7.0.{number}-default + {root} /boot/initrd-7.0.{number}-default")
    };
    let read_only =
        "Start bootloader from a read-only snapshot /  openSUSE (7.0.2,2026-10-31T16:14,post,zypp(zypper))";
    let expected = [
        format!("*openSUSE: {} [root=UUID={ROOT} splash=silent]", kernel(1)),
        format!(
            "{read_only} / openSUSE: {} [root=UUID={ROOT} rootflags=subvol=/@/.snapshots/2/snapshot splash=silent]",
            kernel(2)
        ),
    ];
    let without_notes = |machine: &Machine| -> Vec<String> {
        // What the menu of a snapshot says to its reader starts nothing.
        assert!(machine.found.problems.iter().all(|problem| problem.object.contains("snapper rollback")));
        machine.found.entries.iter().map(|entry| machine.shown(entry)).collect()
    };
    assert_eq!(without_notes(&machine(vec![opensuse_esp(), of(tree.clone(), &all)])), expected);
    assert_eq!(without_notes(&machine(vec![of(tree, &all)])), expected);
    // A snapshot's menu may be the same text: its files are others.
    let (tree, all) = opensuse(&[1, 2], |_| opensuse_cfg("7.0.1"));
    let tree = tree.file("/@/.snapshots/2/snapshot/boot/vmlinuz-7.0.1-default", "k");
    let same = without_notes(&machine(vec![opensuse_esp(), of(tree, &all)]));
    assert_eq!(same.len(), 2, "{same:?}");
    assert!(same[1].contains("hd0,gpt2:@/.snapshots/2/snapshot /boot/vmlinuz-7.0.1-default"), "{same:?}");
}

#[test]
fn grub_variables_choose_the_subvolume() {
    let tree =
        Tree::new().uuid(ROOT).file("/@/d/k", "k").file("/@/x", "x").file("/@/s/k", "k").file("/k", "k");
    let all = ["@/d", "/", "@", "@/s"];
    let kernel = |script: &str| {
        let tree =
            tree.clone().file("/@/d/boot/grub2/grub.cfg", format!("{script}\nmenuentry a {{ linux $k; }}\n"));
        let machine = machine(vec![roots(2, tree, &all)]);
        machine.found.entries.first().and_then(Entry::file).map(|file| machine.file(file))
    };
    let cases = [
        ("k=/@/d/k", "hd0,gpt2:@/d /k"),
        ("k=/k", "hd0,gpt2:/ /k"),
        ("set btrfs_relative_path=\"n\"\nk=/k", "hd0,gpt2:/ /k"),
        ("set btrfs_relative_path=\"y\"\nk=/k", "hd0,gpt2:@/d /k"),
        ("set btrfs_relative_path=\"yes\"\nk=/k", "hd0,gpt2:@/d /k"),
        ("set btrfs_relative_path=1\nk=/k", "hd0,gpt2:@/d /k"),
        ("set btrfs_relative_path=\"y\"\nset btrfs_subvol=/@/s\nk=/k", "hd0,gpt2:@/s /k"),
        ("set btrfs_relative_path=\"y\"\nset btrfs_subvol=@\nk=/x", "hd0,gpt2:@ /x"),
        ("set btrfs_relative_path=\"y\"\nset btrfs_subvolid=5\nk=/k", "hd0,gpt2:/ /k"),
        ("set btrfs_relative_path=\"n\"\nset btrfs_subvol=/@/s\nk=/k", "hd0,gpt2:/ /k"),
        ("set btrfs_relative_path=\"y\"\nbtrfs-mount-subvol ($root) /boot @/s\nk=/boot/k", "hd0,gpt2:@/s /k"),
        (
            "set btrfs_relative_path=\"y\"\nbtrfs-mount-subvol (hd0,gpt2) /boot /@/s\nk=/bootx/k",
            "hd0,gpt2:@/d /bootx/k",
        ),
        // What is not there cannot be mounted.
        (
            "set btrfs_relative_path=\"y\"\nbtrfs-mount-subvol ($root) /none @/s\nk=/none/k",
            "hd0,gpt2:@/d /none/k",
        ),
        (
            "set btrfs_relative_path=\"y\"\nif btrfs-mount-subvol ($root) /boot @/none; then k=/1; else k=/2; fi",
            "hd0,gpt2:@/d /2",
        ),
        (
            "set btrfs_relative_path=\"y\"\nbtrfs-get-default-subvol -p -o d ($root)\nbtrfs_subvol=\"$d\"\nk=/k",
            "hd0,gpt2:@/d /k",
        ),
        ("set btrfs_relative_path=\"y\"\nfunction f { k=/k; }\nf", "hd0,gpt2:@/d /k"),
    ];
    for (script, expected) in cases {
        assert_eq!(kernel(script).as_deref(), Some(expected), "{script}");
    }
    assert_eq!(
        kernel("set btrfs_relative_path=\"y\"\nset btrfs_subvolid=999\nk=/k"),
        None,
        "no root has that number"
    );
}

#[test]
fn two_hundred_snapshots_are_no_two_hundred_entries() {
    // Each has the configuration of the system, and its kernels.
    let cfg = update_grub("/@", "1", "ro rootflags=subvol=@");
    let conf = "title System\nversion 1\nlinux /boot/vmlinuz-1\noptions root=x\n";
    let mut tree = Tree::new().uuid(ROOT);
    let mut all = vec![String::from("/"), "@".into()];
    all.extend((0..200).map(|i| format!("@snapshots/{i}/snapshot")));
    for path in all.iter().skip(1) {
        tree = system(tree, &format!("/{path}"), &["1"])
            .file(format!("/{path}/boot/grub/grub.cfg"), cfg.as_str())
            .file(format!("/{path}/boot/loader/entries/system.conf"), conf);
    }
    let machine = machine(vec![stub("/@"), of(tree, &all)]);
    assert_eq!(machine.entries().len(), 3, "{:?}", machine.entries());
    assert!(
        machine
            .found
            .entries
            .iter()
            .all(|entry| machine.volumes.get(entry.source.volume).unwrap().name() == "hd0,gpt2:@")
    );
    assert!(machine.found.spent.lookups < MOST_LOOKUPS / 100, "{:?}", machine.found.spent);
}

#[test]
fn roots_that_are_not_looked_in_are_said() {
    let found = |count: usize, is_wanted: &dyn Fn(&Volume) -> bool| {
        let names: Vec<String> = (0..count).map(|i| format!("s{i:02}")).collect();
        let tree = names.iter().fold(Tree::new().uuid(ROOT), |tree, name| {
            tree.file(format!("/{name}/extlinux/extlinux.conf"), format!("label {name}\nlinux /k\n"))
        });
        let all: Vec<&str> = ["/"].into_iter().chain(names.iter().map(String::as_str)).collect();
        let volumes = Volumes::from_volumes(roots(1, tree, &all));
        let found = Scope { is_wanted, ..Scope::new(Arch::X86_64, &|_, _| false) }.discover(&volumes);
        let problem = |problem: &entries::Problem| format!("{}: {}", problem.object, problem.error);
        (found.entries.len(), found.problems.iter().map(problem).collect::<Vec<_>>())
    };
    let line = "hd0,gpt1:/: more than 16 subvolumes to search: the others are left out";
    let is_system = |volume: &Volume| volume.subvolume().starts_with('s');
    for is_wanted in [&|_: &Volume| true, &is_system as &dyn Fn(&Volume) -> bool] {
        assert_eq!(found(16, is_wanted), (16, vec![]));
        assert_eq!(found(17, is_wanted), (16, vec![line.to_string()]));
    }
}

#[test]
fn what_two_roots_have_alike_is_there_once_the_default_first() {
    // A system that was rolled back: the default is a copy of `@`, which is still there.
    let cfg = update_grub("/@", "1", "ro rootflags=subvol=@");
    let newer = update_grub("/@", "2", "ro rootflags=subvol=@");
    let (copy, first) = ("/@snapshots/7", "/@");
    let conf =
        |version: &str| format!("title System {version}\nversion {version}\nlinux /boot/vmlinuz-{version}\n");
    let tree = |second: &str| {
        let tree = system(Tree::new().uuid(ROOT), copy, &["1"])
            .file("/@snapshots/7/boot/grub/grub.cfg", cfg.as_str());
        let tree = system(tree, first, &["1", "2"]).file("/@/boot/grub/grub.cfg", second);
        tree.file("/@snapshots/7/boot/loader/entries/s.conf", conf("1"))
            .file("/@/boot/loader/entries/s.conf", conf("1"))
            .file("/@/boot/loader/entries/t.conf", conf("2"))
    };
    let found = |second: &str| {
        let machine = machine(vec![roots(2, tree(second), &["@snapshots/7", "/", "@"])]);
        let title = |entry: &Entry| {
            (entry.title.clone(), machine.volumes.get(entry.source.volume).unwrap().name().to_string())
        };
        machine
            .found
            .entries
            .iter()
            .map(title)
            .map(|(title, volume)| format!("{title} of {volume}"))
            .collect::<Vec<_>>()
    };
    let of_copy = |text: &str| format!("{text} of hd0,gpt2:@snapshots/7");
    let of_first = |text: &str| format!("{text} of hd0,gpt2:@");
    let alike = [
        of_copy("System 1"),
        of_first("System 2"),
        of_copy("System"),
        of_copy("Advanced / System, with Linux 1"),
    ];
    assert_eq!(found(&cfg), alike);
    // Of another script, the entries that the first has not.
    let mut other = alike.to_vec();
    other.extend(["System (System-2)", "Advanced / System, with Linux 2"].map(of_first));
    assert_eq!(found(&newer), other);
}

#[test]
fn fedoras_entries_may_stand_in_the_subvolume_of_its_system() {
    // Without a /boot of its own: the entries count from the top, as grub2-mkrelpath does.
    let conf = "title Fedora Linux (7.0)\nversion 7.0\nlinux /root/boot/vmlinuz-7.0\n\
        initrd /root/boot/initramfs-7.0.img $tuned_initrd\n\
        options root=UUID=11111111-2222-4333-8444-555555555555 ro rootflags=subvol=root rhgb\n";
    let cfg = format!(
        "if [ -f ${{config_directory}}/grubenv ]; then\n  load_env -f ${{config_directory}}/grubenv\nfi\n\
         set default=\"${{saved_entry}}\"\nset timeout=5\nsearch --no-floppy --fs-uuid --set=root {ROOT}\n\
         search --no-floppy --fs-uuid --set=boot {ROOT}\ninsmod blscfg\nblscfg\n"
    );
    let stub = format!(
        "search --no-floppy --root-dev-only --fs-uuid --set=dev {ROOT}\nset prefix=($dev)/root/boot/grub2\n\
         export $prefix\nconfigfile $prefix/grub.cfg\n"
    );
    let esp = || plain(1, Tree::new().uuid("E5E5-0001").file("/EFI/fedora/grub.cfg", stub.as_str()));
    let tree = |conf: &str| {
        Tree::new()
            .uuid(ROOT)
            .file("/root/boot/grub2/grub.cfg", cfg.as_str())
            .file("/root/boot/loader/entries/m-7.0.conf", conf)
            .file("/root/boot/vmlinuz-7.0", "k")
            .file("/root/boot/initramfs-7.0.img", "i")
            .file("/root/etc/os-release", "ID=fedora\n")
            .dir("/home")
    };
    let entry =
        "*Fedora Linux (7.0): hd0,gpt2:root /boot/vmlinuz-7.0 + hd0,gpt2:root /boot/initramfs-7.0.img";
    let expected = format!("{entry} [root=UUID={ROOT} ro rootflags=subvol=root rhgb]");
    for conf in [conf.to_string(), conf.replace("/root/boot", "/boot"), conf.replace("/root/boot", "")] {
        for partitions in [
            vec![esp(), roots(2, tree(&conf), &["/", "root", "home"])],
            vec![roots(2, tree(&conf), &["/", "root", "home"])],
            vec![esp(), roots(2, tree(&conf), &["root", "/", "home"])],
        ] {
            assert_eq!(machine(partitions).entries(), [expected.as_str()], "{conf}");
        }
    }
    // A folder that the environment names counts from where GRUB looks: the top.
    let env = format!("# GRUB Environment Block\nblsdir=/root/boot/loader/entries\n{}", "#".repeat(900));
    let with_env = tree(conf).file("/root/boot/grub2/grubenv", env);
    assert_eq!(machine(vec![esp(), roots(2, with_env, &["/", "root", "home"])]).entries(), [expected]);
}

#[test]
fn labels_of_extlinux_count_from_their_subvolume_or_from_the_top() {
    for path in ["/boot/vmlinuz-1", "/@/boot/vmlinuz-1", "../vmlinuz-1"] {
        let conf =
            format!("default l0\nlabel l0\n  linux {path}\n  append root=UUID={ROOT} rootflags=subvol=@\n");
        let tree = system(Tree::new().uuid(ROOT), "/@", &["1"]).file("/@/boot/extlinux/extlinux.conf", conf);
        let machine = machine(vec![roots(2, tree, &["/", "@"])]);
        let kernel = machine.file(machine.found.entries[0].file().unwrap());
        assert_eq!(kernel.replace("/extlinux/..", ""), "hd0,gpt2:@ /boot/vmlinuz-1", "{path}");
    }
}

#[test]
fn kernels_by_their_names_get_the_subvolume_of_their_system() {
    let fstab =
        |options: &str| format!("UUID={ROOT} / btrfs {options} 0 0\nUUID=B /boot ext4 defaults 0 2\n");
    let options = |path: &str, options: &str, all: &[&str]| {
        let tree =
            system(Tree::new().uuid(ROOT), path, &["6.1"]).file(format!("{path}/etc/fstab"), fstab(options));
        let machine = machine(vec![roots(2, tree, all)]);
        let entries = machine.entries();
        assert_eq!((entries.len(), machine.found.entries[0].source.kind), (1, Kind::Glob), "{entries:?}");
        machine.found.entries[0].linux().unwrap().options.clone()
    };
    let root = format!("root=UUID={ROOT} ro");
    let cases = [
        // Fedora, Ubuntu, Debian.
        ("/root", "subvol=root,compress=zstd:1", vec!["/", "root"], " rootflags=subvol=root"),
        ("/@", "defaults,subvol=/@", vec!["/", "@"], " rootflags=subvol=@"),
        ("/@rootfs", "defaults", vec!["/", "@rootfs"], " rootflags=subvol=@rootfs"),
        // The default needs none, unless its fstab names it.
        ("/@", "defaults", vec!["@", "/"], ""),
        ("/@", "subvol=@", vec!["@", "/"], " rootflags=subvol=@"),
        ("/@", "subvolid=256", vec!["@", "/"], " rootflags=subvolid=256"),
        ("/@/.snapshots/1/snapshot", "defaults", vec!["@/.snapshots/1/snapshot", "/"], ""),
        // A name that no distribution gives.
        ("/mine", "defaults", vec!["/", "mine"], " rootflags=subvol=mine"),
        // The top, where another is the default.
        ("", "defaults", vec!["@empty", "/"], " rootflags=subvol=/"),
    ];
    for (path, of_fstab, all, expected) in cases {
        let found = if path.is_empty() {
            let tree = system(Tree::new().uuid(ROOT).dir("/@empty"), "", &["6.1"])
                .file("/etc/fstab", fstab(of_fstab));
            machine(vec![roots(2, tree, &all)]).found.entries[0].linux().unwrap().options.clone()
        } else {
            options(path, of_fstab, &all)
        };
        assert_eq!(found, format!("{root}{expected}"), "{path} {of_fstab} {all:?}");
    }
}

#[test]
fn a_snapshot_that_is_named_starts_as_itself() {
    // Its fstab is that of its original, which it would lead to.
    let fstab = format!("UUID={ROOT} / btrfs subvol=@ 0 0\n");
    let mut tree = Tree::new().uuid(ROOT);
    for path in ["/@", "/@snapshots/3"] {
        tree = system(tree, path, &["6.1"]).file(format!("{path}/etc/fstab"), fstab.as_str());
    }
    let volumes = Volumes::from_volumes(roots(2, tree, &["/", "@", "@snapshots/3"]));
    let wanted = |name: &'static str| {
        let scope =
            Scope { is_wanted: &|volume| volume.name() == name, ..Scope::new(Arch::X86_64, &|_, _| false) };
        let found = scope.discover(&volumes);
        assert_eq!((found.entries.len(), found.problems.len()), (1, 0));
        found.entries[0].linux().unwrap().options.clone()
    };
    assert_eq!(wanted("hd0,gpt2:@"), format!("root=UUID={ROOT} ro rootflags=subvol=@"));
    assert_eq!(wanted("hd0,gpt2:@snapshots/3"), format!("root=UUID={ROOT} ro rootflags=subvol=@snapshots/3"));
}

/// What is found where only one root is looked in: entries, and what was wrong.
fn looking_in(tree: Tree, all: &[String], name: &str) -> (Vec<String>, Vec<String>) {
    let volumes = Volumes::from_volumes(of(tree, all));
    let is_wanted = |volume: &Volume| volume.name() == name;
    let found = Scope { is_wanted: &is_wanted, ..Scope::new(Arch::X86_64, &|_, _| false) }.discover(&volumes);
    let machine = Machine { volumes, found };
    let problems = machine.found.problems.iter();
    let problems = problems.map(|problem| format!("{}: {}", problem.object, problem.error)).collect();
    (machine.found.entries.iter().map(|entry| machine.shown(entry)).collect(), problems)
}

#[test]
fn a_copy_of_a_system_does_not_start_its_original() {
    let cfg = update_grub("/@", "6.8.0-51-generic", "ro rootflags=subvol=@ quiet splash");
    let tree = system(ubuntu(), "/@snapshots/3", &["6.8.0-50-generic"])
        .file("/@snapshots/3/boot/grub/grub.cfg", cfg);
    let all = ["/", "@", "@home", "@snapshots/3"].map(String::from);
    let root = "hd0,gpt2:@snapshots/3";
    let (entries, problems) = looking_in(tree.clone(), &all, root);
    let kernel = format!("{root} /boot/vmlinuz-6.8.0-50-generic + {root} /boot/initrd.img-6.8.0-50-generic");
    let options = format!("root=UUID={ROOT} ro rootflags=subvol=@snapshots/3");
    assert!(entries.len() == 1 && entries[0].contains(&format!("{kernel} [{options}]")), "{entries:?}");
    let why = "entries start files of the subvolume @, which is not searched";
    assert_eq!(problems, [format!("{root} /boot/grub/grub.cfg: {why}")]);
    let (entries, problems) = looking_in(tree, &all, "hd0,gpt2:@");
    assert!(entries.len() == 2 && problems.is_empty(), "{entries:?} {problems:?}");
    // What stands in the chosen one is part of it.
    let cfg = update_grub("/@", "6.8.0-51-generic", "ro");
    let tree = ubuntu().file("/boot/grub/grub.cfg", cfg);
    let (entries, problems) = looking_in(tree, &["@", "/"].map(String::from), "hd0,gpt2:/");
    assert!(entries.len() == 2 && problems.is_empty(), "{entries:?} {problems:?}");
}

#[test]
fn opensuses_snapshot_that_is_named_mounts_itself() {
    let (tree, all) = opensuse(&[1, 2], |number| opensuse_cfg(&format!("7.0.{number}")));
    let root = "hd0,gpt2:@/.snapshots/2/snapshot";
    let (entries, _) = looking_in(tree, &all, root);
    let kernel = format!("{root} /boot/vmlinuz-7.0.2-default + {root} /boot/initrd-7.0.2-default");
    let options = format!("root=UUID={ROOT} splash=silent rootflags=subvol=/@/.snapshots/2/snapshot");
    assert_eq!(entries, [format!("*openSUSE: {kernel} [{options}]")]);
}

#[test]
fn the_defaults_of_grub_may_name_the_subvolume_themselves() {
    // Fedora 33 had it there.
    let tree = system(Tree::new().uuid(ROOT), "/root", &["6.1"])
        .file("/root/etc/fstab", format!("UUID={ROOT} / btrfs subvol=root 0 0\n"))
        .file("/root/etc/default/grub", "GRUB_CMDLINE_LINUX=\"rootflags=subvol=root,degraded rhgb\"\n");
    let machine = machine(vec![roots(2, tree, &["/", "root"])]);
    let expected = format!("root=UUID={ROOT} ro rootflags=subvol=root,degraded rhgb");
    assert_eq!(machine.found.entries[0].linux().unwrap().options, expected);
}

#[test]
fn a_boot_of_its_own_belongs_to_the_system_in_a_subvolume() {
    let boot = |format: &str| {
        let tree = Tree::new().uuid("B").file("/vmlinuz-6.1", "k").file("/initrd.img-6.1", "i");
        if format == "ext4" { plain(2, tree) } else { roots(2, tree.dir("/@boot"), &["/", "@boot"]) }
    };
    let root = |boot: &str| {
        let fstab = format!("UUID={ROOT} / btrfs subvol=root 0 0\nUUID=B /boot {boot} 0 2\n");
        roots(3, Tree::new().uuid(ROOT).file("/root/etc/fstab", fstab).dir("/home"), &["/", "root", "home"])
    };
    let line = |machine: &Machine| machine.found.entries[0].linux().unwrap().options.clone();
    let known = format!("root=UUID={ROOT} ro rootflags=subvol=root");
    assert_eq!(line(&machine(vec![boot("ext4"), root("ext4 defaults")])), known);
    assert_eq!(line(&machine(vec![root("ext4 defaults"), boot("ext4")])), known);
    assert_eq!(line(&machine(vec![boot("btrfs"), root("btrfs subvol=/")])), known);
    // Another subvolume than the one that the fstab mounts.
    assert_eq!(line(&machine(vec![boot("btrfs"), root("btrfs subvol=@boot")])), "root=UUID=B ro");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever roots there are, a path from the top leads to the file that stands there; below a subvolume that paths
    /// start at, to the file below it.
    #[test]
    fn a_file_is_the_same_by_whatever_root(
        folders in prop::collection::vec("(/[ab@]){1,3}", 1..6),
        chosen in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        at in any::<prop::sample::Index>(),
    ) {
        let mut tree = Tree::new().uuid(ROOT);
        for folder in &folders {
            tree = tree.file(format!("{folder}/k"), folder.as_str());
        }
        let mut all = vec![String::from("/")];
        for folder in chosen.iter().map(|index| index.get(&folders)[1..].to_string()) {
            if !all.contains(&folder) {
                all.push(folder);
            }
        }
        let start = at.get(&all).trim_matches('/').to_string();
        let below = |folder: &&String| start.is_empty() || folder[1..].starts_with(&format!("{start}/")) || folder[1..] == start;
        let folder = folders.iter().find(below).unwrap();
        let rest = if start.is_empty() { folder.as_str() } else { &folder[1 + start.len()..] };
        for script in [
            format!("menuentry a {{ linux {folder}/k; }}\n"),
            format!("set btrfs_relative_path=y\nset btrfs_subvol=/{start}\nmenuentry a {{ linux {rest}/k; }}\n"),
        ] {
            let machine = machine(vec![of(tree.clone().file("/boot/grub/grub.cfg", script.as_str()), &all)]);
            let file = machine.found.entries[0].file().unwrap();
            let content = machine.volumes.get(file.volume).unwrap().read(&file.path, 100).unwrap();
            prop_assert_eq!(String::from_utf8(content).unwrap(), folder.as_str(), "{} {:?}", script, all);
        }
    }
}
