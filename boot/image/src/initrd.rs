// SPDX-License-Identifier: BSD-3-Clause
//! Several initrds in one buffer.
//!
//! Linux takes cpio archives, each compressed or not, behind one another, and skips zeros between them; an
//! archive has to start at a multiple of four bytes.
//! Spec: Linux, `Documentation/driver-api/early-userspace/buffer-format.rst`.

use alloc::vec::Vec;

use crate::{Error, Format};

const ALIGNMENT: u64 = 4;

/// Where the files go in a buffer that is zero where none of them is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Layout {
    /// Offset in bytes of each file, a multiple of four, in their order.
    pub offsets: Vec<u64>,
    /// Length of the buffer in bytes, a multiple of four.
    pub total: u64,
}

impl Layout {
    /// For files of these lengths in bytes, of at most `limit` bytes together.
    ///
    /// # Errors
    /// [`Error::Limit`] when they are longer.
    pub fn new(lengths: &[u64], limit: u64) -> Result<Self, Error> {
        let mut offsets = Vec::with_capacity(lengths.len());
        let mut total = 0u64;
        for length in lengths {
            offsets.push(total);
            let end = total.checked_add(*length).and_then(|end| end.checked_next_multiple_of(ALIGNMENT));
            total = end.unwrap_or(u64::MAX);
            if total > limit {
                return Err(Error::Limit { format: Format::Initrd, size: total, limit });
            }
        }
        Ok(Self { offsets, total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_starts_at_a_multiple_of_four_in_order() {
        let layout = Layout::new(&[5, 0, 8, 1], 100).unwrap();
        assert_eq!(layout, Layout { offsets: [0, 8, 8, 16].to_vec(), total: 20 });
        assert_eq!(Layout::new(&[], 0), Ok(Layout { offsets: [].to_vec(), total: 0 }));
    }

    #[test]
    fn new_rejects_what_exceeds_the_limit() {
        assert!(Layout::new(&[4, 4], 8).is_ok());
        for (lengths, size) in [(&[4, 5][..], 12), (&[u64::MAX], u64::MAX), (&[4, u64::MAX - 5], u64::MAX)] {
            assert_eq!(Layout::new(lengths, 8), Err(Error::Limit { format: Format::Initrd, size, limit: 8 }));
        }
    }
}
