// SPDX-License-Identifier: BSD-3-Clause
//! Log items with the changes of an inode, and those that create inodes: fs/xfs/xfs_inode_item_recover.c and
//! xfs_icreate_item.c.

use alloc::vec;

use filesystem::Fault;
use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned, big_endian,
    little_endian::{U16, U32, U64},
};

use super::{
    Geometry, Lsn, Outcome, Sector,
    buffer::{BufferRange, put, seal},
    corrupt,
    replay::Replay,
    transaction::Item,
    word,
};

/// `XFS_ILOG_DDATA`, `XFS_ILOG_DEXT`, `XFS_ILOG_DBROOT`: the item has the data fork. The bits of the attribute fork are
/// the same, shifted.
const FORK: u32 = 0xe;
const FORK_ROOT: u32 = 0x8;
const ATTRIBUTES_SHIFT: u32 = 5;
/// `XFS_ILOG_DEV`
const DEVICE: u32 = 0x10;
/// `XFS_ILOG_DOWNER`: the blocks of the data fork's tree may name another inode as their owner.
const OWNER: u32 = 0x200;
/// Offset of `ilf_fields`.
const FIELDS_AT: usize = 4;

/// Bytes of `struct xfs_dinode`, after which the data fork begins, and of `struct xfs_log_dinode`.
const CORE: usize = 176;
/// `XFS_DINODE_MAGIC`, and offsets in both structures.
const MAGIC: [u8; 2] = *b"IN";
const FORMAT: usize = 5;
const TIMES: [usize; 4] = [32, 40, 48, 144];
const FORK_OFFSET: usize = 82;
const ATTRIBUTES_FORMAT: usize = 83;
const NEXT_UNLINKED: usize = 96;
const CRC: usize = 100;
const LSN: usize = 112;
const FLAGS2: usize = 120;
/// Bytes of each field up to the UUID: the log stores them in the processor's byte order. Twelve bytes are padding.
const WIDTHS: &[u8] =
    &[2, 2, 1, 1, 2, 4, 4, 4, 2, 2, 8, 8, 8, 8, 8, 8, 4, 4, 2, 1, 1, 4, 2, 2, 4, 4, 4, 8, 8, 8, 4, 12, 8, 8];
/// `XFS_DIFLAG2_BIGTIME`: a time is one number instead of two.
const BIG_TIME: u8 = 8;
/// `XFS_DINODE_FMT_BTREE`
const BTREE: u8 = 3;
/// Bytes of `struct xfs_btree_block` with long pointers, of `xfs_bmdr_block`, and of a key with its pointer.
const TREE_HEADER: usize = 72;
const ROOT_HEADER: usize = 4;
const RECORD: usize = 16;
/// `XFS_INODES_PER_CHUNK`
const CHUNK_INODES: u64 = 64;

/// The last fields of `struct xfs_inode_log_format`; before them, 64-bit Linux has four bytes more than 32-bit Linux.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    ilf_ino: U64,
    ilfu_rdev: U32,
    ilf_u: [u8; 12],
    ilf_blkno: U64,
    ilf_len: U32,
    ilf_boffset: U32,
}

const START: [usize; 2] = [16, 12];

/// `struct xfs_icreate_log`
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawCreate {
    icl_type: U16,
    icl_size: U16,
    icl_ag: big_endian::U32,
    icl_agbno: big_endian::U32,
    icl_count: big_endian::U32,
    icl_isize: big_endian::U32,
    icl_length: big_endian::U32,
    icl_gen: big_endian::U32,
}

impl Replay<'_> {
    /// Applies an item's changes of an inode to the overlay, unless the inode on the device is newer.
    pub fn inode(&mut self, item: &Item, lsn: Lsn) -> Outcome<()> {
        let format = item.format();
        let raw = START.iter().find_map(|start| Raw::ref_from_bytes(format.get(*start..)?).ok());
        let length = raw.and_then(|raw| u16::try_from(raw.ilf_len.get()).ok());
        let (Some(raw), Some(length)) = (raw, length) else {
            let found = u64::try_from(format.len()).unwrap_or(0);
            return Err(corrupt(Fault::Truncated, "xfs_inode_log_format", self.offset, found));
        };
        let buffer = BufferRange { sector: Sector(raw.ilf_blkno.get()), length };
        if self.is_cancelled(buffer) {
            return Ok(());
        }
        // What saturates is past the end of every device: `check_bounds` refuses reads and writes there.
        let start = buffer.sector.offset().saturating_add(raw.ilf_boffset.get().into());
        let mut inode = vec![0; usize::try_from(self.geometry.inode_size).unwrap_or(0)];
        if self.is_new(start, inode.len()) {
            put(&mut inode, 0, &MAGIC);
            put(&mut inode, NEXT_UNLINKED, &[0xff; 4]);
        } else {
            self.read(start, &mut inode)?;
        }
        if !inode.starts_with(&MAGIC) {
            return Err(corrupt(Fault::Magic, "xfs_dinode.di_magic", start, raw.ilf_ino.get()));
        }
        let fields = word(format, FIELDS_AT);
        if fields & OWNER != 0 {
            self.intents.change_owner(raw.ilf_ino.get())?;
        }
        // Several transactions in one record have the same number.
        let on_disk = inode.get(LSN..).and_then(|rest| rest.first_chunk().copied()).map(u64::from_be_bytes);
        if on_disk.is_some_and(|on_disk| on_disk != u64::MAX && Lsn(on_disk) > lsn) {
            return Ok(());
        }
        if merge(&mut inode, item, lsn, raw.ilfu_rdev.get()).is_none() {
            return Err(corrupt(Fault::Inconsistent, "xfs_log_dinode", self.offset, raw.ilf_ino.get()));
        }
        self.write(start, &inode)?;
        self.report.inodes = self.report.inodes.wrapping_add(1);
        Ok(())
    }

    /// Notes the inodes of a new chunk.
    pub fn create_inodes(&mut self, item: &Item) -> Outcome<()> {
        let fail = |found: u64| Err(corrupt(Fault::Range, "xfs_icreate_log", self.offset, found));
        let Ok((raw, _)) = RawCreate::ref_from_prefix(item.format()) else { return fail(0) };
        let (block_size, inode_size) = (self.geometry.block_size, u64::from(self.geometry.inode_size));
        let [group, block] = [raw.icl_ag.get(), raw.icl_agbno.get()].map(u64::from);
        let blocks = u64::from(raw.icl_length.get());
        // Cannot saturate: products, and a sum, of two numbers of 32 bits each.
        let bytes = blocks.saturating_mul(block_size.into());
        let most = CHUNK_INODES.saturating_mul(inode_size).max(block_size.into());
        let made = u64::from(raw.icl_count.get()).saturating_mul(inode_size);
        if u64::from(raw.icl_isize.get()) != inode_size || bytes > most || made != bytes {
            return fail(bytes);
        }
        if block.saturating_add(blocks) > u64::from(self.geometry.group_blocks) {
            return fail(block);
        }
        let in_block = u64::from(block_size / 512);
        // The first sum is of a product of 32-bit numbers and a third. A sector that saturates is past the end of every
        // device, which `check_bounds` refuses; it has accepted the range of all sums below.
        let first = group.saturating_mul(self.geometry.group_blocks.into()).saturating_add(block);
        let sector = Sector(first.saturating_mul(in_block));
        let (start, inode_size) = (sector.offset(), self.geometry.inode_size);
        self.check_bounds(start, usize::try_from(bytes).unwrap_or(usize::MAX))?;
        let cluster = cluster_blocks(self.geometry);
        let length = u16::try_from(cluster.saturating_mul(in_block)).unwrap_or(u16::MAX);
        for at in (0..blocks).step_by(usize::try_from(cluster).unwrap_or(usize::MAX).max(1)) {
            let sector = Sector(sector.0.saturating_add(at.saturating_mul(in_block)));
            if self.is_cancelled(BufferRange { sector, length }) {
                return Ok(());
            }
        }
        // Their first content does not matter: names lead only to inodes that later transactions write.
        for inode in 0..raw.icl_count.get() {
            let at = u64::from(inode).saturating_mul(inode_size.into());
            self.created.entry(start.saturating_add(at), 0)?;
        }
        self.report.buffers = self.report.buffers.wrapping_add(1);
        Ok(())
    }
}

/// Blocks of the buffers in which inodes are read and written: `M_IGEO(mp)->blocks_per_cluster`.
fn cluster_blocks(geometry: &Geometry) -> u64 {
    /// `XFS_INODE_BIG_CLUSTER_SIZE`, which is scaled by the ratio of the inode size to the smallest one.
    const CLUSTER: u64 = 8192;
    let blocks = |bytes: u64| bytes.checked_div(geometry.block_size.into()).unwrap_or(0);
    // Cannot saturate: inodes have at most 2048 bytes.
    let scaled = CLUSTER.saturating_mul(u64::from(geometry.inode_size / 256));
    let is_aligned = u64::from(geometry.inode_alignment) >= blocks(scaled);
    blocks(if is_aligned { scaled } else { CLUSTER }).max(1)
}

/// Merges an item's changes into the inode; `None` if they do not fit.
fn merge(inode: &mut [u8], item: &Item, lsn: Lsn, device: u32) -> Option<()> {
    let mut core = to_disk(item.region(1)?.first_chunk()?)?;
    put(&mut core, NEXT_UNLINKED, inode.get(NEXT_UNLINKED..CRC)?);
    put(&mut core, LSN, &lsn.0.to_be_bytes());
    if !core.starts_with(&MAGIC) {
        return None;
    }
    let (place, forks) = inode.split_first_chunk_mut::<CORE>()?;
    *place = core;
    let split = match usize::from(*core.get(FORK_OFFSET)?).wrapping_mul(8) {
        0 => forks.len(),
        offset => offset,
    };
    let (data, attributes) = forks.split_at_mut_checked(split)?;
    let fields = word(item.format(), FIELDS_AT);
    if fields & DEVICE != 0 {
        put(data, 0, &device.to_be_bytes());
    }
    let mut region = 2;
    for (fork, fields, format) in
        [(data, fields, FORMAT), (attributes, fields >> ATTRIBUTES_SHIFT, ATTRIBUTES_FORMAT)]
    {
        if fields & FORK == 0 {
            continue;
        }
        let logged = item.region(region)?;
        match fields & FORK_ROOT != 0 {
            true if core.get(format) == Some(&BTREE) => put_root(fork, logged)?,
            // Trees of realtime metadata, which nothing reads.
            true => {}
            false => fork.get_mut(..logged.len())?.copy_from_slice(logged),
        }
        region = region.wrapping_add(1);
    }
    seal(inode, CRC);
    Some(())
}

/// Converts `struct xfs_log_dinode` to `struct xfs_dinode`.
fn to_disk(logged: &[u8; CORE]) -> Option<[u8; CORE]> {
    let mut core = *logged;
    let has_big_time = logged.get(FLAGS2)? & BIG_TIME != 0;
    let mut at = 0usize;
    for width in WIDTHS {
        // Without bigtime, a time is two numbers.
        let parts: &[usize] = match *width {
            8 if !has_big_time && TIMES.contains(&at) => &[4, 4],
            width => &[width.into()],
        };
        for width in parts {
            let end = at.wrapping_add(*width);
            let source = logged.get(at..end)?.iter().rev();
            core.get_mut(at..end)?.iter_mut().zip(source).for_each(|(to, from)| *to = *from);
            at = end;
        }
    }
    Some(core)
}

/// Writes the root of a tree, which the log stores as a block, in the form that it has in an inode.
fn put_root(fork: &mut [u8], block: &[u8]) -> Option<()> {
    let (header, records) = block.split_first_chunk::<TREE_HEADER>()?;
    let [_, _, _, _, level @ .., a, b] = *header.first_chunk::<8>()?;
    let count = usize::from(u16::from_be_bytes([a, b])).checked_mul(8)?;
    let pointers = |bytes: usize| bytes.checked_div(RECORD)?.checked_mul(8);
    put(fork, 0, &level);
    put(fork, 2, &[a, b]);
    let fork = fork.get_mut(ROOT_HEADER..)?;
    let (from, to) = (pointers(records.len())?, pointers(fork.len())?);
    if count > from.min(to) {
        return None;
    }
    put(fork, 0, records.get(..count)?);
    put(fork, to, records.get(from..)?.get(..count)?);
    Some(())
}
