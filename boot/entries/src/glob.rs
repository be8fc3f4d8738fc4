// SPDX-License-Identifier: BSD-3-Clause
//! Kernels found by their names, where nothing is configured.

mod defaults;

use alloc::{format, string::String, vec::Vec};

use filesystem::FileType;
use vfs::{Volume, Volumes};

use crate::{Access, Entry, File, Found, Kind, Linux, Source, Start, version};

pub use defaults::{known, options};

/// Kernel files are these names with a version behind.
const KERNELS: [&[u8]; 4] = [b"vmlinuz-", b"Image-", b"vmlinux-", b"kernel-"];
/// Compressed kernels have these behind their version.
const SUFFIXES: [&[u8]; 3] = [b".gz", b".xz", b".zst"];
/// Kernels without a version, and initial RAM disks for them, where no kernel has one.
const PLAIN_KERNELS: [&[u8]; 4] = [b"vmlinuz", b"Image", b"vmlinux", b"kernel"];
const PLAIN_INITRDS: [&[u8]; 4] = [b"initrd.img", b"initrd", b"initramfs.img", b"initramfs"];
/// Copies that are kept for emergencies: never the newest.
const LEFT_OUT: [&str; 4] = ["rescue", ".old", ".dpkg-", ".bak"];
/// Where a system's modules stand, and with some distributions its kernels, too.
const MODULES: &str = "/usr/lib/modules";
/// Entries that one volume yields.
const MOST: usize = 64;

/// Adds an entry for each kernel in `/boot`, or in the root of a volume that is one, the newest first; where no
/// kernel has a version in its name, one without.
pub fn find(volumes: &Volumes, volume: &Volume, found: &mut Found) {
    let versioned = ["/boot", "/"].map(|folder| (folder, kernels(volume, folder)));
    let first = versioned.into_iter().find(|(_, kernels)| !kernels.is_empty());
    let plain =
        || ["/boot", "/"].iter().find_map(|folder| Some((*folder, Vec::from([plain(volume, folder)?]))));
    let Some((folder, kernels)) = first.or_else(plain) else { return };
    let options = defaults::options(volumes, volume);
    let entries = kernels.into_iter().take(MOST).enumerate();
    found.entries.extend(entries.map(|(i, kernel)| entry(volume, folder, kernel, &options, i == 0)));
}

/// A kernel without a version.
fn plain(volume: &Volume, folder: &str) -> Option<Kernel> {
    let path = PLAIN_KERNELS.iter().map(|name| beside(folder, &[name])).find(|path| is_file(volume, path))?;
    Some(Kernel { path, version: Vec::new() })
}

fn is_file(volume: &Volume, path: &[u8]) -> bool {
    let attr = volume.open(path).and_then(|node| node.attr());
    attr.is_ok_and(|attr| attr.kind == FileType::File)
}

/// Adds an entry for each kernel that stands among its own modules, the newest first.
pub fn find_modules(volumes: &Volumes, volume: &Volume, found: &mut Found) {
    let list = volume.list(MODULES.as_bytes()).unwrap_or_default();
    let path = |version: &[u8]| [MODULES.as_bytes(), b"/", version, b"/vmlinuz"].concat();
    let mut versions: Vec<Vec<u8>> = list.into_iter().map(|entry| entry.name).collect();
    versions.retain(|version| is_candidate(version) && volume.open(&path(version)).is_ok());
    versions.sort_unstable_by(|a, b| version::compare(b, a));
    let options = defaults::options(volumes, volume);
    for (i, version) in versions.into_iter().take(MOST).enumerate() {
        let kernel = Kernel { path: path(&version), version };
        found.entries.push(entry(volume, MODULES, kernel, &options, i == 0));
    }
}

/// Whether a version may be the newest.
fn is_candidate(version: &[u8]) -> bool {
    let text = String::from_utf8_lossy(version);
    !version.is_empty() && !LEFT_OUT.iter().any(|word| text.contains(word))
}

struct Kernel {
    path: Vec<u8>,
    version: Vec<u8>,
}

/// The newest first; of two files of one version the kind that is named first in [`KERNELS`].
fn kernels(volume: &Volume, folder: &str) -> Vec<Kernel> {
    let Ok(list) = volume.list(folder.as_bytes()) else {
        return Vec::new();
    };
    let mut kernels: Vec<(usize, Kernel)> = list
        .into_iter()
        .filter(|entry| matches!(entry.kind, Ok(FileType::File | FileType::Symlink)))
        .filter_map(|entry| {
            let kinds = KERNELS.iter().enumerate();
            let (rank, version) =
                kinds.filter_map(|(i, prefix)| Some((i, entry.name.strip_prefix(*prefix)?))).next()?;
            let version = SUFFIXES.iter().find_map(|end| version.strip_suffix(*end)).unwrap_or(version);
            let kernel = Kernel { path: beside(folder, &[&entry.name]), version: version.to_vec() };
            is_candidate(version).then_some((rank, kernel))
        })
        .collect();
    kernels.sort_unstable_by(|(i, a), (j, b)| version::compare(&b.version, &a.version).then(i.cmp(j)));
    kernels.dedup_by(|(_, later), (_, first)| later.version == first.version);
    kernels.into_iter().map(|(_, kernel)| kernel).collect()
}

/// The path of a file of this folder, whose name has these parts.
fn beside(folder: &str, name: &[&[u8]]) -> Vec<u8> {
    [folder.trim_end_matches('/').as_bytes(), b"/", &name.concat()].concat()
}

fn entry(volume: &Volume, folder: &str, kernel: Kernel, options: &str, default: bool) -> Entry {
    let version = String::from_utf8_lossy(&kernel.version).into_owned();
    let file = |path| File { volume: volume.id(), path };
    Entry {
        title: format!("{} {version}", defaults::os_name(volume)).trim_ascii_end().into(),
        id: version.clone(),
        version,
        source: Source { volume: volume.id(), path: folder.into(), kind: Kind::Glob },
        start: Start::Linux(Linux {
            initrd: initrd(volume, folder, &kernel.version).map(file).into_iter().collect(),
            kernel: file(kernel.path),
            options: options.into(),
            devicetree: None,
        }),
        counting: None,
        default,
        access: Access::Anyone,
    }
}

/// The initial RAM disk of the same version, by the names that distributions give it; for a kernel among its
/// modules it stands in `/boot`.
fn initrd(volume: &Volume, folder: &str, version: &[u8]) -> Option<Vec<u8>> {
    let folder = if folder == MODULES { "/boot" } else { folder };
    if version.is_empty() {
        let plain = PLAIN_INITRDS.iter().map(|name| beside(folder, &[name]));
        return plain.into_iter().find(|path| is_file(volume, path));
    }
    let names = [
        (b"initrd.img-".as_slice(), b"".as_slice()),
        (b"initramfs-", b".img"),
        (b"initramfs-", b""),
        (b"initrd-", b""),
    ];
    let in_folder = names.iter().map(|(before, behind)| beside(folder, &[before, version, behind]));
    let of_modules = beside(MODULES, &[version, b"/initrd"]);
    in_folder.chain([of_modules]).find(|path| volume.open(path).is_ok())
}
