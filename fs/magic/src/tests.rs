// SPDX-License-Identifier: BSD-3-Clause
//! Which signature wins, and where the device ends.

use std::{cell::Cell, vec, vec::Vec};

use super::*;

fn device(size: usize, parts: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; size];
    for (at, part) in parts {
        bytes[*at..][..part.len()].copy_from_slice(part);
    }
    bytes
}

fn title(device: &[u8]) -> Option<&'static str> {
    identify(&device).unwrap().map(|found| found.title)
}

const XFS: (usize, &[u8]) = (0, b"XFSB");
const BTRFS: (usize, &[u8]) = (0x10040, b"_BHRfS_M");
const LUKS1: (usize, &[u8]) = (0, b"LUKS\xba\xbe\0\x01");

#[test]
fn a_container_wins_over_what_stood_there_before() {
    assert_eq!(title(&device(1 << 20, &[LUKS1, BTRFS])), Some("LUKS1 container"));
    let size = 1 << 20;
    let md_1_0 = [(size - 8192, &b"\xfc\x4e\x2b\xa9\x01\0\0\0"[..]), (size - 8192 + 144, &[0xf0, 0x07])];
    assert_eq!(title(&device(size, &[md_1_0[0], md_1_0[1], XFS])), Some("Linux md member"));
    assert_eq!(
        title(&device(size, &[md_1_0[0], XFS])),
        Some("XFS"),
        "a superblock that says it stands elsewhere"
    );
}

#[test]
fn the_first_filesystem_of_the_table_wins() {
    assert_eq!(title(&device(1 << 20, &[XFS, BTRFS])), Some("XFS"));
}

#[test]
fn a_signature_past_the_end_does_not_match() {
    let whole = device(0x10048, &[BTRFS]);
    assert_eq!(title(&whole), Some("Btrfs"));
    assert_eq!(title(&whole[..0x10047]), None);
    for size in 0..64 {
        assert_eq!(title(&vec![0xff; size]), None);
    }
}

#[test]
fn old_and_new_squashfs_differ_by_version() {
    let image = |magic, version| device(4096, &[(0, magic), (28, version)]);
    assert_eq!(title(&image(b"hsqs", &[4, 0])), Some("SquashFS"));
    assert_eq!(title(&image(b"hsqs", &[3, 0])), Some("SquashFS of a version before 4"));
    assert_eq!(title(&image(b"sqsh", &[0, 3])), Some("SquashFS of a version before 4"));
    assert_eq!(title(&image(b"sqsh", &[0, 4])), None);
}

#[test]
fn a_boot_sector_alone_is_no_fat() {
    let mut sector = device(512, &[(0x1fe, &[0x55, 0xaa])]);
    assert_eq!(title(&sector), None, "an MBR");
    // 2 MiB: sectors of 512 bytes, 4 of them in a cluster, 1 reserved, 2 tables, 512 entries of the root.
    sector[11..24].copy_from_slice(&[0, 2, 4, 1, 0, 2, 0, 2, 0, 0x10, 0xf8, 3, 0]);
    assert_eq!(title(&sector), Some("FAT"));
    sector[0x36..0x3e].copy_from_slice(b"HPFS    ");
    assert_eq!(title(&sector), None);
    sector[0x36..0x3e].copy_from_slice(b"FAT12   ");
    assert_eq!(title(&sector), Some("FAT"));
    for (field, value) in [(12, 3), (13, 3), (14, 0), (16, 0), (21, 0x12), (22, 0x7f)] {
        let mut broken = sector.clone();
        broken[field] = value;
        broken[field + 1] = if field == 22 { 0xff } else { broken[field + 1] };
        assert_eq!(title(&broken), None, "byte {field}");
    }
}

#[test]
fn blank_is_zero_at_both_ends_and_here_and_there_between() {
    let mib = 1024 * 1024;
    assert!(is_blank(&Vec::new()).unwrap() && is_blank(&vec![0; 5000]).unwrap());
    let blank = |at: usize| is_blank(&device(4 * mib, &[(at, &[1])])).unwrap();
    // Between, 4 KiB at the start of each of 256 parts are looked at.
    assert!(!blank(mib) && !blank(2 * mib + 4095) && blank(mib + 4096) && blank(3 * mib - 1));
    assert!(!blank(0) && !blank(mib - 1) && !blank(3 * mib) && !blank(4 * mib - 1));
    assert!(!is_blank(&device(5000, &[(4999, &[1])])).unwrap());
}

struct Failing;

impl BlockRead for Failing {
    fn size(&self) -> u64 {
        1 << 30
    }

    fn read_at(&self, offset: u64, _: &mut [u8]) -> Result<(), ReadError> {
        Err(ReadError::reading(offset, "unplugged"))
    }
}

#[test]
fn a_device_that_fails_is_an_error_and_not_unknown() {
    assert!(identify(&Failing).is_err());
    assert!(is_blank(&Failing).is_err());
}

/// A device of one byte value, which counts the bytes that are read.
struct Counting(u8, Cell<usize>);

impl BlockRead for Counting {
    fn size(&self) -> u64 {
        1 << 40
    }

    fn read_at(&self, _: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        buf.fill(self.0);
        self.1.set(self.1.get() + buf.len());
        Ok(())
    }
}

#[test]
fn a_few_bytes_are_read_of_a_device_without_a_signature() {
    for byte in [0, 1, 0xff] {
        let device = Counting(byte, Cell::new(0));
        assert_eq!(identify(&device).unwrap(), None);
        assert!(device.1.get() < 4096, "{} bytes", device.1.get());
    }
}
