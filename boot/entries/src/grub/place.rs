// SPDX-License-Identifier: BSD-3-Clause
//! GRUB's names of devices and files: `(hd0,gpt1)/boot/vmlinuz`, or a path on `$root`.

use alloc::{format, vec::Vec};

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
    let names = ["gpt", "msdos"].map(|scheme| format!("{disk},{scheme}{number}"));
    all.iter().find(|volume| names.iter().any(|name| name == volume.name()))
}

/// The file that a path means, with `root` for paths without a device.
pub fn file(volumes: &Volumes, root: &str, path: &str) -> Option<File> {
    let (device, path) = match path.strip_prefix('(') {
        Some(rest) => rest.split_once(')')?,
        None => (root, path),
    };
    let path: Vec<u8> = if path.starts_with('/') { path.into() } else { format!("/{path}").into() };
    Some(File { volume: volume(volumes, device.trim_ascii())?.id(), path })
}
