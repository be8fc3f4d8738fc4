// SPDX-License-Identifier: BSD-3-Clause
//! The loop that carries frames.

use std::{
    fmt, io,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use crate::{Direction, End, Faults, Judge, Verdict, line::Line, vlan};

/// What became of the frames of one direction.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// How many came.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many of them were lost.
    pub lost: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} frames, {} bytes, {} frames lost", self.frames, self.bytes, self.lost)
    }
}

/// A cable between two ends.
#[derive(Debug)]
pub struct Relay {
    guest: Side,
    network: Side,
    judge: Judge,
    start: Instant,
}

/// An end, and what is on its way to it.
#[derive(Debug)]
struct Side {
    end: End,
    line: Line,
    counts: Counts,
}

impl Side {
    fn new(end: End) -> Self {
        Self { end, line: Line::default(), counts: Counts::default() }
    }

    /// Whether a poll is to wait until it can be read, and until it can be written.
    fn flags(&self, other: &Self) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, other.line.has_room());
        flags.set(PollFlags::OUT, self.end.is_pending());
        flags
    }

    /// Hands over what has arrived; false where nobody takes it.
    fn deliver(&mut self, now: Duration) -> io::Result<bool> {
        while self.end.has_room() {
            let Some(frame) = self.line.pop(now) else { break };
            self.end.send(frame)?;
        }
        self.end.flush()
    }
}

impl Relay {
    /// A cable that does this to frames.
    pub fn new(guest: End, network: End, faults: Faults) -> Self {
        let (guest, network) = (Side::new(guest), Side::new(network));
        Self { guest, network, judge: Judge::new(faults), start: Instant::now() }
    }

    /// Carries frames until a stream ends, or the cut that ends everything.
    ///
    /// # Errors
    /// A socket fails.
    pub fn run(&mut self) -> io::Result<()> {
        loop {
            let now = self.start.elapsed();
            let Self { guest, network, judge, .. } = self;
            let goes_on = carry(guest, network, Direction::ToNetwork, judge, now)?
                && carry(network, guest, Direction::ToGuest, judge, now)?
                && guest.deliver(now)?
                && network.deliver(now)?;
            if !goes_on {
                return Ok(());
            }
            self.wait()?;
        }
    }

    /// What came for the guest, and for the network.
    pub fn counts(&self) -> [Counts; 2] {
        [self.guest.counts, self.network.counts]
    }

    /// Whether the cut has happened.
    pub fn has_cut(&self) -> bool {
        self.judge.has_cut()
    }

    /// Until something can be done.
    fn wait(&self) -> io::Result<()> {
        let Self { guest, network, .. } = self;
        let sides = [(guest, network), (network, guest)];
        let mut sockets = sides.map(|(side, other)| PollFd::new(&side.end, side.flags(other)));
        // Where an end has no room, it is the end that is waited for.
        let due = [guest, network].into_iter().filter(|side| side.end.has_room());
        let next = due.filter_map(|side| side.line.next()).min();
        // Saturates where a frame is due already.
        let left = next.and_then(|next| Timespec::try_from(next.saturating_sub(self.start.elapsed())).ok());
        match poll(&mut sockets, left.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Takes what has come at one end onto its way to the other; false at the end.
fn carry(
    from: &mut Side,
    to: &mut Side,
    direction: Direction,
    judge: &mut Judge,
    now: Duration,
) -> io::Result<bool> {
    if !to.line.has_room() {
        return Ok(true);
    }
    let mut is_cut = false;
    let goes_on = from.end.receive(|frame| {
        let counts = &mut to.counts;
        counts.frames = counts.frames.wrapping_add(1);
        counts.bytes = counts.bytes.wrapping_add(u64::try_from(frame.len()).unwrap_or(u64::MAX));
        let frame = match judge.vlan() {
            Some(id) => vlan::across(id, direction, frame),
            None => Some(frame),
        };
        let Some(frame) = frame else {
            counts.lost = counts.lost.wrapping_add(1);
            return;
        };
        match judge.judge(direction, &frame) {
            // May saturate: a frame so late never arrives.
            Verdict::Arrives(later) => to.line.push(now.saturating_add(later), frame),
            Verdict::Lost => counts.lost = counts.lost.wrapping_add(1),
            Verdict::End => is_cut = true,
        }
    })?;
    Ok(goes_on && !is_cut)
}
