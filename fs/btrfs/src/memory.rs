// SPDX-License-Identifier: BSD-3-Clause
//! Conversions between `usize` and `u64`, and allocations that may fail.

use alloc::vec::Vec;

use filesystem::{Error, Format, NoMemory};

/// A length as offsets are counted.
pub fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A length as a `usize`; one too large for it stays larger than any buffer.
pub fn narrow(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

/// A buffer of `length` zeros for `structure`.
///
/// # Errors
/// [`Error::NoMemory`].
pub fn zeros(length: usize, structure: &'static str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    reserve(&mut bytes, length, structure)?;
    bytes.resize(length, 0);
    Ok(bytes)
}

/// Reserves room for `count` more items of `structure`.
///
/// # Errors
/// [`Error::NoMemory`].
pub fn reserve<T>(items: &mut Vec<T>, count: usize, structure: &'static str) -> Result<(), Error> {
    items.try_reserve(count).map_err(|_| {
        // Saturates only if no machine has that much memory.
        let bytes = wide(count).saturating_mul(wide(size_of::<T>()));
        Error::NoMemory(NoMemory { format: Format::Btrfs, structure, bytes })
    })
}
