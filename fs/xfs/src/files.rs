// SPDX-License-Identifier: BSD-3-Clause
//! Inodes, and the data in their blocks.

use alloc::vec;
use core::cell::{Cell, RefCell};

use block::BlockRead;
use filesystem::Fault;

use crate::{
    extent,
    failure::{Outcome, corrupt},
    inode::{Fork, Inode},
    log::{Intents, Mapped},
    run::{Leaf, Run, State},
    units::{ByteOffset, FileBlock, FsBlock, InodeNumber},
    volume::Volume,
};

/// An open filesystem, without directories.
pub struct Files<D> {
    pub volume: Volume<D>,
    /// Unfinished changes of files' mappings, from the log; they take precedence over the inodes.
    pub intents: Intents,
    /// The leaf that was used last: a file is usually read in sequence.
    last: RefCell<Option<(InodeNumber, Leaf)>>,
    /// The last file whose tree has as many extents as its inode says.
    counted: Cell<Option<InodeNumber>>,
}

impl<D: BlockRead> Files<D> {
    pub fn new(volume: Volume<D>, intents: Intents) -> Self {
        Self { volume, intents, last: RefCell::default(), counted: Cell::default() }
    }

    /// Reads an inode and verifies its self-describing fields.
    pub fn inode(&self, number: InodeNumber) -> Outcome<Inode> {
        let superblock = &self.volume.superblock;
        let offset = superblock.inode_offset(number);
        let offset = offset.ok_or_else(|| corrupt(Fault::Range, "inode number", 0u64, number))?;
        let mut bytes = vec![0; superblock.inode_size];
        self.volume.read(offset, &mut bytes)?;
        let inode = Inode::parse(number, offset, bytes, superblock)?;
        match self.intents.size(number.0) {
            Some(size) => inode.with_size(size),
            None => Ok(inode),
        }
    }

    /// The run that contains block `logical` of the file, or the rest of that run from there on.
    pub fn run(&self, inode: &Inode, logical: FileBlock) -> Outcome<Run> {
        if self.intents.is_empty() {
            return self.own_run(inode, logical);
        }
        let own = &mut |number, block| self.own(inode, InodeNumber(number), FileBlock(block));
        let (mapped, length) = self.intents.resolve(inode.number.0, logical.0, own)?;
        let state = match mapped {
            Mapped::Hole => State::Hole,
            Mapped::Block { is_unwritten: true, .. } => State::Unwritten,
            Mapped::Block { block, is_unwritten: false } => {
                let block = FsBlock(block);
                self.volume.check_blocks(block, length, "xfs_map_extent.me_startblock", inode.offset)?;
                State::Written(block)
            }
        };
        // At least the requested block, whatever the log says.
        Ok(Run { logical, length: length.max(1), state })
    }

    /// How an inode's own extents map a block, for [`Intents::resolve`]; `inode` is already read, others are read here.
    fn own(&self, inode: &Inode, number: InodeNumber, block: FileBlock) -> Outcome<(Mapped, u64)> {
        let run = match number == inode.number {
            true => self.own_run(inode, block)?,
            false => self.own_run(&self.inode(number)?, block)?,
        };
        let mapped = match run.at(block) {
            State::Written(FsBlock(block)) => Mapped::Block { block, is_unwritten: false },
            State::Unwritten => Mapped::Block { block: 0, is_unwritten: true },
            State::Hole => Mapped::Hole,
        };
        Ok((mapped, run.end().since(block)))
    }

    /// The run that contains block `logical` of the file according to the file's own extents.
    fn own_run(&self, inode: &Inode, logical: FileBlock) -> Outcome<Run> {
        if let Some((number, leaf)) = &*self.last.borrow()
            && *number == inode.number
            && let Some(run) = leaf.run(logical)
        {
            return Ok(run);
        }
        let has_checksums = self.volume.superblock.features.is_v5();
        if !has_checksums && matches!(inode.fork, Fork::Tree(_)) && self.counted.get() != Some(inode.number) {
            extent::check_number(&self.volume, &self.intents, inode)?;
            self.counted.set(Some(inode.number));
        }
        let leaf = extent::leaf(&self.volume, &self.intents, inode, logical)?;
        let lost = || corrupt(Fault::Inconsistent, "xfs_bmbt_rec.br_startoff", inode.offset, logical);
        let run = leaf.run(logical).ok_or_else(lost)?;
        self.last.replace(Some((inode.number, leaf)));
        Ok(run)
    }

    /// Where block `logical` of the file is, and how many blocks are contiguous there.
    ///
    /// # Errors
    /// [`filesystem::Error::Corrupt`] naming `structure` if nothing was written there.
    pub fn place(
        &self,
        inode: &Inode,
        logical: FileBlock,
        structure: &'static str,
    ) -> Outcome<(ByteOffset, u64)> {
        let run = self.run(inode, logical)?;
        match run.at(logical) {
            State::Written(block) => {
                Ok((self.volume.superblock.block_offset(block), run.end().since(logical)))
            }
            State::Unwritten | State::Hole => {
                Err(corrupt(Fault::Inconsistent, structure, inode.offset, logical))
            }
        }
    }

    /// Fills `buf` from the file's blocks, with one device read per run; `buf` lies within the file's size.
    pub fn read_mapped(&self, inode: &Inode, mut offset: u64, mut buf: &mut [u8]) -> Outcome<()> {
        let superblock = &self.volume.superblock;
        let block_size = superblock.block_size();
        while !buf.is_empty() {
            let logical = FileBlock(offset.checked_shr(superblock.block_log).unwrap_or(0));
            let within = offset & block_size.wrapping_sub(1);
            let run = self.run(inode, logical)?;
            let blocks = run.end().since(logical);
            // Saturates for holes whose bytes do not fit in 64 bits: no buffer is that large. The difference cannot:
            // the run contains the requested block.
            let bytes = blocks.saturating_mul(block_size).saturating_sub(within);
            let length = usize::try_from(bytes).unwrap_or(usize::MAX).min(buf.len());
            let Some((head, rest)) = buf.split_at_mut_checked(length) else { break };
            match run.at(logical) {
                State::Written(block) => {
                    self.volume.read(superblock.block_offset(block).after(within), head)?;
                }
                State::Unwritten | State::Hole => head.fill(0),
            }
            buf = rest;
            // Cannot saturate: no more than the file's size, within which `buf` lies.
            offset = offset.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        }
        Ok(())
    }
}
