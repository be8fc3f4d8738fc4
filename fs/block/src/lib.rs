// SPDX-License-Identifier: BSD-3-Clause
//! Devices of bytes: what every partition table, volume manager and filesystem reads from.
//!
//! [`BlockRead`] is the one trait that a disk, a partition, a decrypted container or a file in memory
//! implements; everything that looks like a disk is one, so that they stack. Reads are synchronous and may
//! have any offset and length: whoever drives real hardware deals with its block size.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod cache;
mod memory;
mod slice;

use alloc::{borrow::Cow, rc::Rc, sync::Arc};

pub use cache::Cache;
pub use memory::Memory;
pub use slice::Slice;

/// A device of bytes that can be read.
///
/// Object-safe: held as `Rc<dyn BlockRead>` where the kind of device is not known.
pub trait BlockRead {
    /// Length of the device in bytes. It does not change while the device is in use.
    fn size(&self) -> u64;

    /// The smallest unit that the device addresses, in bytes: a power of two, at least 512.
    ///
    /// Partition tables and volume managers count in it; reads need not be multiples of it.
    fn logical_block_size(&self) -> u32 {
        512
    }

    /// Fills `buf` with the bytes at `offset`, all of them or none that count.
    ///
    /// # Errors
    /// [`ReadError::OutOfBounds`] when any byte lies past [`size`](Self::size); [`ReadError::Device`] when
    /// the device fails. The content of `buf` is then unspecified.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError>;

    /// Fills several buffers, each from its own offset. A device that can work on them side by side does.
    ///
    /// # Errors
    /// As [`read_at`](Self::read_at), for the first part that fails.
    fn read_many(&self, parts: &mut [(u64, &mut [u8])]) -> Result<(), ReadError> {
        parts.iter_mut().try_for_each(|(offset, buf)| self.read_at(*offset, buf))
    }
}

/// A device of bytes that can be written, too.
pub trait BlockWrite: BlockRead {
    /// Writes `buf` at `offset`, all of it or an error.
    ///
    /// # Errors
    /// As [`BlockRead::read_at`].
    fn write_at(&self, offset: u64, buf: &[u8]) -> Result<(), ReadError>;

    /// Returns when everything written is on the medium.
    ///
    /// # Errors
    /// [`ReadError::Device`] when the device fails.
    fn flush(&self) -> Result<(), ReadError>;
}

/// Why a device did not yield (or take) the bytes.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The bytes asked for are not all on the device.
    #[error("bytes {offset}..+{length} lie past the device's end at {size}")]
    OutOfBounds {
        /// First byte asked for.
        offset: u64,
        /// Number of bytes asked for.
        length: u64,
        /// Size of the device in bytes.
        size: u64,
    },
    /// The device failed, in the words of whoever drives it (an EFI status, an errno, a broken checksum of
    /// a layer below).
    #[error("reading at byte {offset}: {cause}")]
    Device {
        /// First byte asked for.
        offset: u64,
        /// What the driver said.
        cause: Cow<'static, str>,
    },
}

/// Checks that `length` bytes at `offset` lie within a device of `size` bytes.
///
/// # Errors
/// [`ReadError::OutOfBounds`] otherwise, a sum that overflows included.
pub fn check_bounds(offset: u64, length: usize, size: u64) -> Result<(), ReadError> {
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    match offset.checked_add(length) {
        Some(end) if end <= size => Ok(()),
        _ => Err(ReadError::OutOfBounds { offset, length, size }),
    }
}

macro_rules! forward_read {
    ($($type:ty),*) => {$(
        impl<T: BlockRead + ?Sized> BlockRead for $type {
            fn size(&self) -> u64 {
                (**self).size()
            }
            fn logical_block_size(&self) -> u32 {
                (**self).logical_block_size()
            }
            fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
                (**self).read_at(offset, buf)
            }
            fn read_many(&self, parts: &mut [(u64, &mut [u8])]) -> Result<(), ReadError> {
                (**self).read_many(parts)
            }
        }
        impl<T: BlockWrite + ?Sized> BlockWrite for $type {
            fn write_at(&self, offset: u64, buf: &[u8]) -> Result<(), ReadError> {
                (**self).write_at(offset, buf)
            }
            fn flush(&self) -> Result<(), ReadError> {
                (**self).flush()
            }
        }
    )*};
}
forward_read!(&T, Rc<T>, Arc<T>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_include_the_last_byte_and_refuse_overflow() {
        assert_eq!(check_bounds(0, 8, 8), Ok(()));
        assert_eq!(check_bounds(8, 0, 8), Ok(()));
        assert!(check_bounds(1, 8, 8).is_err());
        assert!(check_bounds(u64::MAX, 2, u64::MAX).is_err());
    }
}
