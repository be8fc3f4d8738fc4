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

/// Counts of the frames of one direction.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Frames received.
    pub frames: u64,
    /// Bytes of these frames.
    pub bytes: u64,
    /// Frames lost.
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

/// An end, and the frames in transit to it.
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

    /// The events to poll for: readable, writable.
    fn flags(&self, other: &Self) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, other.line.has_room());
        flags.set(PollFlags::OUT, self.end.is_pending());
        flags
    }

    /// Delivers the frames that have arrived; false if the other side is gone.
    fn deliver(&mut self, now: Duration) -> io::Result<bool> {
        while self.end.has_room() {
            let Some(frame) = self.line.pop(now) else { break };
            self.end.send(frame)?;
        }
        self.end.flush()
    }
}

impl Relay {
    /// A cable with these faults.
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

    /// The counts of frames to the guest, and to the network.
    pub fn counts(&self) -> [Counts; 2] {
        [self.guest.counts, self.network.counts]
    }

    /// Whether the cut has happened.
    pub fn has_cut(&self) -> bool {
        self.judge.has_cut()
    }

    /// Waits until there is something to do.
    fn wait(&self) -> io::Result<()> {
        let Self { guest, network, .. } = self;
        let sides = [(guest, network), (network, guest)];
        let mut sockets = sides.map(|(side, other)| PollFd::new(&side.end, side.flags(other)));
        // If an end has no room, only the end is waited for.
        let due = [guest, network].into_iter().filter(|side| side.end.has_room());
        let next = due.filter_map(|side| side.line.next()).min();
        // Saturates if a frame is already due.
        let left = next.and_then(|next| Timespec::try_from(next.saturating_sub(self.start.elapsed())).ok());
        match poll(&mut sockets, left.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Takes frames from one end and queues them for the other; false at the end of the stream.
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
