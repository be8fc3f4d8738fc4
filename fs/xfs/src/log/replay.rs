// SPDX-License-Identifier: BSD-3-Clause
//! The two passes over the records: `xlog_do_log_recovery` of fs/xfs/xfs_log_recover.c.

use alloc::format;

use filesystem::Fault;

use super::{
    Failure, Geometry, Intents, Lsn, Outcome, Overlay, Recovered, Report,
    buffer::{Buffer, BufferRange},
    corrupt,
    ends::{self, Ends},
    map::Map,
    record::LITTLE_ENDIAN,
    ring::{LogBlock, Ring},
    to_u64, too_much,
    transaction::{Assembly, Item, Transaction},
    unsupported,
};

// Types of items: `XFS_LI_*`.
const INODE: u16 = 0x123b;
const BUFFER: u16 = 0x123c;
const CREATE: u16 = 0x123f;
const MAPPING: u16 = 0x1244;
const MAPPING_DONE: u16 = 0x1245;
const EXCHANGE: u16 = 0x1248;
const EXCHANGE_DONE: u16 = 0x1249;

/// The state of both passes.
pub struct Replay<'a> {
    pub geometry: &'a Geometry,
    ring: &'a Ring<'a>,
    /// The most bytes of memory that it may use.
    pub most: usize,
    /// The first pass, which only collects freed buffers.
    is_first: bool,
    overlay: Overlay,
    /// Buffers that are freed later in the log, and how often.
    cancels: Map,
    /// New inodes that are not in the overlay yet, by byte offset.
    pub created: Map,
    /// Changed buffers, with the number of the record in which their last transaction starts.
    pub buffers: Map,
    pub intents: Intents,
    pub report: Report,
    /// Byte offset of the record being replayed.
    pub offset: u64,
}

/// Replays the log between its ends, with at most `most` bytes of memory.
pub fn run(ring: &Ring<'_>, geometry: &Geometry, ends: Ends, most: usize) -> Outcome<Recovered> {
    let mut replay = Replay {
        geometry,
        ring,
        most,
        is_first: true,
        overlay: Overlay::default(),
        cancels: Map::default(),
        created: Map::default(),
        buffers: Map::default(),
        intents: Intents::default(),
        report: Report::default(),
        offset: 0,
    };
    let mut tail = ends.tail;
    // Records near the tail may be overwritten: Linux no longer needed them, but the record that would have moved the
    // tail was still in flight.
    while let Some(bad) = replay.pass(tail, ends.head)? {
        let distance = ring.distance(ends.head, bad);
        let next = ends::nth_header(ring, bad, ends.head, 2)?;
        if distance == 0 || distance > ends.in_flight || next == bad {
            return Err(replay.damaged(bad));
        }
        (tail, replay.cancels) = (next, Map::default());
    }
    replay.is_first = false;
    if let Some(bad) = replay.pass(tail, ends.head)? {
        return Err(replay.damaged(bad)); // the device has changed its mind
    }
    replay.seal()?;
    replay.intents.check()?;
    let Replay { overlay, intents, report, .. } = replay;
    Ok(Recovered { overlay, intents, report })
}

fn is_cancel(format: &[u8]) -> bool {
    super::half(format, 0) == BUFFER && Buffer::parse(format).is_some_and(Buffer::is_cancel)
}

/// Whether readers need an item. Unknown items count as needed, so that they are refused.
fn is_replayed(format: &[u8]) -> bool {
    match super::half(format, 0) {
        BUFFER => Buffer::parse(format).is_none_or(|buffer| buffer.is_cancel() || buffer.is_wanted()),
        // Extents to free, quotas, reverse mappings, reference counts, attributes, and items of realtime devices.
        0x1236 | 0x1237 | 0x123d | 0x123e | 0x1240..=0x1243 | 0x1246 | 0x1247 | 0x124a..=0x124f => false,
        _ => true,
    }
}

impl Replay<'_> {
    /// Makes one pass over all records; returns the first one that is damaged or missing.
    fn pass(&mut self, tail: LogBlock, head: LogBlock) -> Outcome<Option<LogBlock>> {
        let mut assembly = Assembly::new(if self.is_first { is_cancel } else { is_replayed }, self.most);
        let ring = self.ring;
        ring.walk(tail, head, &mut |header, bytes| {
            if header.format != LITTLE_ENDIAN {
                return Err(unsupported("a log in another byte order"));
            }
            if header.uuid != self.geometry.uuid {
                return Err(header.is_foreign(ring));
            }
            self.offset = ring.offset(header.at);
            assembly.record(header, self.offset, bytes, &mut |transaction, held| {
                self.commit(&transaction, held)?;
                Ok(self.memory())
            })
        })
    }

    /// Bytes of memory that it keeps.
    fn memory(&self) -> usize {
        let maps = [&self.cancels, &self.created, &self.buffers];
        maps.into_iter().fold(self.overlay.memory(), |sum, map| sum.wrapping_add(map.memory()))
    }

    /// Fails if more memory is in use than allowed; transactions hold `held` bytes of it.
    pub fn limit(&self, held: usize) -> Outcome<()> {
        // Cannot saturate: both are memory that is in use.
        let needed = self.memory().saturating_add(held);
        if needed > self.most { Err(too_much(needed)) } else { Ok(()) }
    }

    fn damaged(&self, bad: LogBlock) -> Failure {
        corrupt(Fault::Inconsistent, "xlog_rec_header", self.ring.offset(bad), bad.0.into())
    }

    /// Replays a transaction: creates inodes first, applies changes, and frees buffers last. All transactions together
    /// hold `held` bytes of memory.
    fn commit(&mut self, transaction: &Transaction, held: usize) -> Outcome<()> {
        for stage in 0..3 {
            for item in &transaction.items {
                let freed = Buffer::parse(item.format()).filter(|buffer| buffer.is_cancel());
                match (item.kind(), stage, freed) {
                    (_, 0, Some(buffer)) if self.is_first => self.add_cancel(buffer.range)?,
                    _ if self.is_first => {}
                    (CREATE, 0, _) => self.create_inodes(item)?,
                    (BUFFER, 0, None) => self.buffer(item, transaction.lsn)?,
                    (BUFFER, 2, Some(buffer)) => self.end_cancel(buffer.range)?,
                    (BUFFER | CREATE, ..) => {}
                    (_, 1, _) => self.item(item, transaction.lsn)?,
                    _ => {}
                }
                self.limit(held)?;
            }
        }
        if !self.is_first {
            self.report.transactions = self.report.transactions.wrapping_add(1);
        }
        Ok(())
    }

    fn item(&mut self, item: &Item, lsn: Lsn) -> Outcome<()> {
        match item.kind() {
            INODE => self.inode(item, lsn),
            MAPPING => self.intents.add_mapping(item.format(), self.offset),
            EXCHANGE => self.intents.add_exchange(item.format(), self.offset),
            MAPPING_DONE | EXCHANGE_DONE => {
                self.intents.done(item.format());
                Ok(())
            }
            kind => Err(unsupported(format!("unknown log item type {kind:#x}"))),
        }
    }

    /// Whether the buffer is freed later in the log.
    pub fn is_cancelled(&self, range: BufferRange) -> bool {
        self.cancels.get(range.key()).is_some_and(|count| count > 0)
    }

    fn add_cancel(&mut self, range: BufferRange) -> Outcome<()> {
        let count = self.cancels.entry(range.key(), 0)?;
        *count = count.wrapping_add(1);
        Ok(())
    }

    /// Notes that the buffer was freed; after the last time, changes of it count again.
    fn end_cancel(&mut self, range: BufferRange) -> Outcome<()> {
        let count = self.cancels.entry(range.key(), 0)?;
        // Cannot saturate: the first pass over the log has counted all that the second one sees.
        *count = count.saturating_sub(1);
        Ok(())
    }

    /// Whether an inode is new and not written yet.
    pub fn is_new(&self, offset: u64, length: usize) -> bool {
        self.created.get(offset).is_some() && !self.overlay.is_replayed(offset, length)
    }

    /// Reads the device with the changes replayed so far.
    pub fn read(&self, offset: u64, buf: &mut [u8]) -> Outcome<()> {
        self.check_bounds(offset, buf.len())?;
        Ok(self.overlay.read_at(self.ring.device(), offset, buf)?)
    }

    /// Replaces whole chunks.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) -> Outcome<()> {
        self.check_bounds(offset, bytes.len())?;
        self.overlay.write(offset, bytes)
    }

    /// Checks a byte range that an item names: all logged objects start at a chunk boundary.
    pub fn check_bounds(&self, offset: u64, length: usize) -> Outcome<()> {
        let end = offset.checked_add(to_u64(length));
        let is_inside = end.is_some_and(|end| end <= self.ring.device().size());
        if is_inside && offset.is_multiple_of(128) {
            return Ok(());
        }
        Err(corrupt(Fault::Range, "log item's block number", self.offset, offset))
    }
}
