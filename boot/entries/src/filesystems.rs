// SPDX-License-Identifier: BSD-3-Clause
//! Filesystems with several roots: subvolumes and snapshots. Each root is a volume.
//!
//! A root's name is its path from the top, the root that contains all others. The first root is the default, from which
//! a system starts that names no root.

use alloc::{string::String, vec::Vec};
use core::ops::Range;

use vfs::{RootPath, Volume, VolumeId, Volumes};

use crate::File;

/// Subvolumes where distributions install a system that is not in the default one: Ubuntu, Arch and openSUSE; Fedora;
/// Debian.
const USUAL: [&str; 3] = ["@", "root", "@rootfs"];
/// The number of the top subvolume in btrfs.
const TOP_NUMBER: u64 = 5;
/// Most names of a path that are tested as roots; real paths have a handful.
const MOST_NAMES: usize = 32;

/// The filesystems of all volumes.
pub struct Filesystems<'a> {
    volumes: &'a Volumes,
    all: Vec<Filesystem>,
    /// By volume: the index of its filesystem.
    of: Vec<usize>,
}

/// A filesystem.
pub struct Filesystem {
    /// Its volumes, the default first.
    roots: Range<usize>,
    /// The top root, which contains the others; if there is none, the default.
    pub top: VolumeId,
    /// All roots sorted by name, if there are several.
    named: Vec<VolumeId>,
}

impl Filesystem {
    /// The root that a system starts from.
    pub fn default(&self) -> VolumeId {
        VolumeId(self.roots.start)
    }

    /// Whether it has several roots.
    pub fn has_several(&self) -> bool {
        !self.named.is_empty()
    }
}

impl<'a> Filesystems<'a> {
    /// Groups these volumes; those of one filesystem are adjacent.
    pub fn new(volumes: &'a Volumes) -> Self {
        let mut new = Self { volumes, all: Vec::new(), of: Vec::new() };
        for group in volumes.all().chunk_by(Volume::is_beside) {
            let start = new.of.len();
            new.of.extend(group.iter().map(|_| new.all.len()));
            let ids = group.iter().map(Volume::id);
            let top = group
                .iter()
                .find(|volume| *volume.root_path() == RootPath::Top)
                .map_or(VolumeId(start), Volume::id);
            let mut named: Vec<VolumeId> = if group.len() > 1 { ids.collect() } else { Vec::new() };
            named.sort_unstable_by_key(|id| (volumes.get(*id).map(path), id.0));
            new.all.push(Filesystem { roots: start..new.of.len(), top, named });
        }
        new
    }

    /// The volumes.
    pub fn volumes(&self) -> &'a Volumes {
        self.volumes
    }

    /// All of them, by the index of each.
    pub fn all(&self) -> &[Filesystem] {
        &self.all
    }

    /// The index of a volume's filesystem; None if the volume is not one of these.
    pub fn index(&self, volume: VolumeId) -> Option<usize> {
        self.of.get(volume.0).copied()
    }

    /// The filesystem of a volume.
    pub fn of(&self, volume: VolumeId) -> Option<&Filesystem> {
        self.all.get(self.index(volume)?)
    }

    /// Whether two volumes are roots of one filesystem.
    pub fn are_one(&self, first: VolumeId, second: VolumeId) -> bool {
        self.index(first).is_some_and(|index| self.index(second) == Some(index))
    }

    /// Whether a volume is the root that its system starts from.
    pub fn is_default(&self, volume: VolumeId) -> bool {
        self.of(volume).is_none_or(|filesystem| filesystem.default() == volume)
    }

    /// The root with this name.
    pub fn root(&self, filesystem: &Filesystem, name: &str) -> Option<VolumeId> {
        let name = name.trim_matches('/');
        let find = |id: &VolumeId| self.volumes.get(*id).map_or("", path).cmp(name);
        let at = filesystem.named.binary_search_by(find).ok()?;
        filesystem.named.get(at).copied()
    }

    /// The path from the top of the root with this number; that of the top is empty.
    pub fn path_of(&self, filesystem: &Filesystem, number: u64) -> Option<&'a str> {
        match number {
            0 => self.volumes.get(filesystem.default()).map(path),
            TOP_NUMBER => Some(""),
            number => self.volumes.get(filesystem.default())?.root_of_number(number),
        }
    }

    /// The roots that are searched for configurations: the default, the top, and those where distributions install
    /// systems. Snapshots are not among them: there may be hundreds.
    pub fn usual(&self, filesystem: &Filesystem) -> Vec<VolumeId> {
        let mut usual = Vec::from([filesystem.default()]);
        let others = USUAL.iter().filter_map(|name| self.root(filesystem, name));
        for root in [filesystem.top].into_iter().chain(others) {
            if !usual.contains(&root) {
                usual.push(root);
            }
        }
        usual
    }

    /// Its other roots directly below the top, where a system with a subvolume of its own name is.
    pub fn others(&self, filesystem: &Filesystem) -> Vec<VolumeId> {
        let usual = self.usual(filesystem);
        let is_at_top = |volume: &&Volume| !path(volume).contains('/') && !usual.contains(&volume.id());
        self.roots(filesystem).iter().filter(is_at_top).map(Volume::id).collect()
    }

    /// All its roots that match.
    pub fn named(&self, filesystem: &Filesystem, is_meant: impl Fn(&&'a Volume) -> bool) -> Vec<&'a Volume> {
        self.roots(filesystem).iter().filter(is_meant).collect()
    }

    /// The volumes of all its roots, the default first.
    fn roots(&self, filesystem: &Filesystem) -> &'a [Volume] {
        self.volumes.all().get(filesystem.roots.clone()).unwrap_or_default()
    }

    /// The same file on the innermost root that its path leads into: `/@/boot/vmlinuz` of the top is `/boot/vmlinuz` of
    /// `@`, where absolute symlinks resolve as in the running system.
    pub fn innermost(&self, file: File) -> File {
        self.inner(&file).unwrap_or(file)
    }

    fn inner(&self, file: &File) -> Option<File> {
        let filesystem = self.of(file.volume).filter(|filesystem| filesystem.has_several())?;
        let volume = self.volumes.get(file.volume)?;
        let path = str::from_utf8(&file.path).ok()?;
        let mut names = path.split('/');
        if names.any(|name| matches!(name, "." | "..")) {
            return None;
        }
        let mut here = String::from(self::path(volume));
        let (mut inner, mut rest) = (None, path);
        for _ in 0..MOST_NAMES {
            let begun = rest.trim_start_matches('/');
            let end = begun.find('/').unwrap_or(begun.len());
            let (name, behind) = begun.split_at_checked(end)?;
            if name.is_empty() {
                break;
            }
            if !here.is_empty() {
                here.push('/');
            }
            here.push_str(name);
            rest = behind;
            if let Some(root) = self.root(filesystem, &here) {
                inner = Some(File { volume: root, path: rest.into() });
            }
        }
        inner
    }
}

/// The path of a volume's root from the top; empty for the top.
pub fn path(volume: &Volume) -> &str {
    volume.root_path().from_top()
}
