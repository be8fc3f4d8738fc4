// SPDX-License-Identifier: BSD-3-Clause
//! Builds small filesystems for tests, in which addresses are byte offsets of the only device.

use std::{rc::Rc, vec, vec::Vec};

use filesystem::MemoryBudget;

use crate::{
    chunk::{Chunks, Item, tests::chunk},
    devices::{Devices, Leg, Name},
    memory::wide,
    node::{
        Key,
        tests::{SIZE, branch, geometry, key, leaf, wanted},
    },
    profile::DATA,
    storage::Storage,
    tree::{Tree, Trees},
    units::{DeviceNumber, Generation, Logical, TreeId, Uuid},
};

/// Bytes of the device.
const LENGTH: usize = 4 << 20;

/// A filesystem under construction.
pub struct TestImage {
    pub bytes: Vec<u8>,
}

impl TestImage {
    pub fn new() -> Self {
        Self { bytes: vec![0; LENGTH] }
    }

    /// Writes bytes at an address.
    pub fn with(mut self, address: u64, bytes: &[u8]) -> Self {
        let start = address as usize;
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// Writes a leaf of the tree at an address.
    pub fn leaf(self, tree: TreeId, address: u64, items: &[(Key, &[u8])]) -> Self {
        let wanted = crate::node::Wanted { address: Logical(address), tree, ..wanted(0) };
        self.with(address, &leaf(&wanted, items))
    }

    /// Writes a node above the leaves.
    pub fn branch(self, tree: TreeId, address: u64, pointers: &[(Key, u64)]) -> Self {
        let wanted = crate::node::Wanted { address: Logical(address), tree, ..wanted(1) };
        self.with(address, &branch(&wanted, pointers))
    }

    pub fn trees(self) -> Trees {
        self.trees_within(&MemoryBudget::default())
    }

    pub fn trees_within(self, memory: &MemoryBudget) -> Trees {
        let mut devices = Devices::default();
        let name = Name { number: DeviceNumber(1), uuid: Uuid([1; 16]) };
        devices.add(Leg {
            name,
            bytes: Some(Rc::new(self.bytes)),
            given: Some(0),
            is_behind: false,
            named_size: Some(0),
            is_seed: false,
        });
        let mut chunks = Chunks::default();
        let bytes = chunk(wide(LENGTH), DATA | 4, &[0]);
        let (item, _) = Item::parse(key(256, 0), &bytes, Logical(0)).unwrap();
        chunks.add(&item, &mut devices, 4096).unwrap();
        chunks.finish().unwrap();
        Trees::new(Storage::new(devices, chunks), geometry(), memory)
    }
}

/// The tree whose root is at an address.
pub fn tree(id: TreeId, root: u64, level: u8) -> Tree {
    Tree { id, root: Logical(root), level, generation: Generation(9) }
}

/// The size of a node, as an address.
pub const NODE: u64 = SIZE as u64;
