// SPDX-License-Identifier: BSD-3-Clause
//! Identifiers of an image, derived from its content: the same image has the same ones, another image others.

use sha2::{Digest, Sha256};

/// The digest of everything in an image.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Identity([u8; 32]);

impl Identity {
    /// Hashes the fields that distinguish images, in order.
    pub fn of<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        for bytes in fields {
            // Includes the length, so that bytes cannot move from one field to the next.
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        Self(hash.finalize().into())
    }

    /// A GUID for one purpose, in its on-disk form: version 8 of RFC 9562, whose bits are free to choose.
    pub fn guid(&self, purpose: &str) -> [u8; 16] {
        let mut guid: [u8; 16] = self.derived(purpose);
        // The version stands in the high bits of the third field, which is little-endian on a disk.
        guid[7] = guid[7] & 0x0f | 0x80;
        guid[8] = guid[8] & 0x3f | 0x80;
        guid
    }

    /// A FAT volume's serial number.
    pub fn serial(&self) -> u32 {
        u32::from_le_bytes(self.derived("FAT serial number"))
    }

    fn derived<const N: usize>(&self, purpose: &str) -> [u8; N] {
        let digest = Sha256::new().chain_update(self.0).chain_update(purpose).finalize();
        std::array::from_fn(|index| digest[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(first: &str, second: &str) -> Identity {
        Identity::of([first.as_bytes(), second.as_bytes()])
    }

    #[test]
    fn identifiers_differ_by_content_and_purpose() {
        let identity = identity("A", "BC");
        assert_eq!(identity, self::identity("A", "BC"));
        assert_ne!(identity, self::identity("A", "BD"));
        assert_ne!(identity, self::identity("AB", "C"));
        assert_ne!(identity.guid("disk"), identity.guid("partition"));
    }

    #[test]
    fn guids_are_of_version_8() {
        let guid = identity("A", "").guid("disk");
        let text = part::Guid::from_bytes(guid).to_string();
        assert_eq!(&text[14..15], "8");
        assert!("89ab".contains(&text[19..20]), "{text}");
    }
}
