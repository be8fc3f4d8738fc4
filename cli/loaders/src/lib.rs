// SPDX-License-Identifier: BSD-3-Clause
//! The loader of each architecture, as it was built beside this program.
//!
//! Bazel builds them first and names them in the environment; cargo does not build for UEFI, and embeds none.
#![no_std]

/// `loader-ARCH.efi` by architecture; empty where cargo has built the program.
#[cfg(embedded)]
pub const LOADERS: &[(&str, &[u8])] = &[
    ("x86_64", include_bytes!(env!("LOADER_X86_64"))),
    ("aarch64", include_bytes!(env!("LOADER_AARCH64"))),
    ("riscv64", include_bytes!(env!("LOADER_RISCV64"))),
    ("loongarch64", include_bytes!(env!("LOADER_LOONGARCH64"))),
];

/// `loader-ARCH.efi` by architecture; empty where cargo has built the program.
#[cfg(not(embedded))]
pub const LOADERS: &[(&str, &[u8])] = &[];
