// SPDX-License-Identifier: BSD-3-Clause
//! Programs of other architectures: the kernel must know which emulator runs them.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use arch::Arch;

const FOLDER: &str = "/proc/sys/fs/binfmt_misc";

/// Makes sure that programs of `arch` run, by the static emulator in the toolbox.
///
/// With the flag F the kernel keeps the emulator open, so that it works in any root. Roots are made side by side: what
/// another process has mounted or registered meanwhile is as good as our own.
pub fn ensure(arch: Arch) -> Result<()> {
    if arch == Arch::X86_64 {
        return Ok(());
    }
    mount(arch)?;
    let handler = format!("qemu-{arch}");
    if is_usable(&handler)? {
        return Ok(());
    }
    println!("registering {handler} for programs of {arch} (until the machine restarts)");
    let line = format!(":{handler}:M::{}:/usr/bin/{handler}:F", magic(arch));
    let register = fs::OpenOptions::new().write(true).open(Path::new(FOLDER).join("register"));
    match register.and_then(|mut file| file.write_all(line.as_bytes())) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_usable(&handler)? => Ok(()),
        result => result.with_context(|| {
            format!("registering {handler}: as a normal user, sudo apt-get install qemu-user-binfmt first")
        }),
    }
}

/// Mounts binfmt_misc where it is not.
fn mount(arch: Arch) -> Result<()> {
    let register = Path::new(FOLDER).join("register");
    if register.exists() {
        return Ok(());
    }
    let status = Command::new("mount").args(["-t", "binfmt_misc", "binfmt_misc", FOLDER]).status();
    // Another process may have mounted it first, and then ours failed.
    if !status.is_ok_and(|status| status.success()) && !register.exists() {
        bail!(
            "programs of {arch} cannot run here: sudo mount -t binfmt_misc binfmt_misc {FOLDER}, and start again"
        );
    }
    Ok(())
}

/// Whether there is a handler of this name; any will do, if it works in a root without the emulator.
///
/// # Errors
/// If there is one that cannot be used.
fn is_usable(handler: &str) -> Result<bool> {
    let Ok(text) = fs::read_to_string(Path::new(FOLDER).join(handler)) else { return Ok(false) };
    let is_fixed = text.lines().any(|line| line.starts_with("flags:") && line.contains('F'));
    if text.starts_with("enabled") && is_fixed {
        return Ok(true);
    }
    bail!(
        "{FOLDER}/{handler} is there, but not enabled or without the flag F: echo -1 | sudo tee {FOLDER}/{handler}, and start again"
    )
}

/// Magic bytes and mask of the ELF header: class, endianness, type EXEC or DYN, machine.
fn magic(arch: Arch) -> String {
    let machine: u16 = match arch {
        Arch::X86_64 => 62,
        Arch::Aarch64 => 183,
        Arch::Riscv64 => 243,
        Arch::Loongarch64 => 258,
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
        for arch in [Arch::Aarch64, Arch::Riscv64, Arch::Loongarch64] {
            let text = magic(arch);
            let (magic, mask) = text.split_once(':').unwrap();
            assert_eq!(magic.replace("ELF", "\\x45\\x4c\\x46").matches("\\x").count(), 20);
            assert_eq!(mask.matches("\\x").count(), 20);
        }
    }
}
