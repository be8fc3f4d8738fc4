// SPDX-License-Identifier: BSD-3-Clause
//! Dates of directory entries, taken as UTC.
//!
//! Source: FAT specification 1.03, "Date and Time Formats".

use filesystem::{Civil, Timestamp};

/// A date and a time as directory entries hold them: years from 1980 in seven bits, steps of two seconds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DosTime {
    pub date: u16,
    pub time: u16,
}

impl DosTime {
    /// The point in time; an invalid date (all zeros if none was written) becomes the epoch.
    pub fn timestamp(self) -> Timestamp {
        // Nothing saturates: all fields have few bits.
        let field = |value: u16, shift: u32, mask: u16| u8::try_from((value >> shift) & mask).unwrap_or(0);
        let civil = Civil {
            year: 1980i64.saturating_add(i64::from(self.date >> 9)),
            month: field(self.date, 5, 0x0f),
            day: field(self.date, 0, 0x1f),
            hour: field(self.time, 11, 0x1f),
            minute: field(self.time, 5, 0x3f),
            second: field(self.time, 0, 0x1f).saturating_mul(2),
        };
        civil.timestamp().unwrap_or_default()
    }
}

impl From<Timestamp> for DosTime {
    /// The date of a point in time, rounded down to two seconds; times out of FAT's range become its first or last
    /// date.
    fn from(time: Timestamp) -> Self {
        // 1980-01-01 00:00:00 and 2107-12-31 23:59:58.
        let seconds = time.seconds.clamp(315_532_800, 4_354_819_198);
        let civil = Civil::from(Timestamp { seconds, nanoseconds: 0 });
        // Cannot saturate: the year is 1980 to 2107.
        let year = u16::try_from(civil.year.saturating_sub(1980)).unwrap_or(0);
        Self {
            date: year << 9 | u16::from(civil.month) << 5 | u16::from(civil.day),
            time: u16::from(civil.hour) << 11 | u16::from(civil.minute) << 5 | u16::from(civil.second / 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_come_back_to_two_seconds() {
        for (seconds, read) in [
            (0, 315_532_800),
            (1_795_469_729, 1_795_469_728),
            (4_354_819_198, 4_354_819_198),
            (i64::MAX, 4_354_819_198),
        ] {
            let dos = DosTime::from(Timestamp { seconds, nanoseconds: 5 });
            assert_eq!(dos.timestamp(), Timestamp { seconds: read, nanoseconds: 0 });
        }
    }

    #[test]
    fn no_date_is_the_epoch() {
        assert_eq!(DosTime::default().timestamp(), Timestamp::default());
        assert_eq!(DosTime { date: 0xffff, time: 0xffff }.timestamp(), Timestamp::default());
    }
}
