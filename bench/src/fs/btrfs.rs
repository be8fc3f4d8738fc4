// SPDX-License-Identifier: BSD-3-Clause
//! btrfs images by the real mkfs.btrfs and Linux's own driver.

use std::{ffi::OsStr, fs, path::Path};

use anyhow::{Context, Result, ensure};

use super::{
    guest::{self, Work},
    image::{Content, Image},
};
use crate::{
    machine,
    scratch::{self, Scratch, output, run},
};

/// MiB of a disk on which the file and a half of it fit.
const ALONE: u64 = 640;
/// MiB of each of several disks.
const EACH: u64 = 400;
/// Files of [`many`].
pub const FILES: usize = 100_000;

/// The file as mkfs.btrfs lays it into an empty filesystem.
///
/// # Errors
/// When a tool is missing or fails.
pub fn whole(scratch: &Scratch) -> Result<Image> {
    let content = Content::noise(scratch)?;
    let mut image = Image::blank(scratch, &content, ALONE, 1)?;
    let facts = fill(&image.disks[0], &content.folder, &[])?;
    let extents = extents(&image.disks[0])?;
    ensure!(extents < 300, "the file lies in {extents} extents");
    image.facts = format!("{facts}, with that file: {extents} extents, one behind the other");
    Ok(image)
}

/// The same, compressed by zstd.
///
/// # Errors
/// When a tool is missing or fails.
pub fn compressed(scratch: &Scratch) -> Result<Image> {
    let content = Content::text(scratch)?;
    let mut image = Image::blank(scratch, &content, ALONE, 1)?;
    let facts = fill(&image.disks[0], &content.folder, &["--compress", "zstd"])?;
    let extents = extents(&image.disks[0])?;
    ensure!(extents > 2000, "the file lies in {extents} extents, which are then not compressed");
    image.facts = format!("{facts}, with that file, of words: {extents} extents of up to 128 KiB");
    Ok(image)
}

/// The file, of which every second piece was written anew: copies lie elsewhere.
///
/// # Errors
/// When a tool is missing or fails.
pub fn pieces(scratch: &Scratch) -> Result<Image> {
    let content = Content::noise(scratch)?;
    let mut image = Image::blank(scratch, &content, ALONE, 1)?;
    run("mkfs.btrfs", &["-q".as_ref(), image.disks[0].as_ref()])?;
    guest::change(scratch, &image, &content, "btrfs", Work::Rewrite)?;
    let extents = extents(&image.disks[0])?;
    ensure!(extents > 1000, "the file lies in {extents} extents");
    let facts = format!(
        "{}, {ALONE} MiB; {} wrote the file, and every second 64 KiB of it anew, in random order: {extents} extents",
        machine::version("mkfs.btrfs", "--version")?,
        guest::describe()?
    );
    image.facts = facts;
    Ok(image)
}

/// The file on several disks, with copies or parities as `profile` says.
///
/// # Errors
/// When a tool is missing or fails.
pub fn spread(scratch: &Scratch, profile: &str, disks: usize) -> Result<Image> {
    let content = Content::noise(scratch)?;
    let mut image = Image::blank(scratch, &content, EACH, disks)?;
    let options = ["-q", "-d", profile, "-m", "raid1c3"].map(OsStr::new);
    let paths = image.disks.iter().map(AsRef::as_ref);
    run("mkfs.btrfs", &options.into_iter().chain(paths).collect::<Vec<_>>())?;
    guest::change(scratch, &image, &content, "btrfs", Work::Copy)?;
    image.facts = format!(
        "{}, -d {profile} -m raid1c3, {disks} of {EACH} MiB; {} wrote the file",
        machine::version("mkfs.btrfs", "--version")?,
        guest::describe()?
    );
    Ok(image)
}

/// A folder of many files; each has its own number in it.
///
/// # Errors
/// When a tool is missing or fails.
pub fn many(scratch: &Scratch) -> Result<Image> {
    let tree = scratch.path("many");
    for number in 0..FILES {
        scratch::write(&tree.join(&file(number)[1..]), number.to_string().as_bytes())?;
    }
    let disk = scratch.path("disk0");
    fs::File::create(&disk).and_then(|file| file.set_len(ALONE << 20)).context("making an image")?;
    let facts = fill(&disk, &tree, &[]);
    fs::remove_dir_all(&tree).context("removing a folder")?;
    Ok(Image {
        disks: vec![disk],
        sha256: Vec::new(),
        facts: format!("{}, with {FILES} files in a folder", facts?),
    })
}

/// Path of one of [`many`].
pub fn file(number: usize) -> String {
    format!("/folder/{number}.conf")
}

/// Makes a filesystem of a folder; how that was done.
fn fill(disk: &Path, folder: &Path, options: &[&str]) -> Result<String> {
    let first = ["-q"].iter().chain(options).map(OsStr::new);
    let last: [&OsStr; 3] = ["--rootdir".as_ref(), folder.as_ref(), disk.as_ref()];
    run("mkfs.btrfs", &first.chain(last).collect::<Vec<_>>())?;
    let version = machine::version("mkfs.btrfs", "--version")?;
    let options: String = options.iter().map(|option| format!(" {option}")).collect();
    Ok(format!("{version},{options} --rootdir, {ALONE} MiB, from a folder"))
}

/// In how many extents the only large file lies.
fn extents(disk: &Path) -> Result<usize> {
    let text = output(
        "btrfs",
        &["inspect-internal", "dump-tree", "-t", "fs"]
            .map(OsStr::new)
            .iter()
            .copied()
            .chain([disk.as_ref()])
            .collect::<Vec<_>>(),
    )?;
    Ok(text.lines().filter(|line| line.contains(" type 1 (regular)")).count())
}
