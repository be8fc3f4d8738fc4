// SPDX-License-Identifier: BSD-3-Clause
//! `tools/bazel run //bench:fs [-- --help]`.
#![deny(clippy::multiple_unsafe_ops_per_block, clippy::undocumented_unsafe_blocks, unsafe_op_in_unsafe_fn)]

mod heap;

use std::{env, process::ExitCode};

use anyhow::anyhow;
use bench::{
    fs::{Heap, Options, guest},
    options::refusal,
};
use clap::Parser as _;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let Some((option, rest)) = arguments.split_first()
        && option == guest::OPTION
        && std::process::id() == 1
    {
        guest::run(rest);
    }
    let options = Options::parse();
    let outcome = match refusal() {
        Some(why) => Err(anyhow!(why)),
        None => options.run(Heap { start: heap::start, peak: heap::peak }),
    };
    match outcome.transpose() {
        Some(outcome) => options.output().end("fs", outcome),
        None => ExitCode::SUCCESS,
    }
}
