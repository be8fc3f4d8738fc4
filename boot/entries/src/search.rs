// SPDX-License-Identifier: BSD-3-Clause
//! One discovery: which finder searches where, and in which order.

use alloc::{format, string::String, vec::Vec};
use core::{mem::take, ops::Range};

use part::Partition;
use vfs::{Volume, VolumeId, Volumes};

use crate::{
    Arch, Elsewhere, Entry, Error, File, Found, Kind, Scope, Start, bls,
    budget::{Budget, Share, number},
    checksum::checksum,
    chosen, extlinux,
    filesystems::{Filesystem, Filesystems},
    glob::{self, Systems},
    grub::{self, Places, Scripts},
    ids,
    marks::Marks,
    merge::{self, Menu},
    programs,
    sizes::total,
};

/// Most roots of one filesystem that are searched besides the usual ones.
const MOST_ROOTS: usize = 16;

/// One discovery, shared by all finders.
pub struct Search<'a> {
    /// All volumes: a configuration may name files on any of them.
    pub volumes: &'a Volumes,
    /// GRUB's device names of the volumes.
    pub places: Places<'a>,
    scope: Scope<'a>,
    budget: Budget,
}

impl<'a> Search<'a> {
    /// On the volumes of a scope.
    pub fn new(scope: Scope<'a>, filesystems: &'a Filesystems<'a>) -> Self {
        let volumes = filesystems.volumes();
        Self { volumes, places: Places::new(filesystems), scope, budget: Budget::new(volumes) }
    }

    /// The machine's architecture.
    pub fn arch(&self) -> Arch {
        self.scope.arch
    }

    /// The filesystems that all volumes are roots of.
    pub fn filesystems(&self) -> &'a Filesystems<'a> {
        self.places.filesystems
    }

    /// The share of the budget of a volume's disk.
    pub fn share(&self, volume: &Volume) -> &Share {
        self.budget.of(volume)
    }

    /// Whether configurations of a volume count.
    pub fn is_wanted(&self, volume: &Volume) -> bool {
        (self.scope.is_wanted)(volume)
    }

    /// Whether a file is this loader, in any version.
    pub fn is_own(&self, volume: &Volume, path: &str) -> bool {
        (self.scope.is_own)(volume, path)
    }

    /// The file that a configuration's path means. For a configuration in a subvolume, the path may start at the top of
    /// the filesystem.
    ///
    /// # Errors
    /// [`Error::Budget`]
    pub fn locate(&self, volume: &Volume, path: &[u8]) -> Result<File, Error> {
        let file = |volume| File { volume, path: path.into() };
        let share = self.share(volume);
        let filesystem = self.filesystems().of(volume.id()).filter(|filesystem| filesystem.has_several());
        let top = filesystem.and_then(|filesystem| self.volumes.get(filesystem.top));
        let from_top = match top.filter(|top| top.id() != volume.id()) {
            Some(top) if !share.is_there(volume, path)? && share.is_there(top, path)? => Some(top.id()),
            _ => None,
        };
        Ok(self.filesystems().innermost(file(from_top.unwrap_or(volume.id()))))
    }

    /// Everything that can be booted.
    pub fn run(self) -> Found {
        let systems = Systems::new(self.filesystems(), &self.budget);
        let mut searcher =
            Searcher { search: &self, systems: &systems, menus: Vec::new(), scripts: Scripts::default() };
        let mut volumes = self.first();
        searcher.through(&volumes);
        let mut served: Vec<usize> = searcher.disks().collect();
        served.sort_unstable();
        let others = self.others(&served);
        searcher.through(&others);
        volumes.extend(others);
        searcher.through_modules(&volumes);
        let mut menus = searcher.menus;
        let is_default = |volume: &&&Volume| self.filesystems().is_default(volume.id());
        menus.extend(volumes.iter().filter(is_default).map(|volume| programs::find(&self, volume)));
        menus.iter_mut().for_each(|menu| self.leave_out_own(menu));
        self.drop_repeated(&mut menus);
        let mut found = merge::merge(self.volumes, menus);
        self.complete(&systems, &mut found.entries);
        chosen::name_root(&self, &mut found.entries);
        ids::settle(&mut found.entries);
        drop(systems);
        found.spent = self.budget.spent();
        found.problems = self.budget.problems();
        found
    }

    /// The volumes that are searched first: the wanted ones among the usual roots; if a filesystem has none of those,
    /// other wanted roots, which a setting may have named.
    fn first(&self) -> Vec<&'a Volume> {
        let mut first: Vec<&Volume> = Vec::new();
        for filesystem in self.filesystems().all() {
            let mut of_it = self.wanted(self.filesystems().usual(filesystem));
            if of_it.is_empty() {
                let named = self.filesystems().named(filesystem, |volume| self.is_wanted(volume));
                of_it.extend(self.first_roots(named));
            }
            for volume in of_it {
                if !first.iter().any(|other| is_same(other, volume)) {
                    first.push(volume);
                }
            }
        }
        first
    }

    /// Volumes of other roots, on disks where nothing was found: a system may be in a subvolume of any name. `served`:
    /// the disks where something was found, sorted.
    fn others(&self, served: &[usize]) -> Vec<&'a Volume> {
        let filesystems = self.filesystems().all().iter();
        let others = filesystems.flat_map(|filesystem| {
            let mut others = self.wanted(self.filesystems().others(filesystem));
            others.retain(|volume| served.binary_search(&volume.disk()).is_err());
            self.first_roots(others)
        });
        others.collect()
    }

    /// The first of a filesystem's roots; a problem is noted if there are more.
    fn first_roots(&self, mut roots: Vec<&'a Volume>) -> Vec<&'a Volume> {
        if let Some(more) = roots.get(MOST_ROOTS) {
            let error = Error::TooMany { what: "subvolumes to search", limit: number(MOST_ROOTS) };
            let default = self.filesystems().of(more.id()).map(Filesystem::default);
            let default = default.and_then(|id| self.volumes.get(id)).unwrap_or(more);
            self.share(more).note(default.name(), error);
        }
        roots.truncate(MOST_ROOTS);
        roots
    }

    fn wanted(&self, roots: Vec<VolumeId>) -> Vec<&'a Volume> {
        let volumes = roots.into_iter().filter_map(|id| self.volumes.get(id));
        volumes.filter(|volume| self.is_wanted(volume)).collect()
    }

    /// Drops entries that start this loader. If one is the default of a GRUB script, no other may take its place, which
    /// could be an installer: the entry stays, and leads elsewhere. (systemd-boot's lists need no such care: it starts
    /// its first entry if the default is missing.)
    fn leave_out_own(&self, menu: &mut Menu) {
        let first = menu.default.unwrap_or(0);
        let (mut at, mut kept) = (0.., 0_usize);
        let mut own = None;
        retain(menu, |entry| {
            let is_first = at.next() == Some(first);
            let is_own = self.starts_own(entry);
            if is_first && is_own && entry.source.kind == Kind::Grub {
                own = Some((kept, entry.clone()));
            }
            kept = total([kept, usize::from(!is_own)]);
            !is_own
        });
        // If no other entry is left, nothing can take its place.
        let Some((place, entry)) = own.filter(|_| !menu.entries.is_empty()) else { return };
        let path = entry.file().map(|file| String::from_utf8_lossy(&file.path).into_owned());
        let command = format!("chainloader {}", path.unwrap_or_default());
        menu.entries.insert(place, Entry { start: Start::Elsewhere(Elsewhere { command }), ..entry });
        menu.default = Some(place);
    }

    fn starts_own(&self, entry: &Entry) -> bool {
        // A unified kernel image is never this loader; other programs were checked when they were found.
        let is_asked = matches!(entry.source.kind, Kind::Uki | Kind::Efi);
        let Start::Program(program) = &entry.start else { return false };
        let volume = self.volumes.get(program.file.volume).filter(|_| !is_asked);
        let path = str::from_utf8(&program.file.path).ok();
        volume.zip(path).is_some_and(|(volume, path)| match self.of_source(entry) {
            Some(share) => programs::leads_back(self, share, volume, path),
            None => true,
        })
    }

    /// The share of the budget of the disk that an entry is configured on.
    pub fn of_source(&self, entry: &Entry) -> Option<&Share> {
        self.volumes.get(entry.source.volume).map(|volume| self.share(volume))
    }

    /// Drops entries that an earlier root of the same filesystem has, too: a snapshot has the configuration of its
    /// original.
    fn drop_repeated(&self, menus: &mut [Menu]) {
        let mut known = Marks::default();
        for menu in menus {
            let mut own = Vec::new();
            retain(menu, |entry| {
                let Some(filesystem) = self.filesystems().index(entry.source.volume) else { return true };
                let has_several =
                    self.filesystems().of(entry.source.volume).is_some_and(Filesystem::has_several);
                let mark = (filesystem, mark(entry));
                let is_new = !has_several || !known.contains(mark);
                own.extend(has_several.then_some(mark));
                is_new
            });
            for mark in own {
                known.insert(mark);
            }
        }
    }

    /// Gives a kernel with an empty command line the one from the system's files. Others stay unchanged, even without
    /// `root=`: an initrd may find its root by itself.
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

/// What has been found.
struct Searcher<'s> {
    search: &'s Search<'s>,
    systems: &'s Systems<'s>,
    menus: Vec<Menu>,
    scripts: Scripts,
}

impl Searcher<'_> {
    /// Looks through the configurations of these volumes, and for kernels by their names where they have none.
    fn through(&mut self, volumes: &[&Volume]) {
        let search = self.search;
        let shown = self.scripts.blscfg.len();
        for volume in volumes {
            self.menus.extend(grub::find(search, volume, &mut self.scripts));
        }
        for volume in volumes {
            self.menus.extend(grub::find_vendors(search, volume, &mut self.scripts));
        }
        // A script may show entries of another subvolume.
        let mut of_type_1 = volumes.to_vec();
        let named = self.scripts.blscfg.iter().skip(shown).filter_map(|cfg| search.volumes.get(cfg.volume));
        for volume in named {
            if !of_type_1.iter().any(|known| known.id() == volume.id()) {
                of_type_1.push(volume);
            }
        }
        let found = bls::find(search, &of_type_1, &self.scripts.blscfg, &mut self.menus);
        self.menus.extend(found);
        self.menus.extend(volumes.iter().filter_map(|volume| extlinux::find(search, volume)));
        self.menus.iter_mut().for_each(|menu| chosen::drop_others(search, menu));
        for volume in volumes {
            if !self.is_served(volume) {
                self.menus.push(glob::find(search, self.systems, volume));
            }
        }
    }

    /// If nothing else was found at all, searches for kernels in the folders of their modules.
    fn through_modules(&mut self, volumes: &[&Volume]) {
        if self.disks().next().is_some() {
            return;
        }
        for volume in volumes {
            if !self.is_served(volume) {
                self.menus.push(glob::find_modules(self.search, self.systems, volume));
            }
        }
    }

    /// Whether an entry is configured on a volume or starts a file of it, or of another root of its filesystem.
    fn is_served(&self, volume: &Volume) -> bool {
        let is_it = |other| self.search.filesystems().are_one(other, volume.id());
        let mut entries = self.menus.iter().flat_map(|menu| &menu.entries);
        entries.any(|entry| is_it(entry.source.volume) || entry.file().is_some_and(|file| is_it(file.volume)))
    }

    /// The disks that something was found on.
    fn disks(&self) -> impl Iterator<Item = usize> {
        let entries = self.menus.iter().flat_map(|menu| &menu.entries);
        entries.filter_map(|entry| self.search.volumes.get(entry.source.volume)).map(Volume::disk)
    }
}

/// Drops entries that `is_kept` rejects, and adjusts the index of the default.
pub fn retain(menu: &mut Menu, mut is_kept: impl FnMut(&Entry) -> bool) {
    let default = menu.default.take();
    for (i, entry) in take(&mut menu.entries).into_iter().enumerate() {
        if !is_kept(&entry) {
            continue;
        }
        if default == Some(i) {
            menu.default = Some(menu.entries.len());
        }
        menu.entries.push(entry);
    }
}

/// A checksum of the title and of what the entry starts.
fn mark(entry: &Entry) -> u64 {
    let (files, options) = match &entry.start {
        Start::Linux(linux) => {
            let files = linux.initrd_files().chain(&linux.devicetree).chain([&linux.kernel]);
            (files.collect::<Vec<_>>(), linux.options.as_str())
        }
        Start::Program(program) => {
            (Vec::from([&program.file]), program.options.as_deref().unwrap_or_default())
        }
        Start::Url(url) => (Vec::new(), url.url.as_str()),
        Start::Elsewhere(elsewhere) => (Vec::new(), elsewhere.command.as_str()),
    };
    let volume = files.first().map_or(0, |file| file.volume.0).to_le_bytes();
    let paths = files.iter().map(|file| file.path.as_slice());
    let initrds = entry.linux().into_iter().flat_map(|linux| &linux.initrd);
    let names = initrds.filter_map(|initrd| initrd.name.as_deref()).map(str::as_bytes);
    checksum([entry.title.as_bytes(), options.as_bytes(), &volume].into_iter().chain(paths).chain(names))
}

/// Whether two volumes are the same one reached in two ways: a hybrid ISO has a partition over its own filesystem.
fn is_same(first: &Volume, later: &Volume) -> bool {
    let (a, b) = (first.identity(), later.identity());
    let has_name = !a.uuid.is_empty() || !a.label.is_empty();
    let (x, y) = (place(first), place(later));
    let is_root = a == b && first.subvolume() == later.subvolume();
    has_name && is_root && first.disk() == later.disk() && x.start < y.end && y.start < x.end
}

/// The range of the disk's bytes that a volume is on.
fn place(volume: &Volume) -> Range<u64> {
    let whole = 0..u64::MAX;
    // Cannot saturate: it ends on its disk, or there would be no such partition.
    let end = |partition: &Partition| partition.start.saturating_add(partition.length);
    volume.partition().map_or(whole, |partition| partition.start..end(partition))
}
