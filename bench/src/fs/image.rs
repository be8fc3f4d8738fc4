// SPDX-License-Identifier: BSD-3-Clause
//! ext4 images by the real mke2fs, with one large file.

use std::{
    ffi::OsStr,
    fmt,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use sha2::{Digest as _, Sha256};

use crate::{
    machine,
    scratch::{self, Scratch, run},
};

/// Path of the file.
pub const FILE: &str = "/data";
/// Bytes of the file.
pub const SIZE: u64 = 256 << 20;

/// How the file lies on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// As mke2fs lays it into an empty filesystem.
    Whole,
    /// In the holes that removed files have left.
    Pieces,
}

/// An image that is ready to be read.
#[derive(Debug)]
pub struct Image {
    /// Where it is.
    pub path: PathBuf,
    /// Of the file's bytes.
    pub sha256: Vec<u8>,
    /// How it was made.
    pub facts: String,
}

/// Size of an image: little beyond the small files, so that the large one fits into no free space that was never used.
const SPACE: &str = "350M";
/// Files that are removed, and as many that stay between them; their bytes.
const FILES: usize = 4500;
const REMOVED: usize = 64 << 10;
const KEPT: usize = 4 << 10;

impl Shape {
    /// Every shape.
    pub const ALL: [Self; 2] = [Self::Whole, Self::Pieces];
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Whole => "in one piece",
            Self::Pieces => "in many pieces",
        })
    }
}

/// Makes the image of a shape.
///
/// # Errors
/// When a tool is missing or fails.
pub fn make(scratch: &Scratch, shape: Shape) -> Result<Image> {
    let tree = scratch.path("tree");
    fs::create_dir(&tree).context("making a folder")?;
    let bytes = scratch::noise(usize::try_from(SIZE)?, 1);
    let sha256 = Sha256::digest(&bytes).to_vec();
    let path = scratch.path(if shape == Shape::Whole { "whole.ext4" } else { "pieces.ext4" });
    match shape {
        Shape::Whole => {
            scratch::write(&tree.join("data"), &bytes)?;
            mke2fs(&tree, &path)?;
        }
        Shape::Pieces => {
            let script = litter(&tree)?;
            mke2fs(&tree, &path)?;
            let source = scratch.path("data");
            scratch::write(&source, &bytes)?;
            let script = format!("{script}write {} data\n", source.display());
            scratch::write(&scratch.path("script"), script.as_bytes())?;
            run(
                "debugfs",
                &[OsStr::new("-w"), "-f".as_ref(), scratch.path("script").as_ref(), path.as_ref()],
            )?;
            fs::remove_file(&source).context("removing a file")?;
        }
    }
    fs::remove_dir_all(&tree).context("removing a folder")?;
    let facts = facts(&path, shape)?;
    Ok(Image { path, sha256, facts })
}

/// Fills the tree with small files; the script of debugfs that removes the larger half.
fn litter(tree: &Path) -> Result<String> {
    let bytes = scratch::noise(REMOVED, 3);
    let mut script = String::new();
    for number in 0..FILES {
        // mke2fs takes names in their order: one that is kept stands behind one that is not.
        let name = format!("{:02}/{number:04}", number / 100);
        scratch::write(&tree.join(format!("{name}-kept")), &bytes[..KEPT])?;
        scratch::write(&tree.join(&name), &bytes)?;
        writeln!(script, "rm {name}")?;
    }
    Ok(script)
}

fn mke2fs(tree: &Path, image: &Path) -> Result<()> {
    let options = ["-q", "-F", "-t", "ext4", "-T", "default", "-b", "4096", "-d"].map(OsStr::new);
    run("mke2fs", &[&options[..], &[tree.as_ref(), image.as_ref(), SPACE.as_ref()]].concat())
}

/// How it was made, and in how many pieces the file lies.
fn facts(image: &Path, shape: Shape) -> Result<String> {
    let mut command = Command::new("debugfs");
    let output = command
        .args(["-R", &format!("filefrag {FILE}")])
        .arg(image)
        .output()
        .context("debugfs does not start")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let extents =
        text.lines().find_map(extents).with_context(|| format!("debugfs filefrag says {text:?}"))?;
    ensure!((shape == Shape::Pieces) == (extents > 1000), "the file {shape} has {extents} extents");
    let version = machine::version("mke2fs", "-V")?;
    let how = match shape {
        Shape::Whole => "from a folder with that file".to_owned(),
        Shape::Pieces => format!(
            "from a folder with {FILES} files of {} KiB and as many of {} KiB; debugfs removed the latter and wrote \
             the file",
            KEPT >> 10,
            REMOVED >> 10
        ),
    };
    Ok(format!("{version}, -t ext4 -b 4096, {SPACE}, {how}: {extents} contiguous extents"))
}

/// The number in `/data: 123 contiguous extents`.
fn extents(line: &str) -> Option<u32> {
    let (_, rest) = line.split_once(": ")?;
    let (number, what) = rest.split_once(' ')?;
    what.contains("extent").then_some(number)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extents_are_counted_by_debugfs() {
        assert_eq!(extents("/data: 3 contiguous extents, perfection would be 1 extent"), Some(3));
        assert_eq!(extents("/data: File not found by ext2_lookup"), None);
        assert_eq!(extents("debugfs 1.47.2"), None);
    }
}
