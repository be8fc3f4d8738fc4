// SPDX-License-Identifier: BSD-3-Clause
//! Which volume is meant.

use vfs::Volume;

use crate::{
    codes,
    failure::Failure,
    machine::{Device, Machine},
    printer::text,
};

/// Files that only an operating system's own volume has.
const OS: [&[u8]; 2] = [b"/etc/os-release", b"/usr/lib/os-release"];
/// Volumes that a message lists.
const MOST: usize = 8;

/// The volume that `wanted` means: its id, label or UUID, or a form of `cloudboot.disk`; without it the only one,
/// or the only one that holds an operating system.
pub fn pick<'a>(machine: &'a Machine, wanted: Option<&[u8]>) -> Result<&'a Volume, Failure> {
    let all = || machine.volumes.all().iter();
    let mut meant: Vec<&Volume> = match wanted {
        Some(wanted) => all().filter(|volume| is_meant(machine, volume, wanted)).collect(),
        None => all().collect(),
    };
    if wanted.is_none() && meant.len() > 1 {
        let holding: Vec<&Volume> = all().filter(|volume| holds_os(volume)).collect();
        meant = if holding.is_empty() { meant } else { holding };
    }
    if let [volume] = meant[..] {
        return Ok(volume);
    }
    if all().next().is_none() {
        return Err(no_volume(machine));
    }
    let object = wanted.unwrap_or(b"volume");
    let (cause, listed) = match meant.is_empty() {
        true => ("no such volume; available", all().collect()),
        false => ("more than one is meant", meant),
    };
    let names = listed.into_iter().take(MOST).map(|volume| shown(machine, volume)).collect();
    Err(Failure { names, ..Failure::new(codes::VOLUME, object, format!("{cause}: ")) })
}

/// What could not be read is the reason, where there is one.
fn no_volume(machine: &Machine) -> Failure {
    let images: Vec<&[u8]> = machine.images.iter().map(|image| image.id.as_slice()).collect();
    let unread = machine.devices().iter().flat_map(Device::all).find_map(unread);
    let cause = unread.unwrap_or_else(|| "no filesystem that cloud-boot can read".into());
    match machine.volumes.problems().first() {
        Some(problem) => Failure::of(&problem.error, machine.id_of_device(problem.device)),
        None => Failure::new(codes::NONE, images.join(&b' '), cause),
    }
}

/// `disk.raw#2 is exFAT, which this version does not read`
pub fn unread(device: &Device) -> Option<String> {
    let title = device.title.as_ref().filter(|_| device.is_unread)?;
    Some(format!("{} is {title}", device.id))
}

fn is_meant(machine: &Machine, volume: &Volume, wanted: &[u8]) -> bool {
    let name = str::from_utf8(wanted).unwrap_or_default();
    let id = machine.id_of(volume);
    id == wanted
        || text(&id).as_bytes() == wanted
        || volume.has_label(wanted)
        || volume.has_uuid(name)
        || volume.has_partuuid(name)
        // Linux's names of disks depend on the machine: only the other forms mean something here.
        || (!name.is_empty() && flow::is_selected(&machine.volumes, volume, name, &[]))
}

fn holds_os(volume: &Volume) -> bool {
    OS.iter().any(|path| volume.open(path).is_ok())
}

/// `disk.raw#1 (ext4 "root")`
fn shown(machine: &Machine, volume: &Volume) -> Vec<u8> {
    let identity = volume.identity();
    let label = match identity.label.as_slice() {
        [] => Vec::new(),
        label => [b" \"", label, b"\""].concat(),
    };
    [&machine.id_of(volume), &b" ("[..], identity.format.as_bytes(), &label, b")"].concat()
}
