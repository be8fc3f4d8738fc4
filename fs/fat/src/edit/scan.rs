// SPDX-License-Identifier: BSD-3-Clause
//! A folder before it is changed: the entry that is looked for, and room for a new one.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use block::BlockWrite;
use filesystem::Fault;

use super::{Error, change::Change};
use crate::{
    Kind, Node, corrupt,
    directory::{ATTR_LONG_NAME, ATTR_LONG_NAME_MASK, Entry, NAME_END, NAME_FREE, Parser, SLOT, ShortEntry},
    name::folded,
    units::ByteOffset,
    write::name::{ShortNames, as_short},
};

/// What a folder has.
pub struct Scan {
    /// The entry of the name.
    pub found: Option<Found>,
    /// Short names that an alias may not be.
    pub short_names: ShortNames,
    /// Where a new entry can stand.
    pub room: Room,
    /// Slots of the folder, used or not.
    pub slots: u64,
    /// Entries, labels included, `.` and `..` not.
    pub entries: u64,
}

/// An entry and where it stands.
pub struct Found {
    pub entry: Entry,
    /// The slots of the long name.
    pub long: Vec<ByteOffset>,
    /// The sector of the short slot in the order of the folder: where the slots stand, and whether they are free or
    /// the entry's own.
    pub sector: Vec<(ByteOffset, bool)>,
}

/// Free slots.
#[derive(Default)]
pub struct Room {
    /// In one sector, with the slots never used that come before.
    pub single: Option<(Vec<ByteOffset>, Vec<ByteOffset>)>,
    /// In several sectors.
    pub several: Option<Vec<ByteOffset>>,
    /// Slots never used.
    pub unused: Vec<ByteOffset>,
}

/// Free slots behind one another.
#[derive(Default)]
struct Run {
    in_folder: Vec<ByteOffset>,
    in_sector: Vec<ByteOffset>,
    /// Slots never used before `in_sector`.
    before: usize,
}

/// The walk over a folder.
struct Walk<'n> {
    name: &'n str,
    /// Slots that are wanted in a row.
    wanted: usize,
    is_fat32: bool,
    parser: Parser,
    has_ended: bool,
    /// Slots of long names directly before.
    long: Vec<ByteOffset>,
    run: Run,
    /// The sector that the walk is in, its slots in the order of the folder, and whether they are free.
    sector: Option<u64>,
    sector_slots: Vec<(ByteOffset, bool)>,
    scan: Scan,
}

impl<D: BlockWrite> Change<'_, D> {
    /// Looks through all of a folder for an entry, and for so many free slots.
    ///
    /// # Errors
    /// [`filesystem::Error::Corrupt`] for a folder that has entries behind its end: Linux shows them, others do not.
    pub fn scan(&self, folder: &Node, name: &str, wanted: usize) -> Result<Scan, Error> {
        let mut walk = Walk::new(name, wanted, self.fat.geometry.kind == Kind::Fat32);
        self.fat.pieces(folder, &mut |start, piece| {
            for (location, slot) in (start.0..).step_by(SLOT).zip(piece.as_chunks().0) {
                let location = ByteOffset(location);
                walk.slot(location, self.batch.sector_of(location), slot)?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        walk.leave_sector();
        Ok(walk.scan)
    }
}

impl<'n> Walk<'n> {
    fn new(name: &'n str, wanted: usize, is_fat32: bool) -> Self {
        Self {
            name,
            wanted,
            is_fat32,
            parser: Parser::default(),
            has_ended: false,
            long: Vec::new(),
            run: Run::default(),
            sector: None,
            sector_slots: Vec::new(),
            scan: Scan {
                found: None,
                short_names: ShortNames::default(),
                room: Room::default(),
                slots: 0,
                entries: 0,
            },
        }
    }

    fn slot(&mut self, at: ByteOffset, sector: u64, slot: &[u8; SLOT]) -> Result<(), filesystem::Error> {
        if self.sector != Some(sector) {
            self.leave_sector();
            self.sector = Some(sector);
        }
        // Cannot saturate: a folder has at most 65 536 slots, or those of one cluster.
        self.scan.slots = self.scan.slots.saturating_add(1);
        let [first, ..] = *slot;
        let is_free = matches!(first, NAME_END | NAME_FREE);
        self.sector_slots.push((at, is_free));
        if is_free {
            self.has_ended |= first == NAME_END;
            self.free(at, first == NAME_END);
            self.long.clear();
            if !self.has_ended {
                let _ = self.parser.slot(at, slot, self.is_fat32);
            }
            return Ok(());
        }
        if self.has_ended {
            return Err(corrupt(Fault::Inconsistent, "directory entry behind the end", at, first));
        }
        self.run = Run { before: self.scan.room.unused.len(), ..Run::default() };
        self.used(at, slot);
        Ok(())
    }

    fn free(&mut self, at: ByteOffset, is_unused: bool) {
        let room = &mut self.scan.room;
        if room.single.is_some() {
            return;
        }
        self.run.in_sector.push(at);
        if self.run.in_sector.len() == self.wanted {
            let before = room.unused.get(..self.run.before).unwrap_or_default().to_vec();
            room.single = Some((core::mem::take(&mut self.run.in_sector), before));
            return;
        }
        if is_unused {
            room.unused.push(at);
        }
        if room.several.is_none() {
            self.run.in_folder.push(at);
            if self.run.in_folder.len() == self.wanted {
                room.several = Some(core::mem::take(&mut self.run.in_folder));
            }
        }
    }

    fn used(&mut self, at: ByteOffset, slot: &[u8; SLOT]) {
        let entry = match self.parser.slot(at, slot, self.is_fat32) {
            ControlFlow::Continue(entry) => entry,
            ControlFlow::Break(()) => None,
        };
        let is_long = zerocopy::FromBytes::ref_from_bytes(slot)
            .is_ok_and(|entry: &ShortEntry| entry.dir_attr & ATTR_LONG_NAME_MASK == ATTR_LONG_NAME);
        if is_long {
            self.long.push(at);
            return;
        }
        let long = core::mem::take(&mut self.long);
        let Some(entry) = entry else { return };
        // Cannot saturate: at most one for each slot.
        self.scan.entries = self.scan.entries.saturating_add(1);
        if entry.is_label() {
            return;
        }
        if self.scan.found.is_none() && entry.is_named(self.name) {
            // The slots of a name are the last ones of all parts of names before it.
            let others = long.len().saturating_sub(entry.long_slots);
            let long = long.get(others..).unwrap_or_default().to_vec();
            self.scan.found = Some(Found { entry, long, sector: Vec::new() });
            return;
        }
        self.scan.short_names.take(entry.short.bytes);
        // A long name that is a short one but for its case is one that nobody else may have.
        entry.long_name().and_then(|name| as_short(&folded(&name))).into_iter().for_each(|short| {
            self.scan.short_names.take(short);
        });
    }

    /// A new entry stands in one sector, if it can.
    fn leave_sector(&mut self) {
        self.run.in_sector.clear();
        self.run.before = self.scan.room.unused.len();
        let slots = core::mem::take(&mut self.sector_slots);
        if let Some(found) = &mut self.scan.found
            && found.sector.is_empty()
        {
            let is_own = |at| at == found.entry.location || found.long.contains(&at);
            found.sector = slots.into_iter().map(|(at, is_free)| (at, is_free || is_own(at))).collect();
        }
    }
}
