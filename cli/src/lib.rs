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
mod image_path;
mod images;
mod input;
mod loader;
mod machine;
mod nvram;
mod output;
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

/// Reads disk images the way the cloud-boot loader does.
///
/// Nothing is mounted and no privileges are needed. Only `label` and `run --writable` write to an image.
/// `push`, `pull` and `verify` talk to registries.
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
      the effective settings

Exit codes: 0 success, 1 failure, 2 wrong usage. `cloud-boot COMMAND --help` has more examples."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Runs the command with these arguments, the program's name first.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    // This program starts itself to become the QEMU of `run`.
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
        // A closed pipe is success: the reader has seen enough.
        Ok(()) | Err(Stop::Closed) => ExitCode::SUCCESS,
        Err(Stop::Failed(failure)) => {
            // The output before the failure is still valid.
            let _ = printer.finish();
            complain(&failure);
            ExitCode::FAILURE
        }
        Err(Stop::Usage(error)) => usage(&error),
    }
}

/// clap reports help as a usage error, too: it goes to standard output, and its exit code is 0.
fn usage(error: &clap::Error) -> ExitCode {
    let printed = error.print().and_then(|()| io::stdout().flush());
    match printed.map_err(|error| Stop::of_output(&error)) {
        Err(Stop::Failed(failure)) if !error.use_stderr() => {
            complain(&failure);
            ExitCode::FAILURE
        }
        // Standard error is closed: nowhere to report it.
        _ => u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from),
    }
}
