// SPDX-License-Identifier: BSD-3-Clause
//! Any bytes are read or refused.

use proptest::prelude::*;

proptest! {
    #[test]
    fn any_bytes_give_a_value_or_an_error(data in proptest::collection::vec(any::<u8>(), 0..64)) {
        xfs::fuzz::fuzz(&data);
    }

    #[test]
    fn any_version_is_read(version: u32) {
        let data = [&b"XFS\0"[..], &version.to_le_bytes()].concat();
        xfs::fuzz::fuzz(&data);
        prop_assert_eq!(xfs::Header::parse(&data), Ok(xfs::Header { version }));
    }
}
