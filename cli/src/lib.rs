// SPDX-License-Identifier: BSD-3-Clause
//! The `cloud-boot` command: what disk images hold, what the loader would boot from them, and what settings come to.
//!
//! Everything is read with the crates that the loader is made of. Exit codes are 0 for success, 1 for failure with
//! one line on standard error, and 2 for wrong usage.

mod advice;
mod built_in;
pub mod codes;
mod commands;
mod copy;
mod failure;
mod fitting;
mod host;
mod images;
mod input;
mod loader;
mod machine;
mod nvram;
mod output;
mod place;
mod printer;
mod progress;
mod record;
mod registry;
mod shell;
mod signing;
mod volume;
mod walk;

use std::{
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;

use crate::{
    commands::Command,
    failure::Stop,
    printer::{Printer, complain},
};

/// Looks into disk images as the cloud-boot loader does.
///
/// Nothing is mounted and no rights are needed. Only `label` and `run --writable` write to an image.
/// `push`, `pull` and `verify` speak to registries.
#[derive(Parser)]
#[command(
    name = "cloud-boot",
    bin_name = "cloud-boot",
    version,
    after_help = "Examples:
  cloud-boot inspect disk.raw
      partitions, filesystems, and what the loader would boot
  cloud-boot fs ls disk.raw:/boot
      files of an image
  cloud-boot config explain cloudboot.menu=always
      what settings come to

Exit codes: 0 success, 1 failure, 2 wrong usage. `cloud-boot COMMAND --help` has more examples."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Runs the command with these arguments, the program's name first.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    // Started by itself, to become the QEMU of `run`.
    if let Some(status) = qemu::process::become_child() {
        return status;
    }
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let mut printer = Printer::new();
    let done = arguments.command.run(&mut printer).and_then(|()| printer.finish());
    match done {
        // Whoever reads has seen enough.
        Ok(()) | Err(Stop::Closed) => ExitCode::SUCCESS,
        Err(Stop::Failed(failure)) => {
            // What was printed before it is as good as it was.
            let _ = printer.finish();
            complain(&failure);
            ExitCode::FAILURE
        }
        Err(Stop::Usage(error)) => usage(&error),
    }
}

/// Help is a usage error, too, which goes to standard output and whose exit code is 0.
fn usage(error: &clap::Error) -> ExitCode {
    let printed = error.print().and_then(|()| io::stdout().flush());
    match printed.map_err(|error| Stop::of_output(&error)) {
        Err(Stop::Failed(failure)) if !error.use_stderr() => {
            complain(&failure);
            ExitCode::FAILURE
        }
        // Nobody is there to be told.
        _ => u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from),
    }
}
