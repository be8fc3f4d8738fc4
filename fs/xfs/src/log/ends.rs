// SPDX-License-Identifier: BSD-3-Clause
//! Head and tail of the log: `xlog_find_tail` of fs/xfs/xfs_log_recover.c.
//!
//! The head is where the next record would go. Cycles say where it is to the block: those of blocks before it are one
//! above those of blocks behind it. Up to eight records may be under way when power fails, in any order, so that the
//! first one of them that is not there, or not whole, is where the log ends.

use core::ops::ControlFlow;

use filesystem::Fault;

use super::{
    Failure, Geometry, Lsn, Outcome, SECTOR, corrupt,
    record::{self, Header, MOST_BLOCKS},
    ring::{LogBlock, Ring},
};

/// `XLOG_MAX_ICLOGS`: records that may be under way.
const UNDER_WAY: u32 = 8;
/// `XLOG_TOTAL_REC_SHIFT`: blocks of so many records of the largest size.
const WINDOW: u32 = UNDER_WAY * 512;
/// Blocks in which a record is looked for at first. Most are short, and so is that of an unmounted filesystem.
const SHORT: u32 = 32;

/// From where to where the log is to be replayed.
pub struct Ends {
    /// The first record that may not have reached its place.
    pub tail: LogBlock,
    /// Behind the last record.
    pub head: LogBlock,
    /// Blocks that may have been under way at the head.
    pub under_way: u32,
    /// What the number of the next record would be: no block on the device has a higher one.
    pub newest: Lsn,
}

/// Both ends; none where the log is clean.
///
/// # Errors
/// `Corrupt` where there is no log, that of another filesystem, or no last record.
pub fn find(ring: &Ring<'_>, geometry: &Geometry) -> Outcome<Option<Ends>> {
    let Some(cycles) = Cycles::of(ring)? else { return Ok(None) };
    let mut head = cycles.guess(ring)?;
    // An unmounted filesystem's log was idle when its last record was written: there are no gaps to look for.
    if let Some(last) = last(ring, head)?
        && is_clean(ring, geometry, &last, head)?
    {
        return Ok(None);
    }
    head = cycles.head(ring, head)?;
    let mut last = required(ring, head)?;
    for correct in [without_cut_off, without_damaged] {
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
    // As Linux has it: nothing is to be done.
    if tail == head {
        return Ok(None);
    }
    let tail = nth_header(ring, tail, head, 1)?;
    // What saturates is more than `WINDOW`, which is the most there is.
    let under_way = last.size.div_ceil(512).saturating_mul(UNDER_WAY).min(WINDOW);
    let newest = last.lsn.with_block(head.0);
    Ok(Some(Ends { tail, head, under_way, newest }))
}

/// The `count`th record from `from` on, before the head.
///
/// # Errors
/// `Corrupt` where there are fewer.
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

/// The last record before `head`, if a record starts in any of the blocks before it.
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

/// Whether the filesystem was unmounted: the last record says so, and nothing is behind it.
fn is_clean(ring: &Ring<'_>, geometry: &Geometry, last: &Header, head: LogBlock) -> Outcome<bool> {
    if ring.distance(last.at, head) != last.blocks() || !ring.is_unmount(last)? {
        return Ok(false);
    }
    // The log may be older than the filesystem. IRIX wrote no identifier.
    if last.uuid != geometry.uuid && last.uuid != [0; 16] {
        return Err(last.is_foreign(ring));
    }
    Ok(true)
}

/// The head before a last record of which not all blocks are there.
fn without_cut_off(ring: &Ring<'_>, _: &Geometry, last: &Header, head: LogBlock) -> Outcome<LogBlock> {
    Ok(if ring.distance(last.at, head) == last.blocks() { head } else { last.at })
}

/// The head before the first damaged one of those records that may have been under way.
fn without_damaged(ring: &Ring<'_>, geometry: &Geometry, last: &Header, head: LogBlock) -> Outcome<LogBlock> {
    if !geometry.is_v5 {
        return Ok(head);
    }
    let first = first_under_way(ring, head, last)?;
    Ok(ring.walk(first, head, &mut |_, _| Ok(()))?.unwrap_or(head))
}

/// The first of the last eight records, none of them before the tail.
fn first_under_way(ring: &Ring<'_>, head: LogBlock, last: &Header) -> Outcome<LogBlock> {
    let mut first = last.at;
    let most = if last.tail < ring.blocks { ring.distance(LogBlock(last.tail), head) } else { 0 };
    for _ in 1..UNDER_WAY {
        let Some(header) = self::last(ring, first)? else { break };
        let distance = ring.distance(header.at, head);
        if distance > most || distance <= ring.distance(first, head) {
            break;
        }
        first = header.at;
    }
    Ok(first)
}

/// The cycles of the first and the last block.
struct Cycles {
    first: u32,
    last: u32,
}

impl Cycles {
    /// None where the log was never written.
    fn of(ring: &Ring<'_>) -> Outcome<Option<Self>> {
        let first = cycle(ring, 0)?;
        // Cannot saturate: a ring has at least four blocks.
        let last = cycle(ring, ring.blocks.saturating_sub(1))?;
        // Whatever it is, it is no log.
        if last == 0 && first > 1 {
            let offset = ring.offset(LogBlock(0));
            return Err(corrupt(Fault::Inconsistent, "xlog_rec_header.h_cycle", offset, first.into()));
        }
        Ok((first != 0).then_some(Self { first, last }))
    }

    /// A block where the cycle steps back, behind the last of the ring if it does nowhere.
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

    /// The first block behind the last written one without a gap, near `guess`.
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
