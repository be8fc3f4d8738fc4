// SPDX-License-Identifier: BSD-3-Clause
//! A change in progress: allocates and frees clusters, in the FATs and in the information sector.

use alloc::{vec, vec::Vec};

use block::{BlockRead, BlockWrite};
use filesystem::Fault;
use zerocopy::{FromZeros, IntoBytes};

use super::{Error, batch::Batch};
use crate::{
    Fat, Kind,
    boot::FIRST_CLUSTER,
    corrupt,
    info::{self, FsInfo},
    table::{self, Chain},
    units::{ByteOffset, ClusterNumber},
};

/// Bytes of content that are in memory at a time, unless a cluster is larger.
const PIECE: u64 = 64 * 1024;

/// A change in progress.
pub struct Change<'f, D> {
    pub fat: &'f Fat<D>,
    pub batch: Batch<'f, D>,
    pub free: FreeClusters,
    /// Clusters allocated (`taken`) and freed (`given`) since the information sector was updated.
    taken: u32,
    given: u32,
}

/// The free clusters of a volume, each once: from a hint on to the last one, then those before the hint.
#[derive(Clone, Debug)]
pub struct FreeClusters {
    next: ClusterNumber,
    /// Clusters that are not visited yet.
    left: u32,
    /// A cluster to return before the others.
    reserved: Option<ClusterNumber>,
}

impl FreeClusters {
    /// The next free cluster; `None` when all were visited.
    pub fn next<D: BlockRead>(&mut self, fat: &Fat<D>) -> Result<Option<ClusterNumber>, Error> {
        while let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            let cluster = self.next;
            let after = cluster.after(1);
            self.next = if fat.geometry.position(after).is_some() { after } else { FIRST_CLUSTER };
            if Some(cluster) != self.reserved && fat.table.is_free(&fat.device, &fat.geometry, cluster)? {
                return Ok(Some(cluster));
            }
        }
        Ok(None)
    }

    /// Chooses a free cluster that fits, which is then returned before all others; `None` if none fits.
    pub fn reserve<D: BlockRead>(
        &mut self,
        fat: &Fat<D>,
        is_fit: impl Fn(ClusterNumber) -> bool,
    ) -> Result<Option<ClusterNumber>, Error> {
        let mut others = self.clone();
        while let Some(cluster) = others.next(fat)? {
            if is_fit(cluster) {
                self.reserved = Some(cluster);
                return Ok(Some(cluster));
            }
        }
        Ok(None)
    }

    /// The number of free clusters, counted up to `most`.
    pub fn count<D: BlockRead>(&self, fat: &Fat<D>, most: u64) -> Result<u64, Error> {
        let (mut others, mut count) = (self.clone(), 0u64);
        while count < most && others.next(fat)?.is_some() {
            // Cannot saturate: it is less than `most`.
            count = count.saturating_add(1);
        }
        Ok(count)
    }
}

impl<'f, D: BlockWrite> Change<'f, D> {
    /// A change that has not begun; `sector` is the bytes of a sector of the device.
    pub fn new(fat: &'f Fat<D>, sector: u64) -> Result<Self, Error> {
        let batch = Batch::new(&fat.device, sector);
        let free = FreeClusters { next: FIRST_CLUSTER, left: fat.geometry.clusters, reserved: None };
        let mut change = Self { fat, batch, free, taken: 0, given: 0 };
        if let Some((_, info)) = change.info()? {
            let hint = ClusterNumber(info.fsi_nxt_free.get());
            if fat.geometry.position(hint).is_some() {
                change.free.next = hint;
            }
        }
        Ok(change)
    }

    /// Number of clusters for this many bytes.
    pub fn clusters_of(&self, bytes: u64) -> u64 {
        bytes.div_ceil(self.fat.geometry.cluster.max(1))
    }

    /// Allocates a free cluster. The caller has checked that there are enough.
    pub fn take(&mut self) -> Result<ClusterNumber, Error> {
        let none = || corrupt(Fault::Inconsistent, "FAT", self.fat.geometry.fat_start, self.taken);
        self.free.next(self.fat)?.ok_or_else(|| none().into())
    }

    /// Writes these bytes, padded with zeros, to allocated clusters and links them into a chain.
    pub fn write_chain(&mut self, clusters: &[ClusterNumber], mut bytes: Vec<u8>) -> Result<(), Error> {
        let cluster = usize::try_from(self.fat.geometry.cluster).unwrap_or(0).max(1);
        // Cannot saturate: all these clusters are on the device.
        bytes.resize(clusters.len().saturating_mul(cluster), 0);
        for (number, piece) in clusters.iter().zip(bytes.chunks(cluster)) {
            self.batch.write_data(self.position(*number)?, piece)?;
        }
        self.enchain(None, clusters)?;
        self.end_chain(clusters.last().copied())
    }

    /// Writes a file's content to a new chain and returns its first cluster.
    ///
    /// # Errors
    /// [`Error::Content`], and those of the device.
    pub fn write_content(&mut self, content: &dyn BlockRead, size: u32) -> Result<ClusterNumber, Error> {
        let mut written = Written { first: ClusterNumber::NONE, last: None };
        let result = self.write_pieces(content, u64::from(size), &mut written);
        if result.is_err() {
            // Frees the part of the new chain that is already in the FAT. If that fails, too, lost clusters remain.
            self.batch.abandon();
            let _ = self.give_back_unfinished(written.first);
        }
        result.map(|()| written.first)
    }

    fn write_pieces(
        &mut self,
        content: &dyn BlockRead,
        size: u64,
        written: &mut Written,
    ) -> Result<(), Error> {
        let cluster = self.fat.geometry.cluster.max(1);
        let piece = PIECE.max(cluster);
        let mut offset = 0;
        while offset < size {
            // Cannot saturate: `offset` is less than `size`, which has 32 bits.
            let length = size.saturating_sub(offset).min(piece);
            let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
            content.read_at(offset, &mut bytes).map_err(Error::Content)?;
            bytes.resize(usize::try_from(length.next_multiple_of(cluster)).unwrap_or(0), 0);
            let count = self.clusters_of(length);
            let clusters = (0..count).map(|_| self.take()).collect::<Result<Vec<_>, _>>()?;
            self.write_runs(&clusters, &bytes)?;
            if written.last.is_none() {
                written.first = clusters.first().copied().unwrap_or(ClusterNumber::NONE);
            }
            self.enchain(written.last, &clusters)?;
            written.last = clusters.last().copied();
            // Cannot saturate: as above.
            offset = offset.saturating_add(length);
        }
        self.end_chain(written.last)
    }

    /// Writes bytes to clusters, adjacent ones with one write.
    fn write_runs(&mut self, clusters: &[ClusterNumber], bytes: &[u8]) -> Result<(), Error> {
        let cluster = usize::try_from(self.fat.geometry.cluster).unwrap_or(usize::MAX);
        let mut rest = bytes;
        for run in clusters.chunk_by(|one, next| one.after(1) == *next) {
            // If it saturates, it is longer than the rest, too.
            let length = run.len().saturating_mul(cluster).min(rest.len());
            let (now, later) = rest.split_at_checked(length).unwrap_or_default();
            if let Some(first) = run.first() {
                self.batch.write_data(self.position(*first)?, now)?;
            }
            rest = later;
        }
        Ok(())
    }

    fn position(&self, cluster: ClusterNumber) -> Result<ByteOffset, Error> {
        let position = self.fat.geometry.position(cluster);
        position
            .ok_or_else(|| corrupt(Fault::Range, "FAT entry", self.fat.geometry.fat_start, cluster).into())
    }

    /// Links clusters into a chain after `last`, without an end mark.
    fn enchain(&mut self, mut last: Option<ClusterNumber>, clusters: &[ClusterNumber]) -> Result<(), Error> {
        for cluster in clusters {
            if let Some(last) = last {
                self.set(last, cluster.0)?;
            }
            // Cannot saturate: a volume has fewer than 2^28 clusters.
            self.taken = self.taken.saturating_add(1);
            last = Some(*cluster);
        }
        Ok(())
    }

    fn end_chain(&mut self, last: Option<ClusterNumber>) -> Result<(), Error> {
        match last {
            Some(last) => self.set(last, self.fat.geometry.kind.chain_end()),
            None => Ok(()),
        }
    }

    /// Checks that a chain ends and that all its clusters are on the volume.
    ///
    /// # Errors
    /// [`filesystem::Error::Corrupt`]
    pub fn check_chain(&self, first: ClusterNumber, location: ByteOffset) -> Result<(), Error> {
        let mut chain = self.fat.chain(first, location)?;
        while self.fat.table.advance(&self.fat.device, &self.fat.geometry, &mut chain)? {}
        Ok(())
    }

    /// Frees a checked chain that nothing refers to any more.
    pub fn give_back(&mut self, first: ClusterNumber) -> Result<(), Error> {
        let fat = self.fat;
        let mut chain = Chain::new(first);
        loop {
            let cluster = chain.cluster;
            let is_last = !fat.table.advance(&fat.device, &fat.geometry, &mut chain)?;
            self.set(cluster, 0)?;
            // Cannot saturate: a volume has fewer than 2^28 clusters.
            self.given = self.given.saturating_add(1);
            if is_last {
                return Ok(());
            }
        }
    }

    /// Frees the part of a new chain that is already in the FAT.
    fn give_back_unfinished(&mut self, first: ClusterNumber) -> Result<(), Error> {
        self.fat.table.forget();
        let mut cluster = first;
        // Terminates: each step frees a cluster.
        while self.fat.geometry.position(cluster).is_some() {
            let (next, _) = self.fat.table.entry(&self.fat.device, &self.fat.geometry, cluster)?;
            if next == 0 {
                break;
            }
            self.set(cluster, 0)?;
            cluster = ClusterNumber(next);
        }
        Ok(self.batch.commit()?)
    }

    /// Sets the FAT entry of a cluster that nothing refers to, in all FATs. May commit the batch first.
    pub fn set(&mut self, cluster: ClusterNumber, value: u32) -> Result<(), Error> {
        let geometry = &self.fat.geometry;
        let length = if geometry.kind == Kind::Fat32 { 4 } else { 2 };
        let places: Vec<(ByteOffset, usize)> = self.places(cluster).map(|at| (at, length)).collect();
        self.batch.make_room(&places)?;
        for (at, length) in places {
            let mut bytes = [0; 4];
            let (bytes, _) = bytes.split_at_mut(length);
            self.batch.read(at, bytes)?;
            store(geometry.kind, cluster, value, bytes);
            self.batch.patch(at, bytes)?;
        }
        Ok(())
    }

    /// Byte offset of the entry of a cluster in each FAT.
    fn places(&self, cluster: ClusterNumber) -> impl Iterator<Item = ByteOffset> + use<D> {
        let geometry = self.fat.geometry;
        let offset = table::offset(geometry.kind, cluster);
        // Cannot saturate: all FATs are on the device.
        let copy =
            move |number: u64| geometry.mirrors.first.after(number.saturating_mul(geometry.fat_length));
        (0..geometry.mirrors.count).map(move |number| copy(number).after(offset.0))
    }

    /// For a FAT12 entry that crosses a sector boundary: the mask of its bits in the first sector.
    pub fn first_bits(&self, cluster: ClusterNumber) -> Option<u32> {
        let is_cut = |at: ByteOffset| self.batch.sector_of(at) != self.batch.sector_of(at.after(1));
        let is_cut = self.fat.geometry.kind == Kind::Fat12 && self.places(cluster).any(is_cut);
        is_cut.then_some(if cluster.0.is_multiple_of(2) { 0xff } else { 0x0f })
    }

    /// Appends a chain to one that is in use, atomically for every reader: the batch is empty before.
    pub fn link(&mut self, last: ClusterNumber, next: ClusterNumber) -> Result<(), Error> {
        if let Some(bits) = self.first_bits(last) {
            // The half-written value is still an end of chain, as `next` was chosen for that.
            let (old, _) = self.fat.table.entry(&self.fat.device, &self.fat.geometry, last)?;
            self.set(last, old & !bits | next.0 & bits)?;
            self.batch.commit()?;
        }
        self.set(last, next.0)
    }

    /// Updates the information sector for the allocated and freed clusters, with the next commit.
    pub fn update_info(&mut self) -> Result<(), Error> {
        let Some((at, mut info)) = self.info()? else { return Ok(()) };
        let free = info.fsi_free_count.get();
        if free <= self.fat.geometry.clusters {
            let free = free.checked_sub(self.taken).and_then(|free| free.checked_add(self.given));
            let free = free.filter(|free| *free <= self.fat.geometry.clusters);
            info.fsi_free_count.set(free.unwrap_or(info::UNKNOWN));
        }
        info.fsi_nxt_free.set(self.free.next.0);
        (self.taken, self.given) = (0, 0);
        self.batch.make_room(&[(at, size_of::<FsInfo>())])?;
        Ok(self.batch.patch(at, info.as_bytes())?)
    }

    /// The information sector, if there is a valid one.
    fn info(&self) -> Result<Option<(ByteOffset, FsInfo)>, Error> {
        let Some(at) = self.fat.geometry.fs_info else { return Ok(None) };
        let mut info = FsInfo::new_zeroed();
        self.batch.read(at, info.as_mut_bytes())?;
        Ok(Some((at, info)).filter(|(_, info)| info.is_valid()))
    }
}

/// The part of a file's chain that is written so far.
struct Written {
    first: ClusterNumber,
    last: Option<ClusterNumber>,
}

/// Stores a value in the bytes of an entry, which share bits with a neighbour (FAT12) or have reserved bits (FAT32).
fn store(kind: Kind, cluster: ClusterNumber, value: u32, bytes: &mut [u8]) {
    let mut old = [0; 4];
    old.iter_mut().zip(&*bytes).for_each(|(place, byte)| *place = *byte);
    let old = u32::from_le_bytes(old);
    let new = match kind {
        Kind::Fat12 if cluster.0.is_multiple_of(2) => old & 0xf000 | value & 0xfff,
        Kind::Fat12 => old & 0x000f | (value & 0xfff) << 4,
        Kind::Fat16 => value & 0xffff,
        Kind::Fat32 => old & 0xf000_0000 | value & 0x0fff_ffff,
    };
    bytes.iter_mut().zip(new.to_le_bytes()).for_each(|(place, byte)| *place = byte);
}
