// SPDX-License-Identifier: BSD-3-Clause
//! Frames in transit.

use std::{collections::BTreeMap, time::Duration};

/// The bytes in transit above which no more frames are taken: 50 ms at 10 Gbit/s.
const MOST: usize = 64 << 20;

/// One direction of a cable: frames by time of arrival. The caller gives the time.
#[derive(Debug, Default)]
pub struct Line {
    /// By time of arrival; at the same time, in the order in which they were pushed.
    frames: BTreeMap<(Duration, u64), Vec<u8>>,
    count: u64,
    bytes: usize,
}

impl Line {
    /// Adds a frame that arrives at this time.
    pub fn push(&mut self, at: Duration, frame: Vec<u8>) {
        // Cannot saturate: bytes that are in memory.
        self.bytes = self.bytes.saturating_add(frame.len());
        self.frames.insert((at, self.count), frame);
        self.count = self.count.wrapping_add(1);
    }

    /// The next frame that has arrived by now.
    pub fn pop(&mut self, now: Duration) -> Option<Vec<u8>> {
        if self.next()? > now {
            return None;
        }
        let (_, frame) = self.frames.pop_first()?;
        // Cannot saturate: the frame was counted when it came.
        self.bytes = self.bytes.saturating_sub(frame.len());
        Some(frame)
    }

    /// When the next one arrives.
    pub fn next(&self) -> Option<Duration> {
        self.frames.first_key_value().map(|((at, _), _)| *at)
    }

    /// Whether it takes more.
    pub fn has_room(&self) -> bool {
        self.bytes < MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_arrive_in_time_and_order() {
        let at = Duration::from_millis;
        let mut line = Line::default();
        for (time, name) in [(50, 1), (58, 2), (50, 3), (51, 4)] {
            line.push(at(time), vec![name]);
        }
        assert_eq!((line.pop(at(49)), line.next()), (None, Some(at(50))));
        assert_eq!(
            (line.pop(at(50)), line.pop(at(50)), line.pop(at(50))),
            (Some(vec![1]), Some(vec![3]), None)
        );
        assert_eq!(
            (line.pop(at(99)), line.pop(at(99)), line.pop(at(99))),
            (Some(vec![4]), Some(vec![2]), None)
        );
        assert_eq!(line.next(), None);
    }

    #[test]
    fn a_full_line_says_so() {
        let mut line = Line::default();
        for _ in 0..64 {
            assert!(line.has_room());
            line.push(Duration::ZERO, vec![0; 1 << 20]);
        }
        assert!(!line.has_room());
        assert!(line.pop(Duration::ZERO).is_some() && line.has_room());
    }
}
