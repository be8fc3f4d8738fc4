// SPDX-License-Identifier: BSD-3-Clause
//! Nodes that were read, and those that were read last.

use alloc::{rc::Rc, vec::Vec};
use core::cell::RefCell;

use filesystem::{Claim, Error, MemoryBudget};

use crate::{
    memory,
    node::{Node, Rules, Wanted},
    storage::{Storage, telling},
    units::Logical,
};

/// Bytes of nodes that are kept at most.
const CAPACITY: usize = 8 << 20;

/// Reads nodes, from whichever copy is sound.
pub struct Nodes {
    storage: Storage,
    rules: Rules,
    cache: RefCell<Cache>,
}

/// The nodes that were used last.
struct Cache {
    /// By address: two thousand at most.
    nodes: Vec<Used>,
    /// Their bytes, of those that all filesystems have.
    claim: Claim,
    clock: u64,
}

struct Used {
    node: Rc<Node>,
    /// When it was used last.
    at: u64,
}

impl Nodes {
    pub fn new(storage: Storage, rules: Rules, memory: &MemoryBudget) -> Self {
        let cache = Cache { nodes: Vec::new(), claim: memory.cache(), clock: 0 };
        Self { storage, rules, cache: cache.into() }
    }

    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    pub fn storage_mut(&mut self) -> &mut Storage {
        &mut self.storage
    }

    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    pub fn rules_mut(&mut self) -> &mut Rules {
        &mut self.rules
    }

    /// Keeps no node of those that were read.
    pub fn forget(&mut self) {
        let cache = self.cache.get_mut();
        cache.nodes.clear();
        cache.claim.set(0);
    }

    /// The node that is wanted.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where no copy is sound, [`Error::Missing`] or [`Error::Io`] where none can be read.
    pub fn read(&self, wanted: &Wanted) -> Result<Rc<Node>, Error> {
        if let Some(node) = self.cache.borrow_mut().get(wanted.address) {
            node.check_again(wanted, &self.rules)?;
            return Ok(node);
        }
        let node = Rc::new(self.sound(wanted)?);
        self.cache.borrow_mut().add(Rc::clone(&node));
        Ok(node)
    }

    fn sound(&self, wanted: &Wanted) -> Result<Node, Error> {
        let mut failure = None;
        for way in 0..self.storage.ways(wanted.address)? {
            let mut bytes = memory::zeros(self.rules.node_size, "node")?;
            let read = self.storage.read_in(way, wanted.address, &mut bytes);
            let node = read.and_then(|rebuilt| Ok((rebuilt, Node::parse(bytes, wanted, &self.rules)?)));
            match node {
                Ok((rebuilt, node)) => {
                    self.storage.count(rebuilt);
                    return Ok(node);
                }
                Err(error) => failure = Some(telling(failure, error)),
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

    /// Keeps a node instead of those that were not used for longest; where there is no room at all, not even that.
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
