// SPDX-License-Identifier: BSD-3-Clause
//! The digest that a Secure Boot signature covers.
//!
//! Spec: Microsoft, Windows Authenticode Portable Executable Signature Format (2008), "Calculating the PE
//! Image Hash"; where that is silent, as EDK II's `DxeImageVerificationLib` does it.

use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};

use crate::{
    Corrupt, Error, Fault, Format, Origin,
    pe::{Pe, part, wide},
};

/// Bytes of `CheckSum`.
const CHECK_SUM_SIZE: u64 = 4;
/// Bytes of the data directory's entry for the certificate table.
const ENTRY_SIZE: u64 = 8;

/// The Authenticode SHA-256 digest of a file: that of all its bytes but the checksum, the certificate table
/// and the data directory's entry for it.
///
/// Of a file that is not signed, it is the digest of the bytes as they are. A signing tool first pads the file to a
/// multiple of eight bytes, which changes the digest if padding was needed.
///
/// # Errors
/// [`Error::Corrupt`] when the data of sections overlap, or when the certificate table is not at the end: signing tools
/// and firmware would not agree on what is signed.
pub fn sha256(pe: &Pe<'_>) -> Result<[u8; 32], Error> {
    let (headers, length) = (&pe.headers, wide(pe.file().len()));
    let mut hash = Sha256::new();
    let mut update = |range| hash.update(part(pe.file(), range).unwrap_or_default());
    // Nothing saturates: offsets of headers have at most 33 bits.
    let checksum = headers.checksum_at();
    update(0..checksum);
    let mut from = checksum.saturating_add(CHECK_SUM_SIZE);
    if let Some(entry) = headers.security_at() {
        update(from..entry);
        from = entry.saturating_add(ENTRY_SIZE);
    }
    update(from..headers.size_of_headers());

    let mut data: Vec<_> = headers.data().filter(|(_, range)| !range.is_empty()).collect();
    data.sort_by_key(|(_, range)| range.start);
    let mut end = headers.size_of_headers();
    let mut hashed = end;
    for (place, range) in data {
        if range.start < end {
            return Err(corrupt("IMAGE_SECTION_HEADER.PointerToRawData", place, range.start));
        }
        end = range.end;
        // Cannot exceed the file, whose parts these are.
        hashed = hashed.saturating_add(range.end.saturating_sub(range.start));
        update(range);
    }

    let certificates = headers.certificates();
    let rest = if certificates.is_empty() { length } else { certificates.start };
    if rest < end || (!certificates.is_empty() && certificates.end != length) {
        // `VirtualAddress` comes first in the entry, without which there are no certificates.
        let place = headers.security_at().unwrap_or(0);
        return Err(corrupt("IMAGE_DIRECTORY_ENTRY_SECURITY.VirtualAddress", place, certificates.start));
    }
    // By the number of bytes hashed, not from the end of the last section: the same unless there are gaps.
    update(hashed..rest);
    Ok(hash.finalize().into())
}

fn corrupt(structure: &'static str, offset: u64, found: u64) -> Error {
    Error::Corrupt(Corrupt {
        format: Format::Pe,
        fault: Fault::Inconsistent,
        structure,
        origin: Origin::Start,
        offset,
        found,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{AT, Builder, SECTIONS_AT};

    fn digest(file: &[u8]) -> [u8; 32] {
        sha256(&Pe::parse(file).unwrap()).unwrap()
    }

    #[test]
    fn the_digest_is_that_of_all_bytes_but_the_exceptions() {
        let file = Builder { overlay: b"overlay!".to_vec(), ..Builder::new() }.bytes();
        let mut hashed = file.clone();
        hashed.drain(AT + 168..AT + 176);
        hashed.drain(AT + 88..AT + 92);
        assert_eq!(digest(&file), *Sha256::digest(hashed));
    }

    #[test]
    fn it_does_not_change_when_a_file_is_signed() {
        let file = Builder { overlay: b"overlay!".to_vec(), ..Builder::new() }.bytes();
        let mut signed =
            Builder { overlay: b"overlay!".to_vec(), certificates: [7; 16].to_vec(), ..Builder::new() }
                .bytes();
        signed[AT + 88] ^= 0xff;
        assert_eq!(digest(&file), digest(&signed));
    }

    #[test]
    fn every_other_byte_changes_it() {
        let file =
            Builder { overlay: b"overlay!".to_vec(), certificates: [7; 16].to_vec(), ..Builder::new() }
                .bytes();
        let mut unchanged = Vec::new();
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 0x20;
            let Ok(pe) = Pe::parse(&changed) else { continue };
            if sha256(&pe) == Ok(digest(&file)) {
                unchanged.push(at);
            }
        }
        // The checksum and the certificates; the entry of the data directory cannot be changed unnoticed.
        let expected: Vec<_> = (AT + 88..AT + 92).chain(file.len() - 16..file.len()).collect();
        assert_eq!(unchanged, expected);
    }

    #[test]
    fn the_order_of_section_headers_does_not_matter_to_the_data() {
        let file = Builder::new().bytes();
        let mut swapped = file.clone();
        let (first, second) = swapped[SECTIONS_AT..SECTIONS_AT + 80].split_at_mut(40);
        first.swap_with_slice(second);
        let mut hashed = swapped.clone();
        hashed.drain(AT + 168..AT + 176);
        hashed.drain(AT + 88..AT + 92);
        assert_eq!(digest(&swapped), *Sha256::digest(hashed));
    }

    #[test]
    fn sha256_rejects_files_on_which_signers_disagree() {
        let refused = |file: &[u8]| {
            let error = sha256(&Pe::parse(file).unwrap()).unwrap_err();
            assert_eq!(error.code(), "E-IMAGE-PE-INCONSISTENT");
            let Error::Corrupt(corrupt) = error else { unreachable!() };
            corrupt.offset
        };
        // Data of two sections in one place.
        let mut file = Builder::new().bytes();
        file[SECTIONS_AT + 60..SECTIONS_AT + 64].copy_from_slice(&0x600u32.to_le_bytes());
        assert_eq!(refused(&file), (SECTIONS_AT + 60) as u64);
        // Something behind the certificates; certificates over a section.
        let mut file = Builder { certificates: [7; 16].to_vec(), ..Builder::new() }.bytes();
        file.push(0);
        assert_eq!(refused(&file), (AT + 168) as u64);
        file.pop();
        let (start, size) = (file.len() as u32 - 24, 24u32);
        file[AT + 168..AT + 172].copy_from_slice(&start.to_le_bytes());
        file[AT + 172..AT + 176].copy_from_slice(&size.to_le_bytes());
        assert_eq!(refused(&file), (AT + 168) as u64);
    }
}
