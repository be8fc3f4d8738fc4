// SPDX-License-Identifier: BSD-3-Clause
//! A few texts picked out of JSON, by their paths.
//!
//! Bodies of entries have many shapes, of which five texts count. A type for each shape costs more of the loader than
//! all that verifies them.

use alloc::{borrow::Cow, format, string::ToString as _};
use core::fmt;

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::{Error, Structure, error::shown};

/// The texts at some paths, `/name/0/name`; none where the path leads nowhere. A list on a path has one member.
///
/// # Errors
/// Not JSON; a text twice, another value in its place, or a list of several members on a path.
pub(super) fn texts<'de, const N: usize>(
    json: &'de [u8],
    paths: [&'static str; N],
) -> Result<[Option<Cow<'de, str>>; N], Error> {
    let mut found = [const { None }; N];
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let pick = Pick { rest: paths.map(Some), found: &mut found };
    pick.deserialize(&mut deserializer).and_then(|()| deserializer.end()).map_err(|error| {
        Error::malformed(Structure::LogEntry, format!("body: {}", shown(&error.to_string())))
    })?;
    Ok(found)
}

/// What is looked for in one value: what is left of each path that leads through it.
struct Pick<'a, 'de, const N: usize> {
    rest: [Option<&'static str>; N],
    found: &'a mut [Option<Cow<'de, str>>; N],
}

impl<'de, const N: usize> Pick<'_, 'de, N> {
    /// The same for a member.
    fn inside(&mut self, name: &str) -> Pick<'_, 'de, N> {
        let step = |rest: &'static str| {
            let rest = rest.strip_prefix('/')?.strip_prefix(name)?;
            (rest.is_empty() || rest.starts_with('/')).then_some(rest)
        };
        Pick { rest: self.rest.map(|rest| rest.and_then(step)), found: self.found }
    }

    fn keep(&mut self, text: Cow<'de, str>) -> Result<(), &'static str> {
        for (rest, found) in self.rest.iter().zip(self.found.iter_mut()) {
            match (rest, &found) {
                (Some(""), None) => *found = Some(text.clone()),
                (Some(""), Some(_)) => return Err("a member twice"),
                (Some(_), _) => return Err("a text where an object is expected"),
                (None, _) => {}
            }
        }
        Ok(())
    }
}

impl<'de, const N: usize> DeserializeSeed<'de> for Pick<'_, 'de, N> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.rest.iter().all(Option::is_none) {
            return serde::Deserialize::deserialize(deserializer).map(|IgnoredAny| ());
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Pick<'_, 'de, N> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_text = self.rest.contains(&Some(""));
        f.write_str(if is_text { "a text" } else { "an object or a list of one" })
    }

    fn visit_borrowed_str<E: serde::de::Error>(mut self, text: &'de str) -> Result<(), E> {
        self.keep(Cow::Borrowed(text)).map_err(E::custom)
    }

    fn visit_str<E: serde::de::Error>(mut self, text: &str) -> Result<(), E> {
        self.keep(Cow::Owned(text.into())).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        if self.rest.contains(&Some("")) {
            return Err(A::Error::custom("an object where a text is expected"));
        }
        while let Some(name) = members.next_key::<Cow<'de, str>>()? {
            members.next_value_seed(self.inside(&name))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        if self.rest.contains(&Some("")) {
            return Err(A::Error::custom("a list where a text is expected"));
        }
        let is_one = members.next_element_seed(self.inside("0"))?.is_some();
        if !is_one || members.next_element::<IgnoredAny>()?.is_some() {
            return Err(A::Error::custom("a list of none or several where one is expected"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::string::String;

    use super::*;

    fn picked(json: &str) -> Result<[Option<String>; 3], Error> {
        let found = texts(json.as_bytes(), ["/a", "/b/0/c", "/b/0/d"])?;
        Ok(found.map(|text| text.map(Cow::into_owned)))
    }

    #[test]
    fn texts_are_found_by_their_paths() {
        let found =
            picked(r#"{"x":[{"a":"no"}],"a":"one\n","b":[{"c":"two","d":"three","cc":1}],"ab":"no"}"#);
        assert_eq!(found, Ok(["one\n", "two", "three"].map(|text| Some(text.into()))));
        assert_eq!(picked(r#"{"b":[{"dd":"no"}],"A":"no"}"#), Ok([None, None, None]));
        assert_eq!(picked(r#"{}"#), Ok([None, None, None]));
    }

    #[test]
    fn other_shapes_are_refused() {
        let cases = [
            ("", "EOF while parsing a value"),
            ("{} x", "trailing characters"),
            (r#"{"a":1}"#, "invalid type: integer `1`, expected a text"),
            (r#"{"a":null}"#, "invalid type: null, expected a text"),
            (r#"{"a":{}}"#, "an object where a text is expected"),
            (r#"{"a":[]}"#, "a list where a text is expected"),
            (r#"{"a":"1","a":"2"}"#, "a member twice"),
            (r#"{"b":"1"}"#, "a text where an object is expected"),
            (r#"{"b":true}"#, "invalid type: boolean `true`, expected an object or a list of one"),
            (r#"{"b":[]}"#, "a list of none or several where one is expected"),
            (r#"{"b":[{},{}]}"#, "a list of none or several where one is expected"),
            (r#""a""#, "a text where an object is expected"),
        ];
        for (json, why) in cases {
            let error = picked(json).unwrap_err().to_string();
            let (words, _place) = error.split_once(" at line 1 column ").unwrap();
            assert_eq!(words, format!("malformed log entry: body: {why}"), "{json}");
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        for path in ["/x", "/a"] {
            let json = [br#"{"x":"#.as_slice(), &[b'['; 100_000]].concat();
            assert!(texts(&json, [path]).is_err());
        }
    }
}
