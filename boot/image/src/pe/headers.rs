// SPDX-License-Identifier: BSD-3-Clause
//! Reading and checking the headers.

use alloc::{borrow::Cow, format};
use core::{mem::offset_of, ops::Range};

use arch::{Arch, Machine};
use zerocopy::{FromBytes as _, Immutable, KnownLayout, Unaligned};

use super::{Name, Section, part, raw, wide};
use crate::{Corrupt, Error, Fault, Format, Origin, Unsupported};
use raw::{ImageDataDirectory, ImageDosHeader, ImageNtHeaders64, ImageOptionalHeader64, ImageSectionHeader};

/// `IMAGE_SUBSYSTEM_EFI_APPLICATION`.
const EFI_APPLICATION: u16 = 10;
/// `IMAGE_NT_OPTIONAL_HDR32_MAGIC`.
const PE32: u16 = 0x10b;
/// `IMAGE_NT_OPTIONAL_HDR64_MAGIC`.
const PE32_PLUS: u16 = 0x20b;
/// Several times more than the largest unified kernel images have; the format would allow 65535.
const SECTIONS_LIMIT: u16 = 1024;

/// The headers of an EFI application.
///
/// Invariants, by [`Headers::parse`]: the data of all sections and the certificate table lie in the file, the
/// sections and the entry point in the image's memory.
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    pub(super) nt: &'a ImageNtHeaders64,
    /// Offset of `nt` in the file.
    pub(super) at: u64,
    /// Offset of `sections` in the file.
    pub(super) sections_at: u64,
    sections: &'a [ImageSectionHeader],
    security: Option<Security>,
}

/// The data directory's entry for the certificate table.
#[derive(Clone, Debug)]
struct Security {
    /// Offset of the entry in the file.
    at: u64,
    /// Where the table is in the file.
    table: Range<u64>,
}

impl<'a> Headers<'a> {
    /// Reads the headers in the first bytes of a file of `length` bytes, all of it or at least
    /// [`HEAD_SIZE`](super::HEAD_SIZE), and checks that the file is long enough for everything they refer to.
    ///
    /// # Errors
    /// [`Error::Truncated`] when the file ends too early, naming the header or section; [`Error::Corrupt`] when a field
    /// is wrong; [`Error::Unsupported`] for 32-bit programs and for others than EFI applications; [`Error::Limit`] when
    /// the headers extend beyond `head`.
    pub fn parse(head: &'a [u8], length: u64) -> Result<Self, Error> {
        let head = Head { bytes: head, length };
        let dos: &ImageDosHeader = head.read(0, "IMAGE_DOS_HEADER")?;
        if dos.e_magic != *b"MZ" {
            let found = u16::from_le_bytes(dos.e_magic).into();
            return Err(corrupt(
                Fault::Magic,
                "IMAGE_DOS_HEADER.e_magic",
                within(0, offset_of!(ImageDosHeader, e_magic)),
                found,
            ));
        }
        let at = u64::from(dos.e_lfanew.get());
        let nt: &ImageNtHeaders64 = head.read(at, "IMAGE_NT_HEADERS64")?;
        check_kind(nt, at)?;
        check_counts(nt, at)?;
        // Nothing saturates: `at` is of 32 bits, the rest of 16 and less.
        let start = within(at, offset_of!(ImageNtHeaders64, optional_header))
            .saturating_add(nt.size_of_optional_header.get().into());
        let size =
            u64::from(nt.number_of_sections.get()).saturating_mul(wide(size_of::<ImageSectionHeader>()));
        let end = start.saturating_add(size);
        let bytes = head.bytes(start..end, "IMAGE_SECTION_HEADER")?;
        let sections = <[ImageSectionHeader]>::ref_from_bytes(bytes).unwrap_or_default();
        check_memory(nt, at, end)?;
        let this = Self { nt, at, sections_at: start, sections, security: None };
        head.holds(this.size_of_headers(), || "SizeOfHeaders".into())?;
        for (section, at) in sections.iter().zip((start..end).step_by(size_of::<ImageSectionHeader>())) {
            this.check_section(section, at, &head)?;
        }
        let security = this.find_certificates(&head)?;
        Ok(Self { security, ..this })
    }

    /// The machine type that the program is for.
    pub fn machine(&self) -> Machine {
        Machine(self.nt.machine.get())
    }

    /// Checks that the program is for this architecture.
    ///
    /// # Errors
    /// [`Error::Machine`] otherwise.
    pub fn expect_machine(&self, wanted: Arch) -> Result<(), Error> {
        let found = self.machine();
        if found == wanted.machine() { Ok(()) } else { Err(Error::Machine { found, wanted }) }
    }

    /// Size in bytes of the memory that the program is loaded into.
    pub fn size_of_image(&self) -> u32 {
        self.nt.optional_header.size_of_image.get()
    }

    /// Address of the first instruction, from the start of the image.
    pub fn entry(&self) -> u32 {
        self.nt.optional_header.address_of_entry_point.get()
    }

    /// The sections, in the order of their headers.
    pub fn sections(&self) -> impl Iterator<Item = Section> + use<'a> {
        self.sections.iter().map(section)
    }

    /// The first section of this name.
    pub fn section(&self, name: &str) -> Option<Section> {
        self.sections().find(|s| s.name.as_bytes() == name.as_bytes())
    }

    /// Where in the file the certificate table is; empty if the file is not signed.
    pub fn certificates(&self) -> Range<u64> {
        self.security.as_ref().map_or(0..0, |s| s.table.clone())
    }

    /// Where the data of each section is in the file, and where its header says that: `PointerToRawData`.
    pub(crate) fn data(&self) -> impl Iterator<Item = (u64, Range<u64>)> {
        let first = within(self.sections_at, offset_of!(ImageSectionHeader, pointer_to_raw_data));
        let places = (first..).step_by(size_of::<ImageSectionHeader>());
        places.zip(self.sections()).map(|(place, section)| (place, section.raw()))
    }

    /// Length in bytes of all headers, with the padding behind them.
    pub(crate) fn size_of_headers(&self) -> u64 {
        self.nt.optional_header.size_of_headers.get().into()
    }

    /// Offset in the file of `IMAGE_OPTIONAL_HEADER64.CheckSum`.
    pub(crate) fn checksum_at(&self) -> u64 {
        within(self.at, offset_of!(ImageNtHeaders64, optional_header.check_sum))
    }

    /// Offset in the file of the data directory's entry for the certificate table, if it has one.
    pub(crate) fn security_at(&self) -> Option<u64> {
        self.security.as_ref().map(|s| s.at)
    }

    /// Checks a section, whose header is at byte `at`, as EDK II does before it loads the file.
    fn check_section(&self, header: &ImageSectionHeader, at: u64, head: &Head<'_>) -> Result<(), Error> {
        let refuse =
            |fault, field, place, found: u32| Err(corrupt(fault, field, within(at, place), found.into()));
        let section = section(header);
        // Cannot saturate: both are of 32 bits.
        let end = u64::from(section.address).saturating_add(section.size.into());
        if end > self.size_of_image().into() {
            return refuse(
                Fault::Range,
                "IMAGE_SECTION_HEADER.VirtualSize",
                offset_of!(ImageSectionHeader, virtual_size),
                section.size,
            );
        }
        if section.raw_size == 0 {
            return Ok(());
        }
        if u64::from(section.address) < self.size_of_headers() {
            return refuse(
                Fault::Inconsistent,
                "IMAGE_SECTION_HEADER.VirtualAddress",
                offset_of!(ImageSectionHeader, virtual_address),
                section.address,
            );
        }
        if section.raw().start < self.size_of_headers() {
            return refuse(
                Fault::Inconsistent,
                "IMAGE_SECTION_HEADER.PointerToRawData",
                offset_of!(ImageSectionHeader, pointer_to_raw_data),
                section.raw_offset,
            );
        }
        head.holds(section.raw().end, || format!("section {}", section.name).into())
    }

    /// The data directory's entry for the certificate table. Its address is an offset in the file.
    fn find_certificates(&self, head: &Head<'_>) -> Result<Option<Security>, Error> {
        if self.nt.optional_header.number_of_rva_and_sizes.get() <= raw::SECURITY {
            return Ok(None);
        }
        let at = within(self.at, raw::SECURITY_AT);
        let entry: &ImageDataDirectory = head.read(at, "IMAGE_DATA_DIRECTORY")?;
        let (start, size) = (u64::from(entry.virtual_address.get()), u64::from(entry.size.get()));
        // Cannot saturate: both are of 32 bits.
        let table = start..start.saturating_add(size);
        if size == 0 {
            return Ok(Some(Security { at, table: 0..0 }));
        }
        if start < self.size_of_headers() {
            return Err(corrupt(
                Fault::Inconsistent,
                "IMAGE_DIRECTORY_ENTRY_SECURITY.VirtualAddress",
                within(at, offset_of!(ImageDataDirectory, virtual_address)),
                start,
            ));
        }
        head.holds(table.end, || "certificate table".into())?;
        Ok(Some(Security { at, table }))
    }
}

/// The first bytes of a file, and its length.
struct Head<'a> {
    bytes: &'a [u8],
    length: u64,
}

impl<'a> Head<'a> {
    /// Checks that the file is `wanted` bytes long.
    fn holds(&self, wanted: u64, structure: impl Fn() -> Cow<'static, str>) -> Result<(), Error> {
        if wanted > self.length {
            return Err(Error::Truncated {
                format: Format::Pe,
                structure: structure(),
                wanted,
                had: self.length,
            });
        }
        Ok(())
    }

    /// A range of the file, which must be within the first bytes.
    fn bytes(&self, range: Range<u64>, structure: &'static str) -> Result<&'a [u8], Error> {
        self.holds(range.end, || structure.into())?;
        let size = range.end;
        part(self.bytes, range).ok_or(Error::Limit {
            format: Format::Pe,
            size,
            limit: wide(self.bytes.len()),
        })
    }

    /// The structure at byte `at`.
    fn read<T>(&self, at: u64, structure: &'static str) -> Result<&'a T, Error>
    where
        T: zerocopy::FromBytes + Immutable + Unaligned + KnownLayout,
    {
        let end = within(at, size_of::<T>());
        let bytes = self.bytes(at..end, structure)?;
        // The range has the length of the structure.
        let truncated =
            |_| Error::Truncated { format: Format::Pe, structure: structure.into(), wanted: end, had: at };
        T::ref_from_bytes(bytes).map_err(truncated)
    }
}

fn section(header: &ImageSectionHeader) -> Section {
    let raw_size = header.size_of_raw_data.get();
    Section {
        name: Name(header.name),
        address: header.virtual_address.get(),
        // Old linkers leave it zero, and firmware then takes the size of the data.
        size: if header.virtual_size.get() == 0 { raw_size } else { header.virtual_size.get() },
        raw_offset: header.pointer_to_raw_data.get(),
        raw_size,
        flags: header.characteristics.get(),
    }
}

/// Where byte `at` of a structure is in the file.
fn within(structure: u64, at: usize) -> u64 {
    // Cannot saturate: structures start at numbers of 33 bits.
    structure.saturating_add(wide(at))
}

fn corrupt(fault: Fault, structure: &'static str, offset: u64, found: u64) -> Error {
    Error::Corrupt(Corrupt { format: Format::Pe, fault, structure, origin: Origin::Start, offset, found })
}

/// Refuses anything but a 64-bit EFI application.
fn check_kind(nt: &ImageNtHeaders64, at: u64) -> Result<(), Error> {
    if nt.signature != *b"PE\0\0" {
        let found = u32::from_le_bytes(nt.signature).into();
        return Err(corrupt(
            Fault::Magic,
            "IMAGE_NT_HEADERS64.Signature",
            within(at, offset_of!(ImageNtHeaders64, signature)),
            found,
        ));
    }
    let unsupported = |feature| Err(Error::Unsupported(Unsupported { format: Format::Pe, feature }));
    match nt.optional_header.magic.get() {
        PE32_PLUS => {}
        PE32 => return unsupported(format!("32-bit program for {}", Machine(nt.machine.get())).into()),
        other => {
            let at = within(at, offset_of!(ImageNtHeaders64, optional_header.magic));
            return Err(corrupt(Fault::Magic, "IMAGE_OPTIONAL_HEADER64.Magic", at, other.into()));
        }
    }
    match nt.optional_header.subsystem.get() {
        EFI_APPLICATION => Ok(()),
        other => unsupported(
            format!("subsystem {other}: not an EFI application, which has {EFI_APPLICATION}").into(),
        ),
    }
}

/// Checks the numbers of data directories and of sections.
fn check_counts(nt: &ImageNtHeaders64, at: u64) -> Result<(), Error> {
    let refuse = |fault, field, place, found| Err(corrupt(fault, field, within(at, place), found));
    let directories = nt.optional_header.number_of_rva_and_sizes.get();
    if directories > raw::DIRECTORIES_LIMIT {
        let place = offset_of!(ImageNtHeaders64, optional_header.number_of_rva_and_sizes);
        let field = "IMAGE_OPTIONAL_HEADER64.NumberOfRvaAndSizes";
        return refuse(Fault::Range, field, place, directories.into());
    }
    // Nothing saturates: there are few.
    let needed = u64::from(directories).saturating_mul(wide(size_of::<ImageDataDirectory>()));
    let size = u64::from(nt.size_of_optional_header.get());
    if size < wide(size_of::<ImageOptionalHeader64>()).saturating_add(needed) {
        let place = offset_of!(ImageNtHeaders64, size_of_optional_header);
        return refuse(Fault::Inconsistent, "IMAGE_FILE_HEADER.SizeOfOptionalHeader", place, size);
    }
    let count = nt.number_of_sections.get();
    if count == 0 || count > SECTIONS_LIMIT {
        let place = offset_of!(ImageNtHeaders64, number_of_sections);
        return refuse(Fault::Range, "IMAGE_FILE_HEADER.NumberOfSections", place, count.into());
    }
    Ok(())
}

/// Checks the sizes that concern the whole image; the section headers end at byte `end`.
fn check_memory(nt: &ImageNtHeaders64, at: u64, end: u64) -> Result<(), Error> {
    let optional = &nt.optional_header;
    let refuse =
        |field, place, found: u32| Err(corrupt(Fault::Inconsistent, field, within(at, place), found.into()));
    let (size, image) = (optional.size_of_headers.get(), optional.size_of_image.get());
    if u64::from(size) < end || size > image {
        return refuse(
            "IMAGE_OPTIONAL_HEADER64.SizeOfHeaders",
            offset_of!(ImageNtHeaders64, optional_header.size_of_headers),
            size,
        );
    }
    let entry = optional.address_of_entry_point.get();
    if entry == 0 || entry >= image {
        return refuse(
            "IMAGE_OPTIONAL_HEADER64.AddressOfEntryPoint",
            offset_of!(ImageNtHeaders64, optional_header.address_of_entry_point),
            entry,
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        string::{String, ToString},
        vec::Vec,
    };

    use super::*;
    use crate::{
        pe::Pe,
        testing::{AT, Builder, HEADERS, SECTIONS_AT},
    };

    /// The code and the text of what a changed word of the valid file is refused with.
    fn refused<const N: usize>(at: usize, bytes: [u8; N]) -> (String, String) {
        let mut file = Builder::new().bytes();
        file[at..at + N].copy_from_slice(&bytes);
        let error = Pe::parse(&file).unwrap_err();
        (error.code().to_string(), error.to_string())
    }

    #[test]
    fn parse_yields_what_the_headers_say() {
        let file = Builder::new().bytes();
        let pe = Pe::parse(&file).unwrap();
        assert_eq!(pe.headers.machine(), Arch::X86_64.machine());
        assert_eq!((pe.headers.entry(), pe.headers.size_of_image()), (0x1010, 0x5000));
        let sections: Vec<_> = pe
            .headers
            .sections()
            .map(|s| (s.name.to_string(), s.address, s.size, s.raw(), s.data()))
            .collect();
        let expected = [
            (".text".into(), 0x1000, 0x234, 0x400..0x800, 0x400..0x634),
            (".data".into(), 0x2000, 0x1800, 0x800..0xa00, 0x800..0xa00),
            (".bss".into(), 0x4000, 0x1000, 0..0, 0..0),
        ];
        assert_eq!(sections, expected);
        assert_eq!(pe.section(".text").unwrap(), [0xcc; 0x234]);
        assert_eq!(pe.section(".data").unwrap().len(), 0x200);
        assert_eq!(pe.section(".bss"), Some(&[][..]));
        assert_eq!(pe.section(".tex"), None);
        assert!(pe.certificates().is_empty());
    }

    #[test]
    fn certificates_are_found_where_the_directory_says() {
        let builder =
            Builder { overlay: b"overlay".to_vec(), certificates: b"certificate".to_vec(), ..Builder::new() };
        let file = builder.bytes();
        assert_eq!(Pe::parse(&file).unwrap().certificates(), b"certificate");
    }

    #[test]
    fn a_cut_file_is_refused_by_the_name_of_what_is_missing() {
        let builder = Builder { certificates: b"certificate".to_vec(), ..Builder::new() };
        let file = builder.bytes();
        let table = [
            (0, "IMAGE_DOS_HEADER", 64),
            (63, "IMAGE_DOS_HEADER", 64),
            (64, "IMAGE_NT_HEADERS64", AT + 136),
            (AT + 135, "IMAGE_NT_HEADERS64", AT + 136),
            (AT + 136, "IMAGE_SECTION_HEADER", SECTIONS_AT + 120),
            (SECTIONS_AT + 119, "IMAGE_SECTION_HEADER", SECTIONS_AT + 120),
            (SECTIONS_AT + 120, "SizeOfHeaders", HEADERS),
            (HEADERS, "section .text", 0x800),
            (0x7ff, "section .text", 0x800),
            (0x800, "section .data", 0xa00),
            (0xa00, "certificate table", 0xa0b),
            (0xa0a, "certificate table", 0xa0b),
        ];
        for (length, structure, wanted) in table {
            let error = Pe::parse(&file[..length]).unwrap_err();
            assert_eq!(error.code(), "E-IMAGE-PE-TRUNCATED");
            let (wanted, had) = (wanted as u64, length as u64);
            let expected = Error::Truncated { format: Format::Pe, structure: structure.into(), wanted, had };
            assert_eq!(error, expected);
        }
        for length in 0..file.len() {
            assert_eq!(
                Pe::parse(&file[..length]).unwrap_err().code(),
                "E-IMAGE-PE-TRUNCATED",
                "{length} bytes"
            );
        }
    }

    #[test]
    fn headers_are_read_from_the_first_bytes_of_a_longer_file() {
        let file = Builder::new().bytes();
        let length = file.len() as u64;
        assert!(Headers::parse(&file[..HEADERS], length).is_ok());
        let error = Headers::parse(&file[..SECTIONS_AT], length).unwrap_err();
        assert_eq!(error.code(), "E-IMAGE-PE-LIMIT");
        assert_eq!(Headers::parse(&file[..HEADERS], length - 1).unwrap_err().code(), "E-IMAGE-PE-TRUNCATED");
    }

    #[test]
    fn parse_rejects_other_files() {
        assert_eq!(refused(0, *b"ZM").0, "E-IMAGE-PE-MAGIC");
        assert_eq!(refused(AT, *b"NE\0\0").0, "E-IMAGE-PE-MAGIC");
        assert_eq!(refused(0x3c, u32::MAX.to_le_bytes()).0, "E-IMAGE-PE-TRUNCATED");
        assert_eq!(refused(AT + 24, 0x107u16.to_le_bytes()).0, "E-IMAGE-PE-MAGIC");
        let (code, text) = refused(AT + 24, 0x10bu16.to_le_bytes());
        assert_eq!(
            (&*code, &*text),
            ("E-IMAGE-PE-UNSUPPORTED", "PE: unsupported: 32-bit program for x86_64")
        );
        let (code, text) = refused(AT + 92, 11u16.to_le_bytes());
        assert_eq!(code, "E-IMAGE-PE-UNSUPPORTED");
        assert!(text.contains("subsystem 11"), "{text}");
    }

    #[test]
    fn another_machine_is_refused_by_both_names() {
        let builder = Builder { machine: 0xaa64, ..Builder::new() };
        let file = builder.bytes();
        let headers = Pe::parse(&file).unwrap().headers;
        assert_eq!(headers.expect_machine(Arch::Aarch64), Ok(()));
        let error = headers.expect_machine(Arch::Riscv64).unwrap_err();
        assert_eq!(error.code(), "E-IMAGE-PE-MACHINE");
        assert_eq!(error.to_string(), "PE: program for aarch64, this machine is riscv64");
    }

    #[test]
    fn parse_rejects_counts_that_the_headers_cannot_hold() {
        assert_eq!(refused(AT + 6, 0u16.to_le_bytes()).0, "E-IMAGE-PE-RANGE");
        assert_eq!(refused(AT + 6, 1025u16.to_le_bytes()).0, "E-IMAGE-PE-RANGE");
        // 1024 headers are in bounds, but not in this file.
        assert_eq!(refused(AT + 6, 1024u16.to_le_bytes()).0, "E-IMAGE-PE-TRUNCATED");
        // 20 headers are in the file, but behind SizeOfHeaders.
        assert!(refused(AT + 6, 20u16.to_le_bytes()).1.contains("SizeOfHeaders"));
        assert_eq!(refused(AT + 132, 17u32.to_le_bytes()).0, "E-IMAGE-PE-RANGE");
        assert!(refused(AT + 20, 239u16.to_le_bytes()).1.contains("SizeOfOptionalHeader"));
    }

    #[test]
    fn parse_rejects_sizes_that_contradict_each_other() {
        assert!(
            refused(AT + 84, 0x8000u32.to_le_bytes()).1.contains("SizeOfHeaders at"),
            "above the image's"
        );
        for entry in [0, 0x5000, u32::MAX] {
            assert!(refused(AT + 40, entry.to_le_bytes()).1.contains("AddressOfEntryPoint"), "{entry:#x}");
        }
        // The second section: its address, its size, where its data is.
        let section = SECTIONS_AT + 40;
        assert_eq!(refused(section + 8, 0x3001u32.to_le_bytes()).0, "E-IMAGE-PE-RANGE");
        assert_eq!(refused(section + 8, u32::MAX.to_le_bytes()).0, "E-IMAGE-PE-RANGE");
        assert!(refused(section + 12, 0u32.to_le_bytes()).1.contains("VirtualAddress"));
        assert!(refused(section + 20, 0x200u32.to_le_bytes()).1.contains("PointerToRawData"));
        assert_eq!(refused(section + 20, u32::MAX.to_le_bytes()).0, "E-IMAGE-PE-TRUNCATED");
        // No size in memory: that of the data counts.
        assert_eq!(refused(section + 12, [0, 0x4f, 0, 0]).0, "E-IMAGE-PE-RANGE");
        assert_eq!(refused(AT + 168, [8, 0, 0, 0, 8, 0, 0, 0]).0, "E-IMAGE-PE-INCONSISTENT");
    }

    #[test]
    fn errors_name_the_byte_of_the_field() {
        let section = SECTIONS_AT + 40;
        for (at, value, field) in [
            (AT, 0, "Signature"),
            (AT + 6, 0, "NumberOfSections"),
            (AT + 20, 0, "SizeOfOptionalHeader"),
            (AT + 24, 0, "IMAGE_OPTIONAL_HEADER64.Magic"),
            (AT + 40, 0, "AddressOfEntryPoint"),
            (AT + 84, 0, "SizeOfHeaders"),
            (AT + 132, 17, "NumberOfRvaAndSizes"),
            (section + 8, u32::MAX, "VirtualSize"),
            (section + 12, 0, "VirtualAddress"),
            (section + 20, 1, "PointerToRawData"),
        ] {
            let (_, text) = refused(at, value.to_le_bytes());
            assert!(text.contains(&std::format!("{field} at byte {at}")), "{text}");
        }
    }

    #[test]
    fn a_section_without_virtual_size_has_that_of_its_data() {
        let mut file = Builder::new().bytes();
        file[SECTIONS_AT + 8..SECTIONS_AT + 12].fill(0);
        assert_eq!(Pe::parse(&file).unwrap().section(".text").unwrap().len(), 0x400);
    }

    #[test]
    fn fewer_data_directories_mean_no_certificates() {
        let mut file = Builder { certificates: b"x".to_vec(), ..Builder::new() }.bytes();
        file[AT + 132..AT + 136].copy_from_slice(&4u32.to_le_bytes());
        let headers = Pe::parse(&file).unwrap().headers;
        assert_eq!((headers.certificates(), headers.security_at()), (0..0, None));
    }

    #[test]
    fn names_of_sections_are_shown_with_escapes() {
        let (_, text) = refused(SECTIONS_AT, *b"\x1b[2J\nabc\x34\x02\0\0\0\x10\0\0\xff\xff\xff\xff");
        assert!(text.contains("section \\x1b[2J\\x0aabc ends"), "{text}");
    }
}
