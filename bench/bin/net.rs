// SPDX-License-Identifier: BSD-3-Clause
//! `tools/bazel run //bench:net [-- --help]`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use bench::net::Options;
use clap::Parser as _;
use qemu::process;

fn main() -> ExitCode {
    if let Some(status) = process::become_child() {
        return status;
    }
    let options = Options::parse();
    options.output().end("net", options.run())
}
