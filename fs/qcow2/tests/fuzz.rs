// SPDX-License-Identifier: BSD-3-Clause
//! Any bytes are an image or an error.

use std::{fs, sync::LazyLock};

use block::BlockRead;
use oracle::tools;
use proptest::prelude::*;

/// Small images of several kinds, which are then changed.
static SOUND: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let work = tools::work_dir("fuzz");
    let path = |name: &str| work.join(name).to_str().unwrap().to_string();
    let (raw, image) = (path("raw"), path("image"));
    let content = (0..48 * 1024).map(|at| if at % 4096 < 600 { (at * 7) as u8 } else { 0 });
    fs::write(&raw, content.collect::<Vec<u8>>()).unwrap();
    ["-o cluster_size=512", "-c -o cluster_size=1k", "-c -o compression_type=zstd,cluster_size=4k"]
        .into_iter()
        .chain(["-o extended_l2=on,cluster_size=16k"])
        .map(|options| {
            let mut all = vec!["convert", "-O", "qcow2"];
            all.extend(options.split(' '));
            all.extend([raw.as_str(), image.as_str()]);
            tools::run("qemu-img", &all);
            fs::read(&image).unwrap()
        })
        .collect()
});

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn of_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..8192)) {
        qcow2::fuzz::fuzz(&bytes);
    }

    // The magic number and a version, so that all other fields are reached.
    #[test]
    fn of_any_header(
        mut bytes in prop::collection::vec(any::<u8>(), 112..8192),
        version in 1..4u8,
        cluster_bits in 8..23u8,
        features in 0..32u8,
    ) {
        bytes[..8].copy_from_slice(&[b'Q', b'F', b'I', 0xfb, 0, 0, 0, version]);
        bytes[20..24].copy_from_slice(&[0, 0, 0, cluster_bits]);
        bytes[32..36].fill(0);
        bytes[72..80].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, features]);
        bytes[100..104].copy_from_slice(&[0, 0, 0, 112]);
        qcow2::fuzz::fuzz(&bytes);
    }

    #[test]
    fn of_a_changed_image(
        kind in 0..4usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        header in prop::collection::vec((0..112usize, any::<u8>()), 0..2),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let mut bytes = SOUND[kind].clone();
        let length = bytes.len();
        changes.iter().for_each(|(at, byte)| bytes[at.index(length)] = *byte);
        header.iter().for_each(|(at, byte)| bytes[*at] = *byte);
        if let Some(cut) = cut {
            bytes.truncate(cut.index(length));
        }
        qcow2::fuzz::fuzz(&bytes);
    }
}

#[test]
fn the_unchanged_images_are_sound() {
    let disks = SOUND.iter().map(|image| {
        let disk = qcow2::Qcow2::open(image.as_slice()).unwrap();
        let mut bytes = vec![0; disk.header().size as usize];
        disk.read_at(0, &mut bytes).unwrap();
        bytes
    });
    let disks: Vec<Vec<u8>> = disks.collect();
    assert!(disks.iter().all(|disk| *disk == disks[0] && disk[599] == (599 * 7 % 256) as u8));
}
