// SPDX-License-Identifier: BSD-3-Clause
//! The cache: images of a registry are kept on the volume that the program was started from. The last good one starts
//! if the registry cannot be reached, or if a new image has used up its tries.
//!
//! There are two slots. A new image goes to the slot that does not hold the good one. It becomes good when the booted
//! system says so by renaming the slot's record, whose name counts tries as BLS entries do: `record+3.cb`,
//! `record+2-1.cb`, then `record.cb`. A slot holds the record (all documents and signatures as the registry sent them)
//! and the parts, each named by its digest.
//!
//! The booted system can write to the volume. So a variable that it cannot access holds the digest of each record and
//! counts the tries ([`variable`]), and a cached image takes the same path as one from the registry: [`Replay`] answers
//! from the record, and the same code resolves it and checks signatures and parts. The variable is written last: until
//! then a slot counts as empty, whatever files are in it.

mod replay;
mod slots;
mod variable;
mod writer;

use alloc::{format, string::String};
use core::cell::{Cell, RefCell};

use artifact::Store;
use oci::{Digest, Image, Record, spec::Descriptor};

use crate::{Demand, Failure, Fetched, Order, Phase, Platform, Vouched, codes, report::Report, rollback};

pub use replay::{Connection, Replay};
pub use slots::CACHE_FOLDER;
pub use variable::{CACHE_VARIABLE, fuzz};
pub use writer::{Keep, Kept};

use slots::{Slot, Slots};
use writer::Writer;

/// The cache during one boot from a registry.
pub struct Cache<'a> {
    platform: &'a Platform<'a>,
    report: &'a Report<'a>,
    /// The requested reference, in its canonical form.
    reference: String,
    slots: Slots,
    operation: RefCell<Operation>,
    /// No better image exists, so one that has used up its tries may start.
    is_insisting: Cell<bool>,
}

/// The current operation on a slot.
enum Operation {
    /// Nothing.
    Nothing,
    /// The registry's image is in this slot already: its parts need not be fetched.
    Sparing(Slot),
    /// This slot starts without the registry. Holds the reason if a part of it cannot be used.
    Starting(Slot, Option<Failure>),
    /// Fetched parts are written to this slot.
    Writing(Writer),
}

impl<'a> Cache<'a> {
    /// Opens the cache, and removes files that belong to no slot in use. None, with a warning, if there is no usable
    /// volume.
    pub fn open(
        platform: &'a Platform<'a>,
        report: &'a Report<'a>,
        reference: &oci::Reference,
    ) -> Option<Self> {
        let slots = match Slots::open(platform.storage, platform.floors, report) {
            Ok(slots) => slots,
            Err(cause) => {
                report.uncached(&Failure::new(Phase::Obtain, "cache", codes::CACHE_VOLUME, &cause));
                return None;
            }
        };
        let (operation, is_insisting) = (RefCell::new(Operation::Nothing), Cell::new(false));
        Some(Self { platform, report, reference: format!("{reference}"), slots, operation, is_insisting })
    }

    /// Called when the image and its signatures are known and no part has been fetched: decides what to do with the
    /// slots.
    ///
    /// # Errors
    /// The image has used up its tries and there is a good one, or the slot does not hold what it should.
    pub fn resolved(
        &self,
        image: &Image,
        order: &Order<'_>,
        vouched: Option<&Vouched>,
    ) -> Result<(), Failure> {
        if let Operation::Starting(slot, _) = &*self.operation.borrow() {
            return if image.digest == slot.entry.resolved {
                self.expect_current(vouched)
            } else {
                Err(unusable(slot, &format!("its record leads to {}", image.digest.short())))
            };
        }
        let operation = self.decide(image, order, vouched)?;
        self.operation.replace(operation);
        Ok(())
    }

    fn decide(
        &self,
        image: &Image,
        order: &Order<'_>,
        vouched: Option<&Vouched>,
    ) -> Result<Operation, Failure> {
        let is_it = |slot: &&Slot| slot.holds(&self.reference) && slot.entry.resolved == image.digest;
        if let Some(slot) = self.slots.kept.iter().find(is_it) {
            if slot.is_exhausted() {
                let has_good =
                    self.slots.kept.iter().any(|slot| slot.holds(&self.reference) && slot.is_good());
                let cause = "its tries are used up";
                let failure = Failure::new(Phase::Obtain, image.digest.short(), codes::CACHE_TRIES, &cause);
                return if has_good && !self.is_insisting.get() {
                    Err(failure)
                } else {
                    Ok(Operation::Nothing)
                };
            }
            match slot.record(self.platform.storage) {
                Ok(_) => return Ok(Operation::Sparing(slot.clone())),
                Err(failure) => self.report.uncached(&failure),
            }
        }
        // With `cloudboot.cosign=warn` an unsigned image starts, but is not cached.
        let lacks_signature = matches!(order.demand, Demand::Signature { .. }) && vouched.is_none();
        if lacks_signature || self.expect_current(vouched).is_err() {
            return Ok(Operation::Nothing);
        }
        Ok(Operation::Writing(Writer::new(&self.slots, &self.reference, image)))
    }

    /// Refuses a revoked image before its parts are read or written.
    fn expect_current(&self, vouched: Option<&Vouched>) -> Result<(), Failure> {
        rollback::expect_current(self.platform, self.report, &self.reference, vouched)
    }

    /// The cached image for an order: the good one, or, unless `is_good_wanted`, one with tries left. Warns of slots
    /// that cannot be used.
    pub fn start(&self, order: &Order<'_>, is_good_wanted: bool) -> Option<Fetched> {
        let fitting = || self.slots.kept.iter().filter(|slot| slot.holds(&self.reference));
        let good = fitting().filter(|slot| slot.is_good());
        let trying = fitting().filter(|slot| !is_good_wanted && !slot.is_good() && !slot.is_exhausted());
        good.chain(trying).find_map(|slot| {
            let fetched = self.replay(slot, order);
            fetched.map_err(|failure| self.report.uncached(&failure)).ok()
        })
    }

    /// Runs an order against a slot's record.
    fn replay(&self, slot: &Slot, order: &Order<'_>) -> Result<Fetched, Failure> {
        let record = slot.record(self.platform.storage)?;
        let replay = &Replay::new(&record, order.reference.repository());
        self.operation.replace(Operation::Starting(slot.clone(), None));
        let order = Order { cache: Some(self), ..*order };
        let fetched = self.platform.network.replay(replay, &order);
        let operation = core::mem::replace(&mut *self.operation.borrow_mut(), Operation::Nothing);
        match (fetched, operation) {
            (Some(Ok(fetched)), operation) => {
                self.operation.replace(operation);
                Ok(fetched)
            }
            (_, Operation::Starting(_, Some(fault))) => Err(fault),
            (Some(Err(failure)), _) => Err(failure),
            (None, _) => Err(unusable(slot, "its record has no answer to a request")),
        }
    }

    /// The work that remains after verification; None if no slot holds the image. `record` has the registry's answers;
    /// `is_signed`: a signature was looked for and found.
    pub fn finish(&self, record: Option<Record>, is_signed: bool) -> Option<Keep> {
        match core::mem::replace(&mut *self.operation.borrow_mut(), Operation::Nothing) {
            Operation::Nothing => None,
            // If signatures were not looked for, the stored record may have some that this one lacks: it stays.
            Operation::Sparing(slot) => Some(Keep::of(&slot, &self.slots, record.filter(|_| is_signed))),
            Operation::Starting(slot, _) => Some(Keep::of(&slot, &self.slots, None)),
            Operation::Writing(writer) => {
                let keep = writer.finish(record);
                keep.map_err(|failure| self.report.uncached(&failure)).ok()
            }
        }
    }

    /// Lets an image start that has used up its tries: there is nothing better.
    pub fn insist(&self) {
        self.is_insisting.set(true);
    }

    /// The slot that starts without the registry.
    pub fn started(&self) -> Option<&'static str> {
        match &*self.operation.borrow() {
            Operation::Starting(slot, _) => Some(slot.entry.letter.name()),
            _ => None,
        }
    }
}

impl Store for Cache<'_> {
    fn load(&self, part: &Descriptor, place: &mut [u8]) -> bool {
        let mut operation = self.operation.borrow_mut();
        let (Operation::Sparing(slot) | Operation::Starting(slot, _)) = &*operation else { return false };
        let Err(failure) = slot.load(self.platform.storage, &part.digest, place) else { return true };
        if let Operation::Starting(_, fault) = &mut *operation {
            fault.get_or_insert(failure);
        } else {
            self.report.uncached(&failure);
        }
        false
    }

    fn differs(&self, part: &Descriptor, found: &Digest) {
        let mut operation = self.operation.borrow_mut();
        let (Operation::Sparing(slot) | Operation::Starting(slot, _)) = &*operation else { return };
        let failure = slot.differs(&part.digest, found);
        if let Operation::Starting(_, fault) = &mut *operation {
            fault.get_or_insert(failure);
        } else {
            self.report.uncached(&failure);
        }
    }

    fn save(&self, part: &Descriptor, bytes: &[u8]) {
        let Platform { storage, floors, .. } = *self.platform;
        let mut operation = self.operation.borrow_mut();
        let saved = match &mut *operation {
            Operation::Nothing | Operation::Starting(..) => Ok(()),
            Operation::Sparing(slot) => slot.save(storage, &part.digest, bytes),
            Operation::Writing(writer) => writer.save(storage, floors, &part.digest, bytes),
        };
        if let Err(failure) = saved {
            self.report.uncached(&failure);
            *operation = Operation::Nothing;
        }
    }
}

fn unusable(slot: &Slot, cause: &str) -> Failure {
    Failure::new(Phase::Obtain, slots::object(slot.entry.letter), codes::CACHE_FILES, &cause)
}
