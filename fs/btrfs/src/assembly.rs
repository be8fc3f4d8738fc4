// SPDX-License-Identifier: BSD-3-Clause
//! From devices to trees: which superblock counts, which devices belong together, where chunks are.

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
    node::{Key, Rules},
    raw,
    storage::Storage,
    superblock::{self, Device, Found, Superblock},
    tree::Trees,
    units::{DeviceNumber, Physical, Uuid},
};

/// `BTRFS_DEV_ITEMS_OBJECTID`
const DEV_ITEMS: u64 = 1;

/// The parts of a filesystem, put together.
pub struct Assembly {
    /// The newest.
    pub superblock: Superblock,
    pub trees: Trees,
    /// What is wrong with the whole.
    pub warnings: Vec<Error>,
}

/// A device that was given, and its superblock.
struct Given {
    /// Among all.
    index: usize,
    bytes: Rc<dyn BlockRead>,
    superblock: Superblock,
}

impl Assembly {
    /// Puts together what these devices hold.
    ///
    /// # Errors
    /// As [`Btrfs::open`](crate::Btrfs::open).
    pub fn of(devices: Vec<Rc<dyn BlockRead>>, memory: &MemoryBudget) -> Result<Self, Error> {
        let mut warnings = Vec::new();
        let given = given(devices, &mut warnings)?;
        let superblock = newest(&given)?;
        superblock.check_features()?;
        let (members, seeds): (Vec<Given>, Vec<Given>) =
            given.into_iter().partition(|given| given.superblock.fsid == superblock.fsid);
        let mut devices = legs(members, &superblock, &mut warnings)?;
        let fsids = add_seeds(seeds, superblock.metadata_uuid, &mut devices)?;
        let sector_size = superblock.sector_size.into();
        let chunks = system_chunks(&superblock.system_chunks, superblock.place, sector_size, &mut devices)?;
        let rules = Rules {
            checksum: superblock.checksum,
            node_size: narrow(superblock.node_size.into()),
            sector_size,
            fsids,
        };
        let mut trees = Trees::new(Storage::new(devices, chunks), rules, memory);
        read_chunks(&mut trees, &superblock)?;
        warn(&trees, &mut warnings);
        Ok(Self { superblock, trees, warnings })
    }
}

/// The superblocks of all devices that have a sound one.
fn given(devices: Vec<Rc<dyn BlockRead>>, warnings: &mut Vec<Error>) -> Result<Vec<Given>, Error> {
    let (mut given, mut first) = (Vec::new(), None);
    for (index, bytes) in devices.into_iter().enumerate() {
        match superblock::read(&*bytes) {
            Ok(Found { superblock, fault }) => {
                if let Some(fault) = fault {
                    let (name, place) = (name(&superblock), superblock.place.0);
                    warnings.push(degraded(format!("{name}: {fault}; the copy at byte {place} is used")));
                }
                given.push(Given { index, bytes, superblock });
            }
            Err(error) => {
                warnings.push(degraded(format!("a device of it has no sound superblock: {error}")));
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

/// The newest superblock of the filesystem that is wanted: of the only one that is no seed or, of seeds alone, of the
/// one that grew last.
///
/// Of devices of one transaction that with a tree log counts: Linux begins a transaction without one and drops it only at
/// the end, so that a device without it missed what was synchronised last. Of several that have one it is the device
/// with the lowest number, whose superblock Linux takes, too (`open_fs_devices`, in the order of `devid_cmp`).
fn newest(given: &[Given]) -> Result<Superblock, Error> {
    let has_others = given.iter().any(|given| !given.superblock.is_seed());
    let wanted = |given: &&Given| !has_others || !given.superblock.is_seed();
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

/// The filesystem's own devices.
fn legs(members: Vec<Given>, newest: &Superblock, warnings: &mut Vec<Error>) -> Result<Devices, Error> {
    let mut devices = Devices::default();
    for Given { index, bytes, superblock } in members {
        let name = name(&superblock);
        let mut others = devices.all().iter();
        let fail = |structure| Err(corrupt(Fault::Inconsistent, structure, superblock.place, name.number.0));
        if others.any(|other| other.name.number == name.number) {
            return fail("btrfs_dev_item.devid, which another device has, too");
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
                "{name} has {what}, generation {old} of {new}: what others hold is taken first"
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

/// Adds devices of other filesystems that this one may have grown from; yields what its metadata may be named.
fn add_seeds(seeds: Vec<Given>, own: Uuid, devices: &mut Devices) -> Result<Vec<Uuid>, Error> {
    let mut fsids = vec![own];
    for Given { index, bytes, superblock } in seeds {
        let name = name(&superblock);
        // Of two copies of a seed the first counts: nobody writes to either.
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

/// The chunks of the array of the superblock at `place`, in which the tree of chunks is.
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

/// Reads the tree of chunks: all chunks, and all devices.
fn read_chunks(trees: &mut Trees, superblock: &Superblock) -> Result<(), Error> {
    let (mut chunks, mut devices) = (Chunks::default(), trees.storage().devices.clone());
    let mut fsids = vec![superblock.metadata_uuid];
    let mut next = Some(Key::FIRST);
    // It ends: keys only grow.
    while let Some(key) = next {
        let Some(item) = trees.at_or_after(&superblock.chunks, key)? else { break };
        next = item.key.next();
        match item.key.kind {
            kind::CHUNK_ITEM => {
                let (chunk, _) = Item::parse(item.key, item.bytes(), item.place(0))?;
                // What saturates is more than anybody may keep, and refused.
                let stripes = size_of::<Stripe>().saturating_mul(chunk.stripes.len());
                // The same.
                trees.storage().keep(size_of::<Chunk>().saturating_add(stripes))?;
                chunks.add(&chunk, &mut devices, superblock.sector_size.into())?;
            }
            kind::DEV_ITEM if item.key.objectid == DEV_ITEMS => {
                let (raw, _) = item.parse::<raw::DevItem>("btrfs_dev_item")?;
                let device = Device::of(raw);
                // So each has a name of its own, and there are no more of them than devices.
                if device.number.0 != item.key.offset {
                    let at = item.place(offset_of!(raw::DevItem, devid));
                    return Err(corrupt(Fault::Inconsistent, "btrfs_dev_item.devid", at, device.number.0));
                }
                let index =
                    devices.named(Name { number: device.number, uuid: device.uuid }, item.place(0))?;
                devices.set_named(index, device.total_bytes);
                // A seed's, where it is not its own.
                if !fsids.contains(&device.fsid) {
                    fsids.push(device.fsid);
                }
            }
            _ => {}
        }
    }
    chunks.finish()?;
    *trees.storage_mut() = Storage::new(devices, chunks);
    trees.rules_mut().fsids = fsids;
    Ok(())
}

/// `BTRFS_DEV_REPLACE_DEVID`: the number of a device that `btrfs replace` has not finished to fill.
const REPLACING: DeviceNumber = DeviceNumber(0);

/// Warns of devices that are not there, or do not belong there.
fn warn(trees: &Trees, warnings: &mut Vec<Error>) {
    for leg in trees.storage().devices.by_name() {
        let name = leg.name;
        if leg.bytes.is_none() {
            warnings.push(degraded(format!("{name} is missing")));
        } else if leg.named_size.is_none() && !leg.is_seed {
            let what = match name.number {
                REPLACING => "is what a device is being replaced with",
                _ => "is no longer part of it",
            };
            warnings.push(degraded(format!("{name} {what}, and left alone")));
        }
        let size = leg.bytes.as_ref().map(|bytes| bytes.size());
        if let Some((size, named)) = size.zip(leg.named_size).filter(|(size, named)| size < named) {
            warnings.push(degraded(format!(
                "{name} ends at byte {size} of {named}: it is cut short, or its partition is too small"
            )));
        }
    }
}

#[cfg(test)]
mod tests;
