// SPDX-License-Identifier: BSD-3-Clause
//! The parts of an ELF file that go into a UEFI application.
//!
//! Sources: System V ABI, chapters 4 and 5; the processor supplements of x86-64, AArch64, RISC-V and
//! LoongArch for the number of `R_*_RELATIVE`.

use object::{
    LittleEndian, elf, pe,
    read::elf::{FileHeader as _, ProgramHeader as _, SectionHeader as _},
};

use crate::{error::Error, relocations::relocations};

pub type FileHeader = elf::FileHeader64<LittleEndian>;
type ProgramHeader = elf::ProgramHeader64<LittleEndian>;
type Dynamic = elf::Dyn64<LittleEndian>;

pub const LE: LittleEndian = LittleEndian;

/// ELF sections that become PE sections with the same names, because other programs look for them.
///
/// `.sbat`: shim's revocation data. `.cmdline`, `.osrel`: sections of the UAPI group's unified kernel images.
pub const KEPT: [&str; 3] = [".sbat", ".cmdline", ".osrel"];

/// Maximum number of section headers: more than any linker writes.
const SECTIONS_LIMIT: usize = 1024;

/// Offset of `Elf64_Ehdr`, for errors about the header.
const EHDR: u64 = 0;

/// An architecture, in the terms of both formats.
#[derive(Debug, Eq, PartialEq)]
pub struct Machine {
    /// `e_machine`.
    elf: elf::Machine,
    /// The `r_type` that adds the load address.
    pub relative: elf::RelocationType,
    /// `IMAGE_FILE_HEADER.Machine`.
    pub pe: pe::Machine,
}

const MACHINES: [Machine; 4] = [
    Machine { elf: elf::EM_X86_64, relative: elf::R_X86_64_RELATIVE, pe: pe::IMAGE_FILE_MACHINE_AMD64 },
    Machine { elf: elf::EM_AARCH64, relative: elf::R_AARCH64_RELATIVE, pe: pe::IMAGE_FILE_MACHINE_ARM64 },
    Machine { elf: elf::EM_RISCV, relative: elf::R_RISCV_RELATIVE, pe: pe::IMAGE_FILE_MACHINE_RISCV64 },
    // UEFI specification 2.10, section 2.1.1: EFI_IMAGE_MACHINE_LOONGARCH64.
    Machine { elf: elf::EM_LOONGARCH, relative: elf::R_LARCH_RELATIVE, pe: pe::Machine(0x6264) },
];

/// A linked program: its memory, and its relocations.
#[derive(Debug, Eq, PartialEq)]
pub struct Program<'a> {
    /// Its architecture.
    pub machine: &'static Machine,
    /// Address of the first instruction.
    pub entry: u64,
    /// Its memory, in the order of the program headers.
    pub segments: Vec<Segment<'a>>,
    /// Words that hold an address: those of `DT_RELA`, then those of `DT_RELR`.
    pub relocations: Vec<Relocation>,
    /// The sections in [`KEPT`] that the file has, in that order.
    pub kept: Vec<Kept<'a>>,
}

/// A range of memory with one kind of access.
#[derive(Debug, Eq, PartialEq)]
pub struct Segment<'a> {
    /// `p_vaddr`.
    pub address: u64,
    /// `p_memsz`, in bytes, not zero. Memory after the data is zeroed.
    pub size: u64,
    /// `p_filesz` bytes, at most `size`.
    pub data: &'a [u8],
    /// `p_flags`.
    pub access: Access,
}

impl<'a> Segment<'a> {
    /// The `size` bytes at `address`, if the file holds all of them.
    pub fn bytes(&self, address: u64, size: u64) -> Option<&'a [u8]> {
        let start = usize::try_from(address.checked_sub(self.address)?).ok()?;
        self.data.get(start..start.checked_add(usize::try_from(size).ok()?)?)
    }
}

/// The access to a segment; a segment cannot be both writable and executable.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// Constants.
    Read,
    /// Code.
    Execute,
    /// Variables.
    Write,
}

/// A 64-bit word that holds an address.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Relocation {
    /// Address of the word.
    pub place: u64,
    /// Its value if the program is loaded at its link address.
    pub value: u64,
}

/// A section that keeps its name.
#[derive(Debug, Eq, PartialEq)]
pub struct Kept<'a> {
    /// One of [`KEPT`].
    pub name: &'static str,
    /// Its content, not empty.
    pub data: &'a [u8],
}

impl<'a> Program<'a> {
    /// Reads a little-endian ELF64 file of type `ET_DYN` that needs no dynamic linker.
    ///
    /// # Errors
    /// [`Error::Malformed`] if a header or table is not in the file; [`Error::Value`] and [`Error::Relocation`] if the
    /// program needs something that firmware does not provide.
    pub fn parse(file: &'a [u8]) -> Result<Self, Error> {
        let header = FileHeader::parse(file)
            .and_then(|h| h.endian().map(|_| h))
            .map_err(|cause| Error::Malformed { structure: "Elf64_Ehdr", offset: EHDR, cause })?;
        let e_type = header.e_type(LE);
        if e_type != elf::ET_DYN {
            let wanted = "must be ET_DYN, link with -pie";
            return Err(value("Elf64_Ehdr.e_type", EHDR, e_type.0.into(), wanted));
        }
        let e_machine = header.e_machine(LE);
        let machine = MACHINES.iter().find(|m| m.elf == e_machine).ok_or_else(|| {
            value(
                "Elf64_Ehdr.e_machine",
                EHDR,
                e_machine.0.into(),
                "supported are x86_64, aarch64, riscv64 and loongarch64",
            )
        })?;
        let headers = header.program_headers(LE, file).map_err(|cause| Error::Malformed {
            structure: "Elf64_Phdr",
            offset: header.e_phoff.get(LE),
            cause,
        })?;
        let (segments, dynamic) = segments(file, header, headers)?;
        let relocations = relocations(machine, &segments, &dynamic)?;
        Ok(Self { machine, entry: header.e_entry.get(LE), segments, relocations, kept: kept(file, header)? })
    }
}

pub fn value(field: &'static str, offset: u64, found: u64, wanted: &'static str) -> Error {
    Error::Value { field, offset, found, wanted }
}

/// The content of `PT_DYNAMIC`, and its offset in the file.
pub struct DynamicSection<'a> {
    pub entries: &'a [Dynamic],
    pub offset: u64,
}

/// The memory of the program and its dynamic section.
fn segments<'a>(
    file: &'a [u8],
    header: &FileHeader,
    headers: &'a [ProgramHeader],
) -> Result<(Vec<Segment<'a>>, DynamicSection<'a>), Error> {
    let (mut segments, mut dynamic) = (Vec::new(), None);
    for (ordinal, p) in (0u64..).zip(headers) {
        // Within the file, since the headers are.
        let at =
            ordinal.saturating_mul(header.e_phentsize.get(LE).into()).saturating_add(header.e_phoff.get(LE));
        let refuse = |wanted| Err(value("Elf64_Phdr.p_type", at, p.p_type.get(LE).0.into(), wanted));
        match p.p_type.get(LE) {
            elf::PT_LOAD if p.p_memsz.get(LE) > 0 => segments.push(segment(file, p, at)?),
            elf::PT_DYNAMIC => {
                let offset = p.p_offset.get(LE);
                dynamic = p
                    .dynamic(LE, file)
                    .map_err(|cause| Error::Malformed { structure: "Elf64_Dyn", offset, cause })?
                    .map(|entries| DynamicSection { entries, offset });
            }
            elf::PT_INTERP => {
                return refuse("a dynamic linker is not supported, link with --no-dynamic-linker");
            }
            elf::PT_TLS => return refuse("thread-local storage is not supported"),
            _ => {}
        }
    }
    let missing =
        || value("Elf64_Ehdr.e_phnum", EHDR, header.e_phnum.get(LE).into(), "no PT_DYNAMIC, link with -pie");
    Ok((segments, dynamic.ok_or_else(missing)?))
}

/// The memory that a `PT_LOAD` header at byte `at` describes.
fn segment<'a>(file: &'a [u8], p: &ProgramHeader, at: u64) -> Result<Segment<'a>, Error> {
    let flags = p.p_flags.get(LE).0 & (elf::PF_R | elf::PF_W | elf::PF_X).0;
    let access = match elf::ProgramFlags(flags) {
        f if f == elf::PF_R => Access::Read,
        f if f == elf::PF_R | elf::PF_X => Access::Execute,
        f if f == elf::PF_R | elf::PF_W => Access::Write,
        _ => return Err(value("Elf64_Phdr.p_flags", at, flags.into(), "must be R, RX or RW")),
    };
    let (offset, filesz, size) = (p.p_offset.get(LE), p.p_filesz.get(LE), p.p_memsz.get(LE));
    if filesz > size {
        return Err(value("Elf64_Phdr.p_filesz", at, filesz, "more than p_memsz"));
    }
    let outside = || value("Elf64_Phdr.p_offset", at, offset, "p_filesz bytes from here are not in the file");
    let data = part(file, offset, filesz).ok_or_else(outside)?;
    Ok(Segment { address: p.p_vaddr.get(LE), size, data, access })
}

/// The `size` bytes of `file` at `offset`, if it has all of them.
fn part(file: &[u8], offset: u64, size: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    file.get(start..start.checked_add(usize::try_from(size).ok()?)?)
}

/// The sections that keep their names.
fn kept<'a>(file: &'a [u8], header: &FileHeader) -> Result<Vec<Kept<'a>>, Error> {
    let at = header.e_shoff.get(LE);
    let malformed = |cause| Error::Malformed { structure: "Elf64_Shdr", offset: at, cause };
    let sections = header.sections(LE, file).map_err(malformed)?;
    if sections.len() > SECTIONS_LIMIT {
        let found = u64::try_from(sections.len()).unwrap_or(u64::MAX);
        return Err(value("Elf64_Ehdr.e_shnum", EHDR, found, "too many sections"));
    }
    let mut found: [Option<&[u8]>; KEPT.len()] = [None; KEPT.len()];
    for section in sections.iter() {
        let name = sections.section_name(LE, section).map_err(malformed)?;
        let Some(slot) =
            KEPT.iter().zip(&mut found).find_map(|(k, slot)| (k.as_bytes() == name).then_some(slot))
        else {
            continue;
        };
        let data = section.data(LE, file).map_err(malformed)?;
        if data.is_empty() {
            return Err(value(
                "Elf64_Shdr.sh_size",
                at,
                0,
                "a section that keeps its name must have content",
            ));
        }
        if slot.replace(data).is_some() {
            let name = section.sh_name.get(LE).into();
            return Err(value("Elf64_Shdr.sh_name", at, name, "there are two sections with this name"));
        }
    }
    Ok(KEPT.iter().zip(found).filter_map(|(name, data)| Some(Kept { name, data: data? })).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{DATA, Elf, RODATA, Segment as TestSegment, TEXT};

    /// What a change of the valid file is refused with.
    fn refused(change: impl FnOnce(&mut Elf)) -> String {
        let mut elf = Elf::riscv64();
        change(&mut elf);
        Program::parse(&elf.bytes()).unwrap_err().to_string()
    }

    fn segment(p_type: elf::ProgramType) -> TestSegment {
        TestSegment { p_type, p_flags: elf::PF_R, p_vaddr: 0x9000, p_memsz: 8, data: vec![0; 8] }
    }

    #[test]
    fn parse_yields_memory_relocations_and_kept_sections() {
        let file = Elf::riscv64().bytes();
        let program = Program::parse(&file).unwrap();
        assert_eq!(program.machine.pe, pe::IMAGE_FILE_MACHINE_RISCV64);
        assert_eq!(program.entry, TEXT + 4);
        let memory: Vec<_> =
            program.segments.iter().map(|s| (s.address, s.size, s.data.len(), s.access)).collect();
        let expected = [
            (RODATA, 0x80, 0x80, Access::Read),
            (TEXT, 0x18, 0x18, Access::Execute),
            (DATA, 0x1800, 0x20, Access::Write),
        ];
        assert_eq!(memory, expected);
        let relocation = |place, value| Relocation { place, value };
        assert_eq!(program.relocations, [relocation(DATA + 0x10, 0x2004), relocation(DATA + 8, 0x1040)]);
        assert_eq!(program.kept, [Kept { name: ".sbat", data: b"sbat,1\n" }]);
    }

    #[test]
    fn parse_knows_the_four_machines_and_their_relocations() {
        let table = [
            (elf::EM_X86_64, 8, 0x8664),
            (elf::EM_AARCH64, 1027, 0xaa64),
            (elf::EM_RISCV, 3, 0x5064),
            (elf::EM_LOONGARCH, 3, 0x6264),
        ];
        for (e_machine, r_type, pe) in table {
            let mut elf = Elf { e_machine, ..Elf::riscv64() };
            elf.relocations.iter_mut().for_each(|r| r.r_type = r_type);
            assert_eq!(Program::parse(&elf.bytes()).map(|p| p.machine.pe.0), Ok(pe));
            elf.relocations[0].r_type = r_type + 1;
            assert!(Program::parse(&elf.bytes()).is_err(), "{e_machine:?} with another type");
        }
        assert_eq!(
            refused(|e| e.e_machine = elf::EM_ARM),
            "Elf64_Ehdr.e_machine at byte 0 is 0x28: supported are x86_64, aarch64, riscv64 and loongarch64"
        );
    }

    #[test]
    fn parse_rejects_other_kinds_of_files() {
        for file in [&b""[..], b"MZ", b"\x7fELF", &[0; 64]] {
            assert!(Program::parse(file).unwrap_err().to_string().starts_with("Elf64_Ehdr at byte 0"));
        }
        // 32-bit, and big-endian.
        for (at, byte) in [(4, 1), (5, 2)] {
            let mut file = Elf::riscv64().bytes();
            file[at] = byte;
            assert!(Program::parse(&file).is_err(), "e_ident[{at}] = {byte}");
        }
        assert!(refused(|e| e.e_type = elf::ET_EXEC).starts_with("Elf64_Ehdr.e_type at byte 0 is 0x2: "));
    }

    #[test]
    fn parse_rejects_what_firmware_does_not_give_a_program() {
        assert!(refused(|e| e.segments.push(segment(elf::PT_INTERP))).contains("--no-dynamic-linker"));
        // The fourth header: 64 + 3 * 56.
        assert!(
            refused(|e| e.segments.push(segment(elf::PT_TLS)))
                .starts_with("Elf64_Phdr.p_type at byte 232 is 0x7")
        );
        for tag in
            [elf::DT_NEEDED, elf::DT_TEXTREL, elf::DT_REL, elf::DT_RELSZ, elf::DT_JMPREL, elf::DT_PLTRELSZ]
        {
            assert!(refused(|e| e.dynamic[0] = (tag, 1)).starts_with("DT_"), "{tag:?}");
        }
        assert!(refused(|e| e.dynamic.clear()).contains("no PT_DYNAMIC"));
    }

    #[test]
    fn parse_rejects_writable_code_and_unreadable_segments() {
        let rwx = elf::PF_R | elf::PF_W | elf::PF_X;
        for flags in [rwx, elf::PF_X, elf::PF_W, elf::ProgramFlags(0)] {
            let error = refused(|e| e.segments[1].p_flags = flags);
            assert_eq!(
                error,
                format!("Elf64_Phdr.p_flags at byte 120 is {:#x}: must be R, RX or RW", flags.0)
            );
        }
    }

    #[test]
    fn parse_rejects_segments_that_hold_more_than_their_memory_or_the_file() {
        assert!(
            refused(|e| e.segments[2].p_memsz = 0x1f).starts_with("Elf64_Phdr.p_filesz at byte 176 is 0x20")
        );
        // p_offset of the second header.
        for offset in [0x10000u64, u64::MAX, u64::MAX - 0x18] {
            let mut file = Elf::riscv64().bytes();
            file[128..136].copy_from_slice(&offset.to_le_bytes());
            let error = Program::parse(&file).unwrap_err().to_string();
            assert!(error.starts_with(&format!("Elf64_Phdr.p_offset at byte 120 is {offset:#x}")), "{error}");
        }
    }

    #[test]
    fn parse_rejects_kept_sections_that_are_empty_or_twice_there() {
        assert!(refused(|e| e.sections[1].1.clear()).contains("must have content"));
        assert!(refused(|e| e.sections.push((".sbat", b"x".to_vec()))).contains("two sections"));
        let many = |e: &mut Elf| e.sections.extend((0..SECTIONS_LIMIT).map(|_| (".x", vec![])));
        assert!(refused(many).starts_with("Elf64_Ehdr.e_shnum at byte 0 is 0x404"));
    }

    #[test]
    fn a_file_without_section_headers_is_accepted() {
        let mut file = Elf::riscv64().bytes();
        file[40..48].fill(0);
        file[60..64].fill(0);
        assert_eq!(Program::parse(&file).map(|p| p.kept), Ok(vec![]));
    }
}
