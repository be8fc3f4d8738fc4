// SPDX-License-Identifier: BSD-3-Clause
//! The time that certificates are checked at. Firmware clocks lie, so it is never before a constant.
use core::{fmt, time::Duration};

use rustls::{pki_types::UnixTime, time_provider::TimeProvider};
use x509_cert::der::DateTime;

/// 2026-11-22, in seconds since 1970: no certificate is checked at an earlier time. Each release raises it.
pub const FLOOR: u64 = 1_795_305_600;

/// The machine's clock.
pub trait Clock {
    /// Seconds since 1970, UTC; `None` if there is no clock, or it was never set.
    fn now(&self) -> Option<u64>;
}

/// A point in time, in seconds since 1970; printed as in RFC 3339.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Date(pub u64);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_unix_duration(Duration::from_secs(self.0)) {
            Ok(date) => date.fmt(f),
            // After the year 9999.
            Err(_) => write!(f, "{} s after 1970", self.0),
        }
    }
}

/// When a certificate was checked, and the source of that time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Checked {
    /// The time.
    pub at: Date,
    /// Whether the clock was before [`FLOOR`], or there is none.
    pub is_floor: bool,
}

impl Checked {
    /// The later of the clock's time and [`FLOOR`].
    pub(crate) fn by(clock: &dyn Clock) -> Self {
        match clock.now() {
            Some(now) if now >= FLOOR => Self { at: Date(now), is_floor: false },
            _ => Self { at: Date(FLOOR), is_floor: true },
        }
    }

    pub(crate) const fn unix(self) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(self.at.0))
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by =
            if self.is_floor { "this version's date, because the clock is not set" } else { "by the clock" };
        write!(f, "{}, {by}", self.at)
    }
}

impl TimeProvider for Checked {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.unix())
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use super::*;

    struct Shows(Option<u64>);

    impl Clock for Shows {
        fn now(&self) -> Option<u64> {
            self.0
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(Date(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Date(FLOOR).to_string(), "2026-11-22T00:00:00Z");
        assert_eq!(Date(951_827_696).to_string(), "2000-02-29T12:34:56Z");
        assert_eq!(Date(253_402_300_799).to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(Date(253_402_300_800).to_string(), "253402300800 s after 1970");
        assert_eq!(Date(u64::MAX).to_string(), "18446744073709551615 s after 1970");
    }

    #[test]
    fn no_clock_goes_below_the_floor() {
        for clock in [None, Some(0), Some(FLOOR - 1)] {
            let checked = Checked::by(&Shows(clock));
            assert_eq!(checked, Checked { at: Date(FLOOR), is_floor: true });
        }
        for clock in [FLOOR, FLOOR + 1, u64::MAX] {
            assert_eq!(Checked::by(&Shows(Some(clock))), Checked { at: Date(clock), is_floor: false });
        }
    }
}
