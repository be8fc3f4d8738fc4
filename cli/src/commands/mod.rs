// SPDX-License-Identifier: BSD-3-Clause
//! The commands, one file each.

mod build;
mod completions;
mod config;
mod dev;
mod fs;
mod inspect;
mod iso;
mod label;
mod man;
mod nvram;
mod pull;
mod push;
mod run;
mod status;
mod verify;

use clap::Subcommand;

use crate::{failure::Stop, printer::Printer};

/// All commands.
#[derive(Subcommand)]
pub enum Command {
    Inspect(inspect::Options),
    /// Files of an image
    #[command(
        subcommand,
        after_help = "Examples:
  cloud-boot fs ls disk.raw:/boot
      the files of a folder
  cloud-boot fs cat disk.raw:/etc/os-release
      the bytes of a file
  cloud-boot fs cp disk.raw:/boot copy-of-boot
      a folder and everything in it"
    )]
    Fs(fs::Command),
    /// Devices of an image: disks and partitions
    #[command(
        subcommand,
        after_help = "Examples:
  cloud-boot dev ls disk.raw
      disks and partitions
  cloud-boot dev cat disk.raw --device 'disk.raw#1' > partition.img
      a partition as a file"
    )]
    Dev(dev::Command),
    /// Settings of the loader
    #[command(
        subcommand,
        after_help = "Examples:
  cloud-boot config explain cloudboot.menu=always cloudboot.timeout=3
      the effect of a command line
  cloud-boot config explain --file cmdline
      the effect of a file on the loader's volume"
    )]
    Config(config::Command),
    Label(label::Options),
    /// UEFI variables
    #[command(
        subcommand,
        after_help = "Examples:
  cloud-boot nvram show OVMF_VARS_4M.fd
      the variables of a virtual machine
  cloud-boot nvram show --all OVMF_VARS_4M.fd
      with the names of all other variables"
    )]
    Nvram(nvram::Command),
    Completions(completions::Options),
    Man(man::Options),
    Build(build::Options),
    Iso(iso::Options),
    Push(push::Options),
    Pull(pull::Options),
    Verify(verify::Options),
    Status(status::Options),
    Run(Box<run::Options>),
}

impl Command {
    /// Runs the command.
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
            Self::Build(options) => options.run(printer),
            Self::Iso(options) => options.run(printer),
            Self::Push(options) => options.run(printer),
            Self::Pull(options) => options.run(printer),
            Self::Verify(options) => options.run(printer),
            Self::Status(options) => options.run(printer),
            Self::Run(options) => options.run(printer),
        }
    }
}
