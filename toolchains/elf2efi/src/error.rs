// SPDX-License-Identifier: BSD-3-Clause
//! Errors of the conversion.

use std::io;

/// Why an ELF file cannot be converted to a UEFI application: the structure, its location, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is not ELF64, or a header points outside of it.
    #[error("{structure} at byte {offset}: {cause}")]
    Malformed {
        /// The structure by its name in the ELF specification.
        structure: &'static str,
        /// Its offset in the file.
        offset: u64,
        /// What is wrong with it.
        cause: object::read::Error,
    },
    /// A field has a value that a UEFI application cannot have.
    #[error("{field} at byte {offset} is {found:#x}: {wanted}")]
    Value {
        /// The structure and field by their names in the ELF specification.
        field: &'static str,
        /// Offset in the file of the structure that holds it.
        offset: u64,
        /// The value.
        found: u64,
        /// What is accepted, and how to get it.
        wanted: &'static str,
    },
    /// Something refers to an address that is not in the program.
    #[error("{what} {address:#x} is not in {place}")]
    Address {
        /// What refers to it.
        what: &'static str,
        /// The address.
        address: u64,
        /// Where it should be.
        place: &'static str,
    },
    /// A relocation that a PE file cannot express.
    #[error("relocation at {address:#x} has type {kind} and symbol {symbol}: only R_*_RELATIVE is supported")]
    Relocation {
        /// The address that it changes.
        address: u64,
        /// Its type.
        kind: u32,
        /// Its symbol.
        symbol: u32,
    },
    /// The program is larger than [`crate::plan::IMAGE_LIMIT`].
    #[error("the image would have {size} bytes: the limit is {limit}")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u32,
    },
    /// The PE file cannot be written.
    #[error("writing PE: {0}")]
    Write(object::write::Error),
}

#[cfg(test)]
impl PartialEq for Error {
    /// Compares the texts: `io::Error` has no equality of its own.
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}
