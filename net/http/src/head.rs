// SPDX-License-Identifier: BSD-3-Clause
//! Heads of responses.

use alloc::{format, string::String, vec::Vec};

use crate::{Cause, Framing};

/// The most bytes of a head. Signed redirects of blob stores have about 4 KiB.
pub(crate) const LARGEST: usize = 32 << 10;
/// The most fields of a head.
const MOST_FIELDS: usize = 100;

/// A response's head.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// The reason phrase; may be empty.
    pub reason: String,
    is_old: bool,
    fields: Vec<(String, String)>,
}

/// How the length of a body is determined.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Frame {
    Length(u64),
    Chunked,
    Close,
}

impl Head {
    /// The head at the start of `bytes`, and its length; `None` if it is not complete.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Cause> {
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        let length = match response.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(Cause::Limit("100 fields")),
            Err(error) => return Err(Cause::Head(format!("{error}"))),
        };
        let shown = |text: &str| text.chars().filter(|c| !c.is_control()).take(100).collect();
        let mut head = Self {
            status: response.code.unwrap_or(0),
            reason: response.reason.map(shown).unwrap_or_default(),
            is_old: response.version == Some(0),
            fields: Vec::new(),
        };
        if !(100..=999).contains(&head.status) {
            return Err(Cause::Head(format!("status {}", head.status)));
        }
        head.fields.try_reserve_exact(response.headers.len()).map_err(|_| Cause::Memory)?;
        head.fields.extend(
            response
                .headers
                .iter()
                .map(|field| (field.name.into(), String::from_utf8_lossy(field.value).trim().into())),
        );
        Ok(Some((head, length)))
    }

    /// The first field of this name, without regard to case.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// All fields of this name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// How the body's length is determined. Only statuses 204 and 304 have no body by definition.
    ///
    /// Spec: RFC 9112, section 6.3. Both lengths at once are refused, as it advises.
    pub(crate) fn frame(&self) -> Result<Frame, Framing> {
        if matches!(self.status, 204 | 304) {
            return Ok(Frame::Length(0));
        }
        // The content of an error page does not matter.
        let coding = self.field("content-encoding").filter(|_| (200..=299).contains(&self.status));
        if let Some(coding) = coding.filter(|coding| !coding.eq_ignore_ascii_case("identity")) {
            return Err(Framing::Content(coding.chars().take(40).collect()));
        }
        let mut length = None;
        for text in self.all("content-length").flat_map(|value| value.split(',')).map(str::trim) {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse::<u64>().ok().filter(|_| is_number);
            match (number, length) {
                (Some(number), None) => length = Some(number),
                (Some(number), Some(before)) if number == before => {}
                _ => return Err(Framing::Length(text.chars().take(40).collect())),
            }
        }
        let mut codings = self.all("transfer-encoding");
        match (codings.next(), codings.next(), length) {
            (Some(_), _, Some(_)) => Err(Framing::Both),
            (Some(coding), None, None) if coding.eq_ignore_ascii_case("chunked") => Ok(Frame::Chunked),
            (Some(coding), _, None) => Err(Framing::Transfer(coding.chars().take(40).collect())),
            (None, _, Some(length)) => Ok(Frame::Length(length)),
            (None, _, None) => Ok(Frame::Close),
        }
    }

    /// Whether the connection can be used for another request.
    ///
    /// Spec: RFC 9112, section 9.3.
    pub(crate) fn keeps_alive(&self) -> bool {
        let says = |option: &str| {
            let mut options = self.all("connection").flat_map(|value| value.split(','));
            options.any(|value| value.trim().eq_ignore_ascii_case(option))
        };
        !says("close") && (!self.is_old || says("keep-alive"))
    }

    /// How long to wait before the request is repeated, in seconds. A date is not supported: there is no clock.
    ///
    /// Spec: RFC 9110, section 10.2.3.
    pub fn retry_after(&self) -> Option<u64> {
        let text = self.field("retry-after")?;
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
    }

    /// First and last byte of a part, and the length of the whole resource if known.
    ///
    /// Spec: RFC 9110, section 14.4.
    pub(crate) fn content_range(&self) -> Option<(u64, u64, Option<u64>)> {
        let (unit, rest) = self.field("content-range")?.split_once(' ')?;
        let (range, whole) = rest.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let whole = if whole == "*" { None } else { Some(whole.parse().ok()?) };
        unit.eq_ignore_ascii_case("bytes").then_some((first.parse().ok()?, last.parse().ok()?, whole))
    }
}

/// Whether the bytes may have a complete head: an empty line that begins at most three bytes before `from`.
pub(crate) fn has_empty_line(bytes: &[u8], from: usize) -> bool {
    // Saturates if there are fewer than three bytes before.
    let from = from.saturating_sub(3);
    let rest = bytes.get(from..).unwrap_or_default();
    rest.windows(2).any(|pair| pair == b"\n\n") || rest.windows(3).any(|three| three == b"\n\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Head {
        Head::parse(format!("{text}\r\n\r\n").as_bytes()).unwrap().unwrap().0
    }

    fn frame(fields: &str) -> Result<Frame, Framing> {
        parsed(&format!("HTTP/1.1 200 OK{fields}")).frame()
    }

    #[test]
    fn heads_have_status_reason_and_fields() {
        let head = parsed("HTTP/1.1 404 Not Found\r\nX-A: 1\r\nx-a:  2 ");
        assert_eq!((head.status, head.reason.as_str()), (404, "Not Found"));
        assert_eq!(head.all("X-a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(Head::parse(b"HTTP/1.1 200 OK\r\nA: b\r\n"), Ok(None));
    }

    #[test]
    fn parse_refuses_what_is_no_head() {
        for text in
            ["SSH-2.0-OpenSSH\r\n\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 099 x\r\n\r\n", "HTTP/1.1 20\r\n\r\n"]
        {
            assert!(matches!(Head::parse(text.as_bytes()), Err(Cause::Head(_))), "{text}");
        }
        let many = "A: b\r\n".repeat(MOST_FIELDS + 1);
        assert_eq!(
            Head::parse(format!("HTTP/1.1 200 OK\r\n{many}\r\n").as_bytes()),
            Err(Cause::Limit("100 fields"))
        );
    }

    #[test]
    fn a_frame_is_told_by_one_length() {
        for (fields, expected) in [
            ("", Ok(Frame::Close)),
            ("\r\nContent-Length: 7", Ok(Frame::Length(7))),
            ("\r\nContent-Length: 7, 7\r\nContent-Length: 7", Ok(Frame::Length(7))),
            ("\r\nContent-Length: 7\r\nContent-Length: 8", Err(Framing::Length("8".into()))),
            ("\r\nContent-Length: +7", Err(Framing::Length("+7".into()))),
            ("\r\nContent-Length:", Err(Framing::Length("".into()))),
            ("\r\nContent-Length: 99999999999999999999", Err(Framing::Length("99999999999999999999".into()))),
            ("\r\nTransfer-Encoding: Chunked", Ok(Frame::Chunked)),
            ("\r\nTransfer-Encoding: gzip, chunked", Err(Framing::Transfer("gzip, chunked".into()))),
            ("\r\nTransfer-Encoding: chunked\r\nContent-Length: 7", Err(Framing::Both)),
            ("\r\nContent-Encoding: gzip\r\nContent-Length: 7", Err(Framing::Content("gzip".into()))),
        ] {
            assert_eq!(frame(fields), expected, "{fields}");
        }
        assert_eq!(parsed("HTTP/1.1 204 No Content").frame(), Ok(Frame::Length(0)));
    }

    #[test]
    fn connections_are_kept_as_both_versions_say() {
        for (text, keeps) in [
            ("HTTP/1.1 200 OK", true),
            ("HTTP/1.1 200 OK\r\nConnection: x, Close", false),
            ("HTTP/1.0 200 OK", false),
            ("HTTP/1.0 200 OK\r\nConnection: keep-alive", true),
        ] {
            assert_eq!(parsed(text).keeps_alive(), keeps, "{text}");
        }
    }

    #[test]
    fn ranges_and_waits_are_numbers() {
        let range =
            |value| parsed(&format!("HTTP/1.1 206 Partial\r\nContent-Range: {value}")).content_range();
        assert_eq!(range("bytes 0-9/100"), Some((0, 9, Some(100))));
        assert_eq!(range("Bytes 5-9/*"), Some((5, 9, None)));
        for value in ["bytes */100", "lines 0-9/100", "bytes 0-9", ""] {
            assert_eq!(range(value), None, "{value}");
        }
        let wait = |value| parsed(&format!("HTTP/1.1 429 Slow\r\nRetry-After: {value}")).retry_after();
        assert_eq!((wait("7"), wait("Fri, 31 Dec 1999 23:59:59 GMT"), wait("")), (Some(7), None, None));
    }

    #[test]
    fn an_empty_line_is_found_however_the_bytes_come() {
        let text = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n";
        for split in 0..text.len() {
            assert!(has_empty_line(text, split), "{split}");
            assert!(!has_empty_line(&text[..split], 0), "{split}");
        }
    }
}
