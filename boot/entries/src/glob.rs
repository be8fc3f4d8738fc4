// SPDX-License-Identifier: BSD-3-Clause
//! Kernels found by their names, where nothing is configured.

mod defaults;

use alloc::{format, string::String, vec::Vec};

use filesystem::FileType;
use vfs::{Volume, Volumes};

use crate::{Entry, File, Found, Kind, Linux, Source, Start, version};

/// Kernel files are these names with a version behind.
const KERNELS: [&[u8]; 3] = [b"vmlinuz-", b"Image-", b"vmlinux-"];
/// Copies that are kept for emergencies: never the newest.
const LEFT_OUT: [&str; 4] = ["rescue", ".old", ".dpkg-", ".bak"];
/// Where a system's modules stand, and with some distributions its kernels, too.
const MODULES: &str = "/usr/lib/modules";
/// Entries that one volume yields.
const MOST: usize = 64;

/// Adds an entry for each kernel in `/boot`, or in the root of a volume that is one; the newest first.
pub fn find(volumes: &Volumes, volume: &Volume, found: &mut Found) {
    for folder in ["/boot", "/"] {
        let kernels = kernels(volume, folder);
        if kernels.is_empty() {
            continue;
        }
        let options = defaults::options(volumes, volume);
        let entries = kernels.into_iter().take(MOST).enumerate();
        found.entries.extend(entries.map(|(i, kernel)| entry(volume, folder, kernel, &options, i == 0)));
        return;
    }
}

/// Adds an entry for each kernel that stands among its own modules, the newest first.
pub fn find_modules(volumes: &Volumes, volume: &Volume, found: &mut Found) {
    let list = volume.list(MODULES.as_bytes()).unwrap_or_default();
    let path = |version: &[u8]| [MODULES.as_bytes(), b"/", version, b"/vmlinuz"].concat();
    let mut versions: Vec<Vec<u8>> = list.into_iter().map(|entry| entry.name).collect();
    versions.retain(|version| is_candidate(version) && volume.open(&path(version)).is_ok());
    versions.sort_by(|a, b| version::compare(b, a));
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
        .filter(|entry| matches!(entry.kind, FileType::File | FileType::Symlink))
        .filter_map(|entry| {
            let kinds = KERNELS.iter().enumerate();
            let (rank, version) =
                kinds.filter_map(|(i, prefix)| Some((i, entry.name.strip_prefix(*prefix)?))).next()?;
            let kernel = Kernel { path: beside(folder, &[&entry.name]), version: version.to_vec() };
            is_candidate(version).then_some((rank, kernel))
        })
        .collect();
    kernels.sort_by(|(i, a), (j, b)| version::compare(&b.version, &a.version).then(i.cmp(j)));
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
        title: format!("{} {version}", defaults::os_name(volume)),
        id: version,
        source: Source { volume: volume.id(), path: folder.into(), kind: Kind::Glob },
        start: Start::Linux(Linux {
            initrd: initrd(volume, folder, &kernel.version).map(file).into_iter().collect(),
            kernel: file(kernel.path),
            options: options.into(),
            devicetree: None,
        }),
        default,
    }
}

/// The initial RAM disk of the same version, by the names that distributions give it; for a kernel among its
/// modules it stands in `/boot`.
fn initrd(volume: &Volume, folder: &str, version: &[u8]) -> Option<Vec<u8>> {
    let folder = if folder == MODULES { "/boot" } else { folder };
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
