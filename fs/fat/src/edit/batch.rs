// SPDX-License-Identifier: BSD-3-Clause
//! Batches of metadata sectors that are written between two flushes.

use alloc::{collections::BTreeMap, vec, vec::Vec};

use block::{BlockWrite, ReadError, check_bounds};

use crate::units::ByteOffset;

/// Maximum number of sectors between two flushes.
pub const MOST_SECTORS: usize = 8;

/// Changed sectors that are not written yet.
///
/// A sector is what the device writes atomically even if power fails: a logical block.
#[derive(Debug)]
pub struct Batch<'d, D> {
    device: &'d D,
    /// Bytes of a sector.
    sector: u64,
    /// Changed sectors by their start offset.
    changed: BTreeMap<u64, Vec<u8>>,
    /// Data was written directly, not through the batch, since the last flush.
    has_data: bool,
}

impl<'d, D: BlockWrite> Batch<'d, D> {
    /// An empty batch with sectors of this many bytes, a power of two.
    pub fn new(device: &'d D, sector: u64) -> Self {
        Self { device, sector, changed: BTreeMap::new(), has_data: false }
    }

    /// Bytes of a sector.
    pub fn sector(&self) -> u64 {
        self.sector
    }

    /// The start offset of the sector that holds a byte.
    pub fn sector_of(&self, at: ByteOffset) -> u64 {
        // Cannot saturate: a remainder is at most the dividend.
        at.0.saturating_sub(at.0.checked_rem(self.sector).unwrap_or(0))
    }

    /// Writes directly to the device, to a place that no structure on it refers to yet.
    ///
    /// # Errors
    /// Those of the device.
    pub fn write_data(&mut self, at: ByteOffset, bytes: &[u8]) -> Result<(), ReadError> {
        // A sector may hold a cluster and metadata if it is larger than the sectors of the format.
        if self.sectors(at, bytes.len()).any(|start| self.changed.contains_key(&start)) {
            self.commit()?;
        }
        self.has_data = true;
        self.device.write_at(at.0, bytes)
    }

    /// Reads bytes as they will be after the commit.
    ///
    /// # Errors
    /// Those of the device.
    pub fn read(&self, at: ByteOffset, buf: &mut [u8]) -> Result<(), ReadError> {
        // The entries of a chain are adjacent: one read of their sector is enough.
        if !self.sectors(at, buf.len()).all(|start| self.changed.contains_key(&start)) {
            self.device.read_at(at.0, buf)?;
        }
        for start in self.sectors(at, buf.len()) {
            if let Some(sector) = self.changed.get(&start) {
                copy(start, sector, at.0, buf);
            }
        }
        Ok(())
    }

    /// Makes space for changes of these bytes, with a commit if necessary, so that they go into one batch.
    ///
    /// # Errors
    /// Those of the device.
    pub fn make_room(&mut self, places: &[(ByteOffset, usize)]) -> Result<(), ReadError> {
        let sectors = places.iter().flat_map(|(at, length)| self.sectors(*at, *length));
        let mut new: Vec<u64> = sectors.filter(|start| !self.changed.contains_key(start)).collect();
        new.sort_unstable();
        new.dedup();
        // Cannot saturate: both are numbers of sectors in memory.
        if self.changed.len().saturating_add(new.len()) > MOST_SECTORS {
            self.commit()?;
        }
        Ok(())
    }

    /// Changes bytes.
    ///
    /// # Errors
    /// Those of the device.
    pub fn patch(&mut self, at: ByteOffset, bytes: &[u8]) -> Result<(), ReadError> {
        check_bounds(at.0, bytes.len(), self.device.size())?;
        let starts: Vec<u64> = self.sectors(at, bytes.len()).collect();
        for start in starts {
            if !self.changed.contains_key(&start) {
                // The device may end within the last sector. Cannot saturate: the bytes are on the device, as checked
                // above.
                let length = self.device.size().saturating_sub(start).min(self.sector);
                let mut sector = vec![0; usize::try_from(length).unwrap_or(0)];
                self.device.read_at(start, &mut sector)?;
                self.changed.insert(start, sector);
            }
            if let Some(sector) = self.changed.get_mut(&start) {
                copy(at.0, bytes, start, sector);
            }
        }
        Ok(())
    }

    /// Flushes data, then writes the sectors and flushes them. The batch is empty afterwards.
    ///
    /// # Errors
    /// Those of the device.
    pub fn commit(&mut self) -> Result<(), ReadError> {
        if self.has_data {
            self.device.flush()?;
            self.has_data = false;
        }
        if self.changed.is_empty() {
            return Ok(());
        }
        for (start, sector) in core::mem::take(&mut self.changed) {
            self.device.write_at(start, &sector)?;
        }
        self.device.flush()
    }

    /// Drops the changes that are not written.
    pub fn abandon(&mut self) {
        self.changed.clear();
    }

    /// The sectors that contain these bytes.
    fn sectors(&self, at: ByteOffset, length: usize) -> impl Iterator<Item = u64> + use<D> {
        let step = usize::try_from(self.sector).unwrap_or(usize::MAX).max(1);
        (self.sector_of(at)..at.within(length).0).step_by(step)
    }
}

/// Copies the overlap of two ranges of a device.
fn copy(from_start: u64, from: &[u8], to_start: u64, to: &mut [u8]) {
    // Cannot saturate: the later of two starts minus one of them.
    let skip =
        |start: u64| usize::try_from(from_start.max(to_start).saturating_sub(start)).unwrap_or(usize::MAX);
    let source = from.get(skip(from_start)..).unwrap_or_default();
    let target = to.get_mut(skip(to_start)..).unwrap_or_default();
    target.iter_mut().zip(source).for_each(|(target, source)| *target = *source);
}

#[cfg(test)]
mod tests {
    use block::{BlockRead, Memory};

    use super::*;

    #[test]
    fn changes_are_seen_before_they_are_written() {
        let device = Memory::new((0..=255).cycle().take(2048 + 7).collect());
        let mut batch = Batch::new(&device, 512);
        batch.patch(ByteOffset(510), &[1, 2, 3, 4]).unwrap();
        batch.patch(ByteOffset(2053), &[9, 9]).unwrap();
        let mut bytes = [0; 6];
        batch.read(ByteOffset(509), &mut bytes).unwrap();
        assert_eq!(bytes, [253, 1, 2, 3, 4, 2]);
        device.read_at(509, &mut bytes).unwrap();
        assert_eq!(bytes, [253, 254, 255, 0, 1, 2]);
        batch.commit().unwrap();
        device.read_at(509, &mut bytes).unwrap();
        assert_eq!(bytes, [253, 1, 2, 3, 4, 2]);
        assert!(batch.patch(ByteOffset(2054), &[0, 0]).is_err(), "past the end");
    }

    #[test]
    fn a_batch_is_written_before_it_has_nine_sectors() {
        let device = Memory::new(vec![0; 16 * 512]);
        let mut batch = Batch::new(&device, 512);
        for number in 0..8 {
            batch.make_room(&[(ByteOffset(number * 512), 1)]).unwrap();
            batch.patch(ByteOffset(number * 512), &[7]).unwrap();
        }
        batch.make_room(&[(ByteOffset(7 * 512 + 100), 4)]).unwrap();
        assert_eq!(batch.changed.len(), 8);
        batch.make_room(&[(ByteOffset(7 * 512 + 510), 4)]).unwrap();
        assert_eq!(batch.changed.len(), 0);
    }
}
