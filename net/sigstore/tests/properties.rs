// SPDX-License-Identifier: BSD-3-Clause
//! Whatever a bundle has is a value or an error.

use proptest::{collection::vec, prelude::*, sample::select};
use sigstore::fuzz;

/// Texts of bodies and checkpoints, and elements of tokens and certificates.
const WORDS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"\"kind\":\"hashedrekord\"",
    b"\"apiVersion\":\"0.0.2\"",
    b"\"kind\":\"dsse\"",
    b"\"apiVersion\":\"0.0.1\"",
    b"\"spec\":{",
    b"\"hashedRekordV002\":{",
    b"\"data\":{\"algorithm\":\"SHA2_256\",\"digest\":\"\"}",
    b"\"signature\":{\"content\":\"cw==\",\"verifier\":{\"x509Certificate\":{\"rawBytes\":\"Yw==\"}}}",
    b"\"signatures\":[{\"signature\":\"cw==\",\"verifier\":\"Yw==\"}]",
    b"\"payloadHash\":{\"algorithm\":\"sha256\",\"value\":\"\"}",
    b"null",
    b"1",
    b"\"\"",
    b"log\n",
    b"log - 1\n",
    b"11\n",
    b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
    b"\n",
    b"\xe2\x80\x94 log ",
    b"+IW6lQAA\n",
    b"U\x0d\x90:",
    b" ",
    b"\x30\x03\x02\x01\x00",
    b"\x30\x80",
    b"\x30\x82\x01\x00",
    b"\xa0\x10",
    b"\x31\x20",
    b"\x04\x04",
    b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02",
    b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x04",
    b"\x18\x0f20261130120000Z",
    b"\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01",
    b"\xff",
];

fn nearly() -> impl Strategy<Value = Vec<u8>> {
    vec(
        prop_oneof![
            6 => select(WORDS).prop_map(<[u8]>::to_vec),
            1 => vec(any::<u8>(), 0..8),
        ],
        0..40,
    )
    .prop_map(|parts| parts.concat())
}

/// Elements in elements, with true lengths: a token's shape, and others.
fn nested() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        select(WORDS).prop_map(<[u8]>::to_vec),
        (select(&[2_u8, 3, 4, 6, 23, 24][..]), vec(any::<u8>(), 0..16))
            .prop_map(|(tag, value)| element(tag, &value)),
    ];
    leaf.prop_recursive(8, 64, 6, |inner| {
        (select(&[0x30_u8, 0x31, 0xa0, 0xa1, 0xa3][..]), vec(inner, 0..6))
            .prop_map(|(tag, values)| element(tag, &values.concat()))
    })
}

fn element(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes();
    let header = match length {
        [0, short @ ..0x80] => vec![tag, short],
        [0, long] => vec![tag, 0x81, long],
        [high, low] => vec![tag, 0x82, high, low],
    };
    [header, value.to_vec()].concat()
}

proptest! {
    #[test]
    fn any_bytes(data in vec(any::<u8>(), 0..300)) {
        fuzz(&data);
    }

    #[test]
    fn nearly_what_is_wanted(data in nearly()) {
        fuzz(&data);
    }

    #[test]
    fn elements_in_elements(data in nested()) {
        fuzz(&data);
    }
}
