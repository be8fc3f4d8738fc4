// SPDX-License-Identifier: BSD-3-Clause
//! A volume and its files.

use alloc::{format, rc::Rc, string::String, vec, vec::Vec};
use core::ops::ControlFlow;

use filesystem::{Attr, Error, FileSystem, FileType, Format, Identity, NoMemory, Summary};
use part::{Partition, PartitionKind};

use crate::{
    DeviceId, Mounted, Opened, Root, RootName, RootPath, VolumeId,
    erased::{Erased, ErasedNode},
    root,
    walk::{Last, walk},
};

/// Maximum number of entries of one directory that [`Volume::list`] collects.
const MOST_ENTRIES: usize = 65_536;
/// Maximum number of roots of one filesystem that become volumes; others are reached by path from the top-level root.
const MOST_ROOTS: usize = 64;

/// A filesystem, or one root of it if it has several (a subvolume or snapshot).
pub struct Volume {
    id: VolumeId,
    name: String,
    root_path: RootPath,
    number: Option<u64>,
    identity: Identity,
    home: Home,
    filesystem: Rc<dyn Erased>,
    root: ErasedNode,
    /// Numbers of all roots and their paths from the top, sorted by number.
    numbers: Rc<[(u64, String)]>,
}

/// Where a volume is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Home {
    /// Indices of the disks that it is spread over, ascending.
    pub disks: Vec<usize>,
    /// The partition that it is in, if that partition is directly on a disk and nothing else is in between.
    pub partition: Option<Partition>,
    /// The devices directly below it: one, or the members of a set by number.
    pub members: Vec<DeviceId>,
    /// Members that were not found, as the format names them.
    pub missing: Vec<String>,
    /// All devices below it, lower ones first.
    pub stack: Vec<DeviceId>,
}

/// An entry of a directory.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The name.
    pub name: Vec<u8>,
    /// Its type (a symbolic link is not followed), or why the type is unknown.
    pub kind: Result<FileType, Error>,
}

/// A directory, as far as it can be read.
pub struct Listing<'a> {
    /// Its entries, sorted by name.
    pub entries: Vec<(Entry, Node<'a>)>,
    /// The error that kept the rest of the directory from being read; `None` if `entries` is complete.
    pub rest: Option<Error>,
}

impl Volume {
    /// A volume called `name` in messages.
    pub fn new<F: FileSystem + 'static>(name: impl Into<String>, filesystem: F) -> Self {
        let node: ErasedNode = Rc::new(filesystem.root());
        let mounted = Mounted::new(filesystem, Vec::new());
        let root = Root { path: RootPath::Only, number: None, node };
        Self::of_root(name.into(), &mounted, &root, Home { disks: vec![0], ..Home::default() })
    }

    /// The volumes of a filesystem with several roots, as for [`Opened::filesystem_with_roots`], on a device called
    /// `device`.
    pub fn of_roots<F: FileSystem + 'static>(
        device: &str,
        filesystem: F,
        roots: Vec<impl Into<Root<F::Node>>>,
    ) -> Vec<Self> {
        let Opened::FileSystem(mounted) = Opened::filesystem_with_roots(filesystem, roots) else {
            return Vec::new();
        };
        Self::of_mounted(device, &mounted, &Home { disks: vec![0], ..Home::default() }, None)
    }

    /// A volume for each of the first roots, and for the wanted one.
    pub(crate) fn of_mounted(
        device: &str,
        mounted: &Mounted,
        home: &Home,
        wanted: Option<RootName<'_>>,
    ) -> Vec<Self> {
        let volume = |root: &Root<ErasedNode>| {
            let name = match root.path.name() {
                "" => device.into(),
                root => format!("{device}:{root}"),
            };
            Self::of_root(name, mounted, root, home.clone())
        };
        let is_wanted =
            |root: &Root<ErasedNode>| wanted.is_some_and(|wanted| wanted.means(&root.path, root.number));
        let roots = mounted.roots.iter().enumerate();
        let first = roots.filter(|(i, root)| *i < MOST_ROOTS || is_wanted(root));
        first.map(|(_, root)| volume(root)).collect()
    }

    /// The volume of one root of a filesystem.
    fn of_root(name: String, mounted: &Mounted, root: &Root<ErasedNode>, home: Home) -> Self {
        let (filesystem, identity) = (Rc::clone(&mounted.filesystem), mounted.identity.clone());
        let (root_path, number, root) = (root.path.clone(), root.number, Rc::clone(&root.node));
        let numbers = Rc::clone(&mounted.numbers);
        Self { id: VolumeId(0), name, root_path, number, identity, home, filesystem, root, numbers }
    }

    /// The same volume, on another disk and partition.
    #[must_use]
    pub fn on(self, disk: usize, partition: Option<Partition>) -> Self {
        Self { home: Home { disks: vec![disk], partition, ..self.home }, ..self }
    }

    pub(crate) fn set_id(&mut self, id: VolumeId) {
        self.id = id;
    }

    /// Its index among the volumes.
    pub fn id(&self) -> VolumeId {
        self.id
    }

    /// Its name in messages: the device below it (`hd0,gpt1`), and its subvolume.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Disk and partition as GRUB spells them: `hd0,gpt1`. `None` for a volume in a container or on a set, which GRUB
    /// names in another way.
    pub fn grub_name(&self) -> Option<String> {
        let [disk] = self.home.disks.as_slice() else { return None };
        let name = match &self.home.partition {
            Some(Partition { number, kind: PartitionKind::Gpt(_), .. }) => format!("hd{disk},gpt{number}"),
            Some(Partition { number, kind: PartitionKind::Mbr(_), .. }) => format!("hd{disk},msdos{number}"),
            None if self.home.stack.len() <= 1 => format!("hd{disk}"),
            None => return None,
        };
        Some(name)
    }

    /// The path of its root in the filesystem.
    pub fn root_path(&self) -> &RootPath {
        &self.root_path
    }

    /// The name of its root for people: a subvolume, dataset or snapshot; `/` for the top, empty for the only one.
    pub fn subvolume(&self) -> &str {
        self.root_path.name()
    }

    /// The path of the root with this number in its filesystem, without leading or trailing slash; empty for the top.
    /// That root need not be a volume.
    pub fn root_of_number(&self, number: u64) -> Option<&str> {
        let at = self.numbers.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        self.numbers.get(at).map(|(_, path)| path.as_str())
    }

    /// The number of its root, if the format numbers roots.
    pub fn number(&self) -> Option<u64> {
        self.number
    }

    /// Whether its format has subvolumes, datasets or snapshots.
    pub fn has_roots(&self) -> bool {
        self.number.is_some() || self.root_path != RootPath::Only
    }

    /// Whether `name` names its root; always false for a format without subvolumes.
    pub fn is_root(&self, name: RootName<'_>) -> bool {
        name.means(&self.root_path, self.number)
    }

    /// Whether its root is a snapper snapshot, judged by its path.
    pub fn is_of_snapper(&self) -> bool {
        root::snapper(self.root_path.from_top()).is_some()
    }

    /// Whether both are roots of one filesystem. Such volumes are adjacent in [`Volumes::all`](crate::Volumes::all);
    /// the first is the one that a system starts from.
    pub fn is_beside(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.filesystem, &other.filesystem)
    }

    /// Where it is.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The filesystem's own summary: free space, features, health.
    ///
    /// # Errors
    /// Those of the format.
    pub fn summary(&self) -> Result<Summary, Error> {
        self.filesystem.summary()
    }

    /// Format, label and UUID.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The partition that it is in; `None` for a filesystem on a whole disk, in a container or on a set.
    pub fn partition(&self) -> Option<&Partition> {
        self.home.partition.as_ref()
    }

    /// Index of its disk; the first one if it has several.
    pub fn disk(&self) -> usize {
        self.home.disks.first().copied().unwrap_or(0)
    }

    /// Whether its filesystem has this UUID; case does not matter, and an empty UUID matches no volume.
    pub fn has_uuid(&self, uuid: &str) -> bool {
        !uuid.is_empty() && self.identity.uuid.eq_ignore_ascii_case(uuid)
    }

    /// Whether its filesystem has this label.
    pub fn has_label(&self, label: &[u8]) -> bool {
        !label.is_empty() && self.identity.label == label
    }

    /// Whether its partition has this identifier; case does not matter.
    pub fn has_partuuid(&self, uuid: &str) -> bool {
        !uuid.is_empty() && self.home.partition.as_ref().is_some_and(|p| p.uuid.eq_ignore_ascii_case(uuid))
    }

    /// Opens a path, which starts at the root with or without a leading slash; the empty path is the root. Symbolic
    /// links are followed inside the volume: an absolute target starts at its root, and `..` does not leave it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::WrongType`] if something before a slash is not a directory;
    /// [`Error::TooManyLinks`] for more than 40 links; or those of the format.
    pub fn open(&self, path: &[u8]) -> Result<Node<'_>, Error> {
        self.walk(path, Last::Follow)
    }

    /// Opens a path without following its last component if that is a symbolic link and has no trailing slash.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_no_follow(&self, path: &[u8]) -> Result<Node<'_>, Error> {
        self.walk(path, Last::Keep)
    }

    fn walk(&self, path: &[u8], last: Last) -> Result<Node<'_>, Error> {
        let filesystem = &*self.filesystem;
        Ok(Node { filesystem, node: walk(filesystem, &self.root, path, last)? })
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if it has more than `limit` bytes, [`Error::NoMemory`] if they do not fit into memory;
    /// otherwise as [`open`](Self::open).
    pub fn read(&self, path: &[u8], limit: u64) -> Result<Vec<u8>, Error> {
        self.open(path)?.read(limit)
    }

    /// The entries of a directory, sorted by name, as far as it can be read. A damaged entry is listed with its error.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for more than 65 536 entries; otherwise as [`open`](Self::open).
    pub fn list(&self, path: &[u8]) -> Result<Vec<Entry>, Error> {
        self.open(path)?.list()
    }
}

/// A file, directory or link of a volume.
#[derive(Clone)]
pub struct Node<'a> {
    filesystem: &'a dyn Erased,
    node: ErasedNode,
}

impl<'a> Node<'a> {
    /// Its attributes.
    ///
    /// # Errors
    /// Those of the format.
    pub fn attr(&self) -> Result<Attr, Error> {
        self.filesystem.attr(&self.node)
    }

    /// Reads as [`FileSystem::read_at`] does.
    ///
    /// # Errors
    /// Those of the format.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, Error> {
        self.filesystem.read_at(&self.node, offset, buf)
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// As [`Volume::read`].
    pub fn read(&self, limit: u64) -> Result<Vec<u8>, Error> {
        let size = self.attr()?.size;
        if size > limit {
            return Err(Error::TooLarge { size, limit });
        }
        let no_memory = Error::NoMemory(NoMemory { format: Format::File, structure: "content", bytes: size });
        let Ok(length) = usize::try_from(size) else { return Err(no_memory) };
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).map_err(|_| no_memory)?;
        bytes.resize(length, 0);
        let length = self.read_at(0, &mut bytes)?;
        bytes.truncate(length);
        Ok(bytes)
    }

    /// The target of a symbolic link.
    ///
    /// # Errors
    /// Those of the format.
    pub fn read_link(&self) -> Result<Vec<u8>, Error> {
        self.filesystem.read_link(&self.node)
    }

    /// The entries of a directory, sorted by name.
    ///
    /// # Errors
    /// As [`Volume::list`].
    pub fn list(&self) -> Result<Vec<Entry>, Error> {
        Ok(self.children()?.into_iter().map(|(entry, _)| entry).collect())
    }

    /// The entries with their nodes: to read many files of a large directory without looking up each of them by name.
    ///
    /// # Errors
    /// As [`Volume::list`].
    pub fn children(&self) -> Result<Vec<(Entry, Node<'a>)>, Error> {
        Ok(self.listing()?.entries)
    }

    /// The entries with their nodes, and the error that kept the rest of the directory from being read.
    ///
    /// # Errors
    /// As [`Volume::list`].
    pub fn listing(&self) -> Result<Listing<'a>, Error> {
        let (found, rest) = self.read_dir()?;
        let entry = |(name, node, kind): RawEntry<'a>| {
            // The node itself is read only if the format does not store the type with the name.
            let kind = kind.map_or_else(|| node.attr().map(|attr| attr.kind), Ok);
            (Entry { name, kind }, node)
        };
        Ok(Listing { entries: found.into_iter().map(entry).collect(), rest })
    }

    /// The entries, sorted by name, and the error that ended them early.
    fn read_dir(&self) -> Result<(Vec<RawEntry<'a>>, Option<Error>), Error> {
        let filesystem = self.filesystem;
        let (mut found, mut is_all) = (Vec::new(), true);
        let end = filesystem.read_dir(&self.node, &mut |name, node, kind| {
            is_all = found.len() < MOST_ENTRIES;
            if !is_all {
                return ControlFlow::Break(());
            }
            found.push((name.to_vec(), Node { filesystem, node }, kind));
            ControlFlow::Continue(())
        });
        if !is_all {
            let limit = u64::try_from(MOST_ENTRIES).unwrap_or(u64::MAX);
            // Cannot saturate: `limit` is a constant.
            return Err(Error::TooLarge { size: limit.saturating_add(1), limit });
        }
        found.sort_unstable_by(|a: &RawEntry<'_>, b| a.0.cmp(&b.0));
        match end {
            Err(error) if found.is_empty() => Err(error),
            end => Ok((found, end.err())),
        }
    }
}

/// Name, node, and the type if the format stores it with the name.
type RawEntry<'a> = (Vec<u8>, Node<'a>, Option<FileType>);
