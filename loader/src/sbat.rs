// SPDX-License-Identifier: BSD-3-Clause
//! The section `.sbat`: which generation of this program it is, by which shim revokes old ones.
//!
//! Spec: shim's SBAT.md. The generation is raised with a release that mends a hole in Secure Boot, and only then.

use core::arch::global_asm;

/// Read-only data; in ELF with the flag that keeps it, though nothing refers to it.
#[cfg(target_os = "uefi")]
macro_rules! section {
    () => {
        ".section .sbat,\"dr\""
    };
}
#[cfg(not(target_os = "uefi"))]
macro_rules! section {
    () => {
        ".section .sbat,\"aR\",@progbits"
    };
}

global_asm!(
    section!(),
    ".ascii \"sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\\n\"",
    concat!(
        ".ascii \"cloud-boot,1,cloud-boot,cloud-boot,",
        env!("CARGO_PKG_VERSION"),
        ",see SECURITY.md\\n\""
    ),
    ".text",
);
