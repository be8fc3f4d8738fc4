// SPDX-License-Identifier: BSD-3-Clause
//! Structures that are followed by a name: directory entries, and the references of inodes to them.

use filesystem::{Error, Fault};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::{corrupt, memory::wide, raw, units::Location};

/// The structure before a name.
pub trait Head: FromBytes + Immutable + KnownLayout + Unaligned {
    const STRUCTURE: &'static str;

    /// Bytes of the name, and of the data after it.
    fn lengths(&self) -> (u16, u16);
}

impl Head for raw::DirItem {
    const STRUCTURE: &'static str = "btrfs_dir_item";

    fn lengths(&self) -> (u16, u16) {
        (self.name_len.get(), self.data_len.get())
    }
}

impl Head for raw::InodeRef {
    const STRUCTURE: &'static str = "btrfs_inode_ref";

    fn lengths(&self) -> (u16, u16) {
        (self.name_len.get(), 0)
    }
}

/// Splits `bytes`, which are stored at `at`, into the structure, its name, and what follows both.
///
/// # Errors
/// [`Error::Corrupt`] if they end within it.
pub fn split<H: Head>(bytes: &[u8], at: Location) -> Result<(&H, &[u8], &[u8]), Error> {
    let truncated = || corrupt(Fault::Truncated, H::STRUCTURE, at, wide(bytes.len()));
    let (head, rest) = H::ref_from_prefix(bytes).map_err(|_| truncated())?;
    let (name, data) = head.lengths();
    let (name, rest) = rest.split_at_checked(name.into()).ok_or_else(truncated)?;
    let (_, behind) = rest.split_at_checked(data.into()).ok_or_else(truncated)?;
    Ok((head, name, behind))
}
