// SPDX-License-Identifier: BSD-3-Clause
//! XFS images by the real mkfs.xfs and Linux's own driver.

use std::{ffi::OsStr, path::Path};

use anyhow::{Result, ensure};

use super::{
    guest::{self, Work},
    holes::Litter,
    image::{Content, Disks, FILE, Image},
};
use crate::{
    machine,
    scratch::{Scratch, output, run},
};

/// MiB of an image in whose halves (allocation groups) the file fits.
const WHOLE: u64 = 700;
/// MiB of an image that the small files and its log nearly fill.
const PIECES: u64 = 400;
/// mkfs.xfs would make four groups, of which none has room for the file.
const GROUPS: &str = "agcount=2";
/// GRUB 2.14 reads a file of more than 2700 pieces or not, as its heap lies: it holds nodes between the root and the
/// leaves of the map against the bounds of the inode.
pub const LITTER: Litter = Litter::COARSE;

/// The file as mkfs.xfs lays it into an empty filesystem.
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
    ensure!(extents < 10, "the file lies in {extents} extents");
    let version = machine::version("mkfs.xfs", "-V")?;
    let facts =
        format!("{version}, -d {GROUPS}, {WHOLE} MiB, -p with a folder with that file: {extents} extents");
    Ok(Image { disks, sha256: content.sha256.clone(), facts })
}

/// The file in the holes that removed files have left.
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
    ensure!(extents > 1000, "the file lies in {extents} extents");
    let facts = format!(
        "{}, {PIECES} MiB; {} wrote {}, removed the latter and wrote the file: {extents} extents",
        machine::version("mkfs.xfs", "-V")?,
        guest::describe()?,
        LITTER.describe()
    );
    Ok(Image { disks, sha256: content.sha256.clone(), facts })
}

/// In how many extents the file lies.
fn extents(image: &Path) -> Result<usize> {
    let find = format!("path {FILE}");
    let commands = ["-r", "-c", &find, "-c", "bmap"].map(OsStr::new);
    let text = output("xfs_db", &[&commands[..], &[image.as_ref()]].concat())?;
    Ok(text.lines().filter(|line| line.starts_with("data offset ")).count())
}
