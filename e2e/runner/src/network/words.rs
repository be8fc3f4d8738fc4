// SPDX-License-Identifier: BSD-3-Clause
//! Words in settings and patterns whose values are known only at run time.

use anyhow::{Result, ensure};

use super::{
    artifact::{self, NAME},
    servers::Servers,
};

/// Values of the words, for an artifact with this digest, whose first part is the blob `first`.
pub fn words(servers: &Servers, digest: String, first: &str) -> Vec<(&'static str, String)> {
    let authority = &servers.authority;
    let tag = format!("oci://{authority}/{NAME}:{}", artifact::TAG);
    let mut words = vec![
        ("@REFERENCE@", format!("{tag}@{digest}")),
        ("@TAG@", tag),
        ("@REGISTRY@", authority.clone()),
        ("@DIGEST@", digest),
        ("@PART@", format!("{authority}/v2/{NAME}/blobs/{first}")),
    ];
    words.extend(servers.proxy.iter().map(|proxy| ("@PROXY@", proxy.clone())));
    words.extend(servers.mirror().map(|mirror| ("@MIRROR@", mirror)));
    words
}

/// The text with each word replaced.
///
/// # Errors
/// When a word is unknown.
pub fn replaced(words: &[(&str, String)], text: &str) -> Result<String> {
    let text = words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value));
    let stands_for_nothing = text.split_once('@').and_then(|(_, rest)| rest.split_once('@')).map(|(w, _)| w);
    // A digest in a reference has one `@`, a login none.
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase());
    ensure!(!stands_for_nothing.is_some_and(is_word), "unknown word in {text:?}");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_replaced_and_unknown_ones_refused() {
        let words = [("@TAG@", "oci://a/b:1".to_owned())];
        assert_eq!(replaced(&words, "image=@TAG@@sha256:00").unwrap(), "image=oci://a/b:1@sha256:00");
        assert!(replaced(&words, "image=@TAGS@").is_err());
    }
}
