// SPDX-License-Identifier: BSD-3-Clause
//! Entries of folders: put into a place, changed, taken away, each so that readers see the old or the new.

use alloc::vec::Vec;

use block::BlockWrite;
use zerocopy::{FromZeros, IntoBytes};

use super::{
    Error,
    change::Change,
    scan::{Found, Room, Scan},
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
/// Slots of the largest folder.
const MOST_SLOTS: u64 = 65_536;

/// Slots that an entry of this name takes.
pub fn slots_of(name: &str) -> usize {
    let long = if as_short(name).is_some() { 0 } else { units(name).len().div_ceil(LONG_PART) };
    // Cannot saturate: a name has at most 255 units.
    long.saturating_add(1)
}

/// The slots of an entry of this name, the rest of which is like `like`; none when no short name is left for it.
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

/// A slot's bytes.
pub fn bytes(entry: &(impl IntoBytes + zerocopy::Immutable)) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    slot.iter_mut().zip(entry.as_bytes()).for_each(|(place, byte)| *place = *byte);
    slot
}

/// Where a new entry goes.
pub enum Place {
    /// To free slots; others, never used and before it, get the mark of removed entries first.
    Slots { at: Vec<ByteOffset>, before: Vec<ByteOffset> },
    /// To new clusters behind the folder's last one.
    Append { last: ClusterNumber, first: ClusterNumber, count: u64, before: Vec<ByteOffset> },
}

impl Place {
    /// Clusters that it needs.
    pub fn clusters(&self) -> u64 {
        match self {
            Self::Slots { .. } => 0,
            Self::Append { count, .. } => *count,
        }
    }
}

impl<D: BlockWrite> Change<'_, D> {
    /// Chooses a place for so many slots; one in a single sector where there is one, since the entry appears at once
    /// there. None when the folder is full, [`Error::Full`] when the volume is.
    pub fn place(
        &mut self,
        folder: &Node,
        scan: &mut Scan,
        count: usize,
        path: &str,
    ) -> Result<Place, Error> {
        let Room { single, several, unused } = core::mem::take(&mut scan.room);
        if let Some((at, before)) = single {
            return Ok(Place::Slots { at, before });
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
                Ok(Place::Slots { at, before: Vec::new() })
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
                // Half of the entry that leads to it looks like the end of the chain while only that is written.
                let is_fit = |next: ClusterNumber| bits.is_none_or(|bits| next.0 & bits >= 0xff8 & bits);
                let Some(first) = self.free.reserve(self.fat, is_fit)? else {
                    return Err(Error::Full { path: path.into(), needed: clusters, free: 0 });
                };
                Ok(Place::Append { last, first, count: clusters, before: unused })
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
        // That it is a cluster of the volume was seen when the folder was read.
        let mut chain = Chain::new(first);
        while self.fat.table.advance(&self.fat.device, &self.fat.geometry, &mut chain)? {}
        Ok(chain.cluster)
    }

    /// Puts an entry into its place. Everything that it names is written.
    pub fn insert(&mut self, place: Place, slots: &[[u8; SLOT]]) -> Result<(), Error> {
        match place {
            Place::Slots { at, before } => {
                self.fill(&before)?;
                self.batch.commit()?;
                self.put(&at, slots)
            }
            Place::Append { last, first, count, before } => {
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

    /// Marks slots that were never used as removed, so that readers look behind them.
    fn fill(&mut self, unused: &[ByteOffset]) -> Result<(), Error> {
        // From the last one on: before it is marked, nothing is behind the folder's end.
        for at in unused.iter().rev() {
            self.batch.make_room(&[(*at, 1)])?;
            self.batch.patch(*at, &[NAME_FREE])?;
        }
        Ok(())
    }

    /// Writes slots, each sector with a flush of its own: the last one has the short entry, and those before are parts
    /// of a long name without a file until then.
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

    /// Changes where the content of an entry stands.
    pub fn switch(&mut self, found: &Found, change: impl FnOnce(&mut ShortEntry)) -> Result<(), Error> {
        self.batch.commit()?;
        let mut entry = self.short_entry(found)?;
        change(&mut entry);
        self.batch.patch(found.entry.location, entry.as_bytes())?;
        self.update_info()?;
        Ok(self.batch.commit()?)
    }

    /// The short entry as it stands.
    pub fn short_entry(&self, found: &Found) -> Result<ShortEntry, Error> {
        let mut entry = ShortEntry::new_zeroed();
        self.batch.read(found.entry.location, entry.as_mut_bytes())?;
        if self.fat.geometry.kind != Kind::Fat32 {
            // Has another use there, and is to be what a copy has.
            entry.dir_fst_clus_hi.set(0);
        }
        Ok(entry)
    }

    /// Takes an entry away: the sector of the short slot first, then what is left of the long name.
    pub fn remove_slots(&mut self, found: &Found) -> Result<(), Error> {
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

    /// Gives an entry another name by writing one sector; false where that has no room for it.
    pub fn rename_in_place(&mut self, found: &Found, slots: &[[u8; SLOT]]) -> Result<bool, Error> {
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
