// SPDX-License-Identifier: BSD-3-Clause
//! The superblock: each device has one, and copies of it.

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

/// Offsets of the superblock and of its copies, on devices that are large enough: `btrfs_sb_offset`.
const PLACES: [Physical; 3] = [Physical(64 << 10), Physical(64 << 20), Physical(256 << 30)];
/// Bytes of a superblock.
pub const SIZE: usize = 4096;
/// `magic`
const MAGIC: [u8; 8] = *b"_BHRfS_M";
/// Levels of a tree: `BTRFS_MAX_LEVEL`.
pub const LEVELS: u8 = 8;
/// The allowed sizes of sectors and nodes.
const SIZES: core::ops::RangeInclusive<u32> = 4096..=65_536;

/// A superblock that has been checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Superblock {
    /// UUID of the filesystem.
    pub fsid: Uuid,
    /// UUID in its metadata: the fsid, or the one that it was made with.
    pub metadata_uuid: Uuid,
    pub generation: Generation,
    /// The root tree.
    pub roots: Tree,
    /// The chunk tree.
    pub chunks: Tree,
    /// The log root tree, if it was not replayed.
    pub log: Option<Tree>,
    pub total_bytes: u64,
    pub bytes_used: u64,
    /// The directory in the root tree whose entry names the default subvolume.
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
    /// Keys and chunks that are needed to read the chunk tree, one after the other.
    pub system_chunks: Vec<u8>,
    /// Where it is on the device.
    pub place: Physical,
}

/// One of its devices, as the filesystem describes it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Device {
    pub number: DeviceNumber,
    pub uuid: Uuid,
    /// The filesystem that it was made for: that of a seed, if the filesystem grew from one.
    pub fsid: Uuid,
    pub total_bytes: u64,
    pub bytes_used: u64,
}

/// The last commit: its generation, and the addresses of the root tree and the chunk tree.
type Transaction = [u64; 3];

/// A device's superblock, or a copy of it.
pub struct FoundSuperblock {
    pub superblock: Superblock,
    /// Why a copy is used.
    pub fault: Option<Error>,
}

/// Whether the device has the magic number. Copies do not count: making another filesystem leaves them in place.
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

/// Reads the device's superblock; if that is damaged, the newest of its copies.
///
/// # Errors
/// That of the superblock itself, if no copy is valid.
pub fn read(device: &dyn BlockRead) -> Result<FoundSuperblock, Error> {
    let [primary, copies @ ..] = PLACES;
    let fault = match read_at(device, primary) {
        Ok(superblock) => return Ok(FoundSuperblock { superblock, fault: None }),
        Err(fault) => fault,
    };
    let copies = copies.into_iter().filter_map(|place| read_at(device, place).ok());
    match copies.max_by_key(|superblock| superblock.generation) {
        Some(superblock) => Ok(FoundSuperblock { superblock, fault: Some(fault) }),
        None => Err(fault),
    }
}

fn read_at(device: &dyn BlockRead, place: Physical) -> Result<Superblock, Error> {
    let mut bytes = memory::zeros(SIZE, "btrfs_super_block")?;
    device.read_at(place.0, &mut bytes)?;
    parse(&bytes, place)
}

/// Parses a superblock that was read at `place`.
///
/// # Errors
/// [`Error::Corrupt`], [`Error::Unsupported`] for an unknown checksum algorithm.
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

/// The first field that is outside what the format allows: its name, offset and value.
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
    // A log has the next generation.
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
            // The log belongs to the unfinished transaction: with a log, the generation is not the highest one, so that
            // the next one cannot saturate.
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

    /// Refuses an unsupported filesystem.
    ///
    /// # Errors
    /// [`Error::Unsupported`] naming the feature.
    pub fn check_features(&self) -> Result<(), Error> {
        features::check(self.incompat, self.flags)
    }

    /// Whether the kernel found errors while it was mounted.
    pub fn has_errors(&self) -> bool {
        self.flags & features::FLAG_ERROR != 0
    }

    /// Whether it is a seed: read-only, and other filesystems may have grown from it.
    pub fn is_seed(&self) -> bool {
        self.flags & features::FLAG_SEEDING != 0
    }

    /// A value that all devices in one state of the filesystem share, and no other state has: the last commit, and what
    /// was synced since (the address of the log root tree, or 0). A later state has a larger value.
    pub fn state(&self) -> [u64; 4] {
        let [generation, roots, chunks] = self.transaction();
        [generation, roots, chunks, self.log.map_or(0, |log| log.root.0)]
    }

    /// The same for the last commit alone.
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
