// SPDX-License-Identifier: BSD-3-Clause
//! Points in time on the caller's clock.

use core::time::Duration;

/// A point in time: microseconds since a start that the caller chooses. The clock never goes back.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Instant(u64);

impl Instant {
    /// Later than everything.
    pub const NEVER: Self = Self(u64::MAX);

    /// The point in time this long after the start.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the start.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// The point in time `wait` later; [`NEVER`](Self::NEVER) if that is beyond 580 000 years.
    pub fn after(self, wait: Duration) -> Self {
        let micros = u64::try_from(wait.as_micros()).ok();
        micros.and_then(|micros| self.0.checked_add(micros)).map_or(Self::NEVER, Self)
    }

    /// The time from `earlier` to this; zero if it is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.checked_sub(earlier.0).map_or(Duration::ZERO, Duration::from_micros)
    }

    /// Converts to smoltcp's type, whose clock ends after 290 000 years.
    pub(crate) fn to_smoltcp(self) -> smoltcp::time::Instant {
        smoltcp::time::Instant::from_micros(i64::try_from(self.0).unwrap_or(i64::MAX))
    }

    /// Converts from smoltcp's type; a negative time becomes the start.
    pub(crate) fn from_smoltcp(at: smoltcp::time::Instant) -> Self {
        Self(u64::try_from(at.total_micros()).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_does_not_wrap() {
        let start = Instant::from_micros(5);
        assert_eq!(start.after(Duration::from_millis(1)), Instant::from_micros(1005));
        assert_eq!(start.after(Duration::MAX), Instant::NEVER);
        assert_eq!(Instant::NEVER.after(Duration::from_secs(1)), Instant::NEVER);
        assert_eq!(start.since(Instant::from_micros(2)), Duration::from_micros(3));
        assert_eq!(start.since(Instant::NEVER), Duration::ZERO);
        assert_eq!(Instant::from_smoltcp(start.to_smoltcp()), start);
    }
}
