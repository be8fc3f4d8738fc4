// SPDX-License-Identifier: BSD-3-Clause
//! Whatever a registry sends is a value or an error.

use proptest::{collection::vec, prelude::*};

const HEX: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Bytes that are nearly what parsers want.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    const WORDS: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"schemaVersion\":2",
        "\"manifests\":[",
        "\"layers\":[",
        "\"config\":{",
        "\"mediaType\":\"application/vnd.oci.image.index.v1+json\"",
        "\"size\":1",
        "\"platform\":{\"os\":\"linux\"",
        "\"architecture\":\"amd64\"}",
        "null",
        "\"digest\":\"",
        HEX,
        "Bearer ",
        "Basic",
        "realm=",
        "=",
        "a",
        "a.b/c",
        "@",
        "_x._tcp.",
        "\\",
        "\"token\":\"x\"",
        "\"errors\":[{\"code\":\"X\"}]",
    ];
    vec(
        prop_oneof![
            4 => proptest::sample::select(WORDS).prop_map(|word| word.as_bytes().to_vec()),
            1 => vec(any::<u8>(), 0..4),
        ],
        0..40,
    )
    .prop_map(|parts| parts.concat())
}

/// Whole documents, with something in them changed.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let one = |platform: &str| {
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{HEX}","size":1{platform}}}"#
        )
    };
    let of = |arch: &str| one(&format!(r#","platform":{{"os":"linux","architecture":"{arch}"}}"#));
    let index = format!(r#"{{"schemaVersion":2,"manifests":[{},{},{}]}}"#, of("amd64"), of("arm64"), one(""));
    let manifest = format!(r#"{{"schemaVersion":2,"config":{},"layers":[{}]}}"#, one(""), one(""));
    (
        prop_oneof![Just(index), Just(manifest)],
        any::<proptest::sample::Index>(),
        vec(any::<u8>(), 0..3),
        0_usize..3,
    )
        .prop_map(|(text, index, with, out)| {
            let mut bytes = text.into_bytes();
            let at = index.index(bytes.len() - out);
            bytes.splice(at..at + out, with);
            bytes
        })
}

proptest! {
    #[test]
    fn any_bytes(data in vec(any::<u8>(), 0..500)) {
        oci::fuzz::fuzz(&data);
    }

    #[test]
    fn nearly_right_bytes(data in nearly()) {
        oci::fuzz::fuzz(&data);
    }

    #[test]
    fn damaged_documents(data in damaged()) {
        oci::fuzz::fuzz(&data);
    }
}
