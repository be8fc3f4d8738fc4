// SPDX-License-Identifier: BSD-3-Clause
//! Paths, files and directory listings of a volume, on trees in memory.

use std::ops::ControlFlow;

use damage::{Corrupt, Fault, Format, Origin};
use filesystem::{Attr, EachEntry, FileSystem, FileType, Identity};
use oracle::Tree;
use vfs::{Entry, Error, Volume, VolumeId, Volumes};

/// A system with Debian's layout, and bad links.
fn volume() -> Volume {
    let tree = Tree::new()
        .file("/boot/vmlinuz-6.12", "kernel")
        .symlink("/vmlinuz", "boot/vmlinuz-6.12")
        .symlink("/boot/absolute", "/boot/vmlinuz-6.12")
        .symlink("/boot/grub/up", "../vmlinuz-6.12")
        .symlink("/boot/grub/far", "../../../../../boot/vmlinuz-6.12")
        .symlink("/boot/folder", "grub/")
        .symlink("/boot/file", "vmlinuz-6.12/")
        .symlink("/loop", "loop")
        .symlink("/ping", "pong")
        .symlink("/pong", "ping")
        .symlink("/empty", "")
        .symlink("/dangling", "nowhere")
        .device("/dev/null", FileType::CharDevice, (1, 3));
    Volume::new("tree", tree)
}

fn not_a_directory() -> Error {
    Error::WrongType { expected: "directory" }
}

#[test]
fn a_path_leads_to_its_file_however_it_is_written() {
    let volume = volume();
    for path in [
        "/boot/vmlinuz-6.12",
        "boot/vmlinuz-6.12",
        "//boot///vmlinuz-6.12",
        "/./boot/./vmlinuz-6.12",
        "/boot/grub/../vmlinuz-6.12",
        "/../../boot/vmlinuz-6.12",
        "/boot/../../../boot/vmlinuz-6.12",
        "/vmlinuz",
        "/boot/absolute",
        "/boot/grub/up",
        "/boot/grub/far",
        "/boot/folder/up",
        "/boot/folder//../vmlinuz-6.12",
    ] {
        assert_eq!(volume.read(path.as_bytes(), 100).as_deref(), Ok(b"kernel".as_slice()), "{path}");
    }
}

#[test]
fn a_path_that_leads_nowhere_says_why() {
    let volume = volume();
    for (path, error) in [
        ("/none", Error::NotFound),
        ("/none/..", Error::NotFound),
        ("/boot/none/vmlinuz", Error::NotFound),
        ("/dangling", Error::NotFound),
        ("/empty", Error::NotFound),
        ("/loop", Error::TooManyLinks),
        ("/ping", Error::TooManyLinks),
        ("/ping/x", Error::TooManyLinks),
        ("/vmlinuz/", not_a_directory()),
        ("/boot/vmlinuz-6.12/", not_a_directory()),
        ("/boot/vmlinuz-6.12/.", not_a_directory()),
        ("/boot/vmlinuz-6.12/..", not_a_directory()),
        ("/boot/vmlinuz-6.12/x", not_a_directory()),
        ("/boot/file", not_a_directory()),
    ] {
        assert_eq!(volume.open(path.as_bytes()).err(), Some(error), "{path}");
    }
}

#[test]
fn the_root_has_many_names() {
    let volume = volume();
    for path in ["", "/", "//", ".", "/.", "..", "/../", "/boot/.."] {
        let names: Vec<_> =
            volume.list(path.as_bytes()).unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), 8, "{path}: {names:?}");
    }
}

#[test]
fn a_link_itself_is_opened_only_as_the_last_component() {
    let volume = volume();
    let kind = |path: &str| volume.open_no_follow(path.as_bytes()).map(|node| node.attr().unwrap().kind);
    assert_eq!(kind("/vmlinuz"), Ok(FileType::Symlink));
    assert_eq!(kind("/loop"), Ok(FileType::Symlink));
    assert_eq!(kind("/boot/folder/up"), Ok(FileType::Symlink));
    assert_eq!(kind("/boot/folder/"), Ok(FileType::Directory));
    assert_eq!(kind("/boot/folder"), Ok(FileType::Symlink));
    let link = volume.open_no_follow(b"/boot/grub/up").unwrap();
    assert_eq!(link.read_link().unwrap(), b"../vmlinuz-6.12");
}

#[test]
fn only_files_are_read_and_only_up_to_the_limit() {
    let volume = volume();
    assert_eq!(volume.read(b"/vmlinuz", 6).unwrap(), b"kernel");
    assert_eq!(volume.read(b"/vmlinuz", 5), Err(Error::TooLarge { size: 6, limit: 5 }));
    let not_a_file = Err(Error::WrongType { expected: "regular file" });
    assert_eq!(volume.read(b"/boot", 100), not_a_file);
    assert_eq!(volume.read(b"/dev/null", 100), not_a_file);
    let node = volume.open(b"/vmlinuz").unwrap();
    let mut part = [0; 4];
    assert_eq!(node.read_at(2, &mut part), Ok(4));
    assert_eq!(&part, b"rnel");
}

#[test]
fn a_list_is_sorted_and_has_links_as_links() {
    let entry = |name: &str, kind| Entry { name: name.into(), kind: Ok(kind) };
    let expected = [
        entry("absolute", FileType::Symlink),
        entry("file", FileType::Symlink),
        entry("folder", FileType::Symlink),
        entry("grub", FileType::Directory),
        entry("vmlinuz-6.12", FileType::File),
    ];
    assert_eq!(volume().list(b"/boot").unwrap(), expected);
    assert_eq!(volume().list(b"/vmlinuz"), Err(not_a_directory()));
}

#[test]
fn children_are_the_list_with_nodes() {
    let volume = volume();
    let folder = volume.open(b"/boot").unwrap();
    let (entries, nodes): (Vec<_>, Vec<_>) = folder.children().unwrap().into_iter().unzip();
    assert_eq!(entries, folder.list().unwrap());
    assert_eq!(nodes[4].read(6).unwrap(), b"kernel");
    assert_eq!(nodes[4].read(5), Err(Error::TooLarge { size: 6, limit: 5 }));
    assert_eq!(nodes[0].read_link().unwrap(), b"/boot/vmlinuz-6.12", "a link is not followed");
}

#[test]
fn a_list_has_at_most_65536_entries() {
    let tree = |count: usize| (0..count).fold(Tree::new(), |tree, i| tree.file(format!("/{i:05}"), ""));
    let list = Volume::new("full", tree(65_536)).list(b"/").unwrap();
    assert_eq!((list.len(), list[65_535].name.as_slice()), (65_536, b"65535".as_slice()));
    let error = Volume::new("overfull", tree(65_537)).list(b"/");
    assert_eq!(error, Err(Error::TooLarge { size: 65_537, limit: 65_536 }));
}

#[test]
fn volumes_are_found_by_what_they_are_called() {
    let named = |label: &str, uuid: &str| Volume::new("hd0", Tree::new().label(label).uuid(uuid));
    let volumes = Volumes::from_volumes(vec![named("", ""), named("root", "0E1F-00ab"), named("root", "2")]);
    let id = |volume: Option<&Volume>| volume.map(Volume::id);
    assert_eq!(id(volumes.all().iter().find(|v| v.has_uuid("0e1f-00AB"))), Some(VolumeId(1)));
    assert_eq!(id(volumes.all().iter().find(|v| v.has_label(b"root"))), Some(VolumeId(1)), "the first");
    assert_eq!(id(volumes.all().iter().find(|v| v.has_label(b"ROOT"))), None);
    // There is no entry with an empty name.
    assert_eq!(id(volumes.all().iter().find(|v| v.has_uuid(""))), None);
    assert_eq!(id(volumes.all().iter().find(|v| v.has_label(b""))), None);
    assert_eq!(id(volumes.all().iter().find(|v| v.has_partuuid(""))), None);
    assert_eq!(id(volumes.get(VolumeId(2))), Some(VolumeId(2)));
    assert!(volumes.get(VolumeId(3)).is_none());
}

/// A tree in which one node cannot be read, and one folder only in part.
struct Damaged(Tree);

fn damage() -> Error {
    let fault = Fault::Checksum { computed: 1 };
    Error::Corrupt(Corrupt {
        format: Format::File,
        fault,
        structure: "inode",
        origin: Origin::Start,
        offset: 4096,
        found: 2,
    })
}

impl FileSystem for Damaged {
    type Node = usize;

    fn identity(&self) -> Identity {
        self.0.identity()
    }

    fn root(&self) -> usize {
        self.0.root()
    }

    fn lookup(&self, dir: &usize, name: &[u8]) -> Result<usize, Error> {
        self.0.lookup(dir, name)
    }

    fn attr(&self, node: &usize) -> Result<Attr, Error> {
        let broken = self.0.lookup(&self.0.lookup(&self.0.root(), b"boot")?, b"config-6.12")?;
        if *node == broken { Err(damage()) } else { self.0.attr(node) }
    }

    /// Without types, as in old versions of ext2.
    fn read_dir(&self, dir: &usize, each: &mut EachEntry<'_, usize>) -> Result<(), Error> {
        let mut is_cut = false;
        self.0.read_dir(dir, &mut |name, node, _| {
            is_cut = name == b"cut";
            if is_cut { ControlFlow::Break(()) } else { each(name, node, None) }
        })?;
        if is_cut { Err(damage()) } else { Ok(()) }
    }

    fn read_link(&self, node: &usize) -> Result<Vec<u8>, Error> {
        self.0.read_link(node)
    }

    fn read_at(&self, node: &usize, offset: u64, buf: &mut [u8]) -> Result<usize, Error> {
        self.0.read_at(node, offset, buf)
    }
}

#[test]
fn a_folder_is_listed_as_far_as_it_can_be() {
    let tree = Tree::new()
        .file("/boot/config-6.12", "")
        .file("/boot/vmlinuz-6.12", "kernel")
        .file("/half/a", "")
        .file("/half/cut", "")
        .file("/half/z", "")
        .file("/none/cut", "");
    let volume = Volume::new("damaged", Damaged(tree));
    let entry = |name: &str, kind| Entry { name: name.into(), kind };
    let boot = [entry("config-6.12", Err(damage())), entry("vmlinuz-6.12", Ok(FileType::File))];
    assert_eq!(volume.list(b"/boot").unwrap(), boot);
    assert_eq!(volume.read(b"/boot/vmlinuz-6.12", 10).unwrap(), b"kernel");
    assert_eq!(volume.list(b"/half").unwrap(), [entry("a", Ok(FileType::File))]);
    let half = volume.open(b"/half").unwrap().listing().unwrap();
    assert_eq!((half.entries.len(), half.rest), (1, Some(damage())));
    assert_eq!(volume.list(b"/none"), Err(damage()), "nothing of it can be read");
}

#[test]
fn links_of_many_components_end_soon() {
    let target = |next: usize| {
        format!("{}{}", "./".repeat(2000), if next < 40 { format!("l{next}") } else { "end".into() })
    };
    let tree =
        (0..40).fold(Tree::new().file("/end", "x"), |tree, i| tree.symlink(format!("/l{i}"), target(i + 1)));
    let volume = Volume::new("tree", tree);
    assert_eq!(volume.open(b"/l0").map(drop), Err(Error::TooManyLinks));
}

#[test]
fn roots_of_one_filesystem_stand_beside_each_other() {
    let tree = Tree::new().uuid("u").file("/@/name", "root").file("/@home/name", "home");
    let node = |name: &str| tree.lookup(&tree.root(), name.as_bytes()).unwrap();
    let roots = vec![("@".into(), node("@")), ("/".into(), tree.root()), ("@home".into(), node("@home"))];
    let volumes = Volume::of_roots("hd0,gpt1", tree.clone(), roots);
    let names: Vec<&str> = volumes.iter().map(Volume::name).collect();
    assert_eq!(names, ["hd0,gpt1:@", "hd0,gpt1:/", "hd0,gpt1:@home"]);
    assert!(volumes.iter().all(|volume| volume.is_beside(&volumes[0]) && volume.has_uuid("u")));
    assert_eq!(volumes[0].read(b"/name", 9).unwrap(), b"root");
    assert_eq!(volumes[1].read(b"/@home/name", 9).unwrap(), b"home");
    let copy = Volume::new("hd1", tree);
    assert!(!copy.is_beside(&volumes[0]), "of the same content is not the same");
    assert_eq!(copy.name(), "hd1");
}
