// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot fs cat`.

use clap::Args;
use filesystem::FileType;
use vfs::Error;

use crate::{
    failure::{Failure, Stop},
    image_path::ImagePath,
    printer::Printer,
    record::read,
    walk::Trouble,
};

/// The bytes of a file
#[derive(Args)]
#[command(after_help = "Examples:
  cloud-boot fs cat disk.raw:/etc/os-release
      links are followed inside the volume
  cloud-boot fs cat disk.raw --volume LABEL=EFI --path /EFI/BOOT/BOOTX64.EFI > loader.efi
      a file of another volume
  cloud-boot fs cat disk.raw:/etc/fstab --snapshot 5
      a file as it is in snapper's snapshot 5")]
pub struct Options {
    #[command(flatten)]
    image_path: ImagePath,
}

/// Why printing a file stops.
enum Ended {
    Trouble(Trouble),
    Stop(Stop),
}

impl From<Trouble> for Ended {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl Options {
    /// Prints them.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        let opened = self.image_path.open(None)?;
        let node = opened.node()?;
        let attr = node.attr().map_err(|error| opened.failure(&error))?;
        if attr.kind != FileType::File {
            return Err(opened.failure(&Error::WrongType { expected: "regular file" }).into());
        }
        let outcome = read(&node, attr.size, &mut |bytes| printer.bytes(bytes).map_err(Ended::Stop));
        opened.tell_rebuilt();
        outcome.map_err(|ended| match ended {
            Ended::Stop(stop) => stop,
            Ended::Trouble(Trouble { code, cause }) => {
                Failure::new(code, opened.object(&opened.path), cause).into()
            }
        })
    }
}
