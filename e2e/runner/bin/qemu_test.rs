// SPDX-License-Identifier: BSD-3-Clause
//! The executable of every `qemu_test` target: `E2E_SPEC=FILE.json qemu_test`.
//!
//! Exit status 0 if the machine did what the file says, 1 if not, or if it could not be tried. The console is
//! kept in `$TEST_UNDECLARED_OUTPUTS_DIR`.
#![forbid(unsafe_code)]

use std::{env, fs, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use e2e_runner::{
    network::{self, Running},
    spec::Spec,
};
use qemu::{
    process,
    record::{Record, TAIL},
    report,
    watch::{After, Limits, View, Watch},
};

fn main() -> ExitCode {
    if let Some(status) = process::become_child() {
        return status;
    }
    match test() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("qemu_test: {why:#}");
            ExitCode::FAILURE
        }
    }
}

fn test() -> Result<bool> {
    let file = env::var_os("E2E_SPEC").context("E2E_SPEC is not set: start the test with Bazel")?;
    let spec = Spec::load(&PathBuf::from(file))?;
    if let Some(network) = &spec.network {
        network::enter(network.wire)?;
    }
    // The servers run until the end.
    let (spec, mut servers) = spec.inspected()?.networked()?;
    let timeout = env::var("TEST_TIMEOUT").ok().and_then(|seconds| seconds.parse().ok());
    let outputs = env::var_os("TEST_UNDECLARED_OUTPUTS_DIR").map(PathBuf::from);
    let mut limits = spec.limits(timeout);
    if let Some((machine, script)) = spec.earlier()? {
        let folder = outputs.as_ref().map(|folder| folder.join("earlier"));
        folder.iter().try_for_each(fs::create_dir_all).context("a folder for the earlier boot")?;
        let mut watch = Watch::new(script, Record::new(folder.as_deref())?, View::Hidden);
        let end = watch.run(&machine, Limits { after: After::Stop, ..limits })?;
        if let Some(why) = report::failure(&watch, &end) {
            println!("the earlier boot {why}\n{}", report::tail(&watch, TAIL).trim_end());
            return Ok(false);
        }
        limits.time = limits.time.map(|time| time.saturating_sub(watch.took));
        for event in spec.events() {
            servers.as_mut().map_or(Ok(()), |servers| servers.happen(event))?;
        }
    }
    let record = Record::new(outputs.as_deref())?;
    let mut watch = Watch::new(spec.script()?, record, View::Hidden);
    let end = watch.run(&spec.machine()?, limits)?;

    println!("{}", watch.phases);
    let failure = report::failure(&watch, &end).or_else(|| spec.late(&watch.phases));
    let failure = failure.or_else(|| servers.and_then(Running::complaint));
    match &failure {
        None => println!("passed: {} patterns in {:.1} s", watch.script.seen(), watch.took.as_secs_f64()),
        Some(why) => println!("{why}\n{}", report::tail(&watch, TAIL).trim_end()),
    }
    if let Some(folder) = outputs {
        println!("the whole console: {}", folder.join("console.log").display());
    }
    Ok(failure.is_none())
}
