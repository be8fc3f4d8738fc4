// SPDX-License-Identifier: BSD-3-Clause
//! One volume and its files.

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

/// Entries of one directory that [`Volume::list`] collects.
const MOST_ENTRIES: usize = 65_536;
/// Roots of one filesystem that are volumes of their own; others are found by their paths in the one at the top.
const MOST_ROOTS: usize = 64;

/// A root of a filesystem, where that stands, and what it is found by.
pub struct Volume {
    id: VolumeId,
    name: String,
    root_path: RootPath,
    number: Option<u64>,
    identity: Identity,
    home: Home,
    filesystem: Rc<dyn Erased>,
    root: ErasedNode,
    /// The paths of all roots from the top by number.
    numbers: Rc<[(u64, String)]>,
}

/// Where a volume stands.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Home {
    /// Indices of the disks that it is spread over, ascending.
    pub disks: Vec<usize>,
    /// The partition that it stands on, where nothing is between it and a disk but that.
    pub partition: Option<Partition>,
    /// The devices that it stands on directly: one, or the members of a set by number.
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
    /// What stands there (a symbolic link is one, whatever it leads to), or why that cannot be told.
    pub kind: Result<FileType, Error>,
}

/// A directory, as far as it can be read.
pub struct Listing<'a> {
    /// Its entries, sorted by name.
    pub entries: Vec<(Entry, Node<'a>)>,
    /// Why there may be more: what kept the rest from being read.
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

    /// The volumes of a filesystem with several roots, as [`Opened::filesystem_with_roots`] has them, on a device called
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

    /// One for each of the first roots, and for the one that is wanted.
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

    /// The same volume, on that disk and partition.
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

    /// Its name in messages: the device that it stands on (`hd0,gpt1`), and its subvolume.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Disk and partition as GRUB spells them: `hd0,gpt1`. None for a volume in a container or on a set: GRUB names those
    /// in another way.
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

    /// Where its root stands in the filesystem.
    pub fn root_path(&self) -> &RootPath {
        &self.root_path
    }

    /// The name of its root for people: a subvolume, dataset or snapshot; `/` for the top, empty for the only one.
    pub fn subvolume(&self) -> &str {
        self.root_path.name()
    }

    /// The path of the root that this number names in its filesystem, without slashes around it; that of the top is
    /// empty. It need not be a volume.
    pub fn root_of_number(&self, number: u64) -> Option<&str> {
        let at = self.numbers.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        self.numbers.get(at).map(|(_, path)| path.as_str())
    }

    /// The number of its own root, where those of its filesystem have any.
    pub fn number(&self) -> Option<u64> {
        self.number
    }

    /// Whether its format has subvolumes, datasets or snapshots, of which its root is one.
    pub fn has_roots(&self) -> bool {
        self.number.is_some() || self.root_path != RootPath::Only
    }

    /// Whether `name` means its root; never for a format without subvolumes.
    pub fn is_root(&self, name: RootName<'_>) -> bool {
        name.means(&self.root_path, self.number)
    }

    /// Whether its root is a snapshot that snapper made, by its path.
    pub fn is_of_snapper(&self) -> bool {
        root::snapper(self.root_path.from_top()).is_some()
    }

    /// Whether both are roots of one filesystem. Such volumes stand side by side, that of the root first that a system
    /// starts from.
    pub fn is_beside(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.filesystem, &other.filesystem)
    }

    /// Where it stands.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// What the filesystem says of itself: free space, features, health.
    ///
    /// # Errors
    /// What the format says.
    pub fn summary(&self) -> Result<Summary, Error> {
        self.filesystem.summary()
    }

    /// Format, label and UUID.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The partition that it stands on; none for a filesystem on a whole disk, or with a container between.
    pub fn partition(&self) -> Option<&Partition> {
        self.home.partition.as_ref()
    }

    /// Index of its disk; of the first, where it has several.
    pub fn disk(&self) -> usize {
        self.home.disks.first().copied().unwrap_or(0)
    }

    /// Whether its filesystem has this UUID; case does not matter, and an empty UUID fits no volume.
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

    /// The node of a path, which starts at the root with or without a slash in front; the empty path is the
    /// root. Symbolic links are followed inside the volume: an absolute target starts at its root, and `..`
    /// leads no further than there.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::WrongType`] where something before a slash is no directory;
    /// [`Error::TooManyLinks`] for more than 40; or what the format says.
    pub fn open(&self, path: &[u8]) -> Result<Node<'_>, Error> {
        self.walk(path, Last::Follow)
    }

    /// The node of a path, the link itself if the last component is one and no slash stands behind it.
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

    /// A whole file.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when it has more than `limit` bytes, [`Error::NoMemory`] when there is no room for
    /// them; otherwise as [`open`](Self::open).
    pub fn read(&self, path: &[u8], limit: u64) -> Result<Vec<u8>, Error> {
        self.open(path)?.read(limit)
    }

    /// The entries of a directory, sorted by name, as far as it can be read. One that is damaged is an entry with an
    /// error.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when there are more than 65 536; otherwise as [`open`](Self::open).
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
    /// What the format says.
    pub fn attr(&self) -> Result<Attr, Error> {
        self.filesystem.attr(&self.node)
    }

    /// Reads as [`FileSystem::read_at`] does.
    ///
    /// # Errors
    /// What the format says.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, Error> {
        self.filesystem.read_at(&self.node, offset, buf)
    }

    /// A whole file.
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
    /// What the format says.
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

    /// The same with their nodes: whoever reads many files of a large directory need not have each of them looked
    /// for by its name.
    ///
    /// # Errors
    /// As [`Volume::list`].
    pub fn children(&self) -> Result<Vec<(Entry, Node<'a>)>, Error> {
        Ok(self.listing()?.entries)
    }

    /// The same, with what kept the rest of the directory from being read.
    ///
    /// # Errors
    /// As [`Volume::list`].
    pub fn listing(&self) -> Result<Listing<'a>, Error> {
        let (found, rest) = self.read_dir()?;
        let entry = |(name, node, kind): Found<'a>| {
            // Only where the format does not store it with the name is the node itself looked at.
            let kind = kind.map_or_else(|| node.attr().map(|attr| attr.kind), Ok);
            (Entry { name, kind }, node)
        };
        Ok(Listing { entries: found.into_iter().map(entry).collect(), rest })
    }

    /// The entries, sorted by name, and what ended them early.
    fn read_dir(&self) -> Result<(Vec<Found<'a>>, Option<Error>), Error> {
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
            // Cannot saturate: one more than a constant.
            return Err(Error::TooLarge { size: limit.saturating_add(1), limit });
        }
        found.sort_unstable_by(|a: &Found<'_>, b| a.0.cmp(&b.0));
        match end {
            Err(error) if found.is_empty() => Err(error),
            end => Ok((found, end.err())),
        }
    }
}

/// Name, node, and what stands there where the format stores it with the name.
type Found<'a> = (Vec<u8>, Node<'a>, Option<FileType>);
