// SPDX-License-Identifier: BSD-3-Clause
//! Header extensions: between the header and the name of the backing file or the end of the cluster.

use alloc::{vec, vec::Vec};
use core::mem::offset_of;

use block::{BlockRead, ReadError};
use damage::Fault;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned, big_endian::U32};

use crate::{corrupt, header::wide};

/// Types of header extensions.
const END: u32 = 0;
const BACKING_FORMAT: u32 = 0xe279_2aca;
const FEATURE_NAMES: u32 = 0x6803_f857;
/// Maximum length of a format name; QEMU uses at most 15 bytes.
const MAX_FORMAT_NAME: u32 = 255;
/// Bytes of an entry of the feature name table: one byte each for kind and bit, the rest is the name.
const FEATURE_NAME: usize = 48;
/// The kind of an incompatible feature in that table.
const INCOMPATIBLE: u8 = 0;
/// Maximum number of extensions: there are seven types.
const MOST_EXTENSIONS: usize = 64;
/// Maximum number of bytes to read of that table: 64 bits of three kinds.
const MAX_FEATURE_NAMES: u32 = 48 * 64 * 3;

/// The head of an extension.
#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
struct ExtensionHead {
    kind: U32,
    /// Length of its content in bytes.
    length: U32,
}

/// The extensions of a header.
pub struct Extensions<'a, D> {
    pub device: &'a D,
    /// Byte offset of the first one.
    pub at: u64,
    /// Byte offset of their end.
    pub end: u64,
}

impl<D: BlockRead> Extensions<'_, D> {
    /// The format of the backing file, if it is given.
    pub fn backing_format(&self) -> Result<Option<Vec<u8>>, ReadError> {
        self.content(BACKING_FORMAT, MAX_FORMAT_NAME)
    }

    /// The image's own name for an incompatible feature.
    pub fn feature_name(&self, bit: u32) -> Result<Option<Vec<u8>>, ReadError> {
        let table = self.content(FEATURE_NAMES, MAX_FEATURE_NAMES)?.unwrap_or_default();
        Ok(feature_name(&table, bit).map(<[u8]>::to_vec))
    }

    /// The content of the first extension of this type, at most `limit` bytes of it.
    fn content(&self, wanted: u32, limit: u32) -> Result<Option<Vec<u8>>, ReadError> {
        let mut at = self.at;
        let end = self.end.min(self.device.size());
        for _ in 0..MOST_EXTENSIONS {
            let mut head = ExtensionHead::new_zeroed();
            // Nothing saturates: `at` has 33 bits, and nothing past the end is read.
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
