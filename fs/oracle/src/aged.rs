// SPDX-License-Identifier: BSD-3-Clause
//! Images written and aged by Linux's own drivers, with what Linux reads from them.
//!
//! The rule `aged_image` (ager/defs.bzl) makes them. The environment of a test names a folder with them: `NAME.zst`,
//! the further disks `NAME.1.zst` and so on, `NAME.manifest`, `NAME.recipe`, and for btrfs `NAME.default.manifest` and
//! `NAME.subvolumes`.

use std::{
    env, fs,
    io::{ErrorKind, Read},
    iter,
    path::{Path, PathBuf},
    process::Stdio,
};

use crate::{
    manifest::{self, Record},
    recipe::Recipe,
    tools,
};

/// The variable with the folder, relative to the current one.
const FOLDER: &str = "AGED";
/// Bytes to unpack at once; pieces of zeros take no memory.
const PIECE: usize = 1 << 16;

/// An aged image.
pub struct Aged {
    /// Its name: how it was made, in a word or two.
    pub name: String,
    /// The first disk.
    pub bytes: Vec<u8>,
    /// The other disks, in the order of mkfs's arguments.
    pub more: Vec<Vec<u8>>,
    /// What Linux reads from it, mounted read-only with its journal replayed; for btrfs, including all nested
    /// subvolumes.
    pub records: Vec<Record>,
    /// For btrfs only.
    pub btrfs: Option<Subvolumes>,
    /// How it was made.
    pub recipe: Recipe,
}

/// What Linux and its tools say about the subvolumes of an image.
pub struct Subvolumes {
    /// What Linux reads without a `subvol` option.
    pub default: Vec<Record>,
    /// All subvolumes except the top-level one, sorted by path.
    pub list: Vec<Subvolume>,
}

/// A subvolume or a snapshot.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Subvolume {
    /// Its number.
    pub id: u64,
    /// Path from the top-level subvolume, without a leading slash, as in [`Record`].
    pub path: Vec<u8>,
    /// It is read-only.
    pub is_read_only: bool,
    /// It is the default subvolume. If none is, the top-level one is mounted by default.
    pub is_default: bool,
}

impl Aged {
    /// All disks, the first one first.
    pub fn disks(&self) -> impl Iterator<Item = &[u8]> {
        iter::once(&self.bytes).chain(&self.more).map(Vec::as_slice)
    }
}

/// The images of the folder, one after the other.
///
/// # Panics
/// If there is no such folder, or it is empty.
pub fn images() -> impl Iterator<Item = Aged> {
    let folder = folder();
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".zst")?.to_string()))
        // Skips the further disks.
        .filter(|name| !name.contains('.'))
        .collect();
    assert!(!names.is_empty(), "{} has no aged image", folder.display());
    names.sort();
    names.into_iter().map(move |name| load(&folder, name))
}

/// The image with this name.
///
/// # Panics
/// If there is none.
pub fn image(name: &str) -> Aged {
    load(&folder(), name.to_string())
}

fn folder() -> PathBuf {
    let folder = env::var_os(FOLDER);
    folder
        .unwrap_or_else(|| panic!("{FOLDER} names no folder of aged images: run this test with tools/bazel"))
        .into()
}

fn load(folder: &Path, name: String) -> Aged {
    let path = |suffix: &str| folder.join(format!("{name}.{suffix}"));
    let wanted =
        |suffix: &str| text(&path(suffix)).unwrap_or_else(|| panic!("{}: not found", path(suffix).display()));
    let more = (1..).map(|number| path(&format!("{number}.zst"))).take_while(|path| path.exists());
    let subvolumes = text(&path("subvolumes")).map(|list| Subvolumes {
        default: manifest::from_text(&text(&path("default.manifest")).expect("made with the list")),
        list: list.lines().map(subvolume).collect(),
    });
    Aged {
        bytes: unpacked(&path("zst")),
        more: more.map(|path| unpacked(&path)).collect(),
        records: manifest::from_text(&wanted("manifest")),
        recipe: Recipe::from_text(&wanted("recipe")),
        btrfs: subvolumes,
        name,
    }
}

/// The content of a file, if it exists.
fn text(path: &Path) -> Option<String> {
    match fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

/// A line of `ager/src/subvolumes.rs`.
fn subvolume(line: &str) -> Subvolume {
    let parse = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [id, mode, mark, path] = fields.try_into().ok()?;
        Some(Subvolume {
            id: id.parse().ok()?,
            path: manifest::unquoted(path.strip_prefix('/')?)?,
            is_read_only: mode == "ro",
            is_default: mark == "default",
        })
    };
    parse(line).unwrap_or_else(|| panic!("not a subvolume: {line}"))
}

/// Unpacks a disk. It is mostly zeros, for which memory is never touched.
fn unpacked(path: &Path) -> Vec<u8> {
    let mut zstd = tools::command("zstd");
    zstd.args(["-qdfc"]).arg(path).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = zstd.spawn().expect("zstd is installed: this test needs it");
    let mut output = child.stdout.take().expect("standard output is piped");
    let (mut pieces, mut size) = (Vec::new(), 0);
    loop {
        let mut piece = Vec::new();
        let length = output.by_ref().take(PIECE as u64).read_to_end(&mut piece).expect("a pipe can be read");
        if length == 0 {
            break;
        }
        if piece.iter().any(|byte| *byte != 0) {
            pieces.push((size, piece));
        }
        size += length;
    }
    let status = child.wait().expect("a child ends");
    assert!(status.success(), "{}: {status}", path.display());
    let mut bytes = vec![0; size];
    for (start, piece) in pieces {
        bytes[start..][..piece.len()].copy_from_slice(&piece);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tree;

    #[test]
    fn an_image_comes_with_all_its_disks_and_lists() {
        let folder = tools::work_dir("aged");
        let mut disk = vec![0; 3 * PIECE + 5];
        disk[PIECE + 1] = 7;
        *disk.last_mut().unwrap() = 9;
        let disks = [disk.clone(), vec![0; 2 * PIECE], b"short".to_vec()];
        for (disk, name) in disks.iter().zip(["a.zst", "a.1.zst", "a.2.zst"]) {
            fs::write(folder.join(name), tools::run_with_input("zstd", &["-qc"], disk)).unwrap();
        }
        let records = manifest::of(&Tree::new().file("/x", "bytes")).unwrap();
        fs::write(folder.join("a.manifest"), manifest::to_text(&records)).unwrap();
        let recipe = Recipe { mkfs: vec!["mkfs.a".into(), "-x y".into()], crash: true, ..Recipe::default() };
        fs::write(folder.join("a.recipe"), recipe.to_text()).unwrap();
        let plain = load(&folder, "a".into());
        assert_eq!(plain.recipe, recipe);
        assert!(plain.disks().eq(disks.iter().map(Vec::as_slice)));
        assert!(plain.records == records && plain.btrfs.is_none());
        fs::write(folder.join("a.default.manifest"), manifest::to_text(&records[1..])).unwrap();
        fs::write(folder.join("a.subvolumes"), "256\trw\tdefault\t/a%20b\n260\tro\t-\t/c/d\n").unwrap();
        let btrfs = load(&folder, "a".into()).btrfs.unwrap();
        assert_eq!(btrfs.default, records[1..]);
        let expected = [(256, "a b", false, true), (260, "c/d", true, false)].map(
            |(id, path, is_read_only, is_default)| Subvolume {
                id,
                path: path.into(),
                is_read_only,
                is_default,
            },
        );
        assert_eq!(btrfs.list, expected);
    }
}
