// SPDX-License-Identifier: BSD-3-Clause
//! Damaged ELF files give a program or an error, within limits of time, stack and memory.

use std::rc::Rc;

use block::BlockRead;
use oracle::campaign::{self, Depth, Plan};

use crate::{elf::Program, pe, plan::Image, testing::Elf};

/// Number of mutants that this test has time for.
const MUTANTS: usize = 1000;

/// Number of layers passed: parsed as a program, laid out as an image, written as a file.
fn read(device: Rc<dyn BlockRead>, _: Depth) -> usize {
    let mut bytes = vec![0; usize::try_from(device.size()).unwrap()];
    if device.read_at(0, &mut bytes).is_err() {
        return 0;
    }
    let Ok(program) = Program::parse(&bytes) else { return 0 };
    let Ok(image) = Image::of(&program) else { return 1 };
    2 + usize::from(pe::write(&image).is_ok())
}

#[test]
fn programs() {
    let layers = &["program", "image", "file"];
    // An ELF file has no checksums.
    let repair = |_: &mut [u8], _| {};
    for (name, elf, seed) in [("riscv64", Elf::riscv64(), 41), ("loongarch64", Elf::loongarch64(), 42)] {
        let image = &elf.bytes();
        let _ = campaign::run(Plan { name, image, layers, read, repair, mutants: MUTANTS, seed });
    }
}
