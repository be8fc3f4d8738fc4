// SPDX-License-Identifier: BSD-3-Clause
//! The files of a new crate.

use crate::name::Name;

/// The files by their paths below the crate's folder.
pub fn files(name: &Name<'_>) -> Vec<(&'static str, String)> {
    let letters: String = name.own.to_uppercase().chars().take(4).collect();
    let magic = letters + &"\\0".repeat(4usize.saturating_sub(name.own.len()));
    let fill = |text: &str| {
        text.replace("@MAGIC@", &magic).replace("@NAME@", name.own).replace("@PATH@", &name.path())
    };
    let files = [
        ("Cargo.toml", CARGO),
        ("BUILD.bazel", BUILD),
        ("README.md", README),
        ("src/lib.rs", LIB),
        ("src/fuzz.rs", FUZZ),
        ("tests/properties.rs", PROPERTIES),
    ];
    files.map(|(file, text)| (file, fill(text))).into()
}

const CARGO: &str = r#"[package]
name = "@NAME@"
version.workspace = true
edition.workspace = true
license.workspace = true
publish.workspace = true

[dependencies]
thiserror.workspace = true

[target.'cfg(target_os = "linux")'.dev-dependencies]
proptest.workspace = true
"#;

const BUILD: &str = r#"load("//tools/rust:defs.bzl", "rust_crate")

rust_crate(
    name = "@NAME@",
    test_deps = ["@crates//:proptest"],
    deps = ["@crates//:thiserror"],
)
"#;

const README: &str = "# @NAME@

What it reads, and from which specification, in three lines.

Lives here: what belongs in this crate. Not here: what belongs elsewhere, and where.

Not supported: each limit, and the error that reports it. The input is truncated: `Error::Truncated`; it is
something else: `Error::Magic`.
";

const LIB: &str = r#"// SPDX-License-Identifier: BSD-3-Clause
//! What it reads, in one sentence.
//!
//! What it refuses, and with which error.
//!
//! ```
//! let header = @NAME@::Header::parse(b"@MAGIC@\x01\0\0\0");
//! assert_eq!(header.map(|header| header.version), Ok(1));
//! ```
//!
//! Sources: the specification, with its version.
#![no_std]

pub mod fuzz;

/// The first bytes of the format.
const MAGIC: [u8; 4] = *b"@MAGIC@";

/// The header: a magic number and a version, each of four bytes, the second little-endian.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// The version of the format.
    pub version: u32,
}

impl Header {
    /// Parses the header at the start of `data`.
    ///
    /// # Errors
    /// [`Error::Truncated`] if `data` ends within it; [`Error::Magic`] if the magic number is wrong.
    pub fn parse(data: &[u8]) -> Result<Self, Error> {
        let Some((magic, rest)) = data.split_first_chunk() else {
            return Err(Error::Truncated { structure: "magic number", offset: 0 });
        };
        if *magic != MAGIC {
            return Err(Error::Magic { found: u32::from_be_bytes(*magic) });
        }
        let Some((version, _)) = rest.split_first_chunk() else {
            return Err(Error::Truncated { structure: "version", offset: 4 });
        };
        Ok(Self { version: u32::from_le_bytes(*version) })
    }
}

/// Why something cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input ends before a structure does.
    #[error("{structure} at byte {offset}: truncated")]
    Truncated {
        /// The structure.
        structure: &'static str,
        /// Where it begins, in bytes.
        offset: u64,
    },
    /// The magic number is wrong.
    #[error("wrong magic number (found {found:#010x})")]
    Magic {
        /// The bytes found in its place, big-endian.
        found: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_reads_magic_and_version() {
        assert_eq!(Header::parse(b"@MAGIC@\x02\x01\0\0, and more"), Ok(Header { version: 0x102 }));
    }

    #[test]
    fn parse_rejects_a_short_header() {
        assert_eq!(Header::parse(b"@MAGIC@\0"), Err(Error::Truncated { structure: "version", offset: 4 }));
        assert_eq!(Header::parse(b""), Err(Error::Truncated { structure: "magic number", offset: 0 }));
    }

    #[test]
    fn parse_rejects_another_magic_number() {
        assert_eq!(Header::parse(b"\0\0\0\x07\0\0\0\0"), Err(Error::Magic { found: 7 }));
    }
}
"#;

const FUZZ: &str = "// SPDX-License-Identifier: BSD-3-Clause
//! The fuzz entry point.

use crate::Header;

/// Fuzz entry point: any bytes give a value or an error.
pub fn fuzz(data: &[u8]) {
    let _ = Header::parse(data);
}
";

const PROPERTIES: &str = r#"// SPDX-License-Identifier: BSD-3-Clause
//! Any bytes are read or refused.

use proptest::prelude::*;

proptest! {
    #[test]
    fn any_bytes_give_a_value_or_an_error(data in proptest::collection::vec(any::<u8>(), 0..64)) {
        @NAME@::fuzz::fuzz(&data);
    }

    #[test]
    fn any_version_is_read(version: u32) {
        let data = [&b"@MAGIC@"[..], &version.to_le_bytes()].concat();
        @NAME@::fuzz::fuzz(&data);
        prop_assert_eq!(@NAME@::Header::parse(&data), Ok(@NAME@::Header { version }));
    }
}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_to_be_filled_in() {
        for path in ["fs/x", "net/longer_name"] {
            let files = files(&Name::parse(path).unwrap());
            assert_eq!(files.len(), 6);
            assert!(files.iter().all(|(_, text)| !text.contains('@') || text.contains("@crates")), "{path}");
        }
    }
}
