// SPDX-License-Identifier: BSD-3-Clause
//! Programs of other architectures: the kernel must know which emulator runs them.

use std::{fs, io::Write, path::Path, process::Command};

use anyhow::{Context as _, Result, bail};

use crate::arch::Arch;

const FOLDER: &str = "/proc/sys/fs/binfmt_misc";

/// Makes sure that programs of `arch` run, by the static emulator in the toolbox.
///
/// With the flag F the kernel keeps the emulator open, so that it works in any root.
pub fn ensure(arch: Arch) -> Result<()> {
    let machine = arch.machine();
    let handler = format!("qemu-{machine}");
    if arch == Arch::X86_64 {
        return Ok(());
    }
    if !Path::new(FOLDER).join("register").exists() {
        let status = Command::new("mount").args(["-t", "binfmt_misc", "binfmt_misc", FOLDER]).status();
        if !status.is_ok_and(|status| status.success()) {
            bail!(
                "programs of {machine} cannot run here: sudo mount -t binfmt_misc binfmt_misc {FOLDER}, and start again"
            );
        }
    }
    // Any handler for this machine will do, if it works in a root without the emulator.
    if let Ok(text) = fs::read_to_string(Path::new(FOLDER).join(&handler)) {
        let is_fixed = text.lines().any(|line| line.starts_with("flags:") && line.contains('F'));
        if text.starts_with("enabled") && is_fixed {
            return Ok(());
        }
        bail!(
            "{FOLDER}/{handler} is there, but not enabled or without the flag F: echo -1 | sudo tee {FOLDER}/{handler}, and start again"
        );
    }
    println!("registering {handler} for programs of {machine} (until the machine restarts)");
    let mut register = fs::OpenOptions::new().write(true).open(Path::new(FOLDER).join("register"));
    let line = format!(":{handler}:M::{}:/usr/bin/{handler}:F", magic(arch));
    register
        .as_mut()
        .map_err(|e| anyhow::anyhow!("{e}"))
        .and_then(|file| Ok(file.write_all(line.as_bytes())?))
        .with_context(|| {
            format!("registering {handler}: as a normal user, sudo apt-get install qemu-user-binfmt first")
        })
}

/// Magic bytes and mask of the ELF header: class, endianness, type EXEC or DYN, machine.
fn magic(arch: Arch) -> String {
    let machine: u16 = match arch {
        Arch::X86_64 => 62,
        Arch::Aarch64 => 183,
        Arch::Riscv64 => 243,
        Arch::LoongArch64 => 258,
    };
    let [low, high] = machine.to_le_bytes();
    let magic = format!("\\x7fELF\\x02\\x01\\x01{}\\x02\\x00\\x{low:02x}\\x{high:02x}", "\\x00".repeat(9));
    let mask = format!("{}\\x00{}\\xfe\\xff\\xff\\xff", "\\xff".repeat(7), "\\xff".repeat(8));
    format!("{magic}:{mask}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magic_and_mask_have_the_length_of_the_header_up_to_the_machine() {
        for arch in [Arch::Aarch64, Arch::Riscv64, Arch::LoongArch64] {
            let text = magic(arch);
            let (magic, mask) = text.split_once(':').unwrap();
            assert_eq!(magic.replace("ELF", "\\x45\\x4c\\x46").matches("\\x").count(), 20);
            assert_eq!(mask.matches("\\x").count(), 20);
        }
    }
}
