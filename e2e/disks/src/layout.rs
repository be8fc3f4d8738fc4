// SPDX-License-Identifier: BSD-3-Clause
//! The disk: partition table, ESP and root filesystem, each made by Debian's tool for it.
//!
//! ```text
//! MiB 0        1                4                    esp_end            esp_end + root
//!     GPT      p14 BIOS boot    p15 ESP, FAT32       p1 root, ext4      GPT again
//! ```
//! Numbers, identifiers and offsets are those of Debian's cloud image; a mini disk has no p14 and a smaller ESP.

use std::{fs::File, io::Write, os::unix::fs::FileExt, path::Path, process::Command};

use crate::{
    EPOCH, esp,
    table::{self, Partition},
    tool::feed,
};
use anyhow::{Context, Result, anyhow, bail};
use part::{Guid, gpt};

/// Start of the ESP on every disk, in MiB.
pub const ESP_START: u64 = 4;
pub const MIB: u64 = 1 << 20;
/// Bytes of a block of the root filesystem.
pub const BLOCK: u64 = 4096;
/// The unit of sgdisk and of most disks.
pub const SECTOR: u64 = 512;

const DISK_GUID: &str = "AAAAAAAA-0000-4000-8000-000000000000";
const BIOS_BOOT_GUID: &str = "AAAAAAAA-000E-4000-8000-00000000000E";
/// PARTUUID of the ESP, the partition 15.
pub const ESP_GUID: &str = "AAAAAAAA-000F-4000-8000-00000000000F";
/// PARTUUID of the root, as Linux spells it.
pub const ROOT_PARTUUID: &str = "aaaaaaaa-0001-4000-8000-000000000001";
/// UUID of the root filesystem, and the seed of its hashed folders.
pub const ROOT_UUID: &str = "11111111-2222-4333-8444-00000000000a";
/// Partition type of a Linux filesystem.
const LINUX_TYPE: &str = "0FC63DAF-8483-4772-8E79-3D69D8477DE4";

/// Where things are, in MiB.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Whether there is partition 14 for BIOS GRUB.
    pub bios_boot: bool,
    /// End of the ESP and start of the root.
    pub esp_end: u64,
    /// Size of the root.
    pub root: u64,
    /// Label of the root filesystem.
    pub label: &'static str,
    /// Bytes of a logical block of the disk.
    pub sector_size: u64,
    /// Whether the table is an MBR: slots 1 and 2 are empty, the ESP is partition 3, the root 4.
    pub has_mbr: bool,
}

impl Layout {
    /// Makes the disk, a sparse file, with an empty ESP and the root that `tar` writes.
    ///
    /// # Errors
    /// When a tool fails, such as mke2fs for a root that is too small, with its output.
    pub fn make(&self, disk: &Path, tar: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
        let end = self.esp_end.checked_add(self.root).context("size out of range")?;
        // One more MiB for the backup partition table.
        let size = end.checked_add(1).and_then(|mib| mib.checked_mul(MIB)).context("size out of range")?;
        File::create(disk).and_then(|file| file.set_len(size)).context("creating the disk")?;
        if self.has_mbr {
            self.write_mbr(disk)?;
        } else if self.sector_size == SECTOR {
            self.partition(disk)?;
        } else {
            self.write_table(disk, size)?;
        }
        esp::make(disk, self.esp_end, self.sector_size)?;
        self.make_root(disk, tar)
    }

    /// The root in `disk` as e2fsprogs take it, with its offset.
    pub fn root_in(&self, disk: &Path) -> String {
        format!("{}?offset={}", disk.display(), self.root_offset())
    }

    /// Start of the root in bytes.
    pub const fn root_offset(&self) -> u64 {
        self.esp_end.saturating_mul(MIB)
    }

    fn partition(&self, disk: &Path) -> Result<()> {
        let partition = |number, start, end: u64, kind, guid: &str| {
            let size = end.saturating_sub(start);
            Partition { number, start, size, kind, guid: guid.into() }
        };
        let mut partitions = Vec::new();
        if self.bios_boot {
            partitions.push(partition(14, 1, ESP_START, "ef02", BIOS_BOOT_GUID));
        }
        partitions.push(partition(15, ESP_START, self.esp_end, "ef00", ESP_GUID));
        let end = self.esp_end.saturating_add(self.root);
        partitions.push(partition(1, self.esp_end, end, "8300", ROOT_PARTUUID));
        table::write(disk, DISK_GUID, &partitions)
    }

    /// Sectors up to this MiB.
    fn sectors(&self, mib: u64) -> u64 {
        mib.saturating_mul(MIB).checked_div(self.sector_size).unwrap_or(0)
    }

    /// Writes a GPT by `//fs/part`: in a file, sgdisk supports only 512-byte sectors. The root is number 1, the ESP 2.
    fn write_table(&self, disk: &Path, size: u64) -> Result<()> {
        let guid = |text: &str| text.parse::<Guid>().map(Guid::to_bytes).map_err(|e| anyhow!("{text}: {e}"));
        let partition = |start: u64, end: u64, type_guid, own: &str| -> Result<gpt::NewPartition> {
            let (first_lba, last_lba) = (self.sectors(start), self.sectors(end).saturating_sub(1));
            let name = String::new();
            Ok(gpt::NewPartition { type_guid, guid: guid(own)?, first_lba, last_lba, name, attributes: 0 })
        };
        let end = self.esp_end.saturating_add(self.root);
        let table = gpt::Layout {
            disk_guid: guid(DISK_GUID)?,
            block_size: u32::try_from(self.sector_size)?,
            disk_blocks: size.checked_div(self.sector_size).context("the sector size is 0")?,
            entries: 128,
            partitions: vec![
                partition(self.esp_end, end, guid(LINUX_TYPE)?, ROOT_PARTUUID)?,
                partition(ESP_START, self.esp_end, part::ESP.to_bytes(), ESP_GUID)?,
            ],
        };
        let (primary, backup) = (table.primary()?, table.backup()?);
        let file = File::options().write(true).open(disk)?;
        file.write_all_at(&primary, 0)?;
        let start = size.checked_sub(u64::try_from(backup.len())?).context("the disk is too small")?;
        Ok(file.write_all_at(&backup, start)?)
    }

    /// Writes an MBR, which sgdisk does not support. Block numbers are from the disk's start; CHS fields are not used.
    fn write_mbr(&self, disk: &Path) -> Result<()> {
        const FIRST_SLOT: u64 = 446;
        const SLOT: u64 = 16;
        const NO_CYLINDER: [u8; 3] = [0xfe, 0xff, 0xff];
        let end = self.esp_end.saturating_add(self.root);
        let slot = |kind: u8, start: u64, end: u64| -> Result<Vec<u8>> {
            let (first, length) = (self.sectors(start), self.sectors(end.saturating_sub(start)));
            let numbers = [u32::try_from(first)?.to_le_bytes(), u32::try_from(length)?.to_le_bytes()];
            Ok([&[0][..], &NO_CYLINDER, &[kind], &NO_CYLINDER, numbers.as_flattened()].concat())
        };
        let slots = [slot(0xef, ESP_START, self.esp_end)?, slot(0x83, self.esp_end, end)?].concat();
        let file = File::options().write(true).open(disk)?;
        file.write_all_at(&slots, FIRST_SLOT.saturating_add(SLOT.saturating_mul(2)))?;
        Ok(file.write_all_at(&[0x55, 0xaa], SECTOR.saturating_sub(2))?)
    }

    fn make_root(&self, disk: &Path, tar: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
        let options =
            format!("offset={},hash_seed={ROOT_UUID},lazy_itable_init=1,nodiscard", self.root_offset());
        // -T: inodes and blocks as for a large disk; the default for a small one is 1 KiB blocks.
        let mut command = Command::new("mke2fs");
        command.args(["-q", "-F", "-t", "ext4", "-T", "default", "-b", "4096", "-L", self.label]);
        command.args(["-U", ROOT_UUID, "-E", &options, "-d", "-"]);
        command.arg(disk).arg(format!("{}k", self.root.saturating_mul(1024)));
        command.env("SOURCE_DATE_EPOCH", EPOCH.to_string()).env("E2FSPROGS_FAKE_TIME", EPOCH.to_string());
        match feed(&mut command, |pipe| tar(pipe)) {
            Err(error) if format!("{error:#}").contains("libarchive") => {
                bail!(
                    "mke2fs needs libarchive.so.13 to read tar files: install Debian's package libarchive13t64"
                )
            }
            Err(error) => Err(error),
            Ok(_) => Ok(()),
        }
    }
}
