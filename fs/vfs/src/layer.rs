// SPDX-License-Identifier: BSD-3-Clause
//! What can stand on a device: one row of a table for each format.

mod btrfs;

use alloc::{boxed::Box, rc::Rc, string::String, vec, vec::Vec};

use block::BlockRead;
use damage::Format;
use filesystem::{Error, FileSystem, Identity, MemoryBudget};

use crate::{
    Device, Root,
    erased::{Erased, ErasedNode, erase},
};

/// A format that stands on a device.
#[derive(Clone, Copy)]
pub struct Layer {
    /// blkid's name for it.
    pub name: &'static str,
    /// Whether its signature stands on the device.
    pub probe: fn(&dyn BlockRead) -> Result<bool, Error>,
    /// What it makes of the device, in no more memory than is left of that of all filesystems.
    pub open: fn(Rc<dyn BlockRead>, &MemoryBudget) -> Result<Opened, Error>,
}

/// The formats with a driver. ext4 comes first: mke2fs leaves the sectors as they were in which the others have
/// their signatures.
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

/// What a device has become.
pub enum Opened {
    /// A filesystem.
    FileSystem(Mounted),
    /// Another device: a container's content, or what the members of a set make together.
    Device(Rc<dyn BlockRead>),
    /// A container that needs a key: tries one, and yields the content where it fits.
    Locked(Box<Unlock>),
    /// One of the devices of a set.
    Member(Member),
}

/// Opens a container with a key; none where the key does not fit.
pub type Unlock = dyn Fn(&[u8]) -> Result<Option<Rc<dyn BlockRead>>, Error>;

/// Makes something of the members of a set that are there. Those that other sets lend may have nothing to do with it.
pub type Assemble = fn(members: Vec<Leg>, lent: Vec<Leg>, memory: &MemoryBudget) -> Result<Assembled, Error>;

/// A state of a set: what all devices that were written together last have in common, in the format's own numbers. The
/// larger, the newer.
pub type State = [u64; 4];

/// What a device says of the set that it belongs to.
#[derive(Clone)]
pub struct Member {
    /// The format, for errors about members.
    pub format: Format,
    /// What all members have in common: a UUID.
    pub set: String,
    /// Which of them it is. Numbers may have gaps, where members were removed.
    pub number: u64,
    /// How many there are, as far as this one knows.
    pub count: usize,
    /// What it was when it was written last. Of two devices of one number this tells copies from what belongs together.
    pub state: State,
    /// Nobody writes to it any more, and other sets may stand on it, too.
    pub is_lent: bool,
    /// What makes a set of them.
    pub assemble: Assemble,
}

/// A member of a set that is there.
pub struct Leg {
    /// Its number.
    pub number: u64,
    /// Its bytes.
    pub device: Rc<dyn BlockRead>,
}

/// What has come of the members of a set.
pub struct Assembled {
    /// What they make together.
    pub opened: Opened,
    /// Names of the members that are not there.
    pub missing: Vec<String>,
    /// Of those lent the ones that it stands on, by index.
    pub borrowed: Vec<usize>,
}

impl Opened {
    /// A filesystem with one root.
    pub fn filesystem<F: FileSystem + 'static>(filesystem: F) -> Self {
        let root = filesystem.root();
        Self::filesystem_with_roots(filesystem, vec![(String::new(), root)])
    }

    /// A filesystem with several: subvolumes, datasets, snapshots. The first is the one that a system starts from; of
    /// very many, only the first become volumes.
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

    /// The same, with something more that is wrong with it, though it can be read.
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
    /// What is wrong with the whole, though it can be read.
    pub(crate) warnings: Vec<Error>,
    /// In the order of volumes.
    pub(crate) roots: Vec<Root<ErasedNode>>,
    /// Paths of roots from the top by their numbers, in the order of numbers.
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

/// What unlocks containers.
pub trait Keys {
    /// Called once for each container that needs a key: calls `attempt` with one key after the other until it says
    /// that one fits, or no key is left.
    ///
    /// # Errors
    /// That of `attempt`, which is about the container and not about the key.
    fn unlock(
        &self,
        container: &Device,
        attempt: &mut dyn FnMut(&[u8]) -> Result<bool, Error>,
    ) -> Result<(), Error>;
}

/// No keys: what is locked stays locked.
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
