// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot fs cp`.

use std::{ffi::OsString, path::Path};

use clap::Args;

use crate::{
    copy::copy,
    failure::Stop,
    image_path::{VolumePath, usage},
    printer::Printer,
};

/// Copies a file, or a folder with everything below it, out of an image
#[derive(Args)]
#[command(
    override_usage = "cloud-boot fs cp [OPTIONS] <IMAGE>... <TARGET>",
    after_help = "Examples:
  cloud-boot fs cp disk.raw:/boot/vmlinuz .
      a file into this folder
  cloud-boot fs cp disk.raw:/etc etc-of-the-image
      a folder under another name
  cloud-boot fs cp root.raw data.raw --volume LABEL=data --path /srv .
      from one of the volumes on two disks
  cloud-boot fs cp disk.raw:/etc etc-before --subvol @/.snapshots/5/snapshot
      from a snapshot

Nothing is overwritten, and nothing is written outside TARGET: paths are resolved name by name, and links in the
copy are never followed. Modes and times are kept, owners are not."
)]
pub struct Options {
    /// Images or block devices: the disks of one machine; a single one also as IMAGE:PATH. The last is the target: an
    /// existing folder to copy into, or the name of the copy
    #[arg(value_name = "IMAGE|TARGET", required = true)]
    places: Vec<OsString>,
    #[command(flatten)]
    volume_path: VolumePath,
}

impl Options {
    /// Copies.
    pub fn run(&self, _printer: &mut Printer) -> Result<(), Stop> {
        let Some((target, images)) = self.places.split_last().filter(|(_, images)| !images.is_empty()) else {
            return Err(usage("the target is missing: cloud-boot fs cp IMAGE:PATH TARGET"));
        };
        copy(&self.volume_path.open(images, None)?, Path::new(target))
    }
}
