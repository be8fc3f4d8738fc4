// SPDX-License-Identifier: BSD-3-Clause
//! Waiting for a link.

use core::time::Duration;

/// How long to wait for a link: a switch with spanning tree takes half a minute before it forwards anything.
const LIMIT: Duration = Duration::from_secs(45);
/// How often to report the wait.
const EVERY: Duration = Duration::from_secs(5);

/// The wait until a card has a link, without a clock of its own.
#[derive(Debug)]
pub struct LinkWait {
    limit: Duration,
    /// When to report the wait next.
    next: Duration,
}

/// The next step of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is a link.
    Up,
    /// Look again soon.
    Wait,
    /// Look again soon, and report that this much of the wait is left.
    Show(Duration),
    /// There was no link in all the time.
    Down,
}

impl LinkWait {
    /// A wait of 45 seconds, or of `limit` if that is shorter.
    pub fn new(limit: Option<Duration>) -> Self {
        Self { limit: limit.map_or(LIMIT, |limit| limit.min(LIMIT)), next: EVERY }
    }

    /// The next step, `waited` after the start. `has_link`: whether any card has a link.
    pub fn step(&mut self, waited: Duration, has_link: bool) -> Step {
        let Some(left) = self.limit.checked_sub(waited).filter(|left| !left.is_zero() && !has_link) else {
            return if has_link { Step::Up } else { Step::Down };
        };
        if waited < self.next {
            return Step::Wait;
        }
        self.next = waited.checked_add(EVERY).unwrap_or(self.limit);
        Step::Show(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_link_ends_the_wait_at_any_time() {
        assert_eq!(LinkWait::new(None).step(seconds(0), true), Step::Up);
        assert_eq!(LinkWait::new(Some(seconds(0))).step(seconds(0), true), Step::Up);
        assert_eq!(LinkWait::new(None).step(seconds(100), true), Step::Up);
    }

    #[test]
    fn the_wait_is_mentioned_every_five_seconds() {
        let mut wait = LinkWait::new(None);
        assert_eq!(wait.step(seconds(0), false), Step::Wait);
        assert_eq!(wait.step(seconds(4), false), Step::Wait);
        assert_eq!(wait.step(seconds(5), false), Step::Show(seconds(40)));
        assert_eq!(wait.step(seconds(6), false), Step::Wait);
        assert_eq!(wait.step(seconds(12), false), Step::Show(seconds(33)));
        assert_eq!(wait.step(seconds(16), false), Step::Wait);
        assert_eq!(wait.step(seconds(17), false), Step::Show(seconds(28)));
    }

    #[test]
    fn the_wait_ends_after_45_seconds_or_earlier_if_wished() {
        assert_eq!(LinkWait::new(None).step(seconds(44), false), Step::Show(seconds(1)));
        assert_eq!(LinkWait::new(None).step(seconds(45), false), Step::Down);
        assert_eq!(LinkWait::new(Some(seconds(3))).step(seconds(3), false), Step::Down);
        assert_eq!(LinkWait::new(Some(seconds(0))).step(seconds(0), false), Step::Down);
        assert_eq!(LinkWait::new(Some(seconds(600))).step(seconds(45), false), Step::Down);
    }
}
