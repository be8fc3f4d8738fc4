// SPDX-License-Identifier: BSD-3-Clause
//! `btrfs-mount-subvol` and `btrfs-get-default-subvol`, of SUSE's and Fedora's GRUB.

use alloc::format;

use super::{Call, Status};
use crate::{
    Error, filesystems,
    grub::{
        interpreter::Interpreter,
        options::{Syntax, flag, value},
    },
};

const GET_DEFAULT: Syntax = Syntax {
    options: &[value("output", Some('o')), flag("path-only", Some('p')), flag("id-only", Some('i'))],
    keeps_unknown: false,
};

/// `btrfs-mount-subvol DEVICE FOLDER SUBVOLUME`: from now on, paths below the folder are paths of the subvolume.
pub fn mount(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    let [device, folder, subvolume, ..] = call.arguments else { return Ok(Status::Failure) };
    Ok(grub.add_mount(device, folder, subvolume, call.line)?.into())
}

/// `btrfs-get-default-subvol [--output VARIABLE] DEVICE`: its path, its number with `--id-only`, or both with
/// `--path-only`, too.
pub fn default(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    let given = match call.parse(&GET_DEFAULT) {
        Ok(given) => given,
        Err(status) => return Ok(status),
    };
    let Some(device) = given.plain.first() else { return Ok(Status::Failure) };
    let device = device.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(device);
    let filesystem = grub.places.named(device);
    let Some(volume) = filesystem.and_then(|filesystem| grub.volumes.get(filesystem.default())) else {
        return Ok(Status::Failure);
    };
    let path = format!("/{}", filesystems::path(volume));
    let text = match (given.has("id-only").then(|| volume.number()), given.has("path-only")) {
        (None, _) => path,
        (Some(None), _) => return Ok(Status::Failure),
        (Some(Some(number)), false) => format!("{number}"),
        (Some(Some(number)), true) => format!("{number} {path}"),
    };
    if let Some(variable) = given.value("output") {
        grub.here.environment.set(variable, &text, call.line)?;
    }
    Ok(Status::Success)
}
