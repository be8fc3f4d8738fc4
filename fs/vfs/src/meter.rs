// SPDX-License-Identifier: BSD-3-Clause
//! Counts and limits what parsers read.

use core::cell::Cell;

use alloc::rc::Rc;
use block::{BlockRead, ReadError};

/// Counts the bytes read from a disk, and refuses reads over a limit.
///
/// Reads are counted above the caches, so that a loop over one cached block is limited, too.
#[derive(Debug, Default)]
pub struct Meter {
    used: Cell<u64>,
    limit: Cell<Option<u64>>,
}

impl Meter {
    /// A meter that allows `limit` bytes in all.
    pub fn new(limit: u64) -> Self {
        Self { limit: Cell::new(Some(limit)), ..Self::default() }
    }

    /// Bytes read so far.
    pub fn used(&self) -> u64 {
        self.used.get()
    }

    /// Keeps back a quarter of what is left; returns the previous limit, for [`restore`](Self::restore).
    pub fn keep_back(&self) -> Option<u64> {
        let before = self.limit.get();
        // Saturates at zero if nothing is left.
        let kept = |limit: u64| limit.saturating_sub(self.used.get()) / 4;
        // Cannot saturate: `kept` is a part of the limit.
        self.limit.set(before.map(|limit| limit.saturating_sub(kept(limit))));
        before
    }

    /// Restores a previous limit.
    pub fn restore(&self, limit: Option<u64>) {
        self.limit.set(limit);
    }

    /// Lifts the limit.
    pub fn lift(&self) {
        self.limit.set(None);
    }

    /// A refused read is not counted: smaller ones may still fit.
    fn charge(&self, offset: u64, length: usize) -> Result<(), ReadError> {
        // Saturates only if the counter is long past any meaningful limit.
        let used = self.used.get().saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        match self.limit.get() {
            Some(limit) if used > limit => Err(ReadError::Limit { offset, limit }),
            _ => {
                self.used.set(used);
                Ok(())
            }
        }
    }
}

/// A device whose reads a meter counts.
#[derive(Debug)]
pub struct Metered<D> {
    device: D,
    meter: Rc<Meter>,
}

impl<D> Metered<D> {
    pub fn new(device: D, meter: Rc<Meter>) -> Self {
        Self { device, meter }
    }
}

impl<D: BlockRead> BlockRead for Metered<D> {
    fn size(&self) -> u64 {
        self.device.size()
    }

    fn logical_block_size(&self) -> u32 {
        self.device.logical_block_size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.meter.charge(offset, buf.len())?;
        self.device.read_at(offset, buf)
    }

    fn charge(&self, bytes: usize) -> Result<(), ReadError> {
        self.meter.charge(0, bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use block::Cache;

    use super::*;

    #[test]
    fn reads_of_the_cache_count_until_the_limit_is_lifted() {
        let meter = Rc::new(Meter::new(1000));
        let device = Metered::new(Cache::new(vec![7; 4096], 1), Rc::clone(&meter));
        let mut buf = [0; 100];
        for _ in 0..9 {
            device.read_at(0, &mut buf).unwrap();
        }
        block::Slice::new(&device, 1, 1).unwrap().charge(100).unwrap();
        assert_eq!(meter.used(), 1000);
        assert!(
            block::Slice::new(&device, 1, 1).unwrap().charge(1).is_err(),
            "work is paid for in the same way"
        );
        let error = device.read_at(5, &mut buf).unwrap_err();
        assert_eq!(error, ReadError::Limit { offset: 5, limit: 1000 });
        assert_eq!(error.code(), "E-BLOCK-LIMIT");
        meter.lift();
        assert_eq!(meter.keep_back(), None);
        device.read_at(5, &mut buf).unwrap();
        assert_eq!(meter.used(), 1100);
    }

    #[test]
    fn a_quarter_of_what_is_left_is_kept_back() {
        let meter = Rc::new(Meter::new(1000));
        let device = Metered::new(vec![7; 4096], Rc::clone(&meter));
        device.read_at(0, &mut [0; 200]).unwrap();
        let before = meter.keep_back();
        assert!(device.read_at(0, &mut [0; 601]).is_err());
        device.read_at(0, &mut [0; 600]).unwrap();
        assert_eq!((device.read_at(0, &mut [0]).is_err(), meter.keep_back()), (true, Some(800)));
        meter.restore(before);
        device.read_at(0, &mut [0; 200]).unwrap();
        assert!(device.read_at(0, &mut [0]).is_err());
    }
}
