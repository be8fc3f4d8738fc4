// SPDX-License-Identifier: BSD-3-Clause
//! A machine that lost power: the last version of grub.cfg is only in the journal.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::{
    EPOCH, debugfs,
    layout::{BLOCK, Layout},
    scratch::Scratch,
    tool::run,
};

const GRUB_CFG: &str = "/boot/grub/grub.cfg";
/// A word of it, and the earlier word of the same length.
const NOW: &str = "mini=default";
const EARLIER: &str = "mini=earlier";

/// Moves the only block of grub.cfg into a transaction of the journal, with checksums, and leaves an earlier version
/// in its place. Not reproducible: the transaction has the time of day.
///
/// # Errors
/// When it has more blocks, or debugfs fails.
pub fn fill(layout: &Layout, disk: &Path) -> Result<()> {
    let blocks = debugfs::blocks(layout, disk, GRUB_CFG)?;
    let [position] = *blocks.as_slice() else { anyhow::bail!("grub.cfg has {} blocks", blocks.len()) };
    let mut block = vec![0; usize::try_from(BLOCK)?];
    let file = File::options().read(true).write(true).open(disk)?;
    file.read_exact_at(&mut block, position)?;
    let scratch = Scratch::new("journal")?;
    let (content, commands) = (scratch.file("block"), scratch.file("commands"));
    fs::write(&content, &block)?;
    let word = block
        .windows(NOW.len())
        .position(|word| word == NOW.as_bytes())
        .context("the word to change is not in grub.cfg")?;
    file.write_all_at(EARLIER.as_bytes(), position.saturating_add(u64::try_from(word)?))?;

    let number = position.saturating_sub(layout.root_offset()).checked_div(BLOCK).unwrap_or(0);
    fs::write(&commands, format!("jo -c -v 3\njw -b {number} {}\njc\n", content.display()))?;
    let mut debugfs = Command::new("debugfs");
    debugfs.arg("-w").arg("-f").arg(&commands).arg(layout.root_in(disk));
    run(debugfs.env("SOURCE_DATE_EPOCH", EPOCH.to_string()).env("E2FSPROGS_FAKE_TIME", EPOCH.to_string()))?;
    let features = debugfs::ask(layout, disk, "features")?;
    ensure!(features.contains("needs_recovery"), "debugfs left nothing to recover: {features}");
    Ok(())
}
