// SPDX-License-Identifier: BSD-3-Clause
//! Picks a few strings out of JSON, by their paths.
//!
//! Bodies of entries have many shapes, of which five strings matter. A type for each shape takes more of the loader
//! than all the code that verifies them.

use alloc::{borrow::Cow, format, string::ToString as _};

use json::Object;

use crate::{Error, Structure, error::shown};

/// The strings at some paths, `/name/0/name`; `None` if the path does not exist. An array on a path has one member.
///
/// # Errors
/// Not a JSON object; a duplicate member on a path, another type in its place, or an array of several members.
pub(super) fn texts<'a, const N: usize>(
    json: &'a [u8],
    paths: [&'static str; N],
) -> Result<[Option<Cow<'a, str>>; N], Error> {
    let mut found = [const { None }; N];
    let mut pick = || {
        let body = Object::parse(json)?;
        for (found, path) in found.iter_mut().zip(paths) {
            *found = text(body, path)?;
        }
        Ok(())
    };
    pick().map_err(|error: json::Error| {
        Error::malformed(Structure::LogEntry, format!("body: {}", shown(&error.to_string())))
    })?;
    Ok(found)
}

fn text<'a>(body: Object<'a>, path: &'static str) -> Result<Option<Cow<'a, str>>, json::Error> {
    let mut object = body;
    let mut names = path.split('/').skip(1).peekable();
    while let Some(name) = names.next() {
        let [mut value] = object.members([name])?;
        if value.given().is_none() {
            break;
        }
        if names.next_if_eq(&"0").is_some() {
            let (list, has_more) = value.first(1)?;
            let only = list.first().filter(|_| !has_more);
            value = *only.ok_or_else(|| value.unexpected("an array of one"))?;
        }
        if names.peek().is_none() {
            return value.text().map(Some);
        }
        object = value.object()?;
    }
    Ok(None)
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
        for nothing in [r#"{}"#, r#"{"a":null,"b":null}"#, r#"{"b":[{"c":null}]}"#] {
            assert_eq!(picked(nothing), Ok([None, None, None]));
        }
    }

    #[test]
    fn other_shapes_are_refused() {
        let cases = [
            ("", "EOF while parsing a value at line 1 column 0"),
            ("{} x", "trailing characters at line 1 column 4"),
            (r#""a""#, "not an object"),
            (r#"{"a":1}"#, "field `a`: expected a string, found 1 at line 1 column 6"),
            (r#"{"a":{}}"#, "field `a`: expected a string, found an object at line 1 column 6"),
            (r#"{"a":[]}"#, "field `a`: expected a string, found an array at line 1 column 6"),
            (r#"{"a":"1","a":"2"}"#, "duplicate field `a` at line 1 column 14"),
            (r#"{"b":[],"b":[]}"#, "duplicate field `b` at line 1 column 13"),
            (r#"{"b":"1"}"#, "field `b`: expected an array, found a string at line 1 column 6"),
            (r#"{"b":true}"#, "field `b`: expected an array, found a boolean at line 1 column 6"),
            (r#"{"b":[]}"#, "field `b`: expected an array of one, found an array at line 1 column 6"),
            (r#"{"b":[{},{}]}"#, "field `b`: expected an array of one, found an array at line 1 column 6"),
            (r#"{"b":["1"]}"#, "field `b`: expected an object, found a string at line 1 column 7"),
        ];
        for (json, why) in cases {
            let error = picked(json).unwrap_err().to_string();
            assert_eq!(error, format!("malformed log entry: body: {why}"), "{json}");
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
