// SPDX-License-Identifier: BSD-3-Clause
//! File data, verified against checksums: a bad sector is read in every other way that there is.

use alloc::vec::Vec;
use core::cell::RefCell;

use filesystem::{Error, Fault};

use crate::{
    checksum::{Algorithm, Sum},
    corrupt, kind,
    memory::{self, narrow, wide},
    node::Key,
    tree::{Item, Tree, Trees},
    units::Logical,
};

/// Bytes that are read before their checksums are verified: few enough to be still in the processor's cache.
const BATCH: usize = 128 << 10;

/// Reads and verifies data.
pub struct Data {
    /// The checksum tree.
    sums: Tree,
    /// A sector of which only a part was read: the next read usually asks for the rest.
    sector: RefCell<Option<(Logical, Vec<u8>)>>,
}

/// Looks up the checksums of consecutive sectors.
struct Sums<'a> {
    trees: &'a Trees,
    tree: &'a Tree,
    item: Option<Item>,
}

impl Data {
    pub fn new(sums: Tree) -> Self {
        Self { sums, sector: RefCell::default() }
    }

    /// Fills `buf` with the data at `address`, verified.
    ///
    /// # Errors
    /// [`Error::Corrupt`] with the address of a sector that is wrong in every copy or has no checksum;
    /// [`Error::Missing`] and [`Error::Io`] if none can be read.
    pub fn read(&self, trees: &Trees, address: Logical, buf: &mut [u8]) -> Result<(), Error> {
        let size = narrow(trees.geometry().sector_size);
        let lead = narrow(address.0.checked_rem(trees.geometry().sector_size).unwrap_or(0));
        // Cannot saturate: `lead` and `tail` are remainders of what they are subtracted from, or of `size`.
        let head = if lead == 0 { 0 } else { size.saturating_sub(lead).min(buf.len()) };
        let (first, rest) = buf.split_at_mut_checked(head).unwrap_or_default();
        self.read_part(trees, address, lead, first)?;
        let address = address.after(wide(head));
        let tail = rest.len().checked_rem(size).unwrap_or(0);
        let (whole, last) = rest.split_at_mut_checked(rest.len().saturating_sub(tail)).unwrap_or_default();
        let behind = address.after(wide(whole.len()));
        self.read_whole(trees, address, whole)?;
        self.read_part(trees, behind, 0, last)
    }

    /// Reads a part of a sector, `lead` bytes past its start.
    fn read_part(&self, trees: &Trees, address: Logical, lead: usize, buf: &mut [u8]) -> Result<(), Error> {
        if buf.is_empty() {
            return Ok(());
        }
        // Cannot saturate: `lead` is the remainder of the address.
        let start = Logical(address.0.saturating_sub(wide(lead)));
        let mut kept = self.sector.borrow_mut();
        if kept.as_ref().is_none_or(|(address, _)| *address != start) {
            let mut bytes = memory::zeros(narrow(trees.geometry().sector_size), "sector")?;
            self.read_whole(trees, start, &mut bytes)?;
            *kept = Some((start, bytes));
        }
        let bytes = kept.as_ref().and_then(|(_, bytes)| bytes.get(lead..)?.get(..buf.len()));
        bytes.into_iter().for_each(|bytes| buf.copy_from_slice(bytes));
        Ok(())
    }

    /// Reads whole sectors.
    fn read_whole(&self, trees: &Trees, mut address: Logical, buf: &mut [u8]) -> Result<(), Error> {
        let size = narrow(trees.geometry().sector_size).max(1);
        let mut sums = Sums { trees, tree: &self.sums, item: None };
        for batch in buf.chunks_mut(BATCH) {
            trees.storage().read_any(address, batch)?;
            for sector in batch.chunks_mut(size) {
                let stored = sums.at(address)?;
                let computed = trees.geometry().checksum.sum(sector);
                if stored != computed {
                    mend(trees, address, sector, stored, computed)?;
                }
                address = address.after(wide(size));
            }
        }
        Ok(())
    }
}

/// The key of a checksum item that begins with the sector at `address`; its object is `BTRFS_EXTENT_CSUM_OBJECTID`.
pub fn sum_key(address: Logical) -> Key {
    Key { objectid: 10u64.wrapping_neg(), kind: kind::EXTENT_CSUM, offset: address.0 }
}

/// Reads a sector in every possible way until its checksum is right.
fn mend(trees: &Trees, address: Logical, sector: &mut [u8], stored: Sum, computed: Sum) -> Result<(), Error> {
    let storage = trees.storage();
    for way in 0..storage.ways(address)? {
        if let Ok(rebuilt) = storage.read_in(way, address, sector)
            && trees.geometry().checksum.sum(sector) == stored
        {
            storage.count(rebuilt);
            return Ok(());
        }
    }
    let fault = Fault::Checksum { computed: computed.number() };
    Err(corrupt(fault, "data of btrfs_csum_item", address, stored.number()))
}

impl Sums<'_> {
    /// The checksum of the sector at `address`.
    fn at(&mut self, address: Logical) -> Result<Sum, Error> {
        let (sector, algorithm) = (self.trees.geometry().sector_size, self.trees.geometry().checksum);
        if let Some(stored) = self.trees.replayed().sum(address) {
            return Ok(algorithm.stored(stored));
        }
        if let Some(sum) = self.item.as_ref().and_then(|item| within(item, address, sector, algorithm)) {
            return Ok(sum);
        }
        let key = sum_key(address);
        self.item = self.trees.at_or_before(self.tree, key)?.filter(|item| item.key.is_beside(key));
        let sum = self.item.as_ref().and_then(|item| within(item, address, sector, algorithm));
        sum.ok_or_else(|| corrupt(Fault::Inconsistent, "data without btrfs_csum_item", address, address))
    }
}

/// The checksum of a sector, if this item contains it.
fn within(item: &Item, address: Logical, sector_size: u64, algorithm: Algorithm) -> Option<Sum> {
    let index = address.0.checked_sub(item.key.offset)?.checked_div(sector_size)?;
    let stored = item.bytes().get(narrow(index).checked_mul(algorithm.size())?..)?;
    stored.get(..algorithm.size()).map(|stored| algorithm.stored(stored))
}
