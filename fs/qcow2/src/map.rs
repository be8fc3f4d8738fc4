// SPDX-License-Identifier: BSD-3-Clause
//! Maps bytes of the disk to bytes of the device: the L1 table points to L2 tables, and these to clusters.

use alloc::vec::Vec;

use block::{BlockRead, ReadError};
use damage::Fault;

use crate::{Qcow2, compressed::Compressed, corrupt, zeros};

/// Bits of an entry that are the offset of a table or cluster.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
/// Bits of an L1 entry that must be zero: `L1E_RESERVED_MASK`. The highest bit is about reference counts.
const L1_RESERVED: u64 = 0x7f00_0000_0000_01ff;
/// Bits that must be zero in an L2 entry of an uncompressed cluster: `L2E_STD_RESERVED_MASK`.
const L2_RESERVED: u64 = 0x3f00_0000_0000_01fe;
/// The cluster reads as zeros; reserved with extended L2 entries.
const ZERO: u64 = 1;
const COMPRESSED: u64 = 1 << 62;
/// Offset of the bitmap in an extended L2 entry.
const BITMAP_AT: u64 = 8;
/// Number of L2 entries to read at once: less than a page of the cache.
const BATCH: u64 = 512;

/// Where bytes come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// The backing device, or zeros without one.
    Backing,
    Zeros,
    /// The device, from this offset on.
    Device(u64),
    /// A cluster that must be unpacked.
    Compressed(Compressed),
}

/// Bytes of the disk with one source.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Extent {
    pub source: Source,
    /// In bytes, at least one.
    pub length: u64,
}

impl Extent {
    /// This extent joined with the next one, if they are contiguous.
    fn joined(self, next: Self) -> Option<Self> {
        let is_joined = match (self.source, next.source) {
            (Source::Backing, Source::Backing) | (Source::Zeros, Source::Zeros) => true,
            (Source::Device(first), Source::Device(second)) => {
                first.checked_add(self.length).is_some_and(|end| end == second)
            }
            _ => false,
        };
        // Cannot saturate: together they are part of the disk.
        is_joined.then(|| Self { length: self.length.saturating_add(next.length), ..self })
    }
}

/// The extents of a part of the disk, in order and without gaps.
pub struct Extents<'a, D> {
    image: &'a Qcow2<D>,
    /// Start of the next piece.
    at: u64,
    end: u64,
    /// A piece that was read but not joined.
    pending: Option<Extent>,
    batch: Batch,
}

/// Consecutive entries of one L2 table.
#[derive(Default)]
struct Batch {
    /// The clusters of the disk that the entries map: `first..end`.
    first: u64,
    end: u64,
    /// Byte offset of the first entry on the device; `None` if there is no table.
    place: Option<u64>,
    entries: Vec<u8>,
}

/// The cluster that an entry points to.
enum Cluster {
    Compressed(Compressed),
    /// A normal cluster at this byte offset, or zero for none.
    Plain(u64),
}

/// An L2 entry.
struct Entry {
    descriptor: u64,
    /// The bitmap of subclusters.
    bitmap: u64,
    /// Its byte offset on the device.
    place: u64,
}

impl<'a, D: BlockRead> Extents<'a, D> {
    /// The extents of the `length` bytes at `offset`, which are on the disk.
    pub fn new(image: &'a Qcow2<D>, offset: u64, length: u64) -> Self {
        // Cannot saturate: it is on the disk.
        let end = offset.saturating_add(length);
        Self { image, at: offset, end, pending: None, batch: Batch::default() }
    }

    /// The next extent, as long as possible.
    pub fn next(&mut self) -> Result<Option<Extent>, ReadError> {
        let mut extent = match self.pending.take() {
            Some(pending) => pending,
            None if self.at >= self.end => return Ok(None),
            None => self.piece()?,
        };
        while self.at < self.end {
            let next = self.piece()?;
            match extent.joined(next) {
                Some(joined) => extent = joined,
                None => {
                    self.pending = Some(next);
                    break;
                }
            }
        }
        Ok(Some(extent))
    }

    /// The extent at `at` according to one entry, or to a missing table.
    fn piece(&mut self) -> Result<Extent, ReadError> {
        let header = &self.image.header;
        let (cluster, within) = header.locate(self.at);
        if !(self.batch.first..self.batch.end).contains(&cluster) {
            self.batch = self.load(cluster)?;
        }
        // Nothing saturates: `at` is before the end, its cluster is in the batch, and an L2 table maps at most 2^39
        // bytes.
        let left = self.end.saturating_sub(self.at);
        let (source, length) = match self.batch.entry(cluster, header.l2_entry_size()) {
            Some(entry) if header.has_extended_l2 => self.extended(&entry, within)?,
            Some(entry) => self.standard(&entry, within)?,
            None => {
                let clusters = self.batch.end.saturating_sub(cluster);
                (Source::Backing, clusters.saturating_mul(header.cluster_size()).saturating_sub(within))
            }
        };
        // At least one byte: `within` is in its cluster, `at` is before the end.
        let length = length.min(left).max(1);
        if let (Source::Device(place), Some(entry)) =
            (source, self.batch.entry(cluster, header.l2_entry_size()))
        {
            let size = self.image.device.size();
            if place.checked_add(length).is_none_or(|end| end > size) {
                return Err(corrupt(Fault::Truncated, "data cluster", entry.place, place));
            }
        }
        // Cannot saturate: `length` is at most what is left.
        self.at = self.at.saturating_add(length);
        Ok(Extent { source, length })
    }

    /// Reads the entries that the rest of the range needs, from that of `cluster` on, within one table.
    fn load(&self, cluster: u64) -> Result<Batch, ReadError> {
        let header = &self.image.header;
        let per_table = header.l2_entries();
        let index = cluster.checked_rem(per_table).unwrap_or(0);
        // Nothing saturates: cluster numbers have 55 bits, and the table is on the device.
        let behind = cluster.saturating_add(per_table.saturating_sub(index));
        let Some(table) = self.table(cluster.checked_div(per_table).unwrap_or(0))? else {
            return Ok(Batch { first: cluster, end: behind, place: None, entries: Vec::new() });
        };
        let (last, _) = header.locate(self.end.saturating_sub(1));
        let end = behind.min(last.saturating_add(1)).min(cluster.saturating_add(BATCH));
        let size = header.l2_entry_size();
        let place = table.saturating_add(index.saturating_mul(size));
        let mut entries = zeros(end.saturating_sub(cluster).saturating_mul(size), "L2 entries")?;
        self.image.device.read_at(place, &mut entries)?;
        Ok(Batch { first: cluster, end, place: Some(place), entries })
    }

    /// Byte offset of an L2 table, all of which is on the device.
    fn table(&self, index: u64) -> Result<Option<u64>, ReadError> {
        let header = &self.image.header;
        // Cannot saturate: the table covers the whole disk, and is on the device.
        let place = header.l1_table_offset.saturating_add(index.saturating_mul(8));
        let mut entry = [0; 8];
        self.image.device.read_at(place, &mut entry)?;
        let entry = u64::from_be_bytes(entry);
        let table = entry & OFFSET;
        let is_there =
            table.checked_add(header.cluster_size()).is_some_and(|end| end <= self.image.device.size());
        match table {
            _ if entry & L1_RESERVED != 0 || header.locate(table).1 != 0 => {
                Err(corrupt(Fault::Range, "L1 entry", place, entry))
            }
            0 => Ok(None),
            _ if is_there => Ok(Some(table)),
            _ => Err(corrupt(Fault::Truncated, "L2 table", place, table)),
        }
    }

    /// The source of an entry's cluster from byte `within` on, and the number of bytes from there.
    fn standard(&self, entry: &Entry, within: u64) -> Result<(Source, u64), ReadError> {
        let header = &self.image.header;
        let source = match self.cluster(entry)? {
            Cluster::Compressed(compressed) => Source::Compressed(compressed),
            Cluster::Plain(_) if entry.descriptor & ZERO != 0 => {
                if header.version < 3 {
                    return Err(entry.range());
                }
                Source::Zeros
            }
            Cluster::Plain(0) => Source::Backing,
            // Cannot saturate: offsets have 56 bits.
            Cluster::Plain(offset) => Source::Device(offset.saturating_add(within)),
        };
        // Cannot saturate: `within` is in the cluster.
        Ok((source, header.cluster_size().saturating_sub(within)))
    }

    /// The same for an entry with subclusters, up to the first subcluster with another kind of source.
    fn extended(&self, entry: &Entry, within: u64) -> Result<(Source, u64), ReadError> {
        let header = &self.image.header;
        let cluster = header.cluster_size();
        let wrong = || {
            // Cannot saturate: the entry was read from there.
            let place = entry.place.saturating_add(BITMAP_AT);
            corrupt(Fault::Inconsistent, "subcluster allocation bitmap", place, entry.bitmap)
        };
        let offset = match self.cluster(entry)? {
            Cluster::Compressed(_) if entry.bitmap != 0 => return Err(wrong()),
            Cluster::Compressed(compressed) => {
                // Cannot saturate: `within` is in the cluster.
                return Ok((Source::Compressed(compressed), cluster.saturating_sub(within)));
            }
            Cluster::Plain(_) if entry.descriptor & ZERO != 0 => return Err(entry.range()),
            Cluster::Plain(offset) => offset,
        };
        // The lower half says which subclusters are allocated, the upper half which read as zeros.
        let allocated = entry.bitmap & u64::from(u32::MAX);
        let zero = entry.bitmap.checked_shr(32).unwrap_or(0);
        if allocated & zero != 0 || (offset == 0 && allocated != 0) {
            return Err(wrong());
        }
        let size = cluster.checked_div(32).unwrap_or(0).max(1);
        let first = within.checked_div(size).unwrap_or(0);
        let bit = |map: u64, subcluster: u64| {
            let shift = u32::try_from(subcluster).unwrap_or(u32::MAX);
            map.checked_shr(shift).unwrap_or(0) & 1 == 1
        };
        let kind = |subcluster| (bit(allocated, subcluster), bit(zero, subcluster));
        let behind = (first..32).find(|next| kind(*next) != kind(first)).unwrap_or(32);
        let source = match kind(first) {
            // Cannot saturate: offsets have 56 bits.
            (true, _) => Source::Device(offset.saturating_add(within)),
            (_, true) => Source::Zeros,
            _ => Source::Backing,
        };
        // Cannot saturate: `within` is before subcluster `behind`, which is in the cluster.
        Ok((source, behind.saturating_mul(size).saturating_sub(within)))
    }

    /// The cluster that an entry points to.
    fn cluster(&self, entry: &Entry) -> Result<Cluster, ReadError> {
        let header = &self.image.header;
        if entry.descriptor & COMPRESSED != 0 {
            let size = self.image.device.size();
            let compressed = Compressed::parse(entry.descriptor, header.cluster_bits, size, entry.place)?;
            return Ok(Cluster::Compressed(compressed));
        }
        let offset = entry.descriptor & OFFSET;
        if entry.descriptor & L2_RESERVED != 0 || header.locate(offset).1 != 0 {
            return Err(entry.range());
        }
        Ok(Cluster::Plain(offset))
    }
}

impl Entry {
    fn range(&self) -> ReadError {
        corrupt(Fault::Range, "L2 entry", self.place, self.descriptor)
    }
}

impl Batch {
    /// The entry of a cluster in the batch; `None` if there is no table.
    fn entry(&self, cluster: u64, size: u64) -> Option<Entry> {
        let start = cluster.checked_sub(self.first)?.checked_mul(size)?;
        let bytes = self.entries.get(usize::try_from(start).ok()?..)?;
        let descriptor = u64::from_be_bytes(*bytes.first_chunk()?);
        let bitmap = match bytes.get(usize::try_from(BITMAP_AT).ok()?..).and_then(|rest| rest.first_chunk()) {
            Some(bitmap) if size == 16 => u64::from_be_bytes(*bitmap),
            _ => 0,
        };
        // Cannot saturate: the entry was read from there.
        Some(Entry { descriptor, bitmap, place: self.place?.saturating_add(start) })
    }
}
