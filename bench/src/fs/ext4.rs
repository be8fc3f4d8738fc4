// SPDX-License-Identifier: BSD-3-Clause
//! ext4 images by the real mke2fs.

use std::{ffi::OsStr, fmt::Write as _, fs, path::Path};

use anyhow::{Context, Result, ensure};

use super::{
    holes::SmallFiles,
    image::{Content, Disks, FILE, Image},
};
use crate::{
    machine,
    scratch::{self, Scratch, output, run},
};

/// MiB of an image: little more than the small files, so that the large one does not fit into never-used space.
const MIB: u64 = 350;

/// The file as mke2fs places it in an empty filesystem.
///
/// # Errors
/// When a tool is missing or fails.
pub fn whole(scratch: &Scratch) -> Result<Image> {
    let content = Content::noise(scratch)?;
    let disks = Disks::blank(scratch, MIB, 1)?;
    let disk = &disks.paths()[0];
    mke2fs(&content.folder, disk)?;
    let extents = extents(disk)?;
    ensure!(extents < 10, "the file has {extents} extents");
    let facts = format!("{}, from a folder with that file: {extents} extents", options()?);
    Ok(Image { disks, sha256: content.sha256.clone(), facts })
}

/// The file in the holes left by removed files.
///
/// # Errors
/// When a tool is missing or fails.
pub fn pieces(scratch: &Scratch) -> Result<Image> {
    let content = Content::noise(scratch)?;
    let disks = Disks::blank(scratch, MIB, 1)?;
    let disk = &disks.paths()[0];
    let small_files = scratch.path("small-files");
    // mke2fs adds files in the order of their names.
    SmallFiles::FINE.write(&small_files)?;
    mke2fs(&small_files, disk)?;
    fs::remove_dir_all(&small_files).context("removing a folder")?;
    let mut commands = String::new();
    for name in SmallFiles::FINE.removed() {
        writeln!(commands, "rm {name}")?;
    }
    writeln!(commands, "write {} data", content.path().display())?;
    let script = scratch.path("script");
    scratch::write(&script, commands.as_bytes())?;
    run("debugfs", &["-w".as_ref(), "-f".as_ref(), script.as_ref(), disk.as_ref()])?;
    let extents = extents(disk)?;
    ensure!(extents > 1000, "the file has {extents} extents");
    let facts = format!(
        "{}, from a folder with {}; debugfs removed the latter and wrote the file: {extents} extents",
        options()?,
        SmallFiles::FINE.describe()
    );
    Ok(Image { disks, sha256: content.sha256.clone(), facts })
}

fn options() -> Result<String> {
    Ok(format!("{}, -t ext4 -b 4096, {MIB} MiB", machine::version("mke2fs", "-V")?))
}

fn mke2fs(tree: &Path, image: &Path) -> Result<()> {
    let options = ["-q", "-F", "-t", "ext4", "-T", "default", "-b", "4096", "-d"].map(OsStr::new);
    run("mke2fs", &[&options[..], &[tree.as_ref(), image.as_ref()]].concat())
}

/// Number of extents of the file.
fn extents(image: &Path) -> Result<u32> {
    let text = output("debugfs", &["-R".as_ref(), format!("filefrag {FILE}").as_ref(), image.as_ref()])?;
    text.lines().find_map(count).with_context(|| format!("debugfs filefrag says {text:?}"))
}

/// The number in `/data: 123 contiguous extents`.
fn count(line: &str) -> Option<u32> {
    let (_, rest) = line.split_once(": ")?;
    let (number, what) = rest.split_once(' ')?;
    what.contains("extent").then_some(number)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extents_are_counted_by_debugfs() {
        assert_eq!(count("/data: 3 contiguous extents, perfection would be 1 extent"), Some(3));
        assert_eq!(count("/data: File not found by ext2_lookup"), None);
        assert_eq!(count("debugfs 1.47.2"), None);
    }
}
