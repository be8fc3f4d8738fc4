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

/// `btrfs-mount-subvol DEVICE FOLDER SUBVOLUME`: paths below the folder are of the subvolume from now on.
pub fn mount(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    let [device, folder, subvolume, ..] = call.arguments else { return Ok(Status::Failure) };
    Ok(grub.add_mount(device, folder, subvolume, call.line)?.into())
}

/// `btrfs-get-default-subvol [--output VARIABLE] DEVICE`: its path. Its number is not known.
pub fn default(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    let given = match call.parse(&GET_DEFAULT) {
        Ok(given) => given,
        Err(status) => return Ok(status),
    };
    let Some(device) = given.plain.first().filter(|_| !given.has("id-only")) else {
        return Ok(Status::Failure);
    };
    let device = device.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(device);
    let filesystem = grub.places.named(device);
    let Some(volume) = filesystem.and_then(|filesystem| grub.volumes.get(filesystem.default())) else {
        return Ok(Status::Failure);
    };
    if let Some(variable) = given.value("output") {
        let path = format!("/{}", filesystems::path(volume));
        grub.here.environment.set(variable, &path, call.line)?;
    }
    Ok(Status::Success)
}
