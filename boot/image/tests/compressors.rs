// SPDX-License-Identifier: BSD-3-Clause
//! What the real compressors make is unpacked to the same bytes; anything else is an error.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    thread,
};

use image::{
    Compression,
    kernel::{Kind, kind, unpack},
    zboot::Zboot,
};
use proptest::prelude::*;

/// Neither random nor uniform. 9 MB are several blocks of every format: those of legacy lz4 have 8 MiB.
fn sample(length: u32) -> Vec<u8> {
    (0..length).map(|i| (i.wrapping_mul(2_654_435_761) >> (i % 29)) as u8 & 0x3f).collect()
}

/// What a compressor makes of its standard input; one that is missing is a failure of the test.
fn compress(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{program} cannot be run: {e}"));
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    let writer = thread::spawn(move || stdin.write_all(&input).expect("the compressor reads"));
    let output = child.wait_with_output().expect("the compressor ends");
    writer.join().expect("the writer ends");
    assert!(output.status.success(), "{program} {arguments:?}: {}", output.status);
    output.stdout
}

/// A compressor, its arguments, and the start of its errors' codes. Those of the second half have no
/// checksum.
type Compressor = (&'static str, &'static [&'static str], &'static str);

const CHECKED: [Compressor; 13] = [
    ("gzip", &["-1"], "GZIP"),
    ("gzip", &["-n", "-9"], "GZIP"),
    ("zstd", &["-3", "--check"], "ZSTD"),
    ("zstd", &["-1", "--check", "-B100000", "--single-thread"], "ZSTD"),
    ("xz", &["-0", "--check=crc32"], "XZ"),
    ("xz", &["-1", "--check=crc64"], "XZ"),
    ("xz", &["-0", "--check=sha256", "--block-size=1MiB"], "XZ"),
    // As kernels are packed.
    ("xz", &["--check=crc32", "--x86", "--lzma2=preset=1,dict=32MiB"], "XZ"),
    ("xz", &["--check=crc32", "--arm64", "--lzma2=preset=1"], "XZ"),
    ("xz", &["--check=crc32", "--riscv", "--lzma2=preset=1"], "XZ"),
    ("lz4", &["-q", "-1"], "LZ4"),
    ("lz4", &["-q", "-9", "-B4", "-BD", "-BX"], "LZ4"),
    ("lz4", &["-q", "-1", "-B6", "-BI"], "LZ4"),
];

const UNCHECKED: [Compressor; 4] = [
    ("zstd", &["-1", "--no-check"], "ZSTD"),
    ("xz", &["-0", "--check=none"], "XZ"),
    ("lz4", &["-q", "-1", "--no-frame-crc"], "LZ4"),
    ("lz4", &["-q", "-l", "-1"], "LZ4"),
];

#[test]
fn what_real_compressors_make_unpacks_to_the_same_bytes() {
    let sample = sample(9_000_000);
    for (program, arguments, code) in CHECKED.iter().chain(&UNCHECKED) {
        let packed = compress(program, arguments, &sample);
        let what = format!("{program} {arguments:?}");
        assert!(matches!(kind(&packed), Kind::Compressed(_)), "{what}");
        let limit = sample.len() as u64;
        let unpacked = unpack(&packed, limit).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert!(unpacked == sample, "{what}");
        let error = unpack(&packed, limit - 1).unwrap_err();
        assert_eq!(
            error.code().to_string(),
            format!("E-IMAGE-{code}-LIMIT"),
            "{what}: one byte above the limit: {error}"
        );
    }
}

/// Kernels are packed by this, from a pipe: a window of 128 MiB, and no size in the header.
#[test]
fn zstd_with_the_largest_window_unpacks() {
    let sample = sample(300_000);
    let packed = compress("zstd", &["-22", "--ultra"], &sample);
    assert_eq!(packed[5], 0x88, "window descriptor: 2^27 bytes");
    assert!(unpack(&packed, 1 << 20).unwrap() == sample);
    let packed = compress("zstd", &["-1", "--long=28"], &sample);
    assert_eq!(unpack(&packed, 1 << 20).unwrap_err().code(), "E-IMAGE-ZSTD-DATA", "a larger one is refused");
}

#[test]
fn small_and_empty_contents_unpack() {
    for (program, arguments, _) in CHECKED.iter().chain(&UNCHECKED) {
        for length in [0, 1, 5, 100, 5000] {
            let sample = sample(length);
            let packed = compress(program, arguments, &sample);
            let unpacked = unpack(&packed, length.into());
            assert_eq!(unpacked.as_deref(), Ok(&*sample), "{program} {arguments:?}: {length} bytes");
        }
    }
}

#[test]
fn frames_behind_one_another_and_zeros_at_the_end_unpack() {
    let sample = sample(100_000);
    for (program, arguments, _) in CHECKED.iter().chain(&UNCHECKED) {
        let what = format!("{program} {arguments:?}");
        let packed = compress(program, arguments, &sample);
        let filled = [&packed[..], &[0; 512]].concat();
        assert!(unpack(&filled, 100_000).as_deref() == Ok(&*sample), "{what}: filled up");
        let twice = unpack(&[&packed[..], &packed].concat(), 200_000);
        if *program == "gzip" {
            assert_eq!(twice.unwrap_err().code(), "E-IMAGE-GZIP-UNSUPPORTED");
        } else {
            assert!(twice.unwrap() == [&sample[..], &sample].concat(), "{what}: twice");
        }
        let garbage = [&packed[..], b"garbage!"].concat();
        assert!(unpack(&garbage, 1 << 20).is_err(), "{what}: garbage at the end");
    }
}

#[test]
fn a_size_in_the_header_is_compared() {
    let file = std::env::var_os("TEST_TMPDIR").map_or_else(std::env::temp_dir, Into::into);
    let file = file.join(format!("image-size-{}", std::process::id()));
    let sample = sample(300_000);
    std::fs::write(&file, &sample).unwrap();
    let name = file.to_str().unwrap();
    for (program, arguments, size) in
        [("zstd", &["-q", "-c", name][..], 5..9), ("lz4", &["-q", "-c", "--content-size", name], 6..10)]
    {
        let packed = compress(program, arguments, b"");
        assert_eq!(packed[size.clone()], 300_000u32.to_le_bytes(), "{program} says the size");
        assert!(unpack(&packed, 300_000).unwrap() == sample, "{program}");
        for wrong in [299_999u32, 300_001, u32::MAX] {
            let mut broken = packed.clone();
            broken[size.clone()].copy_from_slice(&wrong.to_le_bytes());
            assert!(unpack(&broken, 1 << 20).is_err(), "{program}: {wrong}");
        }
    }
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_cut_file_is_refused() {
    let sample = sample(30_000);
    for (program, arguments, _) in CHECKED.iter().chain(&UNCHECKED) {
        let packed = compress(program, arguments, &sample);
        for length in (6..packed.len()).rev().step_by(packed.len() / 100 + 1) {
            let unpacked = unpack(&packed[..length], 1 << 20);
            // Nothing says how long a legacy frame is: it may end after any block.
            let ends = arguments.contains(&"-l") && length <= 8;
            assert!(unpacked.is_err() || ends, "{program} {arguments:?}: {length} of {}", packed.len());
        }
    }
}

#[test]
fn a_flipped_bit_is_noticed_by_formats_with_a_checksum() {
    let sample = sample(20_000);
    for (program, arguments, _) in &CHECKED {
        let packed = compress(program, arguments, &sample);
        let (mut refused, mut same) = (0, 0);
        for at in (0..packed.len()).step_by(packed.len() / 200) {
            for bit in [1, 0x10, 0x80] {
                let mut broken = packed.clone();
                broken[at] ^= bit;
                match unpack(&broken, 1 << 20) {
                    Ok(unpacked) => {
                        same += 1;
                        assert!(unpacked == sample, "{program} {arguments:?}: {bit:#x} at {at}");
                    }
                    Err(_) => refused += 1,
                }
            }
        }
        println!("{program} {arguments:?}: {refused} refused, {same} without effect");
        assert!(refused > 500, "{program} {arguments:?}: {refused} refused, {same} without effect");
    }
}

#[test]
fn a_zboot_file_yields_its_kernel() {
    let sample = sample(2_000_000);
    for (program, arguments, _) in CHECKED.iter().chain(&UNCHECKED) {
        let packed = compress(program, arguments, &sample);
        // The DOS header as zboot fills it, then the signature that it points to.
        let mut file = [&b"MZ\0\0zimg"[..], &[0; 0x38], b"PE\0\0", &packed].concat();
        file[8..12].copy_from_slice(&0x44u32.to_le_bytes());
        file[12..16].copy_from_slice(&(packed.len() as u32).to_le_bytes());
        file[0x3c..0x40].copy_from_slice(&0x40u32.to_le_bytes());
        if *program != "gzip" {
            file.extend((sample.len() as u32).to_le_bytes());
        }
        file.extend([0xcc; 100]);
        assert_eq!(kind(&file), Kind::Zboot);
        let what = format!("{program} {arguments:?}");
        assert!(unpack(&file, 2_000_000).unwrap_or_else(|e| panic!("{what}: {e}")) == sample, "{what}");
        let compression = Zboot::parse(&file).unwrap().compression;
        assert_eq!(kind(&packed), Kind::Compressed(compression));
        assert_eq!(compression == Compression::Lz4Legacy, arguments.contains(&"-l"));
    }
}

/// gzip's optional fields, which gzip itself writes none of but the name.
#[test]
fn gzip_headers_with_all_fields_are_read() {
    let packed = compress("gzip", &["-n"], b"content");
    let (head, body) = packed.split_at(10);
    let mut header = head.to_vec();
    header[3] = 2 | 4 | 8 | 16;
    header.extend(b"\x03\0abcname\0comment\0");
    let crc = crc32(&header) as u16;
    let file = [&header[..], &crc.to_le_bytes(), body].concat();
    assert_eq!(unpack(&file, 100).as_deref(), Ok(&b"content"[..]));
    for at in 0..header.len() + 2 {
        let mut broken = file.clone();
        broken[at] ^= 1;
        assert!(unpack(&broken, 100).is_err(), "byte {at}");
        assert!(unpack(&file[..at], 100).is_err(), "cut to {at} bytes");
    }
    let mut reserved = packed;
    reserved[3] = 0x20;
    assert_eq!(unpack(&reserved, 100).unwrap_err().code(), "E-IMAGE-GZIP-RANGE");
}

/// The CRC of gzip, bit by bit.
fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1)))
    })
}

const MAGICS: [&[u8]; 6] = [
    &[0x1f, 0x8b, 8],
    &[0x28, 0xb5, 0x2f, 0xfd],
    b"\xfd7zXZ\0",
    &[0x04, 0x22, 0x4d, 0x18],
    &[0x02, 0x21, 0x4c, 0x18],
    b"MZ\0\0zimg",
];

proptest! {
    // Failures are reported with their input: the sources are not written to.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_value_or_an_error(data: Vec<u8>, magic in 0usize..6) {
        image::fuzz::fuzz(&[MAGICS[magic], &data].concat());
    }

    /// Bytes of valid files changed, so that the decoders are reached.
    #[test]
    fn changed_files_are_a_value_or_an_error(
        compressor in 0..CHECKED.len() + UNCHECKED.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let packed = PACKED.with(|packed| packed[compressor].clone());
        let mut broken = packed;
        for (index, value) in changes {
            let at = index.index(broken.len());
            broken[at] = value;
        }
        image::fuzz::fuzz(&broken);
    }
}

std::thread_local! {
    /// A small file of every compressor.
    static PACKED: Vec<Vec<u8>> = CHECKED
        .iter()
        .chain(&UNCHECKED)
        .map(|(program, arguments, _)| compress(program, arguments, &sample(3000)))
        .collect();
}
