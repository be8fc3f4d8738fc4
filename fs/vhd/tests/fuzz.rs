// SPDX-License-Identifier: BSD-3-Clause
//! Any bytes are an image or an error.

use block::BlockRead;
use proptest::prelude::*;
use vhd::Vhd;

/// Blocks of 4 KiB, of which only the second one is allocated.
const BLOCK: usize = 4096;
const END: usize = 2048 + 512 + BLOCK;

/// A field of an image: offset and bytes.
type Field = (usize, Vec<u8>);

/// A dynamic disk with two blocks, or a fixed one, with changed fields and valid checksums.
fn image(is_dynamic: bool, changes: &[Field]) -> Vec<u8> {
    let mut image = vec![0x5a; END + 512];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    let word = |value: u32| value.to_be_bytes();
    for footer in [0, END] {
        put(footer, &[0; 512]);
        put(footer, &0x636f_6e65_6374_6978u64.to_be_bytes());
        let (kind, size) = if is_dynamic { (3, 2 * BLOCK) } else { (2, END) };
        for (at, value) in [(12, 0x1_0000), (20, 512), (52, size as u32), (60, kind)] {
            put(footer + at, &word(value));
        }
    }
    put(512, &[0; 1536]);
    put(512, b"cxsparse");
    for (at, value) in [(20, 1536), (24, 0x1_0000), (28, 2), (32, BLOCK as u32)] {
        put(512 + at, &word(value));
    }
    put(1536, &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 4]);
    put(2048, &[0b0101_1011]);
    changes.iter().for_each(|(at, bytes)| put(*at, bytes));
    for (start, length, field) in [(0, 512, 64), (END, 512, 64), (512, 1024, 36)] {
        image[start + field..start + field + 4].fill(0);
        let sum: u32 = image[start..start + length].iter().map(|byte| u32::from(*byte)).sum();
        image[start + field..start + field + 4].copy_from_slice(&word(!sum));
    }
    image
}

/// Fields that are read, with a few bytes of any value.
fn field() -> impl Strategy<Value = Field> {
    let footer = [12, 16, 20, 48, 52, 60];
    let header = [528, 532, 536, 540, 544];
    let table = [1536, 1540, 2048, 2052];
    let places: Vec<usize> = footer.iter().map(|at| END + at).chain(header).chain(table).collect();
    let value = prop_oneof![any::<[u8; 4]>(), (0..64u32).prop_map(u32::to_be_bytes)];
    (prop::sample::select(places), value.prop_map(Vec::from))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
        vhd::fuzz::fuzz(&bytes);
    }

    #[test]
    fn of_changed_fields(
        is_dynamic: bool,
        changes in prop::collection::vec(field(), 0..4),
        cut in prop::option::weighted(0.1, 0..END + 512),
    ) {
        let mut image = image(is_dynamic, &changes);
        image.truncate(cut.unwrap_or(image.len()));
        vhd::fuzz::fuzz(&image);
    }
}

#[test]
fn the_unchanged_images_are_sound() {
    for (is_dynamic, size) in [(true, 2 * BLOCK), (false, END)] {
        let disk = Vhd::open(image(is_dynamic, &[])).unwrap();
        let mut bytes = vec![0; size];
        disk.read_at(0, &mut bytes).unwrap();
        assert_eq!(disk.warning(), None);
        assert!(bytes[size - 512..] == [0x5a; 512]);
    }
}
