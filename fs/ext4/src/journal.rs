// SPDX-License-Identifier: BSD-3-Clause
//! Replay of the journal, in memory: fs/jbd2/recovery.c.
//!
//! One pass from the first transaction that may not be on disk yet to the last complete one. A transaction
//! counts if its commit block is present and all its checksums are valid; the first one that does not ends the
//! journal. The result is the location of the latest content of each block.

mod format;
mod replayed;

use alloc::vec::Vec;

use block::BlockRead;
use filesystem::{Error, Fault, FileType, Format, NoMemory};

use crate::{
    checksum::crc32_be,
    corrupt, divide,
    files::Files,
    inode::Inode,
    units::{BlockNumber, ByteOffset, FileBlock, InodeNumber},
    unsupported,
};
use format::{Kind, Superblock, Tag};
pub use replayed::{Replayed, Source};

/// Maximum number of blocks that a replay records: those of a journal of 1 GiB, the largest that mke2fs makes by
/// default, with blocks of 4 KiB. They need some 10 MiB of memory.
const MOST_BLOCKS: usize = 256 * 1024;

/// The result of scanning a journal.
#[derive(Default)]
pub struct Scanned {
    /// The blocks that the journal replaces and where their content is, sorted by block number.
    pub sources: Vec<(BlockNumber, Source)>,
    /// There are fast commits after the last transaction. They are not whole blocks and are not replayed: without them
    /// the filesystem is consistent, in the state of that transaction.
    pub has_fast_commits: bool,
}

/// Scans the journal.
///
/// # Errors
/// [`Error::Corrupt`] for a damaged journal superblock, or a damaged block of a committed transaction;
/// [`Error::Unsupported`] for a journal on another device or of an unknown kind.
pub fn scan<D: BlockRead>(files: &Files<D>) -> Result<Scanned, Error> {
    let journal = Journal::open(files)?;
    if journal.superblock.start == 0 {
        return Ok(Scanned::default()); // empty
    }
    let mut scan = Scan {
        sequence: journal.superblock.sequence,
        at: journal.superblock.start,
        // Cannot saturate: the first block of the ring is before its end.
        left: journal.superblock.end.saturating_sub(journal.superblock.first),
        sum: !0,
        damaged: None,
        events: Vec::new(),
        pending: Vec::new(),
        revoked: Vec::new(),
        journal,
    };
    while scan.step()? {}
    let has_fast_commits = scan.journal.has_fast_commits(scan.sequence)?;
    Ok(Scanned { sources: last(scan.events), has_fast_commits })
}

/// A change of a block by a transaction.
struct Event {
    block: BlockNumber,
    /// Its position among all events.
    order: usize,
    /// Where the block's new content is; `None` if it was revoked.
    source: Option<Source>,
}

/// The sources that the last event of each block leaves.
fn last(mut events: Vec<Event>) -> Vec<(BlockNumber, Source)> {
    events.sort_unstable_by_key(|event| (event.block, event.order));
    let mut sources: Vec<(BlockNumber, Source)> = Vec::new();
    for Event { block, source, .. } in events {
        sources.pop_if(|(before, _)| *before == block);
        sources.extend(source.map(|source| (block, source)));
    }
    sources
}

struct Journal<'a, D> {
    files: &'a Files<D>,
    inode: Inode,
    superblock: Superblock,
}

impl<'a, D: BlockRead> Journal<'a, D> {
    fn open(files: &'a Files<D>) -> Result<Self, Error> {
        let number = files.volume.superblock.journal_inode;
        if number == 0 {
            return Err(unsupported("external journal"));
        }
        let inode = files.inode(InodeNumber(number))?;
        if inode.kind()? != FileType::File || inode.has_inline_data() {
            return Err(corrupt(
                Fault::Inconsistent,
                "ext4_super_block.s_journal_inum",
                inode.offset,
                number,
            ));
        }
        let block_size = files.volume.superblock.block_size;
        let (blocks, _) = divide(inode.size, block_size);
        let (_, bytes, offset) = block(files, &inode, 0)?;
        let superblock = Superblock::parse(&bytes, offset, block_size, blocks)?;
        Ok(Self { files, inode, superblock })
    }

    /// Location of block `number` of the journal, its content, and its byte offset.
    fn block(&self, number: u32) -> Result<(BlockNumber, Vec<u8>, ByteOffset), Error> {
        block(self.files, &self.inode, number)
    }

    /// Whether there are fast commits on top of the transactions before `sequence`.
    fn has_fast_commits(&self, sequence: u32) -> Result<bool, Error> {
        let Some(first) = self.superblock.first_fast_commit else { return Ok(false) };
        let (_, bytes, _) = self.block(first)?;
        Ok(format::is_fast_commit(&bytes, sequence))
    }
}

fn block<D: BlockRead>(
    files: &Files<D>,
    inode: &Inode,
    number: u32,
) -> Result<(BlockNumber, Vec<u8>, ByteOffset), Error> {
    let place = files.block_of(inode, FileBlock(number.into()), "journal block")?;
    let (bytes, offset) = files.volume.metadata_block(place, "journal block", inode.offset)?;
    Ok((place, bytes, offset))
}

/// The state of the scan.
struct Scan<'a, D> {
    journal: Journal<'a, D>,
    /// Number of the current or the next transaction.
    sequence: u32,
    /// The next block.
    at: u32,
    /// Blocks of the ring that are not visited yet.
    left: u32,
    /// Running checksum over the transaction's descriptors and data, for journals before csum_v2.
    sum: u32,
    /// A checksum mismatch in the current transaction: an error if the transaction turns out to be committed, otherwise
    /// only what a crash left behind.
    damaged: Option<Error>,
    /// Events of committed transactions.
    events: Vec<Event>,
    /// Blocks of the current transaction.
    pending: Vec<(BlockNumber, Source)>,
    revoked: Vec<BlockNumber>,
}

impl<D: BlockRead> Scan<'_, D> {
    /// Handles the next descriptor, commit or revocation block; `false` at the end of the journal.
    fn step(&mut self) -> Result<bool, Error> {
        let Some(at) = self.advance() else { return Ok(false) };
        let (_, bytes, _) = self.journal.block(at)?;
        match format::kind(&bytes, self.sequence) {
            Some(Kind::Descriptor) => self.descriptor(&bytes),
            Some(Kind::Revoke) => self.revoke(&bytes),
            Some(Kind::Commit) => self.commit(&bytes),
            None => Ok(false),
        }
    }

    /// The next block of the ring; `None` if all were visited.
    fn advance(&mut self) -> Option<u32> {
        self.left = self.left.checked_sub(1)?;
        let at = self.at;
        // Cannot saturate: `at` is less than `end`.
        let next = at.saturating_add(1);
        let superblock = &self.journal.superblock;
        self.at = if next >= superblock.end { superblock.first } else { next };
        Some(at)
    }

    /// Handles the data blocks after a descriptor.
    fn descriptor(&mut self, bytes: &[u8]) -> Result<bool, Error> {
        let Some(tags) = self.journal.superblock.tags(bytes) else { return Ok(false) };
        self.add(bytes);
        for tag in tags {
            let Some(at) = self.advance() else { return Ok(false) };
            let block = self.data(at, &tag)?;
            self.pending.push((tag.block, Source { block, is_escaped: tag.is_escaped }));
        }
        within_limit(self.pending.len())
    }

    /// Location of a data block. Without checksums it is not even read.
    fn data(&mut self, at: u32, tag: &Tag) -> Result<BlockNumber, Error> {
        let superblock = &self.journal.superblock;
        if superblock.checksum_seed.is_none() && !superblock.sums_transactions {
            let Journal { files, inode, .. } = &self.journal;
            return files.block_of(inode, FileBlock(at.into()), "journal block");
        }
        let (place, bytes, offset) = self.journal.block(at)?;
        if let Some((stored, computed)) = superblock.wrong_checksum(self.sequence, tag, &bytes) {
            let fault = Fault::Checksum { computed: computed.into() };
            let error = corrupt(fault, "journal_block_tag_t.t_checksum", offset, stored);
            self.damaged.get_or_insert(error);
        }
        self.add(&bytes);
        Ok(place)
    }

    fn add(&mut self, bytes: &[u8]) {
        if self.journal.superblock.sums_transactions {
            self.sum = crc32_be(self.sum, bytes);
        }
    }

    fn revoke(&mut self, bytes: &[u8]) -> Result<bool, Error> {
        let Some(blocks) = self.journal.superblock.revoked(bytes) else { return Ok(false) };
        self.revoked.extend(blocks);
        within_limit(self.revoked.len())
    }

    /// Handles the end of a transaction: its blocks count, and those that it revokes no longer do.
    fn commit(&mut self, bytes: &[u8]) -> Result<bool, Error> {
        if !self.journal.superblock.is_commit_right(bytes, self.sum) {
            return Ok(false);
        }
        if let Some(error) = self.damaged.take() {
            return Err(error);
        }
        let blocks = self.journal.files.volume.superblock.blocks;
        if let Some((block, _)) = self.pending.iter().find(|(block, _)| block.0 >= blocks) {
            let offset = self.journal.inode.offset;
            return Err(corrupt(Fault::Range, "journal_block_tag_t.t_blocknr", offset, *block));
        }
        let written = self.pending.drain(..).map(|(block, source)| (block, Some(source)));
        let revoked = self.revoked.drain(..).map(|block| (block, None));
        for (block, source) in written.chain(revoked) {
            self.events.push(Event { block, order: self.events.len(), source });
        }
        self.sum = !0;
        self.sequence = self.sequence.wrapping_add(1);
        within_limit(self.events.len())
    }
}

/// Returns `true`, or an error for too many blocks.
fn within_limit(blocks: usize) -> Result<bool, Error> {
    if blocks <= MOST_BLOCKS {
        return Ok(true);
    }
    // Cannot saturate: the events are in memory.
    let bytes = blocks.saturating_mul(size_of::<Event>());
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    Err(Error::NoMemory(NoMemory { format: Format::Ext4, structure: "journal replay", bytes }))
}
