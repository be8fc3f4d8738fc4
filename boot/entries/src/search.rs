// SPDX-License-Identifier: BSD-3-Clause
//! One discovery: which finder looks where, and in which order.

use alloc::vec::Vec;
use core::{mem::take, ops::Range};

use part::Partition;
use vfs::{Volume, Volumes};

use crate::{
    Arch, Entry, Found, Kind, Scope, Start, bls,
    budget::{Budget, Share},
    extlinux,
    glob::{self, Systems},
    grub::{self, Places},
    ids,
    merge::{self, Menu},
    programs,
};

/// One discovery, as every finder sees it.
pub struct Search<'a> {
    /// Every volume: what a configuration names may stand on any.
    pub volumes: &'a Volumes,
    /// Those whose configurations count.
    pub wanted: Vec<&'a Volume>,
    /// Where GRUB's scripts find each of them.
    pub places: Places<'a>,
    scope: Scope<'a>,
    budget: Budget,
}

impl<'a> Search<'a> {
    /// On the volumes of a scope.
    pub fn new(scope: Scope<'a>, volumes: &'a Volumes) -> Self {
        let mut wanted: Vec<&Volume> = Vec::new();
        for volume in volumes.all().iter().filter(|volume| (scope.is_wanted)(volume)) {
            if !wanted.iter().any(|other| is_same(other, volume)) {
                wanted.push(volume);
            }
        }
        Self { volumes, wanted, places: Places::new(volumes), scope, budget: Budget::new(volumes) }
    }

    /// The machine's architecture.
    pub fn arch(&self) -> Arch {
        self.scope.arch
    }

    /// The part of the budget that a volume's disk has.
    pub fn share(&self, volume: &Volume) -> &Share {
        self.budget.of(volume)
    }

    /// Whether a file is the running program, in whatever version.
    pub fn is_own(&self, volume: &Volume, path: &str) -> bool {
        (self.scope.is_own)(volume, path)
    }

    /// Everything that can be booted.
    pub fn run(self) -> Found {
        let systems = Systems::new(self.volumes, &self.budget);
        let (mut menus, mut scripts) = (Vec::<Menu>::new(), grub::Scripts::default());
        for volume in &self.wanted {
            menus.extend(grub::find(&self, volume, &mut scripts));
        }
        for volume in &self.wanted {
            menus.extend(grub::find_vendors(&self, volume, &mut scripts));
        }
        let of_type_1 = bls::find(&self, &scripts.blscfg, &mut menus);
        menus.extend(of_type_1);
        menus.extend(self.wanted.iter().filter_map(|volume| extlinux::find(&self, volume)));
        for volume in &self.wanted {
            if !is_served(&menus, volume) {
                menus.push(glob::find(&self, &systems, volume));
            }
        }
        if menus.iter().all(|menu| menu.entries.is_empty()) {
            menus.extend(self.wanted.iter().map(|volume| glob::find_modules(&self, &systems, volume)));
        }
        menus.extend(self.wanted.iter().map(|volume| programs::find(&self, volume)));
        menus.iter_mut().for_each(|menu| self.drop_own(menu));
        let mut found = merge::merge(self.volumes, menus);
        self.complete(&systems, &mut found.entries);
        ids::settle(&mut found.entries);
        drop(systems);
        found.spent = self.budget.spent();
        found.problems = self.budget.problems();
        found
    }

    /// Leaves out entries that start the running program: it would start itself for ever.
    fn drop_own(&self, menu: &mut Menu) {
        let default = menu.default.take();
        for (i, entry) in take(&mut menu.entries).into_iter().enumerate() {
            if self.starts_own(&entry) {
                continue;
            }
            if default == Some(i) {
                menu.default = Some(menu.entries.len());
            }
            menu.entries.push(entry);
        }
    }

    fn starts_own(&self, entry: &Entry) -> bool {
        // A unified kernel image is never this program; other programs were checked when they were found.
        let is_asked = matches!(entry.source.kind, Kind::Uki | Kind::Efi);
        let Start::Program(program) = &entry.start else { return false };
        let volume = self.volumes.get(program.file.volume).filter(|_| !is_asked);
        let path = str::from_utf8(&program.file.path).ok();
        volume.zip(path).is_some_and(|(volume, path)| match self.of_source(entry) {
            // Without budget to check it, it is left out.
            Some(share) => share.bytes.charge(programs::HEAD).is_err() || self.is_own(volume, path),
            None => true,
        })
    }

    /// The part of the budget that the disk has on which an entry is configured.
    fn of_source(&self, entry: &Entry) -> Option<&Share> {
        self.volumes.get(entry.source.volume).map(|volume| self.share(volume))
    }

    /// A kernel with an empty command line gets the one that the system's files give. Any other is left alone: an initrd that finds its root by itself needs no `root=`.
    fn complete(&self, systems: &Systems<'_>, entries: &mut [Entry]) {
        for entry in entries {
            let Some(linux) = entry.linux().filter(|linux| linux.options.is_empty()) else { continue };
            let Some(volume) = self.volumes.get(linux.kernel.volume) else { continue };
            let options = systems.known(volume).unwrap_or_default();
            let Some(share) = self.of_source(entry) else { continue };
            match (share.text.charge(options.len()), &mut entry.start) {
                (Ok(()), Start::Linux(linux)) => linux.options = options,
                (Err(error), _) => share.note(volume.name(), error),
                (Ok(()), _) => {}
            }
        }
    }
}

/// Whether a configuration stands on a volume or starts something of it.
fn is_served(menus: &[Menu], volume: &Volume) -> bool {
    let id = volume.id();
    let mut entries = menus.iter().flat_map(|menu| &menu.entries);
    entries.any(|entry| entry.source.volume == id || entry.file().is_some_and(|file| file.volume == id))
}

/// Whether two volumes are one that is reached in two ways: a disc image with a partition over its own filesystem.
fn is_same(first: &Volume, later: &Volume) -> bool {
    let (a, b) = (first.identity(), later.identity());
    let has_name = !a.uuid.is_empty() || !a.label.is_empty();
    let (x, y) = (place(first), place(later));
    let is_root = a == b && first.subvolume() == later.subvolume();
    has_name && is_root && first.disk() == later.disk() && x.start < y.end && y.start < x.end
}

/// The bytes of its disk that a volume stands on.
fn place(volume: &Volume) -> Range<u64> {
    let whole = 0..u64::MAX;
    // It ends on its disk, or there would be no such partition.
    let end = |partition: &Partition| partition.start.saturating_add(partition.length);
    volume.partition().map_or(whole, |partition| partition.start..end(partition))
}
