// SPDX-License-Identifier: BSD-3-Clause
//! `//bench:loader`: from a boot loader's start to its kernel's first instruction, compared with GRUB (budget L1).
//!
//! On both sides, the firmware starts our program `guest/programs/start.rs`: it notes the processor's counter and
//! starts the boot loader beside it. The kernel (`guest/programs/kernel.rs`) reads the counter first, then prints it
//! with checksums of what it got.

mod boot;
mod disk;
pub(crate) mod grub;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use arch::Arch;
use clap::Parser;
use qemu::{
    emulated::{self, Emulated as _},
    machine::Accelerator,
};

use crate::{
    machine,
    options::Output,
    pairs,
    report::{Budget, Fact, Ratio, Report, Row},
    scratch::Scratch,
};
use boot::{Boot, Measure};
use disk::Disk;

/// Boots a kernel of 12 MiB with an initrd of 20 MiB from the same disk in QEMU, with the cloud-boot loader and with
/// GRUB in turn, and compares the time from the boot loader's start to the kernel's first instruction, and the number
/// of instructions.
///
/// Exit status: 0 when every budget is met, 1 when one is missed, 2 when the measurement failed.
#[derive(Debug, Parser)]
#[command(
    bin_name = "tools/bazel run //bench:loader --",
    after_help = "Examples:\n  tools/bazel run //bench:loader\n  tools/bazel run //bench:loader -- --arch x86_64 \
                  --json\n  tools/bazel run //bench:loader -- --pairs 3 --update"
)]
pub struct Options {
    #[command(flatten)]
    output: Output,
    /// Measure only these architectures [default: all four]
    #[arg(long, value_parser = emulated::parser())]
    arch: Vec<Arch>,
    /// How often each side boots
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(3..))]
    pairs: u16,
    /// Show the consoles on standard error
    #[arg(long)]
    verbose: bool,
}

/// The files for one architecture.
struct Files {
    arch: Arch,
    loader: PathBuf,
    start: PathBuf,
    kernel: PathBuf,
    code: PathBuf,
    vars: PathBuf,
}

impl Files {
    /// //bench:loader passes them in its environment.
    fn of(arch: Arch) -> Result<Self> {
        let file = |kind: &str| {
            let name = format!("BENCH_{kind}_{arch}");
            let path = env::var_os(&name)
                .with_context(|| format!("{name} is not set; run it with tools/bazel run"))?;
            // Absolute, since tools run in other folders.
            fs::canonicalize(&path).with_context(|| path.display().to_string())
        };
        let (loader, start, kernel) = (file("LOADER")?, file("START")?, file("KERNEL")?);
        Ok(Self { arch, loader, start, kernel, code: file("CODE")?, vars: file("VARS")? })
    }
}

/// Budget L1: ours divided by GRUB's. Under emulation, time is mostly translation of code that runs once.
fn budget(measure: Measure) -> Budget {
    Budget::NotAbove(match measure {
        Measure::Instructions | Measure::Time(Accelerator::Kvm) => 0.5,
        Measure::Time(Accelerator::Tcg) => 1.0,
    })
}

impl Options {
    /// The form of the report.
    pub fn output(&self) -> Output {
        self.output
    }

    /// Measures.
    ///
    /// # Errors
    /// When a tool or machine fails, or a kernel got wrong data.
    pub fn run(&self) -> Result<Report> {
        let arches = if self.arch.is_empty() { &Arch::ALL[..] } else { &self.arch };
        let pairs = usize::from(self.pairs);
        let (mut rows, mut setup) = (Vec::new(), self.setup()?);
        for &arch in arches {
            let scratch = Scratch::new(&format!("loader-{arch}"))?;
            let (found, facts) = self.measure(&scratch, &Files::of(arch)?, pairs)?;
            rows.extend(found);
            setup.extend(facts);
        }
        Ok(Report { bench: "loader", machine: machine::describe(), setup, rows, parts: None })
    }

    fn setup(&self) -> Result<Vec<Fact>> {
        Ok(vec![
            Fact::new(
                "both",
                "the same disk but for the boot loader's file on its EFI system partition; the same grub.cfg, without \
                 a timeout; the time is the processor's counter's, read before StartImage and by the kernel's first \
                 instructions",
            ),
            Fact::new(
                "theirs",
                format!("{}, {}", machine::version("grub-mkimage", "--version")?, grub::CONFIGURATION),
            ),
            Fact::new("pairs", format!("{}, in turn", self.pairs)),
            Fact::new(
                "counter",
                "TSC, CNTVCT_EL0, time and rdtime.d follow the host's clock, and with `-icount shift=0,sleep=off` \
                 the instructions that were executed: one is a nanosecond",
            ),
        ])
    }

    fn measure(&self, scratch: &Scratch, files: &Files, pairs: usize) -> Result<(Vec<Row>, Vec<Fact>)> {
        let arch = files.arch;
        eprintln!("loader: making the disks for {arch}");
        let disk = Disk::new(scratch, files)?;
        let grub = grub::make(scratch, arch)?;
        let ours = disk.with("ours", &files.loader)?;
        let theirs = disk.with("theirs", &grub.program)?;
        let time = Measure::Time(boot::accelerator(files, &ours)?);
        let row = |measure: Measure| {
            let boot = |side: &'static str, image: &Path| {
                let boot =
                    Boot { files, disk: &disk, image: image.into(), measure, is_verbose: self.verbose };
                move || {
                    let value = boot.run().with_context(|| format!("{side} for {arch}"))?;
                    eprintln!("loader: {side} for {arch}: {} {value:.3} {}", measure.name(), measure.unit());
                    Ok::<f64, anyhow::Error>(value)
                }
            };
            let found = pairs::run(pairs, boot("ours", &ours), boot("GRUB", &theirs))?;
            let subject = format!("{} to the kernel, {arch}, beside GRUB", measure.name());
            let values = (found.as_slice(), measure.unit());
            Row::of_pairs("L1", subject, values, Ratio::Share, budget(measure)).context("no pair")
        };
        let rows = vec![row(time)?, row(Measure::Instructions)?];
        let version = machine::version(arch.emulator(), "--version")?;
        let line = boot::line(files, &disk.image("…"), time);
        let facts =
            vec![Fact::new(format!("GRUB for {arch}"), grub.facts), Fact::new(version, format!("`{line}`"))];
        Ok((rows, facts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_sound() {
        <Options as clap::CommandFactory>::command().debug_assert();
        let options = Options::try_parse_from(["loader", "--arch", "riscv64", "--arch", "x86_64"]).unwrap();
        assert_eq!(options.arch, [Arch::Riscv64, Arch::X86_64]);
        assert!(Options::try_parse_from(["loader", "--pairs", "2"]).is_err(), "too few for a median");
        assert!(Options::try_parse_from(["loader", "--arch", "vax"]).is_err());
    }

    #[test]
    fn emulated_time_has_a_budget_of_its_own() {
        let measures =
            [Measure::Instructions, Measure::Time(Accelerator::Kvm), Measure::Time(Accelerator::Tcg)];
        assert_eq!(measures.map(budget), [0.5, 0.5, 1.0].map(Budget::NotAbove));
    }

    #[test]
    fn a_file_that_is_not_named_is_said() {
        let why = Files::of(Arch::X86_64).err().unwrap();
        assert!(format!("{why:#}").contains("BENCH_LOADER_x86_64"), "{why:#}");
    }
}
