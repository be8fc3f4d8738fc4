// SPDX-License-Identifier: BSD-3-Clause
//! Operations that were begun and not finished: fs/xfs/xfs_bmap_item.c and xfs_exchmaps_item.c.
//!
//! An operation that needs several transactions logs the rest of its work as an intent, and later a "done" item with
//! the intent's number. Most intents concern what no reader needs. The others map a file's blocks: a write to a shared
//! block first removes the old mapping and then adds the new one, and two files can exchange their blocks.

use alloc::{format, vec::Vec};

use filesystem::Fault;
use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    little_endian::{U16, U32, U64},
};

use super::{Outcome, corrupt, too_much, unsupported};

/// The most open intents, more than Linux ever has; below, the most exchanges among them.
const MOST: usize = 512;
/// The most files that xfs_fsr defragmented and whose blocks were not written since.
const MOST_OWNERS: usize = 4096;
const MOST_EXCHANGES: usize = 8;
/// `XFS_BMAP_MAP` and `XFS_BMAP_UNMAP`, in the low byte of `me_flags`.
const MAP: u8 = 1;
const UNMAP: u8 = 2;
/// `XFS_BMAP_EXTENT_ATTR_FORK`, `XFS_BMAP_EXTENT_UNWRITTEN`
const ATTRIBUTES: u32 = 1 << 31;
const UNWRITTEN: u32 = 1 << 30;
/// `XFS_EXCHMAPS_ATTR_FORK`, `XFS_EXCHMAPS_SET_SIZES`, `XFS_EXCHMAPS_INO1_WRITTEN`
const EXCHANGE_ATTRIBUTES: u64 = 1;
const SET_SIZES: u64 = 2;
const ONLY_WRITTEN: u64 = 4;

/// `struct xfs_bui_log_format` with the one `struct xfs_map_extent` that it always has.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawMapping {
    bui_type: U16,
    bui_size: U16,
    bui_nextents: U32,
    bui_id: U64,
    me_owner: U64,
    me_startblock: U64,
    me_startoff: U64,
    me_len: U32,
    me_flags: U32,
}

/// `struct xfs_xmi_log_format`
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawExchange {
    xmi_type: U16,
    xmi_size: U16,
    pad: U32,
    xmi_id: U64,
    /// `xmi_inode1`, `xmi_inode2`
    xmi_inode: [U64; 2],
    xmi_igen: [U32; 2],
    xmi_startoff: [U64; 2],
    xmi_blockcount: U64,
    xmi_flags: U64,
    xmi_isize: [U64; 2],
}

/// Unfinished intents that map files' blocks, in log order.
#[derive(Debug, Default)]
pub struct Intents {
    list: Vec<(u64, Intent)>,
    /// Inodes that got the block tree of another inode.
    owners: Vec<u64>,
}

#[derive(Clone, Copy, Debug)]
enum Intent {
    /// Blocks of a file move, or are unmapped.
    Map { inode: u64, file_block: u64, blocks: u64, to: Mapped },
    /// Two files, or two parts of one, exchange blocks.
    Exchange(Exchange),
    /// Concerns attributes.
    Ignored,
}

#[derive(Clone, Copy, Debug)]
struct Exchange {
    inodes: [u64; 2],
    file_blocks: [u64; 2],
    blocks: u64,
    /// Exchanges only blocks that are written in the first file.
    only_written: bool,
    /// The new sizes of the files.
    sizes: Option<[u64; 2]>,
}

/// Where a file's block is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mapped {
    /// In this block of the filesystem (`xfs_fsblock_t`); an unwritten one reads as zeros.
    Block {
        /// The block.
        block: u64,
        /// It was never written.
        is_unwritten: bool,
    },
    /// In no block: it reads as zeros.
    Hole,
}

/// Returns where a block of an inode's data is according to the inode's own extents, and for how many blocks from there
/// on that holds, at least one.
pub type Own<'a> = dyn FnMut(u64, u64) -> Outcome<(Mapped, u64)> + 'a;

impl Intents {
    /// Whether nothing was left to finish.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.owners.is_empty()
    }

    /// Where block `file_block` of an inode's data is once all intents are finished, and for how many blocks from there
    /// on that holds. `own` returns what an inode's extents say; it may be called for an inode other than `inode`.
    ///
    /// # Errors
    /// Those of `own`.
    pub fn resolve(&self, inode: u64, file_block: u64, own: &mut Own<'_>) -> Outcome<(Mapped, u64)> {
        resolve(&self.list, inode, file_block, own)
    }

    /// The inode's new length in bytes, if an intent changes it.
    pub fn size(&self, inode: u64) -> Option<u64> {
        self.list.iter().rev().find_map(|(_, intent)| match intent {
            Intent::Exchange(exchange) => {
                let side = exchange.inodes.iter().position(|exchanged| *exchanged == inode)?;
                exchange.sizes?.get(side).copied()
            }
            _ => None,
        })
    }

    /// Whether the tree blocks of the inode's data fork may name another inode as their owner
    /// (`xfs_bmbt_change_owner`).
    pub fn has_changed_owner(&self, inode: u64) -> bool {
        self.owners.binary_search(&inode).is_ok()
    }

    pub(super) fn change_owner(&mut self, inode: u64) -> Outcome<()> {
        if let Err(place) = self.owners.binary_search(&inode) {
            if self.owners.len() >= MOST_OWNERS {
                return Err(too_much(size_of_val(self.owners.as_slice())));
            }
            self.owners.insert(place, inode);
        }
        Ok(())
    }

    /// Adds an intent that maps or unmaps a file's blocks.
    pub(super) fn add_mapping(&mut self, format: &[u8], offset: u64) -> Outcome<()> {
        let fail = |fault, found| Err(corrupt(fault, "xfs_bui_log_format", offset, found));
        let Ok(raw) = RawMapping::ref_from_bytes(format) else {
            return fail(Fault::Truncated, u64::try_from(format.len()).unwrap_or(0));
        };
        let flags = raw.me_flags.get();
        let [kind, ..] = flags.to_le_bytes();
        let to = match kind {
            MAP => Mapped::Block { block: raw.me_startblock.get(), is_unwritten: flags & UNWRITTEN != 0 },
            UNMAP => Mapped::Hole,
            _ => return fail(Fault::Range, flags.into()),
        };
        if raw.bui_nextents.get() != 1 {
            return fail(Fault::Range, raw.bui_nextents.get().into());
        }
        let (inode, file_block, blocks) =
            (raw.me_owner.get(), raw.me_startoff.get(), raw.me_len.get().into());
        let is_of_data = flags & ATTRIBUTES == 0;
        let intent = if is_of_data { Intent::Map { inode, file_block, blocks, to } } else { Intent::Ignored };
        self.add(raw.bui_id.get(), intent)
    }

    /// Adds an intent that exchanges the blocks of two files.
    pub(super) fn add_exchange(&mut self, format: &[u8], offset: u64) -> Outcome<()> {
        let Ok(raw) = RawExchange::ref_from_bytes(format) else {
            let found = u64::try_from(format.len()).unwrap_or(0);
            return Err(corrupt(Fault::Truncated, "xfs_xmi_log_format", offset, found));
        };
        let flags = raw.xmi_flags.get();
        if flags & EXCHANGE_ATTRIBUTES != 0 {
            return self.add(raw.xmi_id.get(), Intent::Ignored);
        }
        let open = self.list.iter().filter(|(_, intent)| matches!(intent, Intent::Exchange(_)));
        if open.count() >= MOST_EXCHANGES {
            return Err(unsupported(format!(
                "more than {MOST_EXCHANGES} unfinished exchanges of files' mappings"
            )));
        }
        let exchange = Exchange {
            inodes: raw.xmi_inode.map(U64::get),
            file_blocks: raw.xmi_startoff.map(U64::get),
            blocks: raw.xmi_blockcount.get(),
            only_written: flags & ONLY_WRITTEN != 0,
            sizes: (flags & SET_SIZES != 0).then(|| raw.xmi_isize.map(U64::get)),
        };
        self.add(raw.xmi_id.get(), Intent::Exchange(exchange))
    }

    /// Checks that no two exchanges concern the same file: Linux keeps its lock until an exchange is finished. Hence
    /// one exchange never leads to another, and [`Self::resolve`] looks through all intents twice at most.
    pub(super) fn check(&self) -> Outcome<()> {
        let mut exchanged: Vec<u64> = Vec::new();
        for (_, intent) in &self.list {
            let Intent::Exchange(Exchange { inodes, .. }) = intent else { continue };
            if inodes.iter().any(|inode| exchanged.contains(inode)) {
                return Err(unsupported("more than one unfinished exchange of a file's mappings"));
            }
            exchanged.extend(inodes);
        }
        Ok(())
    }

    fn add(&mut self, id: u64, intent: Intent) -> Outcome<()> {
        if self.list.len() >= MOST {
            return Err(too_much(size_of_val(self.list.as_slice())));
        }
        self.list.push((id, intent));
        Ok(())
    }

    /// Handles an item that says that an intent is done: the intent's number follows the first eight bytes.
    pub(super) fn done(&mut self, format: &[u8]) {
        let Some(id) = format.get(8..).and_then(|rest| rest.first_chunk().copied()) else { return };
        let id = u64::from_le_bytes(id);
        if let Some(at) = self.list.iter().position(|(open, _)| *open == id) {
            self.list.remove(at);
        }
    }
}

/// [`Intents::resolve`], with only the intents in `list` finished. The last one that concerns a block decides; an
/// exchange redirects to another block, for which the intents before it decide. Recurses for exchanges, at most
/// [`MOST_EXCHANGES`] deep.
fn resolve(
    list: &[(u64, Intent)],
    mut inode: u64,
    mut file_block: u64,
    own: &mut Own<'_>,
) -> Outcome<(Mapped, u64)> {
    let (mut most, mut rest) = (u64::MAX, list);
    while let Some(((_, intent), before)) = rest.split_last() {
        rest = before;
        match intent {
            Intent::Map { inode: owner, file_block: start, blocks, to } if *owner == inode => {
                if let Some(skip) = skip(file_block, *start, *blocks, &mut most) {
                    return Ok((to.skip(skip), most));
                }
            }
            Intent::Exchange(exchange) => {
                let Some((skip, other)) = exchange.counterpart(inode, file_block, &mut most) else {
                    continue;
                };
                let [first, _] = exchange.inodes;
                let [start, _] = exchange.file_blocks;
                if exchange.only_written {
                    // What saturates is past all blocks that a file can have, which `own` refuses.
                    let (mapped, run) = resolve(before, first, start.saturating_add(skip), own)?;
                    most = most.min(run);
                    if !matches!(mapped, Mapped::Block { is_unwritten: false, .. }) {
                        continue;
                    }
                }
                (inode, file_block) = other;
            }
            _ => {}
        }
    }
    let (mapped, run) = own(inode, file_block)?;
    Ok((mapped, run.min(most)))
}

/// The offset of `file_block` in the range of `blocks` blocks at `start`, if it is inside; limits `most` to the number
/// of blocks for which the same answer holds.
fn skip(file_block: u64, start: u64, blocks: u64, most: &mut u64) -> Option<u64> {
    let Some(skip) = file_block.checked_sub(start) else {
        // Cannot saturate: `start` is larger, as the subtraction above found.
        *most = start.saturating_sub(file_block).min(*most);
        return None;
    };
    let left = blocks.checked_sub(skip).filter(|left| *left > 0)?;
    *most = left.min(*most);
    Some(skip)
}

impl Exchange {
    /// The offset of an inode's block in the exchange, and the inode and block that take its place.
    fn counterpart(&self, inode: u64, file_block: u64, most: &mut u64) -> Option<(u64, (u64, u64))> {
        let ([first, second], [start, other]) = (self.inodes, self.file_blocks);
        for (owner, from, to) in [(first, start, (second, other)), (second, other, (first, start))] {
            if owner == inode
                && let Some(skip) = skip(file_block, from, self.blocks, most)
            {
                // What saturates is past all blocks that a file can have, which the reader of the map refuses.
                return Some((skip, (to.0, to.1.saturating_add(skip))));
            }
        }
        None
    }
}

impl Mapped {
    fn skip(self, blocks: u64) -> Self {
        match self {
            Self::Block { block, is_unwritten } => {
                // What saturates is not a block of the filesystem, which is checked before one is read.
                Self::Block { block: block.saturating_add(blocks), is_unwritten }
            }
            Self::Hole => Self::Hole,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use filesystem::Error;

    use super::*;

    const fn block(block: u64) -> Mapped {
        Mapped::Block { block, is_unwritten: false }
    }

    /// Block N of inode I is at 1000 I + N; blocks from 50 on are holes.
    fn own(inode: u64, file_block: u64) -> Outcome<(Mapped, u64)> {
        match file_block {
            0..50 => Ok((block(inode * 1000 + file_block), 50 - file_block)),
            _ => Ok((Mapped::Hole, 1 << 40)),
        }
    }

    fn mapping(id: u64, place: [u64; 4], flags: u32) -> Vec<u8> {
        let [inode, file_block, blocks, start] = place;
        let mut bytes = vec![0x44, 0x12, 1, 0, 1, 0, 0, 0];
        bytes.extend([id, inode, start, file_block].iter().flat_map(|number| number.to_le_bytes()));
        bytes.extend((blocks as u32).to_le_bytes());
        bytes.extend(flags.to_le_bytes());
        bytes
    }

    fn exchange(id: u64, sides: [[u64; 3]; 2], blocks: u64, flags: u64) -> Vec<u8> {
        let [[a, from, size], [b, to, other_size]] = sides;
        let mut bytes = vec![0x48, 0x12, 1, 0, 0, 0, 0, 0];
        let numbers = [id, a, b, 0, from, to, blocks, flags, size, other_size];
        bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        bytes
    }

    /// The first 60 blocks of inode 1, each looked up, and in runs.
    fn file(intents: &Intents) -> Vec<Mapped> {
        let single: Vec<Mapped> = (0..60).map(|at| intents.resolve(1, at, &mut own).unwrap().0).collect();
        let mut runs = vec![];
        while runs.len() < 60 {
            let (mapped, run) = intents.resolve(1, runs.len() as u64, &mut own).unwrap();
            assert!(run > 0);
            runs.extend((0..run.min(60)).map(|at| mapped.skip(at)));
        }
        assert_eq!(single, runs[..60]);
        single
    }

    #[test]
    fn the_last_mapping_counts() {
        let mut intents = Intents::default();
        assert_eq!(file(&intents)[..3], [block(1000), block(1001), block(1002)]);
        intents.add_mapping(&mapping(1, [1, 10, 5, 0], 2), 0).unwrap();
        intents.add_mapping(&mapping(2, [1, 12, 1, 777], 1), 0).unwrap();
        intents.add_mapping(&mapping(3, [2, 0, 50, 1], 1), 0).unwrap();
        intents.add_mapping(&mapping(4, [1, 0, 50, 1], 1 | ATTRIBUTES), 0).unwrap();
        intents.add_mapping(&mapping(5, [1, 55, 1, 888], 1 | UNWRITTEN), 0).unwrap();
        let mut expected: Vec<Mapped> = (0..60).map(|at| own(1, at).unwrap().0).collect();
        expected[10..15].fill(Mapped::Hole);
        expected[12] = block(777);
        expected[55] = Mapped::Block { block: 888, is_unwritten: true };
        assert_eq!(file(&intents), expected);
        let done = |id: u64| [&[0x45, 0x12, 1, 0, 0, 0, 0, 0], id.to_le_bytes().as_slice()].concat();
        intents.done(&done(2));
        expected[12] = Mapped::Hole;
        assert_eq!(file(&intents), expected);
        [1, 3, 4, 5, 6].into_iter().for_each(|id| intents.done(&done(id)));
        assert!(intents.is_empty());
    }

    #[test]
    fn exchanged_blocks_are_those_of_the_other_side() {
        let mut intents = Intents::default();
        intents.add_exchange(&exchange(1, [[1, 4, 9], [2, 40, 8]], 20, SET_SIZES), 0).unwrap();
        let mut expected: Vec<Mapped> = (0..60).map(|at| own(1, at).unwrap().0).collect();
        expected[4..24].copy_from_slice(&(40..60).map(|at| own(2, at).unwrap().0).collect::<Vec<_>>());
        assert_eq!(file(&intents), expected);
        assert_eq!(intents.resolve(2, 41, &mut own).unwrap(), (block(1005), 19));
        assert_eq!([1, 2, 3].map(|inode| intents.size(inode)), [Some(9), Some(8), None]);
        // Within one file, and back.
        intents.add_exchange(&exchange(2, [[1, 0, 0], [1, 24, 0]], 4, 0), 0).unwrap();
        expected[..28].rotate_left(24);
        expected[4..28].rotate_left(4);
        assert_eq!(file(&intents), expected);
        assert_eq!(intents.size(1), Some(9), "that was the last to set it");
        intents.add_exchange(&exchange(3, [[1, 0, 0], [9, 0, 0]], 60, EXCHANGE_ATTRIBUTES), 0).unwrap();
        assert_eq!(file(&intents), expected);
    }

    #[test]
    fn an_exchange_of_what_was_written_leaves_the_rest() {
        let mut intents = Intents::default();
        // Of inode 2, the first: blocks 48 and 49 are written, 50 to 57 are holes.
        intents.add_exchange(&exchange(1, [[2, 48, 0], [1, 0, 0]], 10, ONLY_WRITTEN), 0).unwrap();
        let mut expected: Vec<Mapped> = (0..60).map(|at| own(1, at).unwrap().0).collect();
        expected[..2].copy_from_slice(&[block(2048), block(2049)]);
        assert_eq!(file(&intents), expected);
        assert_eq!(intents.resolve(2, 49, &mut own).unwrap().0, block(1001));
        assert_eq!(intents.resolve(2, 50, &mut own).unwrap().0, Mapped::Hole);
        // Intents before it apply to its source.
        let mut intents = Intents::default();
        intents.add_mapping(&mapping(1, [2, 50, 3, 5], 1), 0).unwrap();
        intents.add_mapping(&mapping(2, [2, 48, 1, 6], 1 | UNWRITTEN), 0).unwrap();
        intents.add_exchange(&exchange(3, [[2, 48, 0], [1, 0, 0]], 10, ONLY_WRITTEN), 0).unwrap();
        expected[..5].copy_from_slice(&[block(1000), block(2049), block(5), block(6), block(7)]);
        assert_eq!(file(&intents), expected);
    }

    #[test]
    fn what_is_wrong_or_too_much_is_refused() {
        let mut intents = Intents::default();
        let good = mapping(1, [1, 0, 1, 5], 1);
        let fails = |intents: &mut Intents, format: &[u8]| *intents.add_mapping(format, 77).unwrap_err().0;
        let exchange_fails =
            |intents: &mut Intents, format: &[u8]| *intents.add_exchange(format, 0).unwrap_err().0;
        assert!(matches!(fails(&mut intents, &good[..40]), Error::Corrupt(corrupt) if corrupt.offset == 77));
        for (at, value) in [(4, 2), (44, 3)] {
            let mut bytes = good.clone();
            bytes[at] = value;
            assert!(matches!(fails(&mut intents, &bytes), Error::Corrupt(_)), "{at}");
        }
        assert!(matches!(exchange_fails(&mut intents, &good), Error::Corrupt(_)));
        for id in 0..MOST as u64 {
            assert!(intents.add_mapping(&mapping(id, [1, 0, 1, 5], 1), 0).is_ok());
        }
        assert!(matches!(fails(&mut intents, &good), Error::NoMemory(_)));
        let mut intents = Intents::default();
        let exchange = exchange(1, [[1, 0, 0], [2, 0, 0]], 10, ONLY_WRITTEN);
        for _ in 0..MOST_EXCHANGES {
            assert!(intents.add_exchange(&exchange, 0).is_ok());
        }
        assert!(matches!(exchange_fails(&mut intents, &exchange), Error::Unsupported(_)));
        assert!(intents.resolve(1, 3, &mut own).is_ok());
        for inode in (0..MOST_OWNERS as u64).rev() {
            assert!(intents.change_owner(inode).is_ok() && intents.change_owner(inode).is_ok());
        }
        assert!(intents.change_owner(u64::MAX).is_err() && intents.has_changed_owner(5));
    }
}
