// SPDX-License-Identifier: BSD-3-Clause
//! The four architectures, as QEMU knows them.

use std::{env::consts, fmt};

use clap::ValueEnum;
use serde::Deserialize;

/// An architecture that cloud-boot is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "it would stand in help, and says nothing that the names do not")]
pub enum Arch {
    #[value(name = "x86_64")]
    X86_64,
    Aarch64,
    Riscv64,
    Loongarch64,
}

impl Arch {
    /// That of this machine; none if cloud-boot is not built for it.
    pub fn host() -> Option<Self> {
        Self::value_variants().iter().copied().find(|arch| arch.name() == consts::ARCH)
    }

    /// As it stands in names of targets, files and Rust's triples.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
            Self::Riscv64 => "riscv64",
            Self::Loongarch64 => "loongarch64",
        }
    }

    /// The program that emulates it.
    pub fn emulator(self) -> &'static str {
        match self {
            Self::X86_64 => "qemu-system-x86_64",
            Self::Aarch64 => "qemu-system-aarch64",
            Self::Riscv64 => "qemu-system-riscv64",
            Self::Loongarch64 => "qemu-system-loongarch64",
        }
    }

    /// The `-machine` that its firmware is made for. riscv64 without ACPI, as its kernels know it best.
    pub fn machine(self) -> &'static str {
        match self {
            Self::X86_64 => "q35",
            Self::Riscv64 => "virt,acpi=off",
            Self::Aarch64 | Self::Loongarch64 => "virt",
        }
    }

    /// A plain `-cpu` under TCG: `max` costs time under TCG on every architecture, and Linux 6.12 stumbles over it on
    /// aarch64 (52-bit addresses).
    pub fn cpu(self) -> &'static str {
        match self {
            Self::X86_64 => "qemu64",
            Self::Aarch64 => "neoverse-n1",
            Self::Riscv64 => "rv64",
            Self::Loongarch64 => "la464",
        }
    }

    /// The first serial port, as Linux names it.
    pub fn console(self) -> &'static str {
        match self {
            Self::Aarch64 => "ttyAMA0,115200",
            Self::X86_64 | Self::Riscv64 | Self::Loongarch64 => "ttyS0,115200",
        }
    }

    /// The loader's setting that gives this console to kernels whose command line names none.
    pub fn console_setting(self) -> String {
        format!("cloudboot.console={}", self.console())
    }

    /// Debian's package of the emulator.
    pub fn emulator_package(self) -> &'static str {
        match self {
            Self::X86_64 => "qemu-system-x86",
            Self::Aarch64 => "qemu-system-arm",
            Self::Riscv64 => "qemu-system-riscv",
            Self::Loongarch64 => "qemu-system-misc",
        }
    }

    /// Debian's package of the firmware.
    pub fn firmware_package(self) -> &'static str {
        match self {
            Self::X86_64 => "ovmf",
            Self::Aarch64 => "qemu-efi-aarch64",
            Self::Riscv64 => "qemu-efi-riscv64",
            Self::Loongarch64 => "qemu-efi-loongarch64",
        }
    }

    /// The devices of a CD drive: q35 has an AHCI controller of its own, the virt machines need one.
    pub fn cd_devices(self) -> &'static [&'static str] {
        match self {
            Self::X86_64 => &["ide-cd"],
            _ => &["virtio-scsi-pci", "scsi-cd"],
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_on_the_command_line_and_in_a_spec() {
        for arch in Arch::value_variants() {
            let quoted = format!("\"{arch}\"");
            assert_eq!(serde_json::from_str::<Arch>(&quoted).unwrap(), *arch);
            assert_eq!(arch.to_possible_value().unwrap().get_name(), arch.name());
        }
    }
}
