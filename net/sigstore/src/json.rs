// SPDX-License-Identifier: BSD-3-Clause
//! JSON as Protocol Buffers write it (ProtoJSON), and others.
//!
//! Spec: <https://protobuf.dev/programming-guides/json/>: bytes are base64 of either alphabet, with or without padding;
//! 64-bit integers are strings, and enumerations are names; both may be numbers.

use alloc::{
    borrow::{Cow, ToOwned as _},
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::{fmt, marker::PhantomData};

use base64ct::{Base64Unpadded, Base64UrlUnpadded, Encoding as _};
use serde::{
    Deserialize, Deserializer,
    de::{self, SeqAccess, Visitor},
};

use crate::{Error, Structure, error::shown};

/// JSON as a value. (An object: serde takes arrays for structures, too.) Unknown members are tolerated.
pub(crate) fn parsed<'a, T: Deserialize<'a>>(structure: Structure, bytes: &'a [u8]) -> Result<T, Error> {
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Error::malformed(structure, "not a JSON object"));
    }
    serde_json::from_slice(bytes).map_err(|error| Error::malformed(structure, shown(&error.to_string())))
}

/// The bytes that a field has in base64.
pub(crate) fn decoded(structure: Structure, field: &'static str, text: &str) -> Result<Vec<u8>, Error> {
    let digits = text.trim_end_matches('=');
    let is_padded = digits.len() == text.len() || text.len().is_multiple_of(4);
    let bytes = if digits.contains(['-', '_']) {
        Base64UrlUnpadded::decode_vec(digits)
    } else {
        Base64Unpadded::decode_vec(digits)
    };
    match bytes {
        Ok(bytes) if is_padded => Ok(bytes),
        _ => Err(Error::malformed(structure, format!("{field} is not base64"))),
    }
}

/// A string, or a number as one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scalar<'a>(pub Cow<'a, str>);

impl Scalar<'_> {
    /// A number that is not negative; a missing one is 0.
    pub fn number(&self, structure: Structure, field: &'static str) -> Result<u64, Error> {
        if self.0.is_empty() {
            return Ok(0);
        }
        let is_number = self.0.bytes().all(|byte| byte.is_ascii_digit());
        let number = self.0.parse::<u64>().ok().filter(|_| is_number);
        number.ok_or_else(|| Error::malformed(structure, format!("{field} is not a number")))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an integer")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(""))
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Cow::Owned(number.to_string()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Cow::Owned(number.to_string()))
            }
        }
        deserializer.deserialize_any(Any).map(Scalar)
    }
}

/// A string that may be missing or `null`; the text is borrowed where it has no escapes.
pub(crate) type Text<'a> = Scalar<'a>;

/// A list of at most `MOST` members, `null` for none. (A member of two bytes becomes a value of many.)
#[derive(Clone, Debug)]
pub(crate) struct List<T, const MOST: usize>(pub Vec<T>);

impl<T, const MOST: usize> Default for List<T, MOST> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for List<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T, const MOST: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Members<T, MOST> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MOST} members")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Vec<T>, E> {
                Ok(Vec::new())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<Vec<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(member) = members.next_element()? {
                    if list.len() >= MOST {
                        return Err(de::Error::invalid_length(list.len(), &self));
                    }
                    list.push(member);
                }
                Ok(list)
            }
        }
        deserializer.deserialize_any(Members::<T, MOST>(PhantomData)).map(List)
    }
}

/// The digits of some bytes, in lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    let mut digits = String::new();
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}
