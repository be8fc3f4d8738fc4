// SPDX-License-Identifier: BSD-3-Clause
//! Finds volumes and entries, restricted by `cloudboot.disk` and related keys.

use alloc::{format, string::String, vec, vec::Vec};

use arch::Arch;
use config::Config;
use entries::{Entry, Found, Scope, Start};
use filesystem::FileType;
use image::own;
use vfs::{ReadLimit, Volume, Volumes};

use crate::{
    Clock, Disk, Disks, Failure, Phase, Variables, codes,
    interface::{self, Once},
    queue,
    report::Report,
    selection::{self, Selection},
};

/// Most bytes that discovery reads, per disk and in all: many times what real disks need. Each disk has its own limit,
/// so that one cannot use up what the others need; the sum is limited, too, or many hostile disks would take too long
/// (ten took 6 s).
pub const MOST_READ: ReadLimit = ReadLimit { each: 256 << 20, all: 2 << 30 };

/// Identifier of the EFI shell, as in systemd-boot; that of a second shell starts with it. A shell beside the loader
/// must not count as something to boot, or the drivers of the disks would never be started.
const EFI_SHELL: &str = "auto-efi-shell";

/// Everything that was found.
pub struct Discovered {
    /// The volumes of all disks.
    pub volumes: Volumes,
    /// Their entries.
    pub found: Found,
}

/// A search for entries.
#[derive(Clone, Copy)]
pub struct Search<'a> {
    /// The disks that are searched.
    pub disks: &'a dyn Disks,
    /// Measures its time.
    pub clock: &'a dyn Clock,
    /// Where it reports.
    pub report: &'a Report<'a>,
    /// The architecture of the entries.
    pub arch: Arch,
    /// The settings: which volumes count, and what should start.
    pub config: &'a Config,
    /// What the booted system asked for, for this boot only.
    pub once: &'a Once,
    /// The lasting requests of the booted system.
    pub variables: &'a dyn Variables,
}

/// Result of one pass over the disks that are present.
struct Pass {
    discovered: Discovered,
    /// What should start and was not found; none if it was found.
    lacks: Option<String>,
}

impl Search<'_> {
    /// Finds volumes and entries. If there is no entry at first (or only a shell or entries that lead to another disk),
    /// or not the one that was asked for, it starts all drivers and searches again: with fast boot, firmware has
    /// started only the drivers of the disk that it boots from. A boot from the network needs no disks, and starting
    /// all drivers would let the firmware take the network cards.
    pub fn run(self) -> Discovered {
        let mut pass = self.pass(false);
        if let Some(lacks) = pass.lacks.take() {
            // The disks of the first search are released before drivers are started.
            drop(pass);
            self.report.connecting(&lacks);
            self.disks.connect();
            pass = self.pass(true);
        }
        let Pass { discovered, .. } = pass;
        self.report.problems(&discovered.volumes, &discovered.found, self.config.source().is_none());
        self.report.locks(&discovered.found.locks);
        discovered
    }

    /// One pass. Settings that match nothing are reported only in the last pass: what they name may be on a disk whose
    /// driver is not started yet.
    fn pass(self, is_last: bool) -> Pass {
        let started = self.clock.now();
        let (names, disks) = named(self.disks.disks());
        let selection = Selection::new(self.config, &names);
        let volumes = Volumes::discover_within(disks, MOST_READ, selection.root);
        let is_wanted = |volume: &Volume| selection.means(&volumes, volume);
        let mut found = entries_of(&volumes, self.arch, &is_wanted);
        // The limit is for discovery; reading the files of a chosen entry must not fail because of it.
        volumes.lift_limit();
        let mistakes = self.select(&volumes, &mut found, &selection);
        let lacks = self.lacks(&volumes, &found, &mistakes);
        if is_last || lacks.is_none() {
            mistakes.iter().for_each(|failure| self.report.mistake(failure));
        }
        let took = self.clock.since(started);
        self.report.discovered(names.len(), volumes.all().len(), found.entries.len(), took);
        self.report.everything(&names, &volumes, &found);
        Pass { discovered: Discovered { volumes, found }, lacks }
    }

    /// Keeps what is selected, and puts the kernel of `cloudboot.disk.kernel` first. Returns the settings that match
    /// nothing.
    fn select(self, volumes: &Volumes, found: &mut Found, selection: &Selection<'_>) -> Vec<Failure> {
        let mut mistakes: Vec<Failure> = selection.restrict(volumes, found).err().into_iter().collect();
        if let Some(kernel) = self.config.disk_kernel() {
            let is_meant = |volume: &Volume| selection.means(volumes, volume);
            if !selection::put_in_front(volumes, found, kernel, self.config.disk_initrd(), &is_meant) {
                let cause = "no volume has this file";
                mistakes.push(Failure::new(Phase::Discover, kernel, codes::DISK_KERNEL, &cause));
            }
        }
        mistakes
    }

    /// What was asked for and has no entry: its name, or `nothing` if there is no entry at all.
    fn lacks(self, volumes: &Volumes, found: &Found, mistakes: &[Failure]) -> Option<String> {
        let Self { config, once, variables, .. } = self;
        if config.image().is_some() && !config.local() {
            return None;
        }
        let has_target = config.target().map(|target| queue::has(volumes, found, target));
        let is_enough = |entry: &Entry| {
            let is_wanted = has_target == Some(true) || !entry.id.starts_with(EFI_SHELL);
            is_wanted && !matches!(entry.start, Start::Elsewhere(_))
        };
        if !found.entries.iter().any(is_enough) {
            return Some("nothing".into());
        }
        if config.holds_disks_back() {
            return None;
        }
        let mistake = mistakes.first().map(|failure| failure.object.as_str());
        if let Some(name) = mistake.or(config.target().filter(|_| has_target == Some(false))) {
            return Some(shown(name));
        }
        // The first thing that would start decides.
        let asked = once.entry().map(String::from);
        let usual = || interface::lasting(variables, found).0.filter(|_| has_target.is_none());
        let asked = asked.or_else(usual).filter(|asked| !interface::has(asked, found, config))?;
        Some(shown(&asked))
    }
}

/// Words for a missing entry of this name.
fn shown(name: &str) -> String {
    format!("no {}", interface::shortened(name))
}

/// Linux's names of the disks, and the disks under the names that messages use.
pub(crate) fn named(disks: Vec<Disk>) -> (Vec<String>, Vec<vfs::Disk>) {
    let disks = disks.into_iter().enumerate();
    disks.map(|(i, Disk { device, name })| (name, vfs::Disk { device, name: format!("hd{i}") })).unzip()
}

/// The entries of the wanted volumes, for an architecture. This loader itself, in any version, is never an entry: two
/// versions with nothing else to start would start each other until memory runs out.
pub fn entries_of(volumes: &Volumes, arch: Arch, is_wanted: &dyn Fn(&Volume) -> bool) -> Found {
    Scope { arch, is_own: &is_own_loader, is_wanted }.discover(volumes)
}

/// Whether a file is this loader, in any version.
fn is_own_loader(volume: &Volume, path: &str) -> bool {
    let Ok(node) = volume.open(path.as_bytes()) else { return false };
    let Some(attr) = node.attr().ok().filter(|attr| attr.kind == FileType::File) else { return false };
    let read = |start: u64, length: u64| {
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        let got = node.read_at(start, &mut bytes).ok()?;
        bytes.truncate(got);
        Some(bytes)
    };
    let head = u64::try_from(own::HEAD_SIZE).unwrap_or(u64::MAX).min(attr.size);
    // Cannot saturate: a range of a section, which ends no earlier than it starts.
    let read_range = |range: core::ops::Range<u64>| read(range.start, range.end.saturating_sub(range.start));
    read(0, head).is_some_and(|head| own::is_own_loader(&head, attr.size, &read_range))
}
