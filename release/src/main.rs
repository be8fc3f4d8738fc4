// SPDX-License-Identifier: BSD-3-Clause
//! `release`: makes the files beside the programs of a release, and verifies that a release can be reproduced.
//!
//! `assemble` and `provenance` are called by the rules of `defs.bzl`, `verify` is `//release:verify`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod assemble;
mod compare;
mod graph;
mod packages;
mod provenance;
mod rebuild;
mod sbom;
mod sums;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Makes and verifies releases.
#[derive(Parser)]
#[command(after_help = "Example:
  tools/bazel run //release:verify -- ~/Downloads/cloud-boot-0.0.1")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Copies the programs to one folder, with SHA256SUMS and the SPDX document
    Assemble(assemble::Arguments),
    /// Writes the SLSA provenance of what SHA256SUMS names
    Provenance(provenance::Arguments),
    /// Rebuilds the release of this checkout and compares a folder with it, byte by byte
    Verify(verify::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Assemble(arguments) => assemble::run(&arguments).map(|()| true),
        Command::Provenance(arguments) => provenance::run(&arguments).map(|()| true),
        Command::Verify(arguments) => verify::run(&arguments),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("release: {error:#}");
            ExitCode::FAILURE
        }
    }
}
