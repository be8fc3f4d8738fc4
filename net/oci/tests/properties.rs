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

/// What is nearly a record, and often is one.
fn nearly_a_record() -> impl Strategy<Value = Vec<u8>> {
    const WORDS: &[&str] = &[
        "1 manifests/1 a/b\nx\n",
        "0 blobs/x \n\n",
        "2 referrers/x a/b; c=d\n\n\n\n",
        "3 a b\nx\n",
        "03 a b\n",
        " ",
        "\n",
        "18446744073709551615 a b\n",
    ];
    vec(proptest::sample::select(WORDS), 0..6)
        .prop_map(|words| format!("cloud-boot record 1\n{}", words.concat()).into_bytes())
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
    fn nearly_right_records(data in nearly_a_record()) {
        oci::fuzz::fuzz(&data);
    }

    #[test]
    fn damaged_documents(data in damaged()) {
        oci::fuzz::fuzz(&data);
    }
}
