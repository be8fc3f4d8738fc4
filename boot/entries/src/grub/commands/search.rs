// SPDX-License-Identifier: BSD-3-Clause
//! `search`: a device by its filesystem's UUID or label, or by a file.

use alloc::{string::String, vec::Vec};

use filesystem::FileType;
use vfs::Volume;

use crate::{Error, grub::interpreter::Interpreter};

enum By {
    Uuid,
    Label,
    File,
    PartUuid,
}

/// Sets a variable, `root` unless another is named, to the device found.
pub fn search(grub: &mut Interpreter<'_>, name: &str, rest: &[String], line: u32) -> Result<bool, Error> {
    // `search.fs_uuid VALUE VARIABLE HINT…`
    let mut by = match name {
        "search.fs_label" => By::Label,
        "search.file" => By::File,
        "search.fs_partuuid" => By::PartUuid,
        _ => By::Uuid,
    };
    let is_short = name != "search";
    let (mut is_set, mut variable, mut plain) = (is_short, None, Vec::new());
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-u" | "--fs-uuid" => by = By::Uuid,
            "-l" | "--label" | "--fs-label" => by = By::Label,
            "-f" | "--file" => by = By::File,
            "-p" | "--partuuid" => by = By::PartUuid,
            "-s" | "--set" => is_set = true,
            "-h" | "--hint" => {
                words.next();
            }
            option if option.starts_with("--set=") => variable = option.strip_prefix("--set="),
            option if option.starts_with('-') => {}
            word => plain.push(word),
        }
    }
    // `search.fs_uuid VALUE VARIABLE HINT…`, but `search --set VARIABLE VALUE`.
    let value = match plain.as_slice() {
        [value, name, ..] if is_short => {
            variable = Some(name);
            value
        }
        [name, value, ..] if is_set && variable.is_none() => {
            variable = Some(name);
            value
        }
        [value, ..] => value,
        [] => return Ok(false),
    };
    let variable = variable.or(is_set.then_some("root"));
    let budget = &grub.budget;
    let is_file = |volume: &Volume| Some(volume.open(value.as_bytes()).ok()?.attr().ok()?.kind);
    let holds =
        |volume: &&Volume| budget.lookup() && is_file(volume).is_some_and(|kind| kind != FileType::Directory);
    let is_meant = |volume: &&Volume| match by {
        By::File => holds(volume),
        By::Uuid => volume.has_uuid(value),
        By::Label => volume.has_label(value.as_bytes()),
        By::PartUuid => volume.has_partuuid(value),
    };
    // Two disks may be copies of one another: a script means the disk that it stands on.
    let own = grub.home().map(Volume::disk);
    let all = || grub.volumes.all().iter();
    let near = all().filter(|volume| Some(volume.disk()) == own);
    let far = all().filter(|volume| Some(volume.disk()) != own);
    let found = near.chain(far).find(is_meant);
    grub.budget.check(line)?;
    let Some(device) = found.map(|volume| String::from(volume.name())) else {
        return Ok(false);
    };
    if let Some(variable) = variable {
        grub.environment.set(variable, &device, line)?;
    }
    Ok(true)
}
