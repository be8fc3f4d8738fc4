// SPDX-License-Identifier: BSD-3-Clause
//! Sets the label: `s_volume_name` of the superblock and of its copies, as `tune2fs -L` does.

use block::BlockWrite;
use crc32c::crc32c;
use filesystem::Error;
use zerocopy::{FromBytes, IntoBytes};

use crate::superblock::{CHECKSUM_AT, MAGIC, OFFSET, Raw, SIZE, Superblock};

/// Maximum length of a label in bytes.
pub const LONGEST: usize = 16;

/// Why a label cannot be set.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// It has more than [`LONGEST`] bytes.
    #[error("a label has at most {LONGEST} bytes, this one has {length}")]
    Long {
        /// Its length in bytes.
        length: usize,
    },
    /// The journal is not empty: its replay would restore the old superblock.
    #[error("its journal must be replayed first")]
    Journal,
    /// A system that has it mounted may overwrite the new superblock with the old one.
    #[error("it is mounted, or was not unmounted cleanly")]
    Mounted,
    /// Nothing is written to a damaged filesystem.
    #[error("it is marked as having errors")]
    Errors,
    /// The filesystem or the device cannot be read or written.
    #[error(transparent)]
    Disk(#[from] Error),
}

/// Sets the label of the filesystem that starts at byte 0 of `device`. Only the label and the checksum of each
/// superblock change.
///
/// A copy that belongs to another filesystem, or whose checksum is wrong, is left as it is. The copies are written
/// first: if one of them cannot be written, the label remains the old one.
///
/// # Errors
/// [`LabelError`]; [`Error::Corrupt`] for a damaged superblock, [`Error::Io`] if the device fails.
pub fn set<D: BlockWrite + ?Sized>(device: &D, label: &[u8]) -> Result<(), LabelError> {
    if label.len() > LONGEST {
        return Err(LabelError::Long { length: label.len() });
    }
    let superblock = Superblock::read(&device)?;
    if superblock.needs_recovery {
        return Err(LabelError::Journal);
    }
    if superblock.has_errors {
        return Err(LabelError::Errors);
    }
    if !superblock.is_unmounted {
        return Err(LabelError::Mounted);
    }
    for group in superblock.backups()? {
        let offset = superblock.block_offset(superblock.first_block(group));
        write(device, offset.0, &superblock, label)?;
    }
    write(device, OFFSET, &superblock, label)?;
    device.flush().map_err(Error::from)?;
    Ok(())
}

/// Sets the label of the superblock at `offset`, if it belongs to this filesystem.
fn write<D: BlockWrite + ?Sized>(
    device: &D,
    offset: u64,
    superblock: &Superblock,
    label: &[u8],
) -> Result<(), Error> {
    let mut bytes = [0; 1024];
    const _: () = assert!(SIZE == 1024);
    device.read_at(offset, &mut bytes)?;
    let Ok(raw) = Raw::mut_from_bytes(&mut bytes) else { return Ok(()) };
    let sum = |raw: &Raw| crc32c(!0, raw.as_bytes().get(..CHECKSUM_AT).unwrap_or_default());
    let is_sound = !raw.has_checksums() || raw.s_checksum.get() == sum(raw);
    if raw.s_magic.get() != MAGIC || raw.s_uuid != superblock.uuid || !is_sound {
        return Ok(());
    }
    raw.s_volume_name = [0; LONGEST];
    raw.s_volume_name.iter_mut().zip(label).for_each(|(to, from)| *to = *from);
    if raw.has_checksums() {
        raw.s_checksum.set(sum(raw));
    }
    Ok(device.write_at(offset, &bytes)?)
}
