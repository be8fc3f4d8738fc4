// SPDX-License-Identifier: BSD-3-Clause
//! The file allocation table: which cluster follows which.

use alloc::vec::Vec;
use core::cell::RefCell;

use block::BlockRead;
use filesystem::{Error, Fault};

use crate::{
    boot::{FIRST_CLUSTER, Geometry, Kind},
    corrupt,
    units::{ByteOffset, ClusterNumber, FatOffset, FileCluster},
};

/// Bytes of the FAT that are cached: 4 KiB cover 1024 clusters of FAT32. Small, because a machine may have thousands of
/// volumes, each with a window of its own.
const WINDOW: u64 = 4 * 1024;
/// Windows start at a multiple of this.
const WINDOW_ALIGNMENT: u64 = 512;
/// Maximum number of clusters to count: a table of 64 MiB.
const MOST_COUNTED: u32 = 1 << 24;
/// The bits of a FAT32 entry that are significant.
const FAT32_MASK: u32 = 0x0fff_ffff;

/// The FAT, read through a cached window.
#[derive(Debug, Default)]
pub struct Table {
    window: RefCell<Window>,
}

#[derive(Debug, Default)]
struct Window {
    start: FatOffset,
    bytes: Vec<u8>,
}

/// A position in a chain of clusters.
///
/// Loops are detected by Brent's algorithm: the chain comes back to a remembered cluster after at most three times as
/// many steps as it has clusters.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    /// The chain's first cluster.
    pub first: ClusterNumber,
    /// The current cluster, which is on the volume.
    pub cluster: ClusterNumber,
    /// Index of the current cluster in the chain.
    pub index: FileCluster,
    remembered: ClusterNumber,
    remember_next: FileCluster,
}

impl Chain {
    /// The start of the chain; `first` has been checked to be a cluster of the volume.
    pub fn new(first: ClusterNumber) -> Self {
        let (index, remember_next) = (FileCluster(0), FileCluster(1));
        Self { first, cluster: first, index, remembered: first, remember_next }
    }
}

impl Table {
    /// Moves to the next cluster; returns `false` at the end of the chain.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the chain runs into a free, bad or non-existent cluster, or loops.
    pub fn advance<D: BlockRead>(
        &self,
        device: &D,
        geometry: &Geometry,
        chain: &mut Chain,
    ) -> Result<bool, Error> {
        let (value, at) = self.entry(device, geometry, chain.cluster)?;
        // This value and all above mean the end of the chain; the one below is a bad cluster.
        let end = match geometry.kind {
            Kind::Fat12 => 0xff8,
            Kind::Fat16 => 0xfff8,
            Kind::Fat32 => 0x0fff_fff8,
        };
        if value >= end {
            return Ok(false);
        }
        let next = ClusterNumber(value);
        if geometry.position(next).is_none() {
            return Err(corrupt(Fault::Range, "FAT entry", at, next));
        }
        chain.cluster = next;
        chain.index = chain.index.next();
        if next == chain.remembered || chain.index > FileCluster(geometry.clusters.into()) {
            return Err(corrupt(Fault::Loop, "FAT entry", at, next));
        }
        if chain.index == chain.remember_next {
            chain.remembered = next;
            // Cannot saturate: a chain has fewer than 2^32 clusters.
            chain.remember_next = FileCluster(chain.index.0.saturating_mul(2));
        }
        Ok(true)
    }

    /// Number of free clusters; `None` if there are more clusters than are counted.
    ///
    /// # Errors
    /// If the device fails.
    pub fn free<D: BlockRead>(&self, device: &D, geometry: &Geometry) -> Result<Option<u32>, Error> {
        if geometry.clusters > MOST_COUNTED {
            return Ok(None);
        }
        let mut free = 0u32;
        for index in 0..geometry.clusters {
            let (value, _) = self.entry(device, geometry, FIRST_CLUSTER.after(index))?;
            // Cannot saturate: at most one for each cluster.
            free = free.saturating_add(u32::from(value == 0));
        }
        Ok(Some(free))
    }

    /// Whether a cluster of the volume is free.
    ///
    /// # Errors
    /// If the device fails.
    pub fn is_free<D: BlockRead>(
        &self,
        device: &D,
        geometry: &Geometry,
        cluster: ClusterNumber,
    ) -> Result<bool, Error> {
        Ok(self.entry(device, geometry, cluster)?.0 == 0)
    }

    /// Drops the cached window, because the FAT was written to.
    pub fn forget(&self) {
        self.window.take();
    }

    /// Whether the entry of cluster 1 says that the volume was not unmounted cleanly, or that its medium had errors.
    /// FAT12 has no bits for that.
    ///
    /// # Errors
    /// If the device fails.
    pub fn is_marked<D: BlockRead>(&self, device: &D, geometry: &Geometry) -> Result<bool, Error> {
        let sound = match geometry.kind {
            Kind::Fat12 => return Ok(false),
            Kind::Fat16 => 0xc000,
            Kind::Fat32 => 0x0c00_0000,
        };
        let (value, _) = self.entry(device, geometry, ClusterNumber(1))?;
        Ok(value & sound != sound)
    }

    /// The entry of a cluster and its byte offset on the device.
    pub fn entry<D: BlockRead>(
        &self,
        device: &D,
        geometry: &Geometry,
        cluster: ClusterNumber,
    ) -> Result<(u32, ByteOffset), Error> {
        let index = u64::from(cluster);
        let offset = offset(geometry.kind, cluster);
        let value = match geometry.kind {
            Kind::Fat12 => {
                let pair = u16::from_le_bytes(self.bytes(device, geometry, offset)?);
                u32::from(if index.is_multiple_of(2) { pair & 0xfff } else { pair >> 4 })
            }
            Kind::Fat16 => u32::from(u16::from_le_bytes(self.bytes(device, geometry, offset)?)),
            Kind::Fat32 => u32::from_le_bytes(self.bytes(device, geometry, offset)?) & FAT32_MASK,
        };
        Ok((value, geometry.fat_start.after(offset.0)))
    }

    /// `N` bytes at an offset within the FAT.
    fn bytes<D: BlockRead, const N: usize>(
        &self,
        device: &D,
        geometry: &Geometry,
        offset: FatOffset,
    ) -> Result<[u8; N], Error> {
        let mut window = self.window.borrow_mut();
        if let Some(bytes) = window.get(offset) {
            return Ok(bytes);
        }
        // Cannot saturate: a remainder is at most the dividend.
        let start = offset.0.saturating_sub(offset.0 % WINDOW_ALIGNMENT);
        // Saturates at zero past the end of the FAT, where nothing is found.
        let length = geometry.fat_length.saturating_sub(start).min(WINDOW);
        window.start = FatOffset(start);
        window.bytes.clear();
        window.bytes.resize(usize::try_from(length).unwrap_or(0), 0);
        if let Err(error) = device.read_at(geometry.fat_start.after(start).0, &mut window.bytes) {
            window.bytes.clear();
            return Err(error.into());
        }
        let past = || corrupt(Fault::Range, "FAT", geometry.fat_start, offset);
        window.get(offset).ok_or_else(past)
    }
}

/// Offset of the entry of a cluster; on FAT12 it may start in the middle of that byte.
pub fn offset(kind: Kind, cluster: ClusterNumber) -> FatOffset {
    let index = u64::from(cluster);
    // Cannot saturate: a cluster has 32 bits.
    FatOffset(match kind {
        Kind::Fat12 => index.saturating_add(index / 2),
        Kind::Fat16 => index.saturating_mul(2),
        Kind::Fat32 => index.saturating_mul(4),
    })
}

impl Window {
    fn get<const N: usize>(&self, offset: FatOffset) -> Option<[u8; N]> {
        let skip = usize::try_from(offset.0.checked_sub(self.start.0)?).ok()?;
        self.bytes.get(skip..)?.first_chunk().copied()
    }
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;
    use crate::boot::{Mirrors, Root};

    fn geometry(kind: Kind, fat_length: u64, clusters: u32) -> Geometry {
        Geometry {
            kind,
            cluster: 512,
            fat_start: ByteOffset(0),
            fat_length,
            mirrors: Mirrors { first: ByteOffset(0), count: 1 },
            fs_info: None,
            root: Root::Fixed { start: ByteOffset(0), length: 0 },
            data_start: ByteOffset(0),
            clusters,
            volume_id: 0,
            is_marked: false,
            label: [b' '; 11],
        }
    }

    fn follow(fat: &[u8], geometry: &Geometry, first: u32) -> Result<Vec<u32>, Error> {
        let table = Table::default();
        let mut chain = Chain::new(ClusterNumber(first));
        let mut clusters = vec![first];
        while table.advance(&fat, geometry, &mut chain)? {
            clusters.push(chain.cluster.0);
        }
        Ok(clusters)
    }

    fn fault(result: Result<Vec<u32>, Error>) -> (Fault, u64) {
        match result {
            Err(Error::Corrupt(corrupt)) => (corrupt.fault, corrupt.found),
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn twelve_bits_are_unpacked_from_both_halves() {
        // Entries 0 to 5: ff8 fff 003 004 005 ff8.
        let fat = [0xf8, 0xff, 0xff, 0x03, 0x40, 0x00, 0x05, 0x80, 0xff];
        assert_eq!(follow(&fat, &geometry(Kind::Fat12, 9, 4), 2).unwrap(), [2, 3, 4, 5]);
    }

    #[test]
    fn the_upper_four_bits_of_fat32_are_ignored() {
        let words = [0u32, 0, 0xf000_0003, 0xafff_fff8];
        let fat: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(follow(&fat, &geometry(Kind::Fat32, 16, 2), 2).unwrap(), [2, 3]);
    }

    #[test]
    fn free_bad_and_foreign_clusters_end_a_chain_with_an_error() {
        for bad in [0u16, 1, 0xfff7, 9] {
            let fat: Vec<u8> = [0, 0, 3, bad].iter().flat_map(|word: &u16| word.to_le_bytes()).collect();
            assert_eq!(fault(follow(&fat, &geometry(Kind::Fat16, 8, 2), 2)), (Fault::Range, u64::from(bad)));
        }
    }

    #[test]
    fn free_clusters_are_counted_and_marks_are_seen() {
        let fat16: Vec<u8> =
            [0xfff8u16, 0xffff, 0, 3, 0xfff7, 0, 0xffff].into_iter().flat_map(u16::to_le_bytes).collect();
        let geometry = geometry(Kind::Fat16, fat16.len() as u64, 5);
        assert_eq!(Table::default().free(&fat16, &geometry), Ok(Some(2)));
        assert_eq!(Table::default().is_marked(&fat16, &geometry), Ok(false));
        for mark in [0x7f, 0xbf] {
            let mut marked = fat16.clone();
            marked[3] = mark;
            assert_eq!(Table::default().is_marked(&marked, &geometry), Ok(true), "{mark:#x}");
        }
        let many = Geometry { clusters: MOST_COUNTED + 1, ..geometry };
        assert_eq!(Table::default().free(&fat16, &many), Ok(None));
    }

    #[test]
    fn loops_of_any_shape_are_found() {
        // A tail of `tail` clusters into a loop of `length`: the sizes around powers of two are where
        // Brent's method changes its mark.
        for tail in [0usize, 1, 2, 3, 7, 8, 9] {
            for length in [1usize, 2, 3, 4, 5, 8, 15, 16, 17] {
                let count = tail + length;
                let mut words: Vec<u16> = vec![0, 0];
                words.extend((0..count).map(|i| i as u16 + 3));
                words[count + 1] = tail as u16 + 2;
                let fat: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
                let result = follow(&fat, &geometry(Kind::Fat16, fat.len() as u64, count as u32), 2);
                assert_eq!(fault(result).0, Fault::Loop, "{tail} {length}");
            }
        }
    }

    #[test]
    fn a_chain_is_followed_beyond_the_window() {
        // 40 000 entries of FAT16 are 80 000 bytes: three windows.
        let mut words: Vec<u16> = (0..40_000u32).map(|i| (i + 1) as u16).collect();
        words[39_999] = 0xffff;
        let fat: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let clusters = follow(&fat, &geometry(Kind::Fat16, 80_000, 39_998), 2).unwrap();
        assert_eq!(clusters.len(), 39_998);
    }
}
