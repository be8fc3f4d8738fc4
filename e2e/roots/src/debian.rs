// SPDX-License-Identifier: BSD-3-Clause
//! What Debian has for an architecture.

use arch::Arch;

/// Debian 13, then the next release: for architectures that 13 lacks, and for a mirror whose copy of 13 is
/// not consistent while we ask.
fn suites(arch: Arch) -> &'static [&'static str] {
    match arch {
        Arch::X86_64 | Arch::Aarch64 | Arch::Riscv64 => &["trixie", "forky"],
        Arch::Loongarch64 => &["forky"],
    }
}

/// Calls `make` with each suite until one works.
///
/// # Errors
/// The last suite's.
pub fn first_suite<T>(arch: Arch, mut make: impl FnMut(&str) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let mut failed = anyhow::anyhow!("no suite for {arch}");
    for suite in suites(arch) {
        match make(suite) {
            Ok(made) => return Ok(made),
            Err(error) => {
                eprintln!("{suite} for {arch}: {error:#}");
                failed = error.context(format!("Debian {suite} for {arch}"));
            }
        }
    }
    Err(failed)
}

/// The kernel that Debian's cloud images of the architecture use.
pub fn kernel(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "linux-image-cloud-amd64",
        Arch::Aarch64 => "linux-image-cloud-arm64",
        Arch::Riscv64 => "linux-image-riscv64",
        Arch::Loongarch64 => "linux-image-loong64",
    }
}
