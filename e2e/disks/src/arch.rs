// SPDX-License-Identifier: BSD-3-Clause
//! What differs between the architectures.

use clap::ValueEnum;

/// An architecture of the matrix, by our name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Arch {
    #[value(name = "x86_64")]
    X86_64,
    Aarch64,
    Riscv64,
    Loongarch64,
}

impl Arch {
    /// The name, which QEMU's programs have, too.
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
            Self::Riscv64 => "riscv64",
            Self::Loongarch64 => "loongarch64",
        }
    }

    /// The first serial port of QEMU's machine, as Linux names it.
    pub const fn console(self) -> &'static str {
        match self {
            Self::Aarch64 => "ttyAMA0",
            Self::X86_64 | Self::Riscv64 | Self::Loongarch64 => "ttyS0",
        }
    }

    /// What Debian's packages call the kernel in /boot, before `-VERSION`.
    pub const fn kernel_prefix(self) -> &'static str {
        match self {
            Self::Riscv64 => "vmlinux",
            Self::X86_64 | Self::Aarch64 | Self::Loongarch64 => "vmlinuz",
        }
    }

    /// The architecture's name in names of EFI programs.
    pub const fn efi_name(self) -> &'static str {
        match self {
            Self::X86_64 => "x64",
            Self::Aarch64 => "aa64",
            Self::Riscv64 => "riscv64",
            Self::Loongarch64 => "loongarch64",
        }
    }

    /// The program that firmware starts from a disk that it knows nothing of.
    ///
    /// Source: UEFI 2.11, section 3.5.1.1.
    pub const fn fallback_loader(self) -> &'static str {
        match self {
            Self::X86_64 => "BOOTX64.EFI",
            Self::Aarch64 => "BOOTAA64.EFI",
            Self::Riscv64 => "BOOTRISCV64.EFI",
            Self::Loongarch64 => "BOOTLOONGARCH64.EFI",
        }
    }

    /// Firmware that QEMU must be given to start Linux: loongarch64's kernel starts to its end only from UEFI.
    pub const fn firmware(self) -> Option<&'static str> {
        match self {
            Self::Loongarch64 => Some("/usr/share/qemu-efi-loongarch64/QEMU_EFI.fd"),
            Self::X86_64 | Self::Aarch64 | Self::Riscv64 => None,
        }
    }

    /// QEMU's machine and a plain processor for it: `max` costs time under TCG.
    pub const fn machine(self) -> [&'static str; 2] {
        match self {
            Self::X86_64 => ["q35", "qemu64"],
            Self::Aarch64 => ["virt", "neoverse-n1"],
            Self::Riscv64 => ["virt", "rv64"],
            Self::Loongarch64 => ["virt", "la464"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_uses_our_names() {
        for arch in Arch::value_variants() {
            assert_eq!(arch.to_possible_value().unwrap().get_name(), arch.name());
        }
    }
}
