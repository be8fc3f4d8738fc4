// SPDX-License-Identifier: BSD-3-Clause
//! The memory budget that all filesystems of a machine share.

use alloc::rc::Rc;
use core::cell::Cell;

use damage::{Format, NoMemory};

use crate::Error;

/// Bytes that replayed logs and metadata caches may take together.
const MOST: usize = 56 << 20;
/// The part of these that logs may take; caches work with what is left, however little that is.
const MOST_FOR_LOGS: usize = 48 << 20;

/// Memory that filesystems take beyond their fixed needs: for the changes of a log replay, and to cache metadata. One
/// budget is shared by all, because crafted partitions may show the same filesystem many times.
#[derive(Clone, Debug, Default)]
pub struct MemoryBudget {
    used: Rc<Cell<usize>>,
}

/// A part of the budget; dropping it returns the bytes.
#[derive(Debug)]
pub struct Claim {
    budget: MemoryBudget,
    bytes: usize,
}

impl MemoryBudget {
    /// Bytes that one more log replay may take, including those that it frees at its end.
    pub fn left_for_log(&self) -> usize {
        // Saturates at zero if caches use more: nothing is left then.
        MOST_FOR_LOGS.saturating_sub(self.used.get())
    }

    /// Bytes that a cache may take in all if it has `own` already: half of what others do not use.
    pub fn left_for_cache(&self, own: usize) -> usize {
        // Cannot saturate: `own` is part of what is used.
        let others = self.used.get().saturating_sub(own);
        // Saturates at zero if others use more: nothing is left then.
        MOST.saturating_sub(others) / 2
    }

    /// Claims memory for the changes of a log replay.
    ///
    /// # Errors
    /// [`Error::NoMemory`] if that is more than is left.
    pub fn claim(&self, format: Format, bytes: usize) -> Result<Claim, Error> {
        if bytes > 0 && bytes > self.left_for_log() {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            let structure = "log replay, beside those of other filesystems";
            return Err(Error::NoMemory(NoMemory { format, structure, bytes }));
        }
        let mut claim = self.cache();
        claim.set(bytes);
        Ok(claim)
    }

    /// The claim of a cache that is still empty.
    pub fn cache(&self) -> Claim {
        Claim { budget: self.clone(), bytes: 0 }
    }
}

impl Claim {
    /// Bytes that are claimed.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes that the claim may grow to, if it is that of a cache.
    pub fn room(&self) -> usize {
        self.budget.left_for_cache(self.bytes)
    }

    /// Sets the size of the claim.
    pub fn set(&mut self, bytes: usize) {
        let used = &self.budget.used;
        // Cannot saturate: its own bytes are among those that are used, and both are in memory.
        used.set(used.get().saturating_sub(self.bytes).saturating_add(bytes));
        self.bytes = bytes;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn logs_share_what_is_there() {
        let budget = MemoryBudget::default();
        assert_eq!(budget.left_for_log(), 48 * MIB);
        let first = budget.claim(Format::Xfs, 30 * MIB).unwrap();
        assert_eq!(budget.left_for_log(), 18 * MIB);
        let error = budget.claim(Format::Btrfs, 18 * MIB + 1).unwrap_err();
        assert_eq!(error.code(), "E-MEMORY");
        let second = budget.claim(Format::Btrfs, 18 * MIB).unwrap();
        assert!(budget.claim(Format::Xfs, 1).is_err());
        assert!(budget.claim(Format::Xfs, 0).is_ok(), "a clean log needs nothing");
        drop(first);
        assert_eq!((budget.left_for_log(), second.bytes()), (30 * MIB, 18 * MIB));
    }

    #[test]
    fn every_cache_has_some_and_all_together_no_more_than_there_is() {
        let budget = MemoryBudget::default();
        let log = budget.claim(Format::Xfs, 48 * MIB).unwrap();
        let mut caches: Vec<Claim> = Vec::new();
        for count in 1..10 {
            let mut cache = budget.cache();
            let room = cache.room();
            assert_eq!(room, (8 * MIB) >> count, "half of what the others leave");
            cache.set(room);
            assert_eq!(cache.room(), room, "as long as they have that");
            caches.push(cache);
        }
        let used: usize = caches.iter().map(Claim::bytes).sum();
        assert!(log.bytes() + used < MOST);
        caches.remove(0);
        assert_eq!(budget.cache().room(), (MOST - log.bytes() - used + 4 * MIB) / 2);
    }
}
