// SPDX-License-Identifier: BSD-3-Clause
//! The steps, strung together.

use alloc::{format, string::String, vec::Vec};
use core::{cell::OnceCell, convert::Infallible, time::Duration};

use config::{Config, OnFailure};
use entries::{Entry, Found};
use image::Machine;
use menu::{Opening, Outcome};
use vfs::Volumes;

use crate::{
    Clock, Console, Disks, Failure, HandOver, Journal, Memory, Operator, Phase, Variables,
    choose::choose,
    codes, command_line,
    interface::{self, Once},
    obtain::{Means, Place, obtain},
    picture,
    report::{Count, Seconds},
    select,
    verify::verify,
};

/// What the platform provides.
pub struct Parts<'a> {
    /// Disks.
    pub disks: &'a dyn Disks,
    /// Lines for the user, and the log of them.
    pub console: &'a Journal<'a>,
    /// Times of the phases.
    pub clock: &'a dyn Clock,
    /// Room for the payload.
    pub memory: &'a dyn Memory,
    /// The last step.
    pub hand_over: &'a dyn HandOver,
    /// Who may be asked.
    pub operator: &'a dyn Operator,
    /// What the booted system asked for, and is told.
    pub variables: &'a dyn Variables,
    /// What kernels must be made for.
    pub machine: Machine,
    /// The program's own version.
    pub version: &'a str,
    /// Secure Boot is on, or a signature key is built in.
    pub is_locked: bool,
}

/// How a boot ended that started nothing. The console has told why.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// There was nothing to start.
    NothingFound,
    /// Everything that was tried failed.
    AllFailed,
    /// The operator wants the firmware's setup.
    FirmwareSetup,
}

/// What was found, and what it was found with.
struct Scene<'a> {
    parts: &'a Parts<'a>,
    config: &'a Config,
    volumes: Volumes,
    found: Found,
}

/// Boots the first entry that can be booted, or the one that the operator chooses; returns only when none can.
/// All of it is repeated as often as `cloudboot.retry` says.
pub fn boot(parts: &Parts<'_>, config: &Config) -> Ended {
    let once = Once::take(parts.variables);
    let mut ended = Ended::NothingFound;
    for again in 0..=config.retry() {
        if again > 0 {
            parts.console.line(format_args!("retry {again} of {}", config.retry()));
        }
        ended = Scene::discover(parts, config).run(&once);
        if ended == Ended::FirmwareSetup {
            break;
        }
    }
    ended
}

impl<'a> Scene<'a> {
    /// Finds volumes and entries; starts the drivers of more disks when there is no entry at first.
    fn discover(parts: &'a Parts<'a>, config: &'a Config) -> Self {
        let mut scene = Self::search(parts, config);
        if scene.found.entries.is_empty() {
            // The disks of the first search are released before drivers are started.
            drop(scene);
            parts.console.line(format_args!("discover nothing yet: starting the drivers of all devices"));
            parts.disks.connect();
            scene = Self::search(parts, config);
        }
        scene.tell_problems();
        scene
    }

    fn search(parts: &'a Parts<'a>, config: &'a Config) -> Self {
        let started = parts.clock.now();
        let disks = parts.disks.disks();
        let disk_count = disks.len();
        let volumes = Volumes::discover(disks);
        let own = OnceCell::new();
        let is_own = |volume: &vfs::Volume, path: &str| is_own(parts.disks, &own, volume, path);
        let mut found = entries::discover(&volumes, arch(parts.machine), &is_own);
        if let Some(wanted) = config.disk()
            && !select::restrict(&volumes, &mut found, wanted, &parts.disks.names())
        {
            let names: Vec<&str> = volumes.all().iter().map(|volume| volume.name()).take(8).collect();
            let cause = format!("no volume is called so; there are: {}", names.join(", "));
            parts
                .console
                .line(format_args!("{}", Failure::new(Phase::Discover, wanted, codes::DISK_NONE, &cause)));
        }
        if let Some(kernel) = config.disk_kernel() {
            let names = parts.disks.names();
            let is_meant = |volume: &vfs::Volume| {
                config.disk().is_none_or(|disk| select::is_selected(volume, disk, &names))
            };
            if !select::pin(&volumes, &mut found, kernel, config.disk_initrd(), &is_meant) {
                let cause = "no volume has this file";
                parts.console.line(format_args!(
                    "{}",
                    Failure::new(Phase::Discover, kernel, codes::DISK_KERNEL, &cause)
                ));
            }
        }
        let took = Seconds(parts.clock.now().saturating_sub(started));
        let counts = [
            Count(disk_count, "disk", "disks"),
            Count(volumes.all().len(), "volume", "volumes"),
            Count(found.entries.len(), "entry", "entries"),
        ];
        let [disks, all, entries] = counts;
        parts.console.line(format_args!("discover {disks}, {all}, {entries} ({took})"));
        let scene = Self { parts, config, volumes, found };
        if config.debug() {
            scene.tell_everything();
        }
        scene
    }

    /// What could not be read: a failure where there is nothing to boot, otherwise a warning.
    fn tell_problems(&self) {
        let is_lost = self.found.entries.is_empty();
        let of_volumes = self.volumes.problems().iter();
        let of_volumes = of_volumes.map(|p| (&p.object, p.error.code(), format!("{}", p.error)));
        let of_entries = self.found.problems.iter();
        let of_entries = of_entries.map(|p| (&p.object, p.error.code(), format!("{}", p.error)));
        let mut left_out = 0u32;
        for (i, (object, code, cause)) in of_volumes.chain(of_entries).enumerate() {
            if i >= MOST_PROBLEMS && !self.config.debug() {
                left_out = left_out.saturating_add(1);
                continue;
            }
            let failure = Failure::new(Phase::Discover, object, code, &cause);
            let word = if is_lost { "failed" } else { "warning" };
            self.parts.console.line(format_args!("{word}: {}", failure.detail()));
        }
        if left_out > 0 {
            self.parts.console.line(format_args!("  and {left_out} more (cloudboot.debug=1 shows all)"));
        }
    }

    /// Every volume and entry, for `cloudboot.debug`.
    fn tell_everything(&self) {
        let console = self.parts.console;
        for (i, name) in self.parts.disks.names().iter().enumerate() {
            console.line(format_args!("  disk hd{i}: /dev/{name}"));
        }
        for volume in self.volumes.all() {
            let identity = volume.identity();
            let label = String::from_utf8_lossy(&identity.label);
            let (name, format, uuid) = (volume.name(), identity.format, &identity.uuid);
            console.line(format_args!("  volume {name}: {format} label \"{label}\" uuid {uuid}"));
        }
        for entry in &self.found.entries {
            let mark = if entry.default { "*" } else { " " };
            console.line(format_args!(" {mark}entry {} \"{}\"", entry.id, entry.title));
        }
    }

    /// Chooses and tries.
    fn run(&self, once: &Once) -> Ended {
        let (parts, entries) = (self.parts, &self.found.entries);
        interface::publish(parts.variables, entries);
        let target = once.entry.as_deref().or(self.config.target());
        let preferred = interface::preferred(parts.variables);
        let chosen = match choose(entries, target, preferred.as_deref()) {
            Ok(chosen) => chosen,
            Err(failure) => {
                parts.console.line(format_args!("{failure}; {}", self.next(entries.is_empty())));
                return self.last_resort(entries.is_empty(), &failure, Ended::NothingFound);
            }
        };
        let wishes = interface::wishes(self.config, &self.found, once, parts.variables);
        let timeout = match Opening::decide(&wishes) {
            Opening::Shown(timeout) => Some(timeout),
            Opening::Hidden if parts.operator.is_asking() => Some(None),
            Opening::Hidden | Opening::Never => None,
        };
        if let Some(timeout) = timeout
            && let Some(ended) = self.ask(chosen.first().copied(), timeout, String::new())
        {
            return ended;
        }
        let mut last = None;
        for (i, entry) in chosen.iter().enumerate() {
            let Err(failure) = self.attempt(entry, None);
            let is_last = chosen.len() == i.saturating_add(1);
            let next = if is_last { self.next(false) } else { "trying the next entry" };
            parts.console.line(format_args!("{failure}; {next}"));
            last = Some(failure);
        }
        match last {
            Some(failure) => self.last_resort(false, &failure, Ended::AllFailed),
            None => Ended::NothingFound,
        }
    }

    /// Where it goes on when there is nothing more to try.
    fn next(&self, is_empty: bool) -> &'static str {
        match self.config.failure() {
            OnFailure::Menu if !is_empty => "back to the menu",
            OnFailure::Reboot => "resetting the machine",
            _ => "returning to the firmware",
        }
    }

    fn last_resort(&self, is_empty: bool, failure: &Failure, ended: Ended) -> Ended {
        if is_empty || self.config.failure() != OnFailure::Menu {
            return ended;
        }
        self.ask(None, None, format!("{failure}")).unwrap_or(ended)
    }

    /// Shows the menu until something starts; none when the time ran out without a key.
    fn ask(&self, default: Option<&Entry>, timeout: Option<Duration>, message: String) -> Option<Ended> {
        let (mut default, mut timeout, mut message) = (default, timeout, message);
        loop {
            let menu = picture::menu(self.parts, self.config, &self.volumes, &self.found, default);
            let mut menu = menu.with_timeout(timeout).with_message(message);
            let (item, options) = match self.parts.operator.choose(&mut menu)? {
                Outcome::FirmwareSetup => return Some(Ended::FirmwareSetup),
                Outcome::Boot { item, options } => (item, options),
                Outcome::Stay => return None,
            };
            let entry = self.found.entries.get(item)?;
            let Err(failure) = self.attempt(entry, options);
            self.parts.console.line(format_args!("{failure}; back to the menu"));
            (default, timeout, message) = (Some(entry), None, format!("{failure}"));
        }
    }

    fn attempt(&self, entry: &Entry, edited: Option<String>) -> Result<Infallible, Failure> {
        let parts = self.parts;
        let source = self.volumes.get(entry.source.volume).map_or("?", |volume| volume.name());
        let title = &entry.title;
        parts.console.line(format_args!("choose \"{title}\" from {source} {}", entry.source.path));
        let means = Means { console: parts.console, clock: parts.clock, memory: parts.memory };
        let mut payload = obtain(entry, &self.volumes, means)?;
        payload.options = edited.or_else(|| command_line::of(&payload, self.config));
        let options = payload.options.clone().unwrap_or_default();
        let payload = verify(payload, parts.machine)?;
        if let Some(counting) = &entry.counting
            && let Some(place) = Place::of(&counting.file, &self.volumes)
        {
            match parts.disks.rename(&place, &counting.next) {
                Ok(()) => interface::counted(parts.variables, &place, &counting.next),
                Err(cause) => {
                    parts.console.line(format_args!("  tries are not counted: {} {cause}", place.path))
                }
            }
        }
        let starting = || {
            let took = Seconds(parts.clock.now());
            parts.console.line(format_args!("start \"{title}\": {options} ({took})"));
            interface::starting(parts, &entry.id);
        };
        parts
            .hand_over
            .hand_over(payload, &starting)
            .map_err(|refused| Failure::new(Phase::Start, title.as_str(), refused.code, &refused.cause))
    }
}

/// Whether a file is this very program, or a copy of it. It is not looked at unless it has the same size.
fn is_own(disks: &dyn Disks, own: &OnceCell<Vec<u8>>, volume: &vfs::Volume, path: &str) -> bool {
    let own = own.get_or_init(|| disks.own_program());
    let size = volume.open(path.as_bytes()).and_then(|node| node.attr()).map_or(0, |attr| attr.size);
    let limit = u64::try_from(own.len()).unwrap_or(0);
    size == limit && volume.read(path.as_bytes(), limit).is_ok_and(|bytes| bytes == *own)
}

/// Problems that are told without being asked.
const MOST_PROBLEMS: usize = 8;

/// A machine as configuration files name it.
pub fn arch(machine: Machine) -> entries::Arch {
    match machine {
        Machine::AARCH64 => entries::Arch::Aarch64,
        Machine::RISCV64 => entries::Arch::Riscv64,
        Machine::LOONGARCH64 => entries::Arch::LoongArch64,
        _ => entries::Arch::X86_64,
    }
}
