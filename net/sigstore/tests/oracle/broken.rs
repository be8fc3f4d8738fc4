// SPDX-License-Identifier: BSD-3-Clause
//! Each field of a bundle, broken once.

use base64ct::{Base64, Encoding as _};
use serde_json::Value;

use crate::service::base64;

/// The paths of all texts, numbers and truths in a document.
pub fn leaves(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = vec![(String::new(), value)];
    while let Some((path, value)) = rest.pop() {
        match value {
            Value::Object(members) => {
                rest.extend(members.iter().map(|(name, value)| (format!("{path}/{name}"), value)));
            }
            Value::Array(members) => {
                rest.extend(
                    members.iter().enumerate().map(|(number, value)| (format!("{path}/{number}"), value)),
                );
            }
            _ => found.push(path),
        }
    }
    found.sort();
    found
}

/// The document with another value at a path: a number that is larger by one, bytes with the middle one changed, or a
/// text with a letter more.
pub fn broken(document: &Value, path: &str) -> Value {
    let mut document = document.clone();
    let value = document.pointer_mut(path).unwrap_or_else(|| panic!("{path}"));
    let text = value.as_str().unwrap_or_else(|| panic!("{path} is a text"));
    let is_bytes =
        ["rawBytes", "keyId", "Hash", "hashes", "Body", "digest", "sig", "payload", "Timestamp", "ignature"]
            .iter()
            .any(|end| path.trim_end_matches(|c: char| c == '/' || c.is_ascii_digit()).ends_with(end));
    *value = match text.parse::<u64>() {
        Ok(number) => (number + 1).to_string().into(),
        Err(_) if is_bytes => {
            let mut bytes = Base64::decode_vec(text).unwrap_or_else(|_| panic!("{path} is base64"));
            let middle = bytes.len() / 2;
            // A body is JSON, and there stands base64: it is another letter of that, whatever certificates this run made.
            bytes[middle] = match bytes[middle] {
                b'A' if path.ends_with("Body") => b'B',
                _ if path.ends_with("Body") => b'A',
                byte => byte ^ 1,
            };
            base64(&bytes).into()
        }
        Err(_) => format!("{text}x").into(),
    };
    document
}

/// The document without a member.
pub fn without(document: &Value, path: &str) -> Value {
    let mut document = document.clone();
    let (parent, name) = path.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).unwrap_or_else(|| panic!("{path}")) {
        Value::Object(members) => assert!(members.remove(name).is_some(), "{path}"),
        Value::Array(members) => drop(members.remove(name.parse().unwrap())),
        _ => panic!("{path}"),
    }
    document
}

/// The document with another value.
pub fn with(document: &Value, path: &str, value: impl Into<Value>) -> Value {
    let mut document = document.clone();
    *document.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = value.into();
    document
}
