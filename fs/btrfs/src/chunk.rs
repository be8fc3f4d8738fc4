// SPDX-License-Identifier: BSD-3-Clause
//! Chunks: they map addresses of the filesystem to devices.

use alloc::vec::Vec;

use filesystem::{Error, Fault};
use zerocopy::FromBytes;

use crate::{
    corrupt,
    devices::{DeviceIndex, Devices, Name},
    memory::{self, narrow, wide},
    node::Key,
    profile::Profile,
    raw,
    units::{DeviceNumber, Location, Logical, Physical, Uuid},
    unsupported,
};

/// Bytes of a strip, the part of a row on one device: `BTRFS_STRIPE_LEN`, the only size that exists.
pub const STRIP: u64 = 65_536;
/// The most stripes of all chunks together, 16 bytes each. Linux makes data chunks of up to 10 GiB, whose stripes on
/// sixty devices have up to 176 MiB each: this many of those are 360 TiB.
const MOST_STRIPES: usize = 1 << 21;

/// A range of addresses with one layout on devices.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Chunk {
    pub start: Logical,
    pub length: u64,
    /// `btrfs_chunk.type`: what it stores, and its profile.
    pub kind: u64,
    pub profile: Profile,
    /// Its stripes in [`Chunks`]: index of the first, and count.
    stripes: (u32, u16),
}

/// The part of a chunk on one device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stripe {
    pub device: DeviceIndex,
    pub start: Physical,
}

/// All chunks, by address.
#[derive(Default)]
pub struct Chunks {
    chunks: Vec<Chunk>,
    stripes: Vec<Stripe>,
}

/// Where an address is in its chunk, and how many bytes are contiguous from there.
#[derive(Clone, Copy)]
pub struct ChunkPlace<'a> {
    pub chunk: &'a Chunk,
    pub stripes: &'a [Stripe],
    /// The row of strips; 0 in chunks that are not striped.
    pub row: u64,
    /// The strip within its row, not counting parity.
    pub column: usize,
    /// The byte within the strip; within the chunk if that is not striped.
    pub within: u64,
    /// Bytes to the end of the strip; of the chunk if that is not striped.
    pub length: u64,
}

/// A chunk item, from the chunk tree or from the superblock's array.
pub struct Item<'a> {
    pub key: Key,
    pub raw: &'a raw::Chunk,
    pub stripes: &'a [raw::Stripe],
    /// Where it is stored, for errors.
    pub at: Location,
}

impl<'a> Item<'a> {
    /// Parses the chunk at the start of `bytes`; returns what follows it, too.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is truncated.
    pub fn parse(key: Key, bytes: &'a [u8], at: impl Into<Location>) -> Result<(Self, &'a [u8]), Error> {
        let at = at.into();
        let truncated = || corrupt(Fault::Truncated, "btrfs_chunk", at, wide(bytes.len()));
        let (raw, rest) = raw::Chunk::ref_from_prefix(bytes).map_err(|_| truncated())?;
        let count = usize::from(raw.num_stripes.get());
        let (stripes, rest) =
            <[raw::Stripe]>::ref_from_prefix_with_elems(rest, count).map_err(|_| truncated())?;
        Ok((Self { key, raw, stripes, at }, rest))
    }
}

impl Chunks {
    /// Adds a chunk; devices that the caller did not pass are added as missing.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for one that no kernel makes, [`Error::Unsupported`] for an unknown profile.
    pub fn add(&mut self, item: &Item<'_>, devices: &mut Devices, sector_size: u64) -> Result<(), Error> {
        let Item { key, raw, stripes, at } = *item;
        let fail = |fault, structure, found| Err(corrupt(fault, structure, at, found));
        let (length, kind) = (raw.length.get(), raw.kind.get());
        let Some(profile) = Profile::of(kind) else {
            return Err(unsupported(alloc::format!("block group of type {kind:#x}")));
        };
        let is_aligned = |bytes: u64| bytes.checked_rem(sector_size) == Some(0);
        if !is_aligned(key.offset) || key.offset.checked_add(length).is_none() {
            return fail(Fault::Range, "address of btrfs_chunk", key.offset);
        }
        if length == 0 || !is_aligned(length) {
            return fail(Fault::Range, "btrfs_chunk.length", length);
        }
        if raw.stripe_len.get() != STRIP {
            return fail(Fault::Range, "btrfs_chunk.stripe_len", raw.stripe_len.get());
        }
        if !profile.allows(stripes.len()) || (profile == Profile::Raid10 && raw.sub_stripes.get() != 2) {
            return fail(Fault::Range, "btrfs_chunk.num_stripes", wide(stripes.len()));
        }
        let first = self.stripes.len();
        // Cannot saturate: lengths of two slices in memory.
        if first.saturating_add(stripes.len()) > MOST_STRIPES {
            return fail(Fault::Range, "number of btrfs_stripe", wide(first));
        }
        memory::reserve(&mut self.stripes, stripes.len(), "btrfs_stripe")?;
        memory::reserve(&mut self.chunks, 1, "btrfs_chunk")?;
        for stripe in stripes {
            let name = Name { number: DeviceNumber(stripe.devid.get()), uuid: Uuid(stripe.dev_uuid) };
            let device = devices.named(name, at)?;
            // Only dup has two copies on one device. In other profiles, losing the device would then lose both.
            let others = self.stripes.get(first..).unwrap_or_default();
            if profile != Profile::Dup && others.iter().any(|other| other.device == device) {
                return fail(Fault::Inconsistent, "btrfs_stripe.devid", name.number.0);
            }
            self.stripes.push(Stripe { device, start: Physical(stripe.offset.get()) });
        }
        let stripes = (u32::try_from(first).unwrap_or(u32::MAX), raw.num_stripes.get());
        self.chunks.push(Chunk { start: Logical(key.offset), length, kind, profile, stripes });
        Ok(())
    }

    /// Sorts and checks all added chunks; call it before [`find`](Self::find).
    ///
    /// # Errors
    /// [`Error::Corrupt`] if chunks overlap.
    pub fn finish(&mut self) -> Result<(), Error> {
        self.chunks.sort_unstable_by_key(|chunk| chunk.start);
        let overlap =
            self.chunks.array_windows().find(|[one, next]| one.start.after(one.length) > next.start);
        match overlap {
            Some([_, next]) => {
                Err(corrupt(Fault::Inconsistent, "btrfs_chunk.length", next.start, next.start))
            }
            None => Ok(()),
        }
    }

    pub fn all(&self) -> &[Chunk] {
        &self.chunks
    }

    pub fn stripes(&self, chunk: &Chunk) -> &[Stripe] {
        let (first, count) = (narrow(chunk.stripes.0.into()), usize::from(chunk.stripes.1));
        self.stripes.get(first..).and_then(|rest| rest.get(..count)).unwrap_or_default()
    }

    /// Finds the chunk of an address, and the place in it.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if no chunk contains it.
    pub fn find(&self, address: Logical) -> Result<ChunkPlace<'_>, Error> {
        let behind = self.chunks.partition_point(|chunk| chunk.start <= address);
        let chunk = behind.checked_sub(1).and_then(|index| self.chunks.get(index));
        let Some(chunk) = chunk.filter(|chunk| address.since(chunk.start) < chunk.length) else {
            return Err(corrupt(Fault::Range, "address in no btrfs_chunk", address, address));
        };
        let stripes = self.stripes(chunk);
        let offset = address.since(chunk.start);
        // Cannot saturate: the address is in the chunk.
        let rest = chunk.length.saturating_sub(offset);
        if !chunk.profile.is_striped() {
            return Ok(ChunkPlace { chunk, stripes, row: 0, column: 0, within: offset, length: rest });
        }
        let columns = columns(chunk, stripes.len()).max(1);
        let (strip, within) = (offset / STRIP, offset % STRIP);
        // There is at least one column, and fewer columns than stripes.
        let (row, column) =
            (strip.checked_div(columns).unwrap_or(0), strip.checked_rem(columns).unwrap_or(0));
        // Cannot saturate: a remainder of `STRIP`.
        let length = STRIP.saturating_sub(within).min(rest);
        Ok(ChunkPlace { chunk, stripes, row, column: narrow(column), within, length })
    }
}

impl Chunk {
    /// Bytes that it takes on all its devices together, of which there are `stripes`.
    pub fn on_devices(&self, stripes: usize) -> u64 {
        let columns = columns(self, stripes).max(1);
        let row = wide(stripes);
        // Saturates only for an invalid chunk, which adds no free space.
        self.length.checked_div(columns).unwrap_or(0).saturating_mul(row)
    }
}

/// Strips of a row, not counting parity.
fn columns(chunk: &Chunk, stripes: usize) -> u64 {
    let copies = chunk.profile.copies().max(1);
    // Cannot saturate: every profile requires more stripes than it has parities.
    wide(stripes.saturating_sub(chunk.profile.parities()).checked_div(copies).unwrap_or(0))
}

impl ChunkPlace<'_> {
    /// Strips of the row, not counting parity.
    pub fn columns(&self) -> usize {
        narrow(columns(self.chunk, self.stripes.len()))
    }

    /// The stripe with copy number `copy` of this place.
    pub fn copy(&self, copy: usize) -> Option<&Stripe> {
        let index = match self.chunk.profile {
            Profile::Raid10 => self.column.checked_mul(self.chunk.profile.copies())?.checked_add(copy)?,
            Profile::Raid0 => self.column,
            _ => copy,
        };
        self.stripes.get(index)
    }

    /// The stripe with column `column` of the row in a chunk with parity. Parities follow the last data column; all
    /// columns move on by one device with each row.
    pub fn rotated(&self, column: usize) -> Option<&Stripe> {
        let at = self.row.checked_add(wide(column))?;
        self.stripes.get(narrow(at.checked_rem(wide(self.stripes.len()))?))
    }

    /// The byte on a stripe's device, `skip` bytes past this place.
    pub fn on(&self, stripe: &Stripe, skip: u64) -> Physical {
        // Cannot saturate: the row begins within the chunk's part of a device, which is not longer than the chunk.
        stripe.start.after(self.row.saturating_mul(STRIP)).after(self.within).after(skip)
    }

    /// The address of another column of the row, at the same byte of its strip.
    pub fn beside(&self, column: usize) -> Logical {
        // The row's first strip begins within the chunk. What saturates past it is in no chunk.
        let strip = self.row.saturating_mul(wide(self.columns())).saturating_add(wide(column));
        self.chunk.start.after(strip.saturating_mul(STRIP)).after(self.within)
    }
}

#[cfg(test)]
pub mod tests {
    use std::vec::Vec;

    use filesystem::Corrupt;

    use super::*;
    use crate::{kind, profile::DATA};

    const SECTOR: u64 = 4096;

    /// The bytes of a chunk on devices from 1 on, each with its part at this offset.
    pub fn chunk(length: u64, kind: u64, places: &[u64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in [length, 2, STRIP, kind] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend([0; 12]);
        bytes.extend((places.len() as u16).to_le_bytes());
        bytes.extend(2u16.to_le_bytes());
        for (number, place) in (1u64..).zip(places) {
            bytes.extend(number.to_le_bytes());
            bytes.extend(place.to_le_bytes());
            bytes.extend([number as u8; 16]);
        }
        bytes
    }

    pub fn key(address: u64) -> Key {
        Key { objectid: 256, kind: kind::CHUNK_ITEM, offset: address }
    }

    fn add(chunks: &mut Chunks, address: u64, bytes: &[u8]) -> Result<(), Error> {
        let (item, _) = Item::parse(key(address), bytes, Logical(7))?;
        chunks.add(&item, &mut Devices::default(), SECTOR)
    }

    fn one(kind: u64, stripes: usize) -> Chunks {
        let mut chunks = Chunks::default();
        let places: Vec<u64> = (0..stripes as u64).map(|stripe| stripe << 32).collect();
        add(&mut chunks, 1 << 30, &chunk(STRIP * 12, kind, &places)).unwrap();
        chunks.finish().unwrap();
        chunks
    }

    /// Device and byte of a stripe.
    fn on(place: &ChunkPlace<'_>, stripe: Option<&Stripe>) -> (u32, u64) {
        let stripe = stripe.unwrap();
        (stripe.device.0, place.on(stripe, 0).0 - (u64::from(stripe.device.0) << 32))
    }

    #[test]
    fn copies_are_at_the_same_byte_of_their_devices() {
        for (kind, copies) in [(0, 1), (0x10, 2), (0x200, 3), (0x400, 4)] {
            let chunks = one(DATA | kind, copies);
            let place = chunks.find(Logical((1 << 30) + 100_000)).unwrap();
            assert_eq!(place.length, STRIP * 12 - 100_000);
            for copy in 0..copies {
                assert_eq!(on(&place, place.copy(copy)), (copy as u32, 100_000));
            }
            assert!(place.copy(copies).is_none());
        }
    }

    #[test]
    fn strips_go_from_device_to_device() {
        let chunks = one(DATA | 0x8, 3);
        for (strip, device, row) in [(0, 0, 0), (1, 1, 0), (2, 2, 0), (3, 0, 1), (11, 2, 3)] {
            let place = chunks.find(Logical((1 << 30) + strip * STRIP + 5000)).unwrap();
            assert_eq!(on(&place, place.copy(0)), (device, row * STRIP + 5000), "{strip}");
            assert_eq!(place.length, STRIP - 5000);
        }
        let chunks = one(DATA | 0x40, 4);
        for (strip, devices, row) in [(0, [0, 1], 0), (1, [2, 3], 0), (2, [0, 1], 1)] {
            let place = chunks.find(Logical((1 << 30) + strip * STRIP)).unwrap();
            let found = [0, 1].map(|copy| on(&place, place.copy(copy)));
            assert_eq!(found, devices.map(|device| (device, row * STRIP)), "{strip}");
        }
    }

    #[test]
    fn parities_move_on_with_each_row() {
        // Five devices; the rows of raid6: data, data, data, P, Q, each row one device further.
        let chunks = one(DATA | 0x100, 5);
        for row in 0..4 {
            let place = chunks.find(Logical((1 << 30) + row * 3 * STRIP)).unwrap();
            assert_eq!((place.columns(), place.row, place.column), (3, row, 0));
            for column in 0..5 {
                let device = (column + row as usize) % 5;
                assert_eq!(on(&place, place.rotated(column)), (device as u32, row * STRIP));
            }
            assert_eq!(place.beside(2), Logical((1 << 30) + (row * 3 + 2) * STRIP));
        }
        let place = one(DATA | 0x80, 2);
        assert_eq!(place.find(Logical(1 << 30)).unwrap().columns(), 1, "the parity of one column is a copy");
    }

    #[test]
    fn an_address_without_a_chunk_is_refused() {
        let mut chunks = Chunks::default();
        for start in [1 << 30, 1 << 20] {
            add(&mut chunks, start, &chunk(STRIP, DATA, &[0])).unwrap();
        }
        chunks.finish().unwrap();
        for (address, is_there) in
            [(0, false), (1 << 20, true), ((1 << 20) + STRIP - 1, true), ((1 << 20) + STRIP, false)]
        {
            assert_eq!(chunks.find(Logical(address)).is_ok(), is_there, "{address}");
        }
        assert!(chunks.find(Logical(u64::MAX)).is_err());
    }

    #[test]
    fn what_no_kernel_makes_is_refused() {
        let place = |at: usize, value: &[u8]| {
            let mut bytes = chunk(STRIP, DATA | 0x10, &[0, 0]);
            bytes[at..at + value.len()].copy_from_slice(value);
            let error = add(&mut Chunks::default(), 1 << 30, &bytes).unwrap_err();
            match error {
                Error::Corrupt(corrupt) => corrupt.structure,
                error if error == unsupported("block group of type 0x19") => "unsupported",
                error => panic!("{error}"),
            }
        };
        assert_eq!(place(0, &[0; 8]), "btrfs_chunk.length");
        assert_eq!(place(0, &[1]), "btrfs_chunk.length");
        assert_eq!(place(0, &[0xff; 8]), "address of btrfs_chunk");
        assert_eq!(place(16, &[1]), "btrfs_chunk.stripe_len");
        assert_eq!(place(24, &[0x19]), "unsupported");
        assert_eq!(place(44, &[1]), "btrfs_chunk.num_stripes");
        assert_eq!(place(44, &[3]), "btrfs_chunk");
        // Both copies on one device.
        let mut same = chunk(STRIP, DATA | 0x10, &[0, 0]);
        same.copy_within(48..80, 80);
        let error = add(&mut Chunks::default(), 1 << 30, &same).unwrap_err();
        assert!(matches!(error, Error::Corrupt(Corrupt { structure: "btrfs_stripe.devid", found: 1, .. })));
        assert!(
            add(&mut Chunks::default(), 5, &chunk(STRIP, DATA, &[0])).is_err(),
            "no multiple of a sector"
        );
    }

    #[test]
    fn chunks_do_not_overlap() {
        let mut chunks = Chunks::default();
        for start in [1 << 30, (1 << 30) + STRIP - SECTOR] {
            add(&mut chunks, start, &chunk(STRIP, DATA, &[0])).unwrap();
        }
        assert!(chunks.finish().is_err());
    }

    #[test]
    fn what_a_chunk_takes_of_devices_has_copies_and_parities() {
        for (kind, stripes, bytes) in [(0, 1, 12), (0x20, 2, 24), (0x8, 3, 12), (0x40, 4, 24), (0x100, 5, 20)]
        {
            let profile = Profile::of(DATA | kind).unwrap();
            let chunk = Chunk { start: Logical(0), length: STRIP * 12, kind: DATA, profile, stripes: (0, 0) };
            assert_eq!(chunk.on_devices(stripes), STRIP * bytes, "{profile:?}");
        }
    }
}
