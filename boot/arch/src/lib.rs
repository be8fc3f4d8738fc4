// SPDX-License-Identifier: BSD-3-Clause
//! The architectures that cloud-boot is built for, and every name they go by.
//!
//! ```
//! use arch::Arch;
//!
//! assert_eq!("aarch64".parse(), Ok(Arch::Aarch64));
//! assert_eq!((Arch::Aarch64.debian(), Arch::Aarch64.efi()), ("arm64", "aa64"));
//! assert_eq!(Arch::of_machine(0x8664), Some(Arch::X86_64));
//! ```
#![no_std]

#[cfg(test)]
extern crate std;

mod machine;

use core::{fmt, str::FromStr};

pub use machine::Machine;

/// An architecture. Shown by the name that Linux, Rust and QEMU give it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Arch {
    /// 64-bit x86.
    X86_64,
    /// 64-bit ARM.
    Aarch64,
    /// 64-bit RISC-V.
    Riscv64,
    /// 64-bit LoongArch.
    Loongarch64,
}

impl Arch {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::X86_64, Self::Aarch64, Self::Riscv64, Self::Loongarch64];

    /// The names of all, in the same order.
    pub const NAMES: [&str; 4] = ["x86_64", "aarch64", "riscv64", "loongarch64"];

    /// The name that Linux, Rust and QEMU use, and that our own files and targets have.
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
            Self::Riscv64 => "riscv64",
            Self::Loongarch64 => "loongarch64",
        }
    }

    /// Debian's name.
    pub const fn debian(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
            Self::Riscv64 => "riscv64",
            Self::Loongarch64 => "loong64",
        }
    }

    /// The `architecture` of an OCI image index, which takes it from Go's `GOARCH`.
    pub const fn oci(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
            Self::Riscv64 => "riscv64",
            Self::Loongarch64 => "loong64",
        }
    }

    /// The name in file names of EFI programs, and in the Boot Loader Specification.
    ///
    /// Spec: UEFI 2.11, section 3.5.1.1; UAPI.1, "architecture".
    pub const fn efi(self) -> &'static str {
        match self {
            Self::X86_64 => "x64",
            Self::Aarch64 => "aa64",
            Self::Riscv64 => "riscv64",
            Self::Loongarch64 => "loongarch64",
        }
    }

    /// The program in `\EFI\BOOT` that firmware starts from a medium without a boot option.
    ///
    /// Spec: UEFI 2.11, section 3.5.1.1.
    pub const fn boot_file(self) -> &'static str {
        match self {
            Self::X86_64 => "BOOTX64.EFI",
            Self::Aarch64 => "BOOTAA64.EFI",
            Self::Riscv64 => "BOOTRISCV64.EFI",
            Self::Loongarch64 => "BOOTLOONGARCH64.EFI",
        }
    }

    /// `IMAGE_FILE_HEADER.Machine` of its programs.
    pub const fn machine(self) -> Machine {
        Machine(match self {
            Self::X86_64 => 0x8664,
            Self::Aarch64 => 0xaa64,
            Self::Riscv64 => 0x5064,
            Self::Loongarch64 => 0x6264,
        })
    }

    /// The architecture of programs with this machine type; none if cloud-boot is not built for it.
    pub fn of_machine(machine: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|arch| arch.machine() == Machine(machine))
    }

    /// The first serial port of QEMU's machine, as Linux names it.
    pub const fn console(self) -> &'static str {
        match self {
            Self::Aarch64 => "ttyAMA0",
            Self::X86_64 | Self::Riscv64 | Self::Loongarch64 => "ttyS0",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no architecture.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unknown;

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected x86_64, aarch64, riscv64 or loongarch64")
    }
}

impl core::error::Error for Unknown {}

impl FromStr for Arch {
    type Err = Unknown;

    fn from_str(name: &str) -> Result<Self, Unknown> {
        Self::ALL.into_iter().find(|arch| arch.name() == name).ok_or(Unknown)
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn names_lead_back_to_their_architecture() {
        assert_eq!(Arch::ALL.map(Arch::name), Arch::NAMES);
        for arch in Arch::ALL {
            assert_eq!(arch.to_string().parse(), Ok(arch));
            assert_eq!(Arch::of_machine(arch.machine().0), Some(arch));
            assert_eq!(arch.machine().to_string(), arch.name());
            let file = std::format!("BOOT{}.EFI", arch.efi().to_uppercase());
            assert_eq!(arch.boot_file(), file);
        }
        for name in ["", "X86_64", "amd64", "x86", "riscv64 "] {
            assert_eq!(name.parse::<Arch>(), Err(Unknown), "{name}");
        }
        assert_eq!(Arch::of_machine(0x14c), None);
    }
}
