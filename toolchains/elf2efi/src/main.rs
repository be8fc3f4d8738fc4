// SPDX-License-Identifier: BSD-3-Clause
//! elf2efi: converts a position-independent ELF64 file to a UEFI application (PE32+).
//!
//! LLVM has no COFF back end for riscv64 and loongarch64: programs for these are linked as self-contained
//! PIE files, with the flags of `//toolchains/cc:defs.bzl`. Every `PT_LOAD` segment becomes a PE section at
//! the same address, every `R_*_RELATIVE` relocation an `IMAGE_REL_BASED_DIR64` entry, and each ELF section
//! in [`elf::KEPT`] a PE section of its own. The same input gives the same bytes.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

#[cfg(test)]
mod campaign;
mod elf;
mod error;
mod pe;
mod plan;
mod relocations;
#[cfg(test)]
mod testing;

use std::{env, fs, path::Path, process::ExitCode};

use error::Error;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let [from, to] = arguments.as_slice() else {
        eprintln!("usage: elf2efi IN.elf OUT.efi");
        return ExitCode::from(2);
    };
    match run(Path::new(from), Path::new(to)) {
        Ok(()) => ExitCode::SUCCESS,
        Err((path, error)) => {
            eprintln!("elf2efi: {}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

/// Converts the file `from` to the file `to`; an error comes with the file that it is about.
fn run<'a>(from: &'a Path, to: &'a Path) -> Result<(), (&'a Path, Error)> {
    let elf = fs::read(from).map_err(|e| (from, e.into()))?;
    let efi = convert(&elf).map_err(|e| (from, e))?;
    fs::write(to, efi).map_err(|e| (to, e.into()))
}

/// The UEFI application made from an ELF file.
///
/// # Errors
/// As [`elf::Program::parse`] and [`plan::Image::of`]; nothing is written then.
fn convert(elf: &[u8]) -> Result<Vec<u8>, Error> {
    pe::write(&plan::Image::of(&elf::Program::parse(elf)?)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::Elf;

    #[test]
    fn equal_input_gives_equal_bytes() {
        let elf = Elf::riscv64().bytes();
        assert_eq!(convert(&elf), convert(&elf));
        assert!(convert(&elf).is_ok());
    }

    /// Every single byte of the headers and tables of a valid file, set to values that are wrong somewhere:
    /// the campaign must reach both ends, or it would show nothing.
    #[test]
    fn every_changed_byte_gives_an_image_or_an_error() {
        let elf = Elf::riscv64().bytes();
        let (mut images, mut errors) = (0, 0);
        for at in 0..elf.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff, elf[at] ^ 1, elf[at] ^ 0x10] {
                let mut mutant = elf.clone();
                mutant[at] = value;
                match convert(&mutant) {
                    Ok(efi) => {
                        images += 1;
                        assert!(efi.len() <= elf.len() + 8 * 0x1000, "byte {at}: {} bytes", efi.len());
                    }
                    Err(_) => errors += 1,
                }
            }
        }
        println!("{images} mutants became images, {errors} were refused");
        assert!(images > 1000 && errors > 300, "{images} images, {errors} errors");
    }

    /// As if the file had been cut at every length; the end of this one is its string table.
    #[test]
    fn every_truncated_file_is_refused() {
        let elf = Elf::riscv64().bytes();
        for length in 0..elf.len() {
            assert!(convert(&elf[..length]).is_err(), "cut to {length} bytes");
        }
    }

    proptest! {
        // Failures are reported with their input: the sources are not written to.
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_give_an_image_or_an_error(data in proptest::collection::vec(any::<u8>(), 0..4096)) {
            let _ = convert(&data);
        }

        /// Words, not bytes: offsets, sizes and counts become large, negative, or each other.
        #[test]
        fn any_changed_words_give_an_image_or_an_error(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u64>(), 0u32..64), 1..4),
        ) {
            let mut elf = Elf::loongarch64().bytes();
            for (index, value, shift) in changes {
                let at = index.index(elf.len() / 8) * 8;
                elf[at..at + 8].copy_from_slice(&(value >> shift).to_le_bytes());
            }
            let _ = convert(&elf);
        }
    }
}
