// SPDX-License-Identifier: BSD-3-Clause
//! XFS images by the real mkfs.xfs and Linux's own driver.

use std::{ffi::OsStr, path::Path};

use anyhow::{Result, ensure};

use super::{
    guest::{self, Work},
    holes::SmallFiles,
    image::{Content, Disks, FILE, Image},
};
use crate::{
    machine,
    scratch::{Scratch, output, run},
};

/// MiB of an image with two allocation groups, each large enough for the file.
const WHOLE: u64 = 700;
/// MiB of an image that the small files and its log nearly fill.
const PIECES: u64 = 400;
/// mkfs.xfs would make four allocation groups, each too small for the file.
const GROUPS: &str = "agcount=2";
/// GRUB 2.14 fails on some files with more than 2700 extents, depending on its heap: it checks inner nodes of the
/// extent map against the bounds of the inode.
pub const SMALL_FILES: SmallFiles = SmallFiles::COARSE;

/// The file as mkfs.xfs places it in an empty filesystem.
///
/// # Errors
/// When a tool is missing or fails.
pub fn whole(scratch: &Scratch) -> Result<Image> {
    let content = Content::noise(scratch)?;
    let disks = Disks::blank(scratch, WHOLE, 1)?;
    let disk = &disks.paths()[0];
    let options = ["-q", "-d", GROUPS, "-p"].map(OsStr::new);
    run("mkfs.xfs", &[&options[..], &[content.folder.as_ref(), disk.as_ref()]].concat())?;
    let extents = extents(disk)?;
    ensure!(extents < 10, "the file has {extents} extents");
    let version = machine::version("mkfs.xfs", "-V")?;
    let facts =
        format!("{version}, -d {GROUPS}, {WHOLE} MiB, -p with a folder with that file: {extents} extents");
    Ok(Image { disks, sha256: content.sha256.clone(), facts })
}

/// The file in the holes left by removed files.
///
/// # Errors
/// When a tool is missing or fails.
pub fn pieces(scratch: &Scratch) -> Result<Image> {
    let content = Content::noise(scratch)?;
    let disks = Disks::blank(scratch, PIECES, 1)?;
    let disk = &disks.paths()[0];
    run("mkfs.xfs", &["-q".as_ref(), disk.as_ref()])?;
    guest::change(scratch, &disks, "xfs", Work::Holes, Some(&content))?;
    let extents = extents(disk)?;
    ensure!(extents > 1000, "the file has {extents} extents");
    let facts = format!(
        "{}, {PIECES} MiB; {} wrote {}, removed the latter and wrote the file: {extents} extents",
        machine::version("mkfs.xfs", "-V")?,
        guest::describe()?,
        SMALL_FILES.describe()
    );
    Ok(Image { disks, sha256: content.sha256.clone(), facts })
}

/// Number of extents of the file.
fn extents(image: &Path) -> Result<usize> {
    let find = format!("path {FILE}");
    let commands = ["-r", "-c", &find, "-c", "bmap"].map(OsStr::new);
    let text = output("xfs_db", &[&commands[..], &[image.as_ref()]].concat())?;
    Ok(text.lines().filter(|line| line.starts_with("data offset ")).count())
}
