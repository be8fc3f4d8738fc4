// SPDX-License-Identifier: BSD-3-Clause
//! Disks as the real tools make them.

use std::{fs, path::Path};

use oracle::tools;

const MIB: usize = 1 << 20;
/// Of the smallest ext4 that has room for everything here, and of a FAT that needs no FAT12.
const PARTITION: usize = 8 * MIB;

/// A partition's filesystem and its files.
#[derive(Clone, Debug)]
pub struct Partition {
    pub format: Format,
    /// Of ext4 in the form of `uuid`, of FAT `0123-ABCD`.
    pub uuid: String,
    pub label: &'static str,
    pub files: Vec<(String, Vec<u8>)>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    Ext4,
    Fat,
}

impl Partition {
    pub fn new(format: Format, uuid: impl Into<String>, label: &'static str) -> Self {
        Self { format, uuid: uuid.into(), label, files: Vec::new() }
    }

    #[must_use]
    pub fn file(mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.into(), bytes.into()));
        self
    }

    /// Makes its filesystem in `dir`, and returns the bytes.
    fn make(&self, dir: &Path) -> Vec<u8> {
        let (tree, image) = (dir.join("tree"), dir.join("partition"));
        let _ = fs::remove_dir_all(&tree);
        fs::create_dir_all(&tree).unwrap();
        for (path, bytes) in &self.files {
            let path = tree.join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let _ = fs::remove_file(&image);
        let (tree, image) = (tree.to_str().unwrap(), image.to_str().unwrap());
        match self.format {
            Format::Ext4 => {
                let label = ["-L", self.label, "-U", &self.uuid];
                let of = ["-q", "-F", "-t", "ext4", "-d", tree];
                tools::run("mke2fs", &[&of[..], &label, &[image, "8M"]].concat());
            }
            Format::Fat => {
                let serial = self.uuid.replace('-', "");
                let of = ["-F", "16", "-s", "1", "-n", self.label, "-i", &serial, "-C", image, "8192"];
                tools::run("mkfs.vfat", &of);
                for entry in fs::read_dir(tree).unwrap() {
                    let path = entry.unwrap().path();
                    tools::run("mcopy", &["-s", "-i", image, path.to_str().unwrap(), "::/"]);
                }
            }
        }
        fs::read(image).unwrap()
    }
}

/// Partitions of every disk; those beyond what it has are empty.
const MOST: usize = 3;
/// First sector of a partition, from 0.
const fn first(partition: usize) -> usize {
    (MIB + partition * PARTITION) / 512
}

/// A disk with a GPT and nothing else. One is made for all: sgdisk waits a second each time.
pub fn table(path: &Path) -> Vec<u8> {
    fs::File::create(path).unwrap().set_len((MIB + MOST * PARTITION + MIB) as u64).unwrap();
    let new = |i: usize| format!("--new={}:{}:{}", i + 1, first(i), first(i + 1) - 1);
    let new: Vec<String> = (0..MOST).map(new).collect();
    let mut arguments: Vec<&str> = vec!["--clear"];
    arguments.extend(new.iter().map(String::as_str));
    arguments.push(path.to_str().unwrap());
    tools::run("sgdisk", &arguments);
    fs::read(path).unwrap()
}

/// A disk with these partitions: partition n is `gpt<n>`.
pub fn make(dir: &Path, mut disk: Vec<u8>, partitions: &[Partition]) -> Vec<u8> {
    fs::create_dir_all(dir).unwrap();
    for (i, partition) in partitions.iter().enumerate() {
        let bytes = partition.make(dir);
        assert_eq!(bytes.len(), PARTITION, "the size that was asked for");
        disk[first(i) * 512..][..PARTITION].copy_from_slice(&bytes);
    }
    disk
}
