// SPDX-License-Identifier: BSD-3-Clause
//! What transactions began and did not finish: fs/xfs/xfs_bmap_item.c and xfs_exchmaps_item.c.
//!
//! A change that needs several transactions logs what is left to do as an intent, and a "done" item with the intent's
//! number later. Most concern what no reader looks at. The others say where a file's blocks are: a write to a shared
//! block first removes the old mapping, then adds the new one.

use alloc::vec::Vec;

use filesystem::{Error, Fault};
use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    little_endian::{U16, U32, U64},
};

use super::{corrupt, too_much, unsupported};

/// Intents that may be open: more than Linux ever has.
const MOST: usize = 512;
/// `XFS_BMAP_MAP` and `XFS_BMAP_UNMAP`, in the low byte of `me_flags`.
const MAP: u8 = 1;
const UNMAP: u8 = 2;
/// `XFS_BMAP_EXTENT_ATTR_FORK`, `XFS_BMAP_EXTENT_UNWRITTEN`
const ATTRIBUTES: u32 = 1 << 31;
const UNWRITTEN: u32 = 1 << 30;
/// `XFS_EXCHMAPS_ATTR_FORK`
const EXCHANGES_ATTRIBUTES: u64 = 1;

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

/// The first fields of `struct xfs_xmi_log_format`; `xfs_bud_log_format` and `xfs_xmd_log_format` end with the number.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawExchange {
    xmi_type: U16,
    xmi_size: U16,
    pad: U32,
    xmi_id: U64,
    xmi_inode1: U64,
    xmi_inode2: U64,
    xmi_igen1: U32,
    xmi_igen2: U32,
    xmi_startoff1: U64,
    xmi_startoff2: U64,
    xmi_blockcount: U64,
    xmi_flags: U64,
}

/// Intents of files' mappings that were not finished, in their order.
#[derive(Debug, Default)]
pub struct Intents {
    list: Vec<(u64, Intent)>,
    /// Inodes that got the tree of another one.
    owners: Vec<u64>,
}

#[derive(Clone, Copy, Debug)]
enum Intent {
    /// Blocks of a file are somewhere else, or nowhere.
    Map { inode: u64, file_block: u64, blocks: u64, to: Mapped },
    /// Two files exchange blocks.
    Exchange { inodes: [u64; 2] },
}

/// Where a file's block is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mapped {
    /// In this block of the filesystem (`xfs_fsblock_t`); one that was not written reads as zeros.
    Block {
        /// The block.
        block: u64,
        /// It was only reserved.
        is_unwritten: bool,
    },
    /// Nowhere: it reads as zeros.
    Hole,
}

impl Intents {
    /// Whether nothing was left to do.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.owners.is_empty()
    }

    /// Where block `file_block` of the inode's data is, if an intent says so, and for how many blocks from there on that
    /// holds: the answer, or that there is none and the inode's own mapping counts.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for an inode that was exchanging blocks with another one.
    pub fn at(&self, inode: u64, file_block: u64) -> Result<(Option<Mapped>, u64), Error> {
        let mut most = u64::MAX;
        for (_, intent) in self.list.iter().rev() {
            match *intent {
                Intent::Exchange { inodes } if inodes.contains(&inode) => {
                    return Err(unsupported("unfinished exchange of two files' mappings"));
                }
                Intent::Map { inode: owner, file_block: start, blocks, to } if owner == inode => {
                    match file_block.checked_sub(start) {
                        None => most = most.min(start.saturating_sub(file_block)),
                        Some(skip) if skip < blocks => {
                            return Ok((Some(to.skip(skip)), most.min(blocks.saturating_sub(skip))));
                        }
                        Some(_) => {}
                    }
                }
                _ => {}
            }
        }
        Ok((None, most))
    }

    /// Whether the blocks of the tree that the inode's data fork is may name another inode as their owner
    /// (`xfs_bmbt_change_owner`).
    pub fn has_changed_owner(&self, inode: u64) -> bool {
        self.owners.contains(&inode)
    }

    pub(super) fn change_owner(&mut self, inode: u64) -> Result<(), Error> {
        if !self.has_changed_owner(inode) {
            if self.owners.len() >= MOST {
                return Err(too_much(self.owners.len()));
            }
            self.owners.push(inode);
        }
        Ok(())
    }

    /// An item that changes where a file's blocks are.
    pub(super) fn add_mapping(&mut self, format: &[u8], offset: u64) -> Result<(), Error> {
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
        let inode = if flags & ATTRIBUTES == 0 { raw.me_owner.get() } else { 0 };
        let (file_block, blocks) = (raw.me_startoff.get(), raw.me_len.get().into());
        self.add(raw.bui_id.get(), Intent::Map { inode, file_block, blocks, to })
    }

    /// An item that exchanges two files' blocks.
    pub(super) fn add_exchange(&mut self, format: &[u8], offset: u64) -> Result<(), Error> {
        let Ok((raw, _)) = RawExchange::ref_from_prefix(format) else {
            let found = u64::try_from(format.len()).unwrap_or(0);
            return Err(corrupt(Fault::Truncated, "xfs_xmi_log_format", offset, found));
        };
        // Of attributes alone: no inode has number 0.
        let is_of_data = raw.xmi_flags.get() & EXCHANGES_ATTRIBUTES == 0;
        let inodes = if is_of_data { [raw.xmi_inode1.get(), raw.xmi_inode2.get()] } else { [0; 2] };
        self.add(raw.xmi_id.get(), Intent::Exchange { inodes })
    }

    fn add(&mut self, id: u64, intent: Intent) -> Result<(), Error> {
        if self.list.len() >= MOST {
            return Err(too_much(self.list.len()));
        }
        self.list.push((id, intent));
        Ok(())
    }

    /// An item that says that an intent is done: the number that `format` ends with.
    pub(super) fn done(&mut self, format: &[u8]) {
        let Some(id) = format.get(8..).and_then(|rest| rest.first_chunk().copied()) else { return };
        let id = u64::from_le_bytes(id);
        if let Some(at) = self.list.iter().position(|(open, _)| *open == id) {
            self.list.remove(at);
        }
    }
}

impl Mapped {
    fn skip(self, blocks: u64) -> Self {
        match self {
            Self::Block { block, is_unwritten } => {
                Self::Block { block: block.saturating_add(blocks), is_unwritten }
            }
            Self::Hole => Self::Hole,
        }
    }
}
