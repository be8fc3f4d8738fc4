// SPDX-License-Identifier: BSD-3-Clause
//! `probe`: what is known about a device.
//!
//! Source: GRUB 2.14, grub-core/commands/probe.c.

use alloc::{borrow::Cow, string::String};

use part::PartitionKind;
use vfs::Volume;

use super::{Call, Status};
use crate::{
    Error,
    grub::{
        interpreter::Interpreter,
        options::{Given, Syntax, flag, value},
        place::Device,
    },
};

const PROBE: Syntax = Syntax {
    options: &[
        value("set", Some('s')),
        flag("driver", Some('d')),
        flag("partmap", Some('p')),
        flag("fs", Some('f')),
        flag("fs-uuid", Some('u')),
        flag("label", Some('l')),
        flag("part-uuid", None),
    ],
    keeps_unknown: false,
};

/// `probe [--set VARIABLE] --driver|--partmap|--part-uuid|--fs|--fs-uuid|--label DEVICE`, the first in this order.
pub fn probe(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    let given = match call.parse(&PROBE) {
        Ok(given) => given,
        Err(status) => return Ok(status),
    };
    let Some(device) = given.plain.first() else { return Ok(Status::Failure) };
    let device = device.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(device);
    let Some(device) = Device::parse(device) else { return Ok(Status::Failure) };
    let filesystem = grub.places.on(&device);
    let volume = filesystem.and_then(|filesystem| grub.volumes.get(filesystem.default()));
    // The device may be a whole disk that has volumes only in its partitions.
    let is_there = |disk| grub.volumes.all().iter().any(|volume| volume.home().disks.contains(&disk));
    if volume.is_none() && !device.disk().is_some_and(is_there) {
        return Ok(Status::Failure);
    }
    let value = answer(&given, volume).map(Cow::into_owned);
    match (value, given.value("set")) {
        (None, _) => Ok(Status::Failure),
        (Some(_), None) => Ok(Status::Success),
        (Some(value), Some(variable)) => {
            grub.here.environment.set(variable, &value, call.line)?;
            Ok(Status::Success)
        }
    }
}

/// What is asked about a volume, or about a disk that has none on the whole of it.
fn answer<'a>(given: &Given<'_>, volume: Option<&'a Volume>) -> Option<Cow<'a, str>> {
    let partition = volume.and_then(Volume::partition);
    if given.has("driver") {
        return Some("efidisk".into());
    }
    if given.has("partmap") {
        return Some(match partition.map(|partition| &partition.kind) {
            Some(PartitionKind::Gpt(_)) => "gpt".into(),
            Some(PartitionKind::Mbr(_)) => "msdos".into(),
            None => "none".into(),
        });
    }
    if given.has("part-uuid") {
        return Some(partition.map_or("none", |partition| partition.uuid.as_str()).into());
    }
    let identity = volume?.identity();
    if given.has("fs") {
        return Some(driver(identity.format).into());
    }
    if given.has("fs-uuid") {
        return Some(identity.uuid.as_str().into()).filter(|uuid: &Cow<'_, str>| !uuid.is_empty());
    }
    given.has("label").then(|| String::from_utf8_lossy(&identity.label))
}

/// GRUB's driver for a format that blkid names so.
fn driver(format: &'static str) -> &'static str {
    match format {
        "ext3" | "ext4" => "ext2",
        "vfat" => "fat",
        "squashfs" => "squash4",
        "zfs_member" => "zfs",
        "ufs" => "ufs2",
        other => other,
    }
}
