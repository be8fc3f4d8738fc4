// SPDX-License-Identifier: BSD-3-Clause
//! `//bench:size`: the loader's size compared with GRUB's, and the share of each crate (budget L2).

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow};
use arch::Arch;
use clap::Parser;
use qemu::emulated;

use crate::{
    loader::grub,
    machine,
    options::Output,
    parts::{Breakdown, Part},
    report::{Fact, Report, Row},
    scratch::Scratch,
    symbols,
};

/// Compares the size of the loader with that of GRUB, made with the modules that boot the same disks, and shows what
/// each crate adds to the loader for x86_64.
///
/// Exit status: 0 when the budget is met, 1 when it is missed, 2 when the measurement failed.
#[derive(Debug, Parser)]
#[command(
    bin_name = "tools/bazel run //bench:size --",
    after_help = "Examples:\n  tools/bazel run //bench:size\n  tools/bazel run //bench:size -- --arch x86_64 --json\n  \
                  tools/bazel run //bench:size -- --update"
)]
pub struct Options {
    #[command(flatten)]
    output: Output,
    /// Measure only these architectures [default: all four]
    #[arg(long, value_parser = emulated::parser())]
    arch: Vec<Arch>,
}

impl Options {
    /// The form of the report.
    pub fn output(&self) -> Output {
        self.output
    }

    /// Measures.
    ///
    /// # Errors
    /// When a file is missing, the loader for x86_64 has no symbols, or GRUB cannot be made.
    pub fn run(&self) -> Result<Report> {
        let arches = if self.arch.is_empty() { &Arch::ALL[..] } else { &self.arch };
        let (mut rows, mut setup, mut ipxe) = (Vec::new(), setup()?, Vec::new());
        for &arch in arches {
            let scratch = Scratch::new(&format!("size-{arch}"))?;
            let grub = grub::make(&scratch, arch)?;
            let (ours, theirs) = (kib(&file(&format!("BENCH_LOADER_{arch}"))?)?, kib(&grub.program)?);
            let subject = format!("size of the loader, {arch}, beside GRUB");
            rows.push(Row::of_value("L2", subject, (ours, Some(theirs)), "KiB", limit(arch)));
            setup.push(Fact::new(format!("GRUB for {arch}"), grub.facts));
            let (_, debian) = grub::names(arch);
            ipxe.push(format!("{arch} {} KiB", kib(&Path::new(IPXE).join(format!("ipxe-{debian}.efi")))?));
        }
        let said = "boots from the network, and is the measure of a loader that does so, too";
        let version = grub::installed("ipxe")?;
        setup.push(Fact::new("iPXE", format!("{}; {version}, as Debian has it; it {said}", ipxe.join(", "))));
        let parts = arches.contains(&Arch::X86_64).then(by_crate).transpose()?;
        Ok(Report { bench: "size", machine: machine::describe(), setup, rows, parts })
    }
}

/// Budget L2 in KiB, for the loader with all planned parts.
fn limit(arch: Arch) -> Option<f64> {
    (arch == Arch::X86_64).then_some(1638.4)
}

/// The row of L2.
const BUDGET: &str = "complete ≤ 1.6 MiB for x86_64 (iPXE: 1.0 MiB without TLS 1.3, readers or signatures). What each \
     part may add, in KiB, to the 399 that boot from ext4, FAT and ISO 9660: XFS 35, btrfs with RAID 75, network with \
     TLS and OCI 650, signatures 110, plans and metadata 80, LUKS, LVM and md 75, ZFS 95, UFS and NTFS 45, publishing \
     15. A part that needs more says why, with the table per crate; savings elsewhere count";

fn setup() -> Result<Vec<Fact>> {
    Ok(vec![
        Fact::new("budget L2", BUDGET),
        Fact::new("ours", "the loader as it is released, which boots from disks"),
        Fact::new(
            "theirs",
            format!("{}, {}", machine::version("grub-mkimage", "--version")?, grub::CONFIGURATION),
        ),
    ])
}

fn by_crate() -> Result<Breakdown> {
    let path = file("BENCH_SYMBOLS")?;
    let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
    let crates = symbols::crates(&bytes).map_err(|why| anyhow!("{}: {why}", path.display()))?;
    let parts = crates.into_iter().map(|(name, bytes)| Part { name, bytes }).collect();
    Ok(Breakdown { whole: "crate in the loader for x86_64".into(), parts })
}

/// //bench:size passes them in its environment.
fn file(name: &str) -> Result<PathBuf> {
    let path =
        env::var_os(name).with_context(|| format!("{name} is not set; run it with tools/bazel run"))?;
    Ok(path.into())
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn kib(path: &Path) -> Result<f64> {
    let size = fs::metadata(path).with_context(|| path.display().to_string())?.len();
    Ok(size as f64 / 1024.0)
}

/// Debian's folder of iPXE.
const IPXE: &str = "/usr/lib/ipxe";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_sound() {
        <Options as clap::CommandFactory>::command().debug_assert();
        let options = Options::try_parse_from(["size", "--arch", "riscv64", "--json"]).unwrap();
        assert_eq!(options.arch, [Arch::Riscv64]);
        assert!(Options::try_parse_from(["size", "--arch", "vax"]).is_err());
    }

    #[test]
    fn only_x86_64_has_a_limit() {
        let limits: Vec<_> = Arch::ALL.into_iter().filter_map(limit).collect();
        assert_eq!(limits, [1638.4]);
    }

    #[test]
    fn a_file_that_is_not_named_is_said() {
        let why = by_crate().unwrap_err();
        assert!(format!("{why:#}").contains("BENCH_SYMBOLS"), "{why:#}");
    }
}
