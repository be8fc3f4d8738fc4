// SPDX-License-Identifier: BSD-3-Clause
//! Properties that hold for any bytes.

use efi::{log, smbios, text, varstore};
use proptest::prelude::*;

/// A sound volume whose store starts with these records.
fn volume(records: &[u8]) -> Vec<u8> {
    let mut volume = vec![0; 16];
    volume.extend(0xfff1_2b8d_u32.to_le_bytes());
    volume.extend([0x96, 0x76, 0x8b, 0x4c, 0xa9, 0x85, 0x27, 0x47, 7, 0x5b, 0x4f, 0x50]);
    volume.extend(4096u64.to_le_bytes());
    volume.extend(b"_FVH\xff\xfe\x04\0\x38\0\0\0\0\0\0\x02");
    let words = volume.as_chunks::<2>().0;
    let sum = words.iter().fold(0u16, |sum, word| sum.wrapping_sub(u16::from_le_bytes(*word)));
    volume[50..52].copy_from_slice(&sum.to_le_bytes());
    volume.extend(0xaaf3_2c78_u32.to_le_bytes());
    volume.extend([0x7b, 0x94, 0x9a, 0x43, 0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92]);
    volume.extend([0xc8, 0x0f, 0, 0, 0x5a, 0xfe, 0, 0, 0, 0, 0, 0]);
    volume.extend(records);
    volume.resize(4096, 0xff);
    volume
}

/// A record as the firmware writes it.
fn record(name: &str, data: &[u8]) -> Vec<u8> {
    let name = text::encode(name);
    let mut record = b"\xaa\x55\x3f\0\x07\0\0\0".to_vec();
    record.extend([0; 28]);
    for part in [name.as_slice(), data] {
        record.extend(u32::try_from(part.len()).unwrap().to_le_bytes());
    }
    record.extend([1; 16]);
    record.extend([name.as_slice(), data].concat());
    record.resize(record.len().next_multiple_of(4), 0xff);
    record
}

proptest! {
    #[test]
    fn a_variable_comes_back(name in "[^\0]{1,20}", data: Vec<u8>) {
        let variables = varstore::read(&volume(&record(&name, &data))).unwrap();
        prop_assert_eq!(variables.len(), 1);
        prop_assert_eq!((&variables[0].name, &variables[0].data), (&name, &data));
    }

    #[test]
    fn any_bytes_of_a_store_end(records: Vec<u8>, at: usize, byte: u8) {
        let mut whole = record("a", &records);
        let at = at % whole.len();
        whole[at] = byte;
        let variables = varstore::read(&volume(&[whole, records].concat()));
        prop_assert!(variables.map_or(0, |variables| variables.len()) <= 60);
    }

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
