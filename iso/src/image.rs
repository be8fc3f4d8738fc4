// SPDX-License-Identifier: BSD-3-Clause
//! The EFI system partition and the image around it.

use std::collections::BTreeMap;

use anyhow::Context;
use arch::Arch;
use fat::write::Size;
use filesystem::Timestamp;
use part::gpt::{Layout, NewPartition};

use crate::identity::Identity;

/// Label of released images.
pub const LABEL: &str = "CLOUD_BOOT";
/// Timestamp of everything in them: 2026-01-01 00:00:00 UTC, raised at each release.
pub const TIME: Timestamp = Timestamp { seconds: 1_767_225_600, nanoseconds: 0 };

/// Block size of the GPT in bytes: that of disks, also when the image is used as a CD.
const BLOCK: u64 = 512;
/// Entries of the GPT: the minimum of UEFI (2.11, 5.3.1). They fit into the ISO 9660 system area.
const ENTRIES: u32 = 128;
/// Blocks of the GPT's backup: 32 of entries, one header.
const BACKUP_BLOCKS: u64 = 33;
/// Bytes left free in the EFI system partition: for a plan and other configuration on a USB stick.
const FREE: u64 = 256 * 1024;

/// Path of root certificates on an image.
pub const CA: &str = "/cloudboot/ca.pem";

const README: &str = "\
cloud-boot

This medium boots machines with UEFI firmware. Each architecture has its own
loader in \\EFI\\BOOT, and the firmware picks the one that it needs. There is
nothing to install and nothing else to start from here.
";

/// The content of an image.
#[derive(Clone, Debug)]
pub struct Content {
    /// The programs.
    pub programs: BTreeMap<Arch, Vec<u8>>,
    /// Text of `\cloudboot\cmdline`, if any.
    pub cmdline: Option<String>,
    /// Root certificates, PEM, as `\cloudboot\ca.pem`, if any. The loader reads them if a setting says so:
    /// `cloudboot.ca=/cloudboot/ca.pem`.
    pub ca: Option<Vec<u8>>,
    /// Label of both filesystems: at most 11 capitals, digits and underscores.
    pub label: String,
    /// Timestamp of everything in it.
    pub time: Timestamp,
}

/// The result.
#[derive(Clone, Debug)]
pub struct Files {
    /// The whole image.
    pub image: Vec<u8>,
    /// Its EFI system partition alone.
    pub esp: Vec<u8>,
}

/// Makes an image.
///
/// # Errors
/// When FAT or ISO 9660 does not allow the label, or the files are too large.
pub fn make(content: &Content) -> anyhow::Result<Files> {
    let esp = esp(content)?;
    Ok(Files { image: hybrid(content, &esp)?, esp })
}

impl Content {
    /// Its identity: all that distinguishes it from other content.
    fn identity(&self) -> Identity {
        let seconds = self.time.seconds.to_le_bytes();
        let programs = self.programs.iter().flat_map(|(arch, program)| [arch.name().as_bytes(), program]);
        let settings = [self.cmdline.as_deref().map(str::as_bytes), self.ca.as_deref()];
        let settings = settings.into_iter().flatten();
        Identity::of([self.label.as_bytes(), &seconds].into_iter().chain(programs).chain(settings))
    }

    /// Paths and bytes of the files, the same in both filesystems.
    fn files(&self) -> impl Iterator<Item = (String, &[u8])> {
        let programs = self.programs.iter();
        let programs =
            programs.map(|(arch, bytes)| (format!("EFI/BOOT/{}", arch.boot_file()), bytes.as_slice()));
        let cmdline = self.cmdline.iter().map(|text| ("cloudboot/cmdline".to_string(), text.as_bytes()));
        let ca = self.ca.iter().map(|pem| (CA[1..].to_string(), pem.as_slice()));
        programs.chain(cmdline).chain(ca).chain([("README.TXT".to_string(), README.as_bytes())])
    }
}

/// The EFI system partition: a FAT volume just large enough for its files and a little free space.
fn esp(content: &Content) -> anyhow::Result<Vec<u8>> {
    let mut builder = fat::write::Builder::new();
    for (path, bytes) in content.files() {
        builder.file(&path, bytes)?;
    }
    let options = fat::write::Options {
        volume_id: content.identity().serial(),
        label: content.label.clone(),
        time: content.time,
        kind: None,
        size: Size::Fit { free: FREE },
    };
    builder.build(&options).context("EFI system partition")
}

/// The image: ISO 9660 with `esp` as El Torito boot image and as the only partition of a GPT.
fn hybrid(content: &Content, esp: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut builder = iso9660::write::Builder::new();
    for (path, bytes) in content.files() {
        builder.file(&path, bytes)?;
    }
    builder.boot_image(esp);
    let options = iso9660::write::Options {
        volume_id: content.label.clone(),
        time: content.time,
        tail: BACKUP_BLOCKS * BLOCK,
    };
    let plan = builder.plan(&options).context("ISO 9660")?;
    let place = plan.boot_image().context("ISO 9660: no boot image in the plan")?;
    let identity = content.identity();
    let partition = NewPartition {
        type_guid: part::ESP.to_bytes(),
        guid: identity.guid("EFI system partition"),
        first_lba: place.start / BLOCK,
        last_lba: place.end / BLOCK - 1,
        name: "EFI system partition".into(),
        attributes: 0,
    };
    let table = Layout {
        disk_guid: identity.guid("disk"),
        block_size: BLOCK as u32,
        disk_blocks: plan.size() / BLOCK,
        entries: ENTRIES,
        partitions: vec![partition],
    };
    Ok(plan.to_bytes(&table.primary()?, &table.backup()?)?)
}
