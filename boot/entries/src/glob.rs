// SPDX-License-Identifier: BSD-3-Clause
//! Kernels found by name, where nothing is configured.

mod defaults;

use alloc::{format, string::String, vec::Vec};
use filesystem::FileType;
use vfs::{Node, Volume};

use crate::{
    Access, Entry, Error, File, Kind, Linux, Source, Start,
    budget::{Share, number},
    merge::Menu,
    search::Search,
    version,
};

pub use defaults::{FLAGS, Systems};

/// Names of kernel files, followed by a version.
const KERNELS: [&[u8]; 4] = [b"vmlinuz-", b"Image-", b"vmlinux-", b"kernel-"];
/// Suffixes after the version, for other forms of a kernel. The plain form comes first, a signed copy last, since it
/// has no initial RAM disk of its own.
const SUFFIXES: [&[u8]; 6] = [b"", b".gz", b".xz", b".zst", b".signed", b".efi.signed"];
/// Kernels without a version and their initial RAM disks, used if no kernel has a version.
const PLAIN_KERNELS: [&[u8]; 4] = [b"vmlinuz", b"Image", b"vmlinux", b"kernel"];
const PLAIN_INITRDS: [&[u8]; 4] = [b"initrd.img", b"initrd", b"initramfs.img", b"initramfs"];
/// Marks of rescue kernels and backup copies, which must never be taken for the newest.
const LEFT_OUT: [&str; 4] = ["rescue", ".old", ".dpkg-", ".bak"];
/// The folder of a system's modules, and with some distributions its kernels, too.
const MODULES: &str = "/usr/lib/modules";
/// Most entries of one volume.
const MOST: usize = 64;
/// Most kernel files considered on one volume.
const MOST_SORTED: usize = 1024;

/// An entry for each kernel in `/boot`, or in the root of a separate boot volume, the newest first; if no kernel has a
/// version in its name, one without.
pub fn find(search: &Search<'_>, systems: &Systems<'_>, volume: &Volume) -> Menu {
    let share = search.share(volume);
    let versioned = ["/boot", "/"].map(|folder| (folder, kernels(share, volume, folder)));
    let first = versioned.into_iter().find(|(_, kernels)| !kernels.is_empty());
    let plain = || {
        let plain = |folder| Some((folder, Vec::from([plain(share, volume, folder)?])));
        ["/boot", "/"].into_iter().find_map(plain)
    };
    let Some((folder, kernels)) = first.or_else(plain) else { return Menu::default() };
    Finder { share, systems, volume, folder }.menu(kernels)
}

/// An entry for each kernel in the folder of its modules, the newest first.
pub fn find_modules(search: &Search<'_>, systems: &Systems<'_>, volume: &Volume) -> Menu {
    let share = search.share(volume);
    let path = |version: &[u8]| [MODULES.as_bytes(), b"/", version, b"/vmlinuz"].concat();
    let names = share.names_if_there(volume, MODULES.as_bytes());
    let versions = names.into_iter().map(|(name, _)| name).filter(|version| is_candidate(version));
    let mut kernels: Vec<Kernel> =
        versions.map(|version| Kernel { path: Vec::new(), version, rank: (0, 0) }).collect();
    newest(share, format!("{} {MODULES}", volume.name()), &mut kernels);
    kernels.iter_mut().for_each(|kernel| kernel.path = path(&kernel.version));
    kernels.retain(|kernel| share.is_there(volume, &kernel.path).unwrap_or(false));
    Finder { share, systems, volume, folder: MODULES }.menu(kernels)
}

/// A kernel without a version.
fn plain(share: &Share, volume: &Volume, folder: &str) -> Option<Kernel> {
    let mut paths = PLAIN_KERNELS.iter().map(|name| beside(folder, &[name]));
    let path = paths.find(|path| share.is_file(volume, path))?;
    Some(Kernel { path, version: Vec::new(), rank: (0, 0) })
}

/// Sorts, the newest first and equal versions by rank, and keeps the first of them: a folder may have thousands of
/// names. If there were more, a problem of the folder `object` is noted.
fn newest(share: &Share, object: String, kernels: &mut Vec<Kernel>) {
    let order = |a: &Kernel, b: &Kernel| version::compare(&b.version, &a.version).then(a.rank.cmp(&b.rank));
    if kernels.len() > MOST_SORTED {
        share.note(object, Error::TooMany { what: "names of kernels", limit: number(MOST_SORTED) });
        kernels.select_nth_unstable_by(MOST_SORTED, order);
        kernels.truncate(MOST_SORTED);
    }
    kernels.sort_unstable_by(order);
}

/// Whether a version may be the newest.
fn is_candidate(version: &[u8]) -> bool {
    let text = String::from_utf8_lossy(version);
    !version.is_empty() && !LEFT_OUT.iter().any(|word| text.contains(word))
}

struct Kernel {
    path: Vec<u8>,
    version: Vec<u8>,
    /// Indices of its prefix and suffix in [`KERNELS`] and [`SUFFIXES`].
    rank: (usize, usize),
}

/// The newest first; of two files of one version, the kind that comes first in [`KERNELS`], then in [`SUFFIXES`]. One
/// that cannot be read is noted, and hides no other.
fn kernels(share: &Share, volume: &Volume, folder: &str) -> Vec<Kernel> {
    let object =
        |name: &[u8]| format!("{} {}", volume.name(), String::from_utf8_lossy(&beside(folder, &[name])));
    let names = share.names_if_there(volume, folder.as_bytes());
    let is_file = |name: &[u8], node: &Node<'_>| match node.attr() {
        Ok(attr) => matches!(attr.kind, FileType::File | FileType::Symlink),
        Err(error) => {
            share.note(object(name), error.into());
            false
        }
    };
    let ranked = |(name, node): (Vec<u8>, Node<'_>)| {
        let (rank, version) = ranked(&name)?;
        let kernel = Kernel { path: beside(folder, &[&name]), version: version.to_vec(), rank };
        (is_candidate(version) && is_file(&name, &node)).then_some(kernel)
    };
    let mut kernels: Vec<Kernel> = names.into_iter().filter_map(ranked).collect();
    newest(share, format!("{} {folder}", volume.name()), &mut kernels);
    kernels.dedup_by(|later, first| later.version == first.version);
    kernels
}

/// The version in a kernel's name, and the indices of its prefix and suffix in [`KERNELS`] and [`SUFFIXES`].
fn ranked(name: &[u8]) -> Option<((usize, usize), &[u8])> {
    let starts = KERNELS.iter().enumerate();
    let (kind, version) = starts.filter_map(|(i, start)| Some((i, name.strip_prefix(*start)?))).next()?;
    // The longest suffix comes last.
    let ends = SUFFIXES.iter().enumerate().rev();
    let (form, version) = ends.filter_map(|(i, end)| Some((i, version.strip_suffix(*end)?))).next()?;
    Some(((kind, form), version))
}

/// The path of a file of this folder, whose name has these parts.
fn beside(folder: &str, name: &[&[u8]]) -> Vec<u8> {
    [folder.trim_end_matches('/').as_bytes(), b"/", &name.concat()].concat()
}

/// Makes entries of the kernels of one folder.
struct Finder<'a> {
    share: &'a Share,
    systems: &'a Systems<'a>,
    volume: &'a Volume,
    folder: &'a str,
}

impl Finder<'_> {
    fn menu(&self, kernels: Vec<Kernel>) -> Menu {
        let mut menu = Menu::default();
        if kernels.is_empty() {
            return menu;
        }
        let (system, options) = (self.systems.os_name(self.volume), self.systems.options(self.volume));
        let object = || format!("{} {}", self.volume.name(), self.folder);
        if kernels.len() > MOST {
            self.share.note(object(), Error::TooMany { what: "kernels", limit: number(MOST) });
        }
        for kernel in kernels.into_iter().take(MOST) {
            let entry = self.entry(kernel, &system, &options);
            match entry.and_then(|entry| self.share.entry(&entry).map(|()| entry)) {
                Ok(entry) => menu.entries.push(entry),
                Err(error) => {
                    self.share.note(object(), error);
                    break;
                }
            }
        }
        menu
    }

    fn entry(&self, kernel: Kernel, system: &str, options: &str) -> Result<Entry, Error> {
        let version = String::from_utf8_lossy(&kernel.version).into_owned();
        let file = |path| File { volume: self.volume.id(), path };
        Ok(Entry {
            title: format!("{system} {version}").trim_ascii_end().into(),
            id: version.clone(),
            version,
            source: Source { volume: self.volume.id(), path: self.folder.into(), kind: Kind::Glob },
            start: Start::Linux(Linux {
                initrd: self.initrd(&kernel.version)?.map(|path| file(path).into()).into_iter().collect(),
                kernel: file(kernel.path),
                options: options.into(),
                devicetree: None,
            }),
            counting: None,
            default: false,
            is_first: false,
            access: Access::Anyone,
        })
    }

    /// The initial RAM disk of the same version, by the names that distributions use; for a kernel among its modules,
    /// it is in `/boot`.
    fn initrd(&self, version: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let folder = if self.folder == MODULES { "/boot" } else { self.folder };
        if version.is_empty() {
            let mut plain = PLAIN_INITRDS.iter().map(|name| beside(folder, &[name]));
            return Ok(plain.find(|path| self.share.is_file(self.volume, path)));
        }
        let names = [
            (b"initrd.img-".as_slice(), b"".as_slice()),
            (b"initramfs-", b".img"),
            (b"initramfs-", b""),
            (b"initrd-", b""),
        ];
        let in_folder = names.iter().map(|(before, behind)| beside(folder, &[before, version, behind]));
        let of_modules = beside(MODULES, &[version, b"/initrd"]);
        for path in in_folder.chain([of_modules]) {
            if self.share.is_there(self.volume, &path)? {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }
}
