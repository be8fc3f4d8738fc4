// SPDX-License-Identifier: BSD-3-Clause
//! Writes the PE32+ file.
//!
//! Source: Microsoft PE Format, sections "Optional Header (Image Only)" and "The .reloc Section".

use object::{
    pe,
    write::pe::{NtHeaders, Writer},
};

use crate::{
    error::Error,
    plan::{Image, PAGE, Section},
};

/// Alignment of the sections' data in the file: the minimum that the format allows.
const FILE_ALIGNMENT: u32 = 0x200;

/// Offset of `CheckSum` from the PE signature: signature, `IMAGE_FILE_HEADER`, then 64 bytes.
const CHECK_SUM: u32 = 4 + 20 + 64;

/// The bytes of a PE32+ file that holds the image.
///
/// # Errors
/// [`Error::Write`] if there is not enough memory for the file.
pub fn write(image: &Image<'_>) -> Result<Vec<u8>, Error> {
    let mut file = Vec::new();
    let mut writer = Writer::new(true, PAGE, FILE_ALIGNMENT, &mut file);
    writer.reserve_dos_header();
    writer.reserve_nt_headers(pe::IMAGE_NUMBEROF_DIRECTORY_ENTRIES);
    // They fit into the first page; .reloc is the last one.
    writer.reserve_section_headers(u16::try_from(image.sections.len()).unwrap_or(u16::MAX).saturating_add(1));
    let offsets: Vec<u32> = image.sections.iter().map(|s| reserve(&mut writer, s)).collect();
    for &address in &image.fixups {
        writer.add_reloc(address, pe::IMAGE_REL_BASED_DIR64);
    }
    if image.fixups.is_empty() {
        // Some firmware treats an image without relocations as one that cannot be moved.
        writer.add_reloc(PAGE, pe::IMAGE_REL_BASED_ABSOLUTE);
    }
    writer.reserve_reloc_section();
    writer.write_empty_dos_header().map_err(Error::Write)?;
    let check_sum = writer.nt_headers_offset().saturating_add(CHECK_SUM);
    writer.write_nt_headers(headers(image));
    writer.write_section_headers();
    for (section, offset) in image.sections.iter().zip(offsets) {
        writer.write_section(offset, &section.data);
    }
    writer.write_reloc_section();
    store_checksum(&mut file, check_sum);
    Ok(file)
}

/// Reserves address space and file space for a section; returns the file offset of its data.
fn reserve(writer: &mut Writer<'_>, section: &Section<'_>) -> u32 {
    writer.reserve_virtual_until(section.address);
    // At most the size in memory, which is below IMAGE_LIMIT.
    let data = u32::try_from(section.data.len()).unwrap_or(u32::MAX);
    writer.reserve_section(section.name, section.flags, section.size, data).file_offset
}

/// The headers of every image. No time stamp: the same bytes every time.
fn headers(image: &Image<'_>) -> NtHeaders {
    NtHeaders {
        machine: image.machine.pe,
        time_date_stamp: 0,
        characteristics: pe::IMAGE_FILE_EXECUTABLE_IMAGE
            | pe::IMAGE_FILE_LINE_NUMS_STRIPPED
            | pe::IMAGE_FILE_LOCAL_SYMS_STRIPPED
            | pe::IMAGE_FILE_LARGE_ADDRESS_AWARE
            | pe::IMAGE_FILE_DEBUG_STRIPPED,
        major_linker_version: 0,
        minor_linker_version: 0,
        address_of_entry_point: image.entry,
        image_base: 0,
        major_operating_system_version: 0,
        minor_operating_system_version: 0,
        major_image_version: 0,
        minor_image_version: 0,
        major_subsystem_version: 0,
        minor_subsystem_version: 0,
        subsystem: pe::IMAGE_SUBSYSTEM_EFI_APPLICATION,
        dll_characteristics: pe::IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA
            | pe::IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE
            | pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT,
        size_of_stack_reserve: 0,
        size_of_stack_commit: 0,
        size_of_heap_reserve: 0,
        size_of_heap_commit: 0,
    }
}

/// Stores `CheckSum` at `offset`, which holds zeros so far: the ones' complement sum of all 16-bit words, plus the
/// length of the file (which is a multiple of [`FILE_ALIGNMENT`]).
fn store_checksum(file: &mut [u8], offset: u32) {
    let mut sum = 0u32;
    for word in file.as_chunks::<2>().0 {
        // Below 0x10000 before and after: cannot overflow.
        sum = sum.wrapping_add(u16::from_le_bytes(*word).into());
        sum = (sum & 0xffff).wrapping_add(sum >> 16);
    }
    let sum = sum.wrapping_add(u32::try_from(file.len()).unwrap_or(u32::MAX));
    let bytes = sum.to_le_bytes();
    let at = usize::try_from(offset).unwrap_or(usize::MAX);
    if let Some(field) = file.get_mut(at..at.saturating_add(bytes.len())) {
        field.copy_from_slice(&bytes);
    }
}

#[cfg(test)]
mod tests {
    use object::{
        LittleEndian as LE,
        read::pe::{ImageNtHeaders, PeFile64},
    };

    use super::*;
    use crate::{
        elf::Program,
        testing::{DATA, Elf, TEXT},
    };

    fn convert(elf: &Elf) -> Vec<u8> {
        write(&Image::of(&Program::parse(&elf.bytes()).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn headers_are_those_of_a_protected_uefi_application() {
        let file = convert(&Elf::loongarch64());
        let pe = PeFile64::parse(&*file).unwrap();
        let (header, optional) = (pe.nt_headers().file_header(), &pe.nt_headers().optional_header);
        assert_eq!(header.machine.get(LE).0, 0x6264);
        assert_eq!(header.time_date_stamp.get(LE), 0);
        assert_eq!(header.characteristics.get(LE).0, 0x22e);
        assert_eq!(optional.subsystem.get(LE).0, 10);
        assert_eq!(optional.dll_characteristics.get(LE).0, 0x160);
        assert_eq!(optional.address_of_entry_point.get(LE), TEXT as u32 + 4);
        assert_eq!(optional.image_base.get(LE), 0);
        assert_eq!(optional.section_alignment.get(LE), 0x1000);
        assert_eq!(optional.file_alignment.get(LE), 0x200);
        // .rodata, .text, two pages of .data, .sbat, .reloc.
        assert_eq!(optional.size_of_image.get(LE), 0x7000);
        assert_eq!(optional.size_of_headers.get(LE), 0x400);
        assert_eq!(file.len() as u32 % optional.file_alignment.get(LE), 0);
    }

    #[test]
    fn relocations_are_listed_by_page_with_an_even_number_in_each() {
        let mut elf = Elf::riscv64();
        // A third one on the next page, so that blocks of two and of one are there.
        elf.segments[2].data.resize(0x1800, 0);
        let far = crate::testing::Rela { r_offset: DATA + 0x1008, r_type: 3, r_sym: 0, r_addend: 0 };
        elf.relocations.push(far);
        elf.dynamic[2].1 = 72;
        let file = convert(&elf);
        let pe = PeFile64::parse(&*file).unwrap();
        let mut blocks =
            pe.data_directories().relocation_blocks(&*file, &pe.section_table()).unwrap().unwrap();
        let mut found = Vec::new();
        while let Some(block) = blocks.next().unwrap() {
            assert_eq!(block.size() % 4, 0);
            found.push(block.map(|r| (r.virtual_address, r.typ.0)).collect::<Vec<_>>());
        }
        // The reader leaves out the entry that fills the last block up.
        assert_eq!(found, [vec![(0x3008, 10), (0x3010, 10)], vec![(0x4008, 10)]]);
    }

    #[test]
    fn a_program_without_relocations_can_still_move() {
        let mut elf = Elf { relocations: vec![], ..Elf::riscv64() };
        elf.dynamic[2].1 = 0;
        let file = convert(&elf);
        let pe = PeFile64::parse(&*file).unwrap();
        let directory = pe.data_directory(pe::IMAGE_DIRECTORY_ENTRY_BASERELOC).unwrap();
        assert_ne!(directory.size.get(LE), 0);
        assert_eq!(
            pe.nt_headers().file_header.characteristics.get(LE).0 & 1,
            0,
            "IMAGE_FILE_RELOCS_STRIPPED"
        );
    }

    /// The sum of all words but the field itself, plus the length, computed in another way: in 64 bits,
    /// folded at the end.
    #[test]
    fn checksum_is_that_of_the_file() {
        let file = convert(&Elf::riscv64());
        let at = 0x40 + CHECK_SUM as usize;
        let stored = u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        let word = |(i, w): (usize, &[u8])| {
            if (at..at + 4).contains(&(i * 2)) { 0 } else { u64::from(w[0]) | u64::from(w[1]) << 8 }
        };
        let mut sum: u64 = file.chunks(2).enumerate().map(word).sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        assert_eq!(u64::from(stored), sum + file.len() as u64);
    }
}
