// SPDX-License-Identifier: BSD-3-Clause
//! How long to wait before a request is repeated.

use core::time::Duration;

/// Exponential back-off with jitter.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The first wait; three quarters of it on average.
    pub first: Duration,
    /// How often a request is repeated.
    pub retries: u32,
    /// How long all attempts and waits may take together, including waits that the server requests.
    pub at_most: Duration,
}

impl Default for Backoff {
    /// A boot has a minute to say that it failed: 40 s leave room for one stall (20 s) that began in time.
    fn default() -> Self {
        let at_most = Duration::from_secs(40);
        Self { first: Duration::from_millis(500), retries: 5, at_most }
    }
}

impl Backoff {
    /// The wait before retry `number`, which counts from 0, when the attempts have taken `elapsed` until now: twice as
    /// long each time, the second half of it random, so that a rack of machines does not retry at once. At least
    /// what the server's `Retry-After` says.
    ///
    /// `None` if there are no more retries, or not enough time.
    pub fn wait(
        &self,
        number: u32,
        elapsed: Duration,
        random: u32,
        retry_after: Option<u64>,
    ) -> Option<Duration> {
        if number >= self.retries {
            return None;
        }
        let wished = retry_after.map_or(Duration::ZERO, Duration::from_secs);
        let factor = 1_u32.checked_shl(number).unwrap_or(u32::MAX);
        // A saturated value, here and below, is more than `at_most`, and ends the attempts.
        let whole = self.first.saturating_mul(factor).min(self.at_most);
        let half = whole.checked_div(2).unwrap_or(whole);
        // The random part: half × random / 2^16, of 16 random bits.
        let part = half.saturating_mul(random & 0xffff).checked_div(1 << 16).unwrap_or(half);
        let wait = half.saturating_add(part).max(wished);
        (elapsed.saturating_add(wait) < self.at_most).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_are_jittered() {
        let (first, at_most) = (Duration::from_secs(2), Duration::from_secs(30));
        let backoff = Backoff { first, retries: 9, at_most };
        let wait = |number, random| backoff.wait(number, Duration::ZERO, random, None);
        let waits = |random| (0..6).map(move |number| wait(number, random).unwrap().as_secs());
        assert_eq!(waits(0).collect::<std::vec::Vec<_>>(), [1, 2, 4, 8, 15, 15]);
        assert_eq!(waits(0xffff).collect::<std::vec::Vec<_>>(), [1, 3, 7, 15, 29, 29]);
        assert_eq!(wait(9, 0), None);
    }

    #[test]
    fn a_server_may_ask_for_more_but_not_for_any_time() {
        let wait = |elapsed, wish| Backoff::default().wait(0, Duration::from_secs(elapsed), 0, Some(wish));
        assert_eq!(wait(0, 7), Some(Duration::from_secs(7)));
        assert_eq!(wait(32, 7), Some(Duration::from_secs(7)));
        assert_eq!((wait(33, 7), wait(0, 41)), (None, None));
    }
}
