// SPDX-License-Identifier: BSD-3-Clause
//! Structures that a name follows: entries of directories, and what inodes know of their own names.

use filesystem::{Error, Fault};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::{corrupt, memory::wide, raw, units::Location};

/// What stands in front of a name.
pub trait Head: FromBytes + Immutable + KnownLayout + Unaligned {
    const STRUCTURE: &'static str;

    /// Bytes of the name, and of what follows it.
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

/// The structure that `bytes` begin with, which stand at `at`, its name, and what is behind both.
///
/// # Errors
/// [`Error::Corrupt`] when they end in it.
pub fn split<H: Head>(bytes: &[u8], at: Location) -> Result<(&H, &[u8], &[u8]), Error> {
    let truncated = || corrupt(Fault::Truncated, H::STRUCTURE, at, wide(bytes.len()));
    let (head, rest) = H::ref_from_prefix(bytes).map_err(|_| truncated())?;
    let (name, data) = head.lengths();
    let (name, rest) = rest.split_at_checked(name.into()).ok_or_else(truncated)?;
    let (_, behind) = rest.split_at_checked(data.into()).ok_or_else(truncated)?;
    Ok((head, name, behind))
}
