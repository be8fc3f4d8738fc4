// SPDX-License-Identifier: BSD-3-Clause
//! How long to wait before a request is repeated.

use core::time::Duration;

/// Exponential back-off with jitter.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The first wait, on average three quarters of it.
    pub first: Duration,
    /// The longest wait, a server's own wish included.
    pub longest: Duration,
    /// How often a request is repeated.
    pub retries: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), longest: Duration::from_secs(60), retries: 5 }
    }
}

impl Backoff {
    /// The wait before retry `number`, which counts from 0: twice as long each time, the second half of it random, so
    /// that a rack of machines does not come back at once. At least what the server's `Retry-After` wishes.
    ///
    /// None if there are no more retries, or the server wishes a longer wait than the longest.
    pub fn wait(&self, number: u32, random: u32, retry_after: Option<u64>) -> Option<Duration> {
        if number >= self.retries {
            return None;
        }
        let wished = retry_after.map_or(Duration::ZERO, Duration::from_secs);
        if wished > self.longest {
            return None;
        }
        let factor = 1_u32.checked_shl(number).unwrap_or(u32::MAX);
        let whole = self.first.saturating_mul(factor).min(self.longest);
        let half = whole.checked_div(2).unwrap_or(whole);
        // The random part: half × random / 2^16, of 16 random bits.
        let part = half.saturating_mul(random & 0xffff).checked_div(1 << 16).unwrap_or(half);
        Some(half.saturating_add(part).max(wished))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_are_jittered() {
        let backoff = Backoff { first: Duration::from_secs(2), longest: Duration::from_secs(30), retries: 9 };
        let waits = |random| (0..6).map(move |number| backoff.wait(number, random, None).unwrap().as_secs());
        assert_eq!(waits(0).collect::<std::vec::Vec<_>>(), [1, 2, 4, 8, 15, 15]);
        assert_eq!(waits(0xffff).collect::<std::vec::Vec<_>>(), [1, 3, 7, 15, 29, 29]);
        assert_eq!(backoff.wait(9, 0, None), None);
    }

    #[test]
    fn a_server_may_ask_for_more_but_not_for_any_time() {
        let backoff = Backoff::default();
        assert_eq!(backoff.wait(0, 0, Some(7)), Some(Duration::from_secs(7)));
        assert_eq!(backoff.wait(0, 0, Some(61)), None);
    }
}
