// SPDX-License-Identifier: BSD-3-Clause
//! What can stand on a device: one row of a table for each format.

use alloc::{boxed::Box, rc::Rc, string::String, vec, vec::Vec};

use block::BlockRead;
use damage::Format;
use filesystem::{Error, FileSystem, Identity};

use crate::{
    Device,
    erased::{Erased, ErasedNode, erase},
};

/// A format that stands on a device.
#[derive(Clone, Copy)]
pub struct Layer {
    /// blkid's name for it.
    pub name: &'static str,
    /// Whether its signature stands on the device.
    pub probe: fn(&dyn BlockRead) -> Result<bool, Error>,
    /// What it makes of the device.
    pub open: fn(Rc<dyn BlockRead>) -> Result<Opened, Error>,
}

/// The formats with a driver. ext4 comes first: mke2fs leaves the sectors as they were in which the others have
/// their signatures.
pub const LAYERS: &[Layer] = &[
    Layer {
        name: "ext4",
        probe: |device| ext4::probe(device),
        open: |device| Ok(Opened::filesystem(ext4::Ext4::open(device)?)),
    },
    Layer {
        name: "xfs",
        probe: |device| xfs::probe(device),
        open: |device| Ok(Opened::filesystem(xfs::Xfs::open(device)?)),
    },
    Layer {
        name: "iso9660",
        probe: |device| iso9660::probe(device),
        open: |device| Ok(Opened::filesystem(iso9660::Iso9660::open(device)?)),
    },
    Layer {
        name: "vfat",
        probe: |device| fat::probe(device),
        open: |device| Ok(Opened::filesystem(fat::Fat::open(device)?)),
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

/// Makes something of the members of a set, each at its index; none stands for one that is missing.
pub type Assemble = fn(&[Option<Rc<dyn BlockRead>>]) -> Result<Opened, Error>;

/// What a device says of the set that it belongs to.
pub struct Member {
    /// The format, for errors about members.
    pub format: Format,
    /// What all members have in common: a UUID.
    pub set: String,
    /// Which of them it is.
    pub index: usize,
    /// How many there are.
    pub count: usize,
    /// What makes a set of them.
    pub assemble: Assemble,
}

impl Opened {
    /// A filesystem with one root.
    pub fn filesystem<F: FileSystem + 'static>(filesystem: F) -> Self {
        let root = filesystem.root();
        Self::filesystem_with_roots(filesystem, vec![(String::new(), root)])
    }

    /// A filesystem with several, each with its name: subvolumes, datasets, snapshots. The first is the one that a
    /// system starts from.
    pub fn filesystem_with_roots<F: FileSystem + 'static>(
        filesystem: F,
        roots: Vec<(String, F::Node)>,
    ) -> Self {
        let erased = |(name, node)| {
            let node: ErasedNode = Rc::new(node);
            (name, node)
        };
        let roots = roots.into_iter().map(erased).collect();
        Self::FileSystem(Mounted::new(filesystem, roots))
    }
}

/// A filesystem and its roots.
pub struct Mounted {
    pub(crate) filesystem: Rc<dyn Erased>,
    pub(crate) identity: Identity,
    /// What is wrong with the whole, though it can be read.
    pub(crate) warnings: Vec<Error>,
    /// By name.
    pub(crate) roots: Vec<(String, ErasedNode)>,
}

impl Mounted {
    pub(crate) fn new<F: FileSystem + 'static>(filesystem: F, roots: Vec<(String, ErasedNode)>) -> Self {
        let (identity, warnings) = (filesystem.identity(), filesystem.warnings());
        Self { identity, warnings, filesystem: erase(filesystem), roots }
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
