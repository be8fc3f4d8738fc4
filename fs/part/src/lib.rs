// SPDX-License-Identifier: BSD-3-Clause
//! Partition tables: GPT and MBR, for logical blocks of any size.
//!
//! [`read`] returns the partitions of a disk. A GPT whose primary copy is damaged is read from its backup, with
//! a warning. [`gpt::Layout`] writes a GPT, the same bytes every time.
//!
//! ```
//! let mut disk = vec![0; 1 << 20];
//! let kind = part::ESP.to_bytes();
//! let esp = part::gpt::NewPartition {
//!     type_guid: kind,
//!     guid: [1; 16],
//!     first_lba: 64,
//!     last_lba: 127,
//!     name: "esp".into(),
//!     attributes: 0,
//! };
//! let layout = part::gpt::Layout {
//!     disk_guid: [2; 16],
//!     block_size: 512,
//!     disk_blocks: 2048,
//!     entries: 128,
//!     partitions: vec![esp],
//! };
//! let (primary, backup) = (layout.primary()?, layout.backup()?);
//! disk[..primary.len()].copy_from_slice(&primary);
//! let end = disk.len();
//! disk[end - backup.len()..].copy_from_slice(&backup);
//!
//! let table = part::read(&disk)?.unwrap();
//! assert_eq!((table.partitions[0].start, table.partitions[0].length), (64 * 512, 64 * 512));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Sources: UEFI 2.11, chapter 5 (GPT, protective MBR); the MBR and its extended partitions as Linux reads
//! them (block/partitions/msdos.c).
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod crc;
pub mod fuzz;
pub mod gpt;
mod guid;
mod mbr;

use alloc::{string::String, vec::Vec};

use block::{BlockRead, ReadError};
use damage::{Corrupt, Fault, Format, Origin};

pub use guid::{Guid, InvalidGuid};

/// The partitions of a disk.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Table {
    /// What kind of table it is.
    pub kind: Kind,
    /// Block size in bytes that the table uses; for a disc image, it may differ from the device's.
    pub block_size: u32,
    /// The partitions, sorted by number.
    pub partitions: Vec<Partition>,
    /// Damage that could be worked around.
    pub warnings: Vec<ReadError>,
}

/// Kinds of table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// GUID partition table.
    Gpt,
    /// Master boot record.
    Mbr,
}

/// One partition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Partition {
    /// Number as in Linux and GRUB: index of the GPT entry plus one; for MBR, 1 to 4 for primary partitions, 5 and
    /// above for logical ones.
    pub number: u32,
    /// First byte.
    pub start: u64,
    /// Length in bytes, at least one block; the partition ends on the disk.
    pub length: u64,
    /// What it is for.
    pub kind: PartitionKind,
    /// The identifier as spelled after `PARTUUID=`: a GUID, or `xxxxxxxx-nn` for an MBR with a disk signature;
    /// otherwise empty.
    pub uuid: String,
    /// The GPT name, empty for MBR.
    pub name: String,
}

/// The declared purpose of a partition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PartitionKind {
    /// GPT: the partition type GUID.
    Gpt(Guid),
    /// MBR: the type byte.
    Mbr(u8),
}

/// EFI system partition.
pub const ESP: Guid = Guid::from_bytes([
    0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b,
]);

/// Reads the partition table of a disk, if it has one.
///
/// If nothing is found with the device's block size, 512 bytes are tried: disk images are also written to CDs.
///
/// # Errors
/// [`ReadError::Device`] if block 0 cannot be read; [`ReadError::Corrupt`] if there is a table without an intact copy.
pub fn read(device: &dyn BlockRead) -> Result<Option<Table>, ReadError> {
    let native = device.logical_block_size();
    let found = read_with(device, native);
    if native == 512 || matches!(&found, Ok(Some(table)) if table.fits()) {
        return found;
    }
    match (found, read_with(device, 512)) {
        (_, Ok(Some(table))) if table.fits() => Ok(Some(table)),
        (Err(native), Err(small)) => Err(graver(native, small)),
        (Ok(None), other) | (other, _) => other,
    }
}

impl Table {
    /// Whether every partition in the table is on the disk: in a table read with the wrong block size, some are past
    /// the end.
    fn fits(&self) -> bool {
        self.kind == Kind::Gpt || self.warnings.is_empty()
    }
}

fn read_with(device: &dyn BlockRead, block_size: u32) -> Result<Option<Table>, ReadError> {
    if device.size() < u64::from(block_size) {
        return Ok(None);
    }
    // Without a protective MBR there is no GPT: firmware, Linux and GRUB agree on this. A backup GPT at the end of such
    // a disk is left over from earlier use.
    match mbr::Mbr::read(device)? {
        Some(mbr) if mbr.is_protective() => gpt::read(device, block_size).map(Some),
        Some(mbr) => Ok(mbr.partitions(device, block_size)),
        None => Ok(None),
    }
}

fn is_magic(error: &ReadError) -> bool {
    matches!(error, ReadError::Corrupt(corrupt) if corrupt.fault == Fault::Magic)
}

/// The more informative of two errors: damage says more than a missing structure.
fn graver(first: ReadError, second: ReadError) -> ReadError {
    if is_magic(&first) && !is_magic(&second) { second } else { first }
}

/// Offset on the device of byte `at` of a structure.
fn within(structure: u64, at: usize) -> u64 {
    // Saturates only if the structure is past the end, as its bytes are then.
    structure.saturating_add(u64::try_from(at).unwrap_or(u64::MAX))
}

fn corrupt(format: Format, fault: Fault, structure: &'static str, offset: u64, found: u64) -> ReadError {
    ReadError::Corrupt(Corrupt { format, fault, structure, origin: Origin::Start, offset, found })
}
