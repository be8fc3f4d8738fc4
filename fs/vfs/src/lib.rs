// SPDX-License-Identifier: BSD-3-Clause
//! Volumes and paths: what stands on the disks, and how a path leads to a file.
//!
//! [`Volumes::discover`] takes all disks and yields every filesystem on them; whatever looks like a disk
//! (a disk, a partition) is looked at the same way, until nothing new appears. Path walking with symbolic
//! links is here, once, for all formats. The type-erased filesystem lives only in this crate.
//!
//! ```
//! use std::rc::Rc;
//!
//! let empty: Rc<dyn block::BlockRead> = Rc::new(vec![0; 1 << 20]);
//! let volumes = vfs::Volumes::discover(vec![vfs::Disk { device: empty, name: "hd0".into() }]);
//! assert!(volumes.all().is_empty() && volumes.problems().is_empty());
//! ```
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod discover;
mod erased;
pub mod fuzz;
mod volume;
mod walk;

use alloc::{rc::Rc, string::String, vec::Vec};

use block::BlockRead;

pub use discover::Problem;
pub use filesystem::Error;
pub use volume::{Entry, Node, Volume};

/// A disk as the platform hands it over.
#[derive(Clone)]
pub struct Disk {
    /// Its bytes.
    pub device: Rc<dyn BlockRead>,
    /// What messages call it: `hd0`, `/dev/vda`.
    pub name: String,
}

/// Names a volume: its index in [`Volumes::all`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct VolumeId(pub usize);

/// Every volume that was found, in the order of disks and, on a disk, of partitions.
#[derive(Default)]
pub struct Volumes {
    volumes: Vec<Volume>,
    problems: Vec<Problem>,
}

impl Volumes {
    /// Looks at every disk. What cannot be read becomes a problem; nothing makes the whole fail.
    pub fn discover(disks: Vec<Disk>) -> Self {
        let (volumes, problems) = discover::discover(disks);
        Self { problems, ..Self::from_volumes(volumes) }
    }

    /// Volumes over filesystems that are there already.
    pub fn from_volumes(mut volumes: Vec<Volume>) -> Self {
        for (index, volume) in volumes.iter_mut().enumerate() {
            volume.set_id(VolumeId(index));
        }
        Self { volumes, problems: Vec::new() }
    }

    /// All of them; a [`VolumeId`] is an index into this.
    pub fn all(&self) -> &[Volume] {
        &self.volumes
    }

    /// The volume with this id.
    pub fn get(&self, id: VolumeId) -> Option<&Volume> {
        self.volumes.get(id.0)
    }

    /// What was found and could not be read.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}
