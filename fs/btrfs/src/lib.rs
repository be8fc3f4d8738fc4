// SPDX-License-Identifier: BSD-3-Clause
//! btrfs, read-only: every profile, healthy and degraded.
//!
//! A filesystem has one device or several. What a missing or corrupt device stored is read from another copy or rebuilt
//! from parity, as far as the profile allows; all metadata, and all data that has checksums, is verified.
//!
//! ```
//! # fn read(disks: Vec<std::rc::Rc<dyn block::BlockRead>>) -> Result<(), filesystem::Error> {
//! use filesystem::FileSystem;
//! let btrfs = btrfs::Btrfs::open(disks)?;
//! let etc = btrfs.lookup(&btrfs.root(), b"etc")?;
//! let passwd = btrfs.lookup(&etc, b"passwd")?;
//! let mut first = [0; 64];
//! let length = btrfs.read_at(&passwd, 0, &mut first)?;
//! # Ok(()) }
//! ```
//!
//! Errors in trees name the address of a node (`bytenr`), as `btrfs inspect-internal dump-tree -b` takes it, and a byte
//! in the node; errors in data name an address; errors in a superblock name a byte of its device.
//!
//! Sources: Linux, include/uapi/linux/btrfs_tree.h and fs/btrfs; btrfs-progs, Documentation/dev/On-disk-format.rst.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod assembly;
mod checksum;
mod chunk;
mod compressed;
mod data;
mod devices;
mod directory;
mod extent_item;
mod features;
mod file;
mod file_types;
pub mod fuzz;
mod inode;
mod kind;
mod log;
mod member;
mod memory;
mod named;
mod node;
mod nodes;
mod profile;
mod raw;
mod storage;
mod subvolume;
mod summary;
mod superblock;
#[cfg(test)]
mod test_image;
mod tree;
mod units;

use alloc::{format, rc::Rc, string::ToString, vec, vec::Vec};

use block::BlockRead;
use filesystem::{
    Attr, Claim, Corrupt, EachEntry, Error, Fault, FileSystem, FileType, Format, Identity, MemoryBudget,
    Summary, Unsupported,
};

pub use member::{Member, Missing, member};
pub use subvolume::Subvolume;
pub use summary::Profiles;
pub use units::Uuid;

use crate::{
    assembly::Assembly,
    directory::Directory,
    file::Files,
    inode::Inode,
    superblock::Superblock,
    tree::{Tree, Trees},
    units::{InodeNumber, Location, TreeId},
};

/// Longest target of a symbolic link: `PATH_MAX` of Linux.
const LONGEST_LINK: u64 = 4096;

/// A btrfs filesystem.
pub struct Btrfs {
    superblock: Superblock,
    trees: Trees,
    files: Files,
    /// The root of the default subvolume.
    default: Node,
    root: Node,
    warnings: Vec<Error>,
    /// The replayed log's share of the memory that all filesystems share; released on drop.
    _replayed: Claim,
}

/// Identifies a file, directory or link.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Node {
    subvolume: TreeId,
    inode: InodeNumber,
    /// It is an empty directory in the directory `inode`: a snapshot has one wherever its original contains a
    /// subvolume.
    is_stub: bool,
}

/// Whether the device has the magic number of a btrfs superblock.
///
/// # Errors
/// [`Error::Io`] when the device fails. A device that is too small holds no btrfs: that is not an error.
pub fn probe(device: &dyn BlockRead) -> Result<bool, Error> {
    superblock::probe(device)
}

impl Btrfs {
    /// Opens the filesystem on these devices, in any order; some may be missing. Seeds that it grew from have another
    /// fsid and are found among the devices; seeds that it did not grow from are ignored.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a damaged superblock or tree, for devices of two filesystems, and for two devices with
    /// the same number: of two copies, either may be the current one. [`Error::Unsupported`] naming a feature.
    /// [`Error::Missing`] naming devices without which not even the root tree can be read.
    pub fn open(devices: Vec<Rc<dyn BlockRead>>) -> Result<Self, Error> {
        Self::open_within(devices, &MemoryBudget::default())
    }

    /// The same, with a memory budget that it shares with other filesystems.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_within(devices: Vec<Rc<dyn BlockRead>>, memory: &MemoryBudget) -> Result<Self, Error> {
        let Assembly { superblock, mut trees, mut warnings } = Assembly::of(devices, memory)?;
        let roots = superblock.roots;
        let sums = subvolume::expect_root(&trees, &roots, TreeId::SUMS)?.tree;
        let default = subvolume::default(&trees, &roots, superblock.root_dir)?;
        let default = subvolume::expect_root(&trees, &roots, default)?.node();
        let recovered = log::of(&superblock, &trees, memory.left_for_log());
        if superblock.log.is_some() {
            // Its nodes are not read again, and the replayed items need their memory.
            trees.forget();
        }
        let kept = recovered.and_then(|replayed| {
            let claim = memory.claim(Format::Btrfs, replayed.memory())?;
            trees.replay(replayed);
            Ok(claim)
        });
        let replayed = kept.unwrap_or_else(|error| {
            warnings.push(degraded(format!(
                "its tree log cannot be replayed ({error}): what was synchronised last before a crash is \
                missing"
            )));
            memory.cache()
        });
        if superblock.has_errors() {
            warnings.push(degraded("errors were detected while it was mounted: run btrfs check"));
        }
        let files = Files::new(data::Data::new(sums));
        Ok(Self { superblock, trees, files, default, root: default, warnings, _replayed: replayed })
    }

    /// The same filesystem with another root: that of a subvolume.
    #[must_use]
    pub fn with_root(self, root: Node) -> Self {
        Self { root, ..self }
    }

    /// The missing devices.
    pub fn missing(&self) -> Vec<Missing> {
        self.trees.storage().missing()
    }

    /// The indices of the passed devices that belong to it; a seed that it did not grow from does not.
    pub fn used(&self) -> Vec<usize> {
        self.trees.storage().devices.used()
    }

    /// The profiles of its chunks: several after an unfinished conversion.
    pub fn profiles(&self) -> Profiles {
        Profiles::of(self.trees.storage().chunks.all())
    }

    /// Bytes that were read from another copy than the first, or rebuilt from parity.
    pub fn rebuilt(&self) -> u64 {
        self.trees.storage().rebuilt()
    }

    /// How many items the replay of a tree log changed; 0 without one.
    pub fn replayed(&self) -> usize {
        self.trees.replayed().count()
    }

    /// Whether a file's data has checksums. Without them it is unknown which of several copies is right.
    ///
    /// # Errors
    /// Those of reading its inode.
    pub fn has_checksums(&self, node: &Node) -> Result<bool, Error> {
        Ok(self.inode(node)?.1.has_sums)
    }

    /// All subvolumes and snapshots that have a path, the one at the top first.
    ///
    /// # Errors
    /// Those of reading trees; [`Error::TooLarge`] for more than 65 536 subvolumes, or more than 4 MiB of paths.
    pub fn subvolumes(&self) -> Result<Vec<Subvolume>, Error> {
        match self.found_subvolumes() {
            (_, Some(error)) => Err(error),
            (found, None) => Ok(found),
        }
    }

    /// As many of them as can be read, and why there may be more.
    pub fn found_subvolumes(&self) -> (Vec<Subvolume>, Option<Error>) {
        let subvolume::Listing { found, rest } =
            subvolume::Listing::read(&self.trees, &self.superblock.roots);
        (found, rest)
    }

    /// The root of the default subvolume.
    pub fn default_subvolume(&self) -> Node {
        self.default
    }

    /// The root of the top-level subvolume, which contains all others.
    ///
    /// # Errors
    /// As [`subvolumes`](Self::subvolumes).
    pub fn top(&self) -> Result<Node, Error> {
        Ok(subvolume::expect_root(&self.trees, &self.superblock.roots, TreeId::TOP)?.node())
    }

    /// The tree of a node's subvolume, and its inode.
    fn inode(&self, node: &Node) -> Result<(Tree, Inode), Error> {
        let tree = subvolume::expect_root(&self.trees, &self.superblock.roots, node.subvolume)?.tree;
        let inode = Inode::read(&self.trees, &tree, node.inode)?;
        Ok((tree, inode))
    }

    /// Calls `then` with a directory; returns `none` for an empty one in place of a subvolume.
    fn in_directory<T>(
        &self,
        node: &Node,
        none: T,
        then: impl FnOnce(&Directory<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if node.is_stub {
            return Ok(none);
        }
        let (tree, inode) = self.inode(node)?;
        inode.expect(FileType::Directory, "directory")?;
        let (trees, roots) = (&self.trees, &self.superblock.roots);
        then(&Directory { trees, roots, tree: &tree, number: inode.number })
    }
}

impl FileSystem for Btrfs {
    type Node = Node;

    fn identity(&self) -> Identity {
        let Superblock { label, fsid, .. } = &self.superblock;
        Identity { format: "btrfs", label: label.clone(), uuid: fsid.to_string() }
    }

    fn summary(&self) -> Result<Summary, Error> {
        Ok(summary::of(&self.superblock, self.trees.storage(), !self.warnings.is_empty()))
    }

    fn warnings(&self) -> Vec<Error> {
        self.warnings.clone()
    }

    fn root(&self) -> Node {
        self.root
    }

    fn lookup(&self, dir: &Node, name: &[u8]) -> Result<Node, Error> {
        self.in_directory(dir, None, |directory| directory.lookup(name).map(Some))?.ok_or(Error::NotFound)
    }

    fn attr(&self, node: &Node) -> Result<Attr, Error> {
        let (_, inode) = self.inode(node)?;
        Ok(if node.is_stub { inode.stub() } else { inode.attr })
    }

    fn read_dir(&self, dir: &Node, each: &mut EachEntry<'_, Node>) -> Result<(), Error> {
        self.in_directory(dir, (), |directory| directory.each(each))
    }

    fn read_link(&self, node: &Node) -> Result<Vec<u8>, Error> {
        let (tree, inode) = self.inode(node)?;
        inode.expect(FileType::Symlink, "symbolic link")?;
        if !(1..=LONGEST_LINK).contains(&inode.attr.size) {
            return Err(corrupt(Fault::Range, "btrfs_inode_item.size", inode.place, inode.attr.size));
        }
        let mut target = vec![0; memory::narrow(inode.attr.size)];
        self.files.read(&self.trees, &tree, &inode, 0, &mut target)?;
        Ok(target)
    }

    fn read_at(&self, node: &Node, offset: u64, buf: &mut [u8]) -> Result<usize, Error> {
        let (tree, inode) = self.inode(node)?;
        inode.expect(FileType::File, "regular file")?;
        self.files.read(&self.trees, &tree, &inode, offset, buf)
    }
}

/// An error about the bytes at a place: in a node, at an address of the filesystem, or on a device.
fn corrupt(fault: Fault, structure: &'static str, at: impl Into<Location>, found: impl Into<u64>) -> Error {
    let (Location { origin, offset }, found) = (at.into(), found.into());
    Error::Corrupt(Corrupt { format: Format::Btrfs, fault, structure, origin, offset, found })
}

fn unsupported(feature: impl Into<alloc::borrow::Cow<'static, str>>) -> Error {
    Error::Unsupported(Unsupported { format: Format::Btrfs, feature: feature.into() })
}

/// A warning about the whole filesystem.
fn degraded(state: impl Into<alloc::borrow::Cow<'static, str>>) -> Error {
    Error::Degraded(filesystem::Degraded { format: Format::Btrfs, state: state.into() })
}
