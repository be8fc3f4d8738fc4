// SPDX-License-Identifier: BSD-3-Clause
//! Byte-addressed block devices, from which every partition table, volume manager and filesystem reads.
//!
//! [`BlockRead`] is the one trait that a disk, a partition, a decrypted container or a file in memory
//! implements, so that layers stack. Reads are synchronous and take any offset and length: drivers of real
//! hardware deal with its block size.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod cache;
pub mod codes;
mod error;
mod memory;
mod slice;

use alloc::{rc::Rc, sync::Arc};

pub use cache::Cache;
pub use error::{Access, ReadError, check_bounds};
pub use memory::Memory;
pub use slice::Slice;

/// A device that can be read, byte by byte.
///
/// Object-safe: held as `Rc<dyn BlockRead>` where the kind of device is not known.
pub trait BlockRead {
    /// Length of the device in bytes. It does not change while the device is in use.
    fn size(&self) -> u64;

    /// The smallest unit that the device addresses, in bytes: a power of two, at least 512.
    ///
    /// Partition tables and volume managers count in this unit; reads need not be multiples of it.
    fn logical_block_size(&self) -> u32 {
        512
    }

    /// Fills `buf` with the bytes at `offset`: all of them, or it is an error.
    ///
    /// # Errors
    /// [`ReadError::OutOfBounds`] when any byte lies past [`size`](Self::size); [`ReadError::Device`] when
    /// the device fails. The content of `buf` is then unspecified.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError>;

    /// Charges work on data that was read (such as unpacking it) against the read limit, as if it had read this many
    /// bytes: a few bytes on disk may ask for a lot of work. Without a limit it does nothing.
    ///
    /// # Errors
    /// [`ReadError::Limit`]
    fn charge(&self, _bytes: usize) -> Result<(), ReadError> {
        Ok(())
    }
}

/// A device that can also be written.
pub trait BlockWrite: BlockRead {
    /// Writes `buf` at `offset`: all of it, or it is an error.
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
            fn charge(&self, bytes: usize) -> Result<(), ReadError> {
                (**self).charge(bytes)
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
