// SPDX-License-Identifier: BSD-3-Clause
//! The words of a program that hold an address.
//!
//! Sources: System V ABI, chapter 5, for `DT_RELA`; its generic part, "Relative Relocation Table", for `DT_RELR`, which
//! needs one bit for a word instead of 24 bytes.

use object::{LittleEndian, elf, pod, read::elf::RelrIterator};

use crate::{
    elf::{DynamicSection, FileHeader, LE, Machine, Relocation, Segment, value},
    error::Error,
};

type Rela = elf::Rela64<LittleEndian>;

/// Sizes of `Elf64_Rela` and `Elf64_Relr` in bytes.
const RELA_SIZE: u64 = 24;
const RELR_SIZE: u64 = 8;
/// Size of an address in bytes.
const WORD: u64 = 8;

/// The words listed in the dynamic section's `DT_RELA` and `DT_RELR`.
///
/// # Errors
/// If a table or a word is not in the segments' data, or a relocation does more than add the load address.
pub fn relocations(
    machine: &Machine,
    segments: &[Segment<'_>],
    dynamic: &DynamicSection<'_>,
) -> Result<Vec<Relocation>, Error> {
    let mut rela = Table { name: "DT_RELA", address: 0, size: 0 };
    let mut relr = Table { name: "DT_RELR", address: 0, size: 0 };
    for entry in dynamic.entries {
        let found = entry.d_val.get(LE);
        let refuse = |field, wanted| Err(value(field, dynamic.offset, found, wanted));
        match entry.d_tag.get(LE) {
            elf::DT_NULL => break,
            elf::DT_RELA => rela.address = found,
            elf::DT_RELASZ => rela.size = found,
            elf::DT_RELR => relr.address = found,
            elf::DT_RELRSZ => relr.size = found,
            elf::DT_RELAENT if found != RELA_SIZE => {
                return refuse("DT_RELAENT", "must be 24, the size of Elf64_Rela");
            }
            elf::DT_RELRENT if found != RELR_SIZE => {
                return refuse("DT_RELRENT", "must be 8, the size of Elf64_Relr");
            }
            elf::DT_NEEDED => return refuse("DT_NEEDED", "shared libraries are not supported"),
            elf::DT_TEXTREL => {
                return refuse("DT_TEXTREL", "relocations in code are not supported, link with -z text");
            }
            elf::DT_REL | elf::DT_RELSZ => {
                return refuse("DT_REL", "only DT_RELA and DT_RELR are supported");
            }
            elf::DT_JMPREL | elf::DT_PLTRELSZ => {
                return refuse("DT_JMPREL", "dynamic binding is not supported");
            }
            _ => {}
        }
    }
    let wanted = "not whole, aligned entries of 24 bytes";
    let rela = rela.entries(segments, || value("DT_RELASZ", dynamic.offset, rela.size, wanted))?;
    let wanted = "not whole, aligned entries of 8 bytes";
    let relr = relr.entries(segments, || value("DT_RELRSZ", dynamic.offset, relr.size, wanted))?;
    let packed = RelrIterator::<FileHeader>::new(LE, relr).map(|place| in_place(segments, place).map(Some));
    rela.iter().map(|rela| relocation(machine, rela)).chain(packed).filter_map(Result::transpose).collect()
}

/// A table in the dynamic section.
struct Table {
    name: &'static str,
    address: u64,
    /// Size in bytes; 0 if there is no table.
    size: u64,
}

impl Table {
    /// Its entries; `broken` is the error if they are not whole.
    fn entries<'a, T: pod::Pod>(
        &self,
        segments: &[Segment<'a>],
        broken: impl FnOnce() -> Error,
    ) -> Result<&'a [T], Error> {
        if self.size == 0 {
            return Ok(&[]);
        }
        let outside =
            || Error::Address { what: self.name, address: self.address, place: "the segments' data" };
        let bytes = segments.iter().find_map(|s| s.bytes(self.address, self.size)).ok_or_else(outside)?;
        pod::slice_from_all_bytes(bytes).map_err(|()| broken())
    }
}

/// A relocation; `None` for one that does nothing.
fn relocation(machine: &Machine, rela: &Rela) -> Result<Option<Relocation>, Error> {
    let (place, kind, symbol) = (rela.r_offset.get(LE), rela.r_type(LE, false), rela.r_sym(LE, false));
    // R_*_NONE is 0 on all of them.
    if kind.0 == 0 {
        return Ok(None);
    }
    if kind != machine.relative || symbol != 0 {
        return Err(Error::Relocation { address: place, kind: kind.0, symbol });
    }
    Ok(Some(Relocation { place, value: rela.r_addend.get(LE).cast_unsigned() }))
}

/// A relocation of `DT_RELR`, whose value is stored in the word itself.
fn in_place(segments: &[Segment<'_>], place: u64) -> Result<Relocation, Error> {
    let bytes = segments.iter().find_map(|s| s.bytes(place, WORD)?.first_chunk());
    let what = "the word of DT_RELR at";
    let bytes = bytes.ok_or(Error::Address { what, address: place, place: "the segments' data" })?;
    Ok(Relocation { place, value: u64::from_le_bytes(*bytes) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        elf::Program,
        testing::{DATA, Elf, RODATA},
    };

    /// What a change of the valid file is refused with.
    fn refused(change: impl FnOnce(&mut Elf)) -> String {
        let mut elf = Elf::riscv64();
        change(&mut elf);
        Program::parse(&elf.bytes()).unwrap_err().to_string()
    }

    /// The places and values that are found in a file with this table of `DT_RELR`.
    fn packed(words: &[u64]) -> Result<Vec<(u64, u64)>, String> {
        let mut elf = Elf { relocations: vec![], ..Elf::riscv64() };
        let table: Vec<u8> = words.iter().copied().flat_map(u64::to_le_bytes).collect();
        elf.segments[0].data[..table.len()].copy_from_slice(&table);
        for (at, word) in elf.segments[2].data.chunks_mut(8).zip(0x2000u64..) {
            at.copy_from_slice(&word.to_le_bytes());
        }
        elf.dynamic = vec![
            (elf::DT_RELR, RODATA),
            (elf::DT_RELRSZ, table.len() as u64),
            (elf::DT_RELRENT, 8),
            (elf::DT_NULL, 0),
        ];
        let file = elf.bytes();
        let program = Program::parse(&file).map_err(|error| error.to_string())?;
        Ok(program.relocations.iter().map(|r| (r.place, r.value)).collect())
    }

    #[test]
    fn packed_tables_have_an_address_and_bits_for_the_words_behind_it() {
        assert_eq!(packed(&[]), Ok(vec![]));
        assert_eq!(packed(&[DATA + 8]), Ok(vec![(DATA + 8, 0x2001)]));
        // Bit 0 marks a bitmap; bit 1 is the word behind the address, bit 3 the third.
        assert_eq!(packed(&[DATA, 0b1001]), Ok(vec![(DATA, 0x2000), (DATA + 24, 0x2003)]));
        assert_eq!(packed(&[DATA + 24, DATA, 1]), Ok(vec![(DATA + 24, 0x2003), (DATA, 0x2000)]));
    }

    #[test]
    fn packed_tables_name_words_of_the_data_only() {
        for (words, place) in [
            (&[0u64][..], 0),
            (&[DATA + 0x1a], DATA + 0x1a),
            (&[DATA + 24, 0b11], DATA + 32),
            (&[DATA, 1, 0b11], DATA + 64 * 8),
            (&[u64::MAX - 1], u64::MAX - 1),
            (&[0b11], 8),
        ] {
            let error = format!("the word of DT_RELR at {place:#x} is not in the segments' data");
            assert_eq!(packed(words), Err(error));
        }
        assert!(refused(|e| e.dynamic[0] = (elf::DT_RELRSZ, 7)).starts_with("DT_RELR 0x0 is not in"));
        assert!(refused(|e| e.dynamic[0] = (elf::DT_RELRENT, 4)).starts_with("DT_RELRENT"));
    }

    #[test]
    fn parse_rejects_relocations_that_pe_cannot_express() {
        assert_eq!(
            refused(|e| e.relocations[1].r_type = 2),
            "relocation at 0x3008 has type 2 and symbol 0: only R_*_RELATIVE is supported"
        );
        assert!(refused(|e| e.relocations[0].r_sym = 7).contains("symbol 7"));
        let mut elf = Elf::riscv64();
        elf.relocations[0].r_type = 0;
        assert_eq!(Program::parse(&elf.bytes()).map(|p| p.relocations.len()), Ok(1), "R_*_NONE does nothing");
    }

    #[test]
    fn parse_rejects_a_relocation_table_outside_the_data() {
        for (address, size) in
            [(RODATA, 24 * 6), (0, 24), (RODATA + 0x80, 24), (u64::MAX, 24), (DATA + 0x20, 24)]
        {
            let error = refused(|e| {
                e.dynamic[1].1 = address;
                e.dynamic[2].1 = size;
            });
            assert_eq!(error, format!("DT_RELA {address:#x} is not in the segments' data"));
        }
        assert!(refused(|e| e.dynamic[2].1 = 47).starts_with("DT_RELASZ"));
        assert!(refused(|e| e.dynamic[3].1 = 16).starts_with("DT_RELAENT"));
        let mut elf = Elf { relocations: vec![], ..Elf::riscv64() };
        elf.dynamic[2].1 = 0;
        assert_eq!(Program::parse(&elf.bytes()).map(|p| p.relocations), Ok(vec![]));
    }
}
