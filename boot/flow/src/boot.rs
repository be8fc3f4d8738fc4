// SPDX-License-Identifier: BSD-3-Clause
//! The steps, strung together.

use alloc::{format, string::String, vec::Vec};
use core::convert::Infallible;

use config::Config;
use entries::{Entry, Found};
use image::Machine;
use vfs::Volumes;

use crate::{
    Clock, Console, Disks, Failure, HandOver, Memory, Phase,
    choose::choose,
    obtain::obtain,
    report::{Count, Seconds},
    verify::verify,
};

/// What the platform provides.
pub struct Parts<'a> {
    /// Disks.
    pub disks: &'a dyn Disks,
    /// Lines for the user.
    pub console: &'a dyn Console,
    /// Times of the phases.
    pub clock: &'a dyn Clock,
    /// Room for the payload.
    pub memory: &'a dyn Memory,
    /// The last step.
    pub hand_over: &'a dyn HandOver,
    /// What kernels must be made for.
    pub machine: Machine,
}

/// How a boot ended that did not succeed. The console has told why.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// There was nothing to start.
    NothingFound,
    /// Everything that was tried failed.
    AllFailed,
}

/// Boots the first entry that can be booted; returns only when none can.
pub fn boot(parts: &Parts<'_>, config: &Config) -> Ended {
    let (volumes, found) = discover(parts, config);
    let chosen = match choose(&found.entries, config.target()) {
        Ok(chosen) => chosen,
        Err(failure) => {
            parts.console.line(format_args!("{failure}; returning to the firmware"));
            return Ended::NothingFound;
        }
    };
    for (i, entry) in chosen.iter().enumerate() {
        let Err(failure) = attempt(parts, config, &volumes, entry);
        let is_last = chosen.len() == i.saturating_add(1);
        let next = if is_last { "returning to the firmware" } else { "trying the next entry" };
        parts.console.line(format_args!("{failure}; {next}"));
    }
    Ended::AllFailed
}

/// Finds volumes and entries; starts the drivers of more disks when there is no entry at first.
fn discover(parts: &Parts<'_>, config: &Config) -> (Volumes, Found) {
    let (volumes, found) = search(parts, config);
    if !found.entries.is_empty() {
        return (volumes, found);
    }
    // The disks of the first search are released before drivers are started.
    drop((volumes, found));
    parts.console.line(format_args!("discover nothing yet: starting the drivers of all devices"));
    parts.disks.connect();
    let (volumes, found) = search(parts, config);
    let problems = volumes.problems().iter().map(|p| (&p.object, p.error.code(), format!("{}", p.error)));
    let of_entries =
        found.problems.iter().map(|p| (&p.object, p.error.code().into(), format!("{}", p.error)));
    for (object, code, cause) in problems.chain(of_entries) {
        parts.console.line(format_args!("{}", Failure::new(Phase::Discover, object, code, &cause)));
    }
    (volumes, found)
}

fn search(parts: &Parts<'_>, config: &Config) -> (Volumes, Found) {
    let started = parts.clock.now();
    let disks = parts.disks.disks();
    let disk_count = disks.len();
    let volumes = Volumes::discover(disks);
    let found = entries::discover(&volumes, arch(parts.machine));
    let took = parts.clock.now().saturating_sub(started);
    let counts = [
        Count(disk_count, "disk", "disks"),
        Count(volumes.all().len(), "volume", "volumes"),
        Count(found.entries.len(), "entry", "entries"),
    ];
    let [disks, all, entries] = counts;
    parts.console.line(format_args!("discover {disks}, {all}, {entries} ({})", Seconds(took)));
    if config.debug() {
        show(parts, &volumes, &found);
    }
    (volumes, found)
}

/// Every volume and entry, for `cloudboot.debug`.
fn show(parts: &Parts<'_>, volumes: &Volumes, found: &Found) {
    for volume in volumes.all() {
        let identity = volume.identity();
        let label = String::from_utf8_lossy(&identity.label);
        parts.console.line(format_args!(
            "  volume {}: {} label \"{label}\" uuid {}",
            volume.name(),
            identity.format,
            identity.uuid
        ));
    }
    for entry in &found.entries {
        let mark = if entry.default { "*" } else { " " };
        parts.console.line(format_args!(" {mark}entry {} \"{}\"", entry.id, entry.title));
    }
}

fn attempt(
    parts: &Parts<'_>,
    config: &Config,
    volumes: &Volumes,
    entry: &Entry,
) -> Result<Infallible, Failure> {
    let source = volumes.get(entry.source.volume).map_or("?", |volume| volume.name());
    let title = &entry.title;
    parts.console.line(format_args!("choose \"{title}\" from {source} {}", entry.source.path));
    let mut payload = obtain(entry, volumes, parts.console, parts.clock, parts.memory)?;
    payload.options = command_line(&payload.options, config);
    let options = payload.options.clone();
    let payload = verify(payload, parts.machine)?;
    let starting = || {
        let took = Seconds(parts.clock.now());
        parts.console.line(format_args!("start \"{title}\": {options} ({took})"));
    };
    parts
        .hand_over
        .hand_over(payload, &starting)
        .map_err(|refused| Failure::new(Phase::Start, title.as_str(), refused.code, &refused.cause))
}

/// The kernel's command line: the entry's own unless `cloudboot.cmdline` replaces it, then
/// `cloudboot.cmdline.extra`, and `cloudboot.console` where it names no console.
fn command_line(entry: &str, config: &Config) -> String {
    let own = config.cmdline().unwrap_or(entry);
    let has_console = own.split_ascii_whitespace().any(|word| word.starts_with("console="));
    let console = config.console().filter(|_| !has_console).map(|console| format!("console={console}"));
    let words = [Some(own), config.cmdline_extra(), console.as_deref()];
    words.into_iter().flatten().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

fn arch(machine: Machine) -> entries::Arch {
    match machine {
        Machine::AARCH64 => entries::Arch::Aarch64,
        Machine::RISCV64 => entries::Arch::Riscv64,
        Machine::LOONGARCH64 => entries::Arch::LoongArch64,
        _ => entries::Arch::X86_64,
    }
}
