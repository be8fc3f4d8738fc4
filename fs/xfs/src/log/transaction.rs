// SPDX-License-Identifier: BSD-3-Clause
//! Assembles transactions from the operations of records.
//!
//! ```text
//! operation: | xlog_op_header | oh_len bytes |     of transaction oh_tid
//! transaction: start, xfs_trans_header, regions of items ..., commit
//! item: its format structure, which says how many regions it has, then these
//! ```
//! A transaction spans as many records as it needs, interleaved with others; a region that does not fit in a record
//! continues in the next one.

use alloc::vec::Vec;

use filesystem::Fault;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U32};

use super::{Lsn, Outcome, corrupt, half, record::Header, record::UNMOUNT, too_much, word};

/// `XFS_TRANSACTION` and `XFS_LOG`: the clients that write operations.
const CLIENTS: [u8; 2] = [0x69, 0xaa];
const START: u8 = 0x1;
const COMMIT: u8 = 0x2;
/// The region continues in the next record; it is continued from the last record; it ends here.
const CONTINUE: u8 = 0x4;
const WAS_CONTINUED: u8 = 0x8;
const END: u8 = 0x10;
/// Bytes of `struct xfs_trans_header`, and the `th_magic` that it begins with.
const HEADER: usize = 16;
const HEADER_MAGIC: u32 = 0x5452_414e;
/// `XLOG_MAX_REGIONS_IN_ITEM`
const MOST_REGIONS: u16 = 257;
/// Transactions that may be open: more than Linux ever has.
const MOST_OPEN: usize = 64;
/// Memory of an item besides its bytes: its fields, of which a vector may reserve twice as many, and two allocations.
const ITEM_COST: usize = 160;
/// The most bytes of a wanted item: a buffer of 64 KiB and its format structure.
const MOST_ITEM: usize = 72 << 10;

/// `struct xlog_op_header`
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Operation {
    oh_tid: U32,
    oh_len: U32,
    oh_clientid: u8,
    oh_flags: u8,
    oh_res2: [u8; 2],
}

/// The changes that one transaction makes to one buffer, inode or intent.
#[derive(Debug)]
pub struct Item {
    bytes: Vec<u8>,
    /// Where each region of `bytes` ends.
    ends: Vec<usize>,
    /// How many regions it has, and how many were seen.
    total: u16,
    seen: u16,
}

impl Item {
    /// Type of the item: `XFS_LI_*`.
    pub fn kind(&self) -> u16 {
        half(&self.bytes, 0)
    }

    /// The format structure, which identifies what the item changes.
    pub fn format(&self) -> &[u8] {
        self.region(0).unwrap_or_default()
    }

    /// Bytes of memory that it takes: far below what overflows.
    fn cost(&self) -> usize {
        let ends = self.ends.capacity().wrapping_mul(size_of::<usize>());
        self.bytes.capacity().wrapping_add(ends).wrapping_add(ITEM_COST)
    }

    /// The region with this number; region 0 is the format structure.
    pub fn region(&self, number: usize) -> Option<&[u8]> {
        let start = match number.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.bytes.get(start..*self.ends.get(number)?)
    }
}

/// A transaction.
#[derive(Debug)]
pub struct Transaction {
    id: u32,
    /// Number of the record that it starts in: the age of its changes.
    pub lsn: Lsn,
    /// Bytes of its header that were seen.
    header: usize,
    /// The wanted items.
    pub items: Vec<Item>,
    /// Bytes of memory that its items take, except the last one.
    cost: usize,
}

/// Whether the item with this format structure is wanted.
pub type IsWanted = fn(&[u8]) -> bool;

/// Assembles transactions.
pub struct Assembly {
    is_wanted: IsWanted,
    open: Vec<Transaction>,
    /// The most bytes of memory that transactions may take, together with all that a replay keeps.
    most: usize,
    /// Memory that the replay keeps besides transactions.
    kept: usize,
}

/// Called with a committed transaction and the bytes of memory that all transactions take, which are within the limit;
/// returns the bytes that the replay keeps besides them from now on.
pub type Commit<'a> = dyn FnMut(Transaction, usize) -> Outcome<usize> + 'a;

impl Assembly {
    pub fn new(is_wanted: IsWanted, most: usize) -> Self {
        Self { is_wanted, open: Vec::new(), most, kept: 0 }
    }

    /// Takes the operations of the record at `offset`, and calls `commit` with each transaction that they commit.
    ///
    /// # Errors
    /// `Corrupt` for operations in a wrong order; `NoMemory` if they take too much; those of `commit`.
    pub fn record(
        &mut self,
        header: &Header,
        offset: u64,
        mut bytes: &[u8],
        commit: &mut Commit<'_>,
    ) -> Outcome<()> {
        for _ in 0..header.operations {
            // The rest of the record is padding.
            let Ok((operation, rest)) = Operation::ref_from_prefix(bytes) else { return Ok(()) };
            let length = operation.oh_len.get();
            let data = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
            let Some((data, rest)) = data else {
                return Err(corrupt(Fault::Range, "xlog_op_header.oh_len", offset, length.into()));
            };
            if !CLIENTS.contains(&operation.oh_clientid) {
                let found = operation.oh_clientid.into();
                return Err(corrupt(Fault::Range, "xlog_op_header.oh_clientid", offset, found));
            }
            if let Some(whole) = self.operation(header.lsn, operation, data, offset)? {
                let held = self.cost().wrapping_add(whole.cost);
                self.kept = commit(whole, held)?;
            }
            bytes = rest;
        }
        Ok(())
    }

    /// Takes one operation; returns the transaction if it commits one.
    fn operation(
        &mut self,
        lsn: Lsn,
        operation: &Operation,
        data: &[u8],
        offset: u64,
    ) -> Outcome<Option<Transaction>> {
        let (id, flags) = (operation.oh_tid.get(), operation.oh_flags);
        let Some(at) = self.open.iter().position(|transaction| transaction.id == id) else {
            // Ignores the rest of transactions that started before the tail.
            if flags & START != 0 {
                if self.open.len() >= MOST_OPEN {
                    return Err(corrupt(Fault::Range, "xlog_op_header.oh_tid", offset, id.into()));
                }
                self.open.push(Transaction { id, lsn, header: 0, items: Vec::new(), cost: 0 });
            }
            return Ok(None);
        };
        let is_wanted = self.is_wanted;
        let kind = flags & !END & if flags & WAS_CONTINUED != 0 { !CONTINUE } else { !0 };
        let Some(transaction) = self.open.get_mut(at) else { return Ok(None) };
        if transaction.exceeds_largest_item(data.len(), kind == WAS_CONTINUED) {
            return Err(corrupt(
                Fault::Range,
                "xlog_op_header.oh_len",
                offset,
                operation.oh_len.get().into(),
            ));
        }
        let is_right = match kind {
            0 | CONTINUE => transaction.add(data, is_wanted),
            WAS_CONTINUED => transaction.continue_region(data),
            COMMIT => {
                let mut whole = self.open.swap_remove(at);
                if !whole.end_item(is_wanted) {
                    return Err(corrupt(Fault::Truncated, "xfs_trans_header", offset, id.into()));
                }
                return Ok(Some(whole));
            }
            UNMOUNT => {
                self.open.swap_remove(at);
                return Ok(None);
            }
            _ => false,
        };
        if !is_right {
            return Err(corrupt(Fault::Inconsistent, "xlog_op_header.oh_flags", offset, flags.into()));
        }
        // Cannot saturate: both are memory that is in use.
        let needed = self.cost().saturating_add(self.kept);
        if needed > self.most { Err(too_much(needed)) } else { Ok(None) }
    }

    /// Bytes of memory that all open transactions take.
    fn cost(&self) -> usize {
        let cost = |transaction: &Transaction| {
            transaction.cost.wrapping_add(transaction.items.last().map_or(0, Item::cost))
        };
        self.open.iter().fold(0, |sum: usize, transaction| sum.wrapping_add(cost(transaction)))
    }
}

impl Transaction {
    /// Whether `length` bytes more, in the last region or the next, exceed the largest item.
    fn exceeds_largest_item(&self, length: usize, is_of_last: bool) -> bool {
        let last = self.items.last().filter(|item| is_of_last || item.seen < item.total);
        // Cannot saturate: both are lengths of slices in memory.
        last.map_or(0, |item| item.bytes.len()).saturating_add(length) > MOST_ITEM
    }

    /// Adds a region, or the first part of one.
    fn add(&mut self, data: &[u8], is_wanted: IsWanted) -> bool {
        if data.is_empty() {
            return true;
        }
        if self.header < HEADER {
            self.header = data.len();
            return word(data, 0) == HEADER_MAGIC && data.len() <= HEADER;
        }
        if self.items.last().is_some_and(|item| item.seen < item.total) {
            return self.add_region(data, is_wanted);
        }
        // All format structures begin with type and number of regions, and these four bytes are never split.
        let total = half(data, 2);
        let is_right = self.end_item(is_wanted) && (1..=MOST_REGIONS).contains(&total);
        self.items.push(Item { bytes: data.to_vec(), ends: Vec::from([data.len()]), total, seen: 1 });
        is_right
    }

    /// Adds the next region of the last item.
    fn add_region(&mut self, data: &[u8], is_wanted: IsWanted) -> bool {
        let Some(item) = self.items.last_mut() else { return false };
        item.seen = item.seen.wrapping_add(1);
        // For unwanted items, keeps only the format structure, until they end.
        if is_wanted(item.format()) {
            item.bytes.extend_from_slice(data);
            item.ends.push(item.bytes.len());
        }
        true
    }

    /// Adds the rest of the last region.
    fn continue_region(&mut self, data: &[u8]) -> bool {
        let Some(item) = self.items.last_mut() else {
            // What saturates is more than `HEADER`, and refused.
            self.header = self.header.saturating_add(data.len());
            return self.header <= HEADER;
        };
        if usize::from(item.seen) == item.ends.len() {
            item.bytes.extend_from_slice(data);
            if let Some(end) = item.ends.last_mut() {
                *end = item.bytes.len();
            }
        }
        true
    }

    /// Ends the last item, and drops it if it is not wanted; `false` if it lacks regions.
    fn end_item(&mut self, is_wanted: IsWanted) -> bool {
        let is_whole = self.items.last().is_none_or(|item| item.seen == item.total);
        if self.items.pop_if(|item| !is_wanted(item.format())).is_none()
            && let Some(item) = self.items.last_mut()
        {
            item.bytes.shrink_to_fit();
            item.ends.shrink_to_fit();
            self.cost = self.cost.wrapping_add(item.cost());
        }
        is_whole
    }
}
