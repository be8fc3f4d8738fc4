// SPDX-License-Identifier: BSD-3-Clause
//! `//tools/remote-cache:proof`: a build on a second machine takes every result from the cache.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod metrics;
mod server;

use std::{
    fs,
    path::PathBuf,
    process::{self, ExitCode},
};

use anyhow::{Context, Result};
use clap::Parser;
use nested::Bazel;

use crate::{metrics::Runners, server::Server};

/// Builds a target twice, each time from nothing and without the disk cache: first with an empty remote cache, which
/// is filled, then from it.
///
/// The server is nginx on port 9080 of the loopback, with the configuration beside this program. Exit codes: 0 if the
/// second build took the result of every action from the cache, 1 if not.
#[derive(Parser)]
#[command(after_help = "Examples:
  tools/bazel run //tools/remote-cache:proof
      the boot image: some ten minutes
  tools/bazel run //tools/remote-cache:proof -- //toolchains/elf2efi
      one tool")]
struct Arguments {
    /// nginx.conf
    #[arg(value_name = "FILE", hide = true)]
    configuration: PathBuf,
    /// What to build
    #[arg(default_value = "//iso:boot")]
    target: String,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("proof: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the second build ran nothing.
fn run(arguments: &Arguments) -> Result<bool> {
    let bazel = Bazel::new("tools/bazel run //tools/remote-cache:proof")?;
    let scratch = Scratch(nested::scratch().join(format!("remote-cache-{}", process::id())));
    fs::create_dir_all(&scratch.0).with_context(|| scratch.0.display().to_string())?;
    let server = Server::start(&arguments.configuration, scratch.0.join("nginx"))?;
    let build = |name: &str| {
        let events = scratch.0.join(format!("{name}.json"));
        let options = [
            "--config=remote-cache",
            &format!("--remote_cache={}", server.address()),
            "--disk_cache=",
            &format!("--build_event_json_file={}", events.display()),
        ];
        bazel.fresh(scratch.0.join(name)).build(&options, &[&arguments.target])?;
        let events = fs::read_to_string(&events).with_context(|| events.display().to_string())?;
        let runners = Runners::of_events(&events).context("Bazel's events")?;
        println!("{name}: {runners}");
        Ok::<_, anyhow::Error>(runners)
    };
    build("first")?;
    let second = build("second")?;
    Ok(match second.local() {
        None => {
            println!("proved: every action of {} came from the cache", arguments.target);
            true
        }
        Some(what) => {
            println!("not proved: the second build has {what}");
            false
        }
    })
}

/// A folder that is removed in the end.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("proof: {}: {error}", self.0.display());
        }
    }
}
