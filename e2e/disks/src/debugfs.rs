// SPDX-License-Identifier: BSD-3-Clause
//! Locates structures of the root filesystem, by debugfs.

use std::{path::Path, process::Command};

use anyhow::{Context, Result};

use crate::{
    layout::{BLOCK, Layout},
    tool::run,
};

/// The answer of debugfs to one request. It always exits with 0, even on errors.
///
/// # Errors
/// When it cannot be run.
pub fn ask(layout: &Layout, disk: &Path, request: &str) -> Result<String> {
    run(Command::new("debugfs").args(["-R", request]).arg(layout.root_in(disk)))
}

/// The blocks of a file or folder, in order, as byte offsets on the disk. `<8>` is inode 8, the journal.
///
/// # Errors
/// When there is no such file.
pub fn blocks(layout: &Layout, disk: &Path, path: &str) -> Result<Vec<u64>> {
    let answer = ask(layout, disk, &format!("blocks {path}"))?;
    let numbers = answer.split_whitespace().map(|word| position(layout, word));
    let blocks = numbers.collect::<Result<Vec<_>>>().with_context(|| format!("{path}: {answer}"))?;
    (!blocks.is_empty()).then_some(blocks).with_context(|| format!("{path} has no blocks"))
}

/// The inode of a file or folder, as a byte offset on the disk.
///
/// # Errors
/// When there is no such file.
pub fn inode(layout: &Layout, disk: &Path, path: &str) -> Result<u64> {
    let answer = ask(layout, disk, &format!("imap {path}"))?;
    let (_, rest) = answer.split_once("located at block ").with_context(|| format!("{path}: {answer}"))?;
    let (block, within) = rest.split_once(", offset 0x").with_context(|| format!("{path}: {answer}"))?;
    let within = u64::from_str_radix(within.trim(), 16).with_context(|| answer.clone())?;
    position(layout, block)?.checked_add(within).context("offset out of range")
}

/// Byte offset of a block on the disk.
fn position(layout: &Layout, number: &str) -> Result<u64> {
    let number: u64 = number.parse()?;
    let within = number.checked_mul(BLOCK).context("offset out of range")?;
    layout.root_offset().checked_add(within).context("offset out of range")
}
