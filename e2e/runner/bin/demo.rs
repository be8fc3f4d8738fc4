// SPDX-License-Identifier: BSD-3-Clause
//! `tools/bazel run //:demo [-- --help]`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use e2e_runner::demo::{self, Options};
use qemu::process;

/// Exit status if the boot could not be attempted.
const NOT_TRIED: u8 = 2;

fn main() -> ExitCode {
    if let Some(status) = process::become_child() {
        return status;
    }
    match demo::run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("demo: {why:#}");
            ExitCode::from(NOT_TRIED)
        }
    }
}
