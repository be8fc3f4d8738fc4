// SPDX-License-Identifier: BSD-3-Clause
//! What differs between the architectures.

use clap::ValueEnum;

/// The architectures of the matrix, by our names.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Arch {
    #[value(name = "x86_64")]
    X86_64,
    #[value(name = "aarch64")]
    Aarch64,
    #[value(name = "riscv64")]
    Riscv64,
    #[value(name = "loongarch64")]
    LoongArch64,
}

impl Arch {
    /// Debian's name.
    pub fn debian(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
            Self::Riscv64 => "riscv64",
            Self::LoongArch64 => "loong64",
        }
    }

    /// Debian 13, then the next release: for architectures that 13 lacks, and for a mirror whose copy of 13 is
    /// not consistent while we ask.
    pub fn suites(self) -> &'static [&'static str] {
        match self {
            Self::X86_64 | Self::Aarch64 | Self::Riscv64 => &["trixie", "forky"],
            Self::LoongArch64 => &["forky"],
        }
    }

    /// Calls `make` with each suite until one works.
    ///
    /// # Errors
    /// The last suite's.
    pub fn first_suite<T>(self, mut make: impl FnMut(&str) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let mut failed = anyhow::anyhow!("no suite for {}", self.machine());
        for suite in self.suites() {
            match make(suite) {
                Ok(made) => return Ok(made),
                Err(error) => {
                    eprintln!("{suite} for {}: {error:#}", self.machine());
                    failed = error.context(format!("Debian {suite} for {}", self.machine()));
                }
            }
        }
        Err(failed)
    }

    /// The kernel that Debian's cloud images of the architecture use.
    pub fn kernel(self) -> &'static str {
        match self {
            Self::X86_64 => "linux-image-cloud-amd64",
            Self::Aarch64 => "linux-image-cloud-arm64",
            Self::Riscv64 => "linux-image-riscv64",
            Self::LoongArch64 => "linux-image-loong64",
        }
    }

    /// QEMU's and the kernel's name of the architecture.
    pub fn machine(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
            Self::Riscv64 => "riscv64",
            Self::LoongArch64 => "loongarch64",
        }
    }

    /// `console=` of the kernel's command line for the machine's serial port.
    pub fn console(self) -> &'static str {
        match self {
            Self::Aarch64 => "ttyAMA0,115200",
            _ => "ttyS0,115200",
        }
    }
}
