// SPDX-License-Identifier: BSD-3-Clause
//! Any bytes have a name or none.

use magic::fuzz::fuzz;
use proptest::prelude::*;

/// Large enough for the locations of most signatures.
const SIZE: usize = 640 * 1024;

/// Magic numbers whose structures are checked further, with their offsets.
const MAGICS: &[(usize, &[u8])] = &[
    (SIZE - 0x10000, b"\xfc\x4e\x2b\xa9"),
    (4096, b"\xfc\x4e\x2b\xa9\x01\0\0\0"),
    (512, b"LABELONE"),
    (0, b"\xeb\x58\x90-FVE-FS-"),
    (0x36, b"FAT16   "),
    (0x438, b"\x53\xef"),
    (0x8001, b"BEA01"),
    (16 * 1024, b"\x01\x01"),
    (16 * 1024 + 20, b"\0\0\0\x07version"),
    (1024, b"BD"),
    (1024 + 16, b"\x7f\x13"),
    (1024 + 24, b"\x5a\x4d"),
];

proptest! {
    #[test]
    fn any_bytes(data in prop::collection::vec(any::<u8>(), 0..4096)) {
        fuzz(&data);
    }

    // Around a magic number, so that the fields after it are read.
    #[test]
    fn any_bytes_behind_a_magic_number(
        index in 0..MAGICS.len(),
        noise in prop::collection::vec(any::<u8>(), 512),
        before in 0..128usize,
        length in 0..SIZE,
        is_cut: bool,
    ) {
        let (at, magic) = MAGICS[index];
        let mut device = vec![0; SIZE];
        let start = at.saturating_sub(before);
        device[start..][..noise.len()].copy_from_slice(&noise);
        device[at..][..magic.len()].copy_from_slice(magic);
        device.truncate(if is_cut { length } else { SIZE });
        fuzz(&device);
    }
}
