// SPDX-License-Identifier: BSD-3-Clause
//! The commands, a file for each.

mod completions;
mod config;
mod dev;
mod fs;
mod inspect;
mod iso;
mod label;
mod man;
mod nvram;
mod run;

use clap::Subcommand;

use crate::{failure::Stop, printer::Printer};

/// What can be done.
#[derive(Subcommand)]
pub enum Command {
    Inspect(inspect::Options),
    /// Files of an image
    #[command(subcommand)]
    Fs(fs::Command),
    /// Devices of an image: disks and partitions
    #[command(subcommand)]
    Dev(dev::Command),
    /// Settings of the loader
    #[command(subcommand)]
    Config(config::Command),
    Label(label::Options),
    /// UEFI variables
    #[command(subcommand)]
    Nvram(nvram::Command),
    Completions(completions::Options),
    Man(man::Options),
    Iso(iso::Options),
    Run(Box<run::Options>),
}

impl Command {
    /// Does it.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        match self {
            Self::Inspect(options) => options.run(printer),
            Self::Fs(command) => command.run(printer),
            Self::Dev(command) => command.run(printer),
            Self::Config(command) => command.run(printer),
            Self::Label(options) => options.run(printer),
            Self::Nvram(command) => command.run(printer),
            Self::Completions(options) => options.run(printer),
            Self::Man(options) => options.run(printer),
            Self::Iso(options) => options.run(printer),
            Self::Run(options) => options.run(printer),
        }
    }
}
