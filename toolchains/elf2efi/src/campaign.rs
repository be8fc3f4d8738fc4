// SPDX-License-Identifier: BSD-3-Clause
//! Damaged ELF files end in a program or an error, within limits of time, stack and memory.

use std::rc::Rc;

use block::BlockRead;
use oracle::campaign::{self, Depth, Plan};

use crate::{elf::Program, pe, plan::Image, testing::Elf};

/// What the bazel target of this test has time for.
const MUTANTS: usize = 1000;

/// Layers passed: it is a program, it can be an image, it is written as one.
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
    // Nothing in an ELF file is checked by a sum.
    let repair = |_: &mut [u8], _| {};
    for (name, elf, seed) in [("riscv64", Elf::riscv64(), 41), ("loongarch64", Elf::loongarch64(), 42)] {
        let image = &elf.bytes();
        let _ = campaign::run(Plan { name, image, layers, read, repair, mutants: MUTANTS, seed });
    }
}
