// SPDX-License-Identifier: BSD-3-Clause
//! Tests: what each check refuses, on images made by hand.

mod clusters;

use std::{format, rc::Rc, string::String, vec, vec::Vec};

use block::{BlockRead, ReadError};

use crate::{Compression, Qcow2, probe};

/// What is done to an image.
type Damage = fn(&mut Image);

const CLUSTER: usize = 512;
const L1: usize = CLUSTER;
const L2: usize = 2 * CLUSTER;
/// Of the disk: two L2 tables' worth, the second of which is not there.
const SIZE: usize = 128 * CLUSTER;

/// An image to be damaged.
#[derive(Clone)]
struct Image(Vec<u8>);

impl Image {
    /// Clusters of 512 bytes, those of the disk: 0 and 1 side by side, 2 before them, 3 zeros, 4 with deflated
    /// data, 5 not there.
    fn sound() -> Self {
        let mut image = Self(vec![0; 8 * CLUSTER]);
        image.put(0, b"QFI\xfb");
        for (at, value) in [(4, 3), (20, 9), (36, 2), (96, 4), (100, 104)] {
            image.word(at, value);
        }
        image.long(24, SIZE as u64);
        image.long(40, L1 as u64);
        image.long(L1, L2 as u64 | 1 << 63);
        for (index, entry) in [4 << 9, 5 << 9, 3 << 9, 1, (1 << 62) | (6 * 512 + 20)].into_iter().enumerate()
        {
            image.long(L2 + index * 8, entry);
        }
        for (cluster, byte) in [(3, b'c'), (4, b'a'), (5, b'b')] {
            image.put(cluster * CLUSTER, &[byte; CLUSTER]);
        }
        image.put(6 * CLUSTER + 20, &miniz_oxide::deflate::compress_to_vec(&[b'z'; CLUSTER], 6));
        image
    }

    /// Clusters of 16 KiB with subclusters of 512 bytes: 0 is allocated, 1 zeros, 2 not there, all others
    /// allocated. The tables stand in clusters 1 and 2, the disk's only one is cluster 3.
    fn extended() -> Self {
        let cluster = 16 << 10;
        let mut image = Self(vec![b'd'; 4 * cluster]);
        image.put(0, &vec![0; 3 * cluster]);
        image.put(0, &Self::sound().0[..104]);
        image.word(20, 14);
        image.word(36, 1);
        image.long(24, cluster as u64);
        image.long(40, cluster as u64);
        image.long(72, 1 << 4);
        image.long(cluster, 2 * cluster as u64);
        image.long(2 * cluster, 3 * cluster as u64);
        image.long(2 * cluster + 8, (2 << 32) | 0xffff_fff9);
        image
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn word(&mut self, at: usize, value: u32) {
        self.put(at, &value.to_be_bytes());
    }

    fn long(&mut self, at: usize, value: u64) {
        self.put(at, &value.to_be_bytes());
    }

    /// A name of a backing file, and its format in an extension.
    fn with_backing(mut self) -> Self {
        self.word(104, 0xe279_2aca);
        self.word(108, 3);
        self.put(112, b"raw");
        self.long(8, 200);
        self.word(16, 6);
        self.put(200, b"base\xff\n");
        self
    }

    /// A frame of one block that repeats a byte, instead of deflated data.
    fn with_zstd(mut self) -> Self {
        self.long(72, 1 << 3);
        self.word(100, 112);
        self.put(104, &[1]);
        // RFC 8878: magic number, single segment with a size of 2 bytes (less 256), last block, RLE.
        self.put(6 * CLUSTER + 20, &[0x28, 0xb5, 0x2f, 0xfd, 0x60, 0, 1, 3, 0x10, 0, b'q']);
        self
    }

    fn read(self, cluster: usize) -> Result<u8, ReadError> {
        let disk = Qcow2::open(self.0)?;
        let mut buf = [0; 100];
        disk.read_at((cluster * CLUSTER + 7) as u64, &mut buf)?;
        assert_eq!(buf, [buf[0]; 100]);
        Ok(buf[0])
    }
}

/// Code and message of the error that reading a cluster of a damaged image gives.
fn refused(mut image: Image, cluster: usize, damage: impl Fn(&mut Image)) -> String {
    damage(&mut image);
    let error = image.read(cluster).unwrap_err();
    format!("{} {error}", error.code())
}

fn range(what: &str, found: u64) -> String {
    format!("E-FS-QCOW2-RANGE qcow2: {what}: out of range (found {found:#x})")
}

fn truncated(what: &str, found: u64) -> String {
    format!("E-FS-QCOW2-TRUNCATED qcow2: {what}: truncated (found {found:#x})")
}

fn inconsistent(what: &str, found: u64) -> String {
    format!("E-FS-QCOW2-INCONSISTENT qcow2: {what}: contradicts another field (found {found:#x})")
}

fn unsupported(what: &str) -> String {
    format!("E-FS-QCOW2-UNSUPPORTED qcow2: unsupported: {what}")
}

#[test]
fn the_sound_image_is_read() {
    for (cluster, byte) in [b'a', b'b', b'c', 0, b'z', 0].into_iter().enumerate() {
        assert_eq!(Image::sound().read(cluster), Ok(byte));
    }
    assert_eq!(Image::sound().read(100), Ok(0), "without an L2 table");
    assert_eq!(Image::sound().with_zstd().read(4), Ok(b'q'));
    assert_eq!(probe(&Image::sound().0), Ok(true));
    assert_eq!(probe(&Image::sound().0[1..]), Ok(false));
    assert_eq!(probe(&vec![b'Q'; 3]), Ok(false));
    let mut old = Image::sound();
    old.word(4, 2);
    // What version 3 has there means nothing in version 2.
    old.long(72, u64::MAX);
    assert_eq!(old.read(1), Ok(b'b'));
    let mut dirty = Image::sound();
    dirty.long(72, 1);
    assert_eq!(dirty.read(1), Ok(b'b'), "reference counts are not needed");
}

#[test]
fn headers_are_refused() {
    let header = |damage: Damage| refused(Image::sound(), 0, damage);
    let field = |name: &str, at: usize| format!("QCowHeader.{name} at byte {at}");
    let cases: [(String, Damage); 19] = [
        (truncated("QCowHeader at byte 0", 71), |i| i.0.truncate(71)),
        (truncated(&field("header_length", 100), 103), |i| i.0.truncate(103)),
        (unsupported("version 1"), |i| i.word(4, 1)),
        (range(&field("header_length", 100), 96), |i| i.word(100, 96)),
        (range(&field("header_length", 100), 109), |i| i.word(100, 109)),
        (range(&field("header_length", 100), 520), |i| i.word(100, 520)),
        (range(&field("cluster_bits", 20), 8), |i| i.word(20, 8)),
        (range(&field("cluster_bits", 20), 22), |i| i.word(20, 22)),
        (unsupported("AES encryption"), |i| i.word(32, 1)),
        (unsupported("LUKS encryption"), |i| i.word(32, 2)),
        (range(&field("crypt_method", 32), 3), |i| i.word(32, 3)),
        (range(&field("l1_size", 36), 0x40_0001), |i| i.word(36, 0x40_0001)),
        (inconsistent(&field("size", 24), SIZE as u64 + 1), |i| i.long(24, SIZE as u64 + 1)),
        (inconsistent(&field("size", 24), u64::MAX), |i| i.long(24, u64::MAX)),
        (range(&field("l1_table_offset", 40), 0), |i| i.long(40, 0)),
        (range(&field("l1_table_offset", 40), 520), |i| i.long(40, 520)),
        (range(&field("l1_table_offset", 40), 4096), |i| i.long(40, 4096)),
        (range(&field("l1_table_offset", 40), !511), |i| i.long(40, !511)),
        (inconsistent(&field("cluster_bits", 20), 9), |i| i.long(72, 1 << 4)),
    ];
    for (message, damage) in cases {
        assert_eq!(header(damage), message);
    }
    let magic = "E-FS-QCOW2-MAGIC qcow2: QCowHeader.magic at byte 0: wrong magic number (found 0x514649fa)";
    assert_eq!(header(|i| i.put(3, &[0xfa])), magic);
}

#[test]
fn features_are_refused_by_name() {
    let feature = |bits: u64| move |image: &mut Image| image.long(72, bits);
    let corrupt = "corrupt bit (qemu-img check -r all may repair the image)";
    assert_eq!(refused(Image::sound(), 0, feature(3)), unsupported(corrupt));
    assert_eq!(refused(Image::sound(), 0, feature(4)), unsupported("external data file"));
    assert_eq!(refused(Image::sound(), 0, feature(1 << 40)), unsupported("incompatible feature 40"));
    // A table of two names, behind another extension; that of an autoclear feature is not meant.
    let with_names = |image: &mut Image| {
        feature(1 << 40)(image);
        image.word(104, 0x1234_5678);
        image.word(108, 3);
        image.word(120, 0x6803_f857);
        image.word(124, 96);
        image.put(128, b"\x02\x28wrong");
        image.put(176, b"\x00\x28new \x1b[31m");
    };
    let named = unsupported("incompatible feature 40 \"new \\x1b[31m\"");
    assert_eq!(refused(Image::sound(), 0, with_names), named);
    let too_long = |image: &mut Image| {
        with_names(image);
        image.word(124, 385);
    };
    assert_eq!(refused(Image::sound(), 0, too_long), range("header extension length at byte 124", 385));
    let endless = |image: &mut Image| {
        image.word(20, 12);
        image.0.resize(4096, 0);
        feature(1 << 40)(image);
        (0..64).for_each(|number| image.long(104 + number * 8, 1 << 32));
    };
    let place = "header extension at byte 616";
    let text =
        format!("E-FS-QCOW2-LOOP qcow2: {place}: contains a loop, or is nested too deeply (found 0x40)");
    assert_eq!(refused(Image::sound(), 0, endless), text);
}

#[test]
fn types_of_compression_are_refused() {
    let field = "QCowHeader.compression_type at byte 104";
    let kind = |kind: u8| move |image: &mut Image| image.put(104, &[kind]);
    assert_eq!(refused(Image::sound().with_zstd(), 0, kind(0)), inconsistent(field, 0));
    assert_eq!(refused(Image::sound().with_zstd(), 0, kind(2)), unsupported("compression type 2"));
    let without_bit = |image: &mut Image| image.long(72, 0);
    assert_eq!(refused(Image::sound().with_zstd(), 0, without_bit), inconsistent(field, 1));
    let too_short = |image: &mut Image| image.word(100, 104);
    assert_eq!(refused(Image::sound().with_zstd(), 0, too_short), inconsistent(field, 0));
    assert_eq!(Qcow2::open(Image::sound().with_zstd().0).unwrap().header().compression, Compression::Zstd);
}

#[test]
fn a_backing_file_is_given_by_the_caller_or_missed() {
    let missed = unsupported("backing file \"base\\xff\\n\" not given");
    assert_eq!(refused(Image::sound().with_backing(), 0, |_| {}), missed);
    // It ends within cluster 5 of the disk.
    let base: Rc<dyn BlockRead> = Rc::new(vec![b'B'; 5 * CLUSTER + 10]);
    let image = Image::sound().with_backing();
    let disk = Qcow2::open_with_backing(image.0, Rc::clone(&base)).unwrap();
    assert_eq!(disk.header().backing_file.as_deref(), Some(&b"base\xff\n"[..]));
    assert_eq!(disk.header().backing_format.as_deref(), Some(&b"raw"[..]));
    let mut buf = vec![1; 4 * CLUSTER];
    disk.read_at(3 * CLUSTER as u64, &mut buf).unwrap();
    let parts = [vec![0; CLUSTER], vec![b'z'; CLUSTER], vec![b'B'; 10], vec![0; 2 * CLUSTER - 10]];
    assert_eq!(buf, parts.concat());
    let disk = Qcow2::open_with_backing(Image::sound().0, base).unwrap();
    disk.read_at(5 * CLUSTER as u64, &mut buf).unwrap();
    assert_eq!(buf, vec![0; 4 * CLUSTER], "the image names none");
}

#[test]
fn names_of_backing_files_are_refused() {
    let size = "QCowHeader.backing_file_size at byte 16";
    let cases: [(String, Damage); 4] = [
        (range(size, 313), |i| i.word(16, 313)),
        (range(size, 1024), |i| {
            i.word(20, 11);
            i.word(16, 1024);
        }),
        (range("QCowHeader.backing_file_offset at byte 8", 513), |i| i.long(8, 513)),
        (truncated("QCowHeader at byte 200", 205), |i| {
            i.long(24, 0);
            i.long(40, 0);
            i.0.truncate(205);
        }),
    ];
    for (message, damage) in cases {
        assert_eq!(refused(Image::sound().with_backing(), 0, damage), message);
    }
}

#[test]
fn as_a_device_it_ends_where_the_disk_ends_and_says_what_is_wrong() {
    let mut image = Image::sound();
    image.long(L2 + 8, 1 << 61);
    let disk: Rc<dyn BlockRead> = Rc::new(Qcow2::open(image.0).unwrap());
    assert_eq!(disk.size(), SIZE as u64);
    assert!(matches!(disk.read_at(SIZE as u64 - 1, &mut [0; 2]), Err(ReadError::OutOfBounds { .. })));
    disk.read_at(SIZE as u64, &mut []).unwrap();
    let error = disk.read_at(600, &mut [0; 2]).unwrap_err();
    let text = "qcow2: L2 entry at byte 1032: out of range (found 0x2000000000000000)";
    assert_eq!(format!("{error}"), text);
    assert_eq!(error.code(), "E-FS-QCOW2-RANGE");
}

#[test]
fn a_disk_of_nothing_needs_no_table() {
    let mut image = Image::sound();
    image.long(24, 0);
    image.word(36, 0);
    image.long(40, 0);
    image.0.truncate(104);
    image.word(60, 7);
    let disk = Qcow2::open(image.0).unwrap();
    assert_eq!((disk.size(), disk.header().snapshots), (0, 7));
    disk.read_at(0, &mut []).unwrap();
    assert!(disk.read_at(0, &mut [0]).is_err());
}
