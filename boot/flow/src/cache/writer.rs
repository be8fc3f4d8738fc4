// SPDX-License-Identifier: BSD-3-Clause
//! Writing a slot: its parts while they are at hand, its record and the variable once everything has been verified.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use oci::{Algorithm, Digest, Image, Record};

use super::{
    slots::{Slot, Slots, clear, object, part_name, path},
    variable::{self, CACHE_VARIABLE, Entry, Letter},
};
use crate::{Failure, Floors, Phase, Storage, codes, report::Bytes};

/// The name of a new record: as many tries as systemd gives.
const NEW_RECORD: &str = "record+3.cb";
/// Bytes that are left free on the volume, whose clusters and folders take some, too.
const MARGIN: u64 = 1 << 20;

/// A slot that is being written.
#[derive(Debug)]
pub struct Writer {
    letter: Letter,
    /// What the other slot holds.
    others: Vec<Entry>,
    /// Whether the slot held something until now, as the variable says.
    is_named: bool,
    reference: String,
    resolved: Digest,
    /// Bytes of all parts.
    bytes: u64,
    is_cleared: bool,
}

impl Writer {
    /// Of what a reference led to. Nothing is changed yet.
    pub fn new(slots: &Slots, reference: &str, image: &Image) -> Self {
        let letter = slots.spare();
        let (own, others): (Vec<Entry>, Vec<Entry>) =
            slots.entries.iter().cloned().partition(|entry| entry.letter == letter);
        let sizes = image.manifest.layers.iter().map(|layer| layer.size);
        Self {
            letter,
            others,
            is_named: !own.is_empty(),
            reference: reference.into(),
            resolved: image.digest.clone(),
            // A sum that saturates fits no volume, and is refused for that.
            bytes: sizes.fold(0, u64::saturating_add),
            is_cleared: false,
        }
    }

    /// Writes a part. Before the first one, the variable forgets the slot, and the slot is cleared.
    ///
    /// # Errors
    /// There is no room, or it cannot be written: the slot holds nothing then.
    pub fn save(
        &mut self,
        storage: &dyn Storage,
        floors: &dyn Floors,
        part: &Digest,
        bytes: &[u8],
    ) -> Result<(), Failure> {
        if !self.is_cleared {
            self.expect_room(storage)?;
            self.clear(storage, floors).map_err(|cause| self.failed(&cause))?;
            self.is_cleared = true;
        }
        let written = storage.write(&path(self.letter, &part_name(part)), bytes);
        written.map_err(|cause| self.failed(&cause))
    }

    fn expect_room(&self, storage: &dyn Storage) -> Result<(), Failure> {
        let free = storage.free().and_then(|free| {
            let own = Slots::size(storage, self.letter)?;
            // Saturates where a volume says that it has 2⁶⁴ bytes; it is written to until that fails.
            Ok(free.saturating_add(own))
        });
        let free = free.map_err(|cause| self.failed(&cause))?;
        let largest = u64::try_from(Record::LARGEST).unwrap_or(u64::MAX);
        // If it saturates, it does not fit.
        let wanted = self.bytes.saturating_add(largest).saturating_add(MARGIN);
        if wanted <= free {
            return Ok(());
        }
        let cause = format!("{} wanted, {} free", Bytes(wanted), Bytes(free));
        Err(Failure::new(Phase::Obtain, object(self.letter), codes::CACHE_ROOM, &cause))
    }

    fn clear(&self, storage: &dyn Storage, floors: &dyn Floors) -> Result<(), String> {
        if self.is_named {
            say(floors, &self.others)?;
        }
        clear(storage, self.letter)
    }

    /// The work that remains after verification.
    ///
    /// # Errors
    /// The registry's answers are more than a record may have.
    pub fn finish(self, record: Option<Record>) -> Result<Keep, Failure> {
        let record = record.and_then(|record| record.emit());
        let record = record.ok_or_else(|| {
            self.failed(&format!("the registry's answers are larger than {} bytes", Record::LARGEST))
        })?;
        let Self { letter, reference, resolved, others, bytes, .. } = self;
        let entry = Entry { letter, record: Digest::of(Algorithm::Sha256, &record), resolved, reference };
        let entries = [entry].into_iter().chain(others).collect();
        Ok(Keep { letter, name: NEW_RECORD.into(), new: Some(New { record, entries, bytes }) })
    }

    fn failed(&self, cause: &str) -> Failure {
        Failure::new(Phase::Obtain, object(self.letter), codes::CACHE_WRITE, &cause)
    }
}

/// The work on a slot that remains before its image is started.
#[derive(Debug)]
pub struct Keep {
    letter: Letter,
    /// The name of its record.
    name: String,
    new: Option<New>,
}

/// A slot whose parts are written.
#[derive(Debug)]
struct New {
    record: Vec<u8>,
    /// What the variable says then.
    entries: Vec<Entry>,
    /// Bytes of the parts.
    bytes: u64,
}

/// What was kept.
#[derive(Debug, Eq, PartialEq)]
pub struct Kept {
    /// The slot.
    pub slot: &'static str,
    /// What the reference led to.
    pub resolved: Digest,
    /// Bytes of its parts.
    pub bytes: u64,
}

impl Keep {
    /// Of a slot that holds something already.
    pub fn of(slot: &Slot) -> Self {
        Self { letter: slot.entry.letter, name: slot.file.name.clone(), new: None }
    }

    /// Writes the record, then the variable: what is new, if it is.
    ///
    /// # Errors
    /// Why the slot holds nothing.
    pub fn commit(&mut self, storage: &dyn Storage, floors: &dyn Floors) -> Result<Option<Kept>, Failure> {
        let Some(New { record, entries, bytes }) = self.new.take() else { return Ok(None) };
        let written = storage.write(&path(self.letter, &self.name), &record);
        let said = written.and_then(|()| say(floors, &entries));
        said.map_err(|cause| Failure::new(Phase::Obtain, object(self.letter), codes::CACHE_WRITE, &cause))?;
        let resolved = entries.into_iter().next().map(|entry| entry.resolved);
        Ok(resolved.map(|resolved| Kept { slot: self.letter.name(), resolved, bytes }))
    }

    /// Counts a try: the record's file then, from the cache's folder on; none where tries are not counted, since the
    /// slot is a good one.
    ///
    /// # Errors
    /// The file, and why it still has its old name.
    pub fn count(&self, storage: &dyn Storage) -> Result<Option<String>, (String, String)> {
        let Some(next) = entries::Counted::parse(&self.name).next() else { return Ok(None) };
        let path_now = path(self.letter, &self.name);
        match storage.rename(&path_now, &next) {
            Ok(()) => Ok(Some(path(self.letter, &next))),
            Err(cause) => Err((path_now, cause)),
        }
    }
}

/// Writes the variable.
fn say(floors: &dyn Floors, entries: &[Entry]) -> Result<(), String> {
    let text = variable::emit(entries);
    if text.is_empty() {
        return if floors.forget(CACHE_VARIABLE) {
            Ok(())
        } else {
            Err(format!("the variable {CACHE_VARIABLE} cannot be removed"))
        };
    }
    let kept = floors.keep(CACHE_VARIABLE, text.to_string().as_bytes());
    kept.map_err(|cause| format!("the variable {CACHE_VARIABLE} cannot be written: {cause}"))
}
