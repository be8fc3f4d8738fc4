// SPDX-License-Identifier: BSD-3-Clause
//! Damaged kernels end in bytes or an error, within limits of time, stack and memory.

use std::{fs, rc::Rc};

use block::BlockRead;
use image::{
    authenticode, kernel,
    pe::{Headers, Pe},
    uki::{self, Part},
};
use oracle::{
    campaign::{self, Depth, Plan},
    tools::{run, run_with_input, work_dir},
};

/// What the bazel target of this test has time for.
const MUTANTS: usize = 1000;
/// Bytes in which a loader looks for headers.
const HEAD: usize = 4096;
/// No sample unpacks to more.
const LIMIT: u64 = 1 << 20;

fn all(device: &dyn BlockRead) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(device.size()).unwrap()];
    if device.read_at(0, &mut bytes).is_err() {
        bytes.clear();
    }
    bytes
}

/// Layers passed: the headers are sound; they are those of a unified kernel image; its text is.
fn read_uki(device: Rc<dyn BlockRead>, depth: Depth) -> usize {
    let mut head = vec![0; HEAD.min(usize::try_from(device.size()).unwrap())];
    if device.read_at(0, &mut head).is_err() {
        return 0;
    }
    let Ok(headers) = Headers::parse(&head, device.size()) else { return 0 };
    if depth == Depth::All {
        let bytes = all(&*device);
        if let Ok(pe) = Pe::parse(&bytes) {
            let _ = (authenticode::sha256(&pe), pe.certificates());
        }
    }
    let Some(section) = uki::is_uki(&headers).then(|| uki::part(&headers, Part::OsRelease)).flatten() else {
        return 1;
    };
    let range = section.data();
    let mut text = vec![0; usize::try_from(range.end.saturating_sub(range.start).min(65_536)).unwrap()];
    let is_text = device.read_at(range.start, &mut text).is_ok() && uki::text(&text) == Ok("ID=mini");
    if is_text { 3 } else { 2 }
}

#[test]
fn unified_kernel_image() {
    let dir = work_dir("uki");
    let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    fs::write(path("linux"), b"kernel").unwrap();
    let stub = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";
    let (linux, out) = (path("linux"), path("mini.efi"));
    let texts = ["--os-release", "ID=mini\n", "--cmdline", "ro", "--uname", "6.12"];
    run("ukify", &[&["build", "--stub", stub, "--linux", &linux, "--output", &out], &texts[..]].concat());
    let image = fs::read(out).unwrap();
    let layers = &["headers", "sections", "text"];
    // Nothing in a PE file is checked by a sum: what a signature covers, the firmware checks.
    let repair = |_: &mut [u8], _| {};
    let plan =
        Plan { name: "uki", image: &image, layers, read: read_uki, repair, mutants: MUTANTS, seed: 11 };
    let _ = campaign::run(plan);
}

/// Layers passed: it is known as something compressed; it unpacks.
fn read_compressed(device: Rc<dyn BlockRead>, _: Depth) -> usize {
    let bytes = all(&*device);
    if !matches!(kernel::kind(&bytes), kernel::Kind::Compressed(_)) {
        return 0;
    }
    1 + usize::from(kernel::unpack(&bytes, LIMIT).is_ok())
}

/// The checksum of gzip lets no damaged content pass.
fn read_gzip(device: Rc<dyn BlockRead>, depth: Depth) -> usize {
    read_compressed(device, depth).min(1)
}

/// Without checks of the content, wherever the format can do without: damaged data reaches everything that reads it.
/// Half of the content cannot be compressed: damage there harms nothing else.
fn compressed(name: &str, program: &str, arguments: &[&str], seed: u64) {
    let mixed = |i: u32| (i.wrapping_mul(2_654_435_761) >> (i % 29)) as u8 & 0x3f;
    let sample: Vec<u8> = (0..60_000).map(|i| if i < 30_000 { mixed(i) } else { noise(i) }).collect();
    let image = run_with_input(program, arguments, &sample);
    let (layers, read): (&[&str], fn(_, _) -> _) = match name {
        "gzip" => (&["kind"], read_gzip),
        _ => (&["kind", "content"], read_compressed),
    };
    let repair = |_: &mut [u8], _| {};
    let _ = campaign::run(Plan { name, image: &image, layers, read, repair, mutants: MUTANTS, seed });
}

/// A byte that no compressor foresees (the finaliser of MurmurHash3).
fn noise(i: u32) -> u8 {
    let h = (i ^ i >> 16).wrapping_mul(0x85eb_ca6b);
    let h = (h ^ h >> 13).wrapping_mul(0xc2b2_ae35);
    (h ^ h >> 16) as u8
}

#[test]
fn gzip() {
    compressed("gzip", "gzip", &["-n", "-9"], 12);
}

#[test]
fn zstd() {
    compressed("zstd", "zstd", &["-q", "-3", "--no-check"], 13);
}

#[test]
fn xz() {
    compressed("xz", "xz", &["-0", "--check=none", "--block-size=30000"], 14);
}

#[test]
fn lz4() {
    compressed("lz4", "lz4", &["-q", "-1", "--no-frame-crc"], 15);
}
