// SPDX-License-Identifier: BSD-3-Clause
//! One boot in QEMU, and the kernel's report on it.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use bench_guest::words;
use qemu::{
    emulated::Emulated as _,
    kvm,
    machine::{self, Accelerator, Firmware, Machine},
    process::{Messages, Qemu, ReadOutcome},
};

use super::{
    Files,
    disk::{Disk, OPTIONS},
};

/// Time limit of a run of QEMU; the slowest architecture needs a tenth on a quiet machine.
const LIMIT: Duration = Duration::from_secs(300);
/// Longest wait for output before the clock is checked.
const TICK: Duration = Duration::from_millis(500);
/// MiB of memory.
const MEMORY: u32 = 512;
/// Preallocated, as in a real machine: otherwise the host allocates and clears each page when the boot loader first
/// touches it, which takes longer, and varies more, than what is measured.
const PREALLOCATED: [&str; 4] =
    ["-object", "memory-backend-ram,id=ram,size=512M,prealloc=on", "-machine", "memory-backend=ram"];
/// Characters of the console to show on failure.
const TAIL: usize = 2000;

/// QEMU executes one instruction per nanosecond of guest time, and does not sleep when the guest is idle.
const COUNTED: [&str; 2] = ["-icount", "shift=0,sleep=off"];

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Seconds of the host's clock.
    Time(Accelerator),
    /// Millions of instructions that the emulated processor executes.
    Instructions,
}

impl Measure {
    /// Its name in a table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Time(Accelerator::Tcg) => "time",
            Self::Time(Accelerator::Kvm) => "time under KVM",
            Self::Instructions => "instructions",
        }
    }

    /// The unit of its values.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Time(_) => "s",
            Self::Instructions => "million",
        }
    }

    /// Converts seconds of the guest's counter.
    fn value(self, seconds: f64) -> f64 {
        match self {
            Self::Time(_) => seconds,
            Self::Instructions => seconds * 1000.0,
        }
    }
}

/// A machine with one of the disks.
pub struct Boot<'a> {
    /// Its firmware.
    pub files: &'a Files,
    /// The content of the disk.
    pub disk: &'a Disk<'a>,
    /// The disk.
    pub image: PathBuf,
    /// What to measure.
    pub measure: Measure,
    /// Whether to show the console.
    pub is_verbose: bool,
}

impl Boot<'_> {
    /// Boots it; returns the measurement from the boot loader's start to the kernel's.
    ///
    /// # Errors
    /// When the kernel was not started, or got wrong data.
    pub fn run(&self) -> Result<f64> {
        let console = console(&machine(self.files, &self.image, self.measure))?;
        if self.is_verbose {
            eprintln!("{}", console.escape_debug().to_string().replace("\\n", "\n").replace("\\r", ""));
        }
        let seconds = judge(&console, &self.disk.kernel, &self.disk.initrd).with_context(|| {
            let start = console.char_indices().rev().nth(TAIL).map_or(0, |(at, _)| at);
            format!("the console ends with {:?}", &console[start..])
        })?;
        Ok(self.measure.value(seconds))
    }
}

fn machine(files: &Files, image: &Path, measure: Measure) -> Machine {
    let (accelerator, counted) = match measure {
        Measure::Time(accelerator) => (accelerator, &[][..]),
        Measure::Instructions => (Accelerator::Tcg, &COUNTED[..]),
    };
    Machine {
        accelerator,
        memory: MEMORY,
        disks: vec![machine::Disk::raw(image)],
        options: PREALLOCATED.iter().chain(counted).map(Into::into).collect(),
        ..Machine::new(files.arch, Firmware::raw(files.code.clone(), files.vars.clone()))
    }
}

/// The accelerator for guests on this machine.
///
/// # Errors
/// When QEMU cannot be started.
pub fn accelerator(files: &Files, image: &Path) -> Result<Accelerator> {
    let works = kvm::works(&machine(files, image, Measure::Time(Accelerator::Kvm)))?;
    Ok(if works { Accelerator::Kvm } else { Accelerator::Tcg })
}

/// QEMU's command line, with file names without folders.
pub fn line(files: &Files, image: &Path, measure: Measure) -> String {
    let name = |path: &Path| PathBuf::from(path.file_name().unwrap_or_default());
    let machine = machine(files, image, measure);
    let firmware = Firmware::raw(name(&machine.firmware.code), name(&machine.firmware.vars));
    let machine = Machine { firmware, disks: vec![machine::Disk::raw(name(image))], ..machine };
    let words = machine.arguments().into_iter().map(|word| word.to_string_lossy().into_owned());
    [files.arch.emulator().to_owned()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

/// The complete console of the machine, until it switches itself off.
fn console(machine: &Machine) -> Result<String> {
    let started = Instant::now();
    let mut qemu = Qemu::start(machine, Messages::Shown)?;
    let (mut console, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        match qemu.read(&mut buffer, TICK, None).context("cannot read QEMU's console")? {
            ReadOutcome::Bytes(length) => console.extend(&buffer[..length]),
            ReadOutcome::Nothing => {}
            ReadOutcome::End => break,
        }
        if started.elapsed() > LIMIT {
            bail!("timed out after {} s: {}", LIMIT.as_secs(), String::from_utf8_lossy(&console));
        }
    }
    let status = qemu.exit_status()?;
    ensure!(status.success(), "QEMU {status}: {}", String::from_utf8_lossy(&console));
    Ok(String::from_utf8_lossy(&console).into_owned())
}

/// Seconds, if the kernel got the right data.
fn judge(console: &str, kernel: &str, initrd: &str) -> Result<f64> {
    let word = |name: &str| words(console).find(|(found, _)| *found == name).map(|(_, value)| value);
    if let Some(why) = word("failed") {
        bail!("the boot loader was not started, or returned: {why}");
    }
    let number = |name: &str| -> Result<u64> {
        Ok(word(name).with_context(|| format!("the kernel did not print its {name}"))?.parse()?)
    };
    let (start, entry, rate) = (number("start")?, number("entry")?, number("rate")?);
    ensure!(
        start > 0 && rate > 0 && entry > start,
        "the counter went from {start} to {entry}, {rate} in a second"
    );
    for (name, expected) in [("kernel", kernel), ("initrd", initrd)] {
        ensure!(word(name) == Some(expected), "{name} is {:?}, expected {expected}", word(name));
    }
    let options = word("options").unwrap_or_default();
    // GRUB puts the kernel's name in front, and may add more than one terminator.
    let own =
        options.split_once(' ').filter(|(first, _)| first.starts_with("BOOT_IMAGE=")).map(|(_, rest)| rest);
    ensure!(own.unwrap_or(options).trim_end() == OPTIONS, "the command line is {options:?}");
    #[expect(clippy::cast_precision_loss, reason = "a boot takes less than 2^52 ticks")]
    let seconds = (entry - start) as f64 / rate as f64;
    Ok(seconds)
}

#[cfg(test)]
mod tests {
    use arch::Arch;

    use super::*;

    fn console(edit: impl Fn(String) -> String) -> Result<f64> {
        let text = edit(format!(
            "\x1b[2J  Booting `bench'\r\n\r\nbench:start=100;\r\nbench:entry=350;\r\nbench:rate=100;\r\n\
             bench:kernel=ab;\r\nbench:initrd=8:cd;\r\nbench:options=BOOT_IMAGE=/boot/vmlinuz {OPTIONS};\r\n"
        ));
        judge(&text, "ab", "8:cd")
    }

    #[test]
    fn seconds_are_ticks_by_their_rate() {
        assert_eq!(console(|text| text).unwrap(), 2.5);
        assert_eq!(console(|text| text.replace("BOOT_IMAGE=/boot/vmlinuz ", "")).unwrap(), 2.5);
    }

    #[test]
    fn with_icount_a_nanosecond_is_an_instruction() {
        assert_eq!(Measure::Time(Accelerator::Tcg).value(0.25), 0.25);
        assert_eq!(Measure::Instructions.value(0.25), 250.0, "millions");
        let files = ["loader", "start", "kernel", "code", "vars"].map(PathBuf::from);
        let [loader, start, kernel, code, vars] = files;
        let files = Files { arch: Arch::Riscv64, loader, start, kernel, code, vars };
        let line = |measure| line(&files, Path::new("/d/disk.raw"), measure);
        assert!(line(Measure::Instructions).contains(" -icount shift=0,sleep=off"));
        for accelerator in [Accelerator::Tcg, Accelerator::Kvm] {
            assert!(!line(Measure::Time(accelerator)).contains("icount"));
        }
    }

    #[test]
    fn other_bytes_and_missing_words_are_errors() {
        let cases = [
            ("kernel=ab", "kernel=ac", "kernel is"),
            ("initrd=8:cd", "initrd=NOT_FOUND", "initrd is"),
            (" ro", " rw", "command line"),
            ("entry=350", "entry=50", "counter"),
            ("bench:entry=350;", "", "its entry"),
            ("rate=100", "rate=0", "counter"),
            ("bench:start", "bench:failed=Err;bench:start", "not started"),
        ];
        for (from, to, expected) in cases {
            let why = console(|text| text.replace(from, to)).unwrap_err();
            assert!(format!("{why:#}").contains(expected), "{from}: {why:#}");
        }
    }
}
