// SPDX-License-Identifier: BSD-3-Clause
//! Any bytes give a value or an error.

use std::{fs, sync::LazyLock};

use oracle::tools;
use proptest::prelude::*;

/// Small filesystems of version 4 and 5, to be changed.
static SOUND: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let work = tools::work_dir("fuzz");
    let source = work.join("source");
    fs::create_dir_all(source.join("folder/inner")).unwrap();
    fs::write(source.join("file"), [7; 3000]).unwrap();
    std::os::unix::fs::symlink("target", source.join("link")).unwrap();
    std::os::unix::fs::symlink("x".repeat(600), source.join("long")).unwrap();
    for number in 0..200 {
        fs::write(source.join(format!("folder/{number}")), "x").unwrap();
    }
    ["-m crc=0 -b size=1024", "-b size=1024"]
        .map(|kind| {
            let (image, source) = (work.join("image"), source.to_str().unwrap());
            fs::File::create(&image).unwrap().set_len(16 << 20).unwrap();
            let mut all = vec!["-q", "-f", "--unsupported"];
            all.extend(kind.split(' '));
            all.extend(["-p", source, image.to_str().unwrap()]);
            tools::run("mkfs.xfs", &all);
            fs::read(&image).unwrap()
        })
        .into()
});

/// The parts of these images with inodes and directories, and little else.
const USED: usize = 256 * 1024;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn of_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..8192)) {
        xfs::fuzz::fuzz(&bytes);
        xfs::fuzz::log(&bytes);
    }

    #[test]
    fn of_any_bytes_with_a_superblock(
        mut bytes in prop::collection::vec(any::<u8>(), 4096..8192),
        blocks in 4..8u8,
        features in any::<[u8; 2]>(),
    ) {
        bytes[..512].copy_from_slice(&SOUND[0][..512]);
        // sb_dblocks and sb_agcount, so that the device is large enough; sb_logstart: no log.
        bytes[8..16].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, blocks]);
        bytes[48..56].fill(0);
        bytes[88..92].copy_from_slice(&[0, 0, 0, 1]);
        bytes[202..204].copy_from_slice(&features);
        xfs::fuzz::fuzz(&bytes);
    }

    #[test]
    fn of_a_changed_filesystem(
        kind in 0..2usize,
        changes in prop::collection::vec((0..USED, any::<u8>()), 1..20),
        length in 0..16usize << 20,
        is_cut in prop::bool::weighted(0.1),
    ) {
        let mut bytes = SOUND[kind].clone();
        changes.iter().for_each(|(at, byte)| bytes[*at] = *byte);
        if is_cut {
            bytes.truncate(length);
        }
        xfs::fuzz::fuzz(&bytes);
    }
}
