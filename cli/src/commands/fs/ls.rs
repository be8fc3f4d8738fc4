// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot fs ls`.

use clap::Args;
use filesystem::{Attr, FileType};
use vfs::{Error, Node};

use super::{mode, name, time};
use crate::{
    failure::{Failure, Failures, Stop},
    image_path::{ImagePath, OpenedPath},
    printer::Printer,
    record::Record,
};

/// The entries of a folder, or one file
#[derive(Args)]
#[command(after_help = "Examples:
  cloud-boot fs ls disk.raw:/boot
      a folder; without a path, the root
  cloud-boot fs ls root.raw data.raw --volume LABEL=data --path /
      a folder on one of the volumes of two disks
  cloud-boot fs ls disk.raw:/user --subvol @home
      a folder in a btrfs subvolume
  cloud-boot fs ls disk.raw:/boot --snapshot 5
      a folder in snapper's snapshot 5
  cloud-boot fs ls --json disk.raw:/boot
      the same as JSON, a line for each entry")]
pub struct Options {
    #[command(flatten)]
    image_path: ImagePath,
    /// JSON, one object per line, in the format of `fs manifest`
    #[arg(long)]
    json: bool,
}

impl Options {
    /// Prints them.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        let opened = self.image_path.open(Some("/"))?;
        let node = opened.node()?;
        let attr = node.attr().map_err(|error| opened.failure(&error))?;
        let mut failures = Failures::default();
        if attr.kind == FileType::Directory {
            let list = node.listing().map_err(|error| opened.failure(&error))?;
            for (entry, node) in list.entries {
                self.show(&opened, &entry.name, &node, printer, &mut failures)?;
            }
            list.rest.iter().for_each(|error| failures.add(opened.failure(error)));
        } else {
            self.show(&opened, b"", &node, printer, &mut failures)?;
        }
        opened.tell_rebuilt();
        failures.end()
    }

    fn show(
        &self,
        opened: &OpenedPath,
        name: &[u8],
        node: &Node<'_>,
        printer: &mut Printer,
        failures: &mut Failures,
    ) -> Result<(), Stop> {
        let path = match (opened.path.ends_with(b"/") || opened.path.is_empty(), name) {
            (_, b"") => opened.path.clone(),
            (true, name) => [&opened.path, name].concat(),
            (false, name) => [&opened.path, b"/".as_slice(), name].concat(),
        };
        let attr = node.attr();
        if let Err(error) = &attr {
            failures.add(Failure::of(error, opened.object(&path)));
        }
        if self.json {
            return printer.json(&Record::new(&path, node, &attr, None));
        }
        let shown = if name.is_empty() { path.as_slice() } else { name };
        printer.line(format_args!("{}", line(shown, node, &attr)))
    }
}

/// In the format of `ls -l`, times in UTC.
fn line(shown: &[u8], node: &Node<'_>, attr: &Result<Attr, Error>) -> String {
    let Ok(attr) = attr else {
        return format!("?????????? {:>43} {}", "?", name(shown, None));
    };
    let target = if attr.kind == FileType::Symlink { node.read_link().ok() } else { None };
    let size = match attr.kind {
        FileType::CharDevice | FileType::BlockDevice => format!("{}, {}", attr.device.0, attr.device.1),
        _ => attr.size.to_string(),
    };
    let Attr { links, uid, gid, .. } = attr;
    let shown = name(shown, target);
    format!("{} {links:>3} {uid:>5} {gid:>5} {size:>10} {} {shown}", mode(attr), time(attr))
}
