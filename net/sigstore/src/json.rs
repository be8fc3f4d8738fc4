// SPDX-License-Identifier: BSD-3-Clause
//! JSON in the form of Protocol Buffers (ProtoJSON), and other JSON.
//!
//! Spec: <https://protobuf.dev/programming-guides/json/>: bytes are base64 in either alphabet, with or without padding;
//! 64-bit integers are strings, and enumerations are names; both may be numbers.

use alloc::{
    borrow::Cow,
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::fmt::Write as _;

use base64ct::{Base64Unpadded, Base64UrlUnpadded, Encoding as _};
use json::{Object, Value};

use crate::{Error, Structure, error::shown};

/// Parses a whole document, which must be an object. Unknown members are tolerated.
pub(crate) fn parsed(structure: Structure, bytes: &[u8]) -> Result<Fields<'_>, Error> {
    match Object::parse(bytes) {
        Ok(object) => Ok(Fields { object, structure }),
        Err(error) => Err(malformed(structure, &error)),
    }
}

/// A JSON error as an error of a structure.
fn malformed(structure: Structure, error: &json::Error) -> Error {
    Error::malformed(structure, shown(&error.to_string()))
}

/// The bytes of a field in base64.
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

/// An object, and the structure that it is part of.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    object: Object<'a>,
    structure: Structure,
}

/// A field that may be missing, and the structure that it is part of, which errors name.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    value: Value<'a>,
    structure: Structure,
}

impl<'a> Fields<'a> {
    /// The fields with these names.
    pub fn members<const N: usize>(self, names: [&'static str; N]) -> Result<[Field<'a>; N], Error> {
        let values = self.object.members(names).map_err(|error| malformed(self.structure, &error))?;
        Ok(values.map(|value| Field { value, structure: self.structure }))
    }
}

impl<'a> Field<'a> {
    /// The same as part of another structure.
    pub fn of(self, structure: Structure) -> Self {
        Self { structure, ..self }
    }

    /// This field, unless it is missing or `null`.
    pub fn given(self) -> Option<Self> {
        self.value.given().map(|value| Self { value, ..self })
    }

    /// The fields of an object; if it is missing or `null`, none is given.
    pub fn members<const N: usize>(self, names: [&'static str; N]) -> Result<[Self; N], Error> {
        match self.given() {
            Some(given) => {
                let object = self.checked(given.value.object())?;
                Fields { object, structure: self.structure }.members(names)
            }
            None => Ok([self; N]),
        }
    }

    /// The members of an array, at most `most`; empty if it is `null`. (A member of two bytes becomes a larger value.)
    pub fn list(self, most: usize) -> Result<Vec<Self>, Error> {
        let list = self.checked(self.value.list(most))?;
        Ok(list.into_iter().map(|value| Self { value, ..self }).collect())
    }

    /// A string, or a number as a string; empty if it is missing or `null`.
    pub fn text(self) -> Result<Cow<'a, str>, Error> {
        self.checked(self.value.scalar())
    }

    /// The same, copied.
    pub fn string(self) -> Result<String, Error> {
        self.text().map(Cow::into_owned)
    }

    /// The bytes in base64. `name` is its name in errors.
    pub fn bytes(self, name: &'static str) -> Result<Vec<u8>, Error> {
        decoded(self.structure, name, &self.text()?)
    }

    /// An unsigned number; a missing one is 0. `name` is its name in errors.
    pub fn number(self, name: &'static str) -> Result<u64, Error> {
        let text = self.text()?;
        if text.is_empty() {
            return Ok(0);
        }
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse::<u64>().ok().filter(|_| is_number);
        number.ok_or_else(|| Error::malformed(self.structure, format!("{name} is not a number")))
    }

    fn checked<T>(&self, result: Result<T, json::Error>) -> Result<T, Error> {
        result.map_err(|error| malformed(self.structure, &error))
    }
}

/// The hexadecimal digits of some bytes, in lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut digits = String::new();
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}
