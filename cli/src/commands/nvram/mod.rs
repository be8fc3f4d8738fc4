// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot nvram`.

mod report;
mod reset;
mod show;

use clap::Subcommand;

pub use report::Report;
pub use show::show_cloud_boot;

use crate::{failure::Stop, printer::Printer};

/// Commands on variables.
#[derive(Subcommand)]
pub enum Command {
    Show(show::Options),
    Reset(reset::Options),
}

impl Command {
    /// Runs the command.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        match self {
            Self::Show(options) => options.run(printer),
            Self::Reset(options) => options.run(printer),
        }
    }
}
