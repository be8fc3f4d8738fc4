// SPDX-License-Identifier: BSD-3-Clause
//! Architectures: their names, the file that firmware looks for, the machine in a program's header.

use anyhow::{Context, bail};

/// An architecture that UEFI runs on.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Arch {
    /// ARM64.
    Aarch64,
    /// LA64.
    Loongarch64,
    /// RV64.
    Riscv64,
    /// AMD64.
    X86_64,
}

impl Arch {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::X86_64, Self::Aarch64, Self::Riscv64, Self::Loongarch64];

    /// By its name, or by that which it has in references of containers.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|arch| arch.name() == name || arch.platform() == name)
    }

    /// As it stands in the names of targets and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
            Self::Riscv64 => "riscv64",
            Self::Loongarch64 => "loongarch64",
        }
    }

    /// As an OCI image index names it.
    pub fn platform(self) -> &'static str {
        match self {
            Self::X86_64 => "linux/amd64",
            Self::Aarch64 => "linux/arm64",
            Self::Riscv64 => "linux/riscv64",
            Self::Loongarch64 => "linux/loong64",
        }
    }

    /// What removable media are booted by (UEFI 2.11, table 3.5).
    pub fn file_name(self) -> &'static str {
        match self {
            Self::X86_64 => "BOOTX64.EFI",
            Self::Aarch64 => "BOOTAA64.EFI",
            Self::Riscv64 => "BOOTRISCV64.EFI",
            Self::Loongarch64 => "BOOTLOONGARCH64.EFI",
        }
    }

    /// `IMAGE_FILE_HEADER.Machine` (PE format, "Machine Types").
    fn machine(self) -> u16 {
        match self {
            Self::X86_64 => 0x8664,
            Self::Aarch64 => 0xaa64,
            Self::Riscv64 => 0x5064,
            Self::Loongarch64 => 0x6264,
        }
    }

    /// Checks that a program is one for this architecture: firmware would pass over another without a word.
    ///
    /// # Errors
    /// When it is no PE file or for another machine.
    pub fn check(self, program: &[u8]) -> anyhow::Result<()> {
        let machine = machine_of(program).context("not a UEFI program: it has no PE header")?;
        if machine == self.machine() {
            return Ok(());
        }
        match Self::ALL.into_iter().find(|arch| arch.machine() == machine) {
            Some(other) => bail!("a program for {}, not for {}", other.name(), self.name()),
            None => bail!("a program for machine {machine:#06x}, not for {}", self.name()),
        }
    }
}

/// The machine in the PE header: behind `PE\0\0`, to which byte 0x3c of the DOS header points.
fn machine_of(program: &[u8]) -> Option<u16> {
    if !program.starts_with(b"MZ") {
        return None;
    }
    let at = u32::from_le_bytes(*program.get(0x3c..)?.first_chunk()?);
    let header = program.get(usize::try_from(at).ok()?..)?.strip_prefix(b"PE\0\0")?;
    Some(u16::from_le_bytes(*header.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(machine: u16) -> Vec<u8> {
        let mut bytes = vec![0; 0x40];
        bytes[..2].copy_from_slice(b"MZ");
        bytes[0x3c] = 0x40;
        bytes.extend_from_slice(b"PE\0\0");
        bytes.extend_from_slice(&machine.to_le_bytes());
        bytes
    }

    #[test]
    fn programs_are_told_apart_by_their_machine() {
        for arch in Arch::ALL {
            assert_eq!(Arch::from_name(arch.name()), Some(arch));
            assert_eq!(Arch::from_name(arch.platform()), Some(arch));
            assert!(arch.check(&program(arch.machine())).is_ok());
        }
        let error = |bytes: &[u8]| Arch::X86_64.check(bytes).unwrap_err().to_string();
        assert_eq!(error(&program(0xaa64)), "a program for aarch64, not for x86_64");
        assert_eq!(error(&program(0x014c)), "a program for machine 0x014c, not for x86_64");
        assert!(error(b"\x7fELF").contains("no PE header"));
        assert!(error(&program(0x8664)[..0x44]).contains("no PE header"));
        assert!(error(b"MZ").contains("no PE header"));
    }
}
