// SPDX-License-Identifier: BSD-3-Clause
//! Reads nodes, and caches those that were used last.

use alloc::{rc::Rc, vec::Vec};
use core::cell::RefCell;

use filesystem::{Claim, Error, MemoryBudget};

use crate::{
    memory,
    node::{Geometry, Node, Wanted},
    storage::{Storage, more_helpful},
    units::Logical,
};

/// The most bytes of cached nodes.
const CAPACITY: usize = 8 << 20;

/// Reads nodes, from whichever copy is valid.
pub struct Nodes {
    storage: Storage,
    geometry: Geometry,
    cache: RefCell<Cache>,
}

/// The nodes that were used last.
struct Cache {
    /// Sorted by address: two thousand at most.
    nodes: Vec<Used>,
    /// Their share of the memory that all filesystems share.
    claim: Claim,
    clock: u64,
}

struct Used {
    node: Rc<Node>,
    /// When it was used last.
    at: u64,
}

impl Nodes {
    pub fn new(storage: Storage, geometry: Geometry, memory: &MemoryBudget) -> Self {
        let cache = Cache { nodes: Vec::new(), claim: memory.cache(), clock: 0 };
        Self { storage, geometry, cache: cache.into() }
    }

    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    pub fn storage_mut(&mut self) -> &mut Storage {
        &mut self.storage
    }

    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    pub fn geometry_mut(&mut self) -> &mut Geometry {
        &mut self.geometry
    }

    /// Empties the cache.
    pub fn forget(&mut self) {
        let cache = self.cache.get_mut();
        cache.nodes.clear();
        cache.claim.set(0);
    }

    /// Reads the wanted node.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if no copy is valid, [`Error::Missing`] or [`Error::Io`] if none can be read.
    pub fn read(&self, wanted: &Wanted) -> Result<Rc<Node>, Error> {
        if let Some(node) = self.cache.borrow_mut().get(wanted.address) {
            node.check_again(wanted, &self.geometry)?;
            return Ok(node);
        }
        let node = Rc::new(self.sound(wanted)?);
        self.cache.borrow_mut().add(Rc::clone(&node));
        Ok(node)
    }

    fn sound(&self, wanted: &Wanted) -> Result<Node, Error> {
        let mut failure = None;
        for way in 0..self.storage.ways(wanted.address)? {
            let mut bytes = memory::zeros(self.geometry.node_size, "node")?;
            let read = self.storage.read_in(way, wanted.address, &mut bytes);
            let node = read.and_then(|rebuilt| Ok((rebuilt, Node::parse(bytes, wanted, &self.geometry)?)));
            match node {
                Ok((rebuilt, node)) => {
                    self.storage.count(rebuilt);
                    return Ok(node);
                }
                Err(error) => failure = Some(more_helpful(failure, error)),
            }
            self.storage.charge_way(wanted.address)?;
        }
        // There is at least one way.
        Err(failure.unwrap_or(Error::NotFound))
    }
}

impl Cache {
    fn get(&mut self, address: Logical) -> Option<Rc<Node>> {
        // Saturates after more nodes than any disk has.
        self.clock = self.clock.saturating_add(1);
        let index = self.nodes.binary_search_by_key(&address, |used| used.node.address()).ok()?;
        let used = self.nodes.get_mut(index)?;
        used.at = self.clock;
        Some(Rc::clone(&used.node))
    }

    /// Caches a node in place of those that were not used for longest; does not cache it if there is no room at all.
    fn add(&mut self, node: Rc<Node>) {
        let room = self.claim.room().min(CAPACITY);
        // Cannot saturate: all of these are nodes in memory, whose bytes the claim has summed up.
        let mut bytes = self.claim.bytes().saturating_add(node.size());
        while bytes > room {
            let oldest =
                self.nodes.iter().enumerate().min_by_key(|(_, used)| used.at).map(|(index, _)| index);
            let Some(index) = oldest else { return };
            bytes = bytes.saturating_sub(self.nodes.remove(index).node.size());
            self.claim.set(bytes.saturating_sub(node.size()));
        }
        self.claim.set(bytes);
        let place = self.nodes.partition_point(|used| used.node.address() < node.address());
        self.nodes.insert(place, Used { node, at: self.clock });
    }
}
