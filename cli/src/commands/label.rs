// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot label`.

use std::{ffi::OsString, os::unix::ffi::OsStrExt, path::Path};

use block::Slice;
use clap::Args;
use code::Code;
use ext4::label::{self, LabelError};
use serde::Serialize;
use vfs::Volume;

use crate::{
    codes,
    failure::{Failure, Stop},
    images::{self, Backing},
    machine::Machine,
    printer::{Printer, text},
    volume,
};

/// blkid's names of the filesystems whose label can be set.
const FORMATS: [&str; 3] = ["ext2", "ext3", "ext4"];

/// Sets the label of an ext4 volume, or shows it
#[derive(Args)]
#[command(after_help = "Examples:
  cloud-boot label disk.raw
      shows the label
  cloud-boot label disk.raw cloudimg-rootfs
      sets it
  cloud-boot label disk.raw data --volume 'disk.raw#2'
      on one of several volumes
  cloud-boot label --json disk.raw
      the same as JSON: volume and label

Only raw images and block devices are written to, and nothing in them but the label in the superblock and its copies.
Convert other images first: qemu-img convert -O raw disk.qcow2 disk.raw")]
pub struct Options {
    /// An image or block device
    #[arg(value_name = "IMAGE")]
    image: OsString,
    /// The new label, up to 16 bytes; empty for none
    #[arg(value_name = "LABEL")]
    label: Option<OsString>,
    /// The volume: id, label or UUID as `cloud-boot inspect` shows them, or LABEL=, UUID=, PARTLABEL=, PARTUUID=
    #[arg(long, value_name = "VOLUME")]
    volume: Option<OsString>,
    #[command(flatten)]
    backing: Backing,
    /// One line of JSON: the volume and its current label
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    volume: String,
    /// None for an empty label, as in `inspect --json`.
    label: Option<String>,
}

impl Options {
    /// Sets it, or prints it.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        let machine = Machine::open(std::slice::from_ref(&self.image), &self.backing)?;
        let volume = volume::pick(&machine, self.volume.as_deref().map(OsStrExt::as_bytes))?;
        let show = |label: &[u8], printer: &mut Printer| {
            let label = Some(lossy(label)).filter(|label| !label.is_empty());
            printer.json(&Report { volume: lossy(&machine.id_of(volume)), label })
        };
        match &self.label {
            None if self.json => show(&volume.identity().label, printer),
            None => printer.line(format_args!("{}", text(&volume.identity().label))),
            Some(label) => {
                self.set(&machine, volume, label.as_bytes())?;
                if self.json { show(label.as_bytes(), printer) } else { Ok(()) }
            }
        }
    }

    fn set(&self, machine: &Machine, volume: &Volume, label: &[u8]) -> Result<(), Failure> {
        let (id, format) = (machine.id_of(volume), volume.identity().format);
        let refused = |cause: String, advice: &str| refused(codes::LABEL, &id, cause, advice);
        if !FORMATS.contains(&format) {
            return Err(refused(
                format!("a {format} filesystem"),
                "only ext2, ext3 and ext4 labels can be set",
            ));
        }
        if let Some(image) = machine.images.first().filter(|image| image.kind() != "disk") {
            let way = "convert it to a raw image first: qemu-img convert -O raw";
            return Err(refused(format!("in a {} image, which is read-only", image.kind()), way));
        }
        let disk = images::open_for_writing(Path::new(&self.image))?;
        let (start, length) = match volume.partition() {
            Some(partition) => (partition.start, partition.length),
            None => (0, block::BlockRead::size(&disk)),
        };
        let failed = |error: &filesystem::Error| Failure::of(error, &id);
        let device = Slice::new(disk, start, length).map_err(|error| failed(&error.into()))?;
        label::set(&device, label).map_err(|error| match error {
            LabelError::Disk(error) => failed(&error),
            LabelError::Journal => {
                refused(error.to_string(), "run e2fsck on the unmounted filesystem to replay it")
            }
            LabelError::Mounted => refused(error.to_string(), "unmount it, or repair it with e2fsck"),
            LabelError::Errors => {
                refused(error.to_string(), "run e2fsck on the unmounted filesystem to repair it")
            }
            _ => refused(error.to_string(), "use a shorter label"),
        })
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into()
}

fn refused(code: Code, id: &[u8], cause: String, advice: &str) -> Failure {
    Failure { advice: advice.into(), ..Failure::new(code, id, cause) }
}
