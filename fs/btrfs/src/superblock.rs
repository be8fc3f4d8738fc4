// SPDX-License-Identifier: BSD-3-Clause
//! The superblock: one of each device, and its copies.

use alloc::vec::Vec;
use core::mem::offset_of;

use block::BlockRead;
use filesystem::{Error, Fault};
use zerocopy::FromBytes;

use crate::{
    checksum::{Algorithm, ROOM},
    corrupt, features, memory, raw,
    tree::Tree,
    units::{DeviceNumber, Generation, Logical, Physical, TreeId, Uuid},
};

/// Where the superblock stands, and its copies on devices that are large enough: `btrfs_sb_offset`.
const PLACES: [Physical; 3] = [Physical(64 << 10), Physical(64 << 20), Physical(256 << 30)];
/// Its bytes.
pub const SIZE: usize = 4096;
/// `magic`
const MAGIC: [u8; 8] = *b"_BHRfS_M";
/// Levels of a tree: `BTRFS_MAX_LEVEL`.
pub const LEVELS: u8 = 8;
/// Sizes of sectors and nodes.
const SIZES: core::ops::RangeInclusive<u32> = 4096..=65_536;

/// A superblock that has been checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Superblock {
    /// What names the filesystem.
    pub fsid: Uuid,
    /// What names it in its metadata: the fsid, or the one that it was made with.
    pub metadata_uuid: Uuid,
    pub generation: Generation,
    /// The tree of the trees' roots.
    pub roots: Tree,
    /// The tree of chunks.
    pub chunks: Tree,
    /// The tree of logs, where one was not replayed.
    pub log: Option<Tree>,
    pub total_bytes: u64,
    pub bytes_used: u64,
    /// The directory in the tree of roots that names the default subvolume.
    pub root_dir: u64,
    pub device_count: u64,
    pub sector_size: u32,
    pub node_size: u32,
    pub checksum: Algorithm,
    pub incompat: u64,
    pub compat_ro: u64,
    pub flags: u64,
    pub label: Vec<u8>,
    pub device: Device,
    /// Keys and chunks without which the tree of chunks cannot be read, behind one another.
    pub system_chunks: Vec<u8>,
    /// Where it stands.
    pub place: Physical,
}

/// What a filesystem knows of one of its devices.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Device {
    pub number: DeviceNumber,
    pub uuid: Uuid,
    /// The filesystem that it was made for: a seed's, where the filesystem grew from one.
    pub fsid: Uuid,
    pub total_bytes: u64,
    pub bytes_used: u64,
}

/// What was committed: when, and where the two trees are that lead to all others.
type Transaction = [u64; 3];

/// A device's superblock, from wherever it could be read.
pub struct Found {
    pub superblock: Superblock,
    /// Why it is a copy.
    pub fault: Option<Error>,
}

/// Whether the magic number stands on the device. Copies do not count: who makes another filesystem leaves them.
///
/// # Errors
/// [`Error::Io`] when the device fails. A device that is too small holds no btrfs: that is not an error.
pub fn probe(device: &dyn BlockRead) -> Result<bool, Error> {
    let [primary, ..] = PLACES;
    if device.size() < primary.after(memory::wide(SIZE)).0 {
        return Ok(false);
    }
    let mut magic = [0; MAGIC.len()];
    device.read_at(primary.after(memory::wide(offset_of!(raw::SuperBlock, magic))).0, &mut magic)?;
    Ok(magic == MAGIC)
}

/// The device's superblock; where that is damaged, the newest of its copies.
///
/// # Errors
/// That of the superblock itself, where no copy is sound either.
pub fn read(device: &dyn BlockRead) -> Result<Found, Error> {
    let [primary, copies @ ..] = PLACES;
    let fault = match read_at(device, primary) {
        Ok(superblock) => return Ok(Found { superblock, fault: None }),
        Err(fault) => fault,
    };
    let copies = copies.into_iter().filter_map(|place| read_at(device, place).ok());
    match copies.max_by_key(|superblock| superblock.generation) {
        Some(superblock) => Ok(Found { superblock, fault: Some(fault) }),
        None => Err(fault),
    }
}

fn read_at(device: &dyn BlockRead, place: Physical) -> Result<Superblock, Error> {
    let mut bytes = memory::zeros(SIZE, "btrfs_super_block")?;
    device.read_at(place.0, &mut bytes)?;
    parse(&bytes, place)
}

/// Reads a superblock that stands at `place`.
///
/// # Errors
/// [`Error::Corrupt`], [`Error::Unsupported`] for a checksum that is not known.
pub fn parse(bytes: &[u8], place: Physical) -> Result<Superblock, Error> {
    let Ok((raw, _)) = raw::SuperBlock::ref_from_prefix(bytes) else {
        return Err(corrupt(Fault::Truncated, "btrfs_super_block", place, memory::wide(bytes.len())));
    };
    let fail = |fault, structure, at: usize, found: u64| {
        corrupt(fault, structure, place.after(memory::wide(at)), found)
    };
    if raw.magic != MAGIC {
        let at = offset_of!(raw::SuperBlock, magic);
        return Err(fail(Fault::Magic, "btrfs_super_block.magic", at, u64::from_le_bytes(raw.magic)));
    }
    let checksum = Algorithm::of(raw.csum_type.get())?;
    let (stored, computed) =
        (checksum.stored(&raw.csum), checksum.sum(bytes.get(ROOM..SIZE).unwrap_or_default()));
    if stored != computed {
        let fault = Fault::Checksum { computed: computed.number() };
        return Err(fail(fault, "btrfs_super_block.csum", 0, stored.number()));
    }
    if raw.bytenr.get() != place.0 {
        let at = offset_of!(raw::SuperBlock, bytenr);
        return Err(fail(Fault::Inconsistent, "btrfs_super_block.bytenr", at, raw.bytenr.get()));
    }
    match out_of_range(raw) {
        Some((structure, at, found)) => Err(fail(Fault::Range, structure, at, found)),
        None => Ok(Superblock::of(raw, place, checksum)),
    }
}

/// The first field that is outside what the format allows: its name, its offset and its value.
fn out_of_range(raw: &raw::SuperBlock) -> Option<(&'static str, usize, u64)> {
    let (sector, node) = (raw.sectorsize.get(), raw.nodesize.get());
    let is_size = |size: u32| size.is_power_of_two() && SIZES.contains(&size);
    if !is_size(sector) {
        let at = offset_of!(raw::SuperBlock, sectorsize);
        return Some(("btrfs_super_block.sectorsize", at, sector.into()));
    }
    if !is_size(node) || node < sector || raw.leafsize.get() != node {
        let at = offset_of!(raw::SuperBlock, nodesize);
        return Some(("btrfs_super_block.nodesize", at, node.into()));
    }
    let size = raw.sys_chunk_array_size.get();
    if memory::narrow(size.into()) > raw.sys_chunk_array.len() {
        let at = offset_of!(raw::SuperBlock, sys_chunk_array_size);
        return Some(("btrfs_super_block.sys_chunk_array_size", at, size.into()));
    }
    // The log is of the generation behind this one.
    let generation = raw.generation.get();
    if raw.log_root.get() != 0 && generation.checked_add(1).is_none() {
        return Some(("btrfs_super_block.generation", offset_of!(raw::SuperBlock, generation), generation));
    }
    let levels = [
        ("btrfs_super_block.root_level", offset_of!(raw::SuperBlock, root_level), raw.root_level),
        (
            "btrfs_super_block.chunk_root_level",
            offset_of!(raw::SuperBlock, chunk_root_level),
            raw.chunk_root_level,
        ),
        ("btrfs_super_block.log_root_level", offset_of!(raw::SuperBlock, log_root_level), raw.log_root_level),
    ];
    let wrong = levels.into_iter().find(|(_, _, level)| *level >= LEVELS);
    wrong.map(|(structure, at, level)| (structure, at, level.into()))
}

impl Superblock {
    fn of(raw: &raw::SuperBlock, place: Physical, checksum: Algorithm) -> Self {
        let (fsid, generation) = (Uuid(raw.fsid), Generation(raw.generation.get()));
        let incompat = raw.incompat_flags.get();
        let has_metadata_uuid = incompat & features::METADATA_UUID != 0;
        let system = usize::try_from(raw.sys_chunk_array_size.get()).unwrap_or(0);
        let tree = |id, root: u64, level, generation| Tree { id, root: Logical(root), level, generation };
        Self {
            fsid,
            metadata_uuid: if has_metadata_uuid { Uuid(raw.metadata_uuid) } else { fsid },
            generation,
            roots: tree(TreeId::ROOTS, raw.root.get(), raw.root_level, generation),
            chunks: tree(
                TreeId::CHUNKS,
                raw.chunk_root.get(),
                raw.chunk_root_level,
                Generation(raw.chunk_root_generation.get()),
            ),
            // The log is of the transaction that was not finished: where there is one, the generation is not the last
            // one, so that the next one cannot saturate.
            log: Some(raw.log_root.get()).filter(|root| *root != 0).map(|root| {
                tree(TreeId::LOGS, root, raw.log_root_level, Generation(generation.0.saturating_add(1)))
            }),
            total_bytes: raw.total_bytes.get(),
            bytes_used: raw.bytes_used.get(),
            root_dir: raw.root_dir_objectid.get(),
            device_count: raw.num_devices.get(),
            sector_size: raw.sectorsize.get(),
            node_size: raw.nodesize.get(),
            checksum,
            incompat,
            compat_ro: raw.compat_ro_flags.get(),
            flags: raw.flags.get(),
            label: raw.label.iter().copied().take_while(|byte| *byte != 0).collect(),
            device: Device::of(&raw.dev_item),
            system_chunks: raw.sys_chunk_array.get(..system).unwrap_or_default().to_vec(),
            place,
        }
    }

    /// Refuses what this driver cannot read.
    ///
    /// # Errors
    /// [`Error::Unsupported`] naming it.
    pub fn check_features(&self) -> Result<(), Error> {
        features::check(self.incompat, self.flags)
    }

    /// Errors were detected when it was in use.
    pub fn has_errors(&self) -> bool {
        self.flags & features::FLAG_ERROR != 0
    }

    /// Other filesystems grow from this one, which nobody writes any more.
    pub fn is_seed(&self) -> bool {
        self.flags & features::FLAG_SEEDING != 0
    }

    /// What all devices of one state of the filesystem have in common, and what no other state has: what was committed,
    /// and what was synchronised since (where the tree of logs is, or 0). A later state is the larger one.
    pub fn state(&self) -> [u64; 4] {
        let [generation, roots, chunks] = self.transaction();
        [generation, roots, chunks, self.log.map_or(0, |log| log.root.0)]
    }

    /// The same of what was committed alone.
    pub fn transaction(&self) -> Transaction {
        [self.generation.0, self.roots.root.0, self.chunks.root.0]
    }
}

impl Device {
    pub fn of(raw: &raw::DevItem) -> Self {
        Self {
            number: DeviceNumber(raw.devid.get()),
            uuid: Uuid(raw.uuid),
            fsid: Uuid(raw.fsid),
            total_bytes: raw.total_bytes.get(),
            bytes_used: raw.bytes_used.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;

    #[test]
    fn a_log_needs_a_generation_behind_the_last_one() {
        let mut raw = raw::SuperBlock::new_zeroed();
        raw.sectorsize.set(4096);
        raw.nodesize.set(16384);
        raw.leafsize.set(16384);
        raw.generation.set(u64::MAX);
        assert_eq!(out_of_range(&raw), None, "there is no log");
        raw.log_root.set(1 << 20);
        let at = offset_of!(raw::SuperBlock, generation);
        assert_eq!(out_of_range(&raw), Some(("btrfs_super_block.generation", at, u64::MAX)));
        raw.generation.set(u64::MAX - 1);
        assert_eq!(out_of_range(&raw), None);
    }
}
