// SPDX-License-Identifier: BSD-3-Clause
//! Adding sections of data to an EFI application, as `ukify` and `objcopy` do.

use alloc::{string::String, vec::Vec};
use core::mem::{offset_of, size_of};

use super::{
    Headers, Pe,
    raw::{ImageNtHeaders64, ImageSectionHeader},
    wide,
};

/// `IMAGE_SCN_CNT_INITIALIZED_DATA | IMAGE_SCN_MEM_READ`.
const READ_ONLY_DATA: u32 = 0x4000_0040;

/// Why sections cannot be added.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// The file is not an EFI application.
    #[error(transparent)]
    Image(#[from] crate::Error),
    /// A signature covers the file as it is.
    #[error("it is signed; use the unsigned file, and sign the result")]
    Signed,
    /// The file already has a section of this name.
    #[error("it already has a section {0}")]
    Exists(String),
    /// A section's name is too long.
    #[error("{0} has more than 8 bytes")]
    Name(String),
    /// The headers have no room, or a size would exceed its field.
    #[error("there is no room for another section")]
    NoRoom,
}

/// The file with these sections appended: names of up to eight bytes and their data, loaded read-only. Data after the
/// existing sections stays before the new ones. `CheckSum` becomes 0: firmware does not check it.
///
/// Spec: Microsoft PE Format, "Section Table".
///
/// # Errors
/// [`Error`] says why not.
pub fn with_sections(file: &[u8], sections: &[(&str, &[u8])]) -> Result<Vec<u8>, Error> {
    let pe = Pe::parse(file)?;
    if !pe.certificates().is_empty() {
        return Err(Error::Signed);
    }
    let mut out = file.to_vec();
    for (name, data) in sections {
        let headers = Headers::parse(&out, wide(out.len()))?;
        if headers.section(name).is_some() {
            return Err(Error::Exists((*name).into()));
        }
        if name.len() > size_of::<[u8; 8]>() {
            return Err(Error::Name((*name).into()));
        }
        out = append(&out, &headers, name, data).ok_or(Error::NoRoom)?;
    }
    Ok(out)
}

/// The file with one more section; none if a value does not fit into its field.
fn append(file: &[u8], headers: &Headers<'_>, name: &str, data: &[u8]) -> Option<Vec<u8>> {
    let optional = &headers.nt.optional_header;
    let file_alignment = usize::try_from(optional.file_alignment.get()).ok()?;
    let alignment = optional.section_alignment.get();
    let address = headers.size_of_image().checked_next_multiple_of(alignment)?;
    let size = u32::try_from(data.len()).ok()?;
    let size_of_image = address.checked_add(size)?.checked_next_multiple_of(alignment)?;
    let raw_offset = file.len().checked_next_multiple_of(file_alignment)?;
    let raw_size = data.len().checked_next_multiple_of(file_alignment)?;
    let count = headers.nt.number_of_sections.get();
    let header_at = headers
        .sections_at
        .checked_add(u64::from(count).checked_mul(wide(size_of::<ImageSectionHeader>()))?)?;
    let header_end = header_at.checked_add(wide(size_of::<ImageSectionHeader>()))?;
    let first = headers.data().map(|(_, data)| data).filter(|data| !data.is_empty()).map(|data| data.start);
    if header_end > first.min()?.min(headers.size_of_headers()) {
        return None;
    }
    let mut header = Vec::with_capacity(size_of::<ImageSectionHeader>());
    header.extend(name.bytes());
    header.resize(8, 0);
    let words = [size, address, u32::try_from(raw_size).ok()?, u32::try_from(raw_offset).ok()?];
    words.iter().chain(&[0; 3]).chain(&[READ_ONLY_DATA]).for_each(|word| header.extend(word.to_le_bytes()));

    let mut out = Vec::new();
    out.try_reserve_exact(raw_offset.checked_add(raw_size)?).ok()?;
    out.extend_from_slice(file);
    out.resize(raw_offset, 0);
    out.extend_from_slice(data);
    out.resize(raw_offset.checked_add(raw_size)?, 0);
    let at = |field: usize| headers.at.checked_add(wide(field));
    put(&mut out, header_at, &header)?;
    let counted = count.checked_add(1)?.to_le_bytes();
    put(&mut out, at(offset_of!(ImageNtHeaders64, number_of_sections))?, &counted)?;
    let end = at(offset_of!(ImageNtHeaders64, optional_header.size_of_image))?;
    put(&mut out, end, &size_of_image.to_le_bytes())?;
    put(&mut out, headers.checksum_at(), &[0; 4])?;
    Some(out)
}

fn put(file: &mut [u8], at: u64, bytes: &[u8]) -> Option<()> {
    let start = usize::try_from(at).ok()?;
    file.get_mut(start..start.checked_add(bytes.len())?)?.copy_from_slice(bytes);
    Some(())
}

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use super::*;
    use crate::testing::{Builder, HEADERS, SECTIONS_AT};

    #[test]
    fn what_is_added_can_be_read_and_the_rest_is_as_it_was() {
        let file = Builder { overlay: b"behind".to_vec(), ..Builder::new() }.bytes();
        let made = with_sections(&file, &[(".keys", b"first"), (".1234567", &[7; 5000])]).unwrap();
        let (old, new) = (Pe::parse(&file).unwrap(), Pe::parse(&made).unwrap());
        assert_eq!(new.section(".keys"), Some(&b"first"[..]));
        assert_eq!(new.section(".1234567"), Some(&[7; 5000][..]));
        for section in old.headers.sections() {
            let name = section.name.to_string();
            assert_eq!(new.headers.section(&name), Some(section), "{name}");
            assert_eq!(new.section(&name), old.section(&name), "{name}");
        }
        assert_eq!(made[HEADERS..file.len()], file[HEADERS..]);
        let end = new.headers.sections().last().unwrap();
        assert_eq!((new.headers.size_of_image(), end.address), (0x8000, 0x6000));
        assert_eq!(made.len() % 0x200, 0);
    }

    #[test]
    fn no_section_stands_there_twice_and_no_signature_is_broken() {
        let file = Builder::new().bytes();
        assert_eq!(with_sections(&file, &[(".text", b"")]), Err(Error::Exists(".text".into())));
        assert_eq!(with_sections(&file, &[(".a", b""), (".a", b"")]), Err(Error::Exists(".a".into())));
        assert_eq!(with_sections(&file, &[(".trusted-root", b"")]), Err(Error::Name(".trusted-root".into())));
        let signed = Builder { certificates: std::vec![0; 8], ..Builder::new() }.bytes();
        assert_eq!(with_sections(&signed, &[(".a", b"")]), Err(Error::Signed));
        assert!(matches!(with_sections(b"MZ", &[(".a", b"")]), Err(Error::Image(_))));
    }

    #[test]
    fn headers_that_are_full_stay_as_they_are() {
        let file = Builder::new().bytes();
        let room = (HEADERS - SECTIONS_AT) / size_of::<ImageSectionHeader>() - Builder::new().sections.len();
        let names: Vec<String> = (0..=room).map(|number| std::format!(".{number}")).collect();
        let sections: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
        assert!(with_sections(&file, &sections[..room]).is_ok());
        assert_eq!(with_sections(&file, &sections), Err(Error::NoRoom));
    }
}
