// SPDX-License-Identifier: BSD-3-Clause
//! Finding volumes and entries, and what `cloudboot.disk` and its kin make of them.

use alloc::{format, string::String, vec, vec::Vec};

use arch::Arch;
use config::Config;
use entries::{Entry, Found, Scope, Start};
use filesystem::FileType;
use image::{own, pe};
use vfs::{ReadLimit, Volume, Volumes};

use crate::{
    Clock, Disk, Disks, Failure, Phase, codes,
    report::Report,
    selection::{self, Selection},
};

/// Bytes that discovery reads, whatever is on the disks: many times what the fullest of honest ones wants.
pub const MOST_READ: ReadLimit = ReadLimit { each: 256 << 20, all: 2 << 30 };

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
    /// Times it.
    pub clock: &'a dyn Clock,
    /// Told of it.
    pub report: &'a Report<'a>,
    /// The architecture of the entries.
    pub arch: Arch,
    /// The volumes that count.
    pub config: &'a Config,
}

impl Search<'_> {
    /// Finds volumes and entries; starts the drivers of more disks when there is no entry at first, or
    /// only such as lead to another disk. A boot from the network needs none, and starting all drivers would take the
    /// network cards.
    pub fn run(self) -> Discovered {
        let mut discovered = self.once();
        let starts_something = |entry: &Entry| !matches!(entry.start, Start::Elsewhere(_));
        let needs_entry = self.config.image().is_none() || self.config.local();
        if needs_entry && !discovered.found.entries.iter().any(starts_something) {
            // The disks of the first search are released before drivers are started.
            drop(discovered);
            self.report.connecting();
            self.disks.connect();
            discovered = self.once();
        }
        self.report.problems(&discovered.volumes, &discovered.found, self.config.source().is_none());
        self.report.locks(&discovered.found.locks);
        discovered
    }

    fn once(self) -> Discovered {
        let started = self.clock.now();
        let (names, disks) = named(self.disks.disks());
        let selection = Selection::new(self.config, &names);
        let volumes = Volumes::discover_within(disks, MOST_READ, selection.root);
        let is_wanted = |volume: &Volume| selection.means(&volumes, volume);
        let mut found = entries_of(&volumes, self.arch, &is_wanted);
        volumes.lift_limit();
        self.select(&volumes, &mut found, &selection);
        let took = self.clock.since(started);
        self.report.discovered(names.len(), volumes.all().len(), found.entries.len(), took);
        self.report.everything(&names, &volumes, &found);
        Discovered { volumes, found }
    }

    /// Keeps what is selected, and puts the kernel of `cloudboot.disk.kernel` in front.
    fn select(self, volumes: &Volumes, found: &mut Found, selection: &Selection<'_>) {
        if let Err(failure) = selection.restrict(volumes, found) {
            self.report.mistake(&failure);
        }
        if let Some(kernel) = self.config.disk_kernel() {
            let is_meant = |volume: &Volume| selection.means(volumes, volume);
            if !selection::put_in_front(volumes, found, kernel, self.config.disk_initrd(), &is_meant) {
                let cause = "no volume has this file";
                self.report.mistake(&Failure::new(Phase::Discover, kernel, codes::DISK_KERNEL, &cause));
            }
        }
    }
}

/// Linux's names of the disks, and the disks under the names that messages use.
pub(crate) fn named(disks: Vec<Disk>) -> (Vec<String>, Vec<vfs::Disk>) {
    let disks = disks.into_iter().enumerate();
    disks.map(|(i, Disk { device, name })| (name, vfs::Disk { device, name: format!("hd{i}") })).unzip()
}

/// The entries of volumes that are wanted, for an architecture. Our own program, in whatever version, is never one: two
/// versions with nothing else to start would start each other until memory ends.
pub fn entries_of(volumes: &Volumes, arch: Arch, is_wanted: &dyn Fn(&Volume) -> bool) -> Found {
    Scope { arch, is_own: &is_own_loader, is_wanted }.discover(volumes)
}

/// Whether a file is this very program, in whatever version.
fn is_own_loader(volume: &Volume, path: &str) -> bool {
    let Ok(node) = volume.open(path.as_bytes()) else { return false };
    let Some(attr) = node.attr().ok().filter(|attr| attr.kind == FileType::File) else { return false };
    let read = |start: u64, length: u64| {
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        let got = node.read_at(start, &mut bytes).ok()?;
        bytes.truncate(got);
        Some(bytes)
    };
    let head = u64::try_from(pe::HEAD_SIZE).unwrap_or(u64::MAX).min(attr.size);
    // Cannot saturate: a range of a section, which ends no earlier than it starts.
    let read_range = |range: core::ops::Range<u64>| read(range.start, range.end.saturating_sub(range.start));
    read(0, head).is_some_and(|head| own::is_own_loader(&head, attr.size, &read_range))
}
