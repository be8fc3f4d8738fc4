// SPDX-License-Identifier: BSD-3-Clause
//! Systems in subvolumes of filesystems that mkfs.btrfs has made, and what GRUB reads at the same paths.

use std::{
    fs,
    path::{Path, PathBuf},
    rc::Rc,
};

use entries::{Arch, Entry, Found, MOST_LOOKUPS, discover};
use oracle::tools::{run, work_dir};
use vfs::{Disk, Volumes};

const ROOT: &str = "11111111-2222-4333-8444-555555555555";

/// A filesystem that holds these files, in these subvolumes; the first of them is the default, unless it is the top.
struct Image {
    path: PathBuf,
    volumes: Volumes,
    found: Found,
}

fn image(name: &str, files: &[(String, String)], subvolumes: &[String]) -> Image {
    let work = work_dir(name);
    let (source, path) = (work.join("source"), work.join("image"));
    for subvolume in subvolumes.iter().filter(|path| *path != "/") {
        fs::create_dir_all(source.join(subvolume)).unwrap();
    }
    for (path, text) in files {
        let path = source.join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    make(&source, &path, subvolumes, ROOT);
    let bytes = fs::read(&path).unwrap();
    let volumes = Volumes::discover(vec![Disk { device: Rc::new(bytes), name: "hd0".into() }]);
    assert_eq!(volumes.problems(), [], "{name}");
    let found = discover(&volumes, Arch::X86_64, &|_, _| false);
    assert_eq!(found.problems, [], "{name}");
    Image { path, volumes, found }
}

fn make(source: &Path, path: &Path, subvolumes: &[String], uuid: &str) {
    fs::File::create(path).unwrap().set_len(256 << 20).unwrap();
    let kind = |(i, path): (usize, &String)| format!("{}:{path}", if i == 0 { "default" } else { "rw" });
    let made: Vec<String> =
        subvolumes.iter().enumerate().filter(|(_, path)| *path != "/").map(kind).collect();
    let mut arguments = vec!["-q", "-U", uuid, "--rootdir", source.to_str().unwrap()];
    arguments.extend(made.iter().flat_map(|subvolume| ["--subvol", subvolume.as_str()]));
    arguments.push(path.to_str().unwrap());
    run("mkfs.btrfs", &arguments);
}

impl Image {
    /// Title, kernel with its volume, and options.
    fn shown(&self) -> Vec<String> {
        let show = |entry: &Entry| {
            let linux = entry.linux().unwrap();
            let volume = self.volumes.get(linux.kernel.volume).unwrap().name();
            let path = String::from_utf8(linux.kernel.path.clone()).unwrap();
            format!("{}: {volume} {path} [{}]", entry.title, linux.options)
        };
        self.found.entries.iter().map(show).collect()
    }

    /// The content of an entry's kernel, as we read it.
    fn ours(&self, entry: usize) -> Vec<u8> {
        let file = self.found.entries[entry].file().unwrap();
        self.volumes.get(file.volume).unwrap().read(&file.path, 1 << 20).unwrap()
    }

    /// The content of a file as GRUB reads it, from the top.
    fn grubs(&self, path: &str) -> Vec<u8> {
        run("grub-fstest", &[self.path.to_str().unwrap(), "cat", &format!("(loop0){path}")])
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn file(path: &str, text: impl Into<String>) -> (String, String) {
    (path.into(), text.into())
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_string()).collect()
}

fn cfg(variables: &str, kernel: &str, options: &str) -> String {
    format!(
        "{variables}menuentry 'System' --id system {{\n  search --no-floppy --fs-uuid --set=root {ROOT}\n\
         \x20 linux {kernel} root=UUID={ROOT} {options}\n}}\n"
    )
}

#[test]
fn grub_and_we_read_the_same_kernel_from_the_top() {
    let kernel = "/@/boot/vmlinuz-6.14";
    let files = [
        file("/@/boot/grub/grub.cfg", cfg("", kernel, "ro rootflags=subvol=@")),
        file(kernel, "the kernel in @"),
        file("/boot/vmlinuz-6.14", "another at the top"),
        file("/@home/user/x", ""),
    ];
    for (at, subvolumes) in [names(&["/", "@", "@home"]), names(&["@", "@home"])].into_iter().enumerate() {
        let image = image(&format!("btrfs-top-{at}"), &files, &subvolumes);
        let expected = format!("System: hd0:@ /boot/vmlinuz-6.14 [root=UUID={ROOT} ro rootflags=subvol=@]");
        assert_eq!(image.shown(), [expected], "{subvolumes:?}");
        assert_eq!(image.ours(0), image.grubs(kernel), "{subvolumes:?}");
        assert_eq!(image.ours(0), b"the kernel in @");
    }
}

#[test]
fn the_default_subvolume_of_opensuse_is_where_its_paths_start() {
    let root = |number: u32| format!("@/.snapshots/{number}/snapshot");
    let relative = "set btrfs_relative_path=\"y\"\nexport btrfs_relative_path\n";
    let menu = "submenu Snapshots {\n  menuentry Old /.snapshots/7/snapshot /@/.snapshots/7/snapshot {\n\
        \x20   btrfs_subvol=\"$3\"\n    extra_cmdline=\"rootflags=subvol=$3\"\n    export extra_cmdline\n\
        \x20   configfile \"$2/boot/grub2/grub.cfg\"\n  }\n}\n";
    let script = |mount: &str| cfg(relative, "/boot/vmlinuz", "${extra_cmdline}") + mount;
    let mount = "btrfs-mount-subvol ($root) /.snapshots @/.snapshots\nsource /.snapshots/grub-snapshot.cfg\n";
    let files = [
        file(&format!("/{}/boot/grub2/grub.cfg", root(1)), script(mount)),
        file(&format!("/{}/boot/vmlinuz", root(1)), "the default's kernel"),
        file(&format!("/{}/.snapshots/keep", root(1)), ""),
        file("/@/.snapshots/grub-snapshot.cfg", menu),
        file(&format!("/{}/boot/grub2/grub.cfg", root(7)), script("")),
        file(&format!("/{}/boot/vmlinuz", root(7)), "the snapshot's kernel"),
    ];
    let mut subvolumes = vec![root(1), root(7)];
    subvolumes.extend(names(&["@", "@/.snapshots"]));
    let image = image("btrfs-default", &files, &subvolumes);
    assert_eq!(
        image.shown(),
        [
            format!("System: hd0:{} /boot/vmlinuz [root=UUID={ROOT}]", root(1)),
            format!(
                "Snapshots / Old / System: hd0:{0} /boot/vmlinuz [root=UUID={ROOT} rootflags=subvol=/{0}]",
                root(7)
            ),
        ]
    );
    for (entry, number) in [(0, 1), (1, 7)] {
        assert_eq!(image.ours(entry), image.grubs(&format!("/{}/boot/vmlinuz", root(number))), "{number}");
    }
}

#[test]
fn snapshots_without_number_are_read_as_far_as_menus_name_them() {
    // More than are volumes of their own.
    let kernel = "/@snapshots/99/boot/vmlinuz-6.14";
    let script = cfg("", "/@/boot/vmlinuz-6.14", "ro") + "menuentry Last { linux " + kernel + "; }\n";
    let mut files = vec![file("/@/boot/vmlinuz-6.14", "new"), file("/@/boot/grub/grub.cfg", script.as_str())];
    let mut subvolumes = names(&["/", "@"]);
    for number in 0..100 {
        let root = format!("@snapshots/{number}");
        files.push(file(&format!("/{root}/boot/grub/grub.cfg"), script.as_str()));
        files.push(file(&format!("/{root}/boot/vmlinuz-6.14"), number.to_string()));
        subvolumes.push(root);
    }
    let image = image("btrfs-snapshots", &files, &subvolumes);
    assert_eq!(image.found.entries.len(), 2, "{:?}", image.shown());
    assert_eq!((image.ours(0), image.ours(1)), (b"new".to_vec(), b"99".to_vec()));
    assert_eq!(image.ours(1), image.grubs(kernel));
    assert!(image.found.spent.lookups < MOST_LOOKUPS / 500, "{:?}", image.found.spent);
}

#[test]
fn a_kernel_by_its_name_starts_in_its_subvolume() {
    let files = [
        file("/root/boot/vmlinuz-6.14", "k"),
        file("/root/etc/fstab", format!("UUID={ROOT} / btrfs subvol=root,compress=zstd:1 0 0\n")),
    ];
    let image = image("btrfs-name", &files, &names(&["/", "root", "home"]));
    let expected =
        format!("Linux 6.14: hd0:root /boot/vmlinuz-6.14 [root=UUID={ROOT} ro rootflags=subvol=root]");
    assert_eq!(image.shown(), [expected]);
}

#[test]
fn subvolumes_are_known_by_their_numbers() {
    // One in the other, one that is a snapshot's shape, and more than are volumes of their own.
    let mut subvolumes = names(&["@", "@/nested", "@/nested/deep", "@snapshots/1/snapshot", "home"]);
    subvolumes.extend((0..80).map(|number| format!("many/{number}")));
    let mut files: Vec<_> =
        subvolumes.iter().map(|path| file(&format!("/{path}/k"), path.as_str())).collect();
    files.push(file("/k", ""));
    // What numbers they have is told by the image without a script.
    let plain = image("btrfs-numbers", &files, &subvolumes);
    let default = &plain.volumes.all()[0];
    let of = |path: &str| {
        let path_of = |number: &u64| default.root_of_number(*number) == Some(path);
        (256..1000).find(path_of).unwrap_or_else(|| panic!("{path}"))
    };
    // As Linux's own program has them.
    let dump = run("btrfs", &["inspect-internal", "dump-tree", "-t", "root", plain.path.to_str().unwrap()]);
    let dump = String::from_utf8_lossy(&dump).into_owned();
    let number_of = |name: &str| {
        let (front, _) = dump.split_once(&format!(" name {name}\n")).unwrap();
        let reference =
            front.rsplit("key (").find(|key| key.contains(" ROOT_BACKREF ") || key.contains(" ROOT_REF "));
        let words: Vec<&str> = reference.unwrap().split([' ', ')']).collect();
        words[if words[1] == "ROOT_REF" { 2 } else { 0 }].parse::<u64>().unwrap()
    };
    let number_of_default = default.number().unwrap();
    assert_eq!((default.subvolume(), number_of_default), ("@", number_of("@")));
    let mut script = String::from("set btrfs_relative_path=y\nexport btrfs_relative_path\n");
    let mut wanted = Vec::new();
    for path in subvolumes.iter().take(5).chain(subvolumes.iter().skip(80)) {
        let number = of(path);
        if let Some((_, name)) = path.rsplit_once('/').filter(|(_, name)| name.len() > 4) {
            assert_eq!(number, number_of(name), "{path}");
        }
        script += &format!("menuentry {number} {{ set btrfs_subvolid={number}; linux /k n={number}; }}\n");
        wanted.push((format!("{number}"), path.clone()));
    }
    // The one that is said last counts, and what there is not leads nowhere.
    script += "menuentry last { set btrfs_subvolid=5; set btrfs_subvol=@/nested; linux /k; }\n";
    wanted.push(("last".into(), "@/nested".into()));
    script += &format!(
        "menuentry id {{ set btrfs_subvol=@/nested; set btrfs_subvolid={}; linux /k; }}\n",
        of("home")
    );
    wanted.push(("id".into(), "home".into()));
    script += "menuentry default { set btrfs_subvolid=0; linux /k; }\nmenuentry none { set btrfs_subvolid=9999; linux /k; }\n";
    wanted.push(("default".into(), "@".into()));
    script += "btrfs-get-default-subvol --id-only --output number ($root)\n\
        btrfs-get-default-subvol --id-only --path-only --output both ($root)\n\
        menuentry said { linux /k $number $both; }\n";
    wanted.push(("said".into(), "@".into()));
    drop(plain);
    files.push(file("/@/boot/grub2/grub.cfg", script));
    let work = work_dir("btrfs-numbers-script");
    let (source, path) = (work.join("source"), work.join("image"));
    for (at, text) in &files {
        let path = source.join(at.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    make(&source, &path, &subvolumes, ROOT);
    let volumes =
        Volumes::discover(vec![Disk { device: Rc::new(fs::read(&path).unwrap()), name: "hd0".into() }]);
    fs::remove_file(&path).unwrap();
    let found = discover(&volumes, Arch::X86_64, &|_, _| false);
    let read = |entry: &Entry| {
        let kernel = &entry.linux()?.kernel;
        let bytes = volumes.get(kernel.volume)?.read(&kernel.path, 100).ok()?;
        Some((entry.title.clone(), String::from_utf8(bytes).ok()?))
    };
    assert_eq!(found.entries.iter().filter_map(read).collect::<Vec<_>>(), wanted);
    let said = found.entries.last().unwrap().linux().unwrap();
    assert_eq!(said.options, format!("{number_of_default} {number_of_default} /@"));
}

#[test]
fn a_broken_block_is_one_problem() {
    let work = work_dir("btrfs-broken");
    let (source, path) = (work.join("source"), work.join("image"));
    fs::create_dir_all(source.join("boot/grub")).unwrap();
    fs::write(source.join("boot/grub/grub.cfg"), "menuentry a { linux /k; }\n").unwrap();
    make(&source, &path, &names(&["/"]), ROOT);
    // The only node of the top, in both copies.
    let dump = run("btrfs", &["inspect-internal", "dump-tree", "-t", "5", path.to_str().unwrap()]);
    let address =
        String::from_utf8_lossy(&dump).split_once("leaf ").unwrap().1.split(' ').next().unwrap().to_string();
    let mapped = run("btrfs-map-logical", &["-l", &address, path.to_str().unwrap()]);
    let mut bytes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let mapped = String::from_utf8_lossy(&mapped).into_owned();
    let places: Vec<usize> = mapped
        .lines()
        .filter_map(|line| line.split_once("physical ")?.1.split(' ').next()?.parse().ok())
        .collect();
    assert_eq!(places.len(), 2, "{mapped}");
    places.iter().for_each(|place| bytes[place + 5000] ^= 1);
    let volumes = Volumes::discover(vec![Disk { device: Rc::new(bytes), name: "hd0".into() }]);
    let found = discover(&volumes, Arch::X86_64, &|_, _| false);
    assert!(found.entries.is_empty());
    let [problem] = &found.problems[..] else { panic!("{:?}", found.problems) };
    assert!(problem.object.starts_with("hd0 /") && problem.others > 3, "{problem:?}");
    let what = format!("btrfs: btrfs_header.csum at byte 0 of node {address}: checksum mismatch");
    let text = problem.to_string();
    assert!(
        text.starts_with(&what) && text.ends_with(&format!(" ({} more reads failed there)", problem.others)),
        "{text}"
    );
}

#[test]
fn a_boot_subvolume_belongs_to_the_system_that_mounts_its_number() {
    const BOOT: &str = "22222222-2222-4333-8444-555555555555";
    let disk = |name: &str, files: &[(&str, &str)], subvolumes: &[String], uuid: &str| {
        let work = work_dir(name);
        let (source, path) = (work.join("source"), work.join("image"));
        for folder in subvolumes {
            fs::create_dir_all(source.join(folder.trim_start_matches('/'))).unwrap();
        }
        for (at, text) in files {
            fs::create_dir_all(source.join(at).parent().unwrap()).unwrap();
            fs::write(source.join(at), text).unwrap();
        }
        make(&source, &path, subvolumes, uuid);
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        Disk { device: Rc::new(bytes), name: name.into() }
    };
    let boot = disk("boot", &[("vmlinuz-6.1", "k")], &names(&["/", "@boot"]), BOOT);
    let known = format!("root=UUID={ROOT} ro rootflags=subvol=root");
    // The top is what it mounts, then what stands in `@boot`.
    for (number, expected) in [(5, known), (256, format!("root=UUID={BOOT} ro"))] {
        let fstab =
            format!("UUID={ROOT} / btrfs subvol=root 0 0\nUUID={BOOT} /boot btrfs subvolid={number} 0 0\n");
        let root = disk(
            &format!("root-{number}"),
            &[("root/etc/fstab", fstab.as_str()), ("home/user/x", "")],
            &names(&["/", "root", "home"]),
            ROOT,
        );
        let volumes = Volumes::discover(vec![boot.clone(), root]);
        let found = discover(&volumes, Arch::X86_64, &|_, _| false);
        assert_eq!(found.entries[0].linux().unwrap().options, expected, "{number}");
    }
}
