// SPDX-License-Identifier: BSD-3-Clause
//! The last good image: what a registry has sent is kept on the volume that the program was started from, and is used
//! where the registry cannot be reached, or where a new image has used up its tries.
//!
//! There are two slots. A new image goes to the one that does not hold the good one, and becomes good itself when the
//! booted system says so, by the name of the slot's record, which shows tries as entries of BLS do: `record+3.cb`,
//! `record+2-1.cb`, then `record.cb`. A slot holds the record, which has all documents and signatures as the registry
//! sent them, and the parts, each named by its digest.
//!
//! The volume is the booted system's. So a variable that it cannot reach has the digest of each record, and counts the
//! tries ([`variable`]), and whatever is used goes the way that it would go from the registry: [`Replay`] answers from the
//! record, and resolving, signatures and parts are checked by the same code. The variable is written last: until then a
//! slot holds nothing, whatever lies in it.

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

/// The cache, as one boot from a registry uses it.
pub struct Cache<'a> {
    platform: &'a Platform<'a>,
    report: &'a Report<'a>,
    /// What is asked for, in its usual form.
    reference: String,
    slots: Slots,
    doing: RefCell<Doing>,
    /// Nothing better can be started: an image without tries left starts, too.
    is_insisting: Cell<bool>,
}

/// What is being done with a slot.
enum Doing {
    /// Nothing.
    Nothing,
    /// What the registry offers is in this slot already: its parts need not be fetched.
    Sparing(Slot),
    /// This slot is started, without the registry. With why a part of it cannot be used.
    Starting(Slot, Option<Failure>),
    /// The parts that are fetched go to this slot.
    Writing(Writer),
}

impl<'a> Cache<'a> {
    /// What is kept, and what lies there without being kept is removed. None where there is no volume to keep it on,
    /// which is said.
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
        let (doing, is_insisting) = (RefCell::new(Doing::Nothing), Cell::new(false));
        Some(Self { platform, report, reference: format!("{reference}"), slots, doing, is_insisting })
    }

    /// What a reference leads to is known, and who vouches for it; nothing of it has been fetched.
    ///
    /// # Errors
    /// It has used up its tries, and there is a good one; or a slot does not hold what it should.
    pub fn resolved(
        &self,
        image: &Image,
        order: &Order<'_>,
        vouched: Option<&Vouched>,
    ) -> Result<(), Failure> {
        if let Doing::Starting(slot, _) = &*self.doing.borrow() {
            return if image.digest == slot.entry.resolved {
                self.expect_current(vouched)
            } else {
                Err(unusable(slot, &format!("it leads to {}", image.digest.short())))
            };
        }
        let doing = self.decide(image, order, vouched)?;
        self.doing.replace(doing);
        Ok(())
    }

    fn decide(&self, image: &Image, order: &Order<'_>, vouched: Option<&Vouched>) -> Result<Doing, Failure> {
        let is_it = |slot: &&Slot| slot.holds(&self.reference) && slot.entry.resolved == image.digest;
        if let Some(slot) = self.slots.kept.iter().find(is_it) {
            if slot.is_exhausted() {
                let has_good =
                    self.slots.kept.iter().any(|slot| slot.holds(&self.reference) && slot.is_good());
                let cause = "its tries are used up";
                let failure = Failure::new(Phase::Obtain, image.digest.short(), codes::CACHE_TRIES, &cause);
                return if has_good && !self.is_insisting.get() { Err(failure) } else { Ok(Doing::Nothing) };
            }
            match slot.record(self.platform.storage) {
                Ok(_) => return Ok(Doing::Sparing(slot.clone())),
                Err(failure) => self.report.uncached(&failure),
            }
        }
        // Where unsigned images are only warned of, one is started and not kept.
        let lacks_signature = matches!(order.demand, Demand::Signature { .. }) && vouched.is_none();
        if lacks_signature || self.expect_current(vouched).is_err() {
            return Ok(Doing::Nothing);
        }
        Ok(Doing::Writing(Writer::new(&self.slots, &self.reference, image)))
    }

    /// Refuses what a newer one has revoked, before it is read or written.
    fn expect_current(&self, vouched: Option<&Vouched>) -> Result<(), Failure> {
        rollback::expect_current(self.platform, self.report, &self.reference, vouched)
    }

    /// What is kept for an order: the good one, or, unless `is_good_wanted`, one that has tries left. What cannot be used
    /// is said.
    pub fn start(&self, order: &Order<'_>, is_good_wanted: bool) -> Option<Fetched> {
        let fitting = || self.slots.kept.iter().filter(|slot| slot.holds(&self.reference));
        let good = fitting().filter(|slot| slot.is_good());
        let trying = fitting().filter(|slot| !is_good_wanted && !slot.is_good() && !slot.is_exhausted());
        good.chain(trying).find_map(|slot| {
            let fetched = self.replay(slot, order);
            fetched.map_err(|failure| self.report.uncached(&failure)).ok()
        })
    }

    /// An order, as a slot answers it.
    fn replay(&self, slot: &Slot, order: &Order<'_>) -> Result<Fetched, Failure> {
        let record = slot.record(self.platform.storage)?;
        let replay = &Replay::new(&record, order.reference.repository());
        self.doing.replace(Doing::Starting(slot.clone(), None));
        let order = Order { cache: Some(self), ..*order };
        let fetched = self.platform.network.replay(replay, &order);
        let doing = core::mem::replace(&mut *self.doing.borrow_mut(), Doing::Nothing);
        match (fetched, doing) {
            (Some(Ok(fetched)), doing) => {
                self.doing.replace(doing);
                Ok(fetched)
            }
            (_, Doing::Starting(_, Some(fault))) => Err(fault),
            (Some(Err(failure)), _) => Err(failure),
            (None, _) => Err(unusable(slot, "its record does not answer")),
        }
    }

    /// The work that remains after verification; None if no slot holds the image. `record` has the registry's answers, and
    /// whether it is signed, as far as anybody has looked.
    pub fn finish(&self, record: Option<Record>, is_signed: bool) -> Option<Keep> {
        match core::mem::replace(&mut *self.doing.borrow_mut(), Doing::Nothing) {
            Doing::Nothing => None,
            // Where nobody has looked for signatures, the record that is there may have some.
            Doing::Sparing(slot) => Some(Keep::of(&slot, &self.slots, record.filter(|_| is_signed))),
            Doing::Starting(slot, _) => Some(Keep::of(&slot, &self.slots, None)),
            Doing::Writing(writer) => {
                let keep = writer.finish(record);
                keep.map_err(|failure| self.report.uncached(&failure)).ok()
            }
        }
    }

    /// Lets what has used up its tries start: there is nothing better.
    pub fn insist(&self) {
        self.is_insisting.set(true);
    }

    /// The slot that is started without the registry.
    pub fn started(&self) -> Option<&'static str> {
        match &*self.doing.borrow() {
            Doing::Starting(slot, _) => Some(slot.entry.letter.name()),
            _ => None,
        }
    }
}

impl Store for Cache<'_> {
    fn load(&self, part: &Descriptor, place: &mut [u8]) -> bool {
        let mut doing = self.doing.borrow_mut();
        let (Doing::Sparing(slot) | Doing::Starting(slot, _)) = &*doing else { return false };
        let Err(failure) = slot.load(self.platform.storage, &part.digest, place) else { return true };
        if let Doing::Starting(_, fault) = &mut *doing {
            fault.get_or_insert(failure);
        } else {
            self.report.uncached(&failure);
        }
        false
    }

    fn differs(&self, part: &Descriptor, found: &Digest) {
        let mut doing = self.doing.borrow_mut();
        let (Doing::Sparing(slot) | Doing::Starting(slot, _)) = &*doing else { return };
        let failure = slot.differs(&part.digest, found);
        if let Doing::Starting(_, fault) = &mut *doing {
            fault.get_or_insert(failure);
        } else {
            self.report.uncached(&failure);
        }
    }

    fn save(&self, part: &Descriptor, bytes: &[u8]) {
        let Platform { storage, floors, .. } = *self.platform;
        let mut doing = self.doing.borrow_mut();
        let saved = match &mut *doing {
            Doing::Nothing | Doing::Starting(..) => Ok(()),
            Doing::Sparing(slot) => slot.save(storage, &part.digest, bytes),
            Doing::Writing(writer) => writer.save(storage, floors, &part.digest, bytes),
        };
        if let Err(failure) = saved {
            self.report.uncached(&failure);
            *doing = Doing::Nothing;
        }
    }
}

fn unusable(slot: &Slot, cause: &str) -> Failure {
    Failure::new(Phase::Obtain, slots::object(slot.entry.letter), codes::CACHE_FILES, &cause)
}
