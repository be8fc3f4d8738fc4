// SPDX-License-Identifier: BSD-3-Clause
//! Any bytes give a filesystem or an error.

use std::{
    fs::{self, File},
    sync::OnceLock,
};

use btrfs::fuzz::fuzz;
use oracle::tools::{run, work_dir};
use proptest::prelude::*;

const PAGE: usize = 4096;

/// A small filesystem, and where its superblock and nodes are.
fn sound() -> &'static (Vec<u8>, Vec<usize>) {
    static SOUND: OnceLock<(Vec<u8>, Vec<usize>)> = OnceLock::new();
    SOUND.get_or_init(|| {
        let work = work_dir("fuzz");
        let (source, path) = (work.join("source"), work.join("image"));
        fs::create_dir_all(source.join("folder")).unwrap();
        fs::write(source.join("folder/file"), vec![7; 100_000]).unwrap();
        fs::write(source.join("small"), "content ".repeat(100)).unwrap();
        File::create(&path).unwrap().set_len(32 << 20).unwrap();
        let (source, path) = (source.to_str().unwrap(), path.to_str().unwrap());
        let options = ["-q", "-f", "-n", "4k", "--mixed", "--compress", "lzo", "--rootdir", source, path];
        run("mkfs.btrfs", &options);
        let mut image = fs::read(path).unwrap();
        let used = image.iter().rposition(|byte| *byte != 0).unwrap();
        image.truncate((used + 1).next_multiple_of(PAGE));
        let fsid = image[(64 << 10) + 32..][..16].to_vec();
        let nodes = (0..image.len()).step_by(PAGE).filter(|at| image[at + 32..][..16] == fsid);
        let nodes = nodes.collect();
        (image, nodes)
    })
}

proptest! {
    #[test]
    fn any_bytes(data in prop::collection::vec(any::<u8>(), 0..8192)) {
        fuzz(&data);
    }

    // Most bytes of a node are zeros: so are most of these.
    #[test]
    fn any_few_bytes(data in prop::collection::vec(prop_oneof![4 => Just(0u8), 1 => any::<u8>()], 0..4096)) {
        fuzz(&data);
    }

    #[test]
    fn a_changed_filesystem(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..PAGE, any::<u8>()), 1..8),
        is_cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let (sound, nodes) = sound();
        let mut image = sound.clone();
        for (node, at, byte) in changes {
            let start = *node.get(nodes);
            image[start + at] = byte;
            let sum = !crc32c::crc32c(!0, &image[start + 32..start + PAGE]);
            image[start..start + 4].copy_from_slice(&sum.to_le_bytes());
        }
        if let Some(cut) = is_cut {
            image.truncate(cut.index(sound.len()));
        }
        fuzz(&image);
    }
}

#[test]
fn the_unchanged_filesystem_is_sound() {
    let (image, nodes) = sound();
    assert!(nodes.len() > 8, "{}", nodes.len());
    assert!(btrfs::Btrfs::open(vec![std::rc::Rc::new(image.clone())]).is_ok());
    fuzz(image);
}
