// SPDX-License-Identifier: BSD-3-Clause
//! Writing a slot: its parts while they are at hand, its record and the variable once everything has been verified.

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

/// The name of a new record, which has all its tries.
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

/// The work on a slot that remains before its image is started.
#[derive(Debug)]
pub struct Keep {
    /// All that the variable says then.
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
    /// The record of a slot whose parts are written, and the bytes of those.
    New(Vec<u8>, u64),
    /// A record for the same image, in the place of the one that is there.
    Renewed(Vec<u8>),
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
    /// Of a slot that holds something already. A record that differs from its own takes the place of that: others may
    /// have signed the image since.
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

    /// Writes the record, then the variable: what is new, if it is.
    ///
    /// # Errors
    /// Why the slot holds nothing, or what it held before.
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

    /// Wherever power is cut, one of both records is whole and is the one that the variable names.
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

    /// Counts a try: the record's file then, from the cache's folder on; none where tries are not counted, since the
    /// slot is a good one. The variable counts; the file's name says the same to who may find it good.
    ///
    /// # Errors
    /// The file, and why it still has its old name, or the variable, and why it says what it did.
    pub fn count(
        &mut self,
        storage: &dyn Storage,
        floors: &dyn Floors,
    ) -> Result<Option<String>, (String, String)> {
        let own = self.entries.iter_mut().find(|entry| entry.letter == self.letter);
        let Some(entry) = own.filter(|_| !self.is_good) else { return Ok(None) };
        // Neither can saturate: no more than all of them are used.
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
