// SPDX-License-Identifier: BSD-3-Clause
//! Selects the volume that the user means.

use vfs::{DeviceId, RootName, Volume};

use crate::{
    advice, codes,
    failure::Failure,
    machine::{Device, Machine},
    printer::text,
};

/// Files that only the root volume of an operating system has.
const OS: [&[u8]; 2] = [b"/etc/os-release", b"/usr/lib/os-release"];
/// Volumes that a message lists.
const MOST: usize = 8;

/// The volume that `wanted` names: by id, label or UUID, or by a form of `cloudboot.disk`; without it the only volume,
/// or the only one with an operating system. Of several roots of one filesystem, the default one, unless only others
/// hold an operating system.
pub fn pick<'a>(machine: &'a Machine, wanted: Option<&[u8]>) -> Result<&'a Volume, Failure> {
    let all = || machine.volumes.all().iter();
    let mut meant: Vec<&Volume> = match wanted {
        Some(wanted) => all().filter(|volume| is_meant(machine, volume, wanted)).collect(),
        None => all().collect(),
    };
    if meant.len() > 1 && (wanted.is_none() || are_one(&meant)) {
        let holding: Vec<&Volume> = meant.iter().copied().filter(|volume| holds_os(volume)).collect();
        meant = if holding.is_empty() { meant } else { holding };
    }
    if let Some(volume) = meant.first().filter(|_| are_one(&meant)) {
        return Ok(volume);
    }
    if all().next().is_none() {
        return Err(no_volume(machine));
    }
    let object = wanted.unwrap_or(b"volume");
    let (cause, listed) = match meant.is_empty() {
        true => ("no such volume; available", all().collect()),
        false => ("more than one matches", meant),
    };
    let names = listed.into_iter().take(MOST).map(|volume| shown(machine, volume)).collect();
    let failure = Failure { names, ..Failure::new(codes::VOLUME, object, format!("{cause}: ")) };
    Err(if wanted.is_some() { with_missing(machine, failure) } else { failure })
}

/// The failure, with the advice to add devices if a filesystem lacks too many to be read: what was not found may be
/// on it.
fn with_missing(machine: &Machine, failure: Failure) -> Failure {
    let mut problems = machine.volumes.problems().iter();
    let Some(problem) = problems.find(|problem| matches!(problem.error, vfs::Error::Missing(_))) else {
        return failure;
    };
    let (device, error) = (text(&machine.id_of_device(problem.device)), &problem.error);
    let advice = format!("{} {device}: {error}; {}", error.code(), advice::of(error.code()));
    Failure { advice, ..failure }
}

/// The root called `name` of the filesystem that `wanted` names, or of the only one that has it. `text` is the name as
/// it was given.
pub fn pick_root<'a>(
    machine: &'a Machine,
    wanted: Option<&[u8]>,
    text: &str,
    name: RootName<'_>,
) -> Result<&'a Volume, Failure> {
    let all = machine.volumes.all();
    let meant: Vec<&Volume> = match wanted {
        // Any root stands for its filesystem.
        Some(wanted) => all.iter().filter(|volume| is_meant(machine, volume, wanted)).collect(),
        None => all.iter().collect(),
    };
    if meant.is_empty() {
        return pick(machine, wanted);
    }
    let is_of_them = |volume: &&Volume| meant.iter().any(|other| other.is_beside(volume));
    let roots: Vec<&Volume> = all.iter().filter(is_of_them).filter(|volume| volume.has_roots()).collect();
    let found: Vec<&Volume> = roots.iter().copied().filter(|volume| volume.is_root(name)).collect();
    let (cause, names) = match found[..] {
        [volume] => return Ok(volume),
        [] if roots.is_empty() => return Err(with_missing(machine, without_roots(machine, text, &meant))),
        [] if matches!(name, RootName::Snapper(_)) => {
            let snapshots: Vec<&Volume> = roots.iter().copied().filter(|root| root.is_of_snapper()).collect();
            match snapshots.is_empty() {
                true => ("no snapshots of snapper; available", names(&roots, path)),
                false => ("no such snapshot; available", names(&snapshots, path)),
            }
        }
        [] => ("no such subvolume; available", names(&roots, path)),
        _ if !are_one(&found) => {
            let names = names(&found, |volume| machine.id_of(volume));
            let failure = Failure::new(codes::SUBVOLUME, text, "more than one matches: ");
            return Err(Failure { names, advice: "use --volume with one of these".into(), ..failure });
        }
        _ => ("more than one matches", names(&found, |volume| machine.id_of(volume))),
    };
    Err(Failure { names, ..Failure::new(codes::SUBVOLUME, text, format!("{cause}: ")) })
}

/// The failure to find `wanted` in a subvolume, with the other subvolumes that have it or, if none has, with all
/// others. Unchanged if there are no others.
pub fn in_others(machine: &Machine, volume: &Volume, wanted: &[u8], failure: Failure) -> Failure {
    let is_other = |other: &&Volume| other.is_beside(volume) && other.id() != volume.id();
    let others: Vec<&Volume> = machine.volumes.all().iter().filter(is_other).collect();
    let having: Vec<&Volume> = others.iter().copied().filter(|other| other.open(wanted).is_ok()).collect();
    let (cause, names) = match (others.is_empty(), having.is_empty()) {
        (true, _) => return failure,
        (false, true) => ("not found in this subvolume; others: ", names(&others, path)),
        (false, false) => ("not found in this subvolume, but in: ", names(&having, path)),
    };
    Failure { cause: cause.into(), names, advice: "use --subvol to read another".into(), ..failure }
}

/// Names of the first of these volumes.
fn names(volumes: &[&Volume], called: impl Fn(&Volume) -> Vec<u8>) -> Vec<Vec<u8>> {
    let more = (volumes.len() > MOST).then(|| b"and others".to_vec());
    volumes.iter().take(MOST).map(|volume| called(volume)).chain(more).collect()
}

/// The path of a root from the top, as `--subvol` takes it.
fn path(root: &Volume) -> Vec<u8> {
    if root.subvolume().is_empty() { b"/".into() } else { root.subvolume().into() }
}

fn without_roots(machine: &Machine, text: &str, meant: &[&Volume]) -> Failure {
    let names = meant.iter().take(MOST).map(|volume| shown(machine, volume)).collect();
    let advice = "only btrfs has subvolumes: leave out --subvol and --snapshot".into();
    Failure { names, advice, ..Failure::new(codes::SUBVOLUME, text, "no subvolumes on ") }
}

/// The failure to find any volume; the reason is what could not be read, if there is such a thing.
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

/// Whether all are roots of one filesystem. (The default one comes first.)
fn are_one(volumes: &[&Volume]) -> bool {
    volumes.iter().zip(volumes.iter().skip(1)).all(|(one, other)| one.is_beside(other))
}

fn is_meant(machine: &Machine, volume: &Volume, wanted: &[u8]) -> bool {
    let name = str::from_utf8(wanted).unwrap_or_default();
    let id = machine.id_of(volume);
    id == wanted
        || text(&id).as_bytes() == wanted
        || volume.has_label(wanted)
        || volume.has_uuid(name)
        || volume.has_partuuid(name)
        || volume.home().members.iter().any(|device| is_device(machine, *device, wanted))
        // Linux's disk names depend on the machine: only the other forms are meaningful here.
        || (!name.is_empty() && flow::is_selected(&machine.volumes, volume, name, &[]))
}

/// Whether `wanted` names the device or one below it: a device stands for everything on it.
fn is_device(machine: &Machine, device: DeviceId, wanted: &[u8]) -> bool {
    let id = machine.id_of_device(device);
    id == wanted || text(&id).as_bytes() == wanted
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
