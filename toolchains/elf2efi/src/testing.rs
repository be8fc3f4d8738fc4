// SPDX-License-Identifier: BSD-3-Clause
//! A small ELF file for tests: valid as made, and every part of it can be changed.

use object::elf;

/// Address of the segment of constants, which starts with the relocations.
pub const RODATA: u64 = 0x1000;
/// Address of the segment of code.
pub const TEXT: u64 = 0x2000;
/// Address of the segment of variables; its last page has no data in the file.
pub const DATA: u64 = 0x3000;

/// A program header and, for `PT_LOAD`, what it loads.
pub struct Segment {
    pub p_type: elf::ProgramType,
    pub p_flags: elf::ProgramFlags,
    pub p_vaddr: u64,
    pub p_memsz: u64,
    pub data: Vec<u8>,
}

/// `Elf64_Rela`.
pub struct Rela {
    pub r_offset: u64,
    pub r_type: u32,
    pub r_sym: u32,
    pub r_addend: i64,
}

/// The parts of the file. `PT_DYNAMIC` is added after the segments.
pub struct Elf {
    pub e_machine: elf::Machine,
    pub e_type: elf::FileType,
    pub e_entry: u64,
    pub segments: Vec<Segment>,
    /// Put at the start of the first segment.
    pub relocations: Vec<Rela>,
    /// `d_tag` and `d_val`; if empty, there is no `PT_DYNAMIC`.
    pub dynamic: Vec<(elf::DynamicTag, u64)>,
    pub sections: Vec<(&'static str, Vec<u8>)>,
}

impl Elf {
    /// Three segments, two relocations, and one section that keeps its name.
    pub fn riscv64() -> Self {
        let load = |p_flags, p_vaddr, p_memsz, data: &[u8]| Segment {
            p_type: elf::PT_LOAD,
            p_flags,
            p_vaddr,
            p_memsz,
            data: data.to_vec(),
        };
        let relative = |r_offset, r_addend| Rela { r_offset, r_type: 3, r_sym: 0, r_addend };
        Self {
            e_machine: elf::EM_RISCV,
            e_type: elf::ET_DYN,
            e_entry: TEXT + 4,
            segments: vec![
                load(elf::PF_R, RODATA, 0x80, &[b'c'; 0x80]),
                load(elf::PF_R | elf::PF_X, TEXT, 0x18, &[b't'; 0x18]),
                load(elf::PF_R | elf::PF_W, DATA, 0x1800, &[b'd'; 0x20]),
            ],
            relocations: vec![relative(DATA + 0x10, 0x2004), relative(DATA + 8, 0x1040)],
            dynamic: vec![
                (elf::DT_FLAGS, 0),
                (elf::DT_RELA, RODATA),
                (elf::DT_RELASZ, 48),
                (elf::DT_RELAENT, 24),
                (elf::DT_NULL, 0),
            ],
            sections: vec![(".comment", b"x".to_vec()), (".sbat", b"sbat,1\n".to_vec())],
        }
    }

    /// The same for LoongArch.
    pub fn loongarch64() -> Self {
        Self { e_machine: elf::EM_LOONGARCH, ..Self::riscv64() }
    }

    /// The file: headers, segments, dynamic section, sections, their headers, and their names last.
    pub fn bytes(&self) -> Vec<u8> {
        let rela: Vec<u8> = self.relocations.iter().flat_map(Rela::bytes).collect();
        let dynamic: Vec<u8> = self
            .dynamic
            .iter()
            .flat_map(|(tag, value)| [tag.0.cast_unsigned(), *value])
            .flat_map(u64::to_le_bytes)
            .collect();
        let mut headers = Vec::new();
        let mut content = Vec::new();
        let count = self.segments.len() + usize::from(!dynamic.is_empty());
        let start = 64 + 56 * count;
        for (i, segment) in self.segments.iter().enumerate() {
            let mut data = segment.data.clone();
            if i == 0 {
                data[..rela.len()].copy_from_slice(&rela);
            }
            headers.extend(program_header(
                segment.p_type,
                segment.p_flags,
                start + content.len(),
                segment,
                data.len(),
            ));
            content.extend(data);
        }
        if !dynamic.is_empty() {
            let none =
                Segment { p_type: elf::PT_DYNAMIC, p_flags: elf::PF_R, p_vaddr: 0, p_memsz: 0, data: vec![] };
            headers.extend(program_header(
                none.p_type,
                none.p_flags,
                start + content.len(),
                &none,
                dynamic.len(),
            ));
            content.extend(dynamic);
        }
        let mut names = b"\0.shstrtab\0".to_vec();
        let mut table = section_header(0, 0, 0, 0);
        for (name, data) in &self.sections {
            table.extend(section_header(names.len(), 1, start + content.len(), data.len()));
            names.extend(name.as_bytes());
            names.push(0);
            content.extend(data);
        }
        content.resize(content.len().next_multiple_of(8), 0);
        let e_shoff = start + content.len();
        let names_at = e_shoff + table.len() + 64;
        table.extend(section_header(1, 3, names_at, names.len()));
        [self.header(count, e_shoff), headers, content, table, names].concat()
    }

    fn header(&self, e_phnum: usize, e_shoff: usize) -> Vec<u8> {
        let sections = self.sections.len() as u16 + 2;
        [
            b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec(),
            self.e_type.0.to_le_bytes().to_vec(),
            self.e_machine.0.to_le_bytes().to_vec(),
            1u32.to_le_bytes().to_vec(),
            self.e_entry.to_le_bytes().to_vec(),
            64u64.to_le_bytes().to_vec(),
            (e_shoff as u64).to_le_bytes().to_vec(),
            vec![0; 4],
            [64, 56, e_phnum as u16, 64, sections, sections - 1]
                .into_iter()
                .flat_map(u16::to_le_bytes)
                .collect(),
        ]
        .concat()
    }
}

impl Rela {
    fn bytes(&self) -> Vec<u8> {
        let r_info = u64::from(self.r_sym) << 32 | u64::from(self.r_type);
        [self.r_offset, r_info, self.r_addend.cast_unsigned()]
            .into_iter()
            .flat_map(u64::to_le_bytes)
            .collect()
    }
}

fn program_header(
    p_type: elf::ProgramType,
    p_flags: elf::ProgramFlags,
    p_offset: usize,
    segment: &Segment,
    p_filesz: usize,
) -> Vec<u8> {
    let words = [p_offset as u64, segment.p_vaddr, segment.p_vaddr, p_filesz as u64, segment.p_memsz, 0x1000];
    let mut header = [p_type.0.to_le_bytes(), p_flags.0.to_le_bytes()].concat();
    header.extend(words.into_iter().flat_map(u64::to_le_bytes));
    header
}

fn section_header(sh_name: usize, sh_type: u32, sh_offset: usize, sh_size: usize) -> Vec<u8> {
    let words = [0, 0, sh_offset as u64, sh_size as u64, 0, 1, 0];
    let mut header = [(sh_name as u32).to_le_bytes(), sh_type.to_le_bytes()].concat();
    header.extend(words.into_iter().flat_map(u64::to_le_bytes));
    header
}
