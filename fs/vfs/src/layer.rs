// SPDX-License-Identifier: BSD-3-Clause
//! The formats that can be on a device: one row of a table for each.

mod btrfs;

use alloc::{boxed::Box, rc::Rc, string::String, vec, vec::Vec};

use block::BlockRead;
use damage::Format;
use filesystem::{Error, FileSystem, Identity, MemoryBudget};

use crate::{
    Device, Root,
    erased::{Erased, ErasedNode, erase},
};

/// A format that can be on a device.
#[derive(Clone, Copy)]
pub struct Layer {
    /// blkid's name for it.
    pub name: &'static str,
    /// Whether its signature is on the device.
    pub probe: fn(&dyn BlockRead) -> Result<bool, Error>,
    /// Opens the device, within what is left of the memory budget of all filesystems.
    pub open: fn(Rc<dyn BlockRead>, &MemoryBudget) -> Result<Opened, Error>,
}

/// The formats with a driver. ext4 comes first, because mke2fs does not overwrite the sectors that hold the signatures
/// of the others.
pub const LAYERS: &[Layer] = &[
    Layer {
        name: "ext4",
        probe: |device| ext4::probe(device),
        open: |device, memory| Ok(Opened::filesystem(ext4::Ext4::open_within(device, memory)?)),
    },
    Layer { name: "btrfs", probe: |device| ::btrfs::probe(device), open: btrfs::open },
    Layer {
        name: "xfs",
        probe: |device| xfs::probe(device),
        open: |device, memory| Ok(Opened::filesystem(xfs::Xfs::open_within(device, memory)?)),
    },
    Layer {
        name: "iso9660",
        probe: |device| iso9660::probe(device),
        open: |device, _| Ok(Opened::filesystem(iso9660::Iso9660::open(device)?)),
    },
    Layer {
        name: "vfat",
        probe: |device| fat::probe(device),
        open: |device, _| Ok(Opened::filesystem(fat::Fat::open(device)?)),
    },
];

/// The result of opening a device.
pub enum Opened {
    /// A filesystem.
    FileSystem(Mounted),
    /// Another device: a container's content, or the device that the members of a set form.
    Device(Rc<dyn BlockRead>),
    /// A container that needs a key: the function tries one, and returns the content if it fits.
    Locked(Box<Unlock>),
    /// A member of a set of devices.
    Member(Member),
}

/// Opens a container with a key; `None` if the key does not fit.
pub type Unlock = dyn Fn(&[u8]) -> Result<Option<Rc<dyn BlockRead>>, Error>;

/// Assembles a set from its present members. The members `lent` by other sets may or may not be needed.
pub type Assemble = fn(members: Vec<Leg>, lent: Vec<Leg>, memory: &MemoryBudget) -> Result<Assembled, Error>;

/// The state of a set, equal on all devices that were last written together, in the format's own numbers; larger is
/// newer.
pub type State = [u64; 4];

/// What a device says about the set that it belongs to.
#[derive(Clone)]
pub struct Member {
    /// The format, for errors about members.
    pub format: Format,
    /// The identity that all members share: a UUID.
    pub set: String,
    /// Its number in the set. Numbers may have gaps, where members were removed.
    pub number: u64,
    /// Number of members, as far as this one knows.
    pub count: usize,
    /// The state in which it was last written. For two devices with one number, this tells stale copies from members.
    pub state: State,
    /// It is read-only, and other sets may build on it (a btrfs seed device).
    pub is_lent: bool,
    /// Assembles the set.
    pub assemble: Assemble,
}

/// A present member of a set.
pub struct Leg {
    /// Its number.
    pub number: u64,
    /// Its bytes.
    pub device: Rc<dyn BlockRead>,
}

/// The result of assembling a set.
pub struct Assembled {
    /// What the members form.
    pub opened: Opened,
    /// Names of the missing members.
    pub missing: Vec<String>,
    /// Indices of the lent members that it builds on.
    pub borrowed: Vec<usize>,
}

impl Opened {
    /// A filesystem with one root.
    pub fn filesystem<F: FileSystem + 'static>(filesystem: F) -> Self {
        let root = filesystem.root();
        Self::filesystem_with_roots(filesystem, vec![(String::new(), root)])
    }

    /// A filesystem with several roots: subvolumes, datasets, snapshots. The first is the one that a system starts
    /// from; if there are very many, only the first ones become volumes.
    pub fn filesystem_with_roots<F: FileSystem + 'static>(
        filesystem: F,
        roots: Vec<impl Into<Root<F::Node>>>,
    ) -> Self {
        let erased = |root: Root<F::Node>| {
            let node: ErasedNode = Rc::new(root.node);
            Root { path: root.path, number: root.number, node }
        };
        let roots = roots.into_iter().map(|root| erased(root.into())).collect();
        Self::FileSystem(Mounted::new(filesystem, roots))
    }

    /// With a further warning: something is wrong with it although it can be read.
    #[must_use]
    pub fn warned(mut self, warning: Option<Error>) -> Self {
        if let Self::FileSystem(mounted) = &mut self {
            mounted.warnings.extend(warning);
        }
        self
    }
}

/// A filesystem and its roots.
pub struct Mounted {
    pub(crate) filesystem: Rc<dyn Erased>,
    pub(crate) identity: Identity,
    /// What is wrong with the whole although it can be read.
    pub(crate) warnings: Vec<Error>,
    /// In the order of volumes.
    pub(crate) roots: Vec<Root<ErasedNode>>,
    /// Numbers of roots and their paths from the top, sorted by number.
    pub(crate) numbers: Rc<[(u64, String)]>,
}

impl Mounted {
    pub(crate) fn new<F: FileSystem + 'static>(filesystem: F, roots: Vec<Root<ErasedNode>>) -> Self {
        let (identity, warnings) = (filesystem.identity(), filesystem.warnings());
        let numbered = |root: &Root<ErasedNode>| Some((root.number?, root.path.from_top().into()));
        let mut numbers: Vec<_> = roots.iter().filter_map(numbered).collect();
        numbers.sort_unstable();
        Self { identity, warnings, filesystem: erase(filesystem), roots, numbers: numbers.into() }
    }
}

/// A source of keys for containers.
pub trait Keys {
    /// Called once for each container that needs a key: calls `attempt` with one key after the other until it returns
    /// true or no key is left.
    ///
    /// # Errors
    /// Those of `attempt`, which are about the container and not about the key.
    fn unlock(
        &self,
        container: &Device,
        attempt: &mut dyn FnMut(&[u8]) -> Result<bool, Error>,
    ) -> Result<(), Error>;
}

/// No keys: locked containers stay locked.
pub struct NoKeys;

impl Keys for NoKeys {
    fn unlock(
        &self,
        _container: &Device,
        _attempt: &mut dyn FnMut(&[u8]) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        Ok(())
    }
}
