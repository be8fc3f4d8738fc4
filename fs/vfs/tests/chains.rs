// SPDX-License-Identifier: BSD-3-Clause
//! Long chains of symbolic links on filesystems filled by mkfs.xfs and mkfs.btrfs.

use std::{
    fs::{self, File},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    rc::Rc,
};

use filesystem::Error;
use oracle::{
    FileDevice,
    tools::{run, work_dir},
};
use vfs::{Disk, Volumes};

/// Number of chained links; the targets of some are in the inode, those of others in a block.
const CHAIN: usize = 20;
/// Number of links that Linux follows (`MAXSYMLINKS`).
const MOST: usize = 40;

/// A folder in which `0` leads to `1`, and so on, in folders that take turns, and the last one to a file.
fn source(work: &Path) -> PathBuf {
    let source = work.join("source");
    for (folder, length) in [("chain", CHAIN), ("most", MOST), ("more", MOST + 1)] {
        for side in ["a", "b", &"n".repeat(255)] {
            fs::create_dir_all(source.join(folder).join(side)).unwrap();
        }
        fs::write(source.join(folder).join("end"), folder).unwrap();
        for number in 0..length {
            let side = |number: usize| if number.is_multiple_of(2) { "a" } else { "b" };
            let next = match number + 1 {
                end if end == length => "../end".into(),
                next => format!("../{}/{next}", side(next)),
            };
            let detour = if number.is_multiple_of(3) {
                format!("../{}/", "n".repeat(255)).repeat(3)
            } else {
                String::new()
            };
            symlink(detour + &next, source.join(folder).join(side(number)).join(number.to_string())).unwrap();
        }
    }
    symlink("/chain/a/0", source.join("chain/start")).unwrap();
    source
}

fn assert_followed(image: &Path) {
    let device = Rc::new(FileDevice::open(image));
    let volumes = Volumes::discover(vec![Disk { device, name: "hd0".into() }]);
    let [volume] = volumes.all() else { panic!("{:?}", volumes.problems()) };
    assert_eq!(volume.read(b"/chain/a/0", 100).unwrap(), b"chain");
    assert_eq!(volume.read(b"/chain/start", 100).unwrap(), b"chain", "from the volume's root");
    assert_eq!(volume.read(b"/most/a/0", 100).unwrap(), b"most");
    assert_eq!(volume.open(b"/more/a/0").map(drop), Err(Error::TooManyLinks));
    assert_eq!(volume.read(b"/more/b/1", 100).unwrap(), b"more");
    let link = volume.open_no_follow(b"/chain/a/0").unwrap().read_link().unwrap();
    assert_eq!(link.len(), 3 * 259 + "../b/1".len(), "more than the inode holds");
}

#[test]
fn a_chain_of_links_is_followed_on_xfs() {
    let work = work_dir("xfs");
    let (source, image) = (source(&work), work.join("image"));
    File::create(&image).unwrap().set_len(300 << 20).unwrap();
    run("mkfs.xfs", &["-q", "-p", source.to_str().unwrap(), image.to_str().unwrap()]);
    assert_followed(&image);
}

#[test]
fn a_chain_of_links_is_followed_on_btrfs() {
    let work = work_dir("btrfs");
    let (source, image) = (source(&work), work.join("image"));
    File::create(&image).unwrap().set_len(128 << 20).unwrap();
    run("mkfs.btrfs", &["-q", "--rootdir", source.to_str().unwrap(), image.to_str().unwrap()]);
    assert_followed(&image);
}
