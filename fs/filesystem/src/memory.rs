// SPDX-License-Identifier: BSD-3-Clause
//! Memory that all filesystems of a machine share.

use alloc::rc::Rc;
use core::cell::Cell;

use damage::{Format, NoMemory};

use crate::Error;

/// Bytes that logs, once replayed, and caches of metadata may take together.
const MOST: usize = 56 << 20;
/// Of these, what logs may take: caches work with what is left, however little that is.
const MOST_FOR_LOGS: usize = 48 << 20;

/// Memory that filesystems take beside what each of them needs anyway: for what the replay of a log has changed, and to
/// keep metadata that was read. Partitions may name the same filesystem again and again, so that all have one budget.
#[derive(Clone, Debug, Default)]
pub struct MemoryBudget {
    used: Rc<Cell<usize>>,
}

/// A part of the budget; whoever drops it gives it back.
#[derive(Debug)]
pub struct Claim {
    budget: MemoryBudget,
    bytes: usize,
}

impl MemoryBudget {
    /// Bytes that the replay of one more log may take, those included that it gives back at its end.
    pub fn left_for_log(&self) -> usize {
        // Saturates where more is used, by caches: nothing is left then.
        MOST_FOR_LOGS.saturating_sub(self.used.get())
    }

    /// Bytes that a cache may have which has `own` already: no more than it leaves to the caches of others.
    pub fn left_for_cache(&self, own: usize) -> usize {
        // Cannot saturate: what is its own is among what is used.
        let others = self.used.get().saturating_sub(own);
        // Saturates where others use more: nothing is left then.
        MOST.saturating_sub(others) / 2
    }

    /// Takes what a replay has changed.
    ///
    /// # Errors
    /// [`Error::NoMemory`] when that is more than is left.
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

    /// The claim of a cache that has nothing yet.
    pub fn cache(&self) -> Claim {
        Claim { budget: self.clone(), bytes: 0 }
    }
}

impl Claim {
    /// Bytes that it has.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes that it may grow to, as a cache.
    pub fn room(&self) -> usize {
        self.budget.left_for_cache(self.bytes)
    }

    /// Makes it so large.
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
