// SPDX-License-Identifier: BSD-3-Clause
//! Points in time and the calendar, for formats that store dates.

use crate::Timestamp;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A date and time of the Gregorian calendar in UTC. `month` and `day` count from 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Civil {
    /// Year.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, 1 to 31.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 59.
    pub second: u8,
}

impl Civil {
    /// The point in time, or `None` if a field is out of range or the year is not in 1 to 9999.
    ///
    /// A day that its month does not have (30 February) continues into the next month.
    pub fn timestamp(self) -> Option<Timestamp> {
        let Self { year, month, day, hour, minute, second } = self;
        let in_range = (1..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour <= 23
            && minute <= 59
            && second <= 59;
        // Saturates only for years out of range, for which the result is `None`.
        let day_number = days_before_month(year, month)
            .saturating_add(i64::from(day).saturating_sub(1))
            .saturating_sub(days_before_month(1970, 1));
        let seconds = day_number
            .saturating_mul(DAY)
            .saturating_add(i64::from(hour).saturating_mul(3600))
            .saturating_add(i64::from(minute).saturating_mul(60))
            .saturating_add(i64::from(second));
        in_range.then_some(Timestamp { seconds, nanoseconds: 0 })
    }
}

impl From<Timestamp> for Civil {
    /// The date of a point in time; times outside the years 1 to 9999 become their first or last second.
    fn from(time: Timestamp) -> Self {
        // Nothing here can saturate: the years are 0 to 10000, and `days` is clamped to them before anything else is
        // done with it.
        let first = days_before_month(1, 1).saturating_sub(days_before_month(1970, 1)).saturating_mul(DAY);
        let end = days_before_month(10_000, 1).saturating_sub(days_before_month(1970, 1)).saturating_mul(DAY);
        let seconds = time.seconds.clamp(first, end.saturating_sub(1));
        let days = seconds.div_euclid(DAY).saturating_add(days_before_month(1970, 1));
        // The mean year has 365.2425 days, so the estimate is off by at most one.
        let estimate = days.saturating_mul(400).div_euclid(146_097).saturating_add(1);
        let after = |year: &i64| days_before_month(*year, 1) > days;
        let year = [estimate.saturating_add(1), estimate].into_iter().find(|year| !after(year));
        let year = year.unwrap_or(estimate.saturating_sub(1));
        let month = (1..=12).rev().find(|month| days_before_month(year, *month) <= days).unwrap_or(1);
        let day = days.saturating_sub(days_before_month(year, month)).saturating_add(1);
        let second = seconds.rem_euclid(DAY);
        // Every value below is in 0..=59.
        let field = |value: i64| u8::try_from(value).unwrap_or(0);
        Self {
            year,
            month,
            day: field(day),
            hour: field(second.div_euclid(3600)),
            minute: field(second.div_euclid(60).rem_euclid(60)),
            second: field(second.rem_euclid(60)),
        }
    }
}

/// Days from 0001-01-01 to the first day of a month; years from 1 to 10000.
fn days_before_month(year: i64, month: u8) -> i64 {
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    // Saturates for years that callers refuse, and not for 0 to 10001.
    let past = year.saturating_sub(1);
    let leaps = |years: i64| {
        years.div_euclid(4).saturating_sub(years.div_euclid(100)).saturating_add(years.div_euclid(400))
    };
    let leap_day = if month > 2 { leaps(year).saturating_sub(leaps(past)) } else { 0 };
    let before = BEFORE.get(usize::from(month).saturating_sub(1)).copied().unwrap_or(0);
    past.saturating_mul(365).saturating_add(leaps(past)).saturating_add(before).saturating_add(leap_day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(year: i64, month: u8, day: u8, hour: u8, minute: u8, second: u8) -> Civil {
        Civil { year, month, day, hour, minute, second }
    }

    #[test]
    fn known_dates() {
        // Seconds as `date -u -d … +%s` prints them.
        for (civil, seconds) in [
            (at(1970, 1, 1, 0, 0, 0), 0),
            (at(1969, 12, 31, 23, 59, 59), -1),
            (at(2000, 2, 29, 12, 0, 0), 951_825_600),
            (at(2026, 11, 23, 21, 35, 29), 1_795_469_729),
            (at(2100, 3, 1, 0, 0, 0), 4_107_542_400),
            (at(1, 1, 1, 0, 0, 0), -62_135_596_800),
            (at(9999, 12, 31, 23, 59, 59), 253_402_300_799),
        ] {
            assert_eq!(civil.timestamp().unwrap().seconds, seconds, "{civil:?}");
            assert_eq!(Civil::from(Timestamp { seconds, nanoseconds: 0 }), civil);
        }
    }

    #[test]
    fn every_day_of_five_centuries_comes_back() {
        for day in -146_097..146_097 / 4 {
            let time = Timestamp { seconds: day * DAY + 1, nanoseconds: 0 };
            assert_eq!(Civil::from(time).timestamp(), Some(time));
        }
    }

    #[test]
    fn fields_out_of_range_are_no_date() {
        assert_eq!(at(2026, 0, 1, 0, 0, 0).timestamp(), None);
        assert_eq!(at(2026, 13, 1, 0, 0, 0).timestamp(), None);
        assert_eq!(at(2026, 1, 0, 0, 0, 0).timestamp(), None);
        assert_eq!(at(2026, 1, 1, 24, 0, 0).timestamp(), None);
        assert_eq!(at(0, 1, 1, 0, 0, 0).timestamp(), None);
    }

    #[test]
    fn what_no_calendar_holds_is_clamped() {
        assert_eq!(Civil::from(Timestamp { seconds: i64::MIN, nanoseconds: 0 }), at(1, 1, 1, 0, 0, 0));
        assert_eq!(Civil::from(Timestamp { seconds: i64::MAX, nanoseconds: 0 }).year, 9999);
    }
}
