// SPDX-License-Identifier: BSD-3-Clause
//! Scans a folder before a change: for an existing entry, and for space for a new one.

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

/// The result of scanning a folder.
pub struct Scan {
    /// The entry with the wanted name.
    pub found: Option<FoundEntry>,
    /// Short names that are in use, which a new alias must avoid.
    pub short_names: ShortNames,
    /// Where a new entry can go.
    pub free_slots: FreeSlots,
    /// Slots of the folder, used or not.
    pub slots: u64,
    /// Number of entries, including labels but not `.` and `..`.
    pub entries: u64,
}

/// An entry and its location.
pub struct FoundEntry {
    pub entry: Entry,
    /// The slots of the long name.
    pub long: Vec<ByteOffset>,
    /// The slots in the sector of the short slot, in the order of the folder: offset, and whether the slot is free or
    /// the entry's own.
    pub sector: Vec<(ByteOffset, bool)>,
}

/// Free slots.
#[derive(Default)]
pub struct FreeSlots {
    /// In one sector: the slots, and the never-used slots before them.
    pub single: Option<(Vec<ByteOffset>, Vec<ByteOffset>)>,
    /// In several sectors.
    pub several: Option<Vec<ByteOffset>>,
    /// Never-used slots.
    pub unused: Vec<ByteOffset>,
}

/// Consecutive free slots.
#[derive(Default)]
struct Run {
    in_folder: Vec<ByteOffset>,
    in_sector: Vec<ByteOffset>,
    /// Number of never-used slots before `in_sector`.
    before: usize,
}

/// The walk over a folder.
struct Walk<'n> {
    name: &'n str,
    /// Number of consecutive slots that are wanted.
    wanted: usize,
    is_fat32: bool,
    parser: Parser,
    has_ended: bool,
    /// Long-name slots directly before the current slot.
    long: Vec<ByteOffset>,
    run: Run,
    /// The current sector, its slots in the order of the folder, and whether they are free.
    sector: Option<u64>,
    sector_slots: Vec<(ByteOffset, bool)>,
    scan: Scan,
}

impl<D: BlockWrite> Change<'_, D> {
    /// Scans a whole folder for an entry, and for `wanted` consecutive free slots.
    ///
    /// # Errors
    /// [`filesystem::Error::Corrupt`] for a folder with entries after its end mark: Linux shows them, others do not.
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
                free_slots: FreeSlots::default(),
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
            return Err(corrupt(Fault::Inconsistent, "directory entry after the end", at, first));
        }
        self.run = Run { before: self.scan.free_slots.unused.len(), ..Run::default() };
        self.used(at, slot);
        Ok(())
    }

    fn free(&mut self, at: ByteOffset, is_unused: bool) {
        let free_slots = &mut self.scan.free_slots;
        if free_slots.single.is_some() {
            return;
        }
        self.run.in_sector.push(at);
        if self.run.in_sector.len() == self.wanted {
            let before = free_slots.unused.get(..self.run.before).unwrap_or_default().to_vec();
            free_slots.single = Some((core::mem::take(&mut self.run.in_sector), before));
            return;
        }
        if is_unused {
            free_slots.unused.push(at);
        }
        if free_slots.several.is_none() {
            self.run.in_folder.push(at);
            if self.run.in_folder.len() == self.wanted {
                free_slots.several = Some(core::mem::take(&mut self.run.in_folder));
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
            // The slots of this name are the last ones of all the name parts before it.
            let others = long.len().saturating_sub(entry.long_slots);
            let long = long.get(others..).unwrap_or_default().to_vec();
            self.scan.found = Some(FoundEntry { entry, long, sector: Vec::new() });
            return;
        }
        self.scan.short_names.take(entry.short.bytes);
        // A long name that is a valid short name except for its case also reserves that short name.
        entry.long_name().and_then(|name| as_short(&folded(&name))).into_iter().for_each(|short| {
            self.scan.short_names.take(short);
        });
    }

    /// Ends the current sector: a run of free slots for `single` does not continue in the next one.
    fn leave_sector(&mut self) {
        self.run.in_sector.clear();
        self.run.before = self.scan.free_slots.unused.len();
        let slots = core::mem::take(&mut self.sector_slots);
        if let Some(found) = &mut self.scan.found
            && found.sector.is_empty()
        {
            let is_own = |at| at == found.entry.location || found.long.contains(&at);
            found.sector = slots.into_iter().map(|(at, is_free)| (at, is_free || is_own(at))).collect();
        }
    }
}
