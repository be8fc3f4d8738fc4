// SPDX-License-Identifier: BSD-3-Clause
//! `search`: a device by its filesystem's UUID or label, or by a file.
//!
//! Source: GRUB 2.14, grub-core/commands/search_wrap.c and search.c. Hints are ignored: they name devices of the
//! firmware that GRUB was configured on.

use alloc::{format, string::String};

use filesystem::FileType;
use vfs::Volume;

use super::{Call, Status};
use crate::{
    Error,
    grub::{
        interpreter::Interpreter,
        options::{Known, Syntax, Takes, flag, value},
    },
};

const SEARCH: Syntax = Syntax {
    options: &[
        flag("file", Some('f')),
        flag("label", Some('l')),
        flag("fs-uuid", Some('u')),
        Known { long: "set", letter: Some('s'), takes: Takes::PerhapsValue },
        flag("no-floppy", Some('n')),
        flag("efidisk-only", None),
        flag("cryptodisk-only", None),
        flag("root-dev-only", Some('r')),
        value("hint", Some('h')),
        value("hint-ieee1275", None),
        value("hint-bios", None),
        value("hint-baremetal", None),
        value("hint-efi", None),
        value("hint-arc", None),
    ],
    keeps_unknown: true,
};

/// What is searched for.
#[derive(Clone, Copy)]
enum By {
    Uuid,
    Label,
    File,
}

/// Sets a variable, `root` unless another is named, to the device found.
pub fn search(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    let given = match call.parse(&SEARCH) {
        Ok(given) => given,
        Err(status) => return Ok(status),
    };
    let is_set = given.has("set");
    // Hints for other GRUB platforms are not names to search for.
    let name = given.plain.iter().copied().find(|word| !word.starts_with("--hint-"));
    let (name, variable) = match (name, given.value("set")) {
        (Some(name), variable) => (name, is_set.then(|| variable.unwrap_or("root"))),
        (None, Some(name)) => (name, Some("root")),
        (None, None) => return Ok(Status::Failure),
    };
    let by = if given.has("label") {
        By::Label
    } else if given.has("fs-uuid") {
        By::Uuid
    } else if given.has("file") {
        By::File
    } else {
        return Ok(Status::Failure);
    };
    // None of our volumes is one that GRUB would have decrypted.
    if given.has("cryptodisk-only") {
        return Ok(Status::Failure);
    }
    find(grub, by, name, variable, call.line)
}

/// `search.file NAME [VARIABLE [HINT…]]`
pub fn by_file(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    short(grub, By::File, call)
}

/// `search.fs_label`
pub fn by_label(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    short(grub, By::Label, call)
}

/// `search.fs_uuid`
pub fn by_uuid(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    short(grub, By::Uuid, call)
}

fn short(grub: &mut Interpreter<'_>, by: By, call: &Call<'_>) -> Result<Status, Error> {
    let Some(name) = call.first() else { return Ok(Status::Failure) };
    find(grub, by, name, call.arguments.get(1).map(String::as_str), call.line)
}

fn find(
    grub: &mut Interpreter<'_>,
    by: By,
    name: &str,
    variable: Option<&str>,
    line: u32,
) -> Result<Status, Error> {
    let kind = |volume: &Volume| {
        let file = grub.spot(&format!("({}){name}", grub.places.name(volume.id())))?;
        Some(grub.node(grub.volumes.get(file.volume)?, &file.path)?.attr().ok()?.kind)
    };
    let is_meant = |volume: &&Volume| match by {
        By::File => name.starts_with('/') && kind(volume).is_some_and(|kind| kind != FileType::Directory),
        By::Uuid => volume.has_uuid(name),
        By::Label => volume.has_label(name.as_bytes()),
    };
    // Disks may be copies of each other: the script's own disk is searched first.
    let disk = |volume| grub.volumes.get(volume).map(Volume::disk);
    let own = grub.home().and_then(|home| disk(home.volume));
    let filesystems = grub.places.filesystems.all();
    let all = || filesystems.iter().filter_map(|filesystem| grub.volumes.get(filesystem.default()));
    let near = all().filter(|volume| Some(volume.disk()) == own);
    let far = all().filter(|volume| Some(volume.disk()) != own);
    let found = near.chain(far).find(is_meant);
    let device = found.map(|volume| grub.places.name(volume.id()));
    // Each filesystem costs as much as a word.
    grub.budget.command(line, filesystems.len(), 0)?;
    let Some(device) = device else { return Ok(Status::Failure) };
    if let Some(variable) = variable {
        grub.here.environment.set(variable, &device, line)?;
    }
    Ok(Status::Success)
}
