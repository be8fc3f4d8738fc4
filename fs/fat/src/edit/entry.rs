// SPDX-License-Identifier: BSD-3-Clause
//! Inserts, changes and removes folder entries, each so that a reader sees either the old or the new state.

use alloc::vec::Vec;

use block::BlockWrite;
use zerocopy::{FromZeros, IntoBytes};

use super::{
    Error,
    change::Change,
    scan::{FoundEntry, FreeSlots, Scan},
};
use crate::{
    Kind, Node,
    boot::Root,
    directory::{LONG_PART, NAME_FREE, SLOT, ShortEntry},
    slots::long_entries,
    table::Chain,
    units::{ByteOffset, ClusterNumber},
    volume::Content,
    write::name::{ShortNames, as_short, units},
};

/// Bytes of a slot.
pub const SLOT_BYTES: u64 = 32;
/// Maximum number of slots of a folder.
const MOST_SLOTS: u64 = 65_536;

/// Number of slots of an entry with this name.
pub fn slots_of(name: &str) -> usize {
    let long = if as_short(name).is_some() { 0 } else { units(name).len().div_ceil(LONG_PART) };
    // Cannot saturate: a name has at most 255 units.
    long.saturating_add(1)
}

/// The slots of an entry with this name and all other fields of `like`; `None` if no short name is left for it.
pub fn slots(name: &str, short_names: &mut ShortNames, like: &ShortEntry) -> Option<Vec<[u8; SLOT]>> {
    let (short, long) = match as_short(name) {
        Some(short) => (short, Vec::new()),
        None => (short_names.alias(name)?, units(name)),
    };
    let entry = ShortEntry { dir_name: short, dir_nt_res: 0, ..like.clone() };
    let mut slots: Vec<[u8; SLOT]> = Vec::new();
    for part in long_entries(&long, &short) {
        slots.push(bytes(&part));
    }
    slots.push(bytes(&entry));
    Some(slots)
}

/// The bytes of a slot.
pub fn bytes(entry: &(impl IntoBytes + zerocopy::Immutable)) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    slot.iter_mut().zip(entry.as_bytes()).for_each(|(place, byte)| *place = *byte);
    slot
}

/// Where a new entry goes.
pub enum Placement {
    /// Into the free slots `at`; the never-used slots `before` them are marked as removed first.
    Slots { at: Vec<ByteOffset>, before: Vec<ByteOffset> },
    /// Into `count` new clusters after the folder's last one.
    Append { last: ClusterNumber, first: ClusterNumber, count: u64, before: Vec<ByteOffset> },
}

impl Placement {
    /// Clusters that it needs.
    pub fn clusters(&self) -> u64 {
        match self {
            Self::Slots { .. } => 0,
            Self::Append { count, .. } => *count,
        }
    }
}

impl<D: BlockWrite> Change<'_, D> {
    /// Chooses a place for `count` slots: in a single sector if possible, since the entry then appears atomically.
    ///
    /// # Errors
    /// [`Error::FolderFull`] if the folder is full, [`Error::Full`] if the volume is.
    pub fn place(
        &mut self,
        folder: &Node,
        scan: &mut Scan,
        count: usize,
        path: &str,
    ) -> Result<Placement, Error> {
        let FreeSlots { single, several, unused } = core::mem::take(&mut scan.free_slots);
        if let Some((at, before)) = single {
            return Ok(Placement::Slots { at, before });
        }
        let full = || Error::FolderFull { path: path.into() };
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        // Cannot saturate: an entry has at most 21 slots.
        let bytes = count.saturating_mul(SLOT_BYTES);
        let is_longer_than_a_sector = bytes > self.batch.sector();
        let first = match folder.content {
            Content::Directory(Root::Chain(first)) => Some(first),
            _ => None,
        };
        match (several, first) {
            (Some(at), first) if first.is_none() || is_longer_than_a_sector => {
                Ok(Placement::Slots { at, before: Vec::new() })
            }
            (_, Some(first)) => {
                let clusters = self.clusters_of(bytes);
                // Cannot saturate: a folder has few slots.
                let slots = self.clusters_to_slots(clusters).saturating_add(scan.slots);
                if slots > MOST_SLOTS {
                    return Err(full());
                }
                let last = self.last(first)?;
                let bits = self.first_bits(last);
                // If only half of the FAT entry that links to it is written, that half must still read as the end of
                // the chain.
                let is_fit = |next: ClusterNumber| bits.is_none_or(|bits| next.0 & bits >= 0xff8 & bits);
                let Some(first) = self.free.reserve(self.fat, is_fit)? else {
                    return Err(Error::Full { path: path.into(), needed: clusters, free: 0 });
                };
                Ok(Placement::Append { last, first, count: clusters, before: unused })
            }
            (_, None) => Err(full()),
        }
    }

    fn clusters_to_slots(&self, clusters: u64) -> u64 {
        let slots = self.fat.geometry.cluster / SLOT_BYTES;
        // Cannot saturate: clusters of the volume, whose bytes are all on the device.
        slots.saturating_mul(clusters)
    }

    /// The last cluster of a folder.
    fn last(&self, first: ClusterNumber) -> Result<ClusterNumber, Error> {
        // It was checked to be on the volume when the folder was read.
        let mut chain = Chain::new(first);
        while self.fat.table.advance(&self.fat.device, &self.fat.geometry, &mut chain)? {}
        Ok(chain.cluster)
    }

    /// Writes an entry into its place. Everything that it refers to is already written.
    pub fn insert(&mut self, place: Placement, slots: &[[u8; SLOT]]) -> Result<(), Error> {
        match place {
            Placement::Slots { at, before } => {
                self.fill(&before)?;
                self.batch.commit()?;
                self.put(&at, slots)
            }
            Placement::Append { last, first, count, before } => {
                let mut clusters = Vec::from([first]);
                for _ in 1..count {
                    clusters.push(self.take()?);
                }
                self.write_chain(&clusters, slots.concat())?;
                self.fill(&before)?;
                self.batch.commit()?;
                self.link(last, first)?;
                self.update_info()?;
                Ok(self.batch.commit()?)
            }
        }
    }

    /// Marks never-used slots as removed, so that readers continue after them.
    fn fill(&mut self, unused: &[ByteOffset]) -> Result<(), Error> {
        // Backwards: until the first slot is marked, the folder still ends before all of them.
        for at in unused.iter().rev() {
            self.batch.make_room(&[(*at, 1)])?;
            self.batch.patch(*at, &[NAME_FREE])?;
        }
        Ok(())
    }

    /// Writes slots, each sector with a flush of its own: the last one has the short entry, and the parts of the long
    /// name before it belong to no file until then.
    fn put(&mut self, at: &[ByteOffset], slots: &[[u8; SLOT]]) -> Result<(), Error> {
        let mut sector = at.first().map(|at| self.batch.sector_of(*at));
        for (at, slot) in at.iter().zip(slots) {
            let own = self.batch.sector_of(*at);
            if sector != Some(own) {
                self.batch.commit()?;
                sector = Some(own);
            }
            self.batch.patch(*at, slot)?;
        }
        self.update_info()?;
        Ok(self.batch.commit()?)
    }

    /// Switches an entry to other content.
    pub fn switch(&mut self, found: &FoundEntry, change: impl FnOnce(&mut ShortEntry)) -> Result<(), Error> {
        self.batch.commit()?;
        let mut entry = self.short_entry(found)?;
        change(&mut entry);
        self.batch.patch(found.entry.location, entry.as_bytes())?;
        self.update_info()?;
        Ok(self.batch.commit()?)
    }

    /// The short entry as it is on the device.
    pub fn short_entry(&self, found: &FoundEntry) -> Result<ShortEntry, Error> {
        let mut entry = ShortEntry::new_zeroed();
        self.batch.read(found.entry.location, entry.as_mut_bytes())?;
        if self.fat.geometry.kind != Kind::Fat32 {
            // This field has another use on FAT12 and FAT16; it is reset, as in a copied file.
            entry.dir_fst_clus_hi.set(0);
        }
        Ok(entry)
    }

    /// Removes an entry: the sector of the short slot first, then the rest of the long name.
    pub fn remove_slots(&mut self, found: &FoundEntry) -> Result<(), Error> {
        self.batch.commit()?;
        let sector = self.batch.sector_of(found.entry.location);
        let is_near = |at: &&ByteOffset| self.batch.sector_of(**at) == sector;
        let (near, far): (Vec<&ByteOffset>, Vec<&ByteOffset>) = found.long.iter().partition(is_near);
        for at in near.into_iter().chain([&found.entry.location]) {
            self.batch.patch(*at, &[NAME_FREE])?;
        }
        self.batch.commit()?;
        for at in far {
            self.batch.patch(*at, &[NAME_FREE])?;
        }
        Ok(self.batch.commit()?)
    }

    /// Renames an entry by writing one sector; `false` if the sector has no space for the new name.
    pub fn rename_in_place(&mut self, found: &FoundEntry, slots: &[[u8; SLOT]]) -> Result<bool, Error> {
        let places = found.sector.chunk_by(|one, next| one.1 == next.1);
        let mut runs =
            places.filter(|run| run.len() >= slots.len() && run.first().is_some_and(|slot| slot.1));
        let Some(run) = runs.next() else { return Ok(false) };
        self.batch.commit()?;
        let sector = self.batch.sector_of(found.entry.location);
        let own = found.long.iter().chain([&found.entry.location]);
        for at in own.clone().filter(|at| self.batch.sector_of(**at) == sector).copied().collect::<Vec<_>>() {
            self.batch.patch(at, &[NAME_FREE])?;
        }
        for ((at, _), slot) in run.iter().zip(slots) {
            self.batch.patch(*at, slot)?;
        }
        self.batch.commit()?;
        for at in own.filter(|at| self.batch.sector_of(**at) != sector).copied().collect::<Vec<_>>() {
            self.batch.patch(at, &[NAME_FREE])?;
        }
        self.batch.commit()?;
        Ok(true)
    }
}
