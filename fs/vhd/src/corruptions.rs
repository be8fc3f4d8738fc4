// SPDX-License-Identifier: BSD-3-Clause
//! Tests: what each check refuses, on images made by hand.

use std::{format, rc::Rc, string::String, vec, vec::Vec};

use block::{BlockRead, ReadError};

use crate::{Kind, Vhd, checksum, footer, probe};

/// What is done to an image, before its checksums are made right.
type Damage = fn(&mut Image);

const HEADER: usize = 512;
const BAT: usize = 1536;
const BLOCK: usize = 4096;
/// Block 0 of the disk: bitmap, then data. Block 1 is not there; block 2 is only half of the disk.
const FIRST: usize = 2048;
const THIRD: usize = FIRST + 512 + BLOCK;
const END: usize = THIRD + 512 + BLOCK;
const SIZE: usize = 2 * BLOCK + BLOCK / 2;

/// An image to be damaged.
#[derive(Clone)]
struct Image(Vec<u8>);

impl Image {
    /// Blocks of 8 sectors; of block 0, sectors 2 and 3 were never written.
    fn dynamic() -> Self {
        let mut image = Self(vec![0; END + 512]);
        image.put(FIRST, &[0b1100_1111]);
        image.put(FIRST + 512, &[b'a'; BLOCK]);
        image.put(THIRD, &[0xff]);
        image.put(THIRD + 512, &[b'c'; BLOCK]);
        image.word(BAT, (FIRST / 512) as u32);
        image.word(BAT + 4, u32::MAX);
        image.word(BAT + 8, (THIRD / 512) as u32);
        image.put(HEADER, b"cxsparse");
        for (at, value) in [(20, BAT as u32), (24, 0x1_0000), (28, 3), (32, BLOCK as u32)] {
            image.word(HEADER + at, value);
        }
        image.footer(0, 3, SIZE);
        image.footer(END, 3, SIZE);
        image.sealed()
    }

    fn fixed() -> Self {
        let mut image = Self(vec![b'f'; SIZE + 512]);
        image.put(SIZE, &[0; 512]);
        image.footer(SIZE, 2, SIZE);
        image.sealed()
    }

    fn footer(&mut self, at: usize, kind: u32, size: usize) {
        self.put(at, &footer::COOKIE.to_be_bytes());
        for (field, value) in [(12, 0x1_0000), (20, HEADER as u32), (52, size as u32), (60, kind)] {
            self.word(at + field, value);
        }
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn word(&mut self, at: usize, value: u32) {
        self.put(at, &value.to_be_bytes());
    }

    /// Makes the checksums right.
    fn sealed(mut self) -> Self {
        for (at, length, field) in [(0, 512, 64), (HEADER, 1024, 36), (self.0.len() - 512, 512, 64)] {
            if self.0[at..].starts_with(&footer::COOKIE.to_be_bytes())
                || self.0[at..].starts_with(b"cxsparse")
            {
                let sum = checksum(&self.0[at..at + length], field);
                self.word(at + field, sum);
            }
        }
        self
    }

    fn read(self, offset: usize, length: usize) -> Result<Vec<u8>, ReadError> {
        let mut buf = vec![1; length];
        Vhd::open(self.0)?.read_at(offset as u64, &mut buf)?;
        Ok(buf)
    }
}

fn message(error: &ReadError) -> String {
    format!("{} {error}", error.code())
}

/// Code and message of the error that reading the end of a damaged image gives.
fn refused(mut image: Image, damage: Damage) -> String {
    damage(&mut image);
    message(&image.sealed().read(2 * BLOCK, 100).unwrap_err())
}

#[test]
fn the_sound_images_are_read() {
    let wanted =
        [vec![b'a'; 1024], vec![0; 1024], vec![b'a'; 2048], vec![0; BLOCK], vec![b'c'; 2048]].concat();
    assert_eq!(Image::dynamic().read(0, SIZE), Ok(wanted.clone()));
    for (start, length) in [(1000, 30), (1030, 2000), (4095, 2), (8191, 2), (511, 1), (SIZE - 1, 1)] {
        assert_eq!(Image::dynamic().read(start, length).unwrap(), wanted[start..start + length]);
    }
    assert_eq!(Image::fixed().read(0, SIZE), Ok(vec![b'f'; SIZE]));
    for (image, kind) in [(Image::dynamic(), Kind::Dynamic), (Image::fixed(), Kind::Fixed)] {
        assert_eq!(probe(&image.0), Ok(true));
        let disk = Vhd::open(image.0).unwrap();
        assert_eq!((disk.kind(), disk.size(), disk.warning()), (kind, SIZE as u64, None));
    }
    assert_eq!(probe(&vec![0; 4096]), Ok(false));
    assert_eq!(probe(&vec![0; 511]), Ok(false));
}

#[test]
fn footers_are_refused() {
    let cases: [(&str, Damage); 6] = [
        (
            "E-FS-VHD-MAGIC VHD: footer Cookie at byte 10240: wrong magic number (found 0x636f6e656374697a)",
            |i| {
                i.put(SIZE + 7, b"z");
            },
        ),
        ("E-FS-VHD-UNSUPPORTED VHD: unsupported: footer version 2.1", |i| i.word(SIZE + 12, 0x2_0001)),
        ("E-FS-VHD-UNSUPPORTED VHD: unsupported: differencing disk", |i| i.word(SIZE + 60, 4)),
        ("E-FS-VHD-RANGE VHD: footer Disk Type at byte 10300: out of range (found 0x5)", |i| {
            i.word(SIZE + 60, 5);
        }),
        ("E-FS-VHD-TRUNCATED VHD: footer Current Size at byte 10288: truncated (found 0x2801)", |i| {
            i.word(SIZE + 52, SIZE as u32 + 1);
        }),
        ("E-FS-VHD-TRUNCATED VHD: footer Current Size at byte 10288: truncated (found 0x100002800)", |i| {
            i.word(SIZE + 48, 1);
        }),
    ];
    for (text, damage) in cases {
        assert_eq!(refused(Image::fixed(), damage), text);
    }
    let short = Vhd::open(vec![0; 511]).unwrap_err();
    assert_eq!(message(&short), "E-FS-VHD-TRUNCATED VHD: footer at byte 0: truncated (found 0x1ff)");
    let mut changed = Image::fixed();
    changed.put(SIZE + 100, &[1]);
    let text = message(&Vhd::open(changed.0).unwrap_err());
    assert!(
        text.starts_with("E-FS-VHD-CSUM VHD: footer Checksum at byte 10304: checksum mismatch"),
        "{text}"
    );
}

#[test]
fn one_of_two_footers_is_enough() {
    let cookie = "E-FS-VHD-MAGIC VHD: footer Cookie at byte";
    for (at, text) in [(END, format!("{cookie} {END}")), (0, format!("{cookie} 0"))] {
        let mut image = Image::dynamic();
        image.put(at, b"x");
        let disk = Vhd::open(image.0).unwrap();
        assert!(message(disk.warning().unwrap()).starts_with(&text), "{text}");
        disk.read_at(0, &mut [0; SIZE]).unwrap();
    }
    let mut both = Image::dynamic();
    both.put(END, b"x");
    both.put(0, b"x");
    assert!(message(&Vhd::open(both.0.clone()).unwrap_err()).starts_with(&format!("{cookie} {END}")));
    // A damaged copy says more than a footer that is not there.
    both.put(0, b"c");
    both.put(200, &[1]);
    let text = message(&Vhd::open(both.0).unwrap_err());
    assert!(text.starts_with("E-FS-VHD-CSUM VHD: footer Checksum at byte 64"), "{text}");
    let mut other = Image::dynamic();
    other.word(52, 512);
    let disk = Vhd::open(other.sealed().0).unwrap();
    assert_eq!(disk.size(), SIZE as u64);
    let text = message(disk.warning().unwrap());
    assert_eq!(
        text,
        "E-FS-VHD-INCONSISTENT VHD: copy of the footer at byte 0: contradicts another field (found 0x200)"
    );
    // The first sector of a fixed disk is its own, whatever stands there.
    let mut nested = Image::fixed();
    nested.footer(0, 2, 0);
    nested.put(SIZE, b"x");
    assert!(message(&Vhd::open(nested.sealed().0).unwrap_err()).starts_with(&format!("{cookie} {SIZE}")));
}

#[test]
fn headers_are_refused() {
    let header = "dynamic disk header";
    let end = (END + 512) as u64;
    let cases: [(String, Damage); 8] = [
        (format!("RANGE VHD: footer Data Offset at byte 16: out of range (found {:#x})", end - 1023), |i| {
            i.word(20, (END + 512 - 1023) as u32);
            i.word(END + 20, (END + 512 - 1023) as u32);
        }),
        (
            format!("MAGIC VHD: {header} Cookie at byte 512: wrong magic number (found 0x63787370617273ff)"),
            |i| {
                i.put(HEADER + 7, &[0xff]);
            },
        ),
        (format!("UNSUPPORTED VHD: unsupported: {header} version 0.7"), |i| i.word(HEADER + 24, 7)),
        (format!("RANGE VHD: {header} Block Size at byte 544: out of range (found 0x100)"), |i| {
            i.word(HEADER + 32, 256);
        }),
        (format!("RANGE VHD: {header} Block Size at byte 544: out of range (found 0x1800)"), |i| {
            i.word(HEADER + 32, 6144);
        }),
        (
            format!(
                "INCONSISTENT VHD: {header} Max Table Entries at byte 540: contradicts another field (found 0x2)"
            ),
            |i| i.word(HEADER + 28, 2),
        ),
        (
            format!("RANGE VHD: {header} Table Offset at byte 528: out of range (found {:#x})", end - 11),
            |i| {
                i.word(HEADER + 20, (END + 512 - 11) as u32);
            },
        ),
        (
            format!("RANGE VHD: {header} Table Offset at byte 528: out of range (found 0xffffffff00000600)"),
            |i| i.word(HEADER + 16, u32::MAX),
        ),
    ];
    for (text, damage) in cases {
        assert_eq!(refused(Image::dynamic(), damage), format!("E-FS-VHD-{text}"));
    }
    let mut changed = Image::dynamic();
    changed.put(HEADER + 100, &[1]);
    let text = message(&Vhd::open(changed.0).unwrap_err());
    assert!(text.starts_with("E-FS-VHD-CSUM VHD: dynamic disk header Checksum at byte 548"), "{text}");
}

#[test]
fn blocks_are_refused() {
    let entry = BAT + 8;
    let cases: [(String, Damage); 4] = [
        (format!("RANGE VHD: BAT entry at byte {entry}: out of range (found 0x0)"), |i| i.word(BAT + 8, 0)),
        // The bitmap ends with the device, or one sector behind it.
        (format!("TRUNCATED VHD: block at byte {entry}: truncated (found {:#x})", END + 512), |i| {
            i.put(END, &[0xff]);
            i.word(BAT + 8, (END / 512) as u32);
        }),
        (format!("RANGE VHD: BAT entry at byte {entry}: out of range (found 0x17)"), |i| {
            i.word(BAT + 8, (END / 512) as u32 + 1);
        }),
        (format!("RANGE VHD: BAT entry at byte {entry}: out of range (found 0xfffffffe)"), |i| {
            i.word(BAT + 8, u32::MAX - 1);
        }),
    ];
    for (text, damage) in cases {
        let mut image = Image::dynamic();
        damage(&mut image);
        // Not sealed: the footer at the end may be damaged, its copy is there.
        let error = image.read(2 * BLOCK, 100).unwrap_err();
        assert_eq!(message(&error), format!("E-FS-VHD-{text}"));
    }
}

#[test]
fn as_a_device_it_ends_where_the_disk_ends_and_says_what_is_wrong() {
    let mut image = Image::dynamic();
    image.word(BAT, 0);
    let disk: Rc<dyn BlockRead> = Rc::new(Vhd::open(image.0).unwrap());
    assert!(matches!(disk.read_at(SIZE as u64 - 1, &mut [0; 2]), Err(ReadError::OutOfBounds { .. })));
    disk.read_at(SIZE as u64, &mut []).unwrap();
    let error = disk.read_at(600, &mut [0; 2]).unwrap_err();
    let text = "VHD: BAT entry at byte 1536: out of range (found 0x0)";
    assert_eq!(format!("{error}"), text);
    assert_eq!(error.code(), "E-FS-VHD-RANGE");
}
