// SPDX-License-Identifier: BSD-3-Clause
//! Tables and clusters.

use std::{cell::RefCell, format, string::String, vec, vec::Vec};

use block::{BlockRead, ReadError};

use super::{CLUSTER, Damage, Image, L1, L2, inconsistent, range, refused, truncated};
use crate::Qcow2;

#[test]
fn tables_are_refused() {
    let entry = |cluster: usize| format!("L2 entry at byte {}", L2 + cluster * 8);
    let cases: [(usize, String, Damage); 11] = [
        (0, range("L1 entry at byte 512", L2 as u64 | 1), |i| i.long(L1, L2 as u64 | 1)),
        (0, range("L1 entry at byte 512", 1 << 62), |i| i.long(L1, 1 << 62)),
        (0, truncated("L2 table at byte 512", 4096), |i| i.long(L1, 4096)),
        (0, truncated("L2 table at byte 512", 0xff_ffff_ffff_fe00), |i| i.long(L1, 0xff_ffff_ffff_fe00)),
        (1, range(&entry(1), (5 << 9) | 2), |i| i.long(L2 + 8, (5 << 9) | 2)),
        (1, range(&entry(1), 1 << 61), |i| i.long(L2 + 8, 1 << 61)),
        (1, truncated("data cluster at byte 1032", 4096 + 7), |i| i.long(L2 + 8, 4096)),
        (1, truncated("data cluster at byte 1032", 0xff_ffff_ffff_fe07), |i| {
            i.long(L2 + 8, 0xff_ffff_ffff_fe00);
        }),
        (1, truncated("data cluster at byte 1032", 2567), |i| i.0.truncate(2600)),
        (3, range(&entry(3), 1), |i| i.word(4, 2)),
        (4, truncated("compressed cluster at byte 1056", 4096), |i| i.long(L2 + 32, (1 << 62) | 4096)),
    ];
    for (cluster, message, damage) in cases {
        assert_eq!(refused(Image::sound(), cluster, damage), message);
    }
    // With clusters of 1 KiB, the offsets of tables and clusters are multiples of it.
    let unaligned = |image: &mut Image| {
        image.word(20, 10);
        image.long(40, 1024);
        image.long(1024, 512);
    };
    assert_eq!(refused(Image::sound(), 0, unaligned), range("L1 entry at byte 1024", 512));
}

#[test]
fn damaged_compressed_data_is_refused() {
    let place = format!("compressed cluster at byte {}", 6 * CLUSTER + 20);
    let data = |found: u64| {
        format!("E-FS-QCOW2-DATA qcow2: {place}: the compressed data is damaged (found {found:#x})")
    };
    let at = 6 * CLUSTER + 20;
    let half = miniz_oxide::deflate::compress_to_vec(&[b'z'; CLUSTER / 2], 6);
    // The reserved type of block, a cluster cut in half, data that ends with the file, a cluster and more.
    assert_eq!(refused(Image::sound(), 4, |i| i.put(at, &[0xff])), data(0));
    assert_eq!(refused(Image::sound(), 4, |i| i.put(at, &half)), truncated(&place, 256));
    assert_eq!(refused(Image::sound(), 4, |i| i.0.truncate(at + 1)), truncated(&place, 0));
    let long = miniz_oxide::deflate::compress_to_vec(&[b'z'; CLUSTER + 1], 6);
    let mut image = Image::sound();
    image.put(at, &long);
    assert_eq!(image.read(4), Ok(b'z'), "as QEMU does");
    let zstd = |damage: Damage| refused(Image::sound().with_zstd(), 4, damage);
    assert_eq!(zstd(|i| i.0[6 * CLUSTER + 20] = 0), data(0));
    assert_eq!(zstd(|i| i.0[6 * CLUSTER + 27] = 7), data(0), "the reserved type of block");
    assert_eq!(zstd(|i| i.0.truncate(6 * CLUSTER + 30)), data(0));
    // 511 bytes in the block, then in the frame as well: nothing follows.
    assert_eq!(zstd(|i| i.put(6 * CLUSTER + 27, &[0xfb, 0x0f])), inconsistent(&place, 511));
    let short = |i: &mut Image| {
        i.put(6 * CLUSTER + 25, &[0xff, 0, 0xfb, 0x0f]);
        i.0.truncate(6 * CLUSTER + 31);
    };
    assert_eq!(zstd(short), truncated(&place, 511));
    // A checksum that is not that of the content: the flag in the header, then four bytes.
    let checksum = zstd(|i| {
        i.put(6 * CLUSTER + 24, &[0x64]);
        i.put(6 * CLUSTER + 31, &[0; 4]);
    });
    assert!(checksum.starts_with("E-FS-QCOW2-CSUM") && checksum.ends_with("(found 0x0)"), "{checksum}");
    // Frames without content, more of them than any encoder makes.
    let frames = |i: &mut Image| i.put(6 * CLUSTER + 20, &[0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0].repeat(16));
    assert_eq!(zstd(frames), data(0));
    // A window of 1 MiB and no size; 20 blocks of a byte each and the rest in one.
    let blocks = |i: &mut Image| {
        let frame =
            [vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x50], [0x0a, 0, 0, b'x'].repeat(20), vec![0x63, 0x0f, 0, b'x']]
                .concat();
        i.put(6 * CLUSTER + 20, &frame);
    };
    assert_eq!(zstd(blocks), data(0));
    let more = |i: &mut Image| i.put(6 * CLUSTER + 25, &[1, 1, 0x0b, 0x10]);
    assert_eq!(zstd(more), inconsistent(&place, 512));
}

#[test]
fn subclusters_are_each_of_their_own_kind() {
    let disk = Qcow2::open(Image::extended().0).unwrap();
    let mut buf = vec![1; 4 * 512];
    disk.read_at(0, &mut buf).unwrap();
    assert_eq!(buf, [vec![b'd'; 512], vec![0; 1024], vec![b'd'; 512]].concat());
    let mut last = [0; 10];
    disk.read_at((16 << 10) - 10, &mut last).unwrap();
    assert_eq!(last, [b'd'; 10]);
    let (entry, bitmap) = (32 << 10, (32 << 10) + 8);
    let place = format!("subcluster allocation bitmap at byte {bitmap}");
    let cases: [(String, Damage); 5] = [
        (inconsistent(&place, (1 << 32) | 1), |i| i.long((32 << 10) + 8, (1 << 32) | 1)),
        (inconsistent(&place, (2 << 32) | 0xffff_fff9), |i| i.long(32 << 10, 0)),
        (range(&format!("L2 entry at byte {entry}"), (48 << 10) | 1), |i| i.long(32 << 10, (48 << 10) | 1)),
        (inconsistent(&place, (2 << 32) | 0xffff_fff9), |i| i.long(32 << 10, (1 << 62) | 20)),
        // The file ends before the last byte that is read of a subcluster.
        (truncated(&format!("data cluster at byte {entry}"), (48 << 10) + 7), |i| {
            i.0.truncate((48 << 10) + 106)
        }),
    ];
    for (message, damage) in cases {
        assert_eq!(refused(Image::extended(), 0, damage), message);
    }
}

/// Notes where it is read.
struct Noting(Vec<u8>, RefCell<Vec<(u64, usize)>>);

impl BlockRead for Noting {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.1.borrow_mut().push((offset, buf.len()));
        self.0.read_at(offset, buf)
    }
}

#[test]
fn clusters_side_by_side_are_one_read() {
    // Two tables that continue each other: the last clusters of the first, the first of the second.
    let mut image = Image::sound();
    image.0.resize(8 * CLUSTER + 16 * CLUSTER, b'x');
    image.long(L1 + 8, 7 * CLUSTER as u64);
    image.put(7 * CLUSTER, &[0; CLUSTER]);
    for number in 0..8 {
        image.long(L2 + (56 + number) * 8, (8 + number as u64) << 9);
        image.long(7 * CLUSTER + number * 8, (16 + number as u64) << 9);
    }
    let device = Noting(image.0, RefCell::default());
    let disk = Qcow2::open(&device).unwrap();
    let mut buf = vec![0; 16 * CLUSTER - 200];
    disk.read_at(0, &mut buf[..1]).unwrap();
    device.1.borrow_mut().clear();
    disk.read_at(56 * CLUSTER as u64 + 100, &mut buf).unwrap();
    assert_eq!(*device.1.borrow(), [(8 * CLUSTER as u64 + 100, 16 * CLUSTER - 200)]);
    assert!(buf.iter().all(|byte| *byte == b'x'));
}
