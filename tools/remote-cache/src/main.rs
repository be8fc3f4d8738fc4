// SPDX-License-Identifier: BSD-3-Clause
//! `//tools/remote-cache:proof`: proves that a build on a second machine takes every result from the cache.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod metrics;
mod server;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{self, Command, ExitCode},
};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use nested::Bazel;

use crate::{metrics::Runners, server::Server};

/// Builds a target twice, each time from scratch and without the disk cache: first to fill an empty remote cache, then
/// from that cache. Each build has its own output base; with --fresh-toolbox the second one also has its own toolbox,
/// as on another machine.
///
/// The server is nginx on port 9080 of the loopback interface, with the configuration beside this program. Exit codes:
/// 0 if the second build took the result of every action from the cache, 1 if not.
#[derive(Parser)]
#[command(after_help = "Examples:
  tools/bazel run //tools/remote-cache:proof
      the boot image: some ten minutes
  tools/bazel run //tools/remote-cache:proof -- --fresh-toolbox
      the same, and some minutes and 6 GB for the second toolbox
  tools/bazel run //tools/remote-cache:proof -- //toolchains/elf2efi
      one tool")]
struct Arguments {
    /// nginx.conf
    #[arg(value_name = "FILE", hide = true)]
    configuration: PathBuf,
    /// What to build
    #[arg(default_value = "//iso:boot")]
    target: String,
    /// Make another toolbox for the second build
    #[arg(long)]
    fresh_toolbox: bool,
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
    // Named as a toolbox's cache folder is: another toolbox sees this folder then, wherever it is.
    let folder = scratch.0.join("cloud-boot");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let server = Server::start(&arguments.configuration, scratch.0.join("nginx"))?;
    let build = |name: &str, bazel: Bazel| {
        let events = folder.join(format!("{name}.json"));
        let options = [
            "--config=remote-cache",
            &format!("--remote_cache={}", server.address()),
            "--disk_cache=",
            &format!("--build_event_json_file={}", events.display()),
        ];
        bazel.build(&options, &[&arguments.target])?;
        let events = fs::read_to_string(&events).with_context(|| events.display().to_string())?;
        let runners = Runners::of_events(&events).context("Bazel's events")?;
        println!("{name}: {runners}");
        Ok::<_, anyhow::Error>(runners)
    };
    let prepared = arguments.fresh_toolbox.then(|| fresh_toolbox(&bazel, &scratch.0, &folder)).transpose()?;
    build("first", bazel.fresh(folder.join("first")))?;
    let second = build("second", prepared.unwrap_or_else(|| bazel.fresh(folder.join("second"))))?;
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

/// The list of a toolbox's packages, which is part of every key.
const PACKAGES: &str = "etc/cloud-boot-toolbox";

/// Bazel in a new toolbox in `cache`, with the output base in `folder`.
fn fresh_toolbox(bazel: &Bazel, cache: &Path, folder: &Path) -> Result<Bazel> {
    let made = bazel.fresh(folder.join("second")).elsewhere(cache.to_owned());
    made.prepare()?;
    let folders = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut lists = folders.filter_map(|entry| Some(entry.ok()?.path().join("root").join(PACKAGES)));
    let list = lists.find(|list| list.is_file()).context("the new toolbox has no list of packages")?;
    let read = |path: &Path| fs::read(path).with_context(|| path.display().to_string());
    ensure!(
        read(&list)? == read(&Path::new("/").join(PACKAGES))?,
        "Debian's archive has changed since this toolbox was made: the new one has other packages, and toolboxes that \
         differ share nothing; remove this one to have it made anew, then try again"
    );
    Ok(made)
}

/// A folder that is removed when dropped.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // A half-made toolbox may have folders of the machine mounted in it.
        let status = Command::new("rm").args(["-rf", "--one-file-system"]).arg(&self.0).status();
        if !status.is_ok_and(|status| status.success()) {
            eprintln!("proof: {} could not be removed", self.0.display());
        }
    }
}
