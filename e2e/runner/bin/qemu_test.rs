// SPDX-License-Identifier: BSD-3-Clause
//! The executable of every `qemu_test` target: `E2E_SPEC=FILE.json qemu_test`.
//!
//! Exit status 0 if the machine did what the file says, 1 if it did not or could not be started. The console is
//! kept in `$TEST_UNDECLARED_OUTPUTS_DIR`. Files are relative to the current folder, or to `$E2E_RUNFILES` in a build
//! action.
#![forbid(unsafe_code)]

use std::{
    env, fs,
    path::{self, Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, ensure};
use e2e_runner::{
    network::{
        self, Running, Time,
        writes::{self, Log},
    },
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
    let outputs = env::var_os("TEST_UNDECLARED_OUTPUTS_DIR").map(path::absolute).transpose()?;
    if let Some(folder) = env::var_os("E2E_RUNFILES") {
        env::set_current_dir(&folder).with_context(|| format!("the folder {}", folder.display()))?;
    }
    let spec = Spec::load(&PathBuf::from(file))?;
    if let Some(network) = &spec.network {
        network::enter(network.wire)?;
    }
    // Keeps the servers running until the end.
    let (spec, mut servers) = spec.inspected()?.networked()?;
    let timeout = env::var("TEST_TIMEOUT").ok().and_then(|seconds| seconds.parse().ok());
    let mut limits = spec.limits(timeout);
    if let Some((machine, script)) = spec.earlier()? {
        let record = Record::new(folder(outputs.as_deref(), "earlier")?.as_deref())?;
        let mut watch = Watch::new(script, record, View::Hidden);
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
    let is_passed = match (&spec.records, &servers) {
        (Some(records), Some(servers)) => cut(&spec, servers, records, outputs.as_deref(), limits)?,
        _ => judge(&spec, outputs.as_deref(), &mut limits)?,
    };
    let complaint = servers.filter(|_| is_passed).and_then(Running::complaint);
    complaint.iter().for_each(|why| println!("{why}"));
    if let Some(folder) = outputs {
        println!("the whole console: {}", folder.join("console.log").display());
    }
    Ok(is_passed && complaint.is_none())
}

/// Tests the machine with each state of its ESP that a power failure could have left behind.
fn cut(
    spec: &Spec,
    servers: &Running,
    records: &Path,
    outputs: Option<&Path>,
    mut limits: Limits,
) -> Result<bool> {
    let log = Log::read(records)?;
    println!("recorded: {} writes and flushes, {} of them flushes", log.count(), log.flushes());
    ensure!(log.count() > spec.cuts(), "{} entries for {} states", log.count(), spec.cuts());
    servers.keep_variables(Time::After)?;
    for count in writes::cuts(log.count(), spec.cuts()) {
        // A cache record is valid only with its variable, which is written in between: tests each state with both.
        for variables in [Time::Before, Time::After] {
            servers.cut(&log, count, variables)?;
            println!("cut off behind {count}, {variables:?}; fsck.fat: {}", servers.checked()?.trim_end());
            let folder = folder(outputs, &format!("cut-{count}-{variables:?}"))?;
            if !judge(spec, folder.as_deref(), &mut limits)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Boots the machine, prints the result, and subtracts the time it took from the limit.
fn judge(spec: &Spec, outputs: Option<&Path>, limits: &mut Limits) -> Result<bool> {
    let mut watch = Watch::new(spec.script()?, Record::new(outputs)?, View::Hidden);
    let end = watch.run(&spec.machine()?, *limits)?;
    limits.time = limits.time.map(|time| time.saturating_sub(watch.took));
    println!("{}", watch.phases);
    let failure = report::failure(&watch, &end).or_else(|| spec.late(&watch.phases));
    match &failure {
        None => println!("passed: {} patterns in {:.1} s", watch.script.seen(), watch.took.as_secs_f64()),
        Some(why) => println!("{why}\n{}", report::tail(&watch, TAIL).trim_end()),
    }
    Ok(failure.is_none())
}

/// A folder for one of several boots.
fn folder(outputs: Option<&Path>, name: &str) -> Result<Option<PathBuf>> {
    let folder = outputs.map(|folder| folder.join(name));
    folder.iter().try_for_each(fs::create_dir_all).with_context(|| format!("a folder for {name}"))?;
    Ok(folder)
}
