// SPDX-License-Identifier: BSD-3-Clause
//! Data checksums in logs: the checksum tree lacks those of data that was written after its last transaction.

use alloc::{collections::BTreeMap, vec::Vec};

use filesystem::Error;

use super::{
    items::Items,
    replay::{Budget, Replay},
};
use crate::{
    data::sum_key,
    memory::{narrow, wide},
    units::Logical,
};

/// Checksums of sectors, in runs that do not overlap.
#[derive(Debug, Default)]
pub struct Sums {
    /// By the address where a run begins: the checksums of its sectors.
    runs: BTreeMap<u64, Vec<u8>>,
}

/// The sizes of sectors and their checksums.
#[derive(Clone, Copy, Default)]
pub struct Scale {
    /// Bytes of data per checksum.
    pub sector_size: u64,
    /// Bytes of a checksum.
    pub sum_size: usize,
}

impl Sums {
    /// The checksum of the sector at `address`, followed by those of the contiguous sectors after it.
    pub fn at(&self, address: Logical, scale: Scale) -> Option<&[u8]> {
        let (start, sums) = self.runs.range(..=address.0).next_back()?;
        let skipped = scale.sums(address.0.checked_sub(*start)?);
        sums.get(skipped..).filter(|rest| !rest.is_empty())
    }

    /// The start of the first run after `address`.
    pub fn next(&self, address: Logical) -> Option<Logical> {
        let behind = address.0.checked_add(1)?;
        self.runs.range(behind..).next().map(|(start, _)| Logical(*start))
    }

    /// Adds checksums, except for sectors that already have one.
    fn add(&mut self, start: Logical, sums: &[u8], scale: Scale, budget: &Budget<'_>) -> Result<(), Error> {
        let (mut at, mut rest) = (start, sums);
        while !rest.is_empty() {
            budget.look_at(None)?;
            let known = self.at(at, scale).map(<[u8]>::len);
            let gap = self.next(at).map_or(u64::MAX, |next| next.since(at));
            let length = known.unwrap_or_else(|| scale.sums(gap)).min(rest.len());
            let Some((these, behind)) = rest.split_at_checked(length).filter(|(these, _)| !these.is_empty())
            else {
                break;
            };
            if known.is_none() {
                budget.keep(these.len())?;
                self.runs.insert(at.0, these.to_vec());
            }
            (at, rest) = (at.after(scale.bytes(these.len())), behind);
        }
        Ok(())
    }
}

impl Scale {
    /// Bytes of the checksums of the whole sectors in `bytes` bytes.
    fn sums(self, bytes: u64) -> usize {
        let sectors = bytes.checked_div(self.sector_size).unwrap_or(0);
        // Cannot saturate: a sector has more bytes than its checksum.
        narrow(sectors.saturating_mul(wide(self.sum_size)))
    }

    /// Bytes of the data that `sums` bytes of checksums cover.
    fn bytes(self, sums: usize) -> u64 {
        let sectors = sums.checked_div(self.sum_size).unwrap_or(0);
        // Cannot saturate: the checksums are in memory, and cover at most 2¹⁶ times as many bytes.
        wide(sectors).saturating_mul(self.sector_size)
    }
}

impl<B: Items> Replay<'_, B> {
    /// Takes the checksums of `length` bytes at `start` from the log, as far as it has them.
    pub fn take_sums(&mut self, start: Logical, length: u64) -> Result<(), Error> {
        let (scale, end) = (self.parameters.scale(), start.after(length));
        let log = self.log;
        let before = log.before(sum_key(start)).filter(|item| item.key.is_beside(sum_key(start)));
        let items = before.into_iter().chain(log.from(sum_key(start)));
        for item in items.take_while(|item| item.key < sum_key(end)) {
            self.budget.look_at(Some(item))?;
            let first = Logical(item.key.offset);
            let at = first.max(start);
            let skipped = scale.sums(at.since(first));
            // Saturates if the checksums end before `start`: then there are none for it. The sum cannot: it is at most
            // the length of the checksums.
            let wanted = scale.sums(end.since(at)).min(item.bytes().len().saturating_sub(skipped));
            let sums = item.bytes().get(skipped..skipped.saturating_add(wanted)).unwrap_or_default();
            self.sums.add(at, sums, scale, self.budget)?;
        }
        Ok(())
    }
}
