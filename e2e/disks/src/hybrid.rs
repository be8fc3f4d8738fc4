// SPDX-License-Identifier: BSD-3-Clause
//! A hybrid medium, by xorriso: an ISO 9660 disc that is also a disk with partitions, as installation media are.

use std::{fs, io::Write, path::Path, process::Command};

use anyhow::{Context, Result};
use tar::Archive;

use crate::{
    EPOCH,
    layout::{ESP_START, MIB},
    scratch::Scratch,
    tool::run,
};

/// Replaces `disk` with a medium from its ESP, which ends at this MiB, and from what `tar` writes.
///
/// The MBR has the disc again as partition 1, at an offset of 16 blocks, and the ESP as partition 2.
///
/// # Errors
/// When the disk is too small for such an ESP, or xorriso fails.
pub fn make(disk: &Path, esp_end: u64, tar: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let scratch = Scratch::new("hybrid")?;
    let (folder, esp) = (scratch.file("disc"), scratch.file("esp"));
    let place = |mib: u64| usize::try_from(mib.saturating_mul(MIB)).context("offset out of range");
    let bytes = fs::read(disk)?;
    fs::write(&esp, bytes.get(place(ESP_START)?..place(esp_end)?).context("the disk has no ESP")?)?;
    let mut root = Vec::new();
    tar(&mut root)?;
    Archive::new(root.as_slice()).unpack(&folder)?;
    fs::remove_file(disk)?;
    let mut command = Command::new("xorriso");
    command.args(["-as", "mkisofs", "-quiet", "-r", "-V", "MINI", "-partition_offset", "16"]);
    command.args(["--mbr-force-bootable", "-append_partition", "2", "0xef"]).arg(&esp);
    command.arg("-o").arg(disk).arg(&folder).env("SOURCE_DATE_EPOCH", EPOCH.to_string());
    run(&mut command).map(drop)
}
