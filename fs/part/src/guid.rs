// SPDX-License-Identifier: BSD-3-Clause
//! GUIDs in their on-disk form.

use core::{fmt, str::FromStr};

/// A GUID: 16 bytes in on-disk order, with the first three fields little-endian.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Guid([u8; 16]);

impl Guid {
    /// A GUID from its on-disk bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The on-disk bytes.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// Whether all bytes are zero: an unused entry.
    pub fn is_zero(self) -> bool {
        self.0 == [0; 16]
    }
}

/// Lower case with hyphens, as spelled after `PARTUUID=`.
impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a0, a1, a2, a3, b0, b1, c0, c1, d0, d1, e0, e1, e2, e3, e4, e5] = self.0;
        let (a, b, c) = (
            u32::from_le_bytes([a0, a1, a2, a3]),
            u16::from_le_bytes([b0, b1]),
            u16::from_le_bytes([c0, c1]),
        );
        let d = u16::from_be_bytes([d0, d1]);
        let e = u64::from_be_bytes([0, 0, e0, e1, e2, e3, e4, e5]);
        write!(f, "{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
    }
}

/// Parses either case, with all hyphens, without braces.
impl FromStr for Guid {
    type Err = InvalidGuid;

    fn from_str(text: &str) -> Result<Self, InvalidGuid> {
        let mut parts = text.split('-');
        let mut field = |digits: usize| {
            let part = parts.next().filter(|part| part.len() == digits);
            // A sign is not a digit, although the integer parser accepts one.
            let part = part.filter(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()));
            part.and_then(|part| u64::from_str_radix(part, 16).ok()).ok_or(InvalidGuid)
        };
        let [a, b, c, d, e] = [field(8)?, field(4)?, field(4)?, field(4)?, field(12)?];
        if parts.next().is_some() {
            return Err(InvalidGuid);
        }
        let [a0, a1, a2, a3, ..] = a.to_le_bytes();
        let ([b0, b1, ..], [c0, c1, ..]) = (b.to_le_bytes(), c.to_le_bytes());
        let ([.., d0, d1], [_, _, e0, e1, e2, e3, e4, e5]) = (d.to_be_bytes(), e.to_be_bytes());
        Ok(Self([a0, a1, a2, a3, b0, b1, c0, c1, d0, d1, e0, e1, e2, e3, e4, e5]))
    }
}

/// The error for a text that is not a GUID.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidGuid;

impl fmt::Display for InvalidGuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a GUID (xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx)")
    }
}

impl core::error::Error for InvalidGuid {}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn the_first_three_fields_are_little_endian() {
        let text = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
        assert_eq!(crate::ESP.to_string(), text);
        assert_eq!(text.to_uppercase().parse(), Ok(crate::ESP));
    }

    #[test]
    fn what_is_no_guid_is_refused() {
        for text in [
            "",
            "c12a7328",
            "c12a7328-f81f-11d2-ba4b-00a0c93ec93",
            "c12a7328-f81f-11d2-ba4b-00a0c93ec93b-",
            "{c12a7328-f81f-11d2-ba4b-00a0c93ec93b}",
            "c12a7328f81f11d2ba4b00a0c93ec93b",
            "+12a7328-f81f-11d2-ba4b-00a0c93ec93b",
            "g12a7328-f81f-11d2-ba4b-00a0c93ec93b",
        ] {
            assert_eq!(text.parse::<Guid>(), Err(InvalidGuid), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read(bytes: [u8; 16]) {
            let guid = Guid::from_bytes(bytes);
            proptest::prop_assert_eq!(guid.to_string().parse(), Ok(guid));
        }
    }
}
