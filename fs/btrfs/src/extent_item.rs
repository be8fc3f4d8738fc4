// SPDX-License-Identifier: BSD-3-Clause
//! `struct btrfs_file_extent_item`: the content of a file from the offset in its key on.

use core::mem::offset_of;

use filesystem::{Error, Fault};
use zerocopy::FromBytes;

use crate::{corrupt, memory::wide, raw, tree::Item};

/// `BTRFS_FILE_EXTENT_INLINE`, `_REG` and `_PREALLOC`.
pub const INLINE: u8 = 0;
pub const REGULAR: u8 = 1;
pub const PREALLOCATED: u8 = 2;
/// Offset of [`raw::FileExtentPlace`], or of inline data.
pub const PLACE_AT: usize = size_of::<raw::FileExtent>();

/// The two parts of the item.
pub struct ExtentItem<'a> {
    pub head: &'a raw::FileExtent,
    /// Where the extent is; `None` if it is inline.
    pub place: Option<&'a raw::FileExtentPlace>,
    /// The inline data.
    pub inline: &'a [u8],
}

impl<'a> ExtentItem<'a> {
    /// # Errors
    /// [`Error::Corrupt`] for an item that is too short, or of an unknown type.
    pub fn parse(item: &'a Item) -> Result<Self, Error> {
        let (head, inline) = item.parse::<raw::FileExtent>("btrfs_file_extent_item")?;
        if head.kind > PREALLOCATED {
            let at = item.place(offset_of!(raw::FileExtent, kind));
            return Err(corrupt(Fault::Range, "btrfs_file_extent_item.type", at, head.kind));
        }
        let place = match raw::FileExtentPlace::ref_from_prefix(inline) {
            _ if head.kind == INLINE => None,
            Ok((place, _)) => Some(place),
            Err(_) => {
                let found = wide(item.bytes().len());
                return Err(corrupt(Fault::Truncated, "btrfs_file_extent_item", item.place(0), found));
            }
        };
        Ok(Self { head, place, inline })
    }
}
