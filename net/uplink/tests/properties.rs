// SPDX-License-Identifier: BSD-3-Clause
//! Whatever settings say is wishes or an error in one line.

use proptest::{collection::vec, prelude::*};

/// Texts that are nearly settings.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    const WORDS: &[&str] = &[
        "cloudboot.net.if=",
        "cloudboot.net.static=",
        "cloudboot.net.skip=1",
        "cloudboot.net.vlan=",
        "cloudboot.net.wait=",
        "cloudboot.dns=",
        "BOOTIF=",
        "ip=",
        "01-",
        "52:54:00:12:34:56",
        "52-54-00-AB-CD-EF",
        "virtio0",
        "10.0.0.9/24",
        "10.0.0.1",
        "[fd09::1]",
        "/64",
        ":",
        ",",
        "dhcp",
        "off",
        "eth0",
        "255.255.255.0",
        "4095",
        "\"",
        "\u{7f}",
        "\u{e9}",
        " ",
        " ",
    ];
    let word = prop_oneof![
        4 => prop::sample::select(WORDS).prop_map(|word| word.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..4),
    ];
    vec(word, 0..24).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4096) })]

    #[test]
    fn any_bytes_are_wishes_or_an_error(data in vec(any::<u8>(), 0..512)) {
        uplink::fuzz::fuzz(&data);
    }

    #[test]
    fn near_settings_are_wishes_or_an_error(data in nearly()) {
        uplink::fuzz::fuzz(&data);
    }
}
