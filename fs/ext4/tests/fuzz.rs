// SPDX-License-Identifier: BSD-3-Clause
//! Any bytes give a value or an error.

use std::{fs, sync::LazyLock};

use oracle::tools;
use proptest::prelude::*;

/// Small filesystems of several kinds, which are then changed.
static SOUND: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let work = tools::work_dir("fuzz");
    let source = work.join("source");
    fs::create_dir_all(source.join("folder/inner")).unwrap();
    fs::write(source.join("file"), [7; 3000]).unwrap();
    std::os::unix::fs::symlink("target", source.join("link")).unwrap();
    // Without checksums, so that changes reach the parser.
    ["-t ext2", "-t ext4 -O ^metadata_csum,^metadata_csum_seed,^has_journal,inline_data"]
        .map(|kind| {
            let image = work.join("image");
            let image = image.to_str().unwrap();
            let mut all = vec!["-q", "-F", "-b", "1024", "-N", "32"];
            all.extend(kind.split(' '));
            all.extend(["-d", source.to_str().unwrap(), image, "256k"]);
            tools::run("mke2fs", &all);
            fs::read(image).unwrap()
        })
        .into()
});

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn of_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..8192)) {
        ext4::fuzz::fuzz(&bytes);
    }

    #[test]
    fn of_any_bytes_with_a_superblock(
        mut bytes in prop::collection::vec(any::<u8>(), 4096..8192),
        features in any::<[u8; 12]>(),
    ) {
        bytes[1024..2048].copy_from_slice(&SOUND[0][1024..2048]);
        bytes[1024 + 0x5c..][..12].copy_from_slice(&features);
        ext4::fuzz::fuzz(&bytes);
    }

    #[test]
    fn of_a_changed_filesystem(
        kind in 0..2usize,
        changes in prop::collection::vec((0..64 * 1024usize, any::<u8>()), 1..20),
        length in 0..256 * 1024usize,
        is_cut in prop::bool::weighted(0.1),
    ) {
        let mut bytes = SOUND[kind].clone();
        changes.iter().for_each(|(at, byte)| bytes[*at] = *byte);
        if is_cut {
            bytes.truncate(length);
        }
        ext4::fuzz::fuzz(&bytes);
    }
}
