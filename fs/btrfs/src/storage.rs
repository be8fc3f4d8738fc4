// SPDX-License-Identifier: BSD-3-Clause
//! From addresses to bytes, in each way that the devices allow.
//!
//! There are several ways to read a byte: from each copy; or directly and from parity, which may leave out another
//! column that is corrupt. A caller that has a checksum tries one way after the other.

mod rebuild;

use alloc::{format, vec::Vec};
use core::cell::{Cell, RefCell};

use block::ReadError;
use filesystem::{Corrupt, Error, Fault, Format, Missing};

use crate::{
    chunk::{Chunk, ChunkPlace, Chunks, Stripe},
    devices::{self, Devices, Leg, Name},
    member,
    memory::{narrow, wide},
    units::Logical,
};

/// Size of the pieces in which a failed read is tried again: the smallest sector.
const PIECE: usize = 4096;

/// A step costs as much as reading this many bytes; a kept byte costs as much as reading [`KEPT`] bytes.
const STEP: usize = 64;
const KEPT: usize = 4;

/// The devices, and the chunks that map addresses to them.
pub struct Storage {
    pub devices: Devices,
    pub chunks: Chunks,
    /// Bytes that were read from another copy than the first, or rebuilt from parity.
    rebuilt: Cell<u64>,
    rebuilder: RefCell<rebuild::Rebuilder>,
}

/// Why one way of reading failed.
enum Failure {
    /// A device that it needs is missing.
    Missing,
    Device(ReadError),
}

/// One way of reading.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    /// From this copy.
    Copy(usize),
    /// From the other columns of the row, possibly without one more of them.
    Parity { without: Option<usize> },
}

impl Storage {
    pub fn new(devices: Devices, chunks: Chunks) -> Self {
        Self { devices, chunks, rebuilt: Cell::default(), rebuilder: RefCell::default() }
    }

    /// The missing devices.
    pub fn missing(&self) -> Vec<member::Missing> {
        let missing = self.devices.by_name().filter(|leg| leg.bytes.is_none());
        missing.map(|leg| member::Missing { number: leg.name.number.0, uuid: leg.name.uuid }).collect()
    }

    /// The number of ways to read the bytes at `address`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if no chunk contains them.
    pub fn ways(&self, address: Logical) -> Result<usize, Error> {
        Ok(ways(&self.chunks.find(address)?))
    }

    /// Fills `buf` with the bytes at `address` in the way with this number, the best one being 0. Returns how many of
    /// them did not come from the first copy, for [`count`](Self::count).
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Io`] and those of devices.
    pub fn read_in(&self, way: usize, address: Logical, buf: &mut [u8]) -> Result<u64, Error> {
        self.each(address, buf, |place, part| {
            let way = self.nth(&place, way);
            match self.read(&place, way, part) {
                Ok(()) => Ok(if way == Way::Copy(0) { 0 } else { wide(part.len()) }),
                Err(failure) => Err(self.error(place.chunk, failure)),
            }
        })
    }

    /// Fills `buf` with the bytes at `address` in the first way that works. Counts bytes that did not come from the
    /// first copy.
    ///
    /// # Errors
    /// As [`read_in`](Self::read_in), if no way works.
    pub fn read_any(&self, address: Logical, buf: &mut [u8]) -> Result<(), Error> {
        self.read_first(address, buf, false)
    }

    /// The same, for bytes without checksums: does not trust a device that missed writes if another device had the
    /// bytes.
    ///
    /// # Errors
    /// As [`read_in`](Self::read_in), if no such way works.
    pub fn read_unchecked(&self, address: Logical, buf: &mut [u8]) -> Result<(), Error> {
        self.read_first(address, buf, true)
    }

    /// Repeats a failed read in small pieces: each copy may have lost a different one.
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

    /// Charges for steps that read nothing: a small tree may need many.
    ///
    /// # Errors
    /// The read limit of the first device.
    pub fn charge(&self, steps: usize) -> Result<(), Error> {
        // What saturates is more than any limit allows, and refused.
        self.pay(steps.saturating_mul(STEP))
    }

    /// Charges for a failed way of reading the bytes at `address`, even if it read nothing: each way looks at all
    /// devices of the chunk.
    ///
    /// # Errors
    /// As [`charge`](Self::charge).
    pub fn charge_way(&self, address: Logical) -> Result<(), Error> {
        self.charge(self.chunks.find(address)?.stripes.len())
    }

    /// Charges for memory that is kept while the filesystem is open: a disk may contain many filesystems.
    ///
    /// # Errors
    /// As [`charge`](Self::charge).
    pub fn keep(&self, bytes: usize) -> Result<(), Error> {
        // What saturates is more than any limit allows, and refused.
        self.pay(bytes.saturating_mul(KEPT))
    }

    fn pay(&self, bytes: usize) -> Result<(), Error> {
        let first = self.devices.all().iter().find_map(|leg| leg.bytes.as_ref());
        Ok(first.map_or(Ok(()), |device| device.charge(bytes))?)
    }

    /// Counts bytes that did not come from the first copy.
    pub fn count(&self, rebuilt: u64) {
        // May saturate: it is only displayed.
        self.rebuilt.set(self.rebuilt.get().saturating_add(rebuilt));
    }

    /// Bytes that were read from another copy than the first, or rebuilt from parity.
    pub fn rebuilt(&self) -> u64 {
        self.rebuilt.get()
    }

    /// Calls `read` with each part of `buf` that is contiguous on the devices; returns the sum of what it returns.
    fn each(
        &self,
        mut address: Logical,
        mut buf: &mut [u8],
        mut read: impl FnMut(ChunkPlace<'_>, &mut [u8]) -> Result<u64, Error>,
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

    /// The way with this number, from best to worst: ways that use a missing or outdated device come last.
    fn nth(&self, place: &ChunkPlace<'_>, number: usize) -> Way {
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
                // Leaves out one of the other columns, or P: then Q is used.
                // Cannot saturate: 0 and 1 have been matched; a row has few columns.
                let other = number.saturating_sub(2);
                let without = if other < place.column { other } else { other.saturating_add(1) };
                Way::Parity { without: Some(without) }
            }
        }
    }

    /// Rank of a stripe's device: 0 for a good one, 1 for one that missed writes, 2 for a missing one.
    fn rank(&self, stripe: &Stripe) -> u8 {
        match self.devices.get(stripe.device) {
            Some(leg) if leg.bytes.is_some() => u8::from(leg.is_behind),
            _ => 2,
        }
    }

    /// Whether a way relies on a device that missed writes for bytes that another device had, too. If all devices of
    /// the bytes missed writes, none of these writes concerned the bytes.
    fn is_doubtful(&self, place: &ChunkPlace<'_>, way: Way) -> bool {
        let rank = |stripe: Option<&Stripe>| stripe.map_or(2, |stripe| self.rank(stripe));
        let parities = place.chunk.profile.parities();
        match way {
            Way::Copy(copy) if parities == 0 => {
                let is_other = |other| rank(place.copy(other)) != 1;
                rank(place.copy(copy)) == 1 && (0..ways(place)).any(is_other)
            }
            Way::Copy(_) => rank(place.rotated(place.column)) == 1,
            Way::Parity { without } => {
                // Columns that can be left out: the way does so for one of them, which takes up a parity, too.
                let is_out = |column: &usize| {
                    *column == place.column || Some(*column) == without || rank(place.rotated(*column)) > 0
                };
                let is_behind = (0..place.stripes.len()).any(|column| rank(place.rotated(column)) == 1);
                is_behind && (0..place.stripes.len()).filter(is_out).count() > parities
            }
        }
    }

    fn read(&self, place: &ChunkPlace<'_>, way: Way, buf: &mut [u8]) -> Result<(), Failure> {
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

    /// Reads from a stripe's device, `skip` bytes past the place.
    fn read_stripe(
        &self,
        place: &ChunkPlace<'_>,
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

    /// The error that names the missing devices of a chunk or, if none is missing, those that missed writes.
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

/// The number of ways to read a place.
fn ways(place: &ChunkPlace<'_>) -> usize {
    match place.chunk.profile.parities() {
        0 => place.chunk.profile.copies(),
        1 => 2,
        // Without one of the other columns, or without P.
        // Cannot saturate: a row has few columns.
        _ => place.columns().saturating_add(2),
    }
}

/// The more helpful of two errors: one about present data says more than one about missing data.
pub fn more_helpful(one: Option<Error>, other: Error) -> Error {
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

    /// The bytes at an address.
    fn byte(address: u64) -> u8 {
        ((address * 31) ^ (address >> 9) ^ (address >> 17)) as u8
    }

    /// A chunk over this many devices, each with its full content; some missing, some outdated.
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

    /// Subsets of this many devices with at most `most` members.
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
                // In one piece, then in pieces across strip boundaries.
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
            // As many as the profile tolerates, missing or corrupt in any mix. Two may be both of one pair.
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
                        // No other device had the bytes: this one was there whenever they were written.
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

    /// A device with unreadable sectors.
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
            let cases = all().flat_map(|missing| all().map(move |behind| (missing, behind)));
            let cases = cases.flat_map(|(missing, behind)| all().map(move |lost| (missing, behind, lost)));
            for (missing, behind, lost) in cases.filter(|(a, b, c)| stands > 1 && a != b && b != c && a != c)
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
