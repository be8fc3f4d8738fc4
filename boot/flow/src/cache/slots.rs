// SPDX-License-Identifier: BSD-3-Clause
//! The slots, as the variable and the volume describe them.

use alloc::{format, string::String, vec::Vec};

use entries::Counted;
use oci::{Algorithm, Digest, Record};

use super::variable::{self, CACHE_VARIABLE, Entry, Letter, TRIES};
use crate::{Failure, Floor, Floors, Phase, Storage, codes, platform::Stored, report::Report};

/// The folder of the cache, on the volume that the program was started from.
pub const CACHE_FOLDER: &str = "/EFI/cloud-boot/cache";
/// The name of a record, without its counters. Compared without case: FAT ignores it, and some firmware shows capitals.
const RECORD: &str = "record.cb";
/// The temporary name of a record that is about to replace another one.
pub const NEXT_RECORD: &str = "next.cb";
/// Digits of a digest that messages show: as many as `Digest::short`.
const DIGITS_SHOWN: usize = 12;
/// Most names of a folder that are read: an artifact has at most 64 parts.
const MOST_NAMES: usize = 256;
/// A slot is emptied in at most so many passes of [`MOST_NAMES`].
const MOST_PASSES: usize = 4;

/// A slot that holds something.
#[derive(Clone, Debug)]
pub struct Slot {
    /// What it holds, according to the variable.
    pub entry: Entry,
    /// The parsed name of its record.
    pub name: Counted,
    /// The record's file.
    pub file: Stored,
}

/// Both slots.
#[derive(Debug)]
pub struct Slots {
    /// The content of the variable.
    pub entries: Vec<Entry>,
    /// Those whose record exists, the newest one first.
    pub kept: Vec<Slot>,
}

impl Slots {
    /// Reads both slots. Removes files from slots that count as empty, if possible.
    ///
    /// # Errors
    /// There is no volume, or its folders cannot be listed.
    pub fn open(storage: &dyn Storage, floors: &dyn Floors, report: &Report<'_>) -> Result<Self, String> {
        let beside = storage.list("", MOST_NAMES)?;
        let mut beside = beside.iter().filter(|file| file.size.is_some());
        let mut removed = beside.try_for_each(|file| storage.remove(&file.name));
        let entries = entries(floors, report);
        let mut kept = Vec::new();
        for entry in &entries {
            let files = storage.list(entry.letter.name(), MOST_NAMES)?;
            let named = files.iter().map(|file| (Counted::parse(&file.name), file));
            let is_record = |name: &Counted| name.id.eq_ignore_ascii_case(RECORD);
            let mut records = named.filter(|(name, file)| is_record(name) && file.size.is_some());
            match (records.next(), records.next()) {
                (Some((name, file)), None) => {
                    kept.push(Slot { entry: entry.clone(), name, file: file.clone() });
                }
                // No files at all: somebody emptied the cache on purpose, which is no fault.
                (None, _) if files.iter().all(|file| file.size.is_none()) => {}
                (first, _) => {
                    let cause = if first.is_none() { "its record is missing" } else { "it has two records" };
                    report.uncached(&Failure::new(
                        Phase::Obtain,
                        object(entry.letter),
                        codes::CACHE_FILES,
                        &cause,
                    ));
                }
            }
        }
        for letter in Letter::ALL {
            if entries.iter().all(|entry| entry.letter != letter) {
                removed = removed.and(clear(storage, letter));
            }
        }
        if let Err(cause) = removed {
            report.uncached(&Failure::new(Phase::Obtain, "cache", codes::CACHE_WRITE, &cause));
        }
        Ok(Self { entries, kept })
    }

    /// The slot for a new image: never the one that holds the good image; of two others, the one whose loss matters
    /// less.
    pub fn spare(&self) -> Letter {
        let good = self.kept.iter().find(|slot| slot.is_good()).map(|slot| slot.entry.letter);
        let holder = |letter: Letter| self.kept.iter().position(|slot| slot.entry.letter == letter);
        let worth = |letter: &Letter| match holder(*letter) {
            None => 0,
            Some(index) if self.kept.get(index).is_some_and(Slot::is_exhausted) => 1,
            // The newest one is first.
            Some(0) => 3,
            Some(_) => 2,
        };
        let others = Letter::ALL.into_iter().filter(|letter| Some(*letter) != good);
        others.min_by_key(worth).unwrap_or(Letter::A)
    }

    /// Bytes of the files of a slot. A volume that reports wrong sizes, up to saturation, at worst makes a write fail.
    pub fn size(storage: &dyn Storage, letter: Letter) -> Result<u64, String> {
        let files = storage.list(letter.name(), MOST_NAMES)?;
        Ok(files.iter().filter_map(|file| file.size).fold(0, u64::saturating_add))
    }
}

impl Slot {
    /// Whether it holds the image of this reference, given in canonical form.
    pub fn holds(&self, reference: &str) -> bool {
        self.entry.reference == reference
    }

    /// Whether the booted system has marked it good.
    pub fn is_good(&self) -> bool {
        self.name.left.is_none()
    }

    /// Whether all its tries are used up and it is not good. The variable decides: the file's name can be changed by
    /// the booted system.
    pub fn is_exhausted(&self) -> bool {
        !self.is_good() && self.entry.tries >= TRIES
    }

    /// Its record, if it has the digest in the variable; else the record that was about to replace it, if that has.
    ///
    /// # Errors
    /// Neither has, or they cannot be read.
    pub fn record(&self, storage: &dyn Storage) -> Result<Record, Failure> {
        self.record_of(storage, &self.file).or_else(|failure| {
            let files = storage.list(self.entry.letter.name(), MOST_NAMES).unwrap_or_default();
            let next = files.iter().find(|file| file.name.eq_ignore_ascii_case(NEXT_RECORD));
            next.and_then(|next| self.record_of(storage, next).ok()).ok_or(failure)
        })
    }

    fn record_of(&self, storage: &dyn Storage, file: &Stored) -> Result<Record, Failure> {
        let path = path(self.entry.letter, &file.name);
        let failed = |cause: &str| self.failed(&path, cause);
        let size = file.size.and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX);
        if size > Record::LARGEST {
            return Err(failed(&format!("larger than {} bytes", Record::LARGEST)));
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size).map_err(|_| failed("not enough memory"))?;
        bytes.resize(size, 0);
        let read = storage.read(&path, &mut bytes).map_err(|cause| failed(&cause))?;
        bytes.truncate(read);
        let (found, expected) = (Digest::of(self.entry.record.algorithm(), &bytes), &self.entry.record);
        if found != *expected {
            return Err(failed(&format!("digest is {}", start_of(&found))));
        }
        Record::parse(&bytes).map_err(|cause| failed(&cause))
    }

    /// Reads a part into `place`; the caller checks its digest.
    ///
    /// # Errors
    /// It cannot be read, or is too short.
    pub fn load(&self, storage: &dyn Storage, part: &Digest, place: &mut [u8]) -> Result<(), Failure> {
        let path = path(self.entry.letter, &part_name(part));
        let read = storage.read(&path, place).map_err(|cause| self.failed_part(part, &cause))?;
        if read == place.len() {
            return Ok(());
        }
        Err(self.failed_part(part, &format!("too short: {read} bytes")))
    }

    /// Replaces a part that could not be used.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self, storage: &dyn Storage, part: &Digest, bytes: &[u8]) -> Result<(), Failure> {
        let path = path(self.entry.letter, &part_name(part));
        storage.write(&path, bytes).map_err(|cause| self.failed_part(part, &cause))
    }

    /// The failure of a part that has another digest.
    pub fn differs(&self, part: &Digest, found: &Digest) -> Failure {
        self.failed_part(part, &format!("digest is {}", start_of(found)))
    }

    fn failed_part(&self, part: &Digest, cause: &str) -> Failure {
        let object = format!("{} {}", object(self.entry.letter), start_of(part));
        Failure::new(Phase::Obtain, object, codes::CACHE_FILES, &cause)
    }

    /// The failure of a record, named by its path.
    fn failed(&self, path: &str, cause: &str) -> Failure {
        Failure::new(Phase::Obtain, format!("cache {path}"), codes::CACHE_FILES, &cause)
    }
}

/// The content of the variable. One that is malformed, or was not written by this loader, is removed with a warning.
fn entries(floors: &dyn Floors, report: &Report<'_>) -> Vec<Entry> {
    let malformed = match floors.kept(CACHE_VARIABLE) {
        Floor::None => return Vec::new(),
        Floor::Foreign => "not this loader's",
        Floor::Unreadable => "unreadable",
        Floor::Kept(bytes) => match variable::parse(&bytes) {
            Some(entries) => return entries,
            None => "malformed",
        },
    };
    let done = if floors.forget(CACHE_VARIABLE) { "removed" } else { "not removable" };
    let cause = format!("{malformed}: {done}");
    report.uncached(&Failure::new(Phase::Obtain, CACHE_VARIABLE, codes::CACHE_VARIABLE, &cause));
    Vec::new()
}

/// Removes all files of a slot.
pub fn clear(storage: &dyn Storage, letter: Letter) -> Result<(), String> {
    for _ in 0..MOST_PASSES {
        let files = storage.list(letter.name(), MOST_NAMES)?;
        let files = files.iter().filter(|file| file.size.is_some());
        let mut is_empty = true;
        for file in files {
            is_empty = false;
            storage.remove(&path(letter, &file.name))?;
        }
        if is_empty {
            return Ok(());
        }
    }
    // Cannot saturate: two small constants.
    Err(format!("slot {letter} has more than {} files", MOST_NAMES.saturating_mul(MOST_PASSES)))
}

/// The name of a slot in messages.
pub fn object(letter: Letter) -> String {
    format!("cache {letter}")
}

/// The first digits of a digest: a line of 80 columns has no room for more beside the code.
fn start_of(digest: &Digest) -> &str {
    digest.hex().get(..DIGITS_SHOWN).unwrap_or_default()
}

/// The path of a slot's file, relative to the cache's folder.
pub fn path(letter: Letter, name: &str) -> String {
    format!("{letter}/{name}")
}

/// The name of a part's file.
pub fn part_name(part: &Digest) -> String {
    let algorithm = match part.algorithm() {
        Algorithm::Sha256 => "sha256",
        Algorithm::Sha512 => "sha512",
    };
    format!("{algorithm}-{}", part.hex())
}
