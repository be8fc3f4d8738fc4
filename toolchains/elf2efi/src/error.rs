// SPDX-License-Identifier: BSD-3-Clause
//! Why a file is not converted.

use std::io;

/// Why an ELF file does not become a UEFI application: the structure, where it stands, and what to do.
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
        /// Where it stands in the file.
        offset: u64,
        /// What is wrong with it.
        cause: object::read::Error,
    },
    /// A field has a value that has no place in a UEFI application.
    #[error("{field} at byte {offset} is {found:#x}: {wanted}")]
    Value {
        /// The structure and field by their names in the ELF specification.
        field: &'static str,
        /// Where the structure that holds it stands in the file.
        offset: u64,
        /// The value.
        found: u64,
        /// What is accepted, and how to get it.
        wanted: &'static str,
    },
    /// Something refers to an address that has to be in the program and is not.
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
    #[error(
        "relocation at {address:#x} has type {kind} and symbol {symbol}: only R_*_RELATIVE has a place in PE"
    )]
    Relocation {
        /// The address that it changes.
        address: u64,
        /// Its type.
        kind: u32,
        /// Its symbol.
        symbol: u32,
    },
    /// The program is larger than [`crate::plan::IMAGE_LIMIT`].
    #[error("the image would be {size} bytes long: at most {limit} are accepted")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u32,
    },
    /// The writer of PE files gave up.
    #[error("writing PE: {0}")]
    Write(object::write::Error),
}

#[cfg(test)]
impl PartialEq for Error {
    /// By what they say: `io::Error` has no equality of its own.
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}
