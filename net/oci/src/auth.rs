// SPDX-License-Identifier: BSD-3-Clause
//! Authentication challenges and tokens.

use alloc::{borrow::ToOwned as _, string::String, vec::Vec};

use json::{Object, Value};

use crate::Cause;

/// The longest token in bytes. GitHub's have about 100 characters, those with claims some KiB.
const LONGEST_TOKEN: usize = 64 << 10;
/// The most parameters of a challenge.
const MOST_PARAMETERS: usize = 32;
/// The default lifetime of a token, and the longest that is accepted, in seconds.
///
/// Spec: distribution.github.io/distribution/spec/auth/token, "expires_in".
const USUAL_LIFE: u64 = 60;
const LONGEST_LIFE: u64 = 24 * 3600;

/// A challenge of `WWW-Authenticate`.
///
/// Spec: RFC 9110, section 11.6.1.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Challenge {
    pub scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The challenges of one field. Malformed input ends the list.
    pub fn all(field: &str) -> Vec<Self> {
        let mut challenges: Vec<Self> = Vec::new();
        let mut rest = field.trim_start_matches(is_gap);
        while let Some((word, behind)) = token(rest) {
            let is_parameter = behind.trim_start().starts_with('=') && !challenges.is_empty();
            if !is_parameter {
                challenges.push(Self { scheme: word.to_ascii_lowercase(), parameters: Vec::new() });
                rest = behind.trim_start_matches(is_gap);
                continue;
            }
            let value = behind.trim_start().strip_prefix('=').map(str::trim_start);
            let Some((value, behind)) = value.and_then(value_of) else { break };
            if let Some(challenge) =
                challenges.last_mut().filter(|last| last.parameters.len() < MOST_PARAMETERS)
            {
                challenge.parameters.push((word.to_ascii_lowercase(), value));
            }
            rest = behind.trim_start_matches(is_gap);
        }
        challenges
    }

    /// The parameter with this name in lower case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn is_gap(c: char) -> bool {
    matches!(c, ' ' | '\t' | ',')
}

/// A token (RFC 9110, section 5.6.2) and what follows it.
fn token(text: &str) -> Option<(&str, &str)> {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let end = text.find(|c| !is_letter(c)).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(token, _)| !token.is_empty())
}

/// A token or a quoted string, and what follows it.
fn value_of(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        return token(text).map(|(value, rest)| (value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut chars = quoted.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => value.push(chars.next()?),
            c => value.push(c),
        }
    }
}

/// The token of a token service's answer, and its lifetime in seconds.
pub(crate) fn granted(body: &[u8]) -> Result<(http::Secret, u64), Cause> {
    let read = || {
        let names = ["token", "access_token", "expires_in"];
        let [token, access_token, life] = Object::parse(body)?.members(names)?;
        let token = token.given().unwrap_or(access_token).optional_text()?.unwrap_or_default();
        Ok((token, life.given().map_or(Ok(USUAL_LIFE), Value::number)?))
    };
    let (token, life) =
        read().map_err(|_: json::Error| Cause::Challenge("the token service's answer is malformed"))?;
    let is_sendable = token.bytes().all(|byte| byte.is_ascii_graphic());
    if token.is_empty() || token.len() > LONGEST_TOKEN || !is_sendable {
        return Err(Cause::Challenge("the token service gives no token"));
    }
    Ok((http::Secret::bearer(&token), life.min(LONGEST_LIFE)))
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn challenges_have_schemes_and_parameters() {
        let field = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        let all = Challenge::all(field);
        assert_eq!((all.len(), all[0].scheme.as_str()), (1, "bearer"));
        assert_eq!(all[0].parameter("realm"), Some("https://auth.docker.io/token"));
        assert_eq!(all[0].parameter("scope"), Some("repository:a/b:pull,push"));
        assert_eq!(all[0].parameter("error"), None);
    }

    #[test]
    fn a_field_may_have_several() {
        let all = Challenge::all(r#"Negotiate, BASIC Realm = "a \"b\"" , charset=UTF-8, Bearer realm="x""#);
        let schemes: Vec<_> = all.iter().map(|challenge| challenge.scheme.as_str()).collect();
        assert_eq!(schemes, ["negotiate", "basic", "bearer"]);
        assert_eq!(
            (all[1].parameter("realm"), all[1].parameter("charset")),
            (Some("a \"b\""), Some("UTF-8"))
        );
    }

    #[test]
    fn what_is_malformed_ends_the_list() {
        for (field, count) in
            [("", 0), ("=", 0), ("Bearer realm=\"x", 1), ("Basic a=b c=\"d\\", 1), ("\"", 0), ("ä", 0)]
        {
            assert_eq!(Challenge::all(field).len(), count, "{field}");
        }
    }

    #[test]
    fn tokens_have_either_name_and_a_life() {
        let of = |text: &str| granted(text.as_bytes()).ok();
        assert_eq!(of(r#"{"token":"a","expires_in":300,"x":1}"#), Some((http::Secret::bearer("a"), 300)));
        assert_eq!(of(r#"{"access_token":"b"}"#), Some((http::Secret::bearer("b"), 60)));
        let long = format!(r#"{{"token":"{}"}}"#, "a".repeat(LONGEST_TOKEN + 1));
        for text in ["{}", r#"{"token":""}"#, r#"{"token":"a\nb"}"#, "no", &long] {
            assert_eq!(of(text), None);
        }
    }
}
