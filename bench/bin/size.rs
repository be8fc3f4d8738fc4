// SPDX-License-Identifier: BSD-3-Clause
//! `//bench:size`: what each crate adds to the loader.

#![forbid(unsafe_code)]

use std::{env, process::ExitCode};

use bench::size::report;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let is_json = arguments.iter().any(|word| word == "--json");
    let files: Vec<&String> = arguments.iter().filter(|word| !word.starts_with("--")).collect();
    let Some((with_symbols, shipped)) = files.split_first() else {
        eprintln!("usage: size SYMBOLS.efi SHIPPED.efi... [--json]");
        return ExitCode::from(2);
    };
    match report(with_symbols, shipped, is_json) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("size: {why}");
            ExitCode::FAILURE
        }
    }
}
