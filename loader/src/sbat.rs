// SPDX-License-Identifier: BSD-3-Clause
//! The section `.sbat`: the generation of this program, by which shim revokes old versions.
//!
//! Spec: shim's SBAT.md. The generation is raised only with a release that fixes a Secure Boot vulnerability.

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
