// SPDX-License-Identifier: BSD-3-Clause
//! From addresses to bytes, in whichever way the devices yield them.
//!
//! There are several ways to read a byte: from each copy; or directly and by parity, which may leave out another column
//! that lies. Whoever can tell right from wrong, by a checksum, tries one way after the other.

mod rebuild;

use alloc::{format, vec::Vec};
use core::cell::{Cell, RefCell};

use block::ReadError;
use filesystem::{Corrupt, Error, Fault, Format, Missing};

use crate::{
    chunk::{Chunk, Chunks, Place, Stripe},
    devices::{self, Devices, Leg, Name},
    member,
    memory::{narrow, wide},
    units::Logical,
};

/// Size of the pieces in which a failed read is tried again: the smallest sector.
const PIECE: usize = 4096;

/// Bytes whose reading costs as much as a step, and as much as a byte that is kept.
const STEP: usize = 64;
const KEPT: usize = 4;

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
        let missing = self.devices.by_name().filter(|leg| leg.bytes.is_none());
        missing.map(|leg| member::Missing { number: leg.name.number.0, uuid: leg.name.uuid }).collect()
    }

    /// The number of ways to read the bytes at `address`.
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
        self.read_first(address, buf, false)
    }

    /// The same of bytes that nobody can check. A device that missed writes is not asked for what others had, too.
    ///
    /// # Errors
    /// As [`read_in`](Self::read_in), when there is no such way.
    pub fn read_unchecked(&self, address: Logical, buf: &mut [u8]) -> Result<(), Error> {
        self.read_first(address, buf, true)
    }

    /// A read that fails as a whole is tried again in pieces: each copy may have lost a different one.
    fn read_first(&self, mut address: Logical, buf: &mut [u8], is_unchecked: bool) -> Result<(), Error> {
        match self.read_together(address, buf, is_unchecked) {
            Err(error) if buf.len() <= PIECE || matches!(error, Error::Missing(_)) => Err(error),
            Err(_) => {
                for piece in buf.chunks_mut(PIECE) {
                    self.read_together(address, piece, is_unchecked)?;
                    address = address.after(wide(piece.len()));
                }
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn read_together(&self, address: Logical, buf: &mut [u8], is_unchecked: bool) -> Result<(), Error> {
        let rebuilt = self.each(address, buf, |place, part| {
            let mut worst = Failure::Missing;
            for number in 0..ways(&place) {
                let way = self.nth(&place, number);
                if is_unchecked && self.is_doubtful(&place, way) {
                    continue;
                }
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

    /// Pays for steps that take no read: a small tree may ask for many.
    ///
    /// # Errors
    /// What the limit says that the first device has.
    pub fn charge(&self, steps: usize) -> Result<(), Error> {
        // What saturates is more than anybody may read, and refused.
        self.pay(steps.saturating_mul(STEP))
    }

    /// Pays for a way in which the bytes at `address` could not be had, though it may not have read anything: each
    /// looks at all devices of the chunk.
    ///
    /// # Errors
    /// As [`charge`](Self::charge).
    pub fn charge_way(&self, address: Logical) -> Result<(), Error> {
        self.charge(self.chunks.find(address)?.stripes.len())
    }

    /// Pays for memory that is kept for as long as the filesystem is open: a disk may hold many.
    ///
    /// # Errors
    /// As [`charge`](Self::charge).
    pub fn keep(&self, bytes: usize) -> Result<(), Error> {
        // What saturates is more than anybody may keep, and refused.
        self.pay(bytes.saturating_mul(KEPT))
    }

    fn pay(&self, bytes: usize) -> Result<(), Error> {
        let first = self.devices.all().iter().find_map(|leg| leg.bytes.as_ref());
        Ok(first.map_or(Ok(()), |device| device.charge(bytes))?)
    }

    /// Notes that bytes were answered that do not stand there first.
    pub fn count(&self, rebuilt: u64) {
        // May saturate: it is only shown.
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
            // Cannot saturate: parts of `buf`.
            sum = sum.saturating_add(read(place, part)?);
            (buf, address) = (rest, address.after(wide(length)));
        }
        Ok(sum)
    }

    /// The ways from the best to the worst: a device that is missing or behind comes after others.
    fn nth(&self, place: &Place<'_>, number: usize) -> Way {
        if place.chunk.profile.parities() == 0 {
            let rank = |copy| place.copy(copy).map_or(2, |stripe| self.rank(stripe));
            let ranked = |wanted| (0..ways(place)).filter(move |copy| rank(*copy) == wanted);
            return Way::Copy((0..=2).flat_map(ranked).nth(number).unwrap_or(0));
        }
        let is_sound = place.rotated(place.column).is_some_and(|stripe| self.rank(stripe) == 0);
        match (number, is_sound) {
            (0, true) | (1, false) => Way::Copy(0),
            (0, false) | (1, true) => Way::Parity { without: None },
            (number, _) => {
                // The columns but this one, then P: without that it is Q which answers.
                // Cannot saturate: 0 and 1 have been matched; a row has few columns.
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

    /// Whether what comes of a way rests on a device that is behind, and others had it, too. Of what only devices had
    /// that are behind, nothing was written without them.
    fn is_doubtful(&self, place: &Place<'_>, way: Way) -> bool {
        let rank = |stripe: Option<&Stripe>| stripe.map_or(2, |stripe| self.rank(stripe));
        let parities = place.chunk.profile.parities();
        match way {
            Way::Copy(copy) if parities == 0 => {
                let is_other = |other| rank(place.copy(other)) != 1;
                rank(place.copy(copy)) == 1 && (0..ways(place)).any(is_other)
            }
            Way::Copy(_) => rank(place.rotated(place.column)) == 1,
            Way::Parity { without } => {
                // All that is left out where it can be: what this way does without costs a parity, too.
                let is_out = |column: &usize| {
                    *column == place.column || Some(*column) == without || rank(place.rotated(*column)) > 0
                };
                let is_behind = (0..place.stripes.len()).any(|column| rank(place.rotated(column)) == 1);
                is_behind && (0..place.stripes.len()).filter(is_out).count() > parities
            }
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

    /// The devices of a chunk that were not given, as an error; where all were, those that missed writes.
    fn without(&self, chunk: &Chunk) -> Error {
        let names = |is_wanted: fn(&Leg) -> bool| {
            let stripes = self.chunks.stripes(chunk).iter();
            let legs = stripes.filter_map(|stripe| self.devices.get(stripe.device));
            let mut names: Vec<Name> = legs.filter(|leg| is_wanted(leg)).map(|leg| leg.name).collect();
            names.sort_unstable();
            names.dedup();
            names
        };
        let missing = names(|leg| leg.bytes.is_none());
        let members = match missing.is_empty() {
            false => devices::list(&missing),
            true => format!("{}, which may have missed writes", devices::list(&names(|leg| leg.is_behind))),
        };
        Error::Missing(Missing { format: Format::Btrfs, members: members.into() })
    }
}

/// In how many ways a place can be read.
fn ways(place: &Place<'_>) -> usize {
    match place.chunk.profile.parities() {
        0 => place.chunk.profile.copies(),
        1 => 2,
        // Without one of the other columns, or P.
        // Cannot saturate: a row has few columns.
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

#[cfg(test)]
mod tests {
    use std::{format, rc::Rc, vec, vec::Vec};

    use raid::Parity;

    use super::*;
    use crate::{
        chunk::{Item, STRIP, tests::chunk},
        node::Key,
        profile::{DATA, Profile},
        units::{DeviceNumber, Uuid},
    };

    const ROWS: u64 = 3;

    /// What stands at an address.
    fn byte(address: u64) -> u8 {
        ((address * 31) ^ (address >> 9) ^ (address >> 17)) as u8
    }

    /// A chunk over so many devices, each with all that it should have; some missing, some behind.
    struct Set {
        kind: u64,
        disks: Vec<Vec<u8>>,
    }

    impl Set {
        fn new(kind: u64, count: usize) -> Self {
            let profile = Profile::of(kind).unwrap();
            let mut set = Self { kind, disks: vec![vec![0; (ROWS * STRIP) as usize]; count] };
            let storage = set.storage(&[], &[]);
            let length = storage.chunks.all()[0].length;
            for strip in 0..length / STRIP {
                let place = storage.chunks.find(Logical(strip * STRIP)).unwrap();
                let bytes: Vec<u8> = (0..STRIP).map(|at| byte(strip * STRIP + at)).collect();
                for copy in 0..profile.copies() {
                    let stripe =
                        if profile.parities() > 0 { place.rotated(place.column) } else { place.copy(copy) }
                            .unwrap();
                    set.put(place.on(stripe, 0).0, stripe, &bytes);
                }
            }
            for row in 0..ROWS * u64::from(profile.parities() > 0) {
                let columns = (count - profile.parities()) as u64;
                let strips: Vec<Vec<u8>> = (0..columns)
                    .map(|column| (0..STRIP).map(|at| byte((row * columns + column) * STRIP + at)).collect())
                    .collect();
                let strips: Vec<&[u8]> = strips.iter().map(Vec::as_slice).collect();
                let place = storage.chunks.find(Logical(row * columns * STRIP)).unwrap();
                for (number, parity) in
                    [Parity::P, Parity::Q].into_iter().enumerate().take(profile.parities())
                {
                    let mut sum = vec![0; STRIP as usize];
                    raid::compute(&strips, raid::Order::FirstIsOne, parity, &mut sum).unwrap();
                    let stripe = place.rotated(columns as usize + number).unwrap();
                    set.put(place.on(stripe, 0).0, stripe, &sum);
                }
            }
            set
        }

        fn put(&mut self, start: u64, stripe: &Stripe, bytes: &[u8]) {
            let start = start as usize;
            self.disks[stripe.device.0 as usize][start..start + bytes.len()].copy_from_slice(bytes);
        }

        fn storage(&self, missing: &[usize], behind: &[usize]) -> Storage {
            let mut devices = Devices::default();
            for (index, disk) in self.disks.iter().enumerate() {
                let number = index as u64 + 1;
                let name = Name { number: DeviceNumber(number), uuid: Uuid([number as u8; 16]) };
                let bytes: Option<Rc<dyn block::BlockRead>> = match missing.contains(&index) {
                    true => None,
                    false => Some(Rc::new(disk.clone())),
                };
                let is_behind = behind.contains(&index);
                devices.add(Leg { name, bytes, given: None, is_behind, named_size: Some(0), is_seed: false });
            }
            let (count, profile) = (self.disks.len(), Profile::of(self.kind).unwrap());
            let strips = match profile.is_striped() {
                true => (count - profile.parities()) as u64 / profile.copies() as u64 * ROWS,
                false => ROWS,
            };
            let bytes = chunk(strips * STRIP, self.kind, &vec![0; count]);
            let key = Key { objectid: 256, kind: 228, offset: 0 };
            let (item, _) = Item::parse(key, &bytes, Logical(0)).unwrap();
            let mut chunks = Chunks::default();
            chunks.add(&item, &mut devices, 4096).unwrap();
            chunks.finish().unwrap();
            Storage::new(devices, chunks)
        }
    }

    fn wanted(storage: &Storage) -> Vec<u8> {
        (0..storage.chunks.all()[0].length).map(byte).collect()
    }

    /// Subsets of so many devices with at most `most` members.
    fn subsets(count: usize, most: usize) -> impl Iterator<Item = Vec<usize>> {
        let sets =
            (0..1usize << count).map(move |mask| (0..count).filter(|at| mask >> at & 1 == 1).collect());
        sets.filter(move |set: &Vec<usize>| set.len() <= most)
    }

    const PROFILES: [(u64, usize, usize); 9] = [
        (DATA, 1, 0),
        (DATA | 0x8, 3, 0),
        (DATA | 0x10, 2, 1),
        (DATA | 0x200, 3, 2),
        (DATA | 0x400, 4, 3),
        (DATA | 0x40, 4, 1),
        (DATA | 0x80, 2, 1),
        (DATA | 0x80, 4, 1),
        (DATA | 0x100, 5, 2),
    ];

    #[test]
    fn every_subset_that_a_profile_stands_is_read() {
        for (kind, count, stands) in PROFILES {
            let set = Set::new(kind, count);
            for missing in subsets(count, stands) {
                let storage = set.storage(&missing, &[]);
                let wanted = wanted(&storage);
                // In one piece, then in pieces across the ends of strips.
                for size in [wanted.len(), 50_000] {
                    let mut buf = vec![0; wanted.len()];
                    for (number, part) in buf.chunks_mut(size).enumerate() {
                        storage.read_any(Logical((number * size) as u64), part).unwrap();
                    }
                    assert!(buf == wanted, "{kind:#x} without {missing:?} in pieces of {size}");
                }
                assert_eq!(storage.missing().len(), missing.len());
                let is_first = |disk: &usize| match kind & !DATA {
                    0x80 | 0x100 => true,
                    0x40 => disk.is_multiple_of(2),
                    _ => *disk == 0,
                };
                let is_rebuilt = missing.iter().any(is_first);
                assert_eq!(storage.rebuilt() > 0, is_rebuilt, "{kind:#x} without {missing:?}");
            }
        }
    }

    #[test]
    fn what_is_missing_beyond_that_is_named() {
        for (kind, count, stands) in PROFILES {
            let set = Set::new(kind, count);
            for missing in subsets(count, count).filter(|missing| missing.len() > stands) {
                let storage = set.storage(&missing, &[]);
                let mut buf = wanted(&storage);
                let outcome = storage.read_any(Logical(0), &mut buf);
                // Of two pairs, one of each may be missing.
                let has_copies =
                    (0..2).all(|pair| !missing.contains(&(2 * pair)) || !missing.contains(&(2 * pair + 1)));
                if kind == DATA | 0x40 && has_copies {
                    assert!(outcome.is_ok() && buf == wanted(&storage), "{kind:#x} without {missing:?}");
                    continue;
                }
                let Err(Error::Missing(error)) = outcome else { panic!("{kind:#x} without {missing:?}") };
                for index in missing {
                    let number = index as u64 + 1;
                    let name = Name { number: DeviceNumber(number), uuid: Uuid([number as u8; 16]) };
                    assert!(error.members.contains(&std::string::ToString::to_string(&name)), "{error}");
                }
            }
        }
    }

    #[test]
    fn one_of_the_ways_leaves_out_the_leg_that_lies() {
        for (kind, count, stands) in PROFILES.into_iter().filter(|(_, _, stands)| *stands > 0) {
            let set = Set::new(kind, count);
            // As many as the profile stands, missing or lying in any mix. Of pairs both may be among two.
            for bad in subsets(count, stands) {
                for missing in subsets(bad.len(), bad.len()) {
                    let missing: Vec<usize> = missing.into_iter().map(|index| bad[index]).collect();
                    let mut lying = Set { kind, disks: set.disks.clone() };
                    for liar in bad.iter().filter(|disk| !missing.contains(disk)) {
                        lying.disks[*liar].iter_mut().for_each(|byte| *byte ^= 0x5a);
                    }
                    let storage = lying.storage(&missing, &[]);
                    let wanted = wanted(&storage);
                    for address in (0..wanted.len()).step_by(STRIP as usize) {
                        let right = &wanted[address..address + 4096];
                        let mut buf = vec![0; 4096];
                        let ways = storage.ways(Logical(address as u64)).unwrap();
                        let mut outcomes = (0..ways).map(|way| {
                            storage.read_in(way, Logical(address as u64), &mut buf).is_ok() && buf == right
                        });
                        assert!(
                            outcomes.any(|is_right| is_right),
                            "{kind:#x}, {bad:?} of which {missing:?} missing: {address}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn legs_that_are_behind_come_last() {
        for (kind, count, _) in PROFILES.into_iter().filter(|(_, _, stands)| *stands > 0) {
            let set = Set::new(kind, count);
            for behind in 0..count {
                let mut old = Set { kind, disks: set.disks.clone() };
                old.disks[behind].fill(0x11);
                let storage = old.storage(&[], &[behind]);
                let wanted = wanted(&storage);
                let mut buf = vec![0; wanted.len()];
                storage.read_any(Logical(0), &mut buf).unwrap();
                assert!(buf == wanted, "{kind:#x}, {behind} is behind");
            }
        }
    }

    #[test]
    fn what_nobody_can_check_does_not_come_from_a_leg_that_is_behind() {
        for (kind, count, stands) in PROFILES {
            let set = Set::new(kind, count);
            for (missing, behind) in subsets(count, count).flat_map(|missing| {
                let rest: Vec<usize> = (0..count).filter(|disk| !missing.contains(disk)).collect();
                rest.into_iter().map(|behind| (missing.clone(), behind)).collect::<Vec<_>>()
            }) {
                let mut old = Set { kind, disks: set.disks.clone() };
                old.disks[behind].fill(0x11);
                let storage = old.storage(&missing, &[behind]);
                let wanted = wanted(&storage);
                let mut buf = vec![0; 4096];
                for address in (0..wanted.len()).step_by(STRIP as usize) {
                    let read = storage.read_unchecked(Logical(address as u64), &mut buf);
                    let is_right = buf == wanted[address..address + 4096];
                    let what = format!("{kind:#x}, {missing:?} missing, {behind} behind: {address}");
                    match stands {
                        // There is nothing beside it: it was there whenever something was written.
                        0 => assert!(read.is_err() || is_right || buf[0] == 0x11, "{what}"),
                        _ => assert!(read.is_err() || is_right, "{what}"),
                    }
                    assert!(read.is_ok() || !missing.is_empty(), "{what}");
                    if missing.len() < stands && (kind & !DATA) != 0x40 {
                        assert!(read.is_ok(), "{what}");
                    }
                }
            }
        }
    }

    #[test]
    fn where_too_many_are_behind_they_are_named() {
        let set = Set::new(0x80 | DATA, 3);
        let storage = set.storage(&[], &[0, 2]);
        let error = (0..wanted(&storage).len())
            .step_by(STRIP as usize)
            .find_map(|address| storage.read_unchecked(Logical(address as u64), &mut [0; 4096]).err());
        let said = format!("{}", error.unwrap());
        assert!(
            said.starts_with("btrfs: cannot be read without device 1 (") && said.contains(", device 3 ("),
            "{said}"
        );
        assert!(said.ends_with("), which may have missed writes"), "{said}");
    }

    /// A device some of whose sectors cannot be read.
    struct Scratched(Vec<u8>, u64);

    impl block::BlockRead for Scratched {
        fn size(&self) -> u64 {
            self.0.size()
        }

        fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
            match (offset..offset + buf.len() as u64).contains(&self.1) {
                true => Err(block::check_bounds(0, 2, 1).unwrap_err()),
                false => self.0.read_at(offset, buf),
            }
        }
    }

    #[test]
    fn nor_does_it_where_a_sound_leg_has_lost_a_sector() {
        for (kind, count, stands) in PROFILES {
            let set = Set::new(kind, count);
            let all = || 0..count;
            let scenes = all().flat_map(|missing| all().map(move |behind| (missing, behind)));
            let scenes = scenes.flat_map(|(missing, behind)| all().map(move |lost| (missing, behind, lost)));
            for (missing, behind, lost) in scenes.filter(|(a, b, c)| stands > 1 && a != b && b != c && a != c)
            {
                let mut old = Set { kind, disks: set.disks.clone() };
                old.disks[behind].fill(0x11);
                for place in (0..set.disks[lost].len() as u64).step_by(STRIP as usize) {
                    let mut storage = old.storage(&[missing], &[behind]);
                    let mut devices = Devices::default();
                    for leg in storage.devices.all() {
                        let mut leg = leg.clone();
                        if leg.name.number.0 as usize - 1 == lost {
                            leg.bytes = Some(Rc::new(Scratched(old.disks[lost].clone(), place)));
                        }
                        devices.add(leg);
                    }
                    storage.devices = devices;
                    let wanted = wanted(&storage);
                    let mut buf = vec![0; 4096];
                    for address in (0..wanted.len()).step_by(STRIP as usize) {
                        let read = storage.read_unchecked(Logical(address as u64), &mut buf);
                        assert!(
                            read.is_err() || buf == wanted[address..address + 4096],
                            "{kind:#x}, {missing} missing, {behind} behind, {lost} cannot read {place}: {address}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn each_copy_may_have_lost_another_sector() {
        let set = Set::new(DATA | 0x200, 3);
        let mut storage = set.storage(&[], &[]);
        let wanted = wanted(&storage);
        let mut devices = Devices::default();
        for (leg, scratch) in storage.devices.all().iter().zip([5000, 70_000, 100_000]) {
            let index = leg.name.number.0 as usize - 1;
            let bytes: Rc<dyn block::BlockRead> = Rc::new(Scratched(set.disks[index].clone(), scratch));
            devices.add(Leg { bytes: Some(bytes), ..leg.clone() });
        }
        storage.devices = devices;
        let mut buf = vec![0; wanted.len()];
        storage.read_any(Logical(0), &mut buf).unwrap();
        assert!(buf == wanted);
    }

    #[test]
    fn a_device_that_ends_early_is_as_good_as_missing() {
        let set = Set::new(DATA | 0x100, 4);
        let mut short = Set { kind: set.kind, disks: set.disks.clone() };
        short.disks[1].truncate(1000);
        let storage = short.storage(&[2], &[]);
        let wanted = wanted(&storage);
        let mut buf = vec![0; wanted.len()];
        storage.read_any(Logical(0), &mut buf).unwrap();
        assert!(buf == wanted);
        let storage = short.storage(&[2, 3], &[]);
        assert!(storage.read_any(Logical(0), &mut buf).is_err());
    }
}
