// SPDX-License-Identifier: BSD-3-Clause
//! Where blobs go that are not kept in memory.

use alloc::string::String;

/// Takes the bytes of a blob in order, and may hold the first of them from an earlier attempt.
///
/// The errors of its functions are causes, in the platform's words.
pub trait Sink {
    /// How many bytes it holds.
    ///
    /// # Errors
    /// That is not known.
    fn length(&self) -> Result<u64, String>;

    /// Its bytes from `offset` on, as many as the buffer has room for; never asked beyond its length.
    ///
    /// # Errors
    /// They cannot be read.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), String>;

    /// Puts bytes behind those that it holds.
    ///
    /// # Errors
    /// There is no room, for example.
    fn append(&self, bytes: &[u8]) -> Result<(), String>;

    /// Lets go of all it holds.
    ///
    /// # Errors
    /// It cannot.
    fn clear(&self) -> Result<(), String>;
}
