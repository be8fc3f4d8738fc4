// SPDX-License-Identifier: BSD-3-Clause
//! Properties that hold for any bytes.

use efi::{log, smbios, text};
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_bytes_end(data: Vec<u8>) {
        efi::fuzz::fuzz(&data);
    }

    #[test]
    fn a_text_without_nul_comes_back(value in "[^\0]{0,40}") {
        prop_assert_eq!(text::decode(&text::encode(&value)), value);
    }

    #[test]
    fn a_damaged_table_yields_no_more_structures(at in 0usize..60, byte: u8) {
        let mut table = [&[11, 5, 0, 2, 2][..], b"cloudboot:a=1\0cloudboot:b=2\0\0", &[127, 4, 0, 4, 0, 0]].concat();
        let at = at % table.len();
        table[at] = byte;
        prop_assert!(smbios::structures(&table).count() <= table.len() / 6);
        prop_assert!(smbios::settings(&table).count() <= 4);
    }

    #[test]
    fn a_log_has_its_limit(lines in proptest::collection::vec(".{0,300}", 0..60)) {
        let lines: Vec<(u64, &str)> = lines.iter().map(|line| (7, line.as_str())).collect();
        prop_assert!(log::write("1", "riscv64", Some("x"), &lines).len() <= log::LONGEST);
    }
}
