// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot fs manifest`.

use clap::Args;

use crate::{
    failure::{Failure, Failures, Stop},
    image_path::ImagePath,
    printer::Printer,
    progress::Progress,
    record::Record,
    walk::{Budget, Order, walk},
};

/// Every file of a volume as a line of JSON, sorted by the bytes of its path
#[derive(Args)]
#[command(after_help = "Examples:
  cloud-boot fs manifest disk.raw > before.jsonl
      everything, with checksums
  cloud-boot fs manifest --no-sum disk.raw:/etc
      a folder, without reading the files
  cloud-boot fs manifest disk.raw --snapshot 5 > before-the-update.jsonl
      a snapshot, to compare with another one

The line of a file that cannot be read has \"error\", and the exit code is 1.")]
pub struct Options {
    #[command(flatten)]
    image_path: ImagePath,
    /// No checksums: file contents are not read
    #[arg(long)]
    no_sum: bool,
}

impl Options {
    /// Prints it.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        let opened = self.image_path.open(Some("/"))?;
        let mut failures = Failures::default();
        let mut budget = Budget::new(opened.size());
        let (first, mut progress) = (opened.node()?, Progress::beside_output(None));
        walk(first, &opened.path, Order::Bytes, &mut budget, &mut |visit, budget| {
            let sums = if self.no_sum { None } else { Some((budget, &mut progress)) };
            let mut record = Record::new(visit.path, visit.node, &visit.attr, sums);
            visit.trouble.iter().for_each(|trouble| record.fail(trouble));
            if let Some(trouble) = record.trouble() {
                failures.add(Failure::new(trouble.code, opened.object(visit.path), &trouble.cause));
            }
            printer.json(&record)
        })?;
        opened.tell_rebuilt();
        failures.end()
    }
}
