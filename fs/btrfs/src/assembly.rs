// SPDX-License-Identifier: BSD-3-Clause
//! From devices to trees: picks the superblock to use, the devices that belong together, and reads the chunks.

use alloc::{format, rc::Rc, vec, vec::Vec};
use core::{cmp::Reverse, mem::offset_of};

use block::BlockRead;
use filesystem::{Error, Fault, MemoryBudget};
use zerocopy::FromBytes;

use crate::{
    chunk::{Chunk, Chunks, Item, Stripe},
    corrupt, degraded,
    devices::{Devices, Leg, Name},
    kind,
    memory::{narrow, wide},
    node::{Geometry, Key},
    raw,
    storage::Storage,
    superblock::{self, Device, FoundSuperblock, Superblock},
    tree::Trees,
    units::{DeviceNumber, Physical, Uuid},
};

/// `BTRFS_DEV_ITEMS_OBJECTID`
const DEV_ITEMS: u64 = 1;

/// The parts of a filesystem, put together.
pub struct Assembly {
    /// The newest one.
    pub superblock: Superblock,
    pub trees: Trees,
    /// Problems of the whole filesystem.
    pub warnings: Vec<Error>,
}

/// A device that the caller passed, with its superblock.
struct OpenedDevice {
    /// Its index among the devices passed.
    index: usize,
    bytes: Rc<dyn BlockRead>,
    superblock: Superblock,
}

impl Assembly {
    /// Assembles the filesystem from these devices.
    ///
    /// # Errors
    /// As [`Btrfs::open`](crate::Btrfs::open).
    pub fn of(devices: Vec<Rc<dyn BlockRead>>, memory: &MemoryBudget) -> Result<Self, Error> {
        let mut warnings = Vec::new();
        let given = read_superblocks(devices, &mut warnings)?;
        let superblock = newest(&given)?;
        superblock.check_features()?;
        let (members, seeds): (Vec<OpenedDevice>, Vec<OpenedDevice>) =
            given.into_iter().partition(|given| given.superblock.fsid == superblock.fsid);
        let mut devices = own_devices(members, &superblock, &mut warnings)?;
        let fsids = add_seeds(seeds, superblock.metadata_uuid, &mut devices)?;
        let sector_size = superblock.sector_size.into();
        let chunks = system_chunks(&superblock.system_chunks, superblock.place, sector_size, &mut devices)?;
        let geometry = Geometry {
            checksum: superblock.checksum,
            node_size: narrow(superblock.node_size.into()),
            sector_size,
            fsids,
        };
        let mut trees = Trees::new(Storage::new(devices, chunks), geometry, memory);
        read_chunks(&mut trees, &superblock)?;
        warn(&trees, &mut warnings);
        Ok(Self { superblock, trees, warnings })
    }
}

/// The superblocks of all devices that have a valid one.
fn read_superblocks(
    devices: Vec<Rc<dyn BlockRead>>,
    warnings: &mut Vec<Error>,
) -> Result<Vec<OpenedDevice>, Error> {
    let (mut given, mut first) = (Vec::new(), None);
    for (index, bytes) in devices.into_iter().enumerate() {
        match superblock::read(&*bytes) {
            Ok(FoundSuperblock { superblock, fault }) => {
                if let Some(fault) = fault {
                    let (name, place) = (name(&superblock), superblock.place.0);
                    warnings.push(degraded(format!("{name}: {fault}; the copy at byte {place} is used")));
                }
                given.push(OpenedDevice { index, bytes, superblock });
            }
            Err(error) => {
                warnings.push(degraded(format!("one of its devices has no valid superblock: {error}")));
                first = first.or(Some(error));
            }
        }
    }
    match first {
        Some(error) if given.is_empty() => Err(error),
        _ => Ok(given),
    }
}

fn name(superblock: &Superblock) -> Name {
    Name { number: superblock.device.number, uuid: superblock.device.uuid }
}

/// The newest superblock of the filesystem to open. With seeds and others among the devices, this is the one filesystem
/// that is not a seed; with seeds only, the one that is newest.
///
/// Among devices with the same transaction, one with a tree log wins: Linux starts a transaction without a log and
/// drops the log only at its end, so that a device without one missed the last fsync. If several have a log, the device
/// with the lowest number wins, whose superblock Linux takes, too (`open_fs_devices`, in the order of `devid_cmp`).
fn newest(given: &[OpenedDevice]) -> Result<Superblock, Error> {
    let has_others = given.iter().any(|given| !given.superblock.is_seed());
    let wanted = |given: &&OpenedDevice| !has_others || !given.superblock.is_seed();
    let age = |superblock: &&Superblock| {
        (superblock.generation, superblock.log.is_some(), Reverse(superblock.device.number))
    };
    let newest = given.iter().filter(wanted).map(|given| &given.superblock).max_by_key(age);
    let Some(newest) = newest else {
        return Err(corrupt(Fault::Magic, "btrfs_super_block.magic", Physical(0), 0u64));
    };
    let mut others = given.iter().filter(wanted).filter(|given| given.superblock.fsid != newest.fsid);
    match others.next() {
        Some(other) if has_others => {
            let found = other.superblock.fsid.0.first_chunk().copied().map_or(0, u64::from_le_bytes);
            Err(corrupt(Fault::Inconsistent, "btrfs_super_block.fsid", other.superblock.place, found))
        }
        _ => Ok(newest.clone()),
    }
}

/// Collects the filesystem's own devices; warns of those that are out of date.
fn own_devices(
    members: Vec<OpenedDevice>,
    newest: &Superblock,
    warnings: &mut Vec<Error>,
) -> Result<Devices, Error> {
    let mut devices = Devices::default();
    for OpenedDevice { index, bytes, superblock } in members {
        let name = name(&superblock);
        let mut others = devices.all().iter();
        let fail = |structure| Err(corrupt(Fault::Inconsistent, structure, superblock.place, name.number.0));
        if others.any(|other| other.name.number == name.number) {
            return fail("duplicate btrfs_dev_item.devid");
        }
        let is_behind = superblock.state() != newest.state();
        if is_behind {
            let (old, new) = (superblock.generation.0, newest.generation.0);
            let what = if old != new {
                "an older state"
            } else if superblock.transaction() == newest.transaction() {
                "another tree log"
            } else {
                "another state"
            };
            warnings.push(degraded(format!(
                "{name} has {what} (generation {old}, newest {new}): other devices are read first"
            )));
        }
        if devices
            .add(Leg {
                name,
                bytes: Some(bytes),
                given: Some(index),
                is_behind,
                named_size: None,
                is_seed: false,
            })
            .is_none()
        {
            return fail("number of devices");
        }
    }
    Ok(devices)
}

/// Adds devices of seeds that this filesystem may have grown from; returns the UUIDs that its metadata may carry.
fn add_seeds(seeds: Vec<OpenedDevice>, own: Uuid, devices: &mut Devices) -> Result<Vec<Uuid>, Error> {
    let mut fsids = vec![own];
    for OpenedDevice { index, bytes, superblock } in seeds {
        let name = name(&superblock);
        // Of two copies of a seed, either will do: a seed is not written to.
        if devices.all().iter().any(|other| other.name == name) {
            continue;
        }
        if devices
            .add(Leg {
                name,
                bytes: Some(bytes),
                given: Some(index),
                is_behind: false,
                named_size: None,
                is_seed: true,
            })
            .is_none()
        {
            return Err(corrupt(Fault::Range, "number of devices", superblock.place, name.number.0));
        }
        if !fsids.contains(&superblock.metadata_uuid) {
            fsids.push(superblock.metadata_uuid);
        }
    }
    Ok(fsids)
}

/// Parses the chunk array of the superblock at `place`: the chunks that hold the chunk tree.
pub fn system_chunks(
    mut array: &[u8],
    place: Physical,
    sector_size: u64,
    devices: &mut Devices,
) -> Result<Chunks, Error> {
    let start = place.after(wide(offset_of!(raw::SuperBlock, sys_chunk_array)));
    let (mut chunks, length) = (Chunks::default(), array.len());
    while !array.is_empty() {
        // Cannot saturate: `array` only becomes shorter.
        let at = start.after(wide(length.saturating_sub(array.len())));
        let Ok((key, rest)) = raw::DiskKey::ref_from_prefix(array) else {
            return Err(corrupt(
                Fault::Truncated,
                "btrfs_super_block.sys_chunk_array",
                at,
                wide(array.len()),
            ));
        };
        let (item, rest) = Item::parse(Key::from(key), rest, at)?;
        chunks.add(&item, devices, sector_size)?;
        array = rest;
    }
    chunks.finish()?;
    Ok(chunks)
}

/// Reads the chunk tree: all chunks and all devices.
fn read_chunks(trees: &mut Trees, superblock: &Superblock) -> Result<(), Error> {
    let (mut chunks, mut devices) = (Chunks::default(), trees.storage().devices.clone());
    let mut fsids = vec![superblock.metadata_uuid];
    let mut next = Some(Key::FIRST);
    // Terminates: keys only grow.
    while let Some(key) = next {
        let Some(item) = trees.at_or_after(&superblock.chunks, key)? else { break };
        next = item.key.next();
        match item.key.kind {
            kind::CHUNK_ITEM => {
                let (chunk, _) = Item::parse(item.key, item.bytes(), item.place(0))?;
                // What saturates is more than any limit allows, and refused.
                let stripes = size_of::<Stripe>().saturating_mul(chunk.stripes.len());
                // The same.
                trees.storage().keep(size_of::<Chunk>().saturating_add(stripes))?;
                chunks.add(&chunk, &mut devices, superblock.sector_size.into())?;
            }
            kind::DEV_ITEM if item.key.objectid == DEV_ITEMS => {
                let (raw, _) = item.parse::<raw::DevItem>("btrfs_dev_item")?;
                let device = Device::of(raw);
                // So each device has a name of its own, and there are no more names than devices.
                if device.number.0 != item.key.offset {
                    let at = item.place(offset_of!(raw::DevItem, devid));
                    return Err(corrupt(Fault::Inconsistent, "btrfs_dev_item.devid", at, device.number.0));
                }
                let index =
                    devices.named(Name { number: device.number, uuid: device.uuid }, item.place(0))?;
                devices.set_named(index, device.total_bytes);
                // The UUID of a seed, if it is not the filesystem's own.
                if !fsids.contains(&device.fsid) {
                    fsids.push(device.fsid);
                }
            }
            _ => {}
        }
    }
    chunks.finish()?;
    *trees.storage_mut() = Storage::new(devices, chunks);
    trees.geometry_mut().fsids = fsids;
    Ok(())
}

/// `BTRFS_DEV_REPLACE_DEVID`: the number of the target device of an unfinished `btrfs replace`.
const REPLACING: DeviceNumber = DeviceNumber(0);

/// Warns of devices that are missing, not part of the filesystem, or truncated.
fn warn(trees: &Trees, warnings: &mut Vec<Error>) {
    for leg in trees.storage().devices.by_name() {
        let name = leg.name;
        if leg.bytes.is_none() {
            warnings.push(degraded(format!("{name} is missing")));
        } else if leg.named_size.is_none() && !leg.is_seed {
            let what = match name.number {
                REPLACING => "is the target of an unfinished device replacement",
                _ => "is no longer part of the filesystem",
            };
            warnings.push(degraded(format!("{name} is ignored: it {what}")));
        }
        let size = leg.bytes.as_ref().map(|bytes| bytes.size());
        if let Some((size, named)) = size.zip(leg.named_size).filter(|(size, named)| size < named) {
            warnings.push(degraded(format!(
                "{name} ends at byte {size} of {named}: the device is truncated, or its partition is too small"
            )));
        }
    }
}

#[cfg(test)]
mod tests;
