// SPDX-License-Identifier: BSD-3-Clause
//! Locates structures of XFS and btrfs in an image, by their own tools.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, bail, ensure};

use super::Filesystem;
use crate::{
    faults::{BytePlace, Structure},
    layout::SECTOR,
    tool::run,
};

/// The byte offset of a place in an image.
///
/// # Errors
/// When there is no such structure.
pub fn position(place: &BytePlace, filesystem: Filesystem, image: &Path) -> Result<u64> {
    let start = match (filesystem, &place.structure) {
        (Filesystem::Xfs, Structure::Inode(path)) => inode(image, path)?,
        (Filesystem::Xfs, Structure::Content(path)) => content(image, path)?,
        (Filesystem::Xfs, Structure::Log(record)) => log_record(image, *record)?,
        (Filesystem::Btrfs, Structure::Tree(id)) => tree(image, *id)?,
        _ => bail!("{place:?} is not a structure of {}", filesystem.name()),
    };
    start.checked_add(place.offset).context("offset out of range")
}

/// The output of xfs_db for commands at the inode of `path`.
fn xfs_db(image: &Path, path: &str, commands: &[&str]) -> Result<String> {
    let mut command = Command::new("xfs_db");
    command.args(["-r", "-c", &format!("path {path}")]);
    for request in commands {
        command.args(["-c", request]);
    }
    run(command.arg(image))
}

fn inode(image: &Path, path: &str) -> Result<u64> {
    let answer = xfs_db(image, path, &["addr"])?;
    let offset = between(&answer, "byte offset ", ",").with_context(|| format!("{path}: {answer}"))?;
    Ok(offset.parse()?)
}

/// The first block of a file or folder whose content is not inline in the inode.
fn content(image: &Path, path: &str) -> Result<u64> {
    let answer = xfs_db(image, path, &["dblock 0", "daddr"])?;
    let sector =
        answer.trim().strip_prefix("datadev daddr is ").with_context(|| format!("{path}: {answer}"))?;
    sector.parse::<u64>()?.checked_mul(SECTOR).context("offset out of range")
}

/// The body of a log record, counted from the tail: 0 is the oldest that Linux would replay.
fn log_record(image: &Path, record: usize) -> Result<u64> {
    let answer = run(Command::new("xfs_logprint").arg("-d").arg(image))?;
    let start =
        between(&answer, "daddr: ", " ").context("no log in the output of xfs_logprint")?.parse::<u64>()?;
    let headers: Vec<(u64, u64)> = answer.lines().filter_map(header).collect();
    let (_, tail) = headers.last().context("the log has no records")?;
    let blocks: Vec<u64> = headers.iter().map(|(block, _)| *block).filter(|block| block >= tail).collect();
    // A bad record among the last eight is taken for a torn write, and ignored.
    ensure!(blocks.len() > record.saturating_add(8), "only {} records to replay", blocks.len());
    let block = blocks.get(record).context("no such record")?;
    // A header has one sector.
    start
        .checked_add(*block)
        .and_then(|block| block.checked_add(1)?.checked_mul(SECTOR))
        .context("offset out of range")
}

/// Block of a record's header in the log, and the block of the tail at that time. Only cycle 1: cycle 0 was never
/// written, and a log of a few records does not wrap.
fn header(line: &str) -> Option<(u64, u64)> {
    let (block, rest) = line.trim().split_once(" HEADER Cycle 1 tail 1:")?;
    Some((block.parse().ok()?, rest.split_once(' ')?.0.parse().ok()?))
}

/// The root of a tree, in its first copy.
fn tree(image: &Path, id: u64) -> Result<u64> {
    let inspect = |what: &str, option: &str, value: &str| {
        run(Command::new("btrfs").args(["inspect-internal", what, option, value]).arg(image))
    };
    let dump = inspect("dump-tree", "-t", &id.to_string())?;
    let found = dump.lines().find_map(|line| line.strip_prefix("leaf ").or(line.strip_prefix("node ")));
    let logical = found.and_then(|line| line.split(' ').next()).with_context(|| format!("no tree {id}"))?;
    let answer = run(Command::new("btrfs-map-logical").args(["-l", logical]).arg(image))?;
    let physical = between(&answer, "mirror 1 logical ", " device").with_context(|| answer.clone())?;
    Ok(physical.rsplit(' ').next().unwrap_or_default().parse()?)
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    Some(text.split_once(before)?.1.split_once(after)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_told_from_what_was_never_written() {
        assert_eq!(header("    33 HEADER Cycle 1 tail 1:000027 len   2560 ops 24"), Some((33, 27)));
        assert_eq!(header("    46 HEADER Cycle 0 tail 1:000023 len      0 ops 0"), None);
        assert_eq!(header("[00000 - 00045] Cycle 0x00000001 New Cycle 0x00000000"), None);
    }

    #[test]
    fn words_between_others_are_found() {
        assert_eq!(between("a byte offset 72704, length 512", "byte offset ", ","), Some("72704"));
        assert_eq!(between("a", "b", "c"), None);
    }
}
