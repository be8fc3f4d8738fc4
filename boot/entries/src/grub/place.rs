// SPDX-License-Identifier: BSD-3-Clause
//! GRUB's names of devices and files: `(hd0,gpt1)/boot/vmlinuz`, or a path on `$root`.

use vfs::{Volume, Volumes};

use crate::File;

/// The volume that a device's name means.
pub fn volume<'a>(volumes: &'a Volumes, device: &str) -> Option<&'a Volume> {
    let all = volumes.all();
    if let Some(volume) = all.iter().find(|volume| volume.name() == device) {
        return Some(volume);
    }
    // `hd0,1` is partition 1 by whatever table.
    let (disk, number) = device.split_once(',')?;
    number.parse::<u32>().ok()?;
    let is_it = |volume: &&Volume| {
        let scheme = volume.name().strip_prefix(disk).and_then(|rest| rest.strip_prefix(','));
        let scheme = scheme.and_then(|rest| rest.strip_suffix(number));
        matches!(scheme, Some("gpt" | "msdos"))
    };
    all.iter().find(is_it)
}

/// Device and path; `root` is the device of a path without one.
pub fn split<'a>(root: &'a str, path: &'a str) -> Option<(&'a str, &'a str)> {
    let (device, path) = match path.strip_prefix('(') {
        Some(rest) => rest.split_once(')')?,
        None => (root, path),
    };
    Some((device.trim_ascii(), path))
}

/// The file that a path means, with `root` for paths without a device. A path starts with a slash: to GRUB, others
/// are lists of sectors.
pub fn file(volumes: &Volumes, root: &str, path: &str) -> Option<File> {
    let (device, path) = split(root, path)?;
    let is_file = path.len() > 1 && path.starts_with('/');
    let volume = volume(volumes, device).filter(|_| is_file)?;
    Some(File { volume: volume.id(), path: path.into() })
}
