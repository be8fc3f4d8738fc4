// SPDX-License-Identifier: BSD-3-Clause
//! Filesystems with several roots: subvolumes and snapshots, each of which is a volume.
//!
//! A name is the path from the top, where all of them stand in each other; the first root is the default, from
//! which a system starts that names no root.

use alloc::{string::String, vec::Vec};
use core::ops::Range;

use vfs::{RootPath, Volume, VolumeId, Volumes};

use crate::File;

/// Where distributions put a system that is not in the default subvolume: Ubuntu, Arch and openSUSE; Fedora; Debian.
const USUAL: [&str; 3] = ["@", "root", "@rootfs"];
/// The number of the root that the others stand in, in btrfs.
const TOP_NUMBER: u64 = 5;
/// Names of a path that may be roots; honest ones have a handful.
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
    /// The root in which the others stand; where no root is that, the default.
    pub top: VolumeId,
    /// All of them by name, where there are several.
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
    /// Of these volumes: those of one filesystem stand side by side.
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

    /// The roots that are looked through for configurations: the default, the top, and those where distributions put
    /// systems. Snapshots are not among them, however many there are.
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

    /// Its other roots: those that stand at the top, as a system in a subvolume of its own name does.
    pub fn others(&self, filesystem: &Filesystem) -> Vec<VolumeId> {
        let usual = self.usual(filesystem);
        let is_at_top = |volume: &&Volume| !path(volume).contains('/') && !usual.contains(&volume.id());
        self.roots(filesystem).iter().filter(is_at_top).map(Volume::id).collect()
    }

    /// Those of all its roots that are meant.
    pub fn named(&self, filesystem: &Filesystem, is_meant: impl Fn(&&'a Volume) -> bool) -> Vec<&'a Volume> {
        self.roots(filesystem).iter().filter(is_meant).collect()
    }

    /// The volumes of all its roots, the default first.
    fn roots(&self, filesystem: &Filesystem) -> &'a [Volume] {
        self.volumes.all().get(filesystem.roots.clone()).unwrap_or_default()
    }

    /// The same file, on the innermost root that its path leads into: `/@/boot/vmlinuz` of the top is `/boot/vmlinuz` of
    /// `@`, where an absolute link means what it means to the system.
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
