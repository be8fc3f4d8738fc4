// SPDX-License-Identifier: BSD-3-Clause
//! Head and tail of the log: `xlog_find_tail` of fs/xfs/xfs_log_recover.c.
//!
//! The head is where the next record would be written. Cycle numbers locate it to the block: blocks before the head
//! have a cycle one higher than those after it. Up to eight records may be in flight when power fails, and complete in
//! any order; so the log ends at the first of them that is missing or incomplete.

use core::ops::ControlFlow;

use filesystem::Fault;

use super::{
    Failure, Geometry, Lsn, Outcome, SECTOR, corrupt,
    record::{self, Header, MOST_BLOCKS},
    ring::{LogBlock, Ring},
};

/// `XLOG_MAX_ICLOGS`: records that may be in flight.
const IN_FLIGHT: u32 = 8;
/// `XLOG_TOTAL_REC_SHIFT`: blocks of that many records of the largest size.
const WINDOW: u32 = IN_FLIGHT * 512;
/// Blocks that are searched for a record at first. Most records are short, as is that of an unmount.
const SHORT: u32 = 32;

/// The part of the log to replay.
pub struct Ends {
    /// The first record whose changes may not be on the device yet.
    pub tail: LogBlock,
    /// The block after the last record.
    pub head: LogBlock,
    /// Blocks that may have been in flight at the head.
    pub in_flight: u32,
    /// The number that the next record would have: no block on the device has a higher one.
    pub newest: Lsn,
}

/// Finds both ends; `None` if the log is clean.
///
/// # Errors
/// `Corrupt` if there is no log, one of another filesystem, or no last record.
pub fn find(ring: &Ring<'_>, geometry: &Geometry) -> Outcome<Option<Ends>> {
    let Some(cycles) = Cycles::of(ring)? else { return Ok(None) };
    let mut head = cycles.guess(ring)?;
    // When a filesystem is unmounted, its last record is written alone: there are no gaps to look for.
    if let Some(last) = last(ring, head)?
        && is_clean(ring, geometry, &last, head)?
    {
        return Ok(None);
    }
    head = cycles.head(ring, head)?;
    let mut last = required(ring, head)?;
    for correct in [without_truncated, without_damaged] {
        head = correct(ring, geometry, &last, head)?;
        last = required(ring, head)?;
        if is_clean(ring, geometry, &last, head)? {
            return Ok(None);
        }
    }
    if last.tail >= ring.blocks {
        let offset = ring.offset(last.at);
        return Err(corrupt(Fault::Range, "xlog_rec_header.h_tail_lsn", offset, last.tail.into()));
    }
    let tail = LogBlock(last.tail);
    // Nothing to replay, as in Linux.
    if tail == head {
        return Ok(None);
    }
    let tail = nth_header(ring, tail, head, 1)?;
    // What saturates is more than `WINDOW`, which is the limit.
    let in_flight = last.size.div_ceil(512).saturating_mul(IN_FLIGHT).min(WINDOW);
    let newest = last.lsn.with_block(head.0);
    Ok(Some(Ends { tail, head, in_flight, newest }))
}

/// The `count`th record at or after `from`, before the head.
///
/// # Errors
/// `Corrupt` if there are fewer.
pub fn nth_header(ring: &Ring<'_>, from: LogBlock, head: LogBlock, mut count: u32) -> Outcome<LogBlock> {
    let mut found = None;
    ring.each(from, ring.distance(from, head), &mut |at, block| {
        if record::is_header(block) {
            // Cannot saturate: the walk ends as soon as it is 0.
            count = count.saturating_sub(1);
            found = (count == 0).then_some(at);
        }
        if found.is_none() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    found.ok_or_else(|| missing(ring, from))
}

/// The last record before `head`; `None` if no record starts in the blocks before it.
fn last(ring: &Ring<'_>, head: LogBlock) -> Outcome<Option<Header>> {
    for count in [SHORT, u32::try_from(MOST_BLOCKS).unwrap_or(SHORT)] {
        let count = count.min(ring.blocks);
        let mut last = None;
        ring.each(ring.before(head, count), count, &mut |at, block| {
            last = record::header(at, block).or(last);
            ControlFlow::Continue(())
        })?;
        if last.is_some() {
            return Ok(last);
        }
    }
    Ok(None)
}

fn required(ring: &Ring<'_>, head: LogBlock) -> Outcome<Header> {
    last(ring, head)?.ok_or_else(|| missing(ring, head))
}

fn missing(ring: &Ring<'_>, at: LogBlock) -> Failure {
    corrupt(Fault::Magic, "xlog_rec_header.h_magicno", ring.offset(at), at.0.into())
}

/// Whether the filesystem was unmounted: the last record says so, and nothing follows it.
fn is_clean(ring: &Ring<'_>, geometry: &Geometry, last: &Header, head: LogBlock) -> Outcome<bool> {
    if ring.distance(last.at, head) != last.blocks() || !ring.is_unmount(last)? {
        return Ok(false);
    }
    // A log may be older than its filesystem. IRIX wrote no UUID.
    if last.uuid != geometry.uuid && last.uuid != [0; 16] {
        return Err(last.is_foreign(ring));
    }
    Ok(true)
}

/// Moves the head before the last record if that is truncated.
fn without_truncated(ring: &Ring<'_>, _: &Geometry, last: &Header, head: LogBlock) -> Outcome<LogBlock> {
    Ok(if ring.distance(last.at, head) == last.blocks() { head } else { last.at })
}

/// Moves the head before the first damaged record among those that may have been in flight.
fn without_damaged(ring: &Ring<'_>, geometry: &Geometry, last: &Header, head: LogBlock) -> Outcome<LogBlock> {
    if !geometry.is_v5 {
        return Ok(head);
    }
    let first = first_in_flight(ring, head, last)?;
    Ok(ring.walk(first, head, &mut |_, _| Ok(()))?.unwrap_or(head))
}

/// The first of the last eight records, but none before the tail.
fn first_in_flight(ring: &Ring<'_>, head: LogBlock, last: &Header) -> Outcome<LogBlock> {
    let mut first = last.at;
    let most = if last.tail < ring.blocks { ring.distance(LogBlock(last.tail), head) } else { 0 };
    for _ in 1..IN_FLIGHT {
        let Some(header) = self::last(ring, first)? else { break };
        let distance = ring.distance(header.at, head);
        if distance > most || distance <= ring.distance(first, head) {
            break;
        }
        first = header.at;
    }
    Ok(first)
}

/// The cycle numbers of the first and the last block.
struct Cycles {
    first: u32,
    last: u32,
}

impl Cycles {
    /// `None` if the log was never written.
    fn of(ring: &Ring<'_>) -> Outcome<Option<Self>> {
        let first = cycle(ring, 0)?;
        // Cannot saturate: a ring has at least four blocks.
        let last = cycle(ring, ring.blocks.saturating_sub(1))?;
        // No log looks like this.
        if last == 0 && first > 1 {
            let offset = ring.offset(LogBlock(0));
            return Err(corrupt(Fault::Inconsistent, "xlog_rec_header.h_cycle", offset, first.into()));
        }
        Ok((first != 0).then_some(Self { first, last }))
    }

    /// Estimates the head: a block where the cycle number steps back, or the first if it never does.
    fn guess(&self, ring: &Ring<'_>) -> Outcome<LogBlock> {
        if self.first == self.last {
            return Ok(LogBlock(0));
        }
        // Cannot saturate: a ring has at least four blocks.
        let (mut low, mut high) = (0, ring.blocks.saturating_sub(1));
        loop {
            let middle = u32::midpoint(low, high);
            if middle == low {
                return Ok(LogBlock(high));
            }
            *(if cycle(ring, middle)? == self.last { &mut high } else { &mut low }) = middle;
        }
    }

    /// The first block after the last one that was written without a gap, near `guess`.
    fn head(&self, ring: &Ring<'_>, guess: LogBlock) -> Outcome<LogBlock> {
        let window = WINDOW.min(ring.blocks);
        let (guess, old) = match self.first == self.last {
            true => (ring.blocks, self.last.wrapping_sub(1)),
            false => (guess.0, self.last),
        };
        let gap = match guess.checked_sub(window) {
            Some(start) => find_cycle(ring, start, window, old)?,
            None => {
                // Cannot saturate: `guess` is less than `window`, and that is no more than the ring has.
                let before = window.saturating_sub(guess);
                let start = ring.blocks.saturating_sub(before);
                match find_cycle(ring, start, before, old.wrapping_sub(1))? {
                    Some(gap) => Some(gap),
                    None => find_cycle(ring, 0, guess, old)?,
                }
            }
        };
        Ok(gap.unwrap_or_else(|| ring.after(LogBlock(0), guess)))
    }
}

fn cycle(ring: &Ring<'_>, at: u32) -> Outcome<u32> {
    let mut block = [0; SECTOR];
    ring.read(LogBlock(at), &mut block)?;
    Ok(record::cycle(&block))
}

/// The first of `count` blocks from `from` on that was written in `cycle`.
fn find_cycle(ring: &Ring<'_>, from: u32, count: u32, cycle: u32) -> Outcome<Option<LogBlock>> {
    let mut found = None;
    ring.each(LogBlock(from), count, &mut |at, block| {
        if record::cycle(block) == cycle {
            found = Some(at);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}
