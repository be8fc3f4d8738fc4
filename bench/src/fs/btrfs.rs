// SPDX-License-Identifier: BSD-3-Clause
//! btrfs images by the real mkfs.btrfs and Linux's own driver.

use std::{ffi::OsStr, path::Path};

use anyhow::{Result, ensure};

use super::{
    guest::{self, Work},
    image::{Content, Disks, Image},
    many,
};
use crate::{
    machine,
    scratch::{Scratch, output, run},
};

/// MiB of a disk with space for one and a half times the file.
const ALONE: u64 = 640;
/// MiB of each of several disks.
const EACH: u64 = 400;

/// The file as mkfs.btrfs places it in an empty filesystem.
///
/// # Errors
/// When a tool is missing or fails.
pub fn whole(scratch: &Scratch) -> Result<Image> {
    let content = Content::noise(scratch)?;
    let disks = Disks::blank(scratch, ALONE, 1)?;
    let disk = &disks.paths()[0];
    let facts = fill(disk, &content.folder, &[])?;
    let extents = extents(disk)?;
    ensure!(extents < 300, "the file has {extents} extents");
    let facts = format!("{facts}, with that file: {extents} extents, one behind the other");
    Ok(Image { disks, sha256: content.sha256.clone(), facts })
}

/// The same, compressed by zstd.
///
/// # Errors
/// When a tool is missing or fails.
pub fn compressed(scratch: &Scratch) -> Result<Image> {
    let content = Content::text(scratch)?;
    let disks = Disks::blank(scratch, ALONE, 1)?;
    let disk = &disks.paths()[0];
    let facts = fill(disk, &content.folder, &["--compress", "zstd"])?;
    let extents = extents(disk)?;
    ensure!(extents > 2000, "the file has only {extents} extents: it is not compressed");
    let facts = format!("{facts}, with that file, of words: {extents} extents of up to 128 KiB");
    Ok(Image { disks, sha256: content.sha256.clone(), facts })
}

/// The file, with every second piece rewritten: copy-on-write puts the new ones elsewhere.
///
/// # Errors
/// When a tool is missing or fails.
pub fn pieces(scratch: &Scratch) -> Result<Image> {
    let content = Content::noise(scratch)?;
    let disks = Disks::blank(scratch, ALONE, 1)?;
    let disk = &disks.paths()[0];
    run("mkfs.btrfs", &["-q".as_ref(), disk.as_ref()])?;
    guest::change(scratch, &disks, "btrfs", Work::Rewrite, Some(&content))?;
    let extents = extents(disk)?;
    ensure!(extents > 1000, "the file has {extents} extents");
    let facts = format!(
        "{}, {ALONE} MiB; {} wrote the file, and every second 64 KiB of it anew, in random order: {extents} extents",
        machine::version("mkfs.btrfs", "--version")?,
        guest::describe()?
    );
    Ok(Image { disks, sha256: content.sha256.clone(), facts })
}

/// The file on several disks, with copies or parities as `profile` says.
///
/// # Errors
/// When a tool is missing or fails.
pub fn spread(scratch: &Scratch, profile: &str, count: usize) -> Result<Image> {
    let content = Content::noise(scratch)?;
    let disks = Disks::blank(scratch, EACH, count)?;
    let options = ["-q", "-d", profile, "-m", "raid1c3"].map(OsStr::new);
    let paths = disks.paths().iter().map(AsRef::as_ref);
    run("mkfs.btrfs", &options.into_iter().chain(paths).collect::<Vec<_>>())?;
    guest::change(scratch, &disks, "btrfs", Work::Copy, Some(&content))?;
    let facts = format!(
        "{}, -d {profile} -m raid1c3, {count} of {EACH} MiB; {} wrote the file",
        machine::version("mkfs.btrfs", "--version")?,
        guest::describe()?
    );
    Ok(Image { disks, sha256: content.sha256.clone(), facts })
}

/// A folder of many files.
///
/// # Errors
/// When a tool is missing or fails.
pub fn crowd(scratch: &Scratch) -> Result<Image> {
    let disks = Disks::blank(scratch, ALONE, 1)?;
    run("mkfs.btrfs", &["-q".as_ref(), disks.paths()[0].as_ref()])?;
    guest::change(scratch, &disks, "btrfs", Work::Crowd, None)?;
    let facts = format!(
        "{}, {ALONE} MiB; {} wrote {} files into one folder",
        machine::version("mkfs.btrfs", "--version")?,
        guest::describe()?,
        many::FILES
    );
    Ok(Image { disks, sha256: Vec::new(), facts })
}

/// Makes a filesystem from a folder; returns how that was done.
fn fill(disk: &Path, folder: &Path, options: &[&str]) -> Result<String> {
    let first = ["-q"].iter().chain(options).map(OsStr::new);
    let last: [&OsStr; 3] = ["--rootdir".as_ref(), folder.as_ref(), disk.as_ref()];
    run("mkfs.btrfs", &first.chain(last).collect::<Vec<_>>())?;
    let version = machine::version("mkfs.btrfs", "--version")?;
    let options: String = options.iter().map(|option| format!(" {option}")).collect();
    Ok(format!("{version},{options} --rootdir, {ALONE} MiB, from a folder"))
}

/// Number of extents of the only large file.
fn extents(disk: &Path) -> Result<usize> {
    let dump = ["inspect-internal", "dump-tree", "-t", "fs"].map(OsStr::new);
    let text = output("btrfs", &[&dump[..], &[disk.as_ref()]].concat())?;
    Ok(text.lines().filter(|line| line.contains(" type 1 (regular)")).count())
}
