// SPDX-License-Identifier: BSD-3-Clause
//! What a block of metadata of version 5 says of itself: checksum, place, filesystem and owner.

use crc32c::crc32c;
use filesystem::Fault;

use crate::{
    failure::{Outcome, corrupt},
    units::{ByteOffset, InodeNumber},
};

/// Bytes of the unit that a block counts its place in (`xfs_daddr_t`).
const SECTOR: u64 = 512;

/// Where a kind of block has what it says of itself.
pub struct Stamp {
    pub crc: usize,
    pub place: usize,
    pub uuid: usize,
    pub owner: usize,
    /// The names of these fields, in the same order.
    pub names: [&'static str; 4],
}

/// What a block has to say.
pub struct Expected<'a> {
    /// Where it stands.
    pub offset: ByteOffset,
    /// `sb_meta_uuid`
    pub uuid: &'a [u8; 16],
    /// The inode that it belongs to, where that is known.
    pub owner: Option<InodeNumber>,
}

impl Stamp {
    /// Checks the stamp of a whole block.
    ///
    /// # Errors
    /// [`filesystem::Error::Corrupt`] naming the field that is wrong.
    pub fn verify(&self, bytes: &[u8], expected: &Expected<'_>) -> Outcome<()> {
        let [crc, ..] = self.names;
        verify_crc(bytes, expected.offset, self.crc, crc)?;
        self.verify_rest(bytes, expected)
    }

    /// The same without the checksum.
    pub fn verify_rest(&self, bytes: &[u8], expected: &Expected<'_>) -> Outcome<()> {
        let [_, place, uuid, owner] = self.names;
        verify_uuid(bytes, expected, self.uuid, uuid)?;
        let sector = expected.offset.0 / SECTOR;
        let number = expected.owner.map(|owner| owner.0);
        for (at, name, value) in [(self.place, place, Some(sector)), (self.owner, owner, number)] {
            let found = long(bytes, at);
            if value.is_some_and(|value| value != found) {
                return Err(corrupt(Fault::Inconsistent, name, expected.offset.within(at), found));
            }
        }
        Ok(())
    }
}

/// Checks the filesystem's UUID in a structure.
pub fn verify_uuid(bytes: &[u8], expected: &Expected<'_>, at: usize, name: &'static str) -> Outcome<()> {
    if bytes.get(at..).is_some_and(|rest| rest.starts_with(expected.uuid)) {
        return Ok(());
    }
    Err(corrupt(Fault::Inconsistent, name, expected.offset.within(at), long(bytes, at)))
}

/// Checks the checksum that `bytes` have at `at`; the whole stands at `offset`.
pub fn verify_crc(bytes: &[u8], offset: ByteOffset, at: usize, name: &'static str) -> Outcome<()> {
    let (head, rest) = bytes.split_at_checked(at).unwrap_or_default();
    let Some((stored, rest)) = rest.split_first_chunk() else {
        return Err(corrupt(Fault::Truncated, name, offset, 0u64));
    };
    // The field itself counts as zeros.
    let computed = ![head, &[0; 4], rest].into_iter().fold(!0, crc32c);
    let stored = u32::from_le_bytes(*stored);
    if stored == computed {
        return Ok(());
    }
    let fault = Fault::Checksum { computed: u64::from(computed) };
    Err(corrupt(fault, name, offset.within(at), stored))
}

/// The number of 16 bits at `at`; zero behind the end.
pub fn half(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk().copied()).map_or(0, u16::from_be_bytes)
}

/// The number of 32 bits at `at`; zero behind the end.
pub fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk().copied()).map_or(0, u32::from_be_bytes)
}

/// The number of 64 bits at `at`; zero behind the end.
pub fn long(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk().copied()).map_or(0, u64::from_be_bytes)
}
