// SPDX-License-Identifier: BSD-3-Clause
//! Dates of directory records and descriptors.
//!
//! Source: ECMA-119, clauses 8.4.26.1 and 9.1.5.

use alloc::format;

use filesystem::{Civil, Timestamp};

/// The unit of time zone offsets, in seconds.
const QUARTER_HOUR: i64 = 900;

/// Parses the seven bytes of a directory record: years since 1900, month, day, hour, minute, second, and the
/// offset from UTC in quarters of an hour. An invalid date becomes the epoch.
pub fn short(bytes: &[u8; 7]) -> Timestamp {
    let [year, month, day, hour, minute, second, zone] = *bytes;
    // Cannot saturate: a year has 8 bits.
    let civil = Civil { year: i64::from(year).saturating_add(1900), month, day, hour, minute, second };
    in_utc(civil, zone, 0)
}

/// Parses the 17 bytes of a descriptor: sixteen digits down to hundredths of a second, and the offset from UTC.
pub fn long(bytes: &[u8; 17]) -> Timestamp {
    let number = |start: usize, end: usize| {
        let digits = bytes.get(start..end).and_then(|digits| core::str::from_utf8(digits).ok());
        digits.and_then(|digits| digits.parse::<u16>().ok()).unwrap_or(0)
    };
    // Nothing saturates: positions are below 17, values have two digits.
    let field = |start: usize| u8::try_from(number(start, start.saturating_add(2))).unwrap_or(0);
    let civil = Civil {
        year: i64::from(number(0, 4)),
        month: field(4),
        day: field(6),
        hour: field(8),
        minute: field(10),
        second: field(12),
    };
    let [.., zone] = *bytes;
    in_utc(civil, zone, u32::from(field(14)).saturating_mul(10_000_000))
}

fn in_utc(civil: Civil, zone: u8, nanoseconds: u32) -> Timestamp {
    let Some(time) = civil.timestamp() else { return Timestamp::default() };
    // Nothing saturates: a zone has 8 bits, a date four digits of years.
    let east = i64::from(i8::from_le_bytes([zone])).saturating_mul(QUARTER_HOUR);
    Timestamp { seconds: time.seconds.saturating_sub(east), nanoseconds }
}

/// The seven bytes of a point in time from 1900 to 2155; other times become the nearest one.
pub fn to_short(time: Timestamp) -> [u8; 7] {
    // 1900-01-01 00:00:00 and 2155-12-31 23:59:59.
    let seconds = time.seconds.clamp(-2_208_988_800, 5_869_583_999);
    let civil = Civil::from(Timestamp { seconds, nanoseconds: 0 });
    // Cannot saturate: the year is 1900 to 2155.
    let year = u8::try_from(civil.year.saturating_sub(1900)).unwrap_or(0);
    [year, civil.month, civil.day, civil.hour, civil.minute, civil.second, 0]
}

/// The 17 bytes of a point in time.
pub fn to_long(time: Timestamp) -> [u8; 17] {
    let Civil { year, month, day, hour, minute, second } = time.into();
    let hundredths = time.nanoseconds / 10_000_000;
    let text = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}{hundredths:02}\0");
    text.as_bytes().try_into().unwrap_or(NO_DATE)
}

/// The 17 bytes that mean that there is no date.
pub const NO_DATE: [u8; 17] = *b"0000000000000000\0";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_come_back() {
        for seconds in [-2_208_988_800, 0, 1_795_469_729, 5_869_583_999] {
            let time = Timestamp { seconds, nanoseconds: 0 };
            assert_eq!(short(&to_short(time)), time);
            assert_eq!(long(&to_long(time)), time);
        }
        let time = Timestamp { seconds: 7, nanoseconds: 990_000_000 };
        assert_eq!(long(&to_long(time)), time);
        assert_eq!(to_short(Timestamp { seconds: i64::MAX, nanoseconds: 0 })[0], 255);
    }

    #[test]
    fn zones_are_taken_off() {
        // 1970-01-01 02:00 two hours east, 1969-12-31 19:00 five hours west.
        assert_eq!(short(&[70, 1, 1, 2, 0, 0, 8]).seconds, 0);
        assert_eq!(short(&[69, 12, 31, 19, 0, 0, 236]).seconds, 0);
        assert_eq!(long(b"1970010102000000\x08").seconds, 0);
    }

    #[test]
    fn no_date_is_the_epoch() {
        assert_eq!(short(&[0; 7]), Timestamp::default());
        assert_eq!(long(&NO_DATE), Timestamp::default());
        assert_eq!(long(&[b'x'; 17]), Timestamp::default());
    }
}
