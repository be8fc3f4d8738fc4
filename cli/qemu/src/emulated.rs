// SPDX-License-Identifier: BSD-3-Clause
//! The four architectures, as QEMU knows them.

use arch::Arch;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::{Deserialize, Deserializer, de};

/// The architecture of this machine: cloud-boot is built for no others.
pub const HOST: Arch = if cfg!(target_arch = "x86_64") {
    Arch::X86_64
} else if cfg!(target_arch = "aarch64") {
    Arch::Aarch64
} else if cfg!(target_arch = "riscv64") {
    Arch::Riscv64
} else {
    Arch::Loongarch64
};

/// Reads an architecture on a command line, by its name.
pub fn parser() -> impl TypedValueParser<Value = Arch> {
    PossibleValuesParser::new(Arch::NAMES).try_map(|name| name.parse::<Arch>())
}

/// Reads an architecture in a file, by its name.
///
/// # Errors
/// When the text does not name one.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arch, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

/// An architecture's machine in QEMU.
pub trait Emulated: Copy {
    /// The program that emulates it.
    fn emulator(self) -> &'static str;

    /// The `-machine` that its firmware is made for. riscv64 without ACPI, which its kernels support best.
    fn machine_option(self) -> &'static str;

    /// A plain `-cpu` for TCG: `max` is slower under TCG on every architecture, and breaks Linux 6.12 on aarch64
    /// (52-bit addresses).
    fn cpu(self) -> &'static str;

    /// The loader's setting that gives the machine's console to kernels whose command line names none.
    fn console_setting(self) -> String;

    /// Debian's package of the emulator.
    fn emulator_package(self) -> &'static str;

    /// Debian's package of the firmware.
    fn firmware_package(self) -> &'static str;

    /// The devices of a CD drive: q35 has an AHCI controller of its own, the virt machines need one.
    fn cd_devices(self) -> &'static [&'static str];
}

impl Emulated for Arch {
    fn emulator(self) -> &'static str {
        match self {
            Self::X86_64 => "qemu-system-x86_64",
            Self::Aarch64 => "qemu-system-aarch64",
            Self::Riscv64 => "qemu-system-riscv64",
            Self::Loongarch64 => "qemu-system-loongarch64",
        }
    }

    fn machine_option(self) -> &'static str {
        match self {
            Self::X86_64 => "q35",
            Self::Riscv64 => "virt,acpi=off",
            Self::Aarch64 | Self::Loongarch64 => "virt",
        }
    }

    fn cpu(self) -> &'static str {
        match self {
            Self::X86_64 => "qemu64",
            Self::Aarch64 => "neoverse-n1",
            Self::Riscv64 => "rv64",
            Self::Loongarch64 => "la464",
        }
    }

    fn console_setting(self) -> String {
        format!("cloudboot.console={},115200", self.console())
    }

    fn emulator_package(self) -> &'static str {
        match self {
            Self::X86_64 => "qemu-system-x86",
            Self::Aarch64 => "qemu-system-arm",
            Self::Riscv64 => "qemu-system-riscv",
            Self::Loongarch64 => "qemu-system-misc",
        }
    }

    fn firmware_package(self) -> &'static str {
        match self {
            Self::X86_64 => "ovmf",
            Self::Aarch64 => "qemu-efi-aarch64",
            Self::Riscv64 => "qemu-efi-riscv64",
            Self::Loongarch64 => "qemu-efi-loongarch64",
        }
    }

    fn cd_devices(self) -> &'static [&'static str] {
        match self {
            Self::X86_64 => &["ide-cd"],
            _ => &["virtio-scsi-pci", "scsi-cd"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct File {
        #[serde(deserialize_with = "deserialize")]
        arch: Arch,
    }

    #[test]
    fn one_name_on_the_command_line_and_in_a_file() {
        let parser = || clap::Command::new("x").arg(clap::Arg::new("arch").value_parser(parser()));
        for arch in Arch::ALL {
            let file: File = serde_json::from_str(&format!("{{\"arch\": \"{arch}\"}}")).unwrap();
            assert_eq!(file.arch, arch);
            let matches = parser().try_get_matches_from(["x", arch.name()]).unwrap();
            assert_eq!(matches.get_one("arch"), Some(&arch));
        }
        let why = serde_json::from_str::<File>("{\"arch\": \"vax\"}").unwrap_err().to_string();
        assert!(why.starts_with("expected x86_64, aarch64, riscv64 or loongarch64"), "{why}");
        assert!(parser().try_get_matches_from(["x", "vax"]).is_err());
    }
}
