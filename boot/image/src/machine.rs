// SPDX-License-Identifier: BSD-3-Clause
//! Kinds of processors, as PE counts them.

use core::fmt;

/// `IMAGE_FILE_HEADER.Machine`: the kind of processor that a program is for. Shown by the name that Linux and
/// Rust give it.
///
/// Spec: UEFI 2.10, section 2.1.1; Microsoft PE Format, "Machine Types".
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Machine(pub u16);

impl Machine {
    /// 64-bit ARM.
    pub const AARCH64: Self = Self(0xaa64);
    /// 64-bit LoongArch.
    pub const LOONGARCH64: Self = Self(0x6264);
    /// 64-bit RISC-V.
    pub const RISCV64: Self = Self(0x5064);
    /// 64-bit x86.
    pub const X86_64: Self = Self(0x8664);
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::AARCH64 => f.write_str("aarch64"),
            Self::LOONGARCH64 => f.write_str("loongarch64"),
            Self::RISCV64 => f.write_str("riscv64"),
            Self::X86_64 => f.write_str("x86_64"),
            Self(0x014c) => f.write_str("i386"),
            Self(0x01c2) => f.write_str("arm"),
            Self(0x5032) => f.write_str("riscv32"),
            Self(0x6232) => f.write_str("loongarch32"),
            Self(other) => write!(f, "machine {other:#06x}"),
        }
    }
}
