// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot fs tree`.

use clap::Args;
use filesystem::FileType;

use super::name;
use crate::{
    failure::{Failure, Failures, Stop},
    image_path::ImagePath,
    printer::Printer,
    record::Record,
    walk::{Budget, Order, Trouble, Visit, walk},
};

/// A folder with everything below it
#[derive(Args)]
#[command(after_help = "Examples:
  cloud-boot fs tree disk.raw:/boot
      names, indented below their folders
  cloud-boot fs tree disk.raw --volume 'disk.raw#15'
      a whole volume")]
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
        let mut failures = Failures::default();
        let mut budget = Budget::new(opened.size());
        walk(opened.node()?, &opened.path, Order::Tree, &mut budget, &mut |visit, _| {
            let trouble = visit.trouble.clone().or_else(|| visit.attr.as_ref().err().map(Trouble::from));
            if let Some(Trouble { code, cause }) = &trouble {
                failures.add(Failure::new(*code, opened.object(visit.path), cause));
            }
            if self.json {
                let mut record = Record::new(visit.path, visit.node, &visit.attr, None);
                trouble.iter().for_each(|trouble| record.fail(trouble));
                return printer.json(&record);
            }
            let (indent, mark) = (2 * visit.depth, if trouble.is_some() { " (unreadable)" } else { "" });
            printer.line(format_args!("{:indent$}{}{mark}", "", shown(&visit)))
        })?;
        opened.tell_rebuilt();
        failures.end()
    }
}

/// The name, with a slash after that of a folder.
fn shown(visit: &Visit<'_, '_>) -> String {
    let own = if visit.name.is_empty() { visit.path } else { visit.name };
    let kind = visit.attr.as_ref().map(|attr| attr.kind);
    match kind {
        Ok(FileType::Directory) if !own.ends_with(b"/") => format!("{}/", name(own, None)),
        Ok(FileType::Symlink) => name(own, visit.node.read_link().ok()),
        _ => name(own, None),
    }
}
