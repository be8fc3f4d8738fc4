// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot`: see `cli`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main(std::env::args_os())
}
