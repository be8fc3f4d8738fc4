// SPDX-License-Identifier: BSD-3-Clause
//! The destination of blobs that are not kept in memory.

use alloc::string::String;

/// Takes the bytes of a blob in order; it may already have the first ones from an earlier attempt.
///
/// The errors of its functions are causes, in the platform's wording.
pub trait Sink {
    /// The number of bytes that it has.
    ///
    /// # Errors
    /// The length cannot be determined.
    fn length(&self) -> Result<u64, String>;

    /// Fills the buffer with its bytes from `offset` on; never called beyond its length.
    ///
    /// # Errors
    /// They cannot be read.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), String>;

    /// Appends bytes.
    ///
    /// # Errors
    /// The bytes cannot be written, for example because there is no room.
    fn append(&self, bytes: &[u8]) -> Result<(), String>;

    /// Removes all bytes.
    ///
    /// # Errors
    /// They cannot be removed.
    fn clear(&self) -> Result<(), String>;
}
