// SPDX-License-Identifier: BSD-3-Clause
//! The programs that an image holds, each for one architecture.

use anyhow::{Context, bail};
use arch::{Arch, Machine};

/// The OCI name of a platform: `linux/arm64`.
pub fn platform(arch: Arch) -> String {
    format!("linux/{}", arch.oci())
}

/// The architecture of a platform name: `aarch64`, or the OCI form `linux/arm64`.
pub fn of_platform(name: &str) -> Option<Arch> {
    let is_it = |arch: &Arch| arch.name() == name || platform(*arch) == name;
    Arch::ALL.into_iter().find(is_it)
}

/// Checks that a program is for this architecture: firmware would silently skip another.
///
/// # Errors
/// When it is not a PE file, or for another machine.
pub fn check(arch: Arch, program: &[u8]) -> anyhow::Result<()> {
    let machine = machine_of(program).context("not a UEFI program: it has no PE header")?;
    if machine != arch.machine() {
        bail!("a program for {machine}, not for {arch}");
    }
    Ok(())
}

/// The machine in the PE header: after `PE\0\0`, whose offset is at byte 0x3c of the DOS header.
fn machine_of(program: &[u8]) -> Option<Machine> {
    if !program.starts_with(b"MZ") {
        return None;
    }
    let at = u32::from_le_bytes(*program.get(0x3c..)?.first_chunk()?);
    let header = program.get(usize::try_from(at).ok()?..)?.strip_prefix(b"PE\0\0")?;
    Some(Machine(u16::from_le_bytes(*header.first_chunk()?)))
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
            assert_eq!(of_platform(arch.name()), Some(arch));
            assert_eq!(of_platform(&platform(arch)), Some(arch));
            assert!(check(arch, &program(arch.machine().0)).is_ok());
        }
        let error = |bytes: &[u8]| check(Arch::X86_64, bytes).unwrap_err().to_string();
        assert_eq!(error(&program(0xaa64)), "a program for aarch64, not for x86_64");
        assert_eq!(error(&program(0x014c)), "a program for i386, not for x86_64");
        assert!(error(b"\x7fELF").contains("no PE header"));
        assert!(error(&program(0x8664)[..0x44]).contains("no PE header"));
        assert!(error(b"MZ").contains("no PE header"));
    }
}
