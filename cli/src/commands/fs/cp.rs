// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot fs cp`.

use std::{ffi::OsString, path::Path};

use clap::Args;

use crate::{
    copy::copy,
    failure::Stop,
    place::{Choice, usage},
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
      of one of the volumes of two disks
  cloud-boot fs cp disk.raw:/etc etc-before --subvol @/.snapshots/5/snapshot
      out of a snapshot

Nothing is overwritten, and nothing is written outside TARGET: names are taken one by one, and links in the
copy are never followed. Modes and times are kept, owners are not."
)]
pub struct Options {
    /// Images or block devices, together the machine's disks; one of them alone also as IMAGE:PATH. Behind them the
    /// target: a folder that is there, to copy into it, else the name of the copy
    #[arg(value_name = "IMAGE|TARGET", required = true)]
    places: Vec<OsString>,
    #[command(flatten)]
    choice: Choice,
}

impl Options {
    /// Copies.
    pub fn run(&self, _printer: &mut Printer) -> Result<(), Stop> {
        let Some((target, images)) = self.places.split_last().filter(|(_, images)| !images.is_empty()) else {
            return Err(usage("the target is missing: cloud-boot fs cp IMAGE:PATH TARGET"));
        };
        copy(&self.choice.open(images, None)?, Path::new(target))
    }
}
