// SPDX-License-Identifier: BSD-3-Clause
//! Points in time, in seconds since 1970, UTC.

use x509_cert::der::DateTime;

use crate::{
    Error, Structure,
    der::{Element, tag},
};

/// A period of validity; both ends are included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Validity {
    pub start: u64,
    /// The end; `None` if it is still in use.
    pub end: Option<u64>,
}

impl Validity {
    pub fn contains(self, time: u64) -> bool {
        self.start <= time && self.end.is_none_or(|end| time <= end)
    }
}

/// `Timestamp` of Protocol Buffers in JSON: RFC 3339 in UTC; fractions of a second are dropped.
pub(crate) fn rfc3339(text: &str) -> Option<u64> {
    let text = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00"))?;
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', rest @ ..] = seconds.as_bytes() else {
        return None;
    };
    let [h1, h2, b':', n1, n2, b':', s1, s2] = rest else { return None };
    let year = [*y1, *y2, *y3, *y4];
    at(&year, [[*m1, *m2], [*d1, *d2], [*h1, *h2], [*n1, *n2], [*s1, *s2]])
}

/// `Time` of X.509: UTCTime or GeneralizedTime, in the one form that DER allows.
///
/// Spec: RFC 5280 section 4.1.2.5.
pub(crate) fn x509(structure: Structure, time: &Element<'_>) -> Result<u64, Error> {
    let parsed = match (time.tag, time.content) {
        (tag::UTC_TIME, [y1, y2, m1, m2, d1, d2, h1, h2, n1, n2, s1, s2, b'Z']) => {
            let century = if *y1 >= b'5' { *b"19" } else { *b"20" };
            let year = [century[0], century[1], *y1, *y2];
            at(&year, [[*m1, *m2], [*d1, *d2], [*h1, *h2], [*n1, *n2], [*s1, *s2]])
        }
        (tag::GENERALIZED_TIME, [y1, y2, y3, y4, m1, m2, d1, d2, h1, h2, n1, n2, s1, s2, b'Z']) => {
            let year = [*y1, *y2, *y3, *y4];
            at(&year, [[*m1, *m2], [*d1, *d2], [*h1, *h2], [*n1, *n2], [*s1, *s2]])
        }
        _ => None,
    };
    parsed.ok_or_else(|| Error::malformed(structure, "not a time"))
}

/// A time from year, month, day, hour, minute and second, all in decimal digits.
pub(crate) fn at(year: &[u8], parts: [[u8; 2]; 5]) -> Option<u64> {
    let number = |digits: &[u8]| -> Option<u16> {
        let is_number = digits.iter().all(u8::is_ascii_digit);
        core::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
    };
    let [month, day, hour, minute, second] =
        parts.map(|digits| number(&digits).and_then(|part| u8::try_from(part).ok()));
    let date = DateTime::new(number(year)?, month?, day?, hour?, minute?, second?).ok()?;
    Some(date.unix_duration().as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::der::{Reader, encoded};

    #[test]
    fn times_of_rfc_3339() {
        assert_eq!(rfc3339("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(rfc3339("2026-11-30T12:00:00.999Z"), Some(1_796_040_000));
        assert_eq!(rfc3339("2024-02-29T23:59:59+00:00"), Some(1_709_251_199));
        for text in [
            "",
            "Z",
            "2026-11-30T12:00:00",
            "2026-11-30T12:00:00.Z",
            "2026-11-30T12:00:00.aZ",
            "2026-11-30 12:00:00Z",
            "2026-11-30T12:00:00+01:00",
            "2025-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "+026-11-30T12:00:00Z",
            "2026-11-30T12:00:0aZ",
        ] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn times_of_certificates() {
        let read = |tag: u8, text: &str| {
            let der = encoded(tag, text.as_bytes());
            let mut reader = Reader::new(Structure::Certificate, &der);
            x509(Structure::Certificate, &reader.next().unwrap()).ok()
        };
        assert_eq!(read(tag::UTC_TIME, "261130120000Z"), Some(1_796_040_000));
        assert_eq!(read(tag::UTC_TIME, "700101000000Z"), Some(0));
        // 50 is 1950, which is before 1970.
        assert_eq!(read(tag::UTC_TIME, "500101000000Z"), None);
        assert_eq!(read(tag::GENERALIZED_TIME, "20501231235959Z"), Some(2_556_143_999));
        for (tag, text) in [
            (tag::UTC_TIME, "20501231235959Z"),
            (tag::GENERALIZED_TIME, "501231235959Z"),
            (tag::UTC_TIME, "2611301200Z"),
            (tag::UTC_TIME, "261130120000+0000"),
            (tag::INTEGER, "261130120000Z"),
        ] {
            assert_eq!(read(tag, text), None, "{text}");
        }
    }

    #[test]
    fn both_ends_belong_to_a_validity() {
        let validity = Validity { start: 5, end: Some(7) };
        assert_eq!([4, 5, 7, 8].map(|time| validity.contains(time)), [false, true, true, false]);
        assert!(Validity { start: 5, end: None }.contains(u64::MAX));
    }
}
