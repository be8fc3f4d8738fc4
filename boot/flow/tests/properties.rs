// SPDX-License-Identifier: BSD-3-Clause
//! Whatever stands in the variable of the cache is what it was written from, or nothing.

use proptest::{collection::vec, prelude::*};

const HEX: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What is nearly the variable, and often is one.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let line = |slot: &str, reference: &str| format!("{slot} {HEX} {HEX} {reference}\n");
    let words = vec![
        line("a", "host.example/linux:1"),
        line("b", "host.example/linux:1"),
        line("b", &format!("host.example/linux@{HEX}")),
        line("c", "host.example/linux:1"),
        line("a", "host.example/Linux"),
        " ".into(),
        "\n".into(),
        HEX.into(),
    ];
    vec(proptest::sample::select(words), 0..4).prop_map(|words| words.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_bytes(data in vec(any::<u8>(), 0..500)) {
        flow::fuzz::fuzz(&data);
    }

    #[test]
    fn nearly_right_bytes(data in nearly()) {
        flow::fuzz::fuzz(&data);
    }
}
