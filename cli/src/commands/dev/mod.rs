// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot dev`.

mod cat;
mod ls;

use clap::Subcommand;

pub use ls::show;

use crate::{failure::Stop, printer::Printer};

/// Commands on devices.
#[derive(Subcommand)]
pub enum Command {
    Ls(ls::Options),
    Cat(cat::Options),
}

impl Command {
    /// Runs the command.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        match self {
            Self::Ls(options) => options.run(printer),
            Self::Cat(options) => options.run(printer),
        }
    }
}
