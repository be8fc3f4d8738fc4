// SPDX-License-Identifier: BSD-3-Clause
//! Whatever a peer sends is a value or an error.

use proptest::{collection::vec, prelude::*};

/// Bytes that are nearly what parsers want.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    const WORDS: &[&str] = &[
        "HTTP/1.1 ",
        "200 ",
        "OK\r\n",
        "\r\n",
        "Content-Length: ",
        "Transfer-Encoding: chunked",
        "bytes 0-1/2",
        "5\r\n",
        "0",
        "ffffffffffffffff",
        ";",
        ":",
        "http://",
        "[::1]",
        "@",
        "..",
        "/",
        "?",
        "#",
        "%",
        "\n",
        "a",
        "Content-Range: ",
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

proptest! {
    #[test]
    fn any_bytes(data in vec(any::<u8>(), 0..500)) {
        http::fuzz::fuzz(&data);
    }

    #[test]
    fn nearly_right_bytes(data in nearly()) {
        http::fuzz::fuzz(&data);
    }
}
