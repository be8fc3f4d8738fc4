// SPDX-License-Identifier: BSD-3-Clause
//! Any bytes are read or refused.

use proptest::prelude::*;

proptest! {
    #[test]
    fn any_bytes_give_a_value_or_an_error(data in proptest::collection::vec(any::<u8>(), 0..64)) {
        raid::fuzz::fuzz(&data);
    }

    #[test]
    fn any_version_is_read(version: u32) {
        let data = [&b"RAID"[..], &version.to_le_bytes()].concat();
        raid::fuzz::fuzz(&data);
        prop_assert_eq!(raid::Header::parse(&data), Ok(raid::Header { version }));
    }
}
