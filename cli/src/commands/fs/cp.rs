// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot fs cp`.

use std::{ffi::OsString, path::PathBuf};

use clap::Args;

use crate::{copy::copy, failure::Stop, place::Choice, printer::Printer};

/// Copies a file, or a folder with everything below it, out of an image
#[derive(Args)]
#[command(after_help = "Examples:
  cloud-boot fs cp disk.raw:/boot/vmlinuz .
      a file into this folder
  cloud-boot fs cp disk.raw:/etc etc-of-the-image
      a folder under another name
  cloud-boot fs cp root.raw data.raw --volume LABEL=data --path /srv .
      of one of the volumes of two disks

Nothing is overwritten, and nothing is written outside TARGET: names are taken one by one, and links in the
copy are never followed. Modes and times are kept, owners are not.")]
pub struct Options {
    /// Images or block devices, together the machine's disks; one of them alone also as IMAGE:PATH
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<OsString>,
    /// A folder that is there, to copy into it; else the name of the copy
    #[arg(value_name = "TARGET", required = true)]
    target: PathBuf,
    #[command(flatten)]
    choice: Choice,
}

impl Options {
    /// Copies.
    pub fn run(&self, _printer: &mut Printer) -> Result<(), Stop> {
        let opened = self.choice.open(&self.images, None)?;
        copy(&opened, &self.target)
    }
}
