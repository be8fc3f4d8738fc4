// SPDX-License-Identifier: BSD-3-Clause
//! Errors of reading from and writing to a device.

use alloc::borrow::Cow;
use core::fmt;

use code::Code;
use damage::{Corrupt, NoMemory, Unsupported};

use crate::codes;

/// Why a read from a device, or a write to it, failed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The requested range is not entirely on the device.
    #[error("byte {offset}, length {length}: past the end of the device ({size} bytes)")]
    OutOfBounds {
        /// First byte of the request.
        offset: u64,
        /// Number of requested bytes.
        length: u64,
        /// Size of the device in bytes.
        size: u64,
    },
    /// The device failed; its driver says why (an EFI status, an errno).
    #[error("{access}: {cause}")]
    Device {
        /// The operation that failed.
        access: Access,
        /// The driver's error text.
        cause: Cow<'static, str>,
    },
    /// The data of this layer, or of one below it, is corrupt.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// A layer below uses a feature that cloud-boot does not support.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// A layer below ran out of memory.
    #[error(transparent)]
    NoMemory(#[from] NoMemory),
    /// The caller's limit for all reads together is reached.
    #[error("reading at byte {offset}: the total read limit of {limit} bytes is reached")]
    Limit {
        /// First byte of the request.
        offset: u64,
        /// The limit in bytes.
        limit: u64,
    },
}

impl ReadError {
    /// A device that failed to read at `offset`.
    pub fn reading(offset: u64, cause: impl Into<Cow<'static, str>>) -> Self {
        Self::Device { access: Access::Read { offset }, cause: cause.into() }
    }

    /// A device that failed to write at `offset`.
    pub fn writing(offset: u64, cause: impl Into<Cow<'static, str>>) -> Self {
        Self::Device { access: Access::Write { offset }, cause: cause.into() }
    }

    /// A device that failed to flush its writes to the medium.
    pub fn flushing(cause: impl Into<Cow<'static, str>>) -> Self {
        Self::Device { access: Access::Flush, cause: cause.into() }
    }

    /// The stable code; for corrupt data, that of the layer whose data it is.
    pub fn code(&self) -> Code {
        match self {
            Self::OutOfBounds { .. } | Self::Device { .. } => codes::IO,
            Self::Corrupt(corrupt) => corrupt.code(),
            Self::Unsupported(unsupported) => unsupported.code(),
            Self::NoMemory(_) => code::MEMORY,
            Self::Limit { .. } => codes::LIMIT,
        }
    }
}

/// The operation in which a device failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// Reading.
    Read {
        /// The first byte.
        offset: u64,
    },
    /// Writing.
    Write {
        /// The first byte.
        offset: u64,
    },
    /// Flushing earlier writes to the medium.
    Flush,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { offset } => write!(f, "reading at byte {offset}"),
            Self::Write { offset } => write!(f, "writing at byte {offset}"),
            Self::Flush => f.write_str("flushing"),
        }
    }
}

/// Checks that `length` bytes at `offset` lie within a device of `size` bytes.
///
/// # Errors
/// [`ReadError::OutOfBounds`] otherwise, also if the sum overflows.
pub fn check_bounds(offset: u64, length: usize, size: u64) -> Result<(), ReadError> {
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    match offset.checked_add(length) {
        Some(end) if end <= size => Ok(()),
        _ => Err(ReadError::OutOfBounds { offset, length, size }),
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use damage::{Fault, Format, Origin};

    use super::*;

    #[test]
    fn bounds_include_the_last_byte_and_refuse_overflow() {
        assert_eq!(check_bounds(0, 8, 8), Ok(()));
        assert_eq!(check_bounds(8, 0, 8), Ok(()));
        assert!(check_bounds(1, 8, 8).is_err());
        assert!(check_bounds(u64::MAX, 2, u64::MAX).is_err());
    }

    #[test]
    fn a_failure_says_what_the_device_was_doing() {
        for (error, text) in [
            (ReadError::reading(5, "EIO"), "reading at byte 5: EIO"),
            (ReadError::writing(6, "ENOSPC"), "writing at byte 6: ENOSPC"),
            (ReadError::flushing("EIO"), "flushing: EIO"),
        ] {
            assert_eq!(error.to_string(), text);
            assert_eq!(error.code(), "E-IO");
        }
    }

    #[test]
    fn damage_keeps_its_code_and_place() {
        let structure = "L2 entry";
        let corrupt = Corrupt {
            format: Format::Qcow2,
            fault: Fault::Range,
            structure,
            origin: Origin::Start,
            offset: 0x40000,
            found: 7,
        };
        let error = ReadError::from(corrupt.clone());
        assert_eq!(error.code(), "E-FS-QCOW2-RANGE");
        assert_eq!(error.to_string(), corrupt.to_string());
    }
}
