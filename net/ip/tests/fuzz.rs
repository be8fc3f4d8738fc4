// SPDX-License-Identifier: BSD-3-Clause
//! Any bytes are read or refused, whatever they begin with.

use proptest::prelude::*;

/// The fixed part of a DHCP reply for an Ethernet card, up to its options.
fn dhcp_header() -> Vec<u8> {
    let mut header = vec![2, 1, 6, 0, 0, 0, 0, 1];
    header.resize(16, 0);
    header.extend([10, 0, 0, 9]);
    header.resize(236, 0);
    header.extend([99, 130, 83, 99, 53, 1, 5, 54, 4, 10, 0, 0, 1]);
    header
}

/// An answer to a query about the root, with `count` records.
fn dns_header(count: u8) -> Vec<u8> {
    vec![0, 1, 0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 0, 0, 0, 1, 0, 1]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn any_bytes(data: Vec<u8>) {
        ip::fuzz::fuzz(&data);
    }

    #[test]
    fn any_text(text: String) {
        ip::fuzz::fuzz(text.as_bytes());
    }

    #[test]
    fn any_address_like_text(text in "[0-9a-f:.,/\\[\\]]{0,40}") {
        ip::fuzz::fuzz(text.as_bytes());
    }

    #[test]
    fn any_options_of_a_dhcp_reply(
        options in proptest::collection::vec((0u8.., proptest::collection::vec(0u8.., 0..40)), 0..20),
        rest in proptest::collection::vec(0u8.., 0..8),
    ) {
        let mut data = dhcp_header();
        for (code, value) in options {
            data.extend([code, value.len() as u8]);
            data.extend(value);
        }
        data.extend(rest);
        ip::fuzz::fuzz(&data);
    }

    #[test]
    fn any_records_of_a_dns_answer(
        records in proptest::collection::vec(
            (0u8..32, proptest::sample::select(vec![1u8, 5, 28, 33, 41]), proptest::collection::vec(0u8.., 0..24)),
            0..12,
        ),
        rest in proptest::collection::vec(0u8.., 0..8),
    ) {
        let mut data = dns_header(records.len() as u8);
        for (pointer, kind, value) in records {
            data.extend([0xc0, pointer, 0, kind, 0, 1, 0, 0, 0, 9, 0, value.len() as u8]);
            data.extend(value);
        }
        data.extend(rest);
        ip::fuzz::fuzz(&data);
    }
}
