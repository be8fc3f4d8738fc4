// SPDX-License-Identifier: BSD-3-Clause
//! Writes a slot: its parts as they arrive, its record and the variable after verification.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use oci::{Algorithm, Digest, Image, Record};

use super::{
    slots::{NEXT_RECORD, Slot, Slots, clear, object, part_name, path},
    variable::{self, CACHE_VARIABLE, Entry, Letter, TRIES},
};
use crate::{Failure, Floors, Phase, Storage, codes, report::Bytes};

/// The name of a new record, with all its tries.
const NEW_RECORD: &str = "record+3.cb";
/// Bytes left free on the volume: clusters and folders need some, too.
const MARGIN: u64 = 1 << 20;

/// A slot that is being written.
#[derive(Debug)]
pub struct Writer {
    letter: Letter,
    /// The entry of the other slot.
    others: Vec<Entry>,
    /// Whether the variable says that this slot holds something.
    is_named: bool,
    reference: String,
    resolved: Digest,
    /// Bytes of all parts.
    bytes: u64,
    is_cleared: bool,
}

impl Writer {
    /// A writer for an image. Nothing is changed yet.
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
            // A saturated sum fits on no volume, and is refused for that.
            bytes: sizes.fold(0, u64::saturating_add),
            is_cleared: false,
        }
    }

    /// Writes a part. Before the first one, the slot is removed from the variable and emptied: the variable never names
    /// files that are being replaced.
    ///
    /// # Errors
    /// There is no room, or a write failed: the slot then counts as empty.
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
            // Saturates if a volume reports 2⁶⁴ bytes; then writing simply fails at some point.
            Ok(free.saturating_add(own))
        });
        let free = free.map_err(|cause| self.failed(&cause))?;
        let largest = u64::try_from(Record::LARGEST).unwrap_or(u64::MAX);
        // A saturated sum does not fit.
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
    /// The registry's answers exceed the size of a record.
    pub fn finish(self, record: Option<Record>) -> Result<Keep, Failure> {
        let record = record.and_then(|record| record.emit());
        let record =
            record.ok_or_else(|| self.failed(&format!("the record exceeds {} bytes", Record::LARGEST)))?;
        let Self { letter, reference, resolved, others, bytes, .. } = self;
        let digest = Digest::of(Algorithm::Sha256, &record);
        let entry = Entry { letter, tries: 0, record: digest, resolved, reference };
        let entries = [entry].into_iter().chain(others).collect();
        let work = Work::New(record, bytes);
        Ok(Keep { entries, letter, name: NEW_RECORD.into(), is_good: false, work })
    }

    fn failed(&self, cause: &str) -> Failure {
        Failure::new(Phase::Obtain, object(self.letter), codes::CACHE_WRITE, &cause)
    }
}

/// The work on a slot that remains before its image starts.
#[derive(Debug)]
pub struct Keep {
    /// The new content of the variable.
    entries: Vec<Entry>,
    letter: Letter,
    /// The name of its record.
    name: String,
    is_good: bool,
    work: Work,
}

/// What is to be written.
#[derive(Debug)]
enum Work {
    /// Nothing.
    Nothing,
    /// The record of a slot whose parts have been written, and the size of those.
    New(Vec<u8>, u64),
    /// A new record for the same image, replacing the stored one.
    Renewed(Vec<u8>),
}

/// An image that was cached.
#[derive(Debug, Eq, PartialEq)]
pub struct Kept {
    /// The slot.
    pub slot: &'static str,
    /// What the reference resolved to.
    pub resolved: Digest,
    /// Bytes of its parts.
    pub bytes: u64,
}

impl Keep {
    /// For a slot that is in use. A record that differs from the stored one replaces it: the image may have new
    /// signatures.
    pub fn of(slot: &Slot, slots: &Slots, record: Option<Record>) -> Self {
        let letter = slot.entry.letter;
        let mut entries = slots.entries.clone();
        let own = entries.iter_mut().find(|entry| entry.letter == letter);
        let record = record.and_then(|record| record.emit());
        let work = match own.zip(record) {
            Some((entry, record)) if Digest::of(Algorithm::Sha256, &record) != entry.record => {
                entry.record = Digest::of(Algorithm::Sha256, &record);
                Work::Renewed(record)
            }
            _ => Work::Nothing,
        };
        Self { entries, letter, name: slot.file.name.clone(), is_good: slot.is_good(), work }
    }

    /// Writes the record, then the variable; returns what is newly cached.
    ///
    /// # Errors
    /// A write failed: the slot is empty, or holds what it held before.
    pub fn commit(&mut self, storage: &dyn Storage, floors: &dyn Floors) -> Result<Option<Kept>, Failure> {
        let place = path(self.letter, &self.name);
        let (written, bytes) = match core::mem::replace(&mut self.work, Work::Nothing) {
            Work::Nothing => return Ok(None),
            Work::New(record, bytes) => {
                (storage.write(&place, &record).and_then(|()| say(floors, &self.entries)), Some(bytes))
            }
            Work::Renewed(record) => (self.renew(storage, floors, &place, &record), None),
        };
        written
            .map_err(|cause| Failure::new(Phase::Obtain, object(self.letter), codes::CACHE_WRITE, &cause))?;
        let own = self.entries.iter().find(|entry| entry.letter == self.letter).zip(bytes);
        Ok(own.map(|(entry, bytes)| Kept {
            slot: self.letter.name(),
            resolved: entry.resolved.clone(),
            bytes,
        }))
    }

    /// The order makes this safe against power cuts: at any moment one of the two records is complete and is the one
    /// that the variable names.
    fn renew(
        &self,
        storage: &dyn Storage,
        floors: &dyn Floors,
        place: &str,
        record: &[u8],
    ) -> Result<(), String> {
        let next = path(self.letter, NEXT_RECORD);
        storage.write(&next, record)?;
        say(floors, &self.entries)?;
        storage.write(place, record)?;
        storage.remove(&next)
    }

    /// Counts a try; returns the record's new path, relative to the cache's folder, or none if the slot is good and its
    /// tries are not counted. The variable is authoritative; the file's name tells the booted system, which may mark it
    /// good.
    ///
    /// # Errors
    /// The file or the variable that could not be changed, and why.
    pub fn count(
        &mut self,
        storage: &dyn Storage,
        floors: &dyn Floors,
    ) -> Result<Option<String>, (String, String)> {
        let own = self.entries.iter_mut().find(|entry| entry.letter == self.letter);
        let Some(entry) = own.filter(|_| !self.is_good) else { return Ok(None) };
        // Neither can saturate: at most all tries are used.
        entry.tries = entry.tries.saturating_add(1).min(TRIES);
        let next = format!("record+{}-{}.cb", TRIES.saturating_sub(entry.tries), entry.tries);
        if !self.name.eq_ignore_ascii_case(&next) {
            let path_now = path(self.letter, &self.name);
            storage.rename(&path_now, &next).map_err(|cause| (path_now, cause))?;
        }
        say(floors, &self.entries).map_err(|cause| (CACHE_VARIABLE.into(), cause))?;
        Ok(Some(path(self.letter, &next)))
    }
}

/// Writes the variable.
fn say(floors: &dyn Floors, entries: &[Entry]) -> Result<(), String> {
    let text = variable::emit(entries);
    if text.is_empty() {
        return if floors.forget(CACHE_VARIABLE) {
            Ok(())
        } else {
            Err("its variable cannot be removed".into())
        };
    }
    let kept = floors.keep(CACHE_VARIABLE, text.to_string().as_bytes());
    kept.map_err(|cause| format!("variable: {cause}"))
}
