// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot fs stat`.

use clap::Args;
use filesystem::FileType;

use super::mode;
use crate::{
    failure::Stop,
    image_path::ImagePath,
    printer::{Printer, field, text},
    record::{Record, word},
};

/// Type, mode, owner, size and time of a file. Links are not followed
#[derive(Args)]
#[command(after_help = "Examples:
  cloud-boot fs stat disk.raw:/vmlinuz
      a file, or a link and its target
  cloud-boot fs stat --json disk.raw:/boot
      the same as JSON, in the format of `fs manifest`")]
pub struct Options {
    #[command(flatten)]
    image_path: ImagePath,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

impl Options {
    /// Prints it.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        let opened = self.image_path.open(None)?;
        let node = opened.node_no_follow()?;
        let attr = node.attr().map_err(|error| opened.failure(&error))?;
        if self.json {
            return printer.json(&Record::new(&opened.path, &node, &Ok(attr), None));
        }
        let mut show = |name: &str, value: String| {
            printer.line(format_args!("{}", field(format_args!("{name:<9} "), &value)))
        };
        show("path", text(&opened.path))?;
        show("type", word(attr.kind).into())?;
        if attr.kind == FileType::Symlink {
            let target = node.read_link().map_err(|error| opened.failure(&error))?;
            show("target", text(&target))?;
        }
        show("mode", format!("{:04o} {}", attr.mode, mode(&attr)))?;
        show("owner", format!("{}:{}", attr.uid, attr.gid))?;
        show("size", attr.size.to_string())?;
        show("links", attr.links.to_string())?;
        if matches!(attr.kind, FileType::CharDevice | FileType::BlockDevice) {
            show("device", format!("{}:{}", attr.device.0, attr.device.1))?;
        }
        let time = filesystem::Civil::from(attr.modified);
        let nanoseconds = attr.modified.nanoseconds;
        show("modified", format!("{}:{:02}.{nanoseconds:09} UTC", super::time(&attr), time.second))
    }
}
