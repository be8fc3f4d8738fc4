// SPDX-License-Identifier: BSD-3-Clause
//! Log items with the changes of a buffer: fs/xfs/xfs_buf_item_recover.c.

use alloc::vec;

use crc32c::crc32c;
use filesystem::Fault;
use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    little_endian::{U16, U32, U64},
};

use super::{
    CHUNK, Lsn, Outcome, SECTOR, Sector, corrupt, replay::Replay, to_u64, transaction::Item, unsupported,
};

/// `XFS_BLF_INODE_BUF`: only `di_next_unlinked` is logged this way, the other fields of inodes have their own items.
const INODES: u16 = 1;
/// `XFS_BLF_CANCEL`: the buffer was freed.
const CANCEL: u16 = 2;
/// Bits that the type, `XFS_BLFT_*`, is shifted left by.
const TYPE_SHIFT: u32 = 11;
const BTREE: u16 = 4;
/// Types that readers need: unknown, B+trees, inodes, links, directories (block, data, leaf, node) and superblocks.
const WANTED_TYPES: u32 =
    1 << 0 | 1 << BTREE | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 13 | 1 << 14 | 1 << 15 | 1 << 18;
/// `XFS_BLF_DATAMAP_SIZE`: words of the map.
const MOST_WORDS: usize = 17;
/// Bytes of buffers that may get a new checksum, per byte of memory that a replay may use: enough for blocks of 4 KiB
/// in which only one chunk changed, with some to spare.
const SEALED: usize = 32;
/// Sectors of the largest buffer, 64 KiB.
const MOST_SECTORS: u16 = 128;

/// The fixed part of `struct xfs_buf_log_format`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    blf_type: U16,
    blf_size: U16,
    blf_flags: U16,
    blf_len: U16,
    blf_blkno: U64,
    blf_map_size: U32,
}

/// A buffer that a transaction changed or freed.
#[derive(Clone, Copy, Debug)]
pub struct Buffer {
    /// Where it is.
    pub range: BufferRange,
    flags: u16,
}

/// First sector and length of a buffer. Once freed, the same sectors may become part of another buffer.
#[derive(Clone, Copy, Debug)]
pub struct BufferRange {
    /// The first sector.
    pub sector: Sector,
    /// How many.
    pub length: u16,
}

impl BufferRange {
    /// Its length in bytes; `None` if it exceeds the largest buffer.
    fn bytes(self) -> Option<usize> {
        let length = usize::from(self.length);
        // Cannot saturate: 16 bits of sectors of 512 bytes.
        (1..=MOST_SECTORS).contains(&self.length).then(|| length.saturating_mul(SECTOR))
    }

    /// Both in one number, which identifies the buffer; no device has so many sectors that bits get lost.
    pub fn key(self) -> u64 {
        self.sector.0 << 8 | u64::from(self.length & 0xff)
    }

    fn from_key(key: u64) -> Self {
        let [length, ..] = key.to_le_bytes();
        Self { sector: Sector(key >> 8), length: length.into() }
    }
}

impl Buffer {
    /// The buffer in the format structure of an item.
    pub fn parse(format: &[u8]) -> Option<Self> {
        let (raw, _) = Raw::ref_from_prefix(format).ok()?;
        let range = BufferRange { sector: Sector(raw.blf_blkno.get()), length: raw.blf_len.get() };
        Some(Self { range, flags: raw.blf_flags.get() })
    }

    /// Whether the buffer was freed: then earlier changes of it do not count.
    pub fn is_cancel(self) -> bool {
        self.flags & CANCEL != 0
    }

    /// Whether readers need its content.
    pub fn is_wanted(self) -> bool {
        self.flags & INODES == 0 && WANTED_TYPES >> self.kind() & 1 != 0
    }

    fn kind(self) -> u16 {
        self.flags >> TYPE_SHIFT
    }
}

impl Replay<'_> {
    /// Applies an item's changes of a buffer to the overlay, unless the buffer on the device is at least as new.
    pub fn buffer(&mut self, item: &Item, lsn: Lsn) -> Outcome<()> {
        let Some(buffer) = Buffer::parse(item.format()) else {
            let found = to_u64(item.format().len());
            return Err(corrupt(Fault::Truncated, "xfs_buf_log_format", self.offset, found));
        };
        if self.is_cancelled(buffer.range) {
            return Ok(());
        }
        let (key, start) = (buffer.range.key(), buffer.range.sector.offset());
        let Some(length) = buffer.range.bytes() else {
            let found = buffer.range.length;
            return Err(corrupt(Fault::Range, "xfs_buf_log_format.blf_len", self.offset, found.into()));
        };
        let mut first = [0; SECTOR];
        self.read(start, &mut first)?;
        let is_newer = match self.buffers.get(key) {
            // Changes replayed before may be from the same record, with the same number.
            Some(replayed) => Lsn(replayed) > lsn,
            None => self.lsn_of(&first).is_some_and(|on_disk| on_disk >= lsn),
        };
        let at = self.offset;
        let wrong = || corrupt(Fault::Inconsistent, "xfs_buf_log_format.blf_data_map", at, start);
        let map = Chunks::of(item.format()).ok_or_else(wrong)?;
        let head = item.region(1).filter(|_| map.has(0)).unwrap_or(&first);
        // The type is the same for trees of files and for others, such as those of free space.
        if is_newer || buffer.kind() == BTREE && !head.starts_with(&BMAP_MAGIC) {
            return Ok(());
        }
        let (mut chunk, bits) = (0, length / CHUNK);
        for number in 1.. {
            let Some(first) = map.find(chunk, true) else { break };
            let end = map.find(first, false).unwrap_or(usize::MAX).min(bits);
            // A run of chunks is split into several regions where Linux's memory was not contiguous.
            let region = item.region(number).unwrap_or_default();
            // Saturates if the first change is past the buffer's end: then no chunk changes, which is refused.
            let count = end.saturating_sub(first).min(region.len() / CHUNK);
            if count == 0 {
                return Err(wrong());
            }
            let bytes = region.get(..count.wrapping_mul(CHUNK)).unwrap_or_default();
            self.write(start.wrapping_add(to_u64(first.wrapping_mul(CHUNK))), bytes)?;
            chunk = first.wrapping_add(count);
        }
        *self.buffers.entry(key, 0)? = lsn.0;
        self.report.buffers = self.report.buffers.wrapping_add(1);
        Ok(())
    }

    /// The number of the last change, as a block of metadata stores it; `None` if the block stores none, or belongs to
    /// another filesystem.
    fn lsn_of(&self, block: &[u8]) -> Option<Lsn> {
        let layout = self.layout_of(block)?;
        let lsn = u64::from_be_bytes(*block.get(layout.lsn.into()..)?.first_chunk()?);
        (lsn != 0 && lsn != u64::MAX).then_some(Lsn(lsn))
    }

    /// The layout of a block of this filesystem's metadata. The UUID is checked because the second part of a directory
    /// block may begin with anything, even a magic number.
    fn layout_of(&self, block: &[u8]) -> Option<&'static Layout> {
        let layout = Layout::of(block)?;
        let geometry = self.geometry;
        let owner = if layout.magics == SUPERBLOCK { geometry.uuid } else { geometry.meta_uuid };
        block.get(layout.uuid.into()..)?.starts_with(&owner).then_some(layout)
    }

    /// Writes the number of the last transaction and a new checksum to all changed buffers, as Linux does on
    /// write-back.
    pub fn seal(&mut self) -> Outcome<()> {
        // Cannot saturate: `most` is at most `MOST_MEMORY`, and the low byte of no key is 255, which is more than
        // `MOST_SECTORS`.
        let (mut from, mut left) = (0, self.most.saturating_mul(SEALED));
        while let Some((key, lsn)) = self.buffers.next(from) {
            from = key.saturating_add(1);
            let range = BufferRange::from_key(key);
            let mut bytes = vec![0; range.bytes().unwrap_or(0)];
            let rest = left.checked_sub(bytes.len());
            left = rest.ok_or_else(|| unsupported("a log that changes too many large blocks"))?;
            self.read(range.sector.offset(), &mut bytes)?;
            let Some(layout) = self.layout_of(&bytes) else { continue };
            put(&mut bytes, layout.lsn.into(), &lsn.to_be_bytes());
            seal(&mut bytes, layout.crc.into());
            // Number and checksum are in the same chunk.
            let number = usize::from(layout.lsn) / CHUNK;
            if let Some(chunk) = bytes.as_chunks::<CHUNK>().0.get(number) {
                let start = range.sector.offset().wrapping_add(to_u64(number.wrapping_mul(CHUNK)));
                self.write(start, chunk)?;
                self.limit(0)?;
            }
        }
        Ok(())
    }
}

/// Writes to `at` the checksum of all bytes, with the checksum field counted as zeros.
pub fn seal(bytes: &mut [u8], at: usize) {
    put(bytes, at, &[0; 4]);
    let crc = !crc32c(!0, bytes);
    put(bytes, at, &crc.to_le_bytes());
}

pub fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..).and_then(|rest| rest.get_mut(..value.len())) {
        place.copy_from_slice(value);
    }
}

/// The bitmap of a buffer's chunks that are in the log.
struct Chunks<'a>(&'a [[u8; 4]]);

impl<'a> Chunks<'a> {
    fn of(format: &'a [u8]) -> Option<Self> {
        let (raw, map) = Raw::ref_from_prefix(format).ok()?;
        let words = usize::try_from(raw.blf_map_size.get()).ok().filter(|words| *words <= MOST_WORDS)?;
        Some(Self(map.as_chunks().0.get(..words)?))
    }

    fn has(&self, chunk: usize) -> bool {
        self.0.get(chunk / 32).is_some_and(|word| u32::from_le_bytes(*word) >> (chunk % 32) & 1 != 0)
    }

    /// The first chunk, starting at `from`, that is (or is not) in the log.
    fn find(&self, from: usize, is_there: bool) -> Option<usize> {
        (from..MOST_WORDS * 32).find(|chunk| self.has(*chunk) == is_there)
    }
}

/// Where the blocks of version 5 with certain magic numbers store their last change's number, checksum and UUID.
struct Layout {
    /// Offset of the magic number.
    at: u8,
    /// Bytes of one magic number.
    size: u8,
    magics: &'static [u8],
    lsn: u8,
    crc: u8,
    uuid: u8,
}

const BMAP_MAGIC: [u8; 4] = *b"BMA3";
const SUPERBLOCK: &[u8] = b"XFSB";

/// From xfs_format.h and xfs_da_format.h: `xfs_btree_block` with long and with short pointers, `xfs_dir3_blk_hdr`,
/// `xfs_da3_blkinfo`, `xfs_dsymlink_hdr`, `xfs_dsb`.
const LAYOUTS: &[Layout] = &[
    Layout { at: 0, size: 4, magics: &BMAP_MAGIC, lsn: 32, crc: 64, uuid: 40 },
    Layout { at: 0, size: 4, magics: b"AB3BAB3CIAB3RMB3R3FC", lsn: 24, crc: 52, uuid: 32 },
    Layout { at: 0, size: 4, magics: b"XDB3XDD3XDF3", lsn: 16, crc: 4, uuid: 24 },
    Layout { at: 8, size: 2, magics: b"\x3d\xf1\x3d\xff\x3e\xbe", lsn: 24, crc: 12, uuid: 32 },
    Layout { at: 0, size: 4, magics: b"XSLM", lsn: 48, crc: 12, uuid: 16 },
    Layout { at: 0, size: 4, magics: SUPERBLOCK, lsn: 240, crc: 224, uuid: 32 },
];

impl Layout {
    fn of(block: &[u8]) -> Option<&'static Self> {
        LAYOUTS.iter().find(|layout| {
            let rest = block.get(layout.at.into()..).unwrap_or_default();
            layout.magics.chunks_exact(layout.size.into()).any(|magic| rest.starts_with(magic))
        })
    }
}
