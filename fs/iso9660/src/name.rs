// SPDX-License-Identifier: BSD-3-Clause
//! Names from the file identifiers of ISO 9660 and Joliet.

use alloc::{string::String, vec::Vec};

/// The source of the names of an image.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Names {
    /// Rock Ridge: bytes as they are; the first `skip` bytes of each system use area are not SUSP entries.
    RockRidge { skip: u8 },
    /// UCS-2, big-endian.
    Joliet,
    /// ISO 9660: capital letters, digits, a version.
    Plain,
}

impl Names {
    /// The name of a file identifier.
    pub fn name(self, identifier: &[u8]) -> Vec<u8> {
        match self {
            Self::Joliet => {
                let name = ucs2(identifier);
                without_version(name.as_bytes()).to_vec()
            }
            // A record without a Rock Ridge name keeps its ISO 9660 name.
            Self::RockRidge { .. } => without_dot(without_version(identifier)).to_vec(),
            Self::Plain => without_dot(without_version(identifier)).to_ascii_lowercase(),
        }
    }
}

/// Decodes big-endian UTF-16; invalid units become U+FFFD.
pub fn ucs2(bytes: &[u8]) -> String {
    let units = bytes.as_chunks().0.iter().map(|unit| u16::from_be_bytes(*unit));
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// An identifier without `;1` or another version.
fn without_version(identifier: &[u8]) -> &[u8] {
    let Some(at) = identifier.iter().rposition(|byte| *byte == b';') else { return identifier };
    match identifier.split_at_checked(at) {
        Some((name, [_, version @ ..])) if !version.is_empty() && version.iter().all(u8::is_ascii_digit) => {
            name
        }
        _ => identifier,
    }
}

/// An identifier without the trailing dot of a name without extension.
fn without_dot(identifier: &[u8]) -> &[u8] {
    identifier.strip_suffix(b".").unwrap_or(identifier)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_are_shown_as_linux_shows_them() {
        for (identifier, name) in [
            ("README.TXT;1", "readme.txt"),
            ("EFI", "efi"),
            ("FILE.;1", "file"),
            ("A;B.C;12", "a;b.c"),
            (";", ";"),
        ] {
            assert_eq!(Names::Plain.name(identifier.as_bytes()), name.as_bytes());
        }
    }

    #[test]
    fn joliet_names_keep_their_case() {
        let identifier: Vec<u8> = "Lies mich ä.txt;1".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(Names::Joliet.name(&identifier), "Lies mich ä.txt".as_bytes());
    }

    #[test]
    fn rock_ridge_without_a_name_keeps_that_of_iso_9660() {
        assert_eq!(Names::RockRidge { skip: 0 }.name(b"BOOT.;1"), b"BOOT");
    }
}
