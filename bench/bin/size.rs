// SPDX-License-Identifier: BSD-3-Clause
//! `tools/bazel run //bench:size [-- --help]`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use bench::size::Options;
use clap::Parser as _;

fn main() -> ExitCode {
    let options = Options::parse();
    options.output().end("size", options.run())
}
