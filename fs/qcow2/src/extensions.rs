// SPDX-License-Identifier: BSD-3-Clause
//! What stands between the header and the end of its cluster, or the name of the backing file.

use alloc::{vec, vec::Vec};
use core::mem::offset_of;

use block::{BlockRead, ReadError};
use damage::Fault;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned, big_endian::U32};

use crate::{corrupt, header::wide};

/// Header extensions, by their types.
const END: u32 = 0;
const BACKING_FORMAT: u32 = 0xe279_2aca;
const FEATURE_NAMES: u32 = 0x6803_f857;
/// Longest name of a format that is believed: QEMU keeps 15 bytes.
const MAX_FORMAT_NAME: u32 = 255;
/// Entries of the feature name table: one byte each for kind and bit, the rest is the name.
const FEATURE_NAME: usize = 48;
/// Kind of an incompatible feature there.
const INCOMPATIBLE: u8 = 0;
/// Most extensions that are looked at: there are seven types.
const MOST_EXTENSIONS: usize = 64;
/// Most bytes of the table that are read: 64 bits of three kinds.
const MAX_FEATURE_NAMES: u32 = 48 * 64 * 3;

/// What an extension begins with.
#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
struct ExtensionHead {
    kind: U32,
    /// Bytes of its content.
    length: U32,
}

/// The extensions of a header.
pub struct Extensions<'a, D> {
    pub device: &'a D,
    /// Where the first one stands.
    pub at: u64,
    /// They end before this byte.
    pub end: u64,
}

impl<D: BlockRead> Extensions<'_, D> {
    /// The format of the backing file, if it is given.
    pub fn backing_format(&self) -> Result<Option<Vec<u8>>, ReadError> {
        self.content(BACKING_FORMAT, MAX_FORMAT_NAME)
    }

    /// The name that the image has for an incompatible feature.
    pub fn feature_name(&self, bit: u32) -> Result<Option<Vec<u8>>, ReadError> {
        let table = self.content(FEATURE_NAMES, MAX_FEATURE_NAMES)?.unwrap_or_default();
        Ok(feature_name(&table, bit).map(<[u8]>::to_vec))
    }

    /// The content of the first extension of this type, or as much of it as `limit` bytes.
    fn content(&self, wanted: u32, limit: u32) -> Result<Option<Vec<u8>>, ReadError> {
        let mut at = self.at;
        let end = self.end.min(self.device.size());
        for _ in 0..MOST_EXTENSIONS {
            let mut head = ExtensionHead::new_zeroed();
            // Nothing saturates: `at` is of 33 bits, and what goes behind the end is not read.
            let content = at.saturating_add(wide(size_of::<ExtensionHead>()));
            if content > end {
                return Ok(None);
            }
            self.device.read_at(at, head.as_mut_bytes())?;
            let (kind, length) = (head.kind.get(), head.length.get());
            if u64::from(length) > end.saturating_sub(content) {
                let place = at.saturating_add(wide(offset_of!(ExtensionHead, length)));
                return Err(corrupt(Fault::Range, "header extension length", place, length));
            }
            match kind {
                END => return Ok(None),
                _ if kind == wanted => {
                    let mut bytes = vec![0; usize::try_from(length.min(limit)).unwrap_or(0)];
                    self.device.read_at(content, &mut bytes)?;
                    return Ok(Some(bytes));
                }
                _ => at = content.saturating_add(u64::from(length).next_multiple_of(8)),
            }
        }
        Err(corrupt(Fault::Loop, "header extension", at, wide(MOST_EXTENSIONS)))
    }
}

fn feature_name(table: &[u8], wanted: u32) -> Option<&[u8]> {
    table.chunks_exact(FEATURE_NAME).find_map(|entry| match entry {
        [INCOMPATIBLE, bit, name @ ..] if u32::from(*bit) == wanted => {
            name.split(|byte| *byte == 0).next().filter(|name| !name.is_empty())
        }
        _ => None,
    })
}
