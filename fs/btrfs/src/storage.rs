// SPDX-License-Identifier: BSD-3-Clause
//! From addresses to bytes, in whichever way the devices yield them.
//!
//! A byte can be had in several ways: from each copy; or directly and by parity, which may leave out another column
//! that lies. Whoever can tell right from wrong, by a checksum, tries one way after the other.

mod rebuild;

use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use block::ReadError;
use filesystem::{Corrupt, Error, Fault, Format, Missing};

use crate::{
    chunk::{Chunk, Chunks, Place, Stripe},
    devices::{self, Devices},
    member,
    memory::{narrow, wide},
    units::Logical,
};

/// Devices, and what lies where on them.
pub struct Storage {
    pub devices: Devices,
    pub chunks: Chunks,
    /// Bytes that were answered from another copy than the first, or by parity.
    rebuilt: Cell<u64>,
    rebuilder: RefCell<rebuild::Rebuilder>,
}

/// Why bytes cannot be had in one way.
enum Failure {
    /// A device that is needed was not given.
    Missing,
    Device(ReadError),
}

/// One way to have bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    /// From this copy.
    Copy(usize),
    /// From the other columns of the row, of which one more may be left out.
    Parity { without: Option<usize> },
}

impl Storage {
    pub fn new(devices: Devices, chunks: Chunks) -> Self {
        Self { devices, chunks, rebuilt: Cell::default(), rebuilder: RefCell::default() }
    }

    /// The devices that nobody gave.
    pub fn missing(&self) -> Vec<member::Missing> {
        let missing = self.devices.all().iter().filter(|leg| leg.bytes.is_none());
        missing.map(|leg| member::Missing { number: leg.name.number.0, uuid: leg.name.uuid }).collect()
    }

    /// In how many ways the bytes at `address` can be had.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when no chunk has them.
    pub fn ways(&self, address: Logical) -> Result<usize, Error> {
        Ok(ways(&self.chunks.find(address)?))
    }

    /// Fills `buf` with the bytes at `address` in one way, the best being the first. Yields how many of them were not
    /// read where they stand first, for [`count`](Self::count).
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Io`] and what devices say.
    pub fn read_in(&self, way: usize, address: Logical, buf: &mut [u8]) -> Result<u64, Error> {
        self.each(address, buf, |place, part| {
            let way = self.nth(&place, way);
            match self.read(&place, way, part) {
                Ok(()) => Ok(if way == Way::Copy(0) { 0 } else { wide(part.len()) }),
                Err(failure) => Err(self.error(place.chunk, failure)),
            }
        })
    }

    /// Fills `buf` with the bytes at `address` in the first way that the devices allow. What was not read where it
    /// stands first is counted.
    ///
    /// # Errors
    /// As [`read_in`](Self::read_in), when there is no way.
    pub fn read_any(&self, address: Logical, buf: &mut [u8]) -> Result<(), Error> {
        let rebuilt = self.each(address, buf, |place, part| {
            let mut worst = Failure::Missing;
            for number in 0..ways(&place) {
                let way = self.nth(&place, number);
                match self.read(&place, way, part) {
                    Ok(()) => return Ok(if way == Way::Copy(0) { 0 } else { wide(part.len()) }),
                    Err(failure @ Failure::Device(_)) => worst = failure,
                    Err(Failure::Missing) => {}
                }
            }
            Err(self.error(place.chunk, worst))
        })?;
        self.count(rebuilt);
        Ok(())
    }

    /// Notes that bytes were answered that do not stand there first.
    pub fn count(&self, rebuilt: u64) {
        self.rebuilt.set(self.rebuilt.get().saturating_add(rebuilt));
    }

    /// Bytes that were answered from another copy than the first, or by parity.
    pub fn rebuilt(&self) -> u64 {
        self.rebuilt.get()
    }

    /// Calls `read` with each part of `buf` that lies together on the devices, and adds up what it yields.
    fn each(
        &self,
        mut address: Logical,
        mut buf: &mut [u8],
        mut read: impl FnMut(Place<'_>, &mut [u8]) -> Result<u64, Error>,
    ) -> Result<u64, Error> {
        let mut sum = 0u64;
        while !buf.is_empty() {
            let place = self.chunks.find(address)?;
            let length = narrow(place.length).min(buf.len());
            let Some((part, rest)) = buf.split_at_mut_checked(length) else { break };
            sum = sum.saturating_add(read(place, part)?);
            (buf, address) = (rest, address.after(wide(length)));
        }
        Ok(sum)
    }

    /// The ways from the best to the worst: a device that is missing or behind comes after others.
    fn nth(&self, place: &Place<'_>, number: usize) -> Way {
        if place.chunk.profile.parities() == 0 {
            let mut copies: Vec<usize> = (0..ways(place)).collect();
            copies.sort_by_key(|copy| place.copy(*copy).map_or(2, |stripe| self.rank(stripe)));
            return Way::Copy(copies.get(number).copied().unwrap_or(0));
        }
        let is_sound = place.rotated(place.column).is_some_and(|stripe| self.rank(stripe) == 0);
        match (number, is_sound) {
            (0, true) | (1, false) => Way::Copy(0),
            (0, false) | (1, true) => Way::Parity { without: None },
            (number, _) => {
                // The columns but this one, then P: without that it is Q which answers.
                let other = number.saturating_sub(2);
                let without = if other < place.column { other } else { other.saturating_add(1) };
                Way::Parity { without: Some(without) }
            }
        }
    }

    /// How little a device counts: 0 for a sound one, 1 for one that is behind, 2 for one that is missing.
    fn rank(&self, stripe: &Stripe) -> u8 {
        match self.devices.get(stripe.device) {
            Some(leg) if leg.bytes.is_some() => u8::from(leg.is_behind),
            _ => 2,
        }
    }

    fn read(&self, place: &Place<'_>, way: Way, buf: &mut [u8]) -> Result<(), Failure> {
        match way {
            Way::Copy(copy) => {
                let stripe = match place.chunk.profile.parities() {
                    0 => place.copy(copy),
                    _ => place.rotated(place.column),
                };
                self.read_stripe(place, stripe, 0, buf)
            }
            Way::Parity { without } => self.rebuilder.borrow_mut().read(self, place, without, buf),
        }
    }

    /// Reads a stripe's device, `skip` bytes behind the place.
    fn read_stripe(
        &self,
        place: &Place<'_>,
        stripe: Option<&Stripe>,
        skip: u64,
        buf: &mut [u8],
    ) -> Result<(), Failure> {
        let leg = stripe.and_then(|stripe| Some((stripe, self.devices.get(stripe.device)?.bytes.as_ref()?)));
        let Some((stripe, bytes)) = leg else { return Err(Failure::Missing) };
        bytes.read_at(place.on(stripe, skip).0, buf).map_err(Failure::Device)
    }

    fn error(&self, chunk: &Chunk, failure: Failure) -> Error {
        match failure {
            Failure::Missing => self.without(chunk),
            Failure::Device(error) => error.into(),
        }
    }

    /// The devices of a chunk that were not given, as an error.
    fn without(&self, chunk: &Chunk) -> Error {
        let legs = self.chunks.stripes(chunk).iter().filter_map(|stripe| self.devices.get(stripe.device));
        let names = legs.filter(|leg| leg.bytes.is_none()).map(|leg| &leg.name);
        Error::Missing(Missing { format: Format::Btrfs, members: devices::list(names).into() })
    }
}

/// In how many ways a place can be read.
fn ways(place: &Place<'_>) -> usize {
    match place.chunk.profile.parities() {
        0 => place.chunk.profile.copies(),
        1 => 2,
        // Without one of the other columns, or P.
        _ => place.columns().saturating_add(2),
    }
}

/// The error to report of two: what is wrong with data that is there says more than what is not there.
pub fn telling(one: Option<Error>, other: Error) -> Error {
    match one {
        Some(error @ Error::Corrupt(Corrupt { fault: Fault::Checksum { .. } | Fault::Inconsistent, .. })) => {
            error
        }
        Some(error) if matches!(other, Error::Missing(_)) => error,
        _ => other,
    }
}
