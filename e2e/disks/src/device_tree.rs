// SPDX-License-Identifier: BSD-3-Clause
//! A device tree that works for QEMU's machine but differs from its own: the model has another name.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};
use arch::Arch;

use crate::tool::run;

/// Writes the tree to `out`.
///
/// # Errors
/// When the machine has no device tree.
pub fn make(arch: Arch, out: &Path) -> Result<()> {
    // The model in QEMU's tree, and a replacement of the same length.
    let (cpu, before, after) = match arch {
        Arch::Aarch64 => ("neoverse-n1", b"linux,dummy-virt", b"e2e-tree-aarch64"),
        Arch::Riscv64 => ("rv64", b"riscv-virtio,qem", b"e2e-tree-riscv64"),
        Arch::X86_64 | Arch::Loongarch64 => bail!("this machine starts without a device tree"),
    };
    // Like the machines of the tests.
    let machine = format!("virt,acpi=off,dumpdtb={}", out.display());
    let mut qemu = Command::new(format!("qemu-system-{}", arch.name()));
    qemu.args([
        "-machine",
        &machine,
        "-cpu",
        cpu,
        "-smp",
        "1",
        "-m",
        "1024",
        "-display",
        "none",
        "-nodefaults",
    ]);
    run(&mut qemu)?;
    let mut tree = fs::read(out).context("cannot read QEMU's device tree")?;
    let places: Vec<usize> =
        tree.windows(before.len()).enumerate().filter(|(_, w)| w == before).map(|(at, _)| at).collect();
    if places.is_empty() {
        bail!("no {} in the device tree", String::from_utf8_lossy(before));
    }
    for at in places {
        if let Some(name) = tree.get_mut(at..).and_then(|rest| rest.get_mut(..after.len())) {
            name.copy_from_slice(after);
        }
    }
    fs::write(out, tree).context("cannot write the device tree")
}
