// SPDX-License-Identifier: BSD-3-Clause
//! What several of these tests need: images, and devices over their files.

#![allow(dead_code, reason = "not every test needs everything")]

use std::{
    cell::Cell,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::Path,
};

use block::{BlockRead, ReadError, check_bounds};
use oracle::tools;

/// An image too large to hold in memory; counts its reads.
pub struct Image(pub File, pub Cell<usize>);

impl Image {
    pub fn open(path: &Path) -> Self {
        Self(File::open(path).unwrap(), Cell::new(0))
    }
}

impl BlockRead for Image {
    fn size(&self) -> u64 {
        self.0.metadata().unwrap().len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.1.set(self.1.get() + 1);
        check_bounds(offset, buf.len(), self.size())?;
        let failed = |error: std::io::Error| ReadError::reading(offset, error.to_string());
        self.0.read_exact_at(buf, offset).map_err(failed)
    }
}

/// Makes an image of a folder's content. It has 2 GiB, mostly a hole, unless the arguments say otherwise: mkfs.xfs
/// wants 300 MiB at least, and more for the logs of large blocks.
pub fn make(image: &Path, source: &Path, arguments: &str) {
    let _ = fs::remove_file(image);
    File::create(image).unwrap().set_len(2 << 30).unwrap();
    let mut all = vec!["-q", "-f"];
    all.extend(arguments.split(' ').filter(|word| !word.is_empty()));
    all.extend(["-p", source.to_str().unwrap(), image.to_str().unwrap()]);
    tools::run("mkfs.xfs", &all);
}

/// Runs commands of xfs_db.
pub fn db(image: &Path, commands: &[&str]) -> String {
    let mut all = vec!["-x"];
    commands.iter().for_each(|command| all.extend(["-c", command]));
    all.push(image.to_str().unwrap());
    String::from_utf8(tools::run("xfs_db", &all)).unwrap()
}

/// Changes bytes of an inode, and makes its checksum right.
pub fn patch_inode(image: &Path, node: xfs::InodeNumber, at: usize, bytes: &[u8]) {
    let file = File::options().read(true).write(true).open(image).unwrap();
    let said = db(image, &[&format!("inode {}", node.0), "stack"]);
    let (_, rest) = said.split_once("byte offset ").unwrap_or_else(|| panic!("{said}"));
    let (offset, rest) = rest.split_once(", length ").unwrap();
    let length = rest.split_whitespace().next().unwrap();
    let mut inode = vec![0; length.parse().unwrap()];
    let offset = offset.parse().unwrap();
    file.read_exact_at(&mut inode, offset).unwrap();
    inode[at..at + bytes.len()].copy_from_slice(bytes);
    if inode[4] == 3 {
        inode[100..104].fill(0);
        let sum = !crc(!0, &inode);
        inode[100..104].copy_from_slice(&sum.to_le_bytes());
    }
    file.write_all_at(&inode, offset).unwrap();
}

/// CRC-32C, the register only.
pub fn crc(sum: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(sum, |sum, byte| {
        (0..8).fold(
            sum ^ u32::from(*byte),
            |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0x82f6_3b78 } else { sum >> 1 },
        )
    })
}
