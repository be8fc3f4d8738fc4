// SPDX-License-Identifier: BSD-3-Clause
//! Paths resolve as in Linux: random trees of folders, files and links, walked by our code and by openat2(2) with
//! `RESOLVE_IN_ROOT`.

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use filesystem::FileType;
use oracle::{Tree, tools::work_dir};
use proptest::prelude::*;
use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2},
    io::Errno,
};
use vfs::{Error, Node, Volume};

/// What a name refers to.
#[derive(Clone, Debug)]
enum Thing {
    Folder,
    File,
    Link(String),
}

/// A tree in memory and the same one on this machine.
struct Both {
    volume: Volume,
    root: PathBuf,
}

impl Both {
    /// Each folder and file contains its own path, which shows where a walk ended.
    fn new(name: &str, things: &BTreeMap<String, Thing>) -> Self {
        let root = work_dir(name);
        let mut tree = Tree::new().file(".name", "/");
        fs::write(root.join(".name"), "/").unwrap();
        for (path, thing) in things {
            let place = root.join(path);
            match thing {
                Thing::Folder => {
                    let inside = format!("{path}/.name");
                    tree = tree.file(&inside, path.as_str());
                    fs::create_dir(&place).unwrap();
                    fs::write(root.join(inside), path).unwrap();
                }
                Thing::File => {
                    tree = tree.file(path, path.as_str());
                    fs::write(&place, path).unwrap();
                }
                Thing::Link(target) => {
                    tree = tree.symlink(path, target.as_str());
                    symlink(target, &place).unwrap();
                }
            }
        }
        Self { volume: Volume::new("tree", tree), root }
    }

    /// Where our code ends up: kind, and path or target.
    fn ours(&self, path: &str, follow: bool) -> Result<(FileType, Vec<u8>), Error> {
        let node = match follow {
            true => self.volume.open(path.as_bytes())?,
            false => self.volume.open_no_follow(path.as_bytes())?,
        };
        let kind = node.attr()?.kind;
        let text = match kind {
            FileType::Directory => self.volume.read(&[path.as_bytes(), b"/.name"].concat(), 1000)?,
            FileType::Symlink => node.read_link()?,
            _ => content(&node),
        };
        Ok((kind, text))
    }

    /// Where Linux ends up.
    fn linux(&self, path: &str, follow: bool) -> Result<(FileType, Vec<u8>), Errno> {
        let root = openat(CWD, &self.root, OFlags::DIRECTORY | OFlags::PATH, Mode::empty())?;
        let flags = OFlags::PATH | if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
        let file = loop {
            match openat2(&root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT) {
                // openat2(2): any rename on the machine may cause it while `..` is walked; the caller retries.
                Err(Errno::AGAIN) => {}
                result => break result?,
            }
        };
        let kind = rustix::fs::fstat(&file)?.st_mode;
        if rustix::fs::FileType::from_raw_mode(kind) == rustix::fs::FileType::Symlink {
            let target = rustix::fs::readlinkat(&file, "", Vec::new())?;
            return Ok((FileType::Symlink, target.into_bytes()));
        }
        let magic = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
        let real = fs::read_link(magic).unwrap();
        let is_folder = real.is_dir();
        let name = if is_folder { real.join(".name") } else { real };
        let mut text = Vec::new();
        fs::File::open(name).unwrap().read_to_end(&mut text).unwrap();
        Ok((if is_folder { FileType::Directory } else { FileType::File }, text))
    }

    /// Asserts the same result; errors are compared by meaning.
    fn assert_same(&self, path: &str) {
        for follow in [true, false] {
            let meaning = |error| match error {
                Errno::NOENT => Error::NotFound,
                Errno::NOTDIR => Error::WrongType { expected: "directory" },
                Errno::LOOP => Error::TooManyLinks,
                other => panic!("{path}: {other}"),
            };
            let (ours, linux) = (self.ours(path, follow), self.linux(path, follow).map_err(meaning));
            assert_eq!(ours, linux, "{path:?}, follow: {follow}");
        }
    }
}

fn content(node: &Node<'_>) -> Vec<u8> {
    let mut bytes = [0; 1000];
    let length = node.read_at(0, &mut bytes).unwrap();
    bytes[..length].to_vec()
}

/// Few names, so that paths meet things; `.` and `..` and empty ones among them.
fn path() -> impl Strategy<Value = String> {
    let component = prop::sample::select(vec!["a", "b", "c", "a", "b", "c", "..", ".", "", "none"]);
    let path = prop::collection::vec(component, 1..6).prop_map(|list| list.join("/"));
    // openat2 refuses the empty path, and a link cannot have it as its target.
    (prop::bool::ANY, path).prop_map(|(absolute, path)| match absolute || path.is_empty() {
        true => format!("/{path}"),
        false => path,
    })
}

fn things() -> impl Strategy<Value = BTreeMap<String, Thing>> {
    let thing = prop_oneof![
        2 => Just(Thing::Folder),
        1 => Just(Thing::File),
        3 => path().prop_map(Thing::Link),
    ];
    let names = prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..4);
    prop::collection::vec((names, thing), 0..24).prop_map(|list| {
        let mut things = BTreeMap::new();
        for (names, thing) in list {
            let (name, folders) = names.split_last().unwrap();
            let mut parent = String::new();
            let mut is_possible = true;
            for folder in folders {
                parent += folder;
                let there = things.entry(parent.clone()).or_insert(Thing::Folder);
                is_possible &= matches!(there, Thing::Folder);
                parent += "/";
            }
            if is_possible {
                things.entry(parent + name).or_insert(thing);
            }
        }
        // Entries below something that is not a folder.
        let folders: Vec<String> = things.keys().cloned().collect();
        for path in folders {
            let mut up = Path::new(&path).ancestors().skip(1).filter(|up| *up != Path::new(""));
            if !up.all(|up| matches!(things.get(up.to_str().unwrap()), Some(Thing::Folder))) {
                things.remove(&path);
            }
        }
        things
    })
}

proptest! {
    // Each case makes files.
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn random_paths_in_random_trees(things in things(), paths in prop::collection::vec(path(), 40)) {
        let both = Both::new("random", &things);
        for path in paths {
            both.assert_same(&path);
        }
    }
}

#[test]
fn forty_links_are_followed_and_no_more() {
    let mut things = BTreeMap::from([("l0".to_string(), Thing::File)]);
    for number in 1..=41 {
        things.insert(format!("l{number}"), Thing::Link(format!("l{}", number - 1)));
    }
    let both = Both::new("forty", &things);
    for path in ["l40", "l41", "l40/", "l39/../l40"] {
        both.assert_same(path);
    }
    assert!(both.volume.open(b"l40").is_ok());
    assert_eq!(both.volume.open(b"l41").err(), Some(Error::TooManyLinks));
    assert!(both.volume.open_no_follow(b"l41").is_ok());
}
