// SPDX-License-Identifier: BSD-3-Clause
//! Self-describing metadata of version 5: each block stores its checksum, location, filesystem and owner.

use crc32c::crc32c;
use filesystem::Fault;

use crate::{
    failure::{Outcome, corrupt},
    units::{ByteOffset, InodeNumber},
};

/// Bytes of the unit in which a block stores its own address (`xfs_daddr_t`).
const SECTOR: u64 = 512;

/// Offsets of the self-describing fields in one kind of block.
pub struct MetadataHeader {
    pub crc: usize,
    pub blkno: usize,
    pub uuid: usize,
    pub owner: usize,
    /// The names of these fields, in the same order.
    pub names: [&'static str; 4],
}

/// The values that the self-describing fields of a block must have.
pub struct Expected<'a> {
    /// Where the block is on the device.
    pub offset: ByteOffset,
    /// `sb_meta_uuid`
    pub uuid: &'a [u8; 16],
    /// The inode that owns the block, if known.
    pub owner: Option<InodeNumber>,
}

impl MetadataHeader {
    /// Checks all self-describing fields of a block.
    ///
    /// # Errors
    /// [`filesystem::Error::Corrupt`] naming the field that is wrong.
    pub fn verify(&self, bytes: &[u8], expected: &Expected<'_>) -> Outcome<()> {
        let [crc, ..] = self.names;
        verify_crc(bytes, expected.offset, self.crc, crc)?;
        self.verify_rest(bytes, expected)
    }

    /// The same, except the checksum.
    pub fn verify_rest(&self, bytes: &[u8], expected: &Expected<'_>) -> Outcome<()> {
        let [_, blkno, uuid, owner] = self.names;
        verify_uuid(bytes, expected, self.uuid, uuid)?;
        let sector = expected.offset.0 / SECTOR;
        let number = expected.owner.map(|owner| owner.0);
        for (at, name, value) in [(self.blkno, blkno, Some(sector)), (self.owner, owner, number)] {
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

/// Verifies the checksum stored at `at` in `bytes`, a structure that starts at `offset` on the device.
pub fn verify_crc(bytes: &[u8], offset: ByteOffset, at: usize, name: &'static str) -> Outcome<()> {
    let (head, rest) = bytes.split_at_checked(at).unwrap_or_default();
    let Some((stored, rest)) = rest.split_first_chunk() else {
        return Err(corrupt(Fault::Truncated, name, offset, 0u64));
    };
    // The checksum field itself counts as zeros.
    let computed = ![head, &[0; 4], rest].into_iter().fold(!0, crc32c);
    let stored = u32::from_le_bytes(*stored);
    if stored == computed {
        return Ok(());
    }
    let fault = Fault::Checksum { computed: u64::from(computed) };
    Err(corrupt(fault, name, offset.within(at), stored))
}

/// The 16-bit number at `at`; zero past the end.
pub fn half(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk().copied()).map_or(0, u16::from_be_bytes)
}

/// The 32-bit number at `at`; zero past the end.
pub fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk().copied()).map_or(0, u32::from_be_bytes)
}

/// The 64-bit number at `at`; zero past the end.
pub fn long(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk().copied()).map_or(0, u64::from_be_bytes)
}
