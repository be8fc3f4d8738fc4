// SPDX-License-Identifier: BSD-3-Clause
//! The disks: a partition table, an ESP on the first one, and the images as partitions.

use std::{
    fs,
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{Images, Options, Volume, menu};
use crate::{
    esp,
    layout::{ESP_GUID, ESP_START, MIB, SECTOR},
    scratch::Scratch,
    table::{self, Partition},
    tool::run,
};

/// End of the ESP in MiB: its 36 MiB are just enough clusters for FAT32.
const ESP_END: u64 = 40;

/// Makes the disks: the ESP is number 1, /boot comes in front of the root.
///
/// # Errors
/// When a tool fails.
pub fn disks(options: &Options, volumes: &[Volume], images: &Images, scratch: &Scratch) -> Result<()> {
    for (number, out) in (0_usize..).zip(&options.out) {
        let mut disk = Disk::new(number);
        if number == 0 {
            disk.reserve(ESP_END.saturating_sub(ESP_START), "ef00", ESP_GUID.into());
        }
        for (volume, legs) in images.by_volume(volumes).collect::<Vec<_>>().into_iter().rev() {
            if let Some(leg) = legs.get(number) {
                disk.add(leg, volume.mib);
            }
        }
        disk.write(out)?;
    }
    let Some(first) = options.out.first() else { return Ok(()) };
    esp::make(first, ESP_END, SECTOR)?;
    let folder = scratch.file("esp");
    for file in menu::on_esp(options.shape) {
        let path = folder.join(file.path);
        fs::create_dir_all(path.parent().context("the path has no folder")?)?;
        fs::write(path, file.content)?;
    }
    esp::copy(&folder, first)
}

/// A disk in the making.
struct Disk {
    number: usize,
    partitions: Vec<Partition>,
    /// Images to copy, with the MiB of their partitions.
    images: Vec<(PathBuf, u64)>,
    end: u64,
}

impl Disk {
    fn new(number: usize) -> Self {
        Self { number, partitions: Vec::new(), images: Vec::new(), end: ESP_START }
    }

    fn reserve(&mut self, size: u64, kind: &'static str, guid: String) {
        let number = u32::try_from(self.partitions.len()).unwrap_or(u32::MAX).saturating_add(1);
        self.partitions.push(Partition { number, start: self.end, size, kind, guid });
        self.end = self.end.saturating_add(size);
    }

    fn add(&mut self, image: &Path, size: u64) {
        self.images.push((image.into(), self.end));
        let guid = format!("BBBBBBBB-{:04}-4000-8000-{:012}", self.partitions.len(), self.number);
        self.reserve(size, "8300", guid);
    }

    fn write(&self, out: &Path) -> Result<()> {
        // One more MiB for the backup partition table.
        let size =
            self.end.checked_add(1).and_then(|mib| mib.checked_mul(MIB)).context("size out of range")?;
        File::create(out).and_then(|file| file.set_len(size)).context("creating the disk")?;
        table::write(out, &format!("BBBBBBBB-0000-4000-8000-{:012}", self.number), &self.partitions)?;
        for (image, start) in &self.images {
            let mut command = Command::new("dd");
            command.arg(format!("if={}", image.display())).arg(format!("of={}", out.display()));
            command.args(["bs=1M", "conv=notrunc,sparse", &format!("seek={start}")]);
            run(&mut command)?;
        }
        Ok(())
    }
}
