// SPDX-License-Identifier: BSD-3-Clause
//! The layout of the PE file: sections with their final content, and the words to relocate.

use std::borrow::Cow;

use object::pe::{self, SectionFlags};

use crate::{
    elf::{Access, Machine, Program, Relocation, Segment},
    error::Error,
};

/// Size of a page. Sections start on pages of their own, so that firmware can protect each of them.
pub const PAGE: u32 = 0x1000;

/// Maximum size of a program in memory: a hundred times that of ours, and small enough for 32-bit sums.
pub const IMAGE_LIMIT: u32 = 256 << 20;

/// Maximum number of sections: their headers fit into the first page, after those of PE.
const SECTIONS_LIMIT: usize = 64;

/// A UEFI application, ready to be written.
#[derive(Debug)]
pub struct Image<'a> {
    /// Its architecture.
    pub machine: &'static Machine,
    /// Address of the first instruction, which is in an executable section.
    pub entry: u32,
    /// Sections in the order of their addresses: the first one at page 1, each on the page after the previous one.
    pub sections: Vec<Section<'a>>,
    /// Addresses of 64-bit words that hold an address, in ascending order, without overlap.
    pub fixups: Vec<u32>,
}

/// A section of a PE file.
#[derive(Debug)]
pub struct Section<'a> {
    /// Its name, padded with zeros.
    pub name: [u8; 8],
    /// Its address: a multiple of [`PAGE`].
    pub address: u32,
    /// Its size in memory, in bytes.
    pub size: u32,
    /// Its data, at most `size` bytes.
    pub data: Cow<'a, [u8]>,
    /// `IMAGE_SECTION_HEADER.Characteristics`.
    pub flags: SectionFlags,
}

impl<'a> Image<'a> {
    /// Lays out the segments of a program as sections, and stores the values of the relocations in them.
    ///
    /// # Errors
    /// [`Error::Address`] if a segment, the entry point or a relocation is at an address that PE does not allow;
    /// [`Error::TooLarge`] if the program exceeds [`IMAGE_LIMIT`].
    pub fn of(program: &Program<'a>) -> Result<Self, Error> {
        let mut sections = loaded(&program.segments)?;
        let entry = entry(program.entry, &sections)?;
        let fixups = apply(&program.relocations, &mut sections)?;
        for kept in &program.kept {
            let size = u32::try_from(kept.data.len()).unwrap_or(u32::MAX);
            let flags = pe::IMAGE_SCN_CNT_INITIALIZED_DATA | pe::IMAGE_SCN_MEM_READ;
            let data = Cow::Borrowed(kept.data);
            let address = end(&sections, size.into())?;
            sections.push(Section { name: name(kept.name), address, size, data, flags });
        }
        Ok(Self { machine: program.machine, entry, sections, fixups })
    }
}

/// A section's name as stored in its header.
fn name(name: &'static str) -> [u8; 8] {
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    bytes
}

/// The first page after the sections, if `size` more bytes fit there.
fn end(sections: &[Section<'_>], size: u64) -> Result<u32, Error> {
    let end = sections.last().map_or(0, |s| s.address.saturating_add(s.size)).max(1);
    let end = end.next_multiple_of(PAGE);
    let total = u64::from(end).saturating_add(size);
    if total > IMAGE_LIMIT.into() {
        return Err(Error::TooLarge { size: total, limit: IMAGE_LIMIT });
    }
    Ok(end)
}

/// A section for each segment.
fn loaded<'a>(segments: &[Segment<'a>]) -> Result<Vec<Section<'a>>, Error> {
    let count = || Error::Value {
        field: "Elf64_Ehdr.e_phnum",
        offset: 0,
        found: u64::try_from(segments.len()).unwrap_or(u64::MAX),
        wanted: "must have 1 to 64 PT_LOAD segments",
    };
    if segments.is_empty() || segments.len() > SECTIONS_LIMIT {
        return Err(count());
    }
    let mut segments: Vec<_> = segments.iter().collect();
    segments.sort_by_key(|s| s.address);
    let mut sections = Vec::with_capacity(SECTIONS_LIMIT);
    for segment in segments {
        let address = end(&sections, segment.size)?;
        if segment.address != u64::from(address) {
            let place = "the first page after the one before (the first: 0x1000), \
                link with --image-base=0x1000 -z separate-loadable-segments";
            return Err(Error::Address { what: "segment", address: segment.address, place });
        }
        let (section, kind) = match segment.access {
            Access::Read => (".rodata", pe::IMAGE_SCN_CNT_INITIALIZED_DATA),
            Access::Execute => (".text", pe::IMAGE_SCN_CNT_CODE | pe::IMAGE_SCN_MEM_EXECUTE),
            Access::Write => (".data", pe::IMAGE_SCN_CNT_INITIALIZED_DATA | pe::IMAGE_SCN_MEM_WRITE),
        };
        sections.push(Section {
            name: name(section),
            address,
            // `end` has checked that it is below the limit.
            size: u32::try_from(segment.size).unwrap_or(u32::MAX),
            data: Cow::Borrowed(segment.data),
            flags: kind | pe::IMAGE_SCN_MEM_READ,
        });
    }
    Ok(sections)
}

/// The entry point, which must be in code that is in the file.
fn entry(address: u64, sections: &[Section<'_>]) -> Result<u32, Error> {
    sections
        .iter()
        .filter(|s| s.flags.contains(pe::IMAGE_SCN_MEM_EXECUTE))
        .find_map(|s| {
            let offset = address.checked_sub(s.address.into())?;
            (usize::try_from(offset).ok()? < s.data.len()).then(|| u32::try_from(address).ok()).flatten()
        })
        .ok_or(Error::Address { what: "Elf64_Ehdr.e_entry", address, place: "executable code" })
}

/// Stores the values of the relocations in the sections; returns their addresses, which are the fixups.
fn apply(relocations: &[Relocation], sections: &mut [Section<'_>]) -> Result<Vec<u32>, Error> {
    let mut sorted = relocations.to_vec();
    sorted.sort();
    let mut fixups = Vec::with_capacity(sorted.len());
    let mut free = 0u64;
    for Relocation { place, value } in sorted {
        let refuse =
            |wanted| Error::Address { what: "the word of the relocation at", address: place, place: wanted };
        if place < free {
            return Err(refuse("memory of its own: it overlaps the previous relocation"));
        }
        // Within IMAGE_LIMIT, or `store` refuses it.
        free = place.saturating_add(8);
        let address = store(place, value, sections)
            .ok_or_else(|| refuse("the data of a writable segment, link with -z text -z norelro"))?;
        fixups.push(address);
    }
    Ok(fixups)
}

/// Stores a 64-bit word in a writable section; returns its address.
fn store(place: u64, value: u64, sections: &mut [Section<'_>]) -> Option<u32> {
    let address = u32::try_from(place).ok()?;
    let section = sections.iter_mut().rfind(|s| s.address <= address)?;
    if !section.flags.contains(pe::IMAGE_SCN_MEM_WRITE) {
        return None;
    }
    let start = usize::try_from(address.checked_sub(section.address)?).ok()?;
    let range = start..start.checked_add(8)?;
    // Copied only now, and once.
    section.data.get(range.clone())?;
    section.data.to_mut().get_mut(range)?.copy_from_slice(&value.to_le_bytes());
    Some(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{DATA, Elf, RODATA, TEXT};

    fn refused(change: impl FnOnce(&mut Elf)) -> String {
        let mut elf = Elf::riscv64();
        change(&mut elf);
        let file = elf.bytes();
        Image::of(&Program::parse(&file).unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn sections_are_the_segments_and_then_what_keeps_its_name() {
        let file = Elf::riscv64().bytes();
        let image = Image::of(&Program::parse(&file).unwrap()).unwrap();
        let sections: Vec<_> = image
            .sections
            .iter()
            .map(|s| (str::from_utf8(&s.name).unwrap().trim_end_matches('\0'), s.address, s.size, s.flags.0))
            .collect();
        // 0x20 code, 0x40 data; 0x2..., 0x4..., 0x8... execute, read, write.
        let expected = [
            (".rodata", 0x1000, 0x80, 0x4000_0040),
            (".text", 0x2000, 0x18, 0x6000_0020),
            (".data", 0x3000, 0x1800, 0xc000_0040),
            (".sbat", 0x5000, 7, 0x4000_0040),
        ];
        assert_eq!(sections, expected);
        assert_eq!(image.entry, 0x2004);
        assert_eq!(&*image.sections[3].data, b"sbat,1\n");
    }

    #[test]
    fn relocated_words_hold_their_addends_and_are_listed_in_order() {
        let file = Elf::riscv64().bytes();
        let image = Image::of(&Program::parse(&file).unwrap()).unwrap();
        assert_eq!(image.fixups, [0x3008, 0x3010]);
        let data = &image.sections[2].data;
        assert_eq!(data[..8], [b'd'; 8]);
        assert_eq!(data[8..16], 0x1040u64.to_le_bytes());
        assert_eq!(data[16..24], 0x2004u64.to_le_bytes());
        assert_eq!(data[24..], [b'd'; 8]);
    }

    #[test]
    fn segments_may_come_in_any_order() {
        let in_order = Elf::riscv64().bytes();
        let mut elf = Elf::riscv64();
        elf.segments.swap(1, 2);
        let file = elf.bytes();
        let images = [&in_order, &file]
            .map(|f| crate::pe::write(&Image::of(&Program::parse(f).unwrap()).unwrap()).unwrap());
        assert_eq!(images[0], images[1]);
    }

    #[test]
    fn of_rejects_segments_that_are_not_on_adjacent_pages() {
        // Not aligned, one page too far, on the headers' page, over the one before.
        for address in [TEXT + 8, TEXT + 0x10_0000, 0, RODATA] {
            let error = refused(|e| e.segments[1].p_vaddr = address);
            assert!(error.starts_with("segment 0x"), "{address:#x}: {error}");
        }
        assert!(refused(|e| e.segments[1].p_memsz = 0x1001).starts_with("segment 0x3000"));
    }

    #[test]
    fn of_rejects_too_many_segments_and_none() {
        let none = refused(|e| {
            e.segments.iter_mut().for_each(|s| s.p_type = object::elf::PT_NOTE);
            e.dynamic[2].1 = 0;
        });
        assert!(none.starts_with("Elf64_Ehdr.e_phnum at byte 0 is 0x0"), "{none}");
        let many = refused(|e| {
            for i in 0..SECTIONS_LIMIT as u64 {
                let last = &e.segments[2];
                let (p_type, p_flags, p_vaddr) = (last.p_type, last.p_flags, 0x5000 + i * 0x1000);
                e.segments.push(crate::testing::Segment {
                    p_type,
                    p_flags,
                    p_vaddr,
                    p_memsz: 8,
                    data: vec![],
                });
            }
        });
        assert!(many.starts_with("Elf64_Ehdr.e_phnum at byte 0 is 0x43"), "{many}");
    }

    #[test]
    fn of_rejects_programs_beyond_the_limit() {
        let limit = u64::from(IMAGE_LIMIT);
        for size in [limit - DATA + 1, u64::MAX, 1 << 32] {
            assert!(
                refused(|e| e.segments[2].p_memsz = size).contains("the limit is 268435456"),
                "{size:#x}"
            );
        }
        // All that is allowed: no memory is spent on what is not in the file. The section .sbat is then too
        // much.
        let all = |e: &mut Elf| e.segments[2].p_memsz = limit - DATA;
        assert!(refused(all).contains("the limit is 268435456"));
        let mut elf = Elf::riscv64();
        all(&mut elf);
        elf.sections.clear();
        assert!(Image::of(&Program::parse(&elf.bytes()).unwrap()).is_ok());
    }

    #[test]
    fn of_rejects_an_entry_point_outside_the_code() {
        for entry in [0, RODATA, TEXT - 1, TEXT + 0x18, DATA, u64::MAX, 0x1_0000_2004] {
            assert_eq!(
                refused(|e| e.e_entry = entry),
                format!("Elf64_Ehdr.e_entry {entry:#x} is not in executable code")
            );
        }
    }

    #[test]
    fn of_rejects_relocations_outside_writable_data() {
        // Constants, code, over the end of the data, in memory without data, nowhere.
        for place in [RODATA + 0x60, TEXT, DATA + 0x19, DATA + 0x100, 0, u64::MAX, 0x1_0000_3000] {
            let error = refused(|e| e.relocations[1].r_offset = place);
            let expected =
                format!("the word of the relocation at {place:#x} is not in the data of a writable segment");
            assert!(error.starts_with(&expected), "{error}");
        }
    }

    #[test]
    fn of_rejects_relocations_that_overlap() {
        for place in [DATA + 0x10, DATA + 0x11, DATA + 0x17, DATA + 9] {
            assert!(refused(|e| e.relocations[1].r_offset = place).contains("overlaps"), "{place:#x}");
        }
        // Unaligned is no fault of the format.
        let mut elf = Elf::riscv64();
        elf.relocations[1].r_offset = DATA + 3;
        assert_eq!(Image::of(&Program::parse(&elf.bytes()).unwrap()).unwrap().fixups, [0x3003, 0x3010]);
    }
}
