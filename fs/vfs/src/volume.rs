// SPDX-License-Identifier: BSD-3-Clause
//! One volume and its files.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::ops::ControlFlow;

use filesystem::{Attr, Error, FileSystem, FileType, Format, Identity, NoMemory};
use part::Partition;

use crate::{
    VolumeId,
    erased::{Erased, ErasedNode, erase},
    walk::{Last, walk},
};

/// Entries of one directory that [`Volume::list`] collects.
const MOST_ENTRIES: usize = 65_536;

/// A filesystem, where it stands, and what it is found by.
pub struct Volume {
    id: VolumeId,
    name: String,
    identity: Identity,
    disk: usize,
    partition: Option<Partition>,
    filesystem: Box<dyn Erased>,
}

/// An entry of a directory.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The name.
    pub name: Vec<u8>,
    /// What stands there; a symbolic link is one, whatever it leads to.
    pub kind: FileType,
}

impl Volume {
    /// A volume called `name` in messages.
    pub fn new<F: FileSystem + 'static>(name: impl Into<String>, filesystem: F) -> Self {
        let (identity, filesystem) = (filesystem.identity(), erase(filesystem));
        Self { id: VolumeId(0), name: name.into(), identity, disk: 0, partition: None, filesystem }
    }

    /// The same volume, on that disk and partition.
    #[must_use]
    pub fn on(self, disk: usize, partition: Option<Partition>) -> Self {
        Self { disk, partition, ..self }
    }

    pub(crate) fn set_id(&mut self, id: VolumeId) {
        self.id = id;
    }

    /// Its index among the volumes.
    pub fn id(&self) -> VolumeId {
        self.id
    }

    /// Disk and partition, as GRUB spells them: `hd0,gpt1`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Format, label and UUID.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The partition that it stands on; none for a filesystem on a whole disk.
    pub fn partition(&self) -> Option<&Partition> {
        self.partition.as_ref()
    }

    /// Index of its disk.
    pub fn disk(&self) -> usize {
        self.disk
    }

    /// Whether its filesystem has this UUID; case does not matter, and nothing is called nothing.
    pub fn has_uuid(&self, uuid: &str) -> bool {
        !uuid.is_empty() && self.identity.uuid.eq_ignore_ascii_case(uuid)
    }

    /// Whether its filesystem has this label.
    pub fn has_label(&self, label: &[u8]) -> bool {
        !label.is_empty() && self.identity.label == label
    }

    /// Whether its partition has this identifier; case does not matter.
    pub fn has_partuuid(&self, uuid: &str) -> bool {
        !uuid.is_empty() && self.partition.as_ref().is_some_and(|p| p.uuid.eq_ignore_ascii_case(uuid))
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
        let filesystem = self.filesystem.as_ref();
        Ok(Node { filesystem, node: walk(filesystem, path, last)? })
    }

    /// A whole file.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when it has more than `limit` bytes, [`Error::NoMemory`] when there is no room for
    /// them; otherwise as [`open`](Self::open).
    pub fn read(&self, path: &[u8], limit: u64) -> Result<Vec<u8>, Error> {
        self.open(path)?.read(limit)
    }

    /// The entries of a directory, sorted by name.
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
        self.entries(|entry, _| entry, |entry| entry)
    }

    /// The same with their nodes: whoever reads many files of a large directory need not have each of them looked
    /// for by its name.
    ///
    /// # Errors
    /// As [`Volume::list`].
    pub fn children(&self) -> Result<Vec<(Entry, Node<'a>)>, Error> {
        let filesystem = self.filesystem;
        self.entries(|entry, node| (entry, Node { filesystem, node }), |(entry, _)| entry)
    }

    /// The names of a directory with their nodes, sorted, none of which is looked at: one that cannot be read does
    /// not hide the others.
    ///
    /// # Errors
    /// As [`Volume::list`], but for what the attributes of the nodes lead to.
    pub fn names(&self) -> Result<Vec<(Vec<u8>, Node<'a>)>, Error> {
        let filesystem = self.filesystem;
        let (mut found, mut is_all) = (Vec::new(), true);
        filesystem.read_dir(&self.node, &mut |name, node| {
            is_all = found.len() < MOST_ENTRIES;
            if !is_all {
                return ControlFlow::Break(());
            }
            found.push((name.to_vec(), Node { filesystem, node }));
            ControlFlow::Continue(())
        })?;
        if !is_all {
            return Err(too_many());
        }
        found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(found)
    }

    /// What `make` makes of the entries, sorted by the name that `entry` finds in it.
    fn entries<T>(
        &self,
        make: impl Fn(Entry, ErasedNode) -> T,
        entry: impl Fn(&T) -> &Entry,
    ) -> Result<Vec<T>, Error> {
        let (mut found, mut failed) = (Vec::new(), None);
        self.filesystem.read_dir(&self.node, &mut |name, node| {
            let attr = if found.len() < MOST_ENTRIES { self.filesystem.attr(&node) } else { Err(too_many()) };
            match attr {
                Ok(attr) => {
                    found.push(make(Entry { name: name.to_vec(), kind: attr.kind }, node));
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        found.sort_unstable_by(|a, b| entry(a).name.cmp(&entry(b).name));
        Ok(found)
    }
}

fn too_many() -> Error {
    let limit = u64::try_from(MOST_ENTRIES).unwrap_or(u64::MAX);
    Error::TooLarge { size: limit.saturating_add(1), limit }
}
